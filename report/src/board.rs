//! A board that follows studies and runs as they train: what it shows, and its page.
//!
//! A [`Watcher`] looks at the registry and at the folders of runs and says what changed; [`BoardEntries`] hold what is shown, as JSON
//! with the number of each change, so that any number of pages can be told what they do not know yet. [`board_page`] is the
//! page, [`BoardRuns`] what it asks for: curves, and all that is known of a run. Nothing here writes, locks, or opens a socket:
//! serving is the program's.

mod curves;
mod entries;
mod folders;
mod page;
mod registry;
mod run;
mod run_details;
mod tail;
mod watch;

pub use entries::{BoardEntries, EntryChange, EntryKind};
pub use page::{BOARD_SCRIPT, BOARD_STYLE, board_figures, board_page};
pub use run_details::BoardRuns;
pub use watch::{BoardPlaces, Looked, Watcher};
