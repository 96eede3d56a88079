//! Which runs a table of the thesis takes, and the order of its sections.

use std::collections::BTreeMap;

use crate::attributes::planned_epochs;
use crate::record::RunRecord;

/// The rank of an optimizer in tables, and its name.
pub(super) fn optimizer_rank(run: &RunRecord) -> (usize, String) {
    (usize::from(run.optimizer != "AdamW"), run.optimizer.clone())
}

/// The length in epochs that most of the runs have (the longer of two as common), the runs that have it, and a note about the
/// others.
pub(super) fn of_usual_length(runs: Vec<&RunRecord>) -> (Vec<&RunRecord>, Option<String>) {
    let mut counts = BTreeMap::<u64, usize>::new();
    runs.iter().for_each(|run| *counts.entry(planned_epochs(run)).or_default() += 1);
    let Some((usual, _)) = counts.into_iter().max_by_key(|(epochs, times)| (*times, *epochs)) else {
        return (runs, None);
    };
    let (kept, other): (Vec<_>, Vec<_>) = runs.into_iter().partition(|run| planned_epochs(run) == usual);
    let note = (!other.is_empty())
        .then(|| format!("{} runs of another length than {usual} epochs are not in this table", other.len()));
    (kept, note)
}
