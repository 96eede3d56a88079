//! The RunResult as a file format.

/// Raised when a key changes its meaning.
pub const SCHEMA_VERSION: u32 = 1;

/// Top-level keys that hold times or the machine.
pub const TIME_KEYS: [&str; 5] =
    ["circumstances", "epoch_wall_clock_seconds", "hardware", "runtime_metrics", "wall_clock_seconds"];

/// What `metrics.jsonl` of a training run tells of each epoch.
pub const EPOCH_CURVES: [&str; 6] =
    ["train_loss", "train_accuracy", "val_accuracy", "learning_rate", "cumulative_tflops", "seconds"];

/// What it tells of each episode.
pub const EPISODE_CURVES: [&str; 6] =
    ["lr_multiplier", "noise_std", "reward", "loss_start", "loss_end", "mean_update_norm"];

/// The numbers that a training run's result can be judged by: those with a curve, those of the whole run, and what
/// `runtime_metrics` holds.
pub const METRICS: [&str; 36] = [
    "val_accuracy",
    "train_accuracy",
    "test_accuracy",
    "train_loss",
    "epoch_seconds",
    "epoch_tflops",
    "best_epoch",
    "accuracy_per_tflop",
    "true_flops",
    "estimated_flops",
    "label_noise_diagnostic_eval_flops",
    "total_steps",
    "total_epochs",
    "batch_size",
    "gradient_accumulation_steps",
    "effective_batch_size",
    "estimated_train_examples_processed",
    "wall_clock_seconds",
    "wall_clock_minutes",
    "wall_clock_hours",
    "mean_epoch_wall_clock_seconds",
    "std_epoch_wall_clock_seconds",
    "min_epoch_wall_clock_seconds",
    "max_epoch_wall_clock_seconds",
    "first_epoch_wall_clock_seconds",
    "last_epoch_wall_clock_seconds",
    "seconds_per_step",
    "steps_per_second",
    "seconds_per_epoch",
    "epochs_per_hour",
    "estimated_examples_per_second",
    "estimated_tflops_total",
    "estimated_tflops_per_second",
    "estimated_tflops_per_hour",
    "mean_epoch_tflops",
    "logged_episode_count",
];
