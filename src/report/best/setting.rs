//! A setting: all of a run's configuration that decides its result, but the seed. Runs of one setting are repeats of one
//! experiment, whatever their files are called and whichever machine they ran on.

use std::collections::{BTreeMap, BTreeSet};

use aees_train::config::{Role, RunConfig};
use serde_json::{Number, Value};

use crate::report::{Layout, RunRecord};

/// What a result of the reference has in `config` and is no setting: places, machines, labels, and copies of other keys.
const NO_SETTINGS: [&str; 30] = [
    "aees_trace_root",
    "base_lr",
    "base_weight_decay",
    "cache_dir",
    "candidate_config_definitions",
    "candidate_config_names",
    "data_dir",
    "device",
    "diagnostics",
    "experiment_label",
    "fixed_mode_name",
    "hf_token",
    "label_noise_diagnostic_eval_flops",
    "local_files_only",
    "mode_names",
    "noise_std",
    "num_workers",
    "optimizer_family",
    "optimizer_momentum",
    "output",
    "pin_memory",
    "pretokenize_only",
    "run_tag",
    "schedule_seed",
    "scheduler_active",
    "scheduler_span_steps",
    "scheduler_step_unit",
    "seed",
    "task_name",
    "tokenized_dataset_dir",
];

/// A setting, each value as JSON: equal settings have equal texts, and 1 equals 1.0.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Setting(BTreeMap<String, String>);

impl Setting {
    /// The setting of a run.
    pub fn of(run: &RunRecord) -> Self {
        let science: Option<BTreeSet<&str>> = (run.layout == Layout::Aees && run.task != "command").then(|| {
            let fields = RunConfig::fields().into_iter().filter(|field| field.role == Role::Science);
            fields.map(|field| field.key).chain(["model_name", "control_mode"]).collect()
        });
        let counts = |key: &str| match &science {
            Some(science) => key != "seed" && science.contains(key),
            None if run.task == "command" => key != "seed",
            None => !NO_SETTINGS.contains(&key),
        };
        let config = run.config.iter().filter(|(key, _)| counts(key));
        let mut values: BTreeMap<String, String> =
            config.map(|(key, value)| (key.clone(), canonical(value).to_string())).collect();
        values.insert("task".into(), Value::from(run.task.as_str()).to_string());
        Self(values)
    }

    /// A value, as JSON.
    pub fn get(&self, key: &str) -> Option<&str> {
        self.0.get(key).map(String::as_str)
    }

    /// Some of its values, as a JSON object; a key that it lacks is null.
    pub fn json(&self, keys: &[String]) -> String {
        let entry = |key: &String| format!("{}:{}", Value::from(key.as_str()), self.get(key).unwrap_or("null"));
        format!("{{{}}}", keys.iter().map(entry).collect::<Vec<_>>().join(","))
    }

    /// Some of its values, for people: `lr=0.001 optimizer=SGD`. What it lacks is left out.
    pub fn words(&self, keys: &[String]) -> String {
        let word = |key: &String| Some(format!("{key}={}", self.get(key)?.trim_matches('"')));
        let words: Vec<String> = keys.iter().filter_map(word).collect();
        if words.is_empty() { "(the only setting)".into() } else { words.join(" ") }
    }
}

/// The keys whose values are not the same in all of the settings, by name.
pub fn differing<'a>(settings: impl IntoIterator<Item = &'a Setting>) -> Vec<String> {
    let settings: BTreeSet<&Setting> = settings.into_iter().collect();
    let keys: BTreeSet<&String> = settings.iter().flat_map(|setting| setting.0.keys()).collect();
    let differs = |key: &&String| {
        let mut values = settings.iter().map(|setting| setting.get(key).unwrap_or("null"));
        let first = values.next();
        values.any(|value| Some(value) != first)
    };
    keys.into_iter().filter(differs).cloned().collect()
}

/// The same value with whole numbers written one way.
fn canonical(value: &Value) -> Value {
    match value {
        Value::Number(number) => match number.as_f64() {
            Some(float) if number.is_f64() && float.fract() == 0.0 && float.abs() < 9e15 => {
                Value::Number(Number::from(float as i64))
            }
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

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::report::best::made::{record, with};

    #[test]
    fn seed_and_places_are_no_part_of_a_setting_and_the_way_a_number_is_written_is_none() {
        let one = with(record("cifar100", 0), json!({"lr": 1, "data": "/a", "seed": 0}));
        let other = with(record("cifar100", 7), json!({"lr": 1.0, "data": "/b", "seed": 7}));
        assert_eq!(Setting::of(&one), Setting::of(&other));
        let third = with(record("cifar100", 7), json!({"lr": 1.5, "data": "/b", "seed": 7}));
        assert_ne!(Setting::of(&one), Setting::of(&third));
    }

    #[test]
    fn only_what_differs_is_told() {
        let low = Setting::of(&with(record("cifar100", 0), json!({"lr": 0.1, "epochs": 3})));
        let high = Setting::of(&with(record("cifar100", 0), json!({"lr": 0.2, "epochs": 3, "momentum": 0.5})));
        let keys = differing([&low, &high, &low]);
        assert_eq!(keys, ["lr", "momentum"]);
        assert_eq!(low.json(&keys), r#"{"lr":0.1,"momentum":null}"#);
        assert_eq!(high.words(&keys), "lr=0.2 momentum=0.5");
    }
}
