//! How far a training run is, for the live table of whoever launched it.

use std::time::{Duration, Instant};

use aees_run::artifact::FileError;
use aees_train::event::{RunEvent, Subscriber};
use serde_json::{Map, Value};

use super::voice::Voice;

/// How often the live table hears of a run.
const PROGRESS_EVERY: Duration = Duration::from_millis(500);

/// Tells the supervisor how far the run is.
pub(super) struct Progress {
    voice: Voice,
    line: Map<String, Value>,
    said: Option<Instant>,
    first: Option<(Instant, u64)>,
}

impl Progress {
    pub(super) fn new(voice: Voice) -> Self {
        Self { voice, line: Map::new(), said: None, first: None }
    }

    fn put(&mut self, key: &str, value: impl Into<Value>) {
        self.line.insert(key.to_owned(), value.into());
    }

    fn say(&mut self, at_once: bool) {
        if at_once || self.said.is_none_or(|said| said.elapsed() >= PROGRESS_EVERY) {
            self.said = Some(Instant::now());
            self.voice.say(&Value::Object(self.line.clone()));
        }
    }
}

impl Subscriber for Progress {
    fn on_event(&mut self, event: &RunEvent<'_>) -> Result<(), FileError> {
        match event {
            RunEvent::Started(start) => {
                self.put("event", "progress");
                // Without the part's name: it stands in a table.
                self.put("device", start.device.split(' ').next().unwrap_or_default());
                self.put("epochs", start.config.epochs.get());
                self.put("step", start.first_step);
                self.put("total_steps", start.steps_per_epoch * start.config.epochs.get());
                self.put("epoch", start.first_step / start.steps_per_epoch.max(1) + 1);
                self.first = Some((Instant::now(), start.first_step));
                self.say(true);
            }
            RunEvent::EpisodeOpened { candidate, .. } => self.put("arm", candidate.name()),
            RunEvent::StepsDrained { records } => {
                let Some(last) = records.last() else { return Ok(()) };
                self.put("step", last.step + 1);
                self.put("loss", last.loss);
                if let Some((since, first)) = self.first {
                    self.put("steps_per_s", (last.step + 1 - first) as f64 / since.elapsed().as_secs_f64().max(1e-9));
                }
                self.say(false);
            }
            RunEvent::EpochFinished(summary) => {
                self.put("epoch", summary.epoch + 2);
                self.put("val_accuracy", summary.val_accuracy);
                self.say(true);
            }
            RunEvent::Evaluated(evaluation) => {
                self.put("val_accuracy", evaluation.val_accuracy);
                self.say(true);
            }
            RunEvent::Warning(text) => self.voice.warn(text),
            _ => {}
        }
        Ok(())
    }
}
