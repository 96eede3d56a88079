//! What a model made of corrupted labels: one pass over the training images, counted four ways.
//!
//! The reference makes four passes. The predictions are the same in each, so one is enough.

use aees_tasks::LabelNoiseReport;
use serde_json::{Value, json};

/// Training accuracies under label noise, as fractions; `final_subset_accuracies` of the RunResult.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct SubsetAccuracies {
    /// All training images against the labels trained on.
    pub all: f64,
    /// The images whose label is true.
    pub clean: f64,
    /// The corrupted images against their wrong labels: memorised noise.
    pub corrupted_vs_noisy: f64,
    /// The corrupted images against their true labels: resisted noise.
    pub corrupted_vs_clean: f64,
}

impl SubsetAccuracies {
    /// Counts the predictions for the training images, in their order.
    pub fn count(predictions: &[u32], report: &LabelNoiseReport) -> Self {
        let accuracy = |corrupted: &[bool], labels: &[u32]| {
            let chosen = || (0..predictions.len()).filter(|index| corrupted.contains(&report.corrupted_mask[*index]));
            let right = chosen().filter(|index| predictions[*index] == labels[*index]).count();
            right as f64 / chosen().count().max(1) as f64
        };
        Self {
            all: accuracy(&[false, true], &report.noisy_targets),
            clean: accuracy(&[false], &report.noisy_targets),
            corrupted_vs_noisy: accuracy(&[true], &report.noisy_targets),
            corrupted_vs_clean: accuracy(&[true], &report.original_targets),
        }
    }

    /// Under the reference's keys, beside the evaluation accuracy.
    pub fn to_json(self, val_accuracy: Option<f64>) -> Value {
        json!({
            "train_all_accuracy": self.all,
            "train_clean_accuracy": self.clean,
            "train_corrupted_accuracy_vs_noisy_labels": self.corrupted_vs_noisy,
            "train_corrupted_accuracy_vs_clean_labels": self.corrupted_vs_clean,
            "final_val_accuracy": val_accuracy,
        })
    }
}

/// What was corrupted, under the reference's keys: in all, and with `examples` one by one.
pub fn report_json(report: &LabelNoiseReport, examples: bool) -> Value {
    let mut json = json!(report);
    json["enabled"] = json!(true);
    json["clean_mask"] = json!(report.clean_mask());
    if let (false, Some(map)) = (examples, json.as_object_mut()) {
        map.retain(|_, value| !value.is_array());
    }
    json
}

#[cfg(test)]
mod tests {
    use aees_run::settings::LabelNoiseType;

    use super::*;
    use aees_tasks::{LabelNoise, corrupt_labels};

    #[test]
    fn one_pass_counts_the_four_subsets() {
        let labels: Vec<u32> = (0..1000).map(|index| index % 100).collect();
        let noise = LabelNoise { kind: LabelNoiseType::Symmetric, rate: 0.4 };
        let next: Vec<u32> = (0..100).map(|label| (label + 1) % 100).collect();
        let report = corrupt_labels(&labels, noise, 0, &next).unwrap().unwrap();
        // A model that resists all noise.
        let resists = SubsetAccuracies::count(&labels, &report);
        assert_eq!((resists.all, resists.clean), (0.6, 1.0));
        assert_eq!((resists.corrupted_vs_noisy, resists.corrupted_vs_clean), (0.0, 1.0));
        // A model that has learned it by heart.
        let memorises = SubsetAccuracies::count(&report.noisy_targets, &report);
        assert_eq!((memorises.all, memorises.clean), (1.0, 1.0));
        assert_eq!((memorises.corrupted_vs_noisy, memorises.corrupted_vs_clean), (1.0, 0.0));
    }
}
