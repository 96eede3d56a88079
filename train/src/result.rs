//! The RunResult: what a run leaves for tables, figures and other programs.
//!
//! Every key of the reference with its meaning, so that scripts written for it read our files; beside them what it lacks:
//! identity, engine, machine, outcome, digests. Keys that hold times or the machine are named in [`aees_run::result::TIME_KEYS`]; two runs of
//! the same configuration agree in all others.

use aees_control::controller::Controller;
use aees_control::schedule::ScheduleKind;
use aees_control::settings::SettingNumber;
use aees_control::{Aees, ArmPolicy, python_float};
use serde_json::{Map, Value, json};

use aees_run::result::SCHEMA_VERSION;
use aees_run::settings::{ControlMode, RunConfig};
use aees_tasks::dataset;

use crate::controllers::{Schedule, schedule_seed};
use crate::engine_info::{EngineInfo, this_build};
use crate::label_noise_diagnostics::{SubsetAccuracies, report_json};
use crate::training_task::{TaskFacts, TrainingTask};
use aees_run::circumstances::MachineWatch;
use aees_run::hardware::Hardware;
use aees_run::identity::RunIdentity;
use aees_run::outcome::Outcome;
use aees_run::runtime_metrics::runtime_metrics;
use aees_run::state::{EpochGradients, FinishedEpoch, TrainState};

/// What a run ended with, beside its state.
#[derive(Clone, Debug)]
pub struct RunEnd {
    /// How it ended.
    pub outcome: Outcome,
    /// Seconds of work, over all processes.
    pub seconds: f64,
    /// SHA-256 over all parameters and buffers.
    pub parameter_digest: String,
    /// Accuracies under label noise, at the end and at the best epoch.
    pub subsets: Option<(SubsetAccuracies, Option<SubsetAccuracies>)>,
    /// Accuracy on the untouched test set at the end and at the best epoch, when a part of the training set was held out.
    pub test: Option<(f64, Option<f64>)>,
    /// Estimated FLOP of the diagnostics, by the reference's constant.
    pub diagnostic_flops: f64,
    /// The most memory of its device that the engine held, if it counts that.
    pub peak_device_memory: Option<u64>,
}

/// What is known of a run before it starts.
#[derive(Clone, Copy)]
pub struct RunFacts<'a> {
    /// The checked configuration.
    pub config: &'a RunConfig,
    /// The run's ids.
    pub identity: &'a RunIdentity,
    /// The engine.
    pub engine: &'a EngineInfo,
    /// The task.
    pub task: &'a dyn TrainingTask,
    /// The schedule of an open-loop mode.
    pub schedule: Option<&'a Schedule>,
    /// What was seen of the machine while it trained.
    pub watch: &'a MachineWatch,
}

/// The RunResult.
pub fn run_result(facts: &RunFacts<'_>, state: &TrainState, end: &RunEnd) -> Value {
    let config = facts.config;
    let task = facts.task.facts();
    let epochs = &state.epochs;
    let column = |of: fn(&FinishedEpoch) -> f64| epochs.iter().map(of).collect::<Vec<_>>();
    let estimated_flops = state.train_flops + state.eval_flops;
    let best = state.best.map_or(0.0, |best| best.val_accuracy);
    let aees = state.aees.as_ref();
    let logs = aees.map(Aees::controller_logs);
    let mut hardware = Hardware::probe();
    facts.engine.describe_device(&mut hardware, facts.watch, end.peak_device_memory);
    let circumstances = facts.watch.circumstances(&state.sessions, this_build(), rayon::current_num_threads());
    let (engine, device) = (facts.engine, facts.engine.device.choice.kind());
    let mut result = Map::new();
    let mut put = |keys: Value| result.extend(keys.as_object().cloned().unwrap_or_default());
    put(json!({
        "method_name": config.method_name(),
        "task_name": config.task.name(),
        "dataset_name": dataset(config.task).title,
        "model_name": task.model_name,
        "seed": config.seed,
        "run_tag": config.run_tag,
        "total_epochs": epochs.len(),
        "total_steps": state.step,
        "train_losses": column(|epoch| epoch.train_loss),
        "train_accuracies": column(|epoch| epoch.train_accuracy),
        "val_accuracies": column(|epoch| epoch.val_accuracy),
        "best_val_accuracy": best,
        "final_val_accuracy": epochs.last().map(|epoch| epoch.val_accuracy),
        "final_train_loss": epochs.last().map(|epoch| epoch.train_loss),
        "epoch_wall_clock_seconds": column(|epoch| epoch.seconds),
        "wall_clock_seconds": end.seconds,
        "epoch_tflops": column(|epoch| epoch.tflops),
        "estimated_flops": estimated_flops,
        "accuracy_per_tflop": (estimated_flops > 0.0).then(|| best / (estimated_flops / 1e12)),
        "episode_logs": aees.map(Aees::episode_logs),
        "controller_logs": logs,
        "config": config_json(facts, state, end),
        "runtime_metrics": runtime_metrics(config, state, logs.as_ref(), end.seconds, &hardware, device),
    }));
    // Beyond the reference.
    put(json!({
        "controller": aees.map(controller_json),
        "schema_version": SCHEMA_VERSION,
        "run_id": facts.identity.run_id.full(),
        "config_id": facts.identity.config_id.full(),
        "outcome": end.outcome,
        "engine": engine.engine,
        "backend": engine.device.backend,
        "device": engine.device.choice.to_string(),
        "device_name": engine.device.name,
        "driver": hardware.device.as_ref().and_then(|device| device.driver.clone()),
        "precision": engine.precision.name(),
        "hardware": hardware,
        "circumstances": circumstances,
        "versions": {"aees": env!("CARGO_PKG_VERSION"), "git_commit": option_env!("AEES_GIT_COMMIT")},
        "parameter_digest": end.parameter_digest,
        "data_fingerprint": task.inputs.data_fingerprint,
        "learning_rates": column(|epoch| epoch.learning_rate),
        "true_flops": true_flops(config, facts.task, state),
        "best_epoch": state.best.map(|best| best.epoch + 1),
    }));
    put(options_json(config, facts.task, state));
    put(task.inputs.digests.iter().map(|(name, digest)| (format!("{name}_digest"), json!(digest))).collect());
    put(Value::Object(task.origins.clone()));
    if let Some((_, Some(at_best))) = &end.subsets {
        put(json!({"best_epoch_diagnostics": at_best.to_json(Some(best))}));
    }
    if let Some((last, at_best)) = end.test {
        put(json!({"final_test_accuracy": last, "best_epoch_test_accuracy": at_best}));
    }
    if aees.is_none() {
        let norms = json!({"block_steps": config.episode_length, "mean_update_norms": state.update_norms.means});
        put(json!({ "baseline_update_norms": norms }));
    }
    Value::Object(result)
}

/// What options leave that are off by default: evaluations before the ends of epochs, where a run stopped early, and the norms of
/// gradients that are clipped.
fn options_json(config: &RunConfig, task: &dyn TrainingTask, state: &TrainState) -> Value {
    let mut options = Map::new();
    if config.eval_every.is_some() {
        options.insert("step_evaluations".into(), json!(state.evaluations));
    }
    if config.patience.is_some() {
        let planned = task.steps_per_epoch(config.step_examples()).saturating_mul(config.epochs.get());
        let early = config.patience.is_some_and(|patience| state.gain.since_best >= patience.get());
        let stopped = (early && state.step < planned).then(|| {
            json!({
                "step": state.step,
                "planned_steps": planned,
                "evaluations_without_gain": state.gain.since_best,
                "best_evaluation": state.gain.best,
            })
        });
        options.insert("stopped_early".into(), json!(stopped));
    }
    if config.grad_clip.is_some() {
        let column = |of: fn(EpochGradients) -> f64| {
            state.epochs.iter().map(|epoch| epoch.gradients.map(of)).collect::<Vec<_>>()
        };
        options.insert("gradient_norms".into(), json!(column(|gradients| gradients.mean_norm)));
        options.insert("clipped_shares".into(), json!(column(|gradients| gradients.clipped_share)));
    }
    Value::Object(options)
}

/// FLOP of what was really computed: forward and twice that for backward, two for each multiply-add. Of an unfinished epoch
/// the share of its examples counts, and of one that a run stopped in the share of its steps.
fn true_flops(config: &RunConfig, task: &dyn TrainingTask, state: &TrainState) -> f64 {
    let TaskFacts { train_forward_flops, eval_forward_flops, .. } = task.facts();
    let finished = state.epochs.len() as f64;
    let begun = state.open_epoch.examples as f64 / task.train_examples().max(1) as f64;
    let probed = state.probe_examples as f64 / task.train_examples().max(1) as f64;
    let steps_per_epoch = task.steps_per_epoch(config.step_examples());
    let missing = (state.epochs.len() as u64).saturating_mul(steps_per_epoch).saturating_sub(state.step);
    let trained = finished + begun - missing as f64 / steps_per_epoch.max(1) as f64;
    let evaluations = finished + state.evaluations.len() as f64;
    train_forward_flops * (3.0 * trained + probed) + eval_forward_flops * evaluations
}

/// All settings under their names, and what the reference derives from them.
fn config_json(facts: &RunFacts<'_>, state: &TrainState, end: &RunEnd) -> Value {
    let config = facts.config;
    let mut map = config.to_map();
    map.remove("task");
    let mut put = |key: &str, value: Value| map.insert(key.to_owned(), value);
    put("task_name", json!(config.task.name()));
    put("dataset_name", json!(dataset(config.task).title));
    put("model_name", json!(facts.task.facts().model_name));
    put("num_workers", json!(0));
    put("pin_memory", json!(false));
    put("device", json!(facts.engine.device.choice.kind()));
    put("base_lr", json!(config.lr.get()));
    put("base_weight_decay", json!(config.weight_decay.get()));
    put("scheduler_active", json!(config.lr_scheduler != ScheduleKind::None));
    put("schedule_seed", json!(schedule_seed(config)));
    put("output", json!(config.output.clone().unwrap_or_default()));
    if let Some(aees) = &state.aees {
        let names: Vec<String> = aees.candidates().map(|candidate| candidate.name()).collect();
        let definitions: Vec<Value> = aees
            .candidates()
            .map(|candidate| {
                let (multiplier, noise) = (candidate.lr_multiplier.get(), candidate.noise_std.get());
                json!({"name": candidate.name(), "lr_multiplier": multiplier, "noise_std": noise})
            })
            .collect();
        put("candidate_config_names", json!(names));
        put("candidate_config_definitions", json!(definitions));
    }
    if let (Some(schedule), Some(aees)) = (facts.schedule, &state.aees) {
        put("open_loop_policy", open_loop_json(config, aees, schedule));
    }
    if let (Some(report), Some((last, _))) = (&facts.task.facts().label_noise, &end.subsets) {
        let val_accuracy = state.epochs.last().map(|epoch| epoch.val_accuracy);
        put(
            "diagnostics",
            json!({
                "label_noise": report_json(report, true),
                "final_subset_accuracies": last.to_json(val_accuracy),
                "label_noise_diagnostic_eval_flops": end.diagnostic_flops,
            }),
        );
    }
    facts.task.describe(config, &mut map);
    Value::Object(map)
}

/// Who picked, by name, with the settings of a bandit under their keys.
fn controller_json(aees: &Aees) -> Value {
    let bandit = match &aees.config().policy {
        ArmPolicy::Bandit(bandit) => bandit,
        ArmPolicy::Random => return json!({"name": "random"}),
        ArmPolicy::OpenLoop(plan) => return json!({"name": plan.policy.name()}),
    };
    let settings = bandit.settings().into_iter().map(|(setting, number)| {
        let value = match number {
            SettingNumber::Integer(value) => json!(value),
            SettingNumber::Real(value) => json!(value),
        };
        (setting.key.to_owned(), value)
    });
    Value::Object([("name".to_owned(), json!(bandit.choice().name()))].into_iter().chain(settings).collect())
}

/// The sequence of an open-loop run under the reference's keys, which know multipliers only. With several noise levels
/// the arms are pairs, called by the names of their candidates, and there are two columns more.
fn open_loop_json(config: &RunConfig, aees: &Aees, schedule: &Schedule) -> Value {
    let plan = &schedule.plan;
    let noise_levels = config.noise_candidates.0.len();
    let names: Vec<String> = match noise_levels {
        1 => config.lr_candidates.0.iter().map(|value| python_float::repr(*value)).collect(),
        _ => aees.candidates().map(|candidate| candidate.name()).collect(),
    };
    let by_arm = |values: Vec<Value>| -> Value { names.iter().cloned().zip(values).collect::<Map<_, _>>().into() };
    let lr_arms: Vec<usize> = plan.arms.iter().map(|arm| arm / noise_levels).collect();
    let multipliers: Vec<f64> = lr_arms.iter().map(|arm| config.lr_candidates.0[*arm]).collect();
    let played = aees.episodes().iter().map(|episode| episode.selection.candidate);
    let executed: Vec<f64> = played.map(|candidate| candidate.lr_multiplier.get()).collect();
    let controllers = aees.manager().lr_controller().into_iter().chain(aees.manager().noise_control().controllers());
    let state = controllers.take(1).find_map(|controller| match controller {
        Controller::Precomputed(schedule) => Some(schedule.snapshot()),
        _ => None,
    });
    let mut policy = json!({
        "policy": plan.policy.name(),
        "reward_free": true,
        "training_feedback_consulted": false,
        "sequence_fully_precomputed": true,
        "schedule_rng": "python.random.Random(local instance)",
        "schedule_seed": plan.schedule_seed,
        "episode_count": plan.arms.len(),
        "lr_candidates": config.lr_candidates.0,
        "probabilities": by_arm(plan.probabilities.iter().map(|value| json!(value)).collect()),
        "integer_counts": by_arm(plan.integer_counts.iter().map(|value| json!(value)).collect()),
        "source_seeds": schedule.sources.iter().map(|source| source.seed).collect::<Vec<_>>(),
        "source_artifacts": schedule.sources.iter().map(|source| source.path.clone()).collect::<Vec<_>>(),
        "planned_lr_indices": lr_arms,
        "planned_lr_multipliers": multipliers,
        "executed_lr_multipliers": executed,
        "controller_state": state,
        "training_seeds": {
            "model": config.seed,
            "data_order_and_augmentation": config.seed,
            "label_corruption": config.seed,
            "optimizer_noise": config.seed,
        },
    });
    if noise_levels > 1 {
        let noise_arms: Vec<usize> = plan.arms.iter().map(|arm| arm % noise_levels).collect();
        policy["noise_candidates"] = json!(config.noise_candidates.0);
        policy["planned_noise_indices"] = json!(noise_arms);
    }
    match config.control_mode {
        ControlMode::UniformRandom => policy["sampling_seed"] = json!(plan.schedule_seed),
        _ => {
            policy["shuffle_seed"] = json!(plan.schedule_seed);
            // q without the target seed: the pooled frequencies of the others.
            policy["q_minus_target_seed"] = policy["probabilities"].clone();
        }
    }
    policy
}
