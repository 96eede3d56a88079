//! The tables of the text tasks: SST-2, AG News, and what the noise on the gradients does.

use super::TableOptions;
use super::group::{Place, gather};
use super::plan::Plan;
use super::quantity::Quantity;
use super::setting::number_text;
use super::table::{Cell, Column, Table};
use super::variant::{of_usual_length, place};
use crate::{Method, NoiseSetting, RunRecord};

/// Which of the text tables.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum TextTable {
    /// The main rows: plain and both axes.
    Main,
    /// One axis and both, under the schedule.
    Axis,
    /// Everything, with costs and settings.
    Detailed,
}

const WARMUP: &str = " + warmup-linear";

/// The task of a table: name, title, rank.
fn task(run: &RunRecord) -> Option<(usize, &'static str, &'static str)> {
    match (run.task.as_str(), run.label_noise) {
        ("sst2", _) => Some((0, "sst2", "SST-2")),
        ("agnews", NoiseSetting::Clean) => Some((1, "agnews", "AG News")),
        ("agnews", _) => Some((2, "agnews_noise", "AG News with label noise")),
        _ => None,
    }
}

/// The axes on which something is picked: multiplier, noise.
fn axes(run: &RunRecord) -> (bool, bool) {
    (run.lr_candidates.len() > 1, run.noise_candidates.len() > 1)
}

/// The row of a run.
fn label(run: &RunRecord) -> (usize, String) {
    let axis = match axes(run) {
        (true, false) => (0, "LR"),
        (false, true) => (1, "Noise"),
        _ => (2, "Dual"),
    };
    let (rank, name) = match run.method {
        Method::Baseline => (0, "AdamW".to_owned()),
        Method::Adaptive => (1 + axis.0, format!("AEES-{}", axis.1)),
        Method::Fixed => (4, fixed(run)),
        Method::Random if axis.1 == "Noise" => (6, "Random σ".into()),
        Method::Random => (6, format!("Random-{}", axis.1)),
        Method::UniformRandom => (7, "Uniform random".into()),
        Method::FrequencyMatched => (8, "Frequency-matched".into()),
    };
    match run.scheduler.as_str() {
        "none" | "" => (rank, name),
        "warmup_linear" => (rank + 20, name + WARMUP),
        other => (rank + 40, format!("{name} + {other}")),
    }
}

fn fixed(run: &RunRecord) -> String {
    let of = |values: &[f64], neutral: f64| values.first().copied().filter(|value| *value != neutral);
    match (of(&run.lr_candidates, 1.0), of(&run.noise_candidates, 0.0)) {
        (Some(multiplier), None) => format!("Fixed ×{}", number_text(multiplier)),
        (Some(multiplier), Some(noise)) => format!("Fixed ×{}, σ {}", number_text(multiplier), number_text(noise)),
        (None, noise) => format!("Fixed σ {}", number_text(noise.unwrap_or(0.0))),
    }
}

fn shown(run: &RunRecord, which: TextTable) -> bool {
    match which {
        TextTable::Main => {
            run.method == Method::Baseline || (run.method == Method::Adaptive && axes(run) == (true, true))
        }
        TextTable::Axis => matches!(run.method, Method::Baseline | Method::Adaptive),
        TextTable::Detailed => true,
    }
}

/// One table for each task.
pub(super) fn nlp(runs: &[RunRecord], options: &TableOptions, which: TextTable) -> Vec<Table> {
    let mut tasks: Vec<_> = runs.iter().filter_map(task).collect();
    tasks.sort_unstable();
    tasks.dedup();
    tasks.into_iter().flat_map(|found| of_task(runs, options, which, found)).collect()
}

fn of_task(
    runs: &[RunRecord],
    options: &TableOptions,
    which: TextTable,
    found: (usize, &'static str, &'static str),
) -> Vec<Table> {
    let (kept, note) = of_usual_length(runs.iter().filter(|run| task(run) == Some(found)).collect());
    let groups = gather(kept.into_iter().filter(|run| shown(run, which)), &[], |run| Some(in_no_section(label(run))));
    let mut quantities =
        vec![Quantity::Best, Quantity::SameEpoch, Quantity::Final, Quantity::Drop, Quantity::PeakEpoch];
    let suffix = match which {
        TextTable::Main => "",
        TextTable::Axis => "_axis",
        TextTable::Detailed => "_detailed",
    };
    if which == TextTable::Detailed {
        quantities.extend([Quantity::TflopsToBest, Quantity::TotalTflops, Quantity::TimeToBest, Quantity::TotalTime]);
    }
    let mut plan = Plan::new(&format!("{}{suffix}", found.1), found.2, groups, &quantities);
    if which != TextTable::Detailed {
        plan = plan.compare_in_sections(&PAIRS);
    }
    plan.notes.extend(note);
    let mut tables = plan.tables(options);
    if let (TextTable::Detailed, Some(table)) = (which, tables.first_mut()) {
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

fn in_no_section(label: (usize, String)) -> Place {
    place((0, String::new()), label)
}

/// Puts episode length and axes behind the row's name.
fn add_settings(table: &mut Table, plan: &Plan<'_>) {
    let columns = [("Episode", "episode_length"), ("Multipliers", "lr_candidates"), ("Noise", "noise_candidates")];
    for (at, (heading, key)) in columns.into_iter().enumerate() {
        table.columns.insert(2 + at, Column::text(heading, key));
        for (row, group) in table.rows.iter_mut().zip(&plan.groups) {
            let value = group.settings.first().and_then(|runs| runs.setting.get(key));
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
    if !scheduled.iter().any(|run| matches!(run.method, Method::Fixed | Method::Random)) {
        return Vec::new();
    }
    let groups = gather(scheduled, &[], |run| Some(in_no_section(label(run))));
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
