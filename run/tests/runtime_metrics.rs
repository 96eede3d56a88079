//! `runtime_metrics` against the reference's own function.
//!
//! `runtime_metrics/golden.json` holds made-up results and what the reference computes from them; the script beside it
//! made it. The test vector of the reference is its first case.

use std::fs;
use std::path::Path;

use aees_control::{AxisLog, ColumnEntry, ColumnLogs, ContextualLog, ControllerLogs, Labelled};
use aees_run::hardware::{Gpu, Gpus, Hardware};
use aees_run::runtime_metrics::runtime_metrics;
use aees_run::settings::{Place, RunConfig, TaskName};
use aees_run::state::{FinishedEpoch, TrainState};
use serde::Deserialize;
use serde_json::{Map, Value, json};

#[derive(Debug, Deserialize)]
struct Golden {
    cases: Vec<Case>,
}

#[derive(Debug, Deserialize)]
struct Case {
    name: String,
    result: Value,
    runtime_metrics: Map<String, Value>,
}

impl Case {
    fn all() -> Vec<Self> {
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/runtime_metrics/golden.json");
        let golden: Golden = serde_json::from_str(&fs::read_to_string(path).unwrap()).unwrap();
        golden.cases
    }

    fn named(name: &str) -> Self {
        Self::all().into_iter().find(|case| case.name == name).unwrap()
    }

    /// What we make of the same run.
    fn metrics(&self, hardware: &Hardware) -> Map<String, Value> {
        let result = &self.result;
        let settings = &result["config"];
        let mut config = RunConfig::new(TaskName::Cifar100);
        for key in [
            "batch_size",
            "context_mode",
            "structured_control_mode",
            "lr_scheduler",
            "episode_length",
            "lr_candidates",
            "noise_candidates",
        ] {
            config.set(key, &settings[key], &Place::Resolved).unwrap();
        }
        let accumulated = &self.runtime_metrics["gradient_accumulation_steps"];
        config.set("gradient_accumulation_steps", accumulated, &Place::Resolved).unwrap();
        let mode = if settings["control_regime"] == "Baseline" { "baseline" } else { "adaptive" };
        config.set("control_mode", &json!(mode), &Place::Resolved).unwrap();
        let mut state = TrainState::new(None);
        state.step = result["total_steps"].as_u64().unwrap();
        state.train_flops = result["estimated_flops"].as_f64().unwrap();
        let columns = [floats(&result["epoch_wall_clock_seconds"]), floats(&result["epoch_tflops"])];
        // The reference's lists need not be of one length.
        let epochs = result["total_epochs"].as_u64().unwrap().min(columns[0].len() as u64);
        state.epochs = (0..epochs as usize).map(|epoch| finished(columns[0][epoch], columns[1][epoch])).collect();
        let logs = controller_logs(&result["controller_logs"]);
        let seconds = result["wall_clock_seconds"].as_f64().unwrap();
        runtime_metrics(&config, &state, logs.as_ref(), seconds, hardware, settings["device"].as_str().unwrap())
    }

    /// What the reference makes of it, and where we differ on purpose.
    fn expected(&self) -> Map<String, Value> {
        let mut expected = self.runtime_metrics.clone();
        expected.remove("hardware");
        let mut corrections = match self.name.as_str() {
            // It forgets a conditional noise axis in the lists of axes.
            "conditional" => vec![
                ("adaptive_axes", json!(["lr=[0.5, 1, 2]", "noise=[0, 0.005, 0.01]"])),
                ("num_adaptive_axes", json!(2)),
            ],
            // With brackets the axis would have come from the configuration.
            "conditional, fixed only" => vec![("fixed_axes", json!(["noise=0"]))],
            // Its candidates contradict its logs, and the reference lists the axis twice.
            "update histories only" => vec![("fixed_axes", Value::Null), ("num_fixed_axes", Value::Null)],
            _ => Vec::new(),
        };
        // The made-up runs have a method's name that contradicts their mode.
        if self.result["config"]["control_regime"] == "Baseline" {
            corrections.push(("method_name", json!("Baseline")));
        }
        for (key, value) in corrections {
            let old = expected["aees_overhead_metadata"][key].take();
            assert_ne!(old, value, "{}: this correction corrects nothing", self.name);
            expected["aees_overhead_metadata"][key] = value;
        }
        // A run of ours counts its episodes always.
        if expected["logged_episode_count"].is_null() && !self.result["controller_logs"].is_null() {
            expected["logged_episode_count"] = json!(0);
        }
        expected
    }
}

fn floats(values: &Value) -> Vec<f64> {
    values.as_array().unwrap().iter().map(|value| value.as_f64().unwrap()).collect()
}

fn finished(seconds: f64, tflops: f64) -> FinishedEpoch {
    let nothing = 0.0;
    let (train_loss, train_accuracy, val_accuracy, learning_rate) = (nothing, nothing, nothing, nothing);
    FinishedEpoch { train_loss, train_accuracy, val_accuracy, learning_rate, seconds, tflops, gradients: None }
}

fn controller_logs(logs: &Value) -> Option<ControllerLogs> {
    logs.as_object()?;
    let by_lr = logs["noise_controller_logs_by_lr"].as_object();
    Some(ControllerLogs {
        structured_control_mode: "independent",
        context_mode: "none",
        logged_episode_count: logs["_logged_episode_count"].as_u64().unwrap_or_default() as usize,
        lr_controller_logs: axis_log(&logs["lr_controller_logs"]),
        noise_controller_logs: logs.get("noise_controller_logs").map(axis_log),
        noise_controller_logs_by_lr: by_lr
            .map(|by_lr| Labelled(by_lr.iter().map(|(lr, log)| (lr.clone(), axis_log(log))).collect())),
        non_contextual_random_note: None,
        open_loop_note: None,
    })
}

fn axis_log(log: &Value) -> AxisLog {
    let contextual = log.get("global_prior_logs").map(|prior| ContextualLog {
        context_bucket_names: Vec::new(),
        prior_from_global: true,
        bucket_visit_counts_history: Vec::new(),
        bucket_reward_sums_history: Vec::new(),
        bucket_distinct_arm_counts_history: Vec::new(),
        global_prior_logs: columns(prior),
        bucket_controller_logs: Labelled(Vec::new()),
    });
    AxisLog {
        controller_type: "",
        axis_name: "",
        arm_values: floats(&log["arm_values"]),
        controller_created: log["controller_created"].as_bool().unwrap(),
        fixed_arm_value: None,
        conditioned_on_lr_value: None,
        columns: contextual.is_none().then(|| columns(log)),
        contextual,
    }
}

fn columns(log: &Value) -> ColumnLogs {
    let entry = |value: &Value| match value.as_u64() {
        Some(count) => Some(ColumnEntry::Count(count)),
        None => Some(ColumnEntry::Arms(Labelled(Vec::new()))),
    };
    let column = |key: &str| Some((key.to_owned(), log.get(key)?.as_array()?.iter().map(entry).collect()));
    Labelled(["value_estimates_history", "controller_updates_history"].into_iter().filter_map(column).collect())
}

/// To the last digit but one: the reference adds exactly and rounds once.
fn assert_same(found: &Value, expected: &Value, what: &str) {
    match (found.as_f64(), expected.as_f64()) {
        (Some(found), Some(expected)) => {
            assert!((found - expected).abs() <= 4.0 * f64::EPSILON * expected.abs(), "{what}: {found} {expected}");
        }
        _ => assert_eq!(found, expected, "{what}"),
    }
}

#[test]
fn all_keys_are_the_references() {
    for case in Case::all().into_iter().filter(|case| case.name != "no steps") {
        let name = &case.name;
        let mut metrics = case.metrics(&Hardware::default());
        let hardware = metrics.remove("hardware").unwrap();
        for (key, value) in case.runtime_metrics["hardware"].as_object().unwrap() {
            assert!(hardware.get(key).is_some(), "{name}: {key} {value}");
        }
        let expected = case.expected();
        for (key, value) in &expected {
            assert_same(&metrics[key], value, &format!("{name}: {key}"));
        }
        assert_eq!(metrics.len(), expected.len(), "{name}");
    }
}

/// The reference's case has epochs without steps, which a run of ours cannot have: what follows from the steps is compared.
#[test]
fn a_run_without_a_step_has_no_rates() {
    let case = Case::named("no steps");
    let metrics = case.metrics(&Hardware::default());
    for key in [
        "total_steps",
        "total_epochs",
        "steps_per_second",
        "seconds_per_step",
        "seconds_per_epoch",
        "epochs_per_hour",
        "estimated_examples_per_second",
        "estimated_train_examples_processed",
    ] {
        assert_same(&metrics[key], &case.runtime_metrics[key], key);
    }
}

#[test]
fn the_references_test_vector() {
    let metrics = Case::named("vector").metrics(&Hardware::default());
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
    let metrics = Case::named("new CIFAR-100").metrics(&Hardware::default());
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
        assert_same(&metrics[key], &json!(value), key);
    }
    assert_eq!(metrics["estimated_train_examples_processed"], 900_864);
    assert_eq!(metrics["controller_update_count_by_axis"], json!({"lr": 36, "noise": 0}));
    assert_eq!(metrics["aees_overhead_metadata"]["adaptive_axes"], json!(["lr=[0.5, 1, 2]"]));
    assert_eq!(metrics["aees_overhead_metadata"]["fixed_axes"], json!(["noise=0"]));
}

#[test]
fn a_baseline_shows_the_candidates_it_does_not_use() {
    let metrics = Case::named("baseline").metrics(&Hardware::default());
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
    let metrics = Case::named("conditional").metrics(&Hardware::default());
    assert_eq!(metrics["controller_update_count_by_axis"], json!({"lr": 5, "noise": 8}));
    assert_eq!(metrics["controller_history_length_by_axis"], json!({"lr": 5, "noise": 5}));
    assert_eq!(metrics["aees_overhead_metadata"]["num_controllers_created"], 3);
}

#[test]
fn contextual_controllers_count_by_their_global_prior() {
    let metrics = Case::named("contextual").metrics(&Hardware::default());
    assert_eq!(metrics["controller_update_count_by_axis"], json!({"lr": 7, "noise": 3}));
    assert_eq!(metrics["controller_history_length_by_axis"], json!({"lr": 7, "noise": 3}));
}

#[test]
fn huge_numbers_become_null_and_nothing_panics() {
    let mut state = TrainState::new(None);
    state.step = u64::MAX;
    state.train_flops = 1e308;
    state.epochs = vec![finished(1e308, f64::MAX), finished(1e308, f64::MAX)];
    let config = RunConfig::new(TaskName::Cifar100);
    let metrics = runtime_metrics(&config, &state, None, 1e-300, &Hardware::default(), "cpu");
    for key in [
        "estimated_train_examples_processed",
        "estimated_tflops_per_second",
        "mean_epoch_wall_clock_seconds",
        "mean_epoch_tflops",
    ] {
        assert_eq!(metrics[key], Value::Null, "{key}");
    }
}

#[test]
fn hardware_of_a_machine_with_gpus() {
    let gpu = |name: &str, bytes| Gpu { name: name.to_owned(), total_memory_bytes: bytes, ..Gpu::default() };
    let devices = vec![gpu("A", Some((32 << 30) + 7)), gpu("B", None)];
    let gpus =
        Gpus { interface: "cuda".to_owned(), driver: Some("580".to_owned()), devices, current: Some(1), runtime: None };
    let mut machine =
        Hardware { hostname: Some("box".to_owned()), platform: "Linux-6.1-x86_64".to_owned(), ..Hardware::default() };
    let hardware_of = |machine: &Hardware| Case::named("vector").metrics(machine)["hardware"].clone();

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
