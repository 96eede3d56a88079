//! The numbers that tables show of a run.

use std::fmt;

use super::table::{Better, Column, ColumnKind};
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

impl Quantity {
    /// The quantity of this name. Any name is one; whether a run has it is seen at the run.
    pub fn named(name: &str) -> Self {
        match name {
            "best" | "best_val_accuracy" => Self::Best,
            "same_epoch" => Self::SameEpoch,
            "final" | "final_val_accuracy" => Self::Final,
            "drop" | "drop_val" => Self::Drop,
            "peak_epoch" | "best_epoch" => Self::PeakEpoch,
            "tflops_to_best" => Self::TflopsToBest,
            "total_tflops" => Self::TotalTflops,
            "time_to_best" => Self::TimeToBest,
            "total_time" | "wall_clock_seconds" => Self::TotalTime,
            "corrupted_noisy" => Self::CorruptedNoisy,
            "corrupted_clean" => Self::CorruptedClean,
            "train_clean" => Self::TrainClean,
            other => Self::Named(other.to_owned()),
        }
    }

    /// The value of a run; `epoch` is the common epoch of its group, from 1. None when the run has none, or not a number.
    pub(super) fn of(&self, run: &RunRecord, epoch: Option<usize>) -> Option<f64> {
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
    pub(super) fn is_fraction(&self) -> bool {
        match self {
            Self::Best | Self::SameEpoch | Self::Final | Self::Drop => true,
            Self::CorruptedNoisy | Self::CorruptedClean | Self::TrainClean => true,
            Self::Named(name) => name.contains("accuracy") && !name.contains("per"),
            _ => false,
        }
    }

    /// Its column in a table.
    pub(super) fn column(&self, decimals: usize) -> Column {
        let (heading, scale, decimals) = match self {
            Self::Best => ("Best (%)".into(), 100.0, decimals),
            Self::SameEpoch => ("Same epoch (%)".into(), 100.0, decimals),
            Self::Final => ("Final (%)".into(), 100.0, decimals),
            Self::Drop => ("Drop (pp)".into(), 100.0, decimals),
            Self::PeakEpoch => ("Peak epoch".into(), 1.0, 1),
            Self::TflopsToBest => ("TFLOP to best".into(), 1.0, 1),
            Self::TotalTflops => ("TFLOP".into(), 1.0, 1),
            Self::TimeToBest => ("Time to best (s)".into(), 1.0, 1),
            Self::TotalTime => ("Time (s)".into(), 1.0, 1),
            Self::CorruptedNoisy => ("Corr. noisy (%)".into(), 100.0, decimals),
            Self::CorruptedClean => ("Corr. clean (%)".into(), 100.0, decimals),
            Self::TrainClean => ("Train clean (%)".into(), 100.0, decimals),
            Self::Named(name) if self.is_fraction() => (format!("{name} (%)"), 100.0, decimals),
            Self::Named(name) => (name.clone(), 1.0, 4),
        };
        let better = match self {
            Self::Best | Self::SameEpoch | Self::Final | Self::CorruptedClean => Some(Better::Higher),
            Self::Drop | Self::CorruptedNoisy => Some(Better::Lower),
            _ => None,
        };
        Column { better, ..Column::number(&heading, &self.to_string(), ColumnKind::MeanSd, scale, decimals) }
    }
}

impl fmt::Display for Quantity {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(match self {
            Self::Best => "best",
            Self::SameEpoch => "same_epoch",
            Self::Final => "final",
            Self::Drop => "drop_val",
            Self::PeakEpoch => "peak_epoch",
            Self::TflopsToBest => "tflops_to_best",
            Self::TotalTflops => "total_tflops",
            Self::TimeToBest => "time_to_best",
            Self::TotalTime => "total_time",
            Self::CorruptedNoisy => "corrupted_noisy",
            Self::CorruptedClean => "corrupted_clean",
            Self::TrainClean => "train_clean",
            Self::Named(name) => name,
        })
    }
}

/// A number by its name, wherever the run has it.
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
        _ => listed(&run.metrics)
            .or_else(|| listed(&run.runtime))
            .or_else(|| run.config.get(name).and_then(serde_json::Value::as_f64)),
    }
}
