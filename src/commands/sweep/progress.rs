//! What a user sees of a running study: a line for each run that ends, and on a terminal a bar with the running ones.

use std::time::{Duration, Instant};

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use serde_json::json;

use crate::stdout;
use aees_studies::supervisor::SweepEvent;

/// How a study's progress is shown.
pub(super) struct Progress {
    style: Kind,
    bar: ProgressBar,
    said: Option<Instant>,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Kind {
    Bar,
    Plain,
    Json,
    None,
}

/// How often a pipe hears how it stands.
const STANDING: Duration = Duration::from_secs(60);

impl Progress {
    pub(super) fn new(style: &str, runs: usize) -> Self {
        let kind = match style {
            "bar" => Kind::Bar,
            "plain" => Kind::Plain,
            "json" => Kind::Json,
            "none" => Kind::None,
            _ if super::on_terminal() => Kind::Bar,
            _ => Kind::Plain,
        };
        let bar = match kind {
            Kind::Bar => ProgressBar::with_draw_target(Some(runs as u64), ProgressDrawTarget::stderr()),
            _ => ProgressBar::hidden(),
        };
        if let Ok(style) = ProgressStyle::with_template("{bar:24} {pos}/{len} · {elapsed} · {msg}") {
            bar.set_style(style.progress_chars("━╸─"));
        }
        Self { style: kind, bar, said: None }
    }

    pub(super) fn show(&mut self, event: SweepEvent<'_>) {
        match self.style {
            Kind::None => {}
            Kind::Json => {
                stdout::line(match event {
                    SweepEvent::Started { run, label, attempt } => {
                        json!({"event": "started", "run": run.full(), "label": label, "attempt": attempt})
                    }
                    SweepEvent::Settled { run, label, what, seconds } => {
                        json!({"event": "settled", "run": run.full(), "label": label, "what": what, "seconds": seconds})
                    }
                    SweepEvent::Standing { settled, total, running } => {
                        json!({"event": "standing", "settled": settled, "total": total, "running": running})
                    }
                });
            }
            Kind::Bar | Kind::Plain => self.show_to_people(event),
        }
    }

    fn show_to_people(&mut self, event: SweepEvent<'_>) {
        match event {
            SweepEvent::Started { run, label, attempt } if attempt > 1 => {
                self.line(&format!("{run} {label}: attempt {attempt}"));
            }
            SweepEvent::Started { .. } => {}
            SweepEvent::Settled { run, label, what, seconds } => {
                self.bar.inc(1);
                self.line(&format!("{run} {label}: {what} ({seconds:.1} s)"));
            }
            SweepEvent::Standing { settled, total, running } => {
                self.bar.set_position(settled as u64);
                self.bar.set_message(running.join(" | "));
                if self.style == Kind::Plain && self.said.is_none_or(|said| said.elapsed() > STANDING) {
                    self.said = Some(Instant::now());
                    self.line(&format!("{settled}/{total} settled; running: {}", running.join(" | ")));
                }
            }
        }
    }

    fn line(&self, text: &str) {
        self.bar.suspend(|| eprintln!("{text}"));
    }

    pub(super) fn finish(&self) {
        self.bar.finish_and_clear();
    }
}
