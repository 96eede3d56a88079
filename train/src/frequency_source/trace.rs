//! A result as a source of arm frequencies: whether it is the adaptive run of another seed, and the arms that it picked.

use aees_control::{ControllerName, RewardName};
use aees_run::settings::{RunConfig, TaskName};
use serde_json::{Value, json};

/// Settings written by another program may differ in their last digit.
const TOLERANCE: f64 = 1e-12;

/// The settings in which a source equals the run; others are compared by [`Trace::of`], or do not matter.
const ALIKE: [&str; 9] = [
    "epochs",
    "batch_size",
    "episode_length",
    "lr",
    "weight_decay",
    "momentum",
    "max_length",
    "lr_candidates",
    "noise_candidates",
];

/// A result of the same task and label noise as a run.
pub(super) struct Trace<'a> {
    result: &'a Value,
    pub(super) seed: i64,
    /// Whether it is an adaptive run of the same optimizer, schedule, controller and reward.
    pub(super) is_source: bool,
}

impl<'a> Trace<'a> {
    /// None for results of another task or another label noise.
    pub(super) fn of(result: &'a Value, config: &RunConfig) -> Option<Self> {
        let settings = &result["config"];
        // The reference's files of images do not all name their task, those of text have a method and no control mode.
        let task = result.get("task_name").is_none_or(|task| task == config.task.name());
        let noise_type = match config.task {
            TaskName::Cifar100 => config.label_noise_type.name(),
            _ if config.label_noise_rate.get() > 0.0 => "symmetric",
            _ => "none",
        };
        let rate = settings.get("label_noise_rate").and_then(Value::as_f64).unwrap_or(0.0);
        let noise = settings.get("label_noise_type").is_none_or(|kind| kind == noise_type)
            && close(&json!(rate), &json!(config.label_noise_rate.get()));
        let adaptive = settings["control_mode"] == "adaptive" || result["method_name"] == "AdaptiveScheduler";
        // A file that does not name its controller has the reference's.
        let controller = settings.get("controller").and_then(Value::as_str).unwrap_or(ControllerName::default().name());
        // Cosine + AEES lies in the same folders and is another method.
        let scheduler = settings["lr_scheduler"] == config.lr_scheduler.name();
        let optimizer = settings.get("optimizer").is_none_or(|optimizer| optimizer == config.optimizer.name());
        // Nor its reward, and how far credit reaches: two runs of one seed that differ in these are two methods.
        let reward = settings.get("reward").and_then(Value::as_str).unwrap_or(RewardName::default().name());
        let credit = settings.get("credit_episodes").and_then(Value::as_u64).unwrap_or(1);
        let learns_alike = controller == config.method.controller.name()
            && reward == config.method.reward.name()
            && usize::try_from(credit) == Ok(config.method.credit_episodes());
        let is_source = adaptive && scheduler && optimizer && learns_alike;
        (task && noise).then_some(Self { result, seed: result["seed"].as_i64()?, is_source })
    }

    /// The arms of all episodes, after checking that the run is like this one, and its logs whole and consistent.
    pub(super) fn arms(&self, config: &RunConfig) -> Result<Vec<usize>, String> {
        self.check_alike(config)?;
        let steps = self.result["total_steps"].as_u64().ok_or("total_steps is missing")?;
        let length = config.episode_steps();
        let logs = &self.result["episode_logs"];
        let count = steps.div_ceil(length);
        let list = |key: &str| match logs[key].as_array() {
            Some(values) if u64::try_from(values.len()) == Ok(count) => Ok(values),
            Some(values) => Err(format!("{key} has {} entries, {steps} steps make {count}", values.len())),
            None => Err(format!("{key} is missing")),
        };
        let (starts, ends) = (list("episode_start_steps")?, list("episode_end_steps")?);
        list("episode_rewards")?;
        let (lr, noise) = (&config.lr_candidates.0, &config.noise_candidates.0);
        let lr_arms = axis(list("selected_lr_indices")?, list("selected_lr_values")?, lr, "multiplier")?;
        let noise_arms = match noise.len() {
            1 => vec![0; lr_arms.len()],
            _ => axis(list("selected_noise_indices")?, list("selected_noise_values")?, noise, "noise")?,
        };
        for (episode, (start, end)) in (0..).zip(starts.iter().zip(ends)) {
            let first = length * episode;
            let last = (first + length).min(steps) - 1;
            if *start != first || *end != last {
                return Err(format!("episode {episode} does not cover steps {first} to {last}"));
            }
        }
        Ok(lr_arms.into_iter().zip(noise_arms).map(|(lr, noise_arm)| lr * noise.len() + noise_arm).collect())
    }

    fn check_alike(&self, config: &RunConfig) -> Result<(), String> {
        let counts = |key: &str| {
            let of_optimizer = |key: &str| (key == "optimizer").then(|| config.optimizer.name());
            let setting = RunConfig::setting(key).filter(|setting| setting.has_effect(of_optimizer));
            setting.is_some_and(|setting| setting.tasks.include(config.task))
        };
        for key in ALIKE.into_iter().filter(|key| counts(key)) {
            let (found, wanted) = (&self.result["config"][key], config.get(key).unwrap_or_default());
            if !close(found, &wanted) {
                return Err(format!("{key} is {found}, this run has {wanted}"));
            }
        }
        match &self.result["total_epochs"] {
            total if close(total, &json!(config.epochs)) => Ok(()),
            total => Err(format!("it stopped after {total} of {} epochs", config.epochs)),
        }
    }
}

/// The arms of one axis, whose values must be those of the candidates.
fn axis(indices: &[Value], values: &[Value], candidates: &[f64], what: &str) -> Result<Vec<usize>, String> {
    let arm = |(episode, (index, value)): (usize, (&Value, &Value))| {
        let arm = index.as_u64().and_then(|arm| usize::try_from(arm).ok());
        let arm = arm.filter(|arm| candidates.get(*arm).is_some_and(|candidate| close(value, &json!(candidate))));
        arm.ok_or_else(|| format!("episode {episode} has arm {index} with {what} {value}"))
    };
    indices.iter().zip(values).enumerate().map(arm).collect()
}

/// Numbers up to their last digit, lists of them likewise.
fn close(found: &Value, wanted: &Value) -> bool {
    match (found, wanted) {
        (Value::Array(found), Value::Array(wanted)) => {
            found.len() == wanted.len() && found.iter().zip(wanted).all(|(found, wanted)| close(found, wanted))
        }
        _ => {
            matches!((found.as_f64(), wanted.as_f64()), (Some(found), Some(wanted)) if (found - wanted).abs() <= TOLERANCE)
        }
    }
}
