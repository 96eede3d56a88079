//! What lies below the folder of results: where each thing is, and what the files of runs and studies say without the registry.
//!
//! Bytes are the truth and the registry is their index: everything it needs to be made again is in these files. Making it
//! again is [`registry::rebuild`](crate::registry::rebuild)'s.

mod annotations;
mod checkpoints;
mod contents;
mod error;
mod listed;
mod log_end;
mod objective;
mod plan_file;
mod program_numbers;
mod records;
mod result;
mod root;
mod rungs;

pub use self::annotations::{Annotation, Annotations};
pub use self::checkpoints::SavedCheckpoints;
pub use self::contents::{RootContents, Skipped, read_root, run_folders};
pub use self::error::RecordError;
pub(crate) use self::listed::listed;
pub use self::log_end::log_end;
pub use self::objective::objective_of;
pub use self::plan_file::{PlanAbout, PlanFile};
pub(crate) use self::program_numbers::{ProgramNumber, program_numbers};
pub use self::program_numbers::{line_numbers, program_curves};
pub use self::records::write_identity;
pub(crate) use self::records::{identity_document, read_json, write_json};
pub use self::result::{completion_of, result_stat, set_result_aside, split_metric};
pub use self::root::Root;
pub use self::rungs::{rung_value, rung_values, tells_metric};
