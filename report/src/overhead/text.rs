//! The rows as Markdown, as the reference's CSV, and as JSON.

use std::fmt::Write;

use serde_json::{Value, json as object};

use super::{Overhead, OverheadRow};
use crate::csv::{Csv, Field};
use crate::statistics::MeanSd;

const NOTE: &str = "Seconds of an epoch: mean of the epochs after the first, evaluation included; mean ± sample SD over \
                    repeats. Overhead: over the plain baseline of the same task, optimizer and work, with the 95 % \
                    interval of the ratio (Student, Welch). Steps a second are those of whole runs.";

/// A table for people.
pub fn markdown(rows: &[OverheadRow]) -> String {
    let works = rows.iter().any(|row| !row.work.is_empty());
    let work = |text: &str| if works { format!(" {text} |") } else { String::new() };
    let mut text =
        format!("| Task | Optimizer |{} Configuration | n | s/epoch | Overhead % | steps/s |\n", work("Work"));
    let _ = writeln!(text, "|---|---|{}---|--:|--:|--:|--:|", if works { "---|" } else { "" });
    for row in rows {
        let seconds = &row.seconds_per_epoch;
        let sd = seconds.sd.map(|sd| format!(" ± {}", digits(sd))).unwrap_or_default();
        let mark = if row.unsteady > 0 { " *" } else { "" };
        let steps = row.steps_per_second.map_or("--".into(), |steps| format!("{:.1}", steps.mean));
        // Writing to a String cannot fail.
        let _ = writeln!(
            text,
            "| {} | {} |{} {} | {} | {}{sd}{mark} | {} | {steps} |",
            row.task,
            row.optimizer,
            work(&row.work.replace('|', "\\|")),
            row.label,
            seconds.n,
            digits(seconds.mean),
            percent(row)
        );
    }
    if rows.iter().any(|row| row.unsteady > 0) {
        text.push_str("\n\\* with runs of one epoch, whose time includes what is done once.\n");
    }
    let _ = writeln!(text, "\n{NOTE}");
    text
}

/// Two digits after the point, as the reference has it; more for times far below a second.
fn digits(seconds: f64) -> String {
    if seconds.abs() < 0.1 && seconds != 0.0 { format!("{seconds:.4}") } else { format!("{seconds:.2}") }
}

fn percent(row: &OverheadRow) -> String {
    match row.overhead {
        None => "--".into(),
        Some(_) if row.plain => "baseline".into(),
        Some(Overhead { percent, interval: None }) => format!("{percent:+.1}"),
        Some(Overhead { percent, interval: Some((low, high)) }) => format!("{percent:+.1} [{low:+.1}, {high:+.1}]"),
    }
}

/// A column by its name, and what a row has in it.
type OverheadColumn = (&'static str, fn(&OverheadRow) -> Field);

/// The columns of the reference, with the interval beside the percentage.
static COLUMNS: [OverheadColumn; 21] = [
    ("task", |row| (&row.task).into()),
    ("optimizer", |row| (&row.optimizer).into()),
    ("config", |row| (&row.word).into()),
    ("label", |row| match row.work.as_str() {
        "" => (&row.label).into(),
        work => (&format!("{} ({work})", row.label)).into(),
    }),
    ("n", |row| row.seconds_per_epoch.n.into()),
    ("wall_minutes_mean", |row| mean(row.wall_minutes)),
    ("wall_minutes_std", |row| sd(row.wall_minutes)),
    ("sec_per_epoch_mean", |row| mean(Some(row.seconds_per_epoch))),
    ("sec_per_epoch_std", |row| sd(Some(row.seconds_per_epoch))),
    ("sec_per_step_mean", |row| mean(row.seconds_per_step)),
    ("sec_per_step_std", |row| sd(row.seconds_per_step)),
    ("steps_per_second_mean", |row| mean(row.steps_per_second)),
    ("steps_per_second_std", |row| sd(row.steps_per_second)),
    ("tflops_per_second_mean", |row| mean(row.tflops_per_second)),
    ("tflops_per_second_std", |row| sd(row.tflops_per_second)),
    ("overhead_vs_baseline_none_pct", |row| row.overhead.map(|overhead| overhead.percent).into()),
    ("overhead_ci95_low_pct", |row| interval(row).map(|(low, _)| low).into()),
    ("overhead_ci95_high_pct", |row| interval(row).map(|(_, high)| high).into()),
    ("total_epochs", |row| row.total_epochs.into()),
    ("total_steps", |row| row.total_steps.into()),
    ("paths", |row| (&row.paths.iter().map(|path| path.display().to_string()).collect::<Vec<_>>().join(";")).into()),
];

fn mean(spread: Option<MeanSd>) -> Field {
    spread.map(|spread| spread.mean).into()
}

fn sd(spread: Option<MeanSd>) -> Field {
    spread.and_then(|spread| spread.sd).into()
}

fn interval(row: &OverheadRow) -> Option<(f64, f64)> {
    row.overhead?.interval
}

/// A table for programs. What is not known is empty.
pub fn csv(rows: &[OverheadRow]) -> String {
    let mut csv = Csv::new(&COLUMNS.map(|(name, _)| name));
    rows.iter().for_each(|row| csv.row(COLUMNS.map(|(_, field)| field(row))));
    csv.into_text()
}

/// One JSON document.
pub fn json(rows: &[OverheadRow]) -> Value {
    let spread =
        |spread: Option<MeanSd>| spread.map(|spread| object!({"n": spread.n, "mean": spread.mean, "sd": spread.sd}));
    let row = |row: &OverheadRow| {
        object!({
            "task": row.task,
            "optimizer": row.optimizer,
            "work": row.work,
            "config": row.word,
            "label": row.label,
            "seconds_per_epoch": spread(Some(row.seconds_per_epoch)),
            "wall_minutes": spread(row.wall_minutes),
            "seconds_per_step": spread(row.seconds_per_step),
            "steps_per_second": spread(row.steps_per_second),
            "tflops_per_second": spread(row.tflops_per_second),
            "overhead_percent": row.overhead.map(|overhead| overhead.percent),
            "overhead_ci95": interval(row).map(|(low, high)| [low, high]),
            "total_epochs": row.total_epochs,
            "total_steps": row.total_steps,
            "runs_of_one_epoch": row.unsteady,
            "paths": row.paths,
        })
    };
    object!({"schema_version": 1, "rows": rows.iter().map(row).collect::<Vec<_>>()})
}
