//! Which runs a table of the thesis takes, and the order of its sections.

use std::collections::BTreeMap;

use crate::attributes::planned_epochs;
use crate::experiment::{Experiment, Purpose, VariedPart, experiments};
use crate::record::RunRecord;

/// The rank of an optimizer in tables, and its name.
pub(super) fn optimizer_rank(run: &RunRecord) -> (usize, String) {
    (usize::from(run.optimizer != "AdamW"), run.optimizer.clone())
}

/// The experiments of some runs that a table is about: those made for accuracy or to vary one of these parts, of the length in
/// epochs that most of their runs have (the longer of two as common). What is left out is told.
pub(super) fn selected<'a>(
    runs: &'a [RunRecord],
    wanted: impl Fn(&RunRecord) -> bool,
    parts: &[VariedPart],
) -> (Vec<Experiment<'a>>, Vec<String>) {
    let all = experiments(runs.iter().filter(|run| wanted(run)));
    let belongs = |experiment: &Experiment<'_>| match experiment.purpose {
        Purpose::Accuracy => true,
        Purpose::Timing => false,
        Purpose::Ablation(part) => parts.contains(&part),
    };
    let (all, others): (Vec<_>, Vec<_>) = all.into_iter().partition(belongs);
    let mut elsewhere = BTreeMap::<&str, usize>::new();
    for experiment in &others {
        *elsewhere.entry(table_of(experiment.purpose)).or_default() += count(experiment);
    }
    let mut notes: Vec<String> =
        elsewhere.into_iter().map(|(table, runs)| format!("{runs} runs are in {table}, not in this one")).collect();
    let mut lengths = BTreeMap::<u64, usize>::new();
    all.iter().for_each(|one| *lengths.entry(planned_epochs(one.example())).or_default() += count(one));
    let Some((usual, _)) = lengths.into_iter().max_by_key(|(epochs, times)| (*times, *epochs)) else {
        return (all, notes);
    };
    let (kept, other): (Vec<_>, Vec<_>) = all.into_iter().partition(|one| planned_epochs(one.example()) == usual);
    if !other.is_empty() {
        let count: usize = other.iter().map(count).sum();
        notes.push(format!("{count} runs of another length than {usual} epochs are not in this table"));
    }
    (kept, notes)
}

fn count(experiment: &Experiment<'_>) -> usize {
    if experiment.purpose == Purpose::Timing {
        return experiment.timed.len();
    }
    experiment.results.values().map(Vec::len).sum::<usize>() + experiment.diverged.len()
}

fn table_of(purpose: Purpose) -> &'static str {
    match purpose {
        Purpose::Timing => "the table of the overhead",
        Purpose::Ablation(VariedPart::Penalty) => "the table of the penalty on unsteady losses",
        Purpose::Ablation(VariedPart::Context) => "the table of the trend context",
        Purpose::Ablation(VariedPart::Rate) => "the tables of fixed multipliers and rates",
        Purpose::Ablation(VariedPart::Noise) => "the tables of gradient noise",
        Purpose::Ablation(VariedPart::Other) => "the table of other ablations",
        Purpose::Accuracy => "another table",
    }
}
