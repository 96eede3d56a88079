//! Synthetic results, for the tests of reports.

use std::path::PathBuf;

use serde_json::Value;

use crate::record::RunRecord;

/// A run of three epochs.
pub(crate) fn record(task: &str, seed: i64) -> RunRecord {
    RunRecord {
        path: PathBuf::from(format!("{task}_seed{seed}.json")),
        task: task.into(),
        method_name: "Baseline".into(),
        seed,
        optimizer: "AdamW".into(),
        scheduler: "none".into(),
        lr: 1e-3,
        lr_candidates: vec![1.0],
        noise_candidates: vec![0.0],
        episode_length: 200,
        context_mode: "none".into(),
        train_losses: vec![3.0, 2.0, 1.0],
        train_accuracies: vec![0.2, 0.4, 0.6],
        val_accuracies: vec![0.1, 0.3, 0.5],
        epoch_seconds: vec![9.0, 5.0, 5.0],
        epoch_tflops: vec![1.0; 3],
        best_val_accuracy: 0.5,
        final_val_accuracy: Some(0.5),
        wall_seconds: Some(20.0),
        estimated_flops: Some(3e12),
        total_steps: 300,
        ..RunRecord::default()
    }
}

/// The same with this configuration.
pub(crate) fn with(mut run: RunRecord, config: Value) -> RunRecord {
    if let Value::Object(config) = config {
        run.optimizer = config.get("optimizer").and_then(Value::as_str).unwrap_or(&run.optimizer).to_owned();
        run.lr = config.get("lr").and_then(Value::as_f64).unwrap_or(run.lr);
        let list = config.get("lr_candidates").and_then(Value::as_array);
        if let Some(list) = list {
            run.lr_candidates = list.iter().filter_map(Value::as_f64).collect();
        }
        run.config = config;
    }
    run
}

/// The same with another curve of evaluation accuracies.
pub(crate) fn curve(mut run: RunRecord, accuracies: &[f64]) -> RunRecord {
    run.val_accuracies = accuracies.to_vec();
    run.best_val_accuracy = accuracies.iter().copied().fold(0.0, f64::max);
    run.final_val_accuracy = accuracies.last().copied();
    run
}
