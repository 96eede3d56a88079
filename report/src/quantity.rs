//! The numbers of a run, by name: those that every run may have, its curves, and whatever a program or a file gives. Tables,
//! figures, the search for the best, arrays and the page all look them up here.

use std::fmt;

use crate::record::{LabelNoiseAccuracies, RunRecord};

/// A number of a run, or of a run among the runs of its group.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Quantity {
    /// The best evaluation accuracy over the epochs: each run at its own best epoch, which flatters.
    Best,
    /// The accuracy at one epoch for all seeds, that of the best mean curve.
    SameEpoch,
    Final,
    /// Best minus final.
    Drop,
    /// The first epoch with the best accuracy, from 1.
    PeakEpoch,
    /// Estimated TFLOP up to and including the best epoch.
    TflopsToBest,
    /// Estimated TFLOP of the run.
    TotalTflops,
    /// Seconds up to and including the best epoch.
    TimeToBest,
    /// Seconds of the run.
    TotalTime,
    /// At the end of training: corrupted examples against their wrong labels.
    CorruptedNoisy,
    /// At the end of training: corrupted examples against their true labels.
    CorruptedClean,
    /// At the end of training: the examples with true labels.
    TrainClean,
    /// Anything else, by name: a field of the run, of `runtime_metrics`, of a program's metrics, or a number in `config`.
    Named(String),
}

/// What quantities are called: in files, then what people may say for it as well.
static NAMES: [(Quantity, &[&str]); 12] = [
    (Quantity::Best, &["best", "best_val_accuracy"]),
    (Quantity::SameEpoch, &["same_epoch"]),
    (Quantity::Final, &["final", "final_val_accuracy"]),
    (Quantity::Drop, &["drop_val", "drop"]),
    (Quantity::PeakEpoch, &["peak_epoch", "best_epoch"]),
    (Quantity::TflopsToBest, &["tflops_to_best"]),
    (Quantity::TotalTflops, &["total_tflops"]),
    (Quantity::TimeToBest, &["time_to_best"]),
    (Quantity::TotalTime, &["total_time", "wall_clock_seconds"]),
    (Quantity::CorruptedNoisy, &["corrupted_noisy"]),
    (Quantity::CorruptedClean, &["corrupted_clean"]),
    (Quantity::TrainClean, &["train_clean"]),
];

impl Quantity {
    /// The quantity of this name. Any name is one; whether a run has it is seen at the run.
    pub fn named(name: &str) -> Self {
        let known = NAMES.iter().find(|(_, names)| names.contains(&name));
        known.map_or_else(|| Self::Named(name.to_owned()), |(quantity, _)| quantity.clone())
    }

    /// The value of a run; `epoch` is the common epoch of its group, from 1. None when the run has none, or not a number.
    pub(crate) fn of(&self, run: &RunRecord, epoch: Option<usize>) -> Option<f64> {
        let subset = |of: fn(&LabelNoiseAccuracies) -> f64| run.subsets.as_ref().map(of);
        let to_best = |values: &[f64]| values.get(..run.peak_epoch()?).map(|values| values.iter().sum());
        let value = match self {
            Self::Best => (!run.val_accuracies.is_empty()).then_some(run.best_val_accuracy),
            Self::SameEpoch => run.val_accuracies.get(epoch?.checked_sub(1)?).copied(),
            Self::Final => run.final_val_accuracy,
            Self::Drop => run.final_val_accuracy.map(|last| run.best_val_accuracy - last),
            Self::PeakEpoch => run.peak_epoch().map(|epoch| epoch as f64),
            Self::TflopsToBest => to_best(&run.epoch_tflops),
            Self::TotalTflops => run.estimated_flops.map(|flops| flops / 1e12),
            Self::TimeToBest => to_best(&run.epoch_seconds),
            Self::TotalTime => run.wall_seconds,
            Self::CorruptedNoisy => subset(|subsets| subsets.corrupted_vs_noisy),
            Self::CorruptedClean => subset(|subsets| subsets.corrupted_vs_clean),
            Self::TrainClean => subset(|subsets| subsets.clean),
            Self::Named(name) => named(run, name),
        };
        value.filter(|value| value.is_finite())
    }

    /// Whether its raw values are fractions, which people read as percent.
    pub(crate) fn is_fraction(&self) -> bool {
        match self {
            Self::Best | Self::SameEpoch | Self::Final | Self::Drop => true,
            Self::CorruptedNoisy | Self::CorruptedClean | Self::TrainClean => true,
            Self::Named(name) => name.contains("accuracy") && !name.contains("per"),
            _ => false,
        }
    }

    /// As people write it, with its unit.
    pub(crate) fn heading(&self) -> String {
        let name = match self {
            Self::PeakEpoch => "Peak epoch".into(),
            Self::TflopsToBest => "TFLOP to best".into(),
            Self::TotalTflops => "TFLOP".into(),
            Self::TimeToBest => "Time to best (s)".into(),
            Self::TotalTime => "Time (s)".into(),
            Self::CorruptedNoisy => "Corr. noisy".into(),
            Self::CorruptedClean => "Corr. clean".into(),
            Self::Drop => "Drop (pp)".into(),
            Self::Named(_) => self.words(),
            _ => {
                let words = self.words();
                words[..1].to_uppercase() + &words[1..]
            }
        };
        if self.is_fraction() && *self != Self::Drop { format!("{name} (%)") } else { name }
    }

    /// Its name in a sentence.
    pub(crate) fn words(&self) -> String {
        match self {
            Self::Drop => "drop".into(),
            other => other.to_string().replace('_', " "),
        }
    }
}

impl fmt::Display for Quantity {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let name = match self {
            Self::Named(name) => Some(name.as_str()),
            known => NAMES.iter().find(|(quantity, _)| quantity == known).map(|(_, names)| names[0]),
        };
        formatter.write_str(name.unwrap_or_default())
    }
}

/// The metrics with a value for each epoch.
pub const CURVES: [&str; 5] = ["val_accuracy", "train_accuracy", "train_loss", "epoch_seconds", "epoch_tflops"];

fn epochs_of<'a>(run: &'a RunRecord, metric: &str) -> &'a [f64] {
    match metric {
        "val_accuracy" => &run.val_accuracies,
        "train_accuracy" => &run.train_accuracies,
        "train_loss" => &run.train_losses,
        "epoch_seconds" => &run.epoch_seconds,
        "epoch_tflops" => &run.epoch_tflops,
        _ => &[],
    }
}

/// A metric of a run, epoch by epoch; a number that has no curve is a curve of one value. None if the run has neither.
pub fn curve(run: &RunRecord, metric: &str) -> Option<Vec<f64>> {
    if let Some(curve) = run.curves.get(metric) {
        // The result is the last point of what was told on the way.
        let last = run.metrics.iter().find(|(name, _)| name == metric).map(|(_, value)| *value);
        return Some(curve.iter().copied().chain(last).collect());
    }
    match epochs_of(run, metric) {
        [] => Quantity::named(metric).of(run, None).map(|value| vec![value]),
        known => Some(known.to_vec()),
    }
}

/// The names of the numbers that some runs have.
pub(crate) fn known_metrics(runs: &[RunRecord]) -> Vec<String> {
    const STANDARD: [&str; 9] = [
        "best",
        "same_epoch",
        "final",
        "drop",
        "peak_epoch",
        "total_tflops",
        "total_time",
        "final_train_loss",
        "final_train_accuracy",
    ];
    let standard = STANDARD.into_iter().chain(CURVES);
    let has = |name: &&str| runs.iter().any(|run| Quantity::named(name).of(run, Some(1)).is_some());
    let own = runs.iter().flat_map(|run| run.metrics.iter().chain(&run.runtime)).map(|(name, _)| name.clone());
    let mut names: Vec<String> = standard.filter(has).map(str::to_owned).chain(own).collect();
    names.sort();
    names.dedup();
    names
}

/// A number by its name, wherever the run has it: of a curve the last.
fn named(run: &RunRecord, name: &str) -> Option<f64> {
    let listed = |list: &[(String, f64)]| list.iter().find(|(key, _)| key == name).map(|(_, value)| *value);
    match name {
        "final_train_loss" => run.train_losses.last().copied(),
        "final_train_accuracy" => run.train_accuracies.last().copied(),
        "total_steps" => Some(run.total_steps as f64),
        "total_epochs" => Some(run.val_accuracies.len() as f64),
        "estimated_flops" => run.estimated_flops,
        "accuracy_per_tflop" => {
            run.estimated_flops.filter(|flops| *flops > 0.0).map(|flops| run.best_val_accuracy / (flops / 1e12))
        }
        _ => (epochs_of(run, name).last().copied())
            .or_else(|| listed(&run.metrics))
            .or_else(|| listed(&run.runtime))
            .or_else(|| run.config.get(name).and_then(serde_json::Value::as_f64)),
    }
}
