//! The reference's console lines, for pipes and log files.

use aees_run::artifact::FileError;
use aees_train::console_lines::ConsoleLines;
use aees_train::event::{RunEvent, Subscriber};

/// Prints each line as it comes.
#[derive(Default)]
pub(crate) struct Plain {
    lines: ConsoleLines,
}

impl Subscriber for Plain {
    fn on_event(&mut self, event: &RunEvent<'_>) -> Result<(), FileError> {
        for line in self.lines.of(event) {
            eprintln!("{line}");
        }
        Ok(())
    }
}
