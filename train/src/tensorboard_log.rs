//! TensorBoard curves of a run: losses and accuracies by epoch, arm, reward and update norm by episode.

use std::path::Path;

use crate::event::{RunEvent, Subscriber};
use crate::tensorboard::{EventWriter, WallTime};
use aees_run::artifact::FileError;

/// Writes event files into a folder; a resumed run adds a file that purges what it will write again.
#[derive(Debug)]
pub struct TensorBoardLog {
    writer: EventWriter,
}

impl TensorBoardLog {
    /// Opens a new event file of a run of which `steps` steps are done.
    ///
    /// # Errors
    /// When the file cannot be made.
    pub fn open(folder: &Path, steps: u64) -> Result<Self, FileError> {
        let mut writer = EventWriter::create(folder, WallTime::Clock)?;
        if steps > 0 {
            // Points carry the number of steps done, so the first one to be written again is the next.
            writer.purge_from(steps as i64 + 1)?;
        }
        Ok(Self { writer })
    }

    fn scalars(&mut self, step: u64, scalars: &[(&str, f64)]) -> Result<(), FileError> {
        for (tag, value) in scalars {
            self.writer.scalar(tag, *value, step as i64)?;
        }
        self.writer.flush()
    }
}

impl Subscriber for TensorBoardLog {
    fn on_event(&mut self, event: &RunEvent<'_>) -> Result<(), FileError> {
        match event {
            RunEvent::EpochFinished(summary) => {
                let mut scalars = vec![
                    ("train/loss", summary.train_loss),
                    ("train/accuracy", summary.train_accuracy),
                    ("eval/accuracy", summary.val_accuracy),
                    ("train/learning_rate", summary.learning_rate),
                ];
                scalars.extend(summary.gradients.map(|gradients| ("train/gradient_norm", gradients.mean_norm)));
                self.scalars(summary.step, &scalars)
            }
            RunEvent::Evaluated(evaluation) => {
                self.scalars(evaluation.step, &[("eval/accuracy", evaluation.val_accuracy)])
            }
            RunEvent::EpisodeClosed { record, .. } => {
                let candidate = &record.selection.candidate;
                let mut scalars = vec![
                    ("aees/reward", record.reward),
                    ("aees/lr_multiplier", candidate.lr_multiplier.get()),
                    ("aees/noise_std", candidate.noise_std.get()),
                    ("aees/loss_ema_end", record.ema_loss_end),
                ];
                scalars.extend(record.mean_update_norm.map(|norm| ("aees/update_norm", norm)));
                self.scalars(record.end_step + 1, &scalars)
            }
            _ => Ok(()),
        }
    }
}
