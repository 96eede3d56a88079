//! What a run is without its seed: the settings that decide its result. Nothing else in the reports defines it: tables add
//! commands to it, the search for the best adds words.

use std::collections::BTreeMap;

use aees_run::settings::{Place, Role, RunConfig, SettingInfo, TaskName};
use serde_json::Value;

use super::{Method, NoiseSetting, RunRecord};

impl RunRecord {
    /// What the run *is* beside its seed: `key=value` pairs in alphabetical order. Runs are of one setting exactly when these
    /// texts are equal, whatever their files are called and whoever wrote them.
    pub fn setting(&self) -> String {
        let pairs = self.setting_map().into_iter();
        pairs.map(|(key, value)| format!("{key}={}", plain(&value))).collect::<Vec<_>>().join(" ")
    }

    /// The same as settings with their values, under the names of our configuration, and the `task`. Settings without an
    /// effect are left out: those of the bandit where none picks, a momentum without SGD, the span of a schedule that is
    /// not on. A setting that a file does not name has its default. Numbers that are equal are equal here, and nothing is null.
    pub fn setting_map(&self) -> BTreeMap<String, Value> {
        let mut settings = match TaskName::ALL.into_iter().find(|task| task.name() == self.task) {
            Some(task) => self.of_training(task),
            None => self.of_program(),
        };
        settings.insert("task".into(), self.task.as_str().into());
        settings
    }

    fn of_program(&self) -> BTreeMap<String, Value> {
        let settings = self.config.iter().filter(|(key, value)| *key != "seed" && !value.is_null());
        settings.map(|(key, value)| (key.clone(), canonical(value))).collect()
    }

    fn of_training(&self, task: TaskName) -> BTreeMap<String, Value> {
        let mut config = RunConfig::new(task);
        let mut settings = BTreeMap::new();
        let science = RunConfig::settings_of(task).filter(|setting| setting.role == Role::Science);
        for setting in science.filter(|setting| self.has_effect(setting)) {
            let key = setting.key;
            let written = self.config.get(key).filter(|value| !value.is_null());
            let value = match written {
                // A value that this version does not know is still one that tells runs apart.
                Some(value) if config.set(key, value, &Place::Resolved).is_err() => Some(value.clone()),
                _ => config.get(key),
            };
            if let Some(value) = value.filter(|value| !value.is_null()) {
                settings.insert(key.to_owned(), canonical(&value));
            }
        }
        self.told_apart(&mut settings);
        settings
    }

    /// What the reader understood counts more than what the file wrote.
    fn told_apart(&self, settings: &mut BTreeMap<String, Value>) {
        let epochs = self.config.get("epochs").and_then(Value::as_u64).unwrap_or(self.val_accuracies.len() as u64);
        // The reference writes the span that a schedule has in the end, we write what was asked for.
        if settings.get("scheduler_t_max").and_then(Value::as_u64) == Some(epochs) {
            settings.remove("scheduler_t_max");
        }
        let mut put = |key: &str, value: Value| settings.insert(key.to_owned(), canonical(&value));
        put("epochs", epochs.into());
        put("control_mode", self.control_mode().into());
        put("optimizer", self.optimizer.as_str().into());
        put("lr_scheduler", self.scheduler.as_str().into());
        put("lr", self.lr.into());
        let (kind, rate) = match self.label_noise {
            NoiseSetting::Clean => return,
            NoiseSetting::Symmetric(rate) => ("symmetric", rate),
            NoiseSetting::Asymmetric(rate) => ("asymmetric", rate),
        };
        put("label_noise_type", kind.into());
        put("label_noise_rate", rate.into());
    }

    /// The control mode that makes such a run. Where each axis has one candidate it does not matter who picks it.
    pub(crate) fn control_mode(&self) -> &'static str {
        match self.method {
            Method::Baseline => "baseline",
            Method::Adaptive => "adaptive",
            Method::Fixed | Method::Random => "random",
            Method::UniformRandom => "uniform-random",
            Method::FrequencyMatched => "frequency-matched",
        }
    }

    fn has_effect(&self, setting: &SettingInfo) -> bool {
        match setting.key {
            // It follows from the seed.
            "schedule_seed" => false,
            "episode_length" if self.method == Method::Fixed => false,
            "label_noise_rate" | "label_noise_type" | "label_noise_seed" => self.label_noise != NoiseSetting::Clean,
            // Whether each multiplier has noise of its own also matters to a random draw, by its seeds.
            "structured_control_mode" => self.lr_candidates.len() > 1 && self.noise_candidates.len() > 1,
            _ => setting.has_effect(|key| self.word(key)),
        }
    }

    /// The word of a setting that others need; that of the configuration or its default, if the reader did not tell it.
    fn word(&self, key: &str) -> Option<&str> {
        match key {
            // One candidate on each axis leaves a bandit nothing to do.
            "control_mode" => Some(self.control_mode()),
            "optimizer" => Some(&self.optimizer),
            "lr_scheduler" => Some(&self.scheduler),
            "context_mode" => Some(&self.context_mode),
            key => self
                .config
                .get(key)
                .and_then(Value::as_str)
                .or_else(|| RunConfig::setting(key)?.choices.first().copied()),
        }
    }
}

/// A value as text.
fn plain(value: &Value) -> String {
    match value {
        Value::String(text) => text.clone(),
        Value::Array(items) => format!("[{}]", items.iter().map(plain).collect::<Vec<_>>().join(",")),
        other => other.to_string(),
    }
}

/// The same value with whole numbers written one way, whether the file has 1 or 1.0.
fn canonical(value: &Value) -> Value {
    match value {
        Value::Number(number) => match number.as_f64() {
            Some(float) if number.is_f64() && float.fract() == 0.0 && float.abs() < 9e15 => (float as i64).into(),
            _ => value.clone(),
        },
        Value::Array(items) => items.iter().map(canonical).collect(),
        Value::Object(map) => {
            let sorted: BTreeMap<&String, Value> = map.iter().map(|(key, value)| (key, canonical(value))).collect();
            Value::Object(sorted.into_iter().map(|(key, value)| (key.clone(), value)).collect())
        }
        _ => value.clone(),
    }
}
