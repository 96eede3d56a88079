//! Nothing but warnings: what a quiet run must still say.

use aees_run::artifact::FileError;
use aees_train::console_lines::ConsoleLines;
use aees_train::event::{RunEvent, Subscriber};

/// Prints those of the console lines that warn.
#[derive(Default)]
pub(crate) struct Warnings {
    lines: ConsoleLines,
}

impl Subscriber for Warnings {
    fn on_event(&mut self, event: &RunEvent<'_>) -> Result<(), FileError> {
        for line in self.lines.of(event).iter().filter(|line| line.starts_with("warning: ")) {
            eprintln!("{line}");
        }
        Ok(())
    }
}
