//! A bar: epoch, loss, accuracy, arm, examples a second and time left; finished epochs scroll by above it.

use std::time::{Duration, Instant};

use aees_run::artifact::FileError;
use aees_run::times::span;
use aees_train::console_lines::ConsoleLines;
use aees_train::event::{RunEvent, Subscriber};
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

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
        parts.extend(self.accuracy.map(|accuracy| format!("acc {:.1}%", 100.0 * accuracy)));
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
        self.bar = ProgressBar::with_draw_target(Some(self.total_steps), ProgressDrawTarget::stderr());
        if let Ok(style) = ProgressStyle::with_template("{bar:24} {pos}/{len} {msg}") {
            self.bar.set_style(style.progress_chars("━╸─"));
        }
        self.bar.set_position(start.first_step);
    }
}

impl Subscriber for Bar {
    fn on_event(&mut self, event: &RunEvent<'_>) -> Result<(), FileError> {
        let lines = self.lines.of(event);
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
            RunEvent::EpochFinished(_) => self.pace.since = Some(Instant::now()),
            RunEvent::Finished { .. } => self.bar.finish_and_clear(),
            _ => {}
        }
        for line in lines {
            self.bar.suspend(|| eprintln!("{line}"));
        }
        Ok(())
    }
}

fn smooth(value: &mut Option<f64>, newest: f64) {
    *value = Some(value.map_or(newest, |value| value + SMOOTHING * (newest - value)));
}
