//! What a user sees of a running study: a line for each run that ends, and on a terminal a bar with the running ones.

use std::io;
use std::time::{Duration, Instant};

use aees_run::printable::printable;
use console::Term;
use indicatif::ProgressBar;
use serde_json::json;

use crate::hint;
use crate::progress::{Style, drawn_bar};
use crate::stdout::{self, takes_colours};
use crate::table::{DIVERGED, colour};
use aees_studies::prune::RungVerdict;
use aees_studies::registry::RunState;
use aees_studies::supervisor::SweepEvent;

/// How a study's progress is shown.
pub(crate) struct SweepProgress {
    style: Style,
    bar: ProgressBar,
    said: Option<Instant>,
}

/// Most running runs below the bar.
const MOST_RUNNING: usize = 16;

/// How often a pipe hears how it stands.
const PROGRESS_EVERY: Duration = Duration::from_secs(60);

impl SweepProgress {
    pub(crate) fn new(style: Style, runs: usize) -> Self {
        let bar = match style {
            Style::Bar => drawn_bar(Some(runs as u64), "{bar:24} {pos}/{len} · {elapsed}{msg}"),
            _ => ProgressBar::hidden(),
        };
        Self { style, bar, said: None }
    }

    pub(crate) fn show(&mut self, event: SweepEvent<'_>) {
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
                        let (settled, total) = (counts.total() - counts.open(), counts.total());
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
                let (settled, total) = (counts.total() - counts.open(), counts.total());
                self.bar.set_position(settled);
                let notable = [
                    (colour(RunState::Failed), "failed", counts.get(RunState::Failed)),
                    (DIVERGED, "diverged", diverged),
                    (colour(RunState::Pruned), "pruned", counts.get(RunState::Pruned)),
                ];
                let (terminal, colours) = (Term::stderr(), takes_colours(&io::stderr()));
                self.bar.set_message(picture(&notable, running, usize::from(terminal.size().1), colours));
                if self.style == Style::Plain && self.said.is_none_or(|said| said.elapsed() > PROGRESS_EVERY) {
                    self.said = Some(Instant::now());
                    self.line(&format!("{settled}/{total} settled; running: {}", running.join(" | ")));
                }
            }
        }
    }

    fn line(&self, text: &str) {
        self.bar.suspend(|| eprintln!("{}", printable(&hint::completed(text))));
    }

    pub(crate) fn finish(&self) {
        self.bar.finish_and_clear();
    }
}

/// What follows the bar: what a user should notice, and each running run on a line of its own.
fn picture(notable: &[(&str, &str, u64)], running: &[String], width: usize, colours: bool) -> String {
    let notable = notable.iter().filter(|(.., count)| *count > 0);
    let notable = notable
        .map(|(paint, what, count)| format!(" · {}", stdout::painted(paint, format_args!("{count} {what}"), colours)));
    let lines = running.iter().take(MOST_RUNNING).map(|run| {
        let line = printable(run);
        match line.chars().count() > width.saturating_sub(3) {
            true => format!("\n  {}…", line.chars().take(width.saturating_sub(4)).collect::<String>()),
            false => format!("\n  {line}"),
        }
    });
    let more = running.len().saturating_sub(MOST_RUNNING);
    let more = (more > 0).then(|| format!("\n  and {more} more"));
    notable.chain(lines).chain(more).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_running_run_has_a_line_that_fits() {
        let running: Vec<String> = (0..18).map(|run| format!("{run:016x} lr=0.1 seed={run} · step {run}/9")).collect();
        let shown = picture(&[("", "failed", 0), (DIVERGED, "diverged", 2)], &running, 40, false);
        let lines: Vec<&str> = shown.lines().collect();
        assert_eq!((lines[0], lines.len(), lines[17]), (" · 2 diverged", 18, "  and 2 more"));
        assert_eq!(lines[1], "  0000000000000000 lr=0.1 seed=0 · ste…");
        assert!(lines.iter().all(|line| line.chars().count() < 40), "{shown}");
        assert!(picture(&[(DIVERGED, "diverged", 2)], &[], 40, true).contains("\x1b[35m2 diverged\x1b[0m"));
    }
}
