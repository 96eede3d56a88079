//! The tables of the text tasks: SST-2, AG News, and what the noise on the gradients does.

use super::comparison::feedback;
use super::group::{Heading, gather};
use super::options::TableOptions;
use super::plan::Plan;
use super::selection::selected;
use super::table::{Cell, Column, Table};
use crate::experiment::Experiment;
use crate::quantity::Quantity;
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
    let (kept, notes) = selected(runs, |run| task(run) == Some(found), &[]);
    let groups = gather(kept, |one| shown(one.example(), which).then(|| row(one)));
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
        plan = plan.compare(&[], feedback);
    }
    plan.notes.extend(notes);
    let mut tables = plan.tables(options);
    if let (TextTableKind::Detailed, Some(table)) = (which, tables.first_mut()) {
        add_settings(table, &plan);
    }
    tables
}

fn row(one: &Experiment<'_>) -> Heading {
    Heading { section: (0, String::new()), name: one.name.clone() }
}

/// Puts episode length and axes behind the row's name.
fn add_settings(table: &mut Table, plan: &Plan<'_>) {
    let columns = [("Episode", "episode_length"), ("Multipliers", "lr_candidates"), ("Noise", "noise_candidates")];
    for (at, (heading, key)) in columns.into_iter().enumerate() {
        table.columns.insert(2 + at, Column::text(heading, key));
        for (row, group) in table.rows.iter_mut().zip(&plan.groups) {
            let value = group.experiment.method.0.text(key);
            row.cells.insert(2 + at, value.map_or_else(Cell::nothing, Cell::text));
        }
    }
}

/// AG News with a fifth of the labels corrupted, under the schedule: is it the bandit's feedback that helps, or the noise?
pub(super) fn noise_ablation(runs: &[RunRecord], options: &TableOptions) -> Vec<Table> {
    let noisy = |run: &RunRecord| run.task == "agnews" && matches!(run.label_noise, NoiseSetting::Symmetric(_));
    let (kept, notes) = selected(runs, noisy, &[]);
    let groups = gather(kept, |one| (one.example().scheduler == "warmup_linear").then(|| row(one)));
    // Without noise that no bandit picked there is no question.
    if !groups.iter().any(|group| matches!(group.run().control, Control::Fixed | Control::Random)) {
        return Vec::new();
    }
    let quantities = [Quantity::Best, Quantity::SameEpoch, Quantity::Final, Quantity::Drop];
    let title = "Gradient noise with and without feedback, AG News with label noise";
    let plan = Plan::new("agnews_noise_ablation", title, groups, &quantities);
    let contrast = |one: &RunRecord, other: &RunRecord| match one.axes() {
        ControlledAxes::Noise if one.control == Control::Adaptive => other.control != Control::Adaptive,
        ControlledAxes::Noise => one.control == Control::Random && other.control == Control::Baseline,
        _ => false,
    };
    plan.compare(&[], contrast).tables_by("", notes, options)
}
