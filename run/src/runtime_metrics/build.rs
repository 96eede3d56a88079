//! The block itself: each key of it, from the keys of a RunResult.

use serde_json::Value;

use super::axes::Axes;
use super::field::{self, Object, float_or_null, floats_or_null, ratio};
use super::hardware::{HardwareFields, hardware_metadata};
use super::statistics::{mean, population_deviation};

/// Computes `runtime_metrics` of a RunResult, ours or the reference's. Every key is always there; what cannot be computed
/// is null.
///
/// Times are in seconds, `estimated_flops` in FLOP. Examples are counted as steps times batch size, which counts the
/// short last batch of an epoch as a full one, as the reference does.
pub fn runtime_metrics(result: &Object, hardware: &HardwareFields) -> Object {
    let empty = Object::new();
    let config = field::object(result, "config").unwrap_or(&empty);
    let controller_logs = field::object(result, "controller_logs");
    let axes = Axes::new(config, controller_logs);
    let mut metrics = Object::new();
    add_epochs(&mut metrics, result);
    add_rates(&mut metrics, result, config);
    add_flops(&mut metrics, result);
    let mut add = |key: &str, value: Value| metrics.insert(key.to_owned(), value);
    add("hardware", Value::Object(hardware_metadata(hardware, config)));
    add("aees_overhead_metadata", Value::Object(overhead_metadata(result, config, &axes)));
    let episodes = controller_logs.and_then(|logs| field::integer(logs, "_logged_episode_count"));
    add("logged_episode_count", Value::from(episodes));
    add("controller_update_count_by_axis", axes.update_counts());
    add("controller_history_length_by_axis", axes.history_lengths());
    // The reference never counts selections, but has the key.
    add("controller_select_count_by_axis", Value::Null);
    metrics
}

/// The whole run's time and each epoch's.
fn add_epochs(metrics: &mut Object, result: &Object) {
    let wall = field::number(result, "wall_clock_seconds");
    let epochs = field::numbers(result, "epoch_wall_clock_seconds");
    let values = epochs.as_deref().unwrap_or_default();
    let mut add = |key: &str, value| metrics.insert(key.to_owned(), float_or_null(value));
    add("wall_clock_seconds", wall);
    add("wall_clock_minutes", wall.map(|seconds| seconds / 60.0));
    add("wall_clock_hours", wall.map(|seconds| seconds / 3600.0));
    add("mean_epoch_wall_clock_seconds", mean(values));
    add("std_epoch_wall_clock_seconds", population_deviation(values));
    add("min_epoch_wall_clock_seconds", values.iter().copied().reduce(f64::min));
    add("max_epoch_wall_clock_seconds", values.iter().copied().reduce(f64::max));
    add("first_epoch_wall_clock_seconds", values.first().copied());
    add("last_epoch_wall_clock_seconds", values.last().copied());
    metrics.insert("epoch_wall_clock_seconds".to_owned(), floats_or_null(epochs.as_deref()));
}

/// Steps, epochs and examples, and how fast they went. A run of no steps has no rate.
fn add_rates(metrics: &mut Object, result: &Object, config: &Object) {
    let wall = field::number(result, "wall_clock_seconds");
    let steps = field::integer(result, "total_steps");
    let epochs = field::integer(result, "total_epochs");
    let batch = field::integer(config, "batch_size");
    let accumulation = field::integer(config, "gradient_accumulation_steps").unwrap_or(1);
    let effective_batch = batch.and_then(|batch| batch.checked_mul(accumulation));
    let examples = steps.zip(effective_batch).and_then(|(steps, batch)| steps.checked_mul(batch));
    let positive = |count: Option<i64>| count.filter(|count| *count > 0).map(|count| count as f64);

    let mut add = |key: &str, value| metrics.insert(key.to_owned(), float_or_null(value));
    add("seconds_per_step", ratio(wall, positive(steps)));
    add("steps_per_second", ratio(positive(steps), wall));
    add("seconds_per_epoch", ratio(wall, positive(epochs)));
    add("epochs_per_hour", ratio(positive(epochs).map(|epochs| epochs * 3600.0), wall));
    add("estimated_examples_per_second", ratio(examples.map(|examples| examples as f64), wall));
    let mut add = |key: &str, value: Option<i64>| metrics.insert(key.to_owned(), Value::from(value));
    add("total_steps", steps);
    add("total_epochs", epochs);
    add("batch_size", batch);
    add("gradient_accumulation_steps", Some(accumulation));
    add("effective_batch_size", effective_batch);
    add("estimated_train_examples_processed", examples);
}

/// The estimated work and how fast it went.
fn add_flops(metrics: &mut Object, result: &Object) {
    let wall = field::number(result, "wall_clock_seconds");
    let flops = field::number(result, "estimated_flops");
    let total = flops.map(|flops| flops / 1e12);
    let epochs = field::numbers(result, "epoch_tflops");
    let mut add = |key: &str, value| metrics.insert(key.to_owned(), float_or_null(value));
    add("estimated_flops", flops);
    add("estimated_tflops_total", total);
    add("estimated_tflops_per_second", ratio(total, wall));
    add("estimated_tflops_per_hour", ratio(total.map(|total| total * 3600.0), wall));
    add("mean_epoch_tflops", mean(epochs.as_deref().unwrap_or_default()));
    metrics.insert("epoch_tflops".to_owned(), floats_or_null(epochs.as_deref()));
}

/// The object `aees_overhead_metadata`: settings as they stand, and what the axes say.
fn overhead_metadata(result: &Object, config: &Object, axes: &Axes) -> Object {
    let mut metadata = axes.overhead_metadata();
    metadata.insert("method_name".to_owned(), field::anything(result, "method_name"));
    for key in ["structured_control_mode", "context_mode", "lr_scheduler", "episode_length"] {
        metadata.insert(key.to_owned(), field::anything(config, key));
    }
    // A regime that is there and null stays null.
    let regime = if config.contains_key("control_regime") { "control_regime" } else { "control_mode" };
    metadata.insert("control_regime".to_owned(), field::anything(config, regime));
    metadata
}
