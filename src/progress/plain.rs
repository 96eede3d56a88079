//! The reference's console lines, for pipes and log files; of a quiet run those that it must still say.

use aees_run::artifact::FileError;
use aees_train::console_lines::ConsoleLines;
use aees_train::event::{RunEvent, Subscriber};

/// Prints each line as it comes.
#[derive(Default)]
pub(crate) struct Plain {
    pub(super) lines: ConsoleLines,
    pub(super) only_warnings: bool,
}

impl Subscriber for Plain {
    fn on_event(&mut self, event: &RunEvent<'_>) -> Result<(), FileError> {
        let lines = self.lines.of(event).into_iter();
        for line in lines.filter(|line| !self.only_warnings || line.starts_with("warning: ")) {
            eprintln!("{line}");
        }
        Ok(())
    }
}
