//! The number of a run that its study is judged by: a metric of its result, or of its curve over epochs or steps.

use std::fs;
use std::path::Path;

use serde_json::{Map, Value};

use super::program_numbers::program_curves;
use super::result::completion_of;
use crate::registry::OutcomeKind;
use crate::study::{Measure, Objective};

/// The number of a run; none when it has no result, diverged, or does not have the metric.
pub fn objective_of(run_directory: &Path, objective: &Objective) -> Option<f64> {
    let completion = completion_of(run_directory).ok()??;
    if completion.outcome != OutcomeKind::Ok {
        return None;
    }
    let number = |measure: &str| {
        let found = completion.metrics.iter().find(|metric| metric.name == objective.name && metric.measure == measure);
        found.map(|metric| metric.value).filter(|value| value.is_finite())
    };
    let last = number("final");
    let told = match objective.measure {
        Measure::Final => last,
        Measure::Best => number("best").or_else(|| number(objective.goal.name())),
        Measure::Auc | Measure::LastK(_) => None,
    };
    let measured = told.or_else(|| {
        let mut curve = curve_of(run_directory, &objective.name);
        // A program's result is the last point of what it told on its way.
        curve.extend(last.filter(|_| !run_directory.join("config.yaml").exists()));
        if objective.measure == Measure::Best {
            curve.retain(|value| value.is_finite());
        }
        let counted = objective.measure.counts_last().unwrap_or(curve.len());
        objective.measure.of(&curve[curve.len().checked_sub(counted)?..], objective.goal)
    });
    measured.filter(|value| value.is_finite())
}

/// Epoch by epoch in a training run's result, step by step of a program.
fn curve_of(run_directory: &Path, name: &str) -> Vec<f64> {
    let mut curves = program_curves(run_directory);
    if let Some(curve) = curves.remove(name) {
        return curve;
    }
    let text = fs::read(run_directory.join("result.json")).unwrap_or_default();
    let document: Map<String, Value> = serde_json::from_slice(&text).unwrap_or_default();
    // `val_accuracies`, `train_losses`, `epoch_seconds`.
    let plurals =
        [name.to_owned(), format!("{name}s"), format!("{name}es"), format!("{}ies", name.trim_end_matches('y'))];
    let list = plurals.iter().find_map(|key| document.get(key)?.as_array());
    list.into_iter().flatten().map(|value| value.as_f64().unwrap_or(f64::NAN)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::study::Goal;
    use serde_json::json;

    #[test]
    fn each_measure_of_a_training_run_and_of_a_program() {
        let folder = tempfile::tempdir().unwrap();
        let of =
            |name: &str, goal, measure| objective_of(folder.path(), &Objective { name: name.into(), goal, measure });
        assert_eq!(of("loss", Goal::Min, Measure::Final), None);
        let write = |name: &str, text: String| fs::write(folder.path().join(name), text).unwrap();
        let program = json!({"outcome": {"status": "ok"}, "result": {"loss": 0.5, "val": {"acc": 0.75}}});
        write("result.json", program.to_string());
        write("metrics.jsonl", "{\"step\":1,\"loss\":2}\n{\"step\":2,\"loss\":0.25}\n".into());
        assert_eq!(of("loss", Goal::Min, Measure::Final), Some(0.5));
        assert_eq!(of("loss", Goal::Min, Measure::Best), Some(0.25));
        assert_eq!(of("loss", Goal::Max, Measure::Best), Some(2.0));
        assert_eq!(of("loss", Goal::Min, Measure::LastK(2)), Some(0.375));
        assert_eq!(of("val.acc", Goal::Max, Measure::Final), Some(0.75));
        assert_eq!(of("val.acc", Goal::Max, Measure::LastK(9)), None);
        let training = json!({"outcome": {"status": "ok"}, "best_val_accuracy": 0.5, "final_val_accuracy": 0.25,
            "val_accuracies": [0.125, 0.5, 0.25]});
        write("result.json", training.to_string());
        write("config.yaml", String::new());
        assert_eq!(of("val_accuracy", Goal::Max, Measure::Best), Some(0.5));
        assert_eq!(of("val_accuracy", Goal::Max, Measure::LastK(2)), Some(0.375));
        write("result.json", json!({"outcome": {"status": "diverged"}, "final_val_accuracy": 1}).to_string());
        assert_eq!(of("val_accuracy", Goal::Max, Measure::Final), None);
    }
}
