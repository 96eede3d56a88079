//! `aees report tensor`: NumPy and safetensors read what it writes. Needs `AEES_TEST_PYTHON`, a Python with both.

use std::fs;
use std::process::Command;

use crate::program::Scratch;
use crate::require;
use serde_json::json;

/// Two tasks with other settings and other seeds, of the reference's newer kind; one run ends early.
fn results(scratch: &Scratch) {
    fs::create_dir_all(scratch.path("results")).unwrap();
    for (task, rates, seeds) in [("cifar100", vec![0.1, 0.2], vec![0, 1]), ("sst2", vec![0.5], vec![1, 4])] {
        for rate in rates {
            for seed in &seeds {
                let epochs = if task == "sst2" { 1 } else { 2 };
                let curve: Vec<f64> = (0..epochs).map(|epoch| rate + f64::from(epoch) / 100.0).collect();
                let result = json!({
                    "task_name": task, "dataset_name": task, "model_name": "resnet18", "method_name": "Baseline",
                    "seed": seed, "run_tag": null, "total_epochs": epochs, "total_steps": 10 * epochs,
                    "train_losses": curve, "train_accuracies": curve, "val_accuracies": curve,
                    "best_val_accuracy": curve.last(), "final_val_accuracy": curve.last(),
                    "final_train_loss": curve.last(), "epoch_wall_clock_seconds": curve, "wall_clock_seconds": 9.0,
                    "epoch_tflops": curve, "estimated_flops": 1e12, "accuracy_per_tflop": 1.0,
                    "episode_logs": null, "controller_logs": null, "runtime_metrics": {},
                    "config": {"lr": rate, "optimizer": "AdamW", "lr_scheduler": "none", "seed": seed,
                        "lr_candidates": [1.0], "noise_candidates": [0.0], "episode_length": 200, "method": "AdamW"},
                });
                let path = scratch.path(&format!("results/{task}_{rate}_{seed}.json"));
                fs::write(path, result.to_string()).unwrap();
            }
        }
    }
}

const CHECK: &str = r#"
import json, sys
import numpy as np
folder = sys.argv[1]
expected = {}
for task, rates, seeds, epochs in (("cifar100", (0.1, 0.2), (0, 1), 2), ("sst2", (0.5,), (1, 4), 1)):
    for rate in rates:
        for seed in seeds:
            for epoch in range(epochs):
                expected[task, rate, epoch + 1, seed] = rate + epoch / 100
def found(values, mask, settings, steps, seeds):
    assert values.shape == mask.shape == (len(settings), len(steps), len(seeds)), values.shape
    assert values.dtype == np.float64 and mask.dtype == np.bool_
    assert np.isnan(values[~mask]).all() and not np.isnan(values[mask]).any()
    out = {}
    for i, j, k in np.argwhere(mask):
        setting = json.loads(settings[i])
        out[setting["task"], setting["lr"], int(steps[j]), int(seeds[k])] = values[i, j, k]
    return out
a = np.load(folder + "/a.npz", allow_pickle=False)
assert list(a["axes"]) == ["setting", "step", "seed"] and list(a["metric"]) == ["val_accuracy"]
assert found(a["values"], a["mask"], a["setting"], a["step"], a["seed"]) == expected
b = np.load(folder + "/b.npz", allow_pickle=False)
assert list(b["axes"]) == ["seed", "setting", "step"]
assert np.array_equal(b["values"], a["values"].transpose(2, 0, 1), equal_nan=True)
from safetensors import safe_open
with safe_open(folder + "/a.safetensors", framework="numpy") as file:
    meta = file.metadata()
    assert json.loads(meta["axes"]) == ["setting", "step", "seed"]
    t = file.get_tensor
    assert found(t("values"), t("mask"), json.loads(meta["setting"]), t("step"), t("seed")) == expected
print("equal")
"#;

#[test]
fn numpy_and_safetensors_read_the_arrays_as_they_are() {
    let Some(python) = require::python(&["numpy", "safetensors"]) else { return };
    let scratch = Scratch::new();
    results(&scratch);
    scratch.run(["report", "tensor", "results", "--out", "a.npz"]).ok();
    scratch.run(["report", "tensor", "results", "--out", "a.safetensors"]).ok();
    scratch.run(["report", "tensor", "results", "--axes", "seed,setting,step", "--out", "b.npz"]).ok();
    let checked = Command::new(python).arg("-c").arg(CHECK).arg(scratch.path("")).output().unwrap();
    assert_eq!(String::from_utf8_lossy(&checked.stdout), "equal\n", "{}", String::from_utf8_lossy(&checked.stderr));
}

#[test]
fn the_table_goes_to_stdout_and_wrong_words_are_refused() {
    let scratch = Scratch::new();
    results(&scratch);
    let table = scratch.run(["report", "tensor", "results"]).ok().stdout();
    assert_eq!(table.lines().count(), 1 + 2 * 2 * 2 + 2, "{table}");
    scratch.run(["report", "tensor", "results", "--out", "a.txt"]).refused(&["a.txt", ".npz, .safetensors or .csv"]);
    scratch.run(["report", "tensor", "results", "--axes", "seed,step"]).refused(&["setting, step and seed, each once"]);
    scratch.run(["report", "tensor", "results", "--metric", "f1"]).refused(&["no run has the metric `f1`"]);
}
