//! What goes on before training: downloads and tokenizing. A bar on a terminal, a line at each start elsewhere.

use aees_run::artifact::FileError;
use aees_train::event::{Preparation, PreparationUnit, RunEvent, Subscriber};
use indicatif::{HumanBytes, ProgressBar};

use super::drawn_bar;

/// Shows preparations.
pub(crate) struct Preparations {
    on_terminal: bool,
    /// What is going on, and its bar.
    current: Option<(String, ProgressBar)>,
}

impl Preparations {
    pub(crate) fn new(on_terminal: bool) -> Self {
        Self { on_terminal, current: None }
    }

    fn show(&mut self, preparation: &Preparation<'_>) {
        if self.current.as_ref().is_none_or(|(what, _)| what != preparation.what) {
            self.clear();
            self.current = Some((preparation.what.to_owned(), self.start(preparation)));
        }
        if let Some((_, bar)) = &self.current {
            if let Some(total) = preparation.total {
                bar.set_length(total);
            }
            bar.set_position(preparation.done);
        }
    }

    fn start(&self, preparation: &Preparation<'_>) -> ProgressBar {
        let template = match preparation.unit {
            PreparationUnit::Bytes => "{msg} {bar:24} {bytes}/{total_bytes} · {bytes_per_sec} · {eta} left",
            PreparationUnit::Sentences => "{msg} {bar:24} {human_pos}/{human_len}",
        };
        if !self.on_terminal {
            let size = match (preparation.total, preparation.unit) {
                (Some(total), PreparationUnit::Bytes) => format!(" ({})", HumanBytes(total)),
                (Some(total), PreparationUnit::Sentences) => format!(" ({total} sentences)"),
                (None, _) => String::new(),
            };
            eprintln!("{}{size}", preparation.what);
            return ProgressBar::hidden();
        }
        let bar = drawn_bar(preparation.total, template);
        bar.set_message(preparation.what.to_owned());
        bar
    }

    fn clear(&mut self) {
        if let Some((_, bar)) = self.current.take() {
            bar.finish_and_clear();
        }
    }
}

impl Subscriber for Preparations {
    fn on_event(&mut self, event: &RunEvent<'_>) -> Result<(), FileError> {
        match event {
            RunEvent::Preparing(preparation) => self.show(preparation),
            _ => self.clear(),
        }
        Ok(())
    }
}

impl Drop for Preparations {
    /// An error may have come before training: the bar must not stand over its message.
    fn drop(&mut self) {
        self.clear();
    }
}
