//! What the runs of a plan are made of beside their settings: fingerprints of data, tokenizers and weights.
//!
//! An identity needs them before anything runs, and reading CIFAR-100 takes seconds, so they are read once for all runs
//! that share them, and remembered in the registry together with names, sizes and times of the files, which say whether
//! they are still those. What may come from the hub is looked up each time: there, the cache knows.

use std::collections::{BTreeMap, HashMap};
use std::path::{Path, PathBuf};

use aees_run::identity::Inputs;
use aees_run::settings::{ControlMode, Initialization, RunConfig, TaskName};
use aees_tasks::{dataset, file_states};
use serde_json::{Map, Value, json};

use crate::error::InputError;
use crate::registry::{Reader, Registry, RegistryError};
use crate::study::differences;

/// How deep the files of a data set may lie below its folder.
const DEPTH: usize = 3;

/// As many inputs are looked at again to know whether a plan is still what it would be.
const MOST_ASKED: usize = 100;

/// Reads the inputs of a run. Studies know no data, tokenizers and weights; who trains does.
type ReadInputs<'a> = dyn FnMut(&RunConfig) -> Result<Inputs, InputError> + 'a;

/// Finds the inputs of runs, each only once.
pub struct InputFinder<'a> {
    read: Box<ReadInputs<'a>>,
    known: HashMap<String, Inputs>,
    /// What the plan under way asked for, with the settings of a run that did.
    asked: BTreeMap<String, (Map<String, Value>, Inputs)>,
    /// What the registry should remember: key, state of the files, inputs.
    unsaved: Vec<(String, String, String)>,
}

impl<'a> InputFinder<'a> {
    /// Nothing is read yet.
    pub fn new(read: impl FnMut(&RunConfig) -> Result<Inputs, InputError> + 'a) -> Self {
        Self { read: Box::new(read), known: HashMap::new(), asked: BTreeMap::new(), unsaved: Vec::new() }
    }

    /// The inputs of a run. `registry` may know them from earlier.
    ///
    /// # Errors
    /// Whatever is wrong with data, tokenizer or model.
    pub fn inputs(&mut self, config: &RunConfig, registry: Option<&Reader>) -> Result<Inputs, InputError> {
        let key = key(config);
        if let Some(inputs) = self.known.get(&key) {
            let inputs = inputs.clone();
            self.note(key, config, &inputs);
            return Ok(inputs);
        }
        let state = state_of_files(config);
        let remembered = state.as_ref().zip(registry).and_then(|(state, registry)| {
            let text = registry.data_fingerprint(&key, state).ok()??;
            serde_json::from_str(&text).ok()
        });
        let inputs = match remembered {
            Some(inputs) => inputs,
            None => {
                let inputs = (self.read)(config)?;
                self.unsaved.extend(state.map(|state| (key.clone(), state, json!(inputs).to_string())));
                inputs
            }
        };
        self.known.insert(key.clone(), inputs.clone());
        self.note(key, config, &inputs);
        Ok(inputs)
    }

    fn note(&mut self, key: String, config: &RunConfig, inputs: &Inputs) {
        if self.asked.len() <= MOST_ASKED {
            self.asked.entry(key).or_insert_with(|| (differences(config, |_| true), inputs.clone()));
        }
    }

    /// A new plan begins to ask.
    pub(super) fn begin(&mut self) {
        self.asked.clear();
    }

    /// What the plan asked for, each with the settings of a run that did; none where that is too much to look at again.
    pub(super) fn asked(&self) -> Option<Vec<(Map<String, Value>, Inputs)>> {
        (self.asked.len() <= MOST_ASKED).then(|| self.asked.values().cloned().collect())
    }

    /// Lets the registry remember what was read.
    pub fn remember(&mut self, registry: &mut Registry) -> Result<(), RegistryError> {
        self.unsaved
            .drain(..)
            .try_for_each(|(key, state, text)| registry.remember_data_fingerprint(&key, &state, &text))
    }
}

fn key(config: &RunConfig) -> String {
    let mut key = json!({"task": config.task.name()});
    for setting in RunConfig::settings().iter().filter(|setting| setting.decides_inputs) {
        key[setting.key] = config.get(setting.key).unwrap_or_default();
    }
    // The hold-out is drawn from the run's seed.
    if config.val_split.get() > 0.0 {
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
fn state_of_files(config: &RunConfig) -> Option<String> {
    // The runs that it copies from are read each time.
    if config.control_mode == ControlMode::FrequencyMatched {
        return None;
    }
    let mut files = vec![json!(env!("CARGO_PKG_VERSION"))];
    match config.data.as_str() {
        "synthetic" => {}
        "auto" => file_states(&local_folder(config.task)?, DEPTH, &mut files)?,
        path => file_states(Path::new(path), DEPTH, &mut files)?,
    }
    if config.task.is_text() {
        let made_here = config.data == "synthetic" && config.tokenizer.is_none();
        let tokenizer = config.tokenizer.as_deref().unwrap_or(&config.model);
        if !made_here {
            file_states(existing(tokenizer)?, 0, &mut files)?;
        }
        let random = config.initialization() == Initialization::Random;
        if !(random && config.model == RunConfig::new(config.task).model) {
            file_states(existing(&config.model)?, 0, &mut files)?;
        }
    }
    Some(Value::Array(files).to_string())
}

fn existing(name: &str) -> Option<&Path> {
    Some(Path::new(name)).filter(|path| path.exists())
}

/// Where `--data auto` looks first.
fn local_folder(task: TaskName) -> Option<PathBuf> {
    dataset(task).folders.iter().map(|name| Path::new("data").join(name)).find(|folder| folder.is_dir())
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    #[test]
    fn changed_files_have_another_state_and_the_hub_has_none() {
        let scratch = tempfile::tempdir().unwrap();
        let file = scratch.path().join("train.bin");
        fs::write(&file, "one").unwrap();
        let mut config = RunConfig::new(TaskName::Cifar100);
        config.data = scratch.path().to_string_lossy().into_owned();
        let before = state_of_files(&config).unwrap();
        assert_eq!(state_of_files(&config).unwrap(), before);
        fs::write(&file, "three").unwrap();
        assert_ne!(state_of_files(&config).unwrap(), before);
        config.data = scratch.path().join("absent").to_string_lossy().into_owned();
        assert!(state_of_files(&config).is_none());
        assert!(state_of_files(&RunConfig::new(TaskName::Sst2)).is_none(), "data and model may come from the hub");
    }
}
