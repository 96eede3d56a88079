//! The block `runtime_metrics` of a RunResult: rates, epoch times, hardware, and what AEES itself did.
//!
//! The keys and their meaning are the reference's (its experiments' `build_runtime_metrics`). In one thing it is corrected: a
//! conditional noise axis, which has one controller for each multiplier, counts as one axis, and is listed as such.
//! Steady state, that is epochs without the first, is left to the overhead table.

use aees_control::{AxisLog, ColumnEntry, ControllerLogs, python_float};
use serde_json::{Map, Value, json};

use crate::hardware::Hardware;
use crate::settings::RunConfig;
use crate::state::TrainState;

/// Computes the block. `seconds` is the whole run's time, `device` the reference's word for the kind of device.
///
/// Examples are counted as steps times batch size, which counts the short last batch of an epoch as a full one, as the
/// reference does. What cannot be computed is null: the rate of a run without steps, an overflow.
pub fn runtime_metrics(
    config: &RunConfig,
    state: &TrainState,
    controllers: Option<&ControllerLogs>,
    seconds: f64,
    hardware: &Hardware,
    device: &str,
) -> Map<String, Value> {
    let axes = LoggedAxes::new(config, controllers);
    let mut metrics = Map::new();
    let blocks = [epochs(state, seconds), rates(config, state, seconds), flops(state, seconds), axes.counts()];
    blocks.into_iter().for_each(|block| metrics.extend(block.as_object().cloned().unwrap_or_default()));
    metrics.insert("hardware".into(), machine(hardware, device));
    metrics.insert("aees_overhead_metadata".into(), overhead(config, &axes));
    metrics
}

/// The whole run's time and each epoch's.
fn epochs(state: &TrainState, seconds: f64) -> Value {
    let epochs: Vec<f64> = state.epochs.iter().map(|epoch| epoch.seconds).collect();
    json!({
        "wall_clock_seconds": seconds,
        "wall_clock_minutes": seconds / 60.0,
        "wall_clock_hours": seconds / 3600.0,
        "epoch_wall_clock_seconds": epochs,
        "mean_epoch_wall_clock_seconds": mean(&epochs),
        "std_epoch_wall_clock_seconds": population_deviation(&epochs),
        "min_epoch_wall_clock_seconds": epochs.iter().copied().reduce(f64::min),
        "max_epoch_wall_clock_seconds": epochs.iter().copied().reduce(f64::max),
        "first_epoch_wall_clock_seconds": epochs.first(),
        "last_epoch_wall_clock_seconds": epochs.last(),
    })
}

/// Steps, epochs and examples, and how fast they went. A run of no steps has no rate.
fn rates(config: &RunConfig, state: &TrainState, seconds: f64) -> Value {
    let (steps, epochs) = (state.step, state.epochs.len());
    let examples = steps.checked_mul(config.step_examples() as u64);
    let counted = |count: f64| Some(count).filter(|count| *count > 0.0);
    let (step_count, epoch_count) = (counted(steps as f64), counted(epochs as f64));
    json!({
        "total_steps": steps,
        "total_epochs": epochs,
        "batch_size": config.batch_size,
        "gradient_accumulation_steps": config.gradient_accumulation_steps,
        "effective_batch_size": config.step_examples(),
        "estimated_train_examples_processed": examples,
        "seconds_per_step": step_count.map(|steps| seconds / steps),
        "steps_per_second": step_count.and_then(|steps| ratio(steps, seconds)),
        "seconds_per_epoch": epoch_count.map(|epochs| seconds / epochs),
        "epochs_per_hour": epoch_count.and_then(|epochs| ratio(epochs * 3600.0, seconds)),
        "estimated_examples_per_second": examples.and_then(|examples| ratio(examples as f64, seconds)),
    })
}

/// The estimated work and how fast it went.
fn flops(state: &TrainState, seconds: f64) -> Value {
    let flops = state.train_flops + state.eval_flops;
    let total = flops / 1e12;
    let epochs: Vec<f64> = state.epochs.iter().map(|epoch| epoch.tflops).collect();
    json!({
        "estimated_flops": flops,
        "estimated_tflops_total": total,
        "estimated_tflops_per_second": ratio(total, seconds),
        "estimated_tflops_per_hour": ratio(total * 3600.0, seconds),
        "mean_epoch_tflops": mean(&epochs),
        "epoch_tflops": epochs,
    })
}

/// The machine, in the reference's words. No Python takes part, so what is Python's is null.
fn machine(hardware: &Hardware, device: &str) -> Value {
    let gpus = hardware.gpus.as_ref();
    let devices = gpus.map_or(&[][..], |gpus| &gpus.devices);
    let current = gpus.and_then(|gpus| gpus.current).filter(|index| *index < devices.len());
    let mebibytes = |bytes: Option<u64>| bytes.unwrap_or(0) / (1 << 20);
    json!({
        "hostname": hardware.hostname,
        "platform": hardware.platform,
        "python_version": null,
        "torch_version": null,
        "cuda_available": !devices.is_empty() && gpus.is_some_and(|gpus| gpus.interface == "cuda"),
        "torch_cuda_version": null,
        "cudnn_version": null,
        "gpu_count": devices.len(),
        "gpu_names": devices.iter().map(|gpu| &gpu.name).collect::<Vec<_>>(),
        "gpu_total_memory_mb": devices.iter().map(|gpu| mebibytes(gpu.total_memory_bytes)).collect::<Vec<_>>(),
        "current_device_index": current,
        "current_device_name": current.map(|index| &devices[index].name),
        "device_from_config": device,
        "num_workers_from_config": 0,
        "pin_memory_from_config": false,
        "mixed_precision_from_config": null,
        "bf16_from_config": null,
        "fp16_from_config": null,
    })
}

/// The object `aees_overhead_metadata`: settings as they stand, and what the axes say.
fn overhead(config: &RunConfig, axes: &LoggedAxes<'_>) -> Value {
    // The reference's image runner names the method here, its text runners the mode.
    let mode = config.control_mode;
    let regime = if config.task.is_text() { mode.name() } else { mode.method_name() };
    let (adaptive, fixed) = (axes.texts(true), axes.texts(false));
    let counted = |texts: &[String]| Some(texts.len()).filter(|count| *count > 0);
    let listed = |texts: &[String]| Some(texts.to_vec()).filter(|texts| !texts.is_empty());
    json!({
        "method_name": config.method_name(),
        "control_regime": regime,
        "structured_control_mode": config.get("structured_control_mode"),
        "context_mode": config.get("context_mode"),
        "lr_scheduler": config.get("lr_scheduler"),
        "episode_length": config.episode_length,
        "lr_candidates": axes.lr.candidates,
        "noise_candidates": axes.noise.candidates,
        "fixed_axis_optimization_enabled": axes.fixed_axis_optimization(),
        "num_adaptive_axes": counted(&adaptive),
        "num_fixed_axes": counted(&fixed),
        "adaptive_axes": listed(&adaptive),
        "fixed_axes": listed(&fixed),
        "num_controllers_created": axes.controllers_created(),
        "controller_created_by_axis": axes.by_axis(LoggedAxis::created),
    })
}

/// One axis of AEES: its candidates, and the log of each of its controllers; a fixed axis has one log too.
struct LoggedAxis<'a> {
    name: &'static str,
    candidates: &'a [f64],
    logs: Vec<&'a AxisLog>,
}

/// Both axes of a run.
struct LoggedAxes<'a> {
    lr: LoggedAxis<'a>,
    noise: LoggedAxis<'a>,
    /// Closed episodes; none for a baseline, which has no controllers.
    episodes: Option<usize>,
    /// Whether each multiplier is to have its own noise controller.
    conditional: bool,
}

impl<'a> LoggedAxes<'a> {
    fn new(config: &'a RunConfig, controllers: Option<&'a ControllerLogs>) -> Self {
        let by_lr = controllers.and_then(|logs| logs.noise_controller_logs_by_lr.as_ref());
        let by_lr = by_lr.into_iter().flat_map(|by_lr| by_lr.0.iter().map(|(_, log)| log));
        let single = controllers.and_then(|logs| logs.noise_controller_logs.as_ref());
        let lr_logs = controllers.iter().map(|logs| &logs.lr_controller_logs).collect();
        Self {
            lr: LoggedAxis { name: "lr", candidates: &config.lr_candidates.0, logs: lr_logs },
            noise: LoggedAxis {
                name: "noise",
                candidates: &config.noise_candidates.0,
                logs: by_lr.chain(single).collect(),
            },
            episodes: controllers.map(|logs| logs.logged_episode_count),
            conditional: config.get("structured_control_mode").is_some_and(|mode| mode == "conditional"),
        }
    }

    /// Episodes, and updates and snapshots of each axis' controllers. The reference never counts selections, but has the key.
    fn counts(&self) -> Value {
        let if_logged = |value: Value| self.episodes.map(|_| value);
        json!({
            "logged_episode_count": self.episodes,
            "controller_update_count_by_axis": if_logged(self.by_axis(LoggedAxis::updates)),
            "controller_history_length_by_axis": if_logged(self.by_axis(LoggedAxis::history_length)),
            "controller_select_count_by_axis": null,
        })
    }

    fn by_axis<T: serde::Serialize>(&self, value: fn(&LoggedAxis<'a>) -> T) -> Value {
        json!({"lr": value(&self.lr), "noise": value(&self.noise)})
    }

    /// Whether an axis with one candidate does without a controller; nothing for a baseline that has no such axis.
    fn fixed_axis_optimization(&self) -> Option<bool> {
        let axes = [&self.lr, &self.noise];
        match self.episodes {
            Some(_) => Some(axes.iter().any(|axis| axis.created() == Some(false))),
            None => axes.iter().any(|axis| axis.candidates.len() == 1).then_some(true),
        }
    }

    /// The adaptive, or the fixed, axes in words. Those of a baseline are what it could have had.
    fn texts(&self, adaptive: bool) -> Vec<String> {
        let chosen = |axis: &&&LoggedAxis<'a>| axis.created().unwrap_or(axis.candidates.len() > 1) == adaptive;
        let values = |axis: &LoggedAxis<'a>| axis.logs.first().map_or(axis.candidates, |log| &log.arm_values);
        let text = |axis: &&LoggedAxis<'a>| match values(axis) {
            [value] if self.episodes.is_some() => format!("{}={}", axis.name, general(*value)),
            values => {
                format!("{}=[{}]", axis.name, values.iter().map(|value| general(*value)).collect::<Vec<_>>().join(", "))
            }
        };
        [&self.lr, &self.noise].iter().filter(chosen).map(text).collect()
    }

    /// Controllers that were made; for a baseline those that its candidates would need.
    fn controllers_created(&self) -> usize {
        if self.episodes.is_some() {
            return self.lr.logs.iter().chain(&self.noise.logs).filter(|log| log.controller_created).count();
        }
        let multipliers = self.lr.candidates.len();
        let for_noise = match (self.noise.candidates.len() > 1, self.conditional && multipliers > 1) {
            (false, _) => 0,
            (true, false) => 1,
            (true, true) => multipliers,
        };
        usize::from(multipliers > 1) + for_noise
    }
}

impl LoggedAxis<'_> {
    /// Whether any controller was made; nothing for a baseline.
    fn created(&self) -> Option<bool> {
        self.logs.iter().map(|log| log.controller_created).max()
    }

    /// Updates of all controllers together; nothing where they count none.
    fn updates(&self) -> Option<u64> {
        self.logs.iter().filter_map(|log| updates(log)).reduce(u64::saturating_add)
    }

    /// Snapshots of the controller that has most.
    fn history_length(&self) -> Option<usize> {
        self.logs.iter().filter_map(|log| history_length(log)).max()
    }
}

/// The last entry of the update history, or of what all contexts taught for a contextual controller; 0 for a fixed axis.
fn updates(log: &AxisLog) -> Option<u64> {
    match column(log, "controller_updates_history") {
        _ if !log.controller_created => Some(0),
        Some([.., Some(ColumnEntry::Count(updates))]) => Some(*updates),
        _ => None,
    }
}

/// How many snapshots a controller logged; 0 for a fixed axis.
fn history_length(log: &AxisLog) -> Option<usize> {
    let length = |key| column(log, key).map(<[_]>::len);
    if log.controller_created {
        length("value_estimates_history").or_else(|| length("controller_updates_history"))
    } else {
        Some(0)
    }
}

fn column<'a>(log: &'a AxisLog, key: &str) -> Option<&'a [Option<ColumnEntry>]> {
    let contextual = log.contextual.as_ref().map(|contextual| &contextual.global_prior_logs);
    Some(log.columns.as_ref().or(contextual)?.get(key)?)
}

/// C's `%g`.
fn general(value: f64) -> String {
    python_float::general(value, 6)
}

/// `numerator / denominator`, or nothing if the denominator is zero.
fn ratio(numerator: f64, denominator: f64) -> Option<f64> {
    (denominator != 0.0).then(|| numerator / denominator)
}

fn mean(values: &[f64]) -> Option<f64> {
    (!values.is_empty()).then(|| values.iter().sum::<f64>() / values.len() as f64)
}

/// The standard deviation of a whole population: divided by n, not n - 1.
fn population_deviation(values: &[f64]) -> Option<f64> {
    let mean = mean(values)?;
    let squares = values.iter().map(|value| (value - mean).powi(2)).sum::<f64>();
    Some((squares / values.len() as f64).sqrt())
}
