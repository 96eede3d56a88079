//! The tables of the text tasks: SST-2, AG News, and what the noise on the gradients does.

use super::group::{RowPlace, gather};
use super::options::TableOptions;
use super::plan::Plan;
use super::quantity::Quantity;
use super::selection::of_usual_length;
use super::table::{Cell, Column, Table};
use crate::names::{NameStyle, method_name};
use crate::record::{Control, ControlledAxes, NoiseSetting, RunRecord};

/// Which of the text tables.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum TextTableKind {
    /// The main rows: plain and both axes.
    Main,
    /// One axis and both, under the schedule.
    Axis,
    /// Everything, with costs and settings.
    Detailed,
}

/// The task of a table: name, title, rank.
fn task(run: &RunRecord) -> Option<(usize, &'static str, &'static str)> {
    match (run.task.as_str(), run.label_noise) {
        ("sst2", _) => Some((0, "sst2", "SST-2")),
        ("agnews", NoiseSetting::Clean) => Some((1, "agnews", "AG News")),
        ("agnews", _) => Some((2, "agnews_noise", "AG News with label noise")),
        _ => None,
    }
}

fn shown(run: &RunRecord, which: TextTableKind) -> bool {
    match which {
        TextTableKind::Main => {
            run.control == Control::Baseline || (run.control == Control::Adaptive && run.axes() == ControlledAxes::Dual)
        }
        TextTableKind::Axis => matches!(run.control, Control::Baseline | Control::Adaptive),
        TextTableKind::Detailed => true,
    }
}

/// One table for each task.
pub(super) fn nlp(runs: &[RunRecord], options: &TableOptions, which: TextTableKind) -> Vec<Table> {
    let mut tasks: Vec<_> = runs.iter().filter_map(task).collect();
    tasks.sort_unstable();
    tasks.dedup();
    tasks.into_iter().flat_map(|found| of_task(runs, options, which, found)).collect()
}

fn of_task(
    runs: &[RunRecord],
    options: &TableOptions,
    which: TextTableKind,
    found: (usize, &'static str, &'static str),
) -> Vec<Table> {
    let (kept, note) = of_usual_length(runs.iter().filter(|run| task(run) == Some(found)).collect());
    let groups = gather(kept.into_iter().filter(|run| shown(run, which)), &[], |run| Some(row(run)));
    let mut quantities =
        vec![Quantity::Best, Quantity::SameEpoch, Quantity::Final, Quantity::Drop, Quantity::PeakEpoch];
    let suffix = match which {
        TextTableKind::Main => "",
        TextTableKind::Axis => "_axis",
        TextTableKind::Detailed => "_detailed",
    };
    if which == TextTableKind::Detailed {
        quantities.extend([Quantity::TflopsToBest, Quantity::TotalTflops, Quantity::TimeToBest, Quantity::TotalTime]);
    }
    let mut plan = Plan::new(&format!("{}{suffix}", found.1), found.2, groups, &quantities);
    if which != TextTableKind::Detailed {
        plan = plan.compare_in_sections(&PAIRS);
    }
    plan.notes.extend(note);
    let mut tables = plan.tables(options);
    if let (TextTableKind::Detailed, Some(table)) = (which, tables.first_mut()) {
        add_settings(table, &plan);
    }
    tables
}

/// AEES with the plain optimizer under the same schedule.
const PAIRS: [(&str, &str); 6] = [
    ("AEES-LR", "AdamW"),
    ("AEES-Noise", "AdamW"),
    ("AEES-Dual", "AdamW"),
    ("AEES-LR + warmup-linear", "AdamW + warmup-linear"),
    ("AEES-Noise + warmup-linear", "AdamW + warmup-linear"),
    ("AEES-Dual + warmup-linear", "AdamW + warmup-linear"),
];

fn row(run: &RunRecord) -> RowPlace {
    RowPlace::of((0, String::new()), method_name(run, NameStyle::TextTable))
}

/// Puts episode length and axes behind the row's name.
fn add_settings(table: &mut Table, plan: &Plan<'_>) {
    let columns = [("Episode", "episode_length"), ("Multipliers", "lr_candidates"), ("Noise", "noise_candidates")];
    for (at, (heading, key)) in columns.into_iter().enumerate() {
        table.columns.insert(2 + at, Column::text(heading, key));
        for (row, group) in table.rows.iter_mut().zip(&plan.groups) {
            let value = group.settings.first().and_then(|runs| runs.attributes.text(key));
            row.cells.insert(2 + at, value.map_or_else(Cell::nothing, Cell::text));
        }
    }
}

/// AG News with a fifth of the labels corrupted, under the schedule: is it the bandit's feedback that helps, or the noise?
pub(super) fn noise_ablation(runs: &[RunRecord], options: &TableOptions) -> Vec<Table> {
    let noisy = |run: &&RunRecord| run.task == "agnews" && matches!(run.label_noise, NoiseSetting::Symmetric(_));
    let (kept, note) = of_usual_length(runs.iter().filter(noisy).collect());
    let scheduled: Vec<&RunRecord> = kept.into_iter().filter(|run| run.scheduler == "warmup_linear").collect();
    // Without noise that no bandit picked there is no question.
    if !scheduled.iter().any(|run| matches!(run.control, Control::Fixed | Control::Random)) {
        return Vec::new();
    }
    let groups = gather(scheduled, &[], |run| Some(row(run)));
    let quantities = [Quantity::Best, Quantity::SameEpoch, Quantity::Final, Quantity::Drop];
    let title = "Gradient noise with and without feedback, AG News with label noise";
    let (aees, random) = ("AEES-Noise + warmup-linear", "Random σ + warmup-linear");
    let mut plan = Plan::new("agnews_noise_ablation", title, groups, &quantities).compare_in_sections(&[
        (aees, random),
        (aees, "Fixed σ 0.005 + warmup-linear"),
        (aees, "Fixed σ 0.01 + warmup-linear"),
        (aees, "AdamW + warmup-linear"),
        (random, "AdamW + warmup-linear"),
    ]);
    plan.notes.extend(note);
    plan.tables(options)
}
