//! A setting is told in one row of the table, and nothing else has to be: its flag, its key, its help, its part in the
//! identity, and the way there and back follow.

use std::collections::BTreeSet;

use aees_run::identity::{Inputs, RunIdentity};
use aees_run::settings::{PathKind, Place, Role, RunConfig, SettingInfo, TaskName};
use serde_json::{Value, json};

/// A value that is not the default.
fn other(setting: &SettingInfo, default: &Value) -> Value {
    match default {
        Value::Bool(flag) => json!(!flag),
        _ if !setting.choices.is_empty() => json!(setting.choices.iter().find(|word| default != **word).unwrap()),
        Value::Number(number) if number.is_f64() => json!(number.as_f64().unwrap() * 0.5 + 0.25),
        Value::Number(number) => json!(number.as_i64().unwrap() + 1),
        Value::Array(_) => json!([0.25, 0.75]),
        _ => json!("7"),
    }
}

#[test]
fn every_row_is_whole() {
    let mut keys = BTreeSet::new();
    for setting in RunConfig::settings() {
        let key = setting.key;
        assert!(keys.insert(key), "{key} is there twice");
        assert!(setting.help.len() > 10 && setting.help.ends_with('.'), "{key}: {}", setting.help);
        assert_eq!(setting.flag(), format!("--{}", key.replace('_', "-")));
        for (needed, words) in &setting.needs {
            // A choice of one word, such as today's reward, is no setting.
            let Some(needed) = RunConfig::setting(needed) else { continue };
            assert!(words.iter().all(|word| needed.choices.contains(word)), "{key}: {words:?}");
        }
        // What says where inputs lie is a path or the reason why the inputs are what they are.
        assert!(setting.role != Role::Source || setting.path != PathKind::None || !setting.needs.is_empty(), "{key}");
    }
}

#[test]
fn every_row_is_set_read_written_and_hashed_by_itself() {
    for task in TaskName::ALL {
        let base = RunConfig::new(task);
        let id = |config: &RunConfig| RunIdentity::of(config, &Inputs::data("data")).unwrap();
        for setting in RunConfig::settings() {
            let key = setting.key;
            let value = other(setting, &base.get(key).unwrap());
            let mut config = base.clone();
            let set = config.set(key, &value, &Place::Resolved);
            assert_eq!(set.is_ok(), setting.tasks.include(task), "{key} of {}: {set:?}", task.name());
            if set.is_err() {
                continue;
            }
            let changed = id(&config);
            assert_eq!(changed.config_id != id(&base).config_id, setting.role == Role::Science, "{key}");
            assert_eq!(changed.run_id != id(&base).run_id, setting.role.decides_result(), "{key}");
            // A secret is not shown.
            if config.get(key) != Some(Value::Null) {
                assert_eq!(RunConfig::from_map(&config.to_map()).unwrap(), config, "{key}");
                let mut typed = base.clone();
                let text = value.as_str().map_or_else(|| value.to_string(), str::to_owned);
                typed.assign(&format!("{key}={}", text.trim_matches(['[', ']']))).unwrap();
                assert_eq!(typed, config, "{key}");
            }
        }
    }
}

#[test]
fn what_is_hashed_is_what_earlier_versions_hashed() {
    let config = |settings: &[&str]| {
        let mut config = RunConfig::new(TaskName::Cifar100);
        settings.iter().for_each(|assignment| config.assign(assignment).unwrap());
        RunIdentity::document(&config, &Inputs::data("data"))["config"].to_string()
    };
    assert_eq!(config(&["epochs=10", "lr=0.0010", "seed=3", "device=cpu", "data=/x"]), "{}");
    assert_eq!(
        config(&["epochs=3", "batch_size=1_6", "lr=1", "limit_train=none", "limit_eval=20", "val_split=0.25"]),
        r#"{"batch_size":16,"epochs":3,"limit_eval":20,"lr":1.0,"val_split":0.25}"#
    );
    assert_eq!(
        config(&["warmup_rounds=2", "discount=1", "lr_candidates=0.5,1", "schedule_seed=-4"]),
        r#"{"discount":1.0,"lr_candidates":[0.5,1.0],"schedule_seed":-4,"warmup_rounds":2}"#
    );
}

#[test]
fn paths_become_absolute_and_names_stay() {
    let mut config = RunConfig::new(TaskName::Sst2);
    for assignment in ["data=files", "cache_dir=cache", "model=not/here", "tokenizer=tests", "output=out.json"] {
        config.assign(assignment).unwrap();
    }
    config.make_paths_absolute();
    let here = std::env::current_dir().unwrap();
    for (key, name, is_path) in [
        ("data", "files", true),
        ("cache_dir", "cache", true),
        ("model", "not/here", false),
        ("tokenizer", "tests", true),
        ("output", "out.json", false),
    ] {
        let expected = if is_path { here.join(name) } else { name.into() };
        assert_eq!(config.get(key), Some(json!(expected)), "{key}");
    }
    let mut words = RunConfig::new(TaskName::Sst2);
    words.assign("data=synthetic").unwrap();
    words.make_paths_absolute();
    assert_eq!(words.data, "synthetic");
}
