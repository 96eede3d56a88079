//! What a user sees of a running study: a line for each run that ends, and on a terminal a bar with the running ones.

use std::time::{Duration, Instant};

use aees_run::printable::printable;
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use serde_json::json;

use crate::progress::Style;
use crate::stdout;
use aees_studies::prune::RungVerdict;
use aees_studies::registry::{RunState, StateCounts};
use aees_studies::supervisor::{SweepEvent, is_settled};

/// How a study's progress is shown.
pub(super) struct SweepProgress {
    style: Style,
    bar: ProgressBar,
    said: Option<Instant>,
}

/// How often a pipe hears how it stands.
const PROGRESS_EVERY: Duration = Duration::from_secs(60);

impl SweepProgress {
    pub(super) fn new(style: Style, runs: usize) -> Self {
        let bar = match style {
            Style::Bar => ProgressBar::with_draw_target(Some(runs as u64), ProgressDrawTarget::stderr()),
            _ => ProgressBar::hidden(),
        };
        if let Ok(look) = ProgressStyle::with_template("{bar:24} {pos}/{len} · {elapsed} · {wide_msg}") {
            bar.set_style(look.progress_chars("━╸─"));
        }
        Self { style, bar, said: None }
    }

    pub(super) fn show(&mut self, event: SweepEvent<'_>) {
        match self.style {
            Style::None => {}
            Style::Json => {
                stdout::line(match event {
                    SweepEvent::Started { run, label, attempt } => {
                        json!({"event": "started", "run": run.full(), "label": label, "attempt": attempt})
                    }
                    SweepEvent::Settled { run, label, what, seconds } => {
                        json!({"event": "settled", "run": run.full(), "label": label, "what": what, "seconds": seconds})
                    }
                    SweepEvent::Paused { run, label, what, seconds } => {
                        json!({"event": "paused", "run": run.full(), "label": label, "what": what, "seconds": seconds})
                    }
                    SweepEvent::Judged { run, label, verdict, what } => {
                        json!({"event": verdict.name(), "run": run.full(), "label": label, "what": what})
                    }
                    SweepEvent::Progress { counts, diverged, running } => {
                        let (settled, total) = (settled(&counts), counts.total());
                        json!({
                            "event": "progress", "settled": settled, "total": total, "diverged": diverged,
                            "running": running,
                        })
                    }
                    SweepEvent::Busy { run, label } => json!({"event": "busy", "run": run.full(), "label": label}),
                });
            }
            Style::Bar | Style::Plain => self.show_to_people(event),
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
            SweepEvent::Paused { run, label, what, seconds } => {
                self.line(&format!("{run} {label}: {what} ({seconds:.1} s)"));
            }
            SweepEvent::Judged { run, label, verdict, what } => {
                if verdict == RungVerdict::Pruned {
                    self.bar.inc(1);
                    self.line(&format!("{run} {label}: {what}"));
                }
            }
            SweepEvent::Busy { run, label } => {
                self.line(&format!("{run} {label}: another process works in its folder; waiting for that"));
            }
            SweepEvent::Progress { counts, diverged, running } => {
                let (settled, total) = (settled(&counts), counts.total());
                self.bar.set_position(settled);
                let (failed, pruned) = (counts.get(RunState::Failed), counts.get(RunState::Pruned));
                let notable = [("failed", failed), ("diverged", diverged), ("pruned", pruned)];
                let notable = notable.iter().filter(|(_, count)| *count > 0);
                let notable = notable.map(|(what, count)| format!("{count} {what}"));
                let message = notable.chain(running.iter().cloned()).collect::<Vec<_>>().join(" | ");
                self.bar.set_message(printable(&message).into_owned());
                if self.style == Style::Plain && self.said.is_none_or(|said| said.elapsed() > PROGRESS_EVERY) {
                    self.said = Some(Instant::now());
                    self.line(&format!("{settled}/{total} settled; running: {}", running.join(" | ")));
                }
            }
        }
    }

    fn line(&self, text: &str) {
        self.bar.suspend(|| eprintln!("{}", printable(text)));
    }

    pub(super) fn finish(&self) {
        self.bar.finish_and_clear();
    }
}

fn settled(counts: &StateCounts) -> u64 {
    counts.iter().filter(|(state, _)| is_settled(*state)).map(|(_, count)| count).sum()
}
