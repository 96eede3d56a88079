//! What a run is without its seed: the settings that decide its result, in one comparable text.

use std::collections::BTreeMap;

use aees_train::config::{Role, RunConfig, TaskName};
use serde_json::Value;

use super::{Method, NoiseSetting, RunRecord};

/// Settings that are told apart from the others below, or never say what a run is.
const TOLD_APART: [&str; 7] =
    ["control_mode", "epochs", "label_noise_rate", "label_noise_seed", "label_noise_type", "schedule_seed", "seed"];

/// Settings of the bandit.
const OF_BANDITS: [&str; 12] = [
    "context_mode",
    "context_trend_epsilon",
    "context_trend_window",
    "discount",
    "ema_alpha",
    "exploration_coef",
    "reward_clip_max",
    "reward_clip_min",
    "reward_epsilon",
    "reward_instability_lambda",
    "structured_control_mode",
    "warmup_rounds",
];

impl RunRecord {
    /// What the run *is* beside its seed: `key=value` pairs in alphabetical order. Runs are of one setting exactly when these
    /// texts are equal, whatever their files are called and whoever wrote them. Settings without an effect are left out:
    /// those of the bandit where none picks, a momentum without SGD, the span of a schedule that is not on. A setting that a
    /// file does not name has its default.
    pub fn setting(&self) -> String {
        let mut pairs = match TaskName::ALL.into_iter().find(|task| task.name() == self.task) {
            Some(task) => self.of_training(task),
            None => self.of_program(),
        };
        pairs.insert("task".into(), self.task.clone());
        pairs.into_iter().map(|(key, value)| format!("{key}={value}")).collect::<Vec<_>>().join(" ")
    }

    fn of_program(&self) -> BTreeMap<String, String> {
        let settings = self.config.iter().filter(|(key, _)| *key != "seed");
        settings.map(|(key, value)| (key.clone(), plain(value))).collect()
    }

    fn of_training(&self, task: TaskName) -> BTreeMap<String, String> {
        let defaults = RunConfig::new(task);
        let mut pairs = BTreeMap::new();
        for field in RunConfig::fields() {
            let key = field.key;
            if field.role != Role::Science || TOLD_APART.contains(&key) || !self.has_effect(key) {
                continue;
            }
            let value = self.config.get(key).cloned().or_else(|| defaults.get(key)).unwrap_or_default();
            if !value.is_null() {
                pairs.insert(key.to_owned(), plain(&value));
            }
        }
        let epochs = self.config.get("epochs").and_then(Value::as_u64).unwrap_or(self.val_accuracies.len() as u64);
        // The reference writes the span that a schedule has in the end, we write what was asked for.
        if pairs.get("scheduler_t_max").is_some_and(|span| *span == epochs.to_string()) {
            pairs.remove("scheduler_t_max");
        }
        let mut put = |key: &str, value: String| pairs.insert(key.to_owned(), value);
        put("epochs", epochs.to_string());
        put("method", format!("{:?}", self.method));
        put("optimizer", self.optimizer.clone());
        put("lr_scheduler", self.scheduler.clone());
        put("lr", self.lr.to_string());
        put("label_noise", self.noise_label());
        if self.task == "agnews" && self.label_noise != NoiseSetting::Clean {
            put("label_noise_seed", self.config.get("label_noise_seed").map_or("42".into(), plain));
        }
        pairs
    }

    fn has_effect(&self, key: &str) -> bool {
        let bandit = self.method == Method::Adaptive;
        match key {
            "lr_candidates" | "noise_candidates" | "episode_length" if self.method == Method::Baseline => false,
            "episode_length" => self.method != Method::Fixed,
            // The trend is all that a context can be.
            "context_trend_epsilon" | "context_trend_window" => bandit && self.context_mode == "trend",
            // Whether each multiplier has noise of its own also matters to a random draw, by its seeds.
            "structured_control_mode" => self.lr_candidates.len() > 1 && self.noise_candidates.len() > 1,
            key if OF_BANDITS.contains(&key) => bandit,
            "momentum" => self.optimizer == "SGD",
            "warmup_epochs" => self.scheduler == "warmup_linear",
            "scheduler_t_max" => self.scheduler != "none",
            _ => true,
        }
    }
}

/// A value as text; numbers that are equal look equal.
fn plain(value: &Value) -> String {
    match value {
        Value::String(text) => text.clone(),
        Value::Number(number) => number.as_f64().map_or_else(|| number.to_string(), |number| number.to_string()),
        Value::Array(items) => format!("[{}]", items.iter().map(plain).collect::<Vec<_>>().join(",")),
        other => other.to_string(),
    }
}
