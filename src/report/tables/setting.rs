//! What a run is: the settings that decide its result, its seed left out. Two runs of one setting differ by their seed.
//!
//! Settings are read through the program's own table of settings, so that an absent key of an old file means its default,
//! and a key that plays no part (the candidates of a plain optimizer, the momentum of AdamW) divides nothing.

use std::collections::{BTreeMap, BTreeSet};

use aees_train::config::{Place, Role, RunConfig, TaskName};
use serde_json::Value;

use super::variant::planned_epochs;
use crate::report::{Method, NoiseSetting, RunRecord};
use crate::study::quoted;

/// Settings of controllers, which a plain optimizer does not have. The reference writes them all the same.
const OF_CONTROLLERS: [&str; 4] = ["episode_length", "lr_candidates", "noise_candidates", "structured_control_mode"];

/// Settings of the bandit, which nobody else has.
const OF_BANDITS: [&str; 11] = [
    "reward_epsilon",
    "reward_instability_lambda",
    "reward_clip_min",
    "reward_clip_max",
    "context_trend_window",
    "context_trend_epsilon",
    "context_mode",
    "ema_alpha",
    "exploration_coef",
    "discount",
    "warmup_rounds",
];

/// Where seeds and the reference's private folders stand.
const NEVER: [&str; 6] = ["seed", "schedule_seed", "output", "run_tag", "aees_trace_root", "num_workers"];

/// A setting: values as text, by key.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Setting {
    task: String,
    values: BTreeMap<String, String>,
}

impl Setting {
    /// The setting of a run, without some keys.
    pub(super) fn of(run: &RunRecord, without: &[&str]) -> Self {
        let mut values = match task(&run.task) {
            Some(task) => of_training(run, task),
            None => of_command(run),
        };
        values.retain(|key, _| !without.contains(&key.as_str()) && !NEVER.contains(&key.as_str()));
        Self { task: run.task.clone(), values }
    }

    /// A value, as text.
    pub(super) fn get(&self, key: &str) -> Option<&str> {
        self.values.get(key).map(String::as_str)
    }

    /// The keys that tell settings apart: those whose values differ, and if these are not enough, also those that only some
    /// settings have.
    pub(super) fn differing(settings: &[&Self]) -> Vec<String> {
        let keys: BTreeSet<&String> = settings.iter().flat_map(|setting| setting.values.keys()).collect();
        let differing = |key: &&&String| {
            let values: BTreeSet<&String> = settings.iter().filter_map(|setting| setting.values.get(**key)).collect();
            values.len() > 1
        };
        let differing: Vec<String> = keys.iter().filter(differing).map(|key| (*key).clone()).collect();
        let told_apart: BTreeSet<Vec<Option<&str>>> =
            settings.iter().map(|setting| differing.iter().map(|key| setting.get(key)).collect()).collect();
        if told_apart.len() == settings.len() {
            return differing;
        }
        let in_all = |key: &str| settings.iter().all(|setting| setting.values.contains_key(key));
        keys.into_iter().filter(|key| differing.contains(key) || !in_all(key)).cloned().collect()
    }

    /// The command that makes a run of this setting; none for programs that are not ours.
    pub(super) fn command(&self, seed: i64) -> Option<String> {
        let defaults = defaults(&RunConfig::new(task(&self.task)?));
        let changed = self.values.iter().filter(|(key, value)| defaults.get(*key) != Some(*value));
        let changed: Vec<String> =
            changed.map(|(key, value)| format!(" --set {}", quoted(&format!("{key}={value}")))).collect();
        Some(format!("aees train {}{} --seed {seed}", self.task, changed.concat()))
    }
}

fn task(name: &str) -> Option<TaskName> {
    TaskName::ALL.into_iter().find(|task| task.name() == name)
}

fn of_training(run: &RunRecord, task: TaskName) -> BTreeMap<String, String> {
    let mut config = RunConfig::new(task);
    // The text runners of the reference call the control mode `method`.
    for key in ["method"].iter().chain(RunConfig::FIELDS) {
        if let Some(value) = run.config.get(*key).filter(|value| !value.is_null()) {
            // What is not a setting of ours, or has no value that we know, is none that could be compared.
            let _ = config.set(key, value, &Place::Resolved);
        }
    }
    // What the reader understood counts more than what the file wrote.
    let control_mode = match run.method {
        Method::Baseline => Some("baseline"),
        Method::Adaptive => Some("adaptive"),
        Method::Random => Some("random"),
        Method::UniformRandom => Some("uniform-random"),
        Method::FrequencyMatched => Some("frequency-matched"),
        Method::Fixed => None,
    };
    let understood = [
        ("control_mode", control_mode.map(Value::from)),
        ("optimizer", Some(run.optimizer.as_str().into())),
        ("lr_scheduler", Some(run.scheduler.as_str().into())),
        ("lr", Some(run.lr.into())),
        ("epochs", Some(planned_epochs(run).into())),
    ];
    for (key, value) in understood.into_iter().filter_map(|(key, value)| Some((key, value?))) {
        let _ = config.set(key, &value, &Place::Resolved);
    }
    let mut values = defaults(&config);
    drop_idle(&mut values, run);
    values
}

/// All science settings of a configuration.
fn defaults(config: &RunConfig) -> BTreeMap<String, String> {
    let science = RunConfig::fields().into_iter().filter(|field| field.role == Role::Science);
    let science = science.filter(|field| field.tasks.include(config.task));
    science.filter_map(|field| Some((field.key.to_owned(), text(&config.get(field.key)?)?))).collect()
}

/// Takes out what plays no part in this run.
fn drop_idle(values: &mut BTreeMap<String, String>, run: &RunRecord) {
    if run.method == Method::Baseline {
        values.retain(|key, _| !OF_CONTROLLERS.contains(&key.as_str()));
    }
    if run.method != Method::Adaptive {
        values.retain(|key, _| !OF_BANDITS.contains(&key.as_str()));
    }
    if run.method == Method::Fixed {
        values.remove("episode_length");
    }
    if run.optimizer != "SGD" {
        values.remove("momentum");
    }
    let scheduled = matches!(run.scheduler.as_str(), "cosine" | "linear");
    if !scheduled || values.get("scheduler_t_max") == values.get("epochs") {
        values.remove("scheduler_t_max");
    }
    if run.scheduler != "warmup_linear" {
        values.remove("warmup_epochs");
    }
    if run.label_noise == NoiseSetting::Clean {
        for key in ["label_noise_rate", "label_noise_type", "label_noise_seed"] {
            values.remove(key);
        }
    }
    if values.get("context_mode").is_some_and(|mode| mode == "none") {
        values.remove("context_trend_window");
        values.remove("context_trend_epsilon");
    }
}

fn of_command(run: &RunRecord) -> BTreeMap<String, String> {
    run.config.iter().filter_map(|(key, value)| Some((key.clone(), text(value)?))).collect()
}

/// A value as `--set` takes it. None for what is not set.
fn text(value: &Value) -> Option<String> {
    match value {
        Value::Null => None,
        Value::String(text) => Some(text.clone()),
        Value::Array(items) => Some(items.iter().filter_map(text).collect::<Vec<_>>().join(",")),
        Value::Number(number) => Some(number_text(number.as_f64()?)),
        other => Some(other.to_string()),
    }
}

/// A number without a needless `.0`.
pub(super) fn number_text(value: f64) -> String {
    let plain = format!("{value}");
    let short = format!("{value:e}");
    if plain.len() <= short.len() + 4 { plain } else { short }
}
