//! A setting ([`RunRecord::setting_map`]) as tables need it: some keys may be left out, what differs has words, and there is
//! the command that makes one more run of it.

use std::collections::{BTreeMap, BTreeSet};

use aees_run::settings::{RunConfig, TaskName};
use serde_json::Value;

use crate::RunRecord;
use aees_studies::study::quoted;

/// A setting: values as text, by key.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Setting {
    task: String,
    values: BTreeMap<String, String>,
}

impl Setting {
    /// The setting of a run, without some keys.
    pub(super) fn of(run: &RunRecord, without: &[&str]) -> Self {
        let settings = run.setting_map().into_iter();
        let kept = settings.filter(|(key, _)| key != "task" && !without.contains(&key.as_str()));
        let values = kept.filter_map(|(key, value)| Some((key, text(&value)?))).collect();
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
        let task = TaskName::ALL.into_iter().find(|task| task.name() == self.task)?;
        let defaults = RunConfig::new(task);
        let known = RunConfig::settings_of(task);
        let settings: BTreeMap<&str, &String> =
            known.filter_map(|setting| Some((setting.key, self.values.get(setting.key)?))).collect();
        let is_default = |key: &str, value: &String| {
            defaults.get(key).and_then(|default| text(&default)).is_some_and(|default| default == *value)
        };
        let changed = settings.into_iter().filter(|(key, value)| !is_default(key, value));
        let changed: Vec<String> =
            changed.map(|(key, value)| format!(" --set {}", quoted(&format!("{key}={value}")))).collect();
        Some(format!("aees train {}{} --seed {seed}", self.task, changed.concat()))
    }
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
