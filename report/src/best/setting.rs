//! A setting ([`RunRecord::setting_map`]) as the search for the best and the arrays need it: comparable, with words and JSON
//! for what differs. Runs of one setting are repeats of one experiment, whichever machine they ran on.

use std::collections::{BTreeMap, BTreeSet};

use aees_run::settings::{RunConfig, TaskName};
use serde_json::Value;

use crate::RunRecord;

/// A setting, each value as JSON: equal settings have equal texts, and 1 equals 1.0.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Setting(BTreeMap<String, String>);

impl Setting {
    /// The setting of a run.
    pub fn of(run: &RunRecord) -> Self {
        Self(run.setting_map().into_iter().map(|(key, value)| (key, value.to_string())).collect())
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

/// The keys whose values are not the same in all of the settings, by name. A setting that has no use for a key does not
/// differ in it from those that leave it at its default: what gave it a use differs already.
pub fn differing<'a>(settings: impl IntoIterator<Item = &'a Setting>) -> Vec<String> {
    let settings: BTreeSet<&Setting> = settings.into_iter().collect();
    let keys: BTreeSet<&String> = settings.iter().flat_map(|setting| setting.0.keys()).collect();
    let differs = |key: &&String| {
        let values: BTreeSet<Option<&str>> = settings.iter().map(|setting| setting.get(key)).collect();
        let only_default = || values.iter().flatten().all(|value| is_default(key, value));
        values.len() > 1 && !(values.contains(&None) && only_default())
    };
    keys.into_iter().filter(differs).cloned().collect()
}

fn is_default(key: &str, value: &str) -> bool {
    let written: Option<Value> = serde_json::from_str(value).ok();
    let same = |default: Value| match (default.as_f64(), written.as_ref().and_then(Value::as_f64)) {
        (Some(default), Some(written)) => default == written,
        _ => Some(&default) == written.as_ref(),
    };
    TaskName::ALL.into_iter().any(|task| RunConfig::new(task).get(key).is_some_and(same))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::best::made::{record, with};

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
        let low = Setting::of(&with(record("cifar100", 0), json!({"optimizer": "SGD", "lr": 0.1, "epochs": 3})));
        let high = Setting::of(&with(
            record("cifar100", 0),
            json!({"optimizer": "SGD", "lr": 0.2, "epochs": 3, "momentum": 0.5}),
        ));
        let keys = differing([&low, &high, &low]);
        assert_eq!(keys, ["lr", "momentum"]);
        assert_eq!(low.json(&keys), r#"{"lr":0.1,"momentum":0.9}"#);
        assert_eq!(high.words(&keys), "lr=0.2 momentum=0.5");
    }
}
