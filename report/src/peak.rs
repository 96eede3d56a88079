//! A run as it was at its best epoch: what was memorised of the label noise there.
//!
//! Our runs keep these numbers during the run. The reference trained again and stopped at the epoch of the peak; such runs
//! are known by being shorter than the published 200 epochs, and end where they were measured.

use crate::attributes::planned_epochs;
use crate::record::{LabelNoiseAccuracies, Layout, RunRecord};

/// Epochs of the published noisy runs.
const PUBLISHED_EPOCHS: u64 = 200;

/// Whether a run is one that was trained again and stopped at the epoch of its peak. The published runs with a context are short
/// for another reason.
pub(crate) fn is_trained_again(run: &RunRecord) -> bool {
    let shorter = run.layout != Layout::Aees && planned_epochs(run) < PUBLISHED_EPOCHS;
    shorter && run.subsets.is_some() && run.context_mode != "trend"
}

/// The run at its peak, as far as what was memorised is known there.
pub(crate) fn at_peak(run: &RunRecord) -> Option<RunRecord> {
    let again = is_trained_again(run);
    let subsets: LabelNoiseAccuracies = run.best_subsets.or(run.subsets.filter(|_| again))?;
    let mut peak = run.clone();
    peak.subsets = Some(subsets);
    if again && run.best_subsets.is_none() {
        // The run ends where its subsets were measured.
        peak.best_val_accuracy = run.final_val_accuracy?;
        let (last, earlier) = peak.val_accuracies.split_last_mut()?;
        earlier.fill(f64::NEG_INFINITY);
        *last = peak.best_val_accuracy;
    }
    Some(peak)
}
