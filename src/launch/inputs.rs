//! What the runs of a plan are made of beside their settings: fingerprints of data, tokenizers and weights.
//!
//! An identity needs them before anything runs, and reading CIFAR-100 takes seconds, so they are read once for all runs
//! that share them, and remembered in the registry together with names, sizes and times of the files, which say whether
//! they are still those. What may come from the hub is looked up each time: there, the cache knows.

use std::collections::HashMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::time::UNIX_EPOCH;

use aees_train::config::{ControlMode, Initialization, RunConfig, TaskName};
use aees_train::event::Subscriber;
use aees_train::identity::Inputs;
use aees_train::session::{self, SessionError};
use serde_json::{Value, json};

use crate::registry::{Reader, Registry, RegistryError};

/// The settings that decide what a run is made of.
const SETTINGS: [&str; 11] = [
    "data",
    "limit_train",
    "limit_eval",
    "val_split",
    "model",
    "tokenizer",
    "init",
    "model_layers",
    "model_dim",
    "cache_dir",
    "local_files_only",
];

/// How deep the files of a data set may lie below its folder.
const DEPTH: usize = 3;

/// Finds the inputs of runs, each only once.
#[derive(Default)]
pub(crate) struct InputFinder {
    found: HashMap<String, Inputs>,
    /// What the registry should remember: key, look of the files, inputs.
    news: Vec<(String, String, String)>,
}

impl InputFinder {
    /// The inputs of a run. `registry` may know them from earlier.
    ///
    /// # Errors
    /// Whatever is wrong with data, tokenizer or model.
    pub(crate) fn inputs(
        &mut self,
        config: &RunConfig,
        registry: Option<&Reader>,
        subscribers: &mut [Box<dyn Subscriber>],
    ) -> Result<Inputs, SessionError> {
        let key = key(config);
        if let Some(inputs) = self.found.get(&key) {
            return Ok(inputs.clone());
        }
        let look = look(config);
        let known = look.as_ref().zip(registry).and_then(|(look, registry)| {
            let text = registry.data_fingerprint(&key, look).ok()??;
            serde_json::from_str(&text).ok()
        });
        let inputs = match known {
            Some(inputs) => inputs,
            None => {
                let inputs = session::load_task(config, subscribers)?.facts().inputs.clone();
                self.news.extend(look.map(|look| (key.clone(), look, json!(inputs).to_string())));
                inputs
            }
        };
        self.found.insert(key, inputs.clone());
        Ok(inputs)
    }

    /// Lets the registry remember what was read.
    ///
    /// # Errors
    /// Those of the registry.
    pub(crate) fn remember(&mut self, registry: &mut Registry) -> Result<(), RegistryError> {
        self.news.drain(..).try_for_each(|(key, look, text)| registry.remember_data_fingerprint(&key, &look, &text))
    }
}

fn key(config: &RunConfig) -> String {
    let mut key = json!({"task": config.task.name()});
    for name in SETTINGS {
        key[name] = config.get(name).unwrap_or_default();
    }
    // The hold-out is drawn from the run's seed.
    if config.val_split > 0.0 {
        key["seed"] = config.seed.into();
    }
    if config.control_mode == ControlMode::FrequencyMatched {
        key["frequency_matched"] = serde_json::Value::Object(config.to_map());
    }
    // Relative paths mean another thing elsewhere.
    key["here"] = std::env::current_dir().unwrap_or_default().to_string_lossy().into();
    key.to_string()
}

/// Names, sizes and times of all files that a run reads; none when some may come from the hub.
fn look(config: &RunConfig) -> Option<String> {
    // The runs that it copies from are read each time.
    if config.control_mode == ControlMode::FrequencyMatched {
        return None;
    }
    let mut files = vec![json!(env!("CARGO_PKG_VERSION"))];
    match config.data.as_str() {
        "synthetic" => {}
        "auto" => list(local_folder(config.task)?, DEPTH, &mut files)?,
        path => list(PathBuf::from(path), DEPTH, &mut files)?,
    }
    if config.task.is_text() {
        let made_here = config.data == "synthetic" && config.tokenizer.is_none();
        let tokenizer = config.tokenizer.as_deref().unwrap_or(&config.model);
        if !made_here {
            list(existing(tokenizer)?, 0, &mut files)?;
        }
        let random = config.initialization() == Initialization::Random;
        if !(random && config.model == RunConfig::new(config.task).model) {
            list(existing(&config.model)?, 0, &mut files)?;
        }
    }
    Some(Value::Array(files).to_string())
}

fn existing(name: &str) -> Option<PathBuf> {
    Path::new(name).exists().then(|| PathBuf::from(name))
}

/// Where `--data auto` looks first.
fn local_folder(task: TaskName) -> Option<PathBuf> {
    let names: &[&str] = match task {
        TaskName::Cifar100 => &["data/cifar100"],
        TaskName::Sst2 => &["data/sst2", "data/sst-2", "data/sst_2"],
        TaskName::AgNews => &["data/agnews", "data/ag_news", "data/ag-news", "data/ag_news_csv"],
    };
    names.iter().map(PathBuf::from).find(|folder| folder.is_dir())
}

fn list(path: PathBuf, depth: usize, files: &mut Vec<Value>) -> Option<()> {
    let metadata = fs::metadata(&path).ok()?;
    if !metadata.is_dir() {
        let changed = metadata.modified().ok()?.duration_since(UNIX_EPOCH).ok()?;
        files.push(json!([path, metadata.len(), changed.as_nanos().to_string()]));
        return Some(());
    }
    let mut entries: Vec<PathBuf> = fs::read_dir(&path).ok()?.flatten().map(|entry| entry.path()).collect();
    entries.sort();
    for entry in entries {
        if depth > 0 || !entry.is_dir() {
            list(entry, depth.saturating_sub(1), files)?;
        }
    }
    Some(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use aees_train::config::{Place, Role};
    use serde_json::json;

    /// A setting that is not in the key must not change what a run is made of.
    #[test]
    fn the_key_has_every_setting_that_decides_the_inputs() {
        let mut base = RunConfig::new(TaskName::Sst2);
        for assignment in ["data=synthetic", "limit_train=40", "limit_eval=20", "model_layers=1", "model_dim=16"] {
            base.assign(assignment).unwrap();
        }
        let inputs = session::load_task(&base, &mut []).unwrap().facts().inputs.clone();
        let others = RunConfig::fields().into_iter().filter(|field| {
            field.role == Role::Science && field.tasks.include(base.task) && !SETTINGS.contains(&field.key)
        });
        for field in others {
            let old = base.get(field.key).unwrap();
            let other = match &old {
                Value::Bool(flag) => json!(!flag),
                Value::Number(number) if number.is_f64() => json!(number.as_f64().unwrap() * 0.5 + 0.25),
                Value::Number(number) => json!(number.as_i64().unwrap() + 3),
                Value::Array(_) => json!([0.25, 0.75]),
                Value::String(_) => json!(field.choices.iter().find(|choice| old != **choice).unwrap()),
                _ => json!(7),
            };
            let mut changed = base.clone();
            changed.set(field.key, &other, &Place::Resolved).unwrap();
            assert_eq!(session::load_task(&changed, &mut []).unwrap().facts().inputs, inputs, "{}", field.key);
        }
    }

    #[test]
    fn changed_files_look_different_and_the_hub_has_no_look() {
        let scratch = tempfile::tempdir().unwrap();
        let file = scratch.path().join("train.bin");
        fs::write(&file, "one").unwrap();
        let mut config = RunConfig::new(TaskName::Cifar100);
        config.data = scratch.path().to_string_lossy().into_owned();
        let before = look(&config).unwrap();
        assert_eq!(look(&config).unwrap(), before);
        fs::write(&file, "three").unwrap();
        assert_ne!(look(&config).unwrap(), before);
        config.data = scratch.path().join("absent").to_string_lossy().into_owned();
        assert!(look(&config).is_none());
        assert!(look(&RunConfig::new(TaskName::Sst2)).is_none(), "data and model may come from the hub");
    }
}
