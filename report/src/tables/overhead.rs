//! The tables of the overhead: [`crate::overhead`] does the arithmetic by the protocol.

use super::table::{Cell, Column, ColumnKind, Table};
use crate::experiment::experiments;
use crate::names::task_title;
use crate::overhead::{Overhead, OverheadRow, made_to_be_timed, rows};
use crate::record::RunRecord;

/// The decomposition, or with `detailed` everything that was timed. `asked` says that the user named the table; otherwise it
/// is there only when some were made to be timed, because every run has times.
pub(super) fn overhead(runs: &[RunRecord], detailed: bool, asked: bool) -> Vec<Table> {
    let timed = if asked || made_to_be_timed(&experiments(runs)).next().is_some() { rows(runs) } else { Vec::new() };
    let mut notes = vec![PROTOCOL.to_owned()];
    let unsteady = timed.iter().filter(|row| row.unsteady > 0);
    notes.extend(unsteady.map(|row| {
        format!("{}: {} runs of one epoch, whose time includes what is done once", name(row), row.unsteady)
    }));
    let rows = timed.iter().map(|row| (section(row), cells(row, detailed))).collect();
    let name = if detailed { "compute_overhead_detailed" } else { "compute_overhead" };
    Vec::from_iter(Table::of((name, "Compute overhead over the plain baseline"), "setting", rows, notes))
}

const PROTOCOL: &str = "Seconds/epoch leaves out the first epoch; mean ± sample SD over repeats. Overhead is against the plain \
                        baseline of the same work";

fn section(row: &OverheadRow) -> String {
    let work = if row.work.is_empty() { String::new() } else { format!(", {}", row.work) };
    format!("{}, {}{work}", task_title(&row.task), row.optimizer)
}

fn name(row: &OverheadRow) -> String {
    format!("{}, {}", section(row), row.label)
}

fn cells(row: &OverheadRow, detailed: bool) -> Vec<(Column, Cell)> {
    let mean = |heading: &str, key: &str, decimals| Column::number(heading, key, ColumnKind::MeanSd, 1.0, decimals);
    let percent =
        Column::number("Overhead (%) [95 % CI]", "overhead_vs_baseline_none_pct", ColumnKind::Interval, 1.0, 1);
    let overhead = match row.overhead {
        Some(Overhead { percent, interval: Some((low, high)) }) => Cell::Interval { value: percent, low, high },
        found => Cell::value(found.map(|found| found.percent)),
    };
    let mut cells = vec![
        (Column::text("Configuration", "config"), Cell::text(&row.label)),
        (Column::number("n", "n", ColumnKind::Value, 1.0, 0), Cell::value(Some(row.seconds_per_epoch.n as f64))),
        (mean("Seconds/epoch", "sec_per_epoch", 2), Cell::spread(Some(row.seconds_per_epoch))),
        (percent, overhead),
        (mean("Steps/s", "steps_per_second", 1), Cell::spread(row.steps_per_second)),
    ];
    if detailed {
        cells.push((mean("Minutes", "wall_minutes", 2), Cell::spread(row.wall_minutes)));
        cells.push((mean("Seconds/step", "sec_per_step", 4), Cell::spread(row.seconds_per_step)));
        cells.push((mean("TFLOP/s", "tflops_per_second", 3), Cell::spread(row.tflops_per_second)));
        cells.push((Column::text("Epochs", "total_epochs"), Cell::text(row.total_epochs.to_string())));
        cells.push((Column::text("Steps", "total_steps"), Cell::text(row.total_steps.to_string())));
    }
    cells
}
