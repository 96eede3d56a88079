//! What a run is beside its seed: its attributes by key, and what distinguishes some runs from others.
//!
//! [`crate::experiment`] makes problems, methods and experiments of them; what those are called is [`crate::names`]'.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use aees_run::settings::{Place, Role, RunConfig, SettingInfo, TaskName};
use aees_studies::study::quoted;
use serde_json::Value;

use crate::number::shortest;
use crate::record::{Control, ControlledAxes, NoiseSetting, RunRecord};

/// The attributes of a run: its `task`, and the settings that decide its result, under the names of our configuration.
///
/// Two runs are repeats of one experiment exactly when these are equal, whatever their files are called and whoever wrote
/// them. Settings without an effect are left out: those of the bandit where none picks, a momentum without SGD, the span of
/// a schedule that is not on. A setting that a file does not name has its default. Numbers that are equal are equal here,
/// and nothing is null.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Attributes(
    /// Each value as JSON, written one way.
    BTreeMap<String, String>,
);

impl Attributes {
    /// Those of a run.
    pub fn of(run: &RunRecord) -> Self {
        let mut values = match task_of(&run.task) {
            Some(task) => of_training(run, task),
            None => of_program(run),
        };
        values.insert("task".into(), run.task.as_str().into());
        values.extend(run.inputs.iter().map(|(name, digest)| (name.clone(), digest.as_str().into())));
        Self(values.into_iter().map(|(key, value)| (key, value.to_string())).collect())
    }

    /// Those of the problem: what is to be solved.
    pub(crate) fn of_problem(mut self) -> Self {
        self.0.retain(|key, _| is_of_problem(key));
        self
    }

    /// The others: how it is solved.
    pub(crate) fn of_method(mut self) -> Self {
        self.0.retain(|key, _| !is_of_problem(key));
        self
    }

    /// The same without some keys.
    pub(crate) fn without(mut self, keys: &[&str]) -> Self {
        self.0.retain(|key, _| !keys.contains(&key.as_str()));
        self
    }

    /// A value, as JSON.
    pub fn json(&self, key: &str) -> Option<&str> {
        self.0.get(key).map(String::as_str)
    }

    /// A value, as people write it and `--set` takes it: `0.5,1,2`.
    pub fn text(&self, key: &str) -> Option<String> {
        serde_json::from_str(self.json(key)?).ok().as_ref().and_then(text)
    }

    /// All keys with their values, in order.
    pub(crate) fn pairs(&self) -> impl Iterator<Item = (String, String)> {
        self.0.iter().map(|(key, value)| (key.clone(), value.clone()))
    }

    /// Some of the values, as a JSON object; a key that is absent is null.
    pub fn json_object(&self, keys: &[String]) -> String {
        let entry = |key: &String| format!("{}:{}", Value::from(key.as_str()), self.json(key).unwrap_or("null"));
        format!("{{{}}}", keys.iter().map(entry).collect::<Vec<_>>().join(","))
    }

    /// Some of the values, as assignments: `lr=0.001 optimizer=SGD`. What is absent is left out.
    pub fn assignments(&self, keys: &[String]) -> String {
        let pair = |key: &String| Some(format!("{key}={}", self.json(key)?.trim_matches('"')));
        keys.iter().filter_map(pair).collect::<Vec<_>>().join(" ")
    }

    /// Some of the values, as words behind a name: `lr 0.001, momentum not set`.
    pub fn words(&self, keys: &[String]) -> String {
        let word = |key: &String| format!("{} {}", words(key), self.text(key).unwrap_or_else(|| "not set".into()));
        keys.iter().map(word).collect::<Vec<_>>().join(", ")
    }
}

/// Whether a key is part of what is to be solved. The inputs' digests have keys of their own.
pub(crate) fn is_of_problem(key: &str) -> bool {
    RunConfig::setting(key).map_or(matches!(key, "task" | "data" | "tokenizer" | "weights"), |setting| {
        setting.of_problem || setting.role == Role::Source
    })
}

/// The command that makes a run like this one with a seed; none for programs that are not ours.
pub fn command(run: &RunRecord, seed: i64) -> Option<String> {
    let task = task_of(&run.task)?;
    let flag = |(key, value): (&str, Value)| Some(format!(" --set {}", quoted(&format!("{key}={}", text(&value)?))));
    let flags: String = changed_settings(run, task).into_iter().filter_map(flag).collect();
    Some(format!("aees train {}{flags} --seed {seed}", task.name()))
}

/// The settings of a run that are not at their defaults: what decides its result, and where its inputs lie.
pub fn changed_settings(run: &RunRecord, task: TaskName) -> BTreeMap<&'static str, Value> {
    let mut config = RunConfig::new(task);
    let understood = Attributes::of(run);
    for setting in RunConfig::settings_of(task) {
        let written = run.config.get(setting.key).filter(|value| !value.is_null()).cloned();
        let value = match setting.role {
            Role::Science => understood.json(setting.key).and_then(|json| serde_json::from_str(json).ok()),
            _ => written,
        };
        if let Some(value) = value {
            // What this version cannot read, such as a path of the reference, has no place in a new run.
            let _ = config.set(setting.key, &value, &Place::Resolved);
        }
    }
    // How the run that was is done does not matter to the one to be, but for what it is made of.
    let kept = config.changed().filter(|(setting, value)| match setting.role {
        _ if value.is_null() => false,
        Role::Science => understood.json(setting.key).is_some(),
        Role::Source => setting.has_effect(|key| word(run, key)),
        Role::Seed => false,
        Role::Setup => setting.decides_inputs,
    });
    kept.map(|(setting, value)| (setting.key, value)).collect()
}

impl fmt::Display for Attributes {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.assignments(&self.0.keys().cloned().collect::<Vec<_>>()))
    }
}

/// How much is told of what distinguishes runs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Detail {
    /// No more keys than tell the runs apart: those that all who have them have with different values.
    Enough,
    /// Also the keys that only some have, unless those leave them at their defaults: what gave a run a use for such a key
    /// differs already.
    Full,
}

/// The keys that distinguish some runs: those whose values are not the same in all of them, by name. Where the keys of a
/// detail are not enough to tell the runs apart, all that differ are among them.
pub fn distinguishing<'a>(of: impl IntoIterator<Item = &'a Attributes>, detail: Detail) -> Vec<String> {
    let all: BTreeSet<&Attributes> = of.into_iter().collect();
    let keys: BTreeSet<&String> = all.iter().flat_map(|attributes| attributes.0.keys()).collect();
    let values = |key: &str| all.iter().map(|attributes| attributes.json(key)).collect::<BTreeSet<_>>();
    let differing: Vec<&String> = keys.into_iter().filter(|key| values(key).len() > 1).collect();
    let defaults = if differing.is_empty() { Vec::new() } else { TaskName::ALL.map(RunConfig::new).to_vec() };
    let matters = |key: &&&String| {
        let values = values(key);
        match detail {
            Detail::Enough => values.iter().flatten().count() > 1,
            Detail::Full => {
                !values.contains(&None) || values.iter().flatten().any(|value| !is_default(&defaults, key, value))
            }
        }
    };
    let chosen: Vec<&String> = differing.iter().filter(matters).copied().collect();
    let told_apart: BTreeSet<Vec<Option<&str>>> =
        all.iter().map(|attributes| chosen.iter().map(|key| attributes.json(key)).collect()).collect();
    let chosen = if told_apart.len() == all.len() { chosen } else { differing };
    chosen.into_iter().cloned().collect()
}

fn is_default(defaults: &[RunConfig], key: &str, value: &str) -> bool {
    let defaults = defaults.iter().filter_map(|config| config.get(key));
    defaults.map(|default| canonical(&default).to_string()).any(|default| default == value)
}

/// The epochs a run was meant to have.
pub(crate) fn planned_epochs(run: &RunRecord) -> u64 {
    run.config.get("epochs").and_then(Value::as_u64).unwrap_or(run.val_accuracies.len() as u64)
}

/// A setting as people call it.
pub(crate) fn words(key: &str) -> String {
    match key {
        "lr_candidates" => "multipliers".into(),
        "noise_candidates" => "noise".into(),
        "reward_instability_lambda" => "penalty".into(),
        "context_mode" => "context".into(),
        "control_mode" => "control".into(),
        "lr_scheduler" => "schedule".into(),
        "structured_control_mode" => "axes".into(),
        key => key.replace('_', " "),
    }
}

/// The task of this name, if it is one of ours.
pub fn task_of(name: &str) -> Option<TaskName> {
    TaskName::ALL.into_iter().find(|task| task.name() == name)
}

fn of_program(run: &RunRecord) -> BTreeMap<String, Value> {
    let settings = run.config.iter().filter(|(key, value)| *key != "seed" && !value.is_null());
    settings.map(|(key, value)| (key.clone(), canonical(value))).collect()
}

fn of_training(run: &RunRecord, task: TaskName) -> BTreeMap<String, Value> {
    let mut config = RunConfig::new(task);
    let mut settings = BTreeMap::new();
    let science = RunConfig::settings_of(task).filter(|setting| setting.role == Role::Science);
    for setting in science.filter(|setting| has_effect(run, setting)) {
        let key = setting.key;
        let written = run.config.get(key).filter(|value| !value.is_null());
        let value = match written {
            // A value that this version does not know is still one that tells runs apart.
            Some(value) if config.set(key, value, &Place::Resolved).is_err() => Some(value.clone()),
            _ => config.get(key),
        };
        if let Some(value) = value.filter(|value| !value.is_null()) {
            settings.insert(key.to_owned(), canonical(&value));
        }
    }
    tell_apart(run, &mut settings);
    settings
}

/// What the reader understood counts more than what the file wrote.
fn tell_apart(run: &RunRecord, settings: &mut BTreeMap<String, Value>) {
    let epochs = planned_epochs(run);
    // The reference writes the span that a schedule has in the end, we write what was asked for.
    if settings.get("scheduler_t_max").and_then(Value::as_u64) == Some(epochs) {
        settings.remove("scheduler_t_max");
    }
    let mut put = |key: &str, value: Value| settings.insert(key.to_owned(), canonical(&value));
    put("epochs", epochs.into());
    put("control_mode", run.control.control_mode().into());
    put("optimizer", run.optimizer.as_str().into());
    put("lr_scheduler", run.scheduler.as_str().into());
    put("lr", run.lr.into());
    if run.control != Control::Baseline {
        put("lr_candidates", run.lr_candidates.clone().into());
        put("noise_candidates", run.noise_candidates.clone().into());
    }
    if let Some((kind, rate)) = run.label_noise.kind() {
        put("label_noise_type", kind.into());
        put("label_noise_rate", rate.into());
    }
}

fn has_effect(run: &RunRecord, setting: &SettingInfo) -> bool {
    match setting.key {
        // It follows from the seed.
        "schedule_seed" => false,
        "episode_length" if run.control == Control::Fixed => false,
        "label_noise_rate" | "label_noise_type" | "label_noise_seed" => run.label_noise != NoiseSetting::Clean,
        // Whether each multiplier has noise of its own also matters to a random draw, by its seeds.
        "structured_control_mode" => run.axes() == ControlledAxes::Dual,
        _ => setting.has_effect(|key| word(run, key)),
    }
}

/// The word of a setting that others need; that of the configuration or its default, if the reader did not tell it.
fn word<'a>(run: &'a RunRecord, key: &str) -> Option<&'a str> {
    match key {
        // One candidate on each axis leaves a bandit nothing to do.
        "control_mode" => Some(run.control.control_mode()),
        "optimizer" => Some(&run.optimizer),
        "lr_scheduler" => Some(&run.scheduler),
        "context_mode" => Some(&run.context_mode),
        key => {
            run.config.get(key).and_then(Value::as_str).or_else(|| RunConfig::setting(key)?.choices.first().copied())
        }
    }
}

/// A value as `--set` takes it. None for what is not set.
pub(crate) fn text(value: &Value) -> Option<String> {
    match value {
        Value::Null => None,
        Value::String(text) => Some(text.clone()),
        Value::Array(items) => Some(items.iter().filter_map(text).collect::<Vec<_>>().join(",")),
        Value::Number(number) => Some(shortest(number.as_f64()?)),
        other => Some(other.to_string()),
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

#[cfg(test)]
mod tests;
