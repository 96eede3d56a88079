//! One study as `status` shows it.

use aees_run::shown::number;
use aees_run::times::span;
use aees_studies::registry::{FailureGroup, RunState};
use aees_studies::standing::{RunningNow, StudyStanding};

use crate::stdout;
use crate::table::{DIVERGED, Grid, colour, first_line};

/// The lines of a study, with at most `most` running runs. `flags` name the folder of results in another command.
pub(super) fn lines(standing: &StudyStanding, flags: &str, colours: bool, most: usize) -> Vec<String> {
    let status = &standing.status;
    let (done, total) = (status.counts.get(RunState::Done), status.counts.total());
    let painted = |paint: &str, text: String| stdout::painted(paint, text, colours);
    let counts = status.counts.iter().map(|(state, count)| painted(colour(state), format!("{count} {state}")));
    let counts: Vec<String> = counts.collect();
    let over = done + status.counts.get(RunState::Pruned);
    let percent = (100 * over).checked_div(total).unwrap_or(0);
    let mut head = format!("{}  {done}/{total} done ({percent} %)", status.name);
    if !counts.is_empty() {
        head += &format!("  {}", counts.join(" · "));
    }
    if status.diverged > 0 {
        head += &format!(" ({})", painted(DIVERGED, format!("{} diverged", status.diverged)));
    }
    if status.withdrawn > 0 {
        head += &format!(" · {} withdrawn", status.withdrawn);
    }
    let mut lines = vec![head];
    if let (Some(rate), Some(left)) = (standing.runs_per_hour(), standing.left_ms()) {
        lines.push(format!("  {}, about {} left", pace(rate), span(left)));
    } else if let Some(mean) = status.mean_wall_ms().filter(|_| status.remaining() > 0) {
        lines.push(format!("  a run takes {}; {} are left", span(mean), status.remaining()));
    }
    lines.extend(running_lines(standing, colours, most));
    lines.extend(standing.failures.iter().map(failure_line));
    lines.extend(standing.stopped_by(flags).map(|why| format!("  stopped: {why}")));
    lines
}

fn running_lines(standing: &StudyStanding, colours: bool, most: usize) -> Vec<String> {
    let running = &standing.running;
    if running.is_empty() {
        return Vec::new();
    }
    let shown = &running[..running.len().min(most)];
    let place = |run: &RunningNow| Some(format!("{}:{}", standing.status.name, run.row.index?));
    let text = |run: &RunningNow, key: &str| run.progress[key].as_str().unwrap_or_default().to_owned();
    let real = |run: &RunningNow, key: &str, show: fn(f64) -> String| run.real(key).map(show).unwrap_or_default();
    let silent = |run: &RunningNow| if run.live { "" } else { ", lease ended" };
    let table = Grid::of(shown)
        .text("run", |run| run.row.run_id.short())
        .text("place", |run| place(run).unwrap_or_default())
        .number("epoch", |run| of_total(run, "epoch", "epochs"))
        .number("step", |run| of_total(run, "step", "total_steps"))
        .number("loss", |run| real(run, "loss", |loss| format!("{loss:.3}")))
        .number("accuracy", |run| real(run, "val_accuracy", |share| format!("{:.1} %", 100.0 * share)))
        .text("arm", |run| text(run, "arm"))
        .text("device", |run| text(run, "device"))
        .number("steps/s", |run| real(run, "steps_per_s", |rate| format!("{rate:.1}")))
        .number("for", |run| span(run.time as f64))
        .number("heard", |run| format!("{} ago{}", span(run.age as f64), silent(run)))
        .text("worker", |run| run.row.worker.to_string());
    let table = table.lines(colours, stdout::width().saturating_sub(2));
    let mut lines: Vec<String> = table.into_iter().map(|line| format!("  {line}")).collect();
    let hidden = running.len().saturating_sub(most);
    if hidden > 0 {
        lines.push(format!("  and {hidden} more"));
    }
    lines
}

/// `288 runs/h`: in the unit in which the number is easy to read.
fn pace(runs_per_hour: f64) -> String {
    let (rate, unit) = match runs_per_hour {
        rate if rate >= 3_600.0 => (rate / 3_600.0, "s"),
        rate if rate < 1.0 => (rate * 24.0, "day"),
        rate => (rate, "h"),
    };
    format!("{} runs/{unit}", number((rate * 10.0).round() / 10.0))
}

/// `oom: 3 runs of 2 settings, such as 0123456789abcdef: CUDA out of memory`.
fn failure_line(group: &FailureGroup) -> String {
    let FailureGroup { class, runs, configs, example, error, .. } = group;
    let plural = |count: u64, word: &str| format!("{count} {word}{}", if count == 1 { "" } else { "s" });
    let error = error.as_deref().map(|error| format!(": {}", first_line(error))).unwrap_or_default();
    format!(
        "  failed with {class}: {} of {}, such as {example}{error}",
        plural(*runs, "run"),
        plural(*configs, "setting")
    )
}

/// `2/18`, or `2` when the end is not known.
fn of_total(run: &RunningNow, key: &str, total: &str) -> String {
    match (run.real(key), run.real(total)) {
        (Some(done), Some(total)) => format!("{done}/{total}"),
        (Some(done), None) => done.to_string(),
        _ => String::new(),
    }
}
