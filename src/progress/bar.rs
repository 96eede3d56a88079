//! A bar: epoch, loss, accuracy, arm, examples a second and time left; finished epochs scroll by above it.

use std::time::{Duration, Instant};

use aees_run::artifact::FileError;
use aees_run::shown;
use aees_run::state::EpochSummary;
use aees_run::times::span;
use aees_train::console_lines::ConsoleLines;
use aees_train::event::{RunEvent, Subscriber};
use indicatif::ProgressBar;

use super::drawn_bar;

/// Weight of the newest step in the shown loss and accuracy: they would flicker without.
const SMOOTHING: f64 = 0.1;

/// Draws the bar.
pub(crate) struct Bar {
    bar: ProgressBar,
    lines: ConsoleLines,
    epochs: u64,
    steps_per_epoch: u64,
    total_steps: u64,
    loss: Option<f64>,
    accuracy: Option<f64>,
    arm: String,
    examples: &'static str,
    pace: Pace,
}

impl Default for Bar {
    fn default() -> Self {
        Self {
            bar: ProgressBar::hidden(),
            lines: ConsoleLines::default(),
            epochs: 0,
            steps_per_epoch: 1,
            total_steps: 0,
            loss: None,
            accuracy: None,
            arm: String::new(),
            examples: "examples",
            pace: Pace::new(),
        }
    }
}

/// How fast training goes in this process, evaluations left out of the examples a second but not of the time left.
struct Pace {
    start: Instant,
    first_step: u64,
    training: Duration,
    examples: usize,
    /// When training last went on: set by the start and by the end of an evaluation.
    since: Option<Instant>,
}

impl Pace {
    fn new() -> Self {
        Self { start: Instant::now(), first_step: 0, training: Duration::ZERO, examples: 0, since: None }
    }

    fn pause(&mut self) {
        if let Some(since) = self.since.take() {
            self.training += since.elapsed();
        }
    }

    fn examples_per_second(&self) -> f64 {
        let running = self.since.map_or(Duration::ZERO, |since| since.elapsed());
        self.examples as f64 / (self.training + running).as_secs_f64().max(1e-9)
    }

    fn left(&self, step: u64, total: u64) -> Duration {
        let done = step.saturating_sub(self.first_step).max(1) as f64;
        self.start.elapsed().mul_f64(total.saturating_sub(step) as f64 / done)
    }
}

impl Bar {
    fn message(&self, step: u64) -> String {
        let epoch = (step / self.steps_per_epoch + 1).min(self.epochs);
        let mut parts = vec![format!("epoch {epoch}/{}", self.epochs)];
        parts.extend(self.loss.map(|loss| format!("loss {loss:.3}")));
        parts.extend(self.accuracy.map(shown::accuracy));
        if !self.arm.is_empty() {
            parts.push(self.arm.clone());
        }
        parts.push(format!("{:.0} {}/s", self.pace.examples_per_second(), self.examples));
        parts.push(format!("{} left", span(self.pace.left(step, self.total_steps).as_secs_f64() * 1e3)));
        parts.join(" · ")
    }

    fn start(&mut self, start: &aees_train::event::Start<'_>) {
        self.epochs = start.config.epochs.get();
        self.examples = start.examples;
        self.steps_per_epoch = start.steps_per_epoch.max(1);
        self.total_steps = self.steps_per_epoch * self.epochs;
        self.pace = Pace::new();
        self.pace.first_step = start.first_step;
        self.pace.since = Some(Instant::now());
        self.bar = drawn_bar(Some(self.total_steps), "{bar:10} {wide_msg}");
        self.bar.set_position(start.first_step);
    }
}

impl Subscriber for Bar {
    fn on_event(&mut self, event: &RunEvent<'_>) -> Result<(), FileError> {
        let lines = match event {
            RunEvent::EpochFinished(summary) => vec![epoch_line(summary, self.epochs)],
            RunEvent::Evaluated(evaluation) => {
                vec![format!("step {} val {}", evaluation.step, shown::accuracy(evaluation.val_accuracy))]
            }
            other => self.lines.of(other),
        };
        match event {
            RunEvent::Started(start) => self.start(start),
            RunEvent::EpisodeOpened { candidate, .. } => self.arm = candidate.name(),
            RunEvent::StepEnqueued { step, examples } => {
                self.pace.examples += examples;
                self.bar.set_position(step + 1);
                self.bar.set_message(self.message(step + 1));
            }
            RunEvent::StepsDrained { records } => {
                for record in *records {
                    smooth(&mut self.loss, record.loss);
                    smooth(&mut self.accuracy, record.correct as f64 / record.examples.max(1) as f64);
                }
            }
            RunEvent::EvaluationStarted { what } => {
                self.pace.pause();
                self.bar.set_message(format!("{what} ..."));
            }
            RunEvent::EpochFinished(_) | RunEvent::Evaluated(_) => self.pace.since = Some(Instant::now()),
            RunEvent::Finished { .. } => self.bar.finish_and_clear(),
            _ => {}
        }
        for line in lines {
            self.bar.suspend(|| eprintln!("{line}"));
        }
        Ok(())
    }
}

/// What came of an epoch, in a line that fits a terminal of 80 columns.
fn epoch_line(summary: &EpochSummary, epochs: u64) -> String {
    let (epoch, loss) = (summary.epoch + 1, summary.train_loss);
    let (train, val) = (shown::accuracy(summary.train_accuracy), shown::accuracy(summary.val_accuracy));
    let time = span(summary.seconds * 1e3);
    let arms = match (&summary.last_arm, summary.mean_reward) {
        (Some(arm), Some(reward)) => format!(" {arm} {reward:+.4}"),
        _ => String::new(),
    };
    format!("{epoch}/{epochs} loss {loss:.4} train {train} val {val} {time}{arms}")
}

fn smooth(value: &mut Option<f64>, newest: f64) {
    *value = Some(value.map_or(newest, |value| value + SMOOTHING * (newest - value)));
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_epochs_line_fits_80_columns() {
        let summary = EpochSummary {
            epoch: 198,
            step: 78_200,
            train_loss: 3.861_04,
            train_accuracy: 1.0,
            val_accuracy: 0.712_3,
            learning_rate: 1e-3,
            seconds: 3_661.0,
            cumulative_tflops: 5.92,
            episodes: 391,
            last_arm: Some("lr0p5_n0p005".into()),
            mean_reward: Some(-0.204_163),
            gradients: None,
        };
        let line = epoch_line(&summary, 200);
        assert!(line.chars().count() <= 80, "{}: {line}", line.chars().count());
        assert!(line.starts_with("199/200 loss 3.8610 train 100.00 % val 71.23 % "), "{line}");
        assert!(line.ends_with(" lr0p5_n0p005 -0.2042"), "{line}");
    }
}
