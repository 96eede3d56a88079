//! `runtime_metrics` against the reference's own function.
//!
//! `runtime_metrics/golden.json` holds made-up results and what the reference computes from them; the script beside it
//! made it. The test vector of the reference is its first case.

#![allow(clippy::unwrap_used, reason = "a panic in a test is its report")]

use std::fs;
use std::path::Path;

use aees_run::hardware::{Gpu, Gpus, Hardware};
use aees_run::runtime_metrics::{HardwareFields, mean, population_deviation, runtime_metrics};
use serde::Deserialize;
use serde_json::{Map, Value, json};

#[derive(Debug, Deserialize)]
struct Golden {
    cases: Vec<Case>,
    statistics: Vec<(Vec<f64>, f64, f64)>,
}

#[derive(Debug, Deserialize)]
struct Case {
    name: String,
    result: Map<String, Value>,
    runtime_metrics: Map<String, Value>,
}

impl Case {
    /// Where we differ from the reference on purpose: it forgets a conditional noise axis in the lists of axes.
    fn expected(&self) -> Map<String, Value> {
        let mut expected = self.runtime_metrics.clone();
        let corrections = match self.name.as_str() {
            "conditional" => vec![
                ("adaptive_axes", json!(["lr=[0.5, 1, 2]", "noise=[0, 0.005, 0.01]"])),
                ("num_adaptive_axes", json!(2)),
            ],
            // With brackets the axis would have come from the configuration.
            "conditional, fixed only" => vec![("fixed_axes", json!(["noise=0"]))],
            _ => Vec::new(),
        };
        for (key, value) in corrections {
            let old = expected["aees_overhead_metadata"][key].take();
            assert_ne!(old, value, "{}: this correction corrects nothing", self.name);
            expected["aees_overhead_metadata"][key] = value;
        }
        expected
    }
}

fn golden() -> Golden {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/runtime_metrics/golden.json");
    serde_json::from_str(&fs::read_to_string(path).unwrap()).unwrap()
}

fn case(name: &str) -> Map<String, Value> {
    golden().cases.into_iter().find(|case| case.name == name).unwrap().result
}

#[test]
fn all_keys_are_the_references() {
    for case in golden().cases {
        let metrics = runtime_metrics(&case.result, &HardwareFields::default());
        let expected = case.expected();
        for (key, value) in &expected {
            assert_eq!(metrics.get(key), Some(value), "{}: {key}", case.name);
        }
        assert_eq!(metrics.len(), expected.len(), "{}", case.name);
    }
}

#[test]
fn mean_and_deviation_are_pythons_to_the_last_bit() {
    for (values, expected_mean, expected_deviation) in golden().statistics {
        assert_eq!(mean(&values), Some(expected_mean), "{values:?}");
        assert_eq!(population_deviation(&values), Some(expected_deviation), "{values:?}");
    }
}

#[test]
fn the_references_test_vector() {
    let metrics = runtime_metrics(&case("vector"), &HardwareFields::default());
    assert_eq!(metrics["seconds_per_step"], 0.2);
    assert_eq!(metrics["steps_per_second"], 5.0);
    assert_eq!(metrics["effective_batch_size"], 32);
    assert_eq!(metrics["estimated_train_examples_processed"], 3200);
    assert_eq!(metrics["estimated_examples_per_second"], 160.0);
    assert_eq!(metrics["estimated_tflops_total"], 4.0);
    assert_eq!(metrics["estimated_tflops_per_second"], 0.2);
    assert_eq!(metrics["estimated_tflops_per_hour"], 720.0);
    assert_eq!(metrics["mean_epoch_wall_clock_seconds"], 4.0);
    assert_eq!(metrics["std_epoch_wall_clock_seconds"], 0.4_f64.sqrt());
    assert_eq!(metrics["controller_update_count_by_axis"], json!({"lr": 0, "noise": 5}));
    assert_eq!(metrics["controller_history_length_by_axis"], json!({"lr": 0, "noise": 2}));
    let overhead = &metrics["aees_overhead_metadata"];
    assert_eq!(overhead["adaptive_axes"], json!(["noise=[0, 0.005, 0.01]"]));
    assert_eq!(overhead["fixed_axes"], json!(["lr=1"]));
    assert_eq!(overhead["num_controllers_created"], 1);
}

#[test]
fn the_archived_cifar_run_gives_the_metrics_it_recorded() {
    let metrics = runtime_metrics(&case("new CIFAR-100"), &HardwareFields::default());
    let recorded = [
        ("epochs_per_hour", 600.470692423769),
        ("estimated_examples_per_second", 8347.877004006887),
        ("estimated_tflops_per_hour", 3554.7864991487127),
        ("estimated_tflops_per_second", 0.9874406942079758),
        ("mean_epoch_tflops", 5.92),
        ("mean_epoch_wall_clock_seconds", 5.616570895473059),
        ("min_epoch_wall_clock_seconds", 5.348813061835244),
        ("seconds_per_epoch", 5.995296765390473),
        ("seconds_per_step", 0.015333239809182796),
        ("std_epoch_wall_clock_seconds", 0.8473793188376116),
        ("steps_per_second", 65.2177890938038),
        ("wall_clock_hours", 0.029976483826952366),
        ("wall_clock_minutes", 1.7985890296171418),
    ];
    for (key, value) in recorded {
        assert_eq!(metrics[key], value, "{key}");
    }
    assert_eq!(metrics["estimated_train_examples_processed"], 900_864);
    assert_eq!(metrics["controller_update_count_by_axis"], json!({"lr": 36, "noise": 0}));
    assert_eq!(metrics["aees_overhead_metadata"]["adaptive_axes"], json!(["lr=[0.5, 1, 2]"]));
    assert_eq!(metrics["aees_overhead_metadata"]["fixed_axes"], json!(["noise=0"]));
}

#[test]
fn a_baseline_shows_the_candidates_it_does_not_use() {
    let metrics = runtime_metrics(&case("baseline"), &HardwareFields::default());
    let overhead = &metrics["aees_overhead_metadata"];
    assert_eq!(overhead["adaptive_axes"], Value::Null);
    assert_eq!(overhead["num_adaptive_axes"], Value::Null);
    assert_eq!(overhead["fixed_axes"], json!(["lr=[1]", "noise=[0]"]));
    assert_eq!(overhead["num_fixed_axes"], 2);
    assert_eq!(overhead["num_controllers_created"], 0);
    assert_eq!(overhead["controller_created_by_axis"], json!({"lr": null, "noise": null}));
    assert_eq!(overhead["fixed_axis_optimization_enabled"], true);
    assert_eq!(metrics["controller_update_count_by_axis"], Value::Null);
}

#[test]
fn conditional_noise_sums_updates_and_takes_the_longest_history() {
    let metrics = runtime_metrics(&case("conditional"), &HardwareFields::default());
    assert_eq!(metrics["controller_update_count_by_axis"], json!({"lr": 5, "noise": 8}));
    assert_eq!(metrics["controller_history_length_by_axis"], json!({"lr": 5, "noise": 5}));
    assert_eq!(metrics["aees_overhead_metadata"]["num_controllers_created"], 3);
}

#[test]
fn contextual_controllers_count_by_their_global_prior() {
    let metrics = runtime_metrics(&case("contextual"), &HardwareFields::default());
    assert_eq!(metrics["controller_update_count_by_axis"], json!({"lr": 7, "noise": 3}));
    assert_eq!(metrics["controller_history_length_by_axis"], json!({"lr": 7, "noise": 3}));
}

#[test]
fn huge_numbers_become_null_and_nothing_panics() {
    let result = json!({
        "wall_clock_seconds": 1e-300,
        "total_steps": i64::MAX,
        "total_epochs": u64::MAX,
        "estimated_flops": 1e308,
        "epoch_wall_clock_seconds": [1e308, 1e308, 1e308],
        "epoch_tflops": [f64::MAX, f64::MAX],
        "config": {"batch_size": i64::MAX, "gradient_accumulation_steps": 2},
    });
    let metrics = runtime_metrics(result.as_object().unwrap(), &HardwareFields::default());
    for key in [
        "effective_batch_size",
        "estimated_train_examples_processed",
        "estimated_tflops_per_second",
        "mean_epoch_wall_clock_seconds",
        "mean_epoch_tflops",
        "total_epochs",
    ] {
        assert_eq!(metrics[key], Value::Null, "{key}");
    }
}

#[test]
fn hardware_of_a_machine_with_gpus() {
    let gpu = |name: &str, bytes| Gpu { name: name.to_owned(), total_memory_bytes: bytes };
    let devices = vec![gpu("A", Some((32 << 30) + 7)), gpu("B", None)];
    let gpus = Gpus { interface: "cuda".to_owned(), driver: Some("580".to_owned()), devices, current: Some(1) };
    let mut machine =
        Hardware { hostname: Some("box".to_owned()), platform: "Linux-6.1-x86_64".to_owned(), ..Hardware::default() };
    let hardware_of =
        |machine: &Hardware| runtime_metrics(&case("vector"), &HardwareFields::from(machine))["hardware"].clone();

    let without = hardware_of(&machine);
    assert_eq!(without["cuda_available"], false);
    assert_eq!(without["gpu_count"], 0);
    assert_eq!(without["gpu_names"], json!([]));
    assert_eq!(without["current_device_name"], Value::Null);

    machine.gpus = Some(gpus);
    let expected = json!({
        "hostname": "box",
        "platform": "Linux-6.1-x86_64",
        "python_version": null,
        "torch_version": null,
        "cuda_available": true,
        "torch_cuda_version": null,
        "cudnn_version": null,
        "gpu_count": 2,
        "gpu_names": ["A", "B"],
        "gpu_total_memory_mb": [32768, 0],
        "current_device_index": 1,
        "current_device_name": "B",
        "device_from_config": "cpu",
        "num_workers_from_config": 0,
        "pin_memory_from_config": false,
        "mixed_precision_from_config": null,
        "bf16_from_config": null,
        "fp16_from_config": null,
    });
    assert_eq!(hardware_of(&machine), expected);
}
