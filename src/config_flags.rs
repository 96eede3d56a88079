//! A run's configuration as it is typed: a task, a file, flags and assignments; and where each value came from.

use std::collections::BTreeMap;
use std::path::PathBuf;

use aees_run::settings::value::SettingValue;
use aees_run::settings::{ConfigError, Place, RunConfig, TaskName, assigned, read_file};
use clap::Args;
use serde_json::Value;

use crate::failure::Failure;
use crate::setting_flags::{All, SettingFlags};
use crate::words::words;

#[derive(Args)]
pub(crate) struct ConfigFlags {
    /// What to train
    #[arg(value_name = "TASK", value_parser = words(TaskName::ALL.map(|task| (task.name(), task))))]
    task: Option<TaskName>,
    /// Read settings from a YAML file
    #[arg(long, value_name = "FILE")]
    config: Option<PathBuf>,
    /// Set one setting by its key, as in a file; may be given again
    #[arg(long, value_name = "KEY=VALUE")]
    set: Vec<String>,
    /// The text tasks' spelling of --control-mode baseline, adaptive and random
    #[arg(
        long,
        value_name = "METHOD",
        value_parser = ["AdamW", "AdaptiveScheduler", "RandomScheduler"],
        conflicts_with = "control_mode",
    )]
    method: Option<String>,
    #[command(flatten)]
    settings: SettingFlags<All>,
}

/// A configuration, and where what is not a default was written.
pub(crate) struct ResolvedConfig {
    pub(crate) config: RunConfig,
    /// By key.
    pub(crate) places: BTreeMap<String, Place>,
}

impl ResolvedConfig {
    /// Key, value and origin of each setting that is no secret, in the order of the table. What differs from the defaults and was
    /// not typed came from `base`.
    pub(crate) fn rows(&self, base: Option<&str>) -> Vec<(&'static str, Value, String)> {
        let changed: Vec<&str> = self.config.changed().map(|(setting, _)| setting.key).collect();
        let origin = |key: &str| match self.places.get(key) {
            Some(Place::Flag(flag)) => format!("--{flag}"),
            Some(Place::Set) => "--set".to_owned(),
            Some(Place::File { path, line, .. }) => format!("{}:{line}", path.display()),
            Some(Place::Resolved) | None if changed.contains(&key) => base.unwrap_or("made").to_owned(),
            Some(Place::Resolved) | None => "default".to_owned(),
        };
        let settings = RunConfig::settings_of(self.config.task).filter(|setting| !setting.secret);
        let value = |key: &str| self.config.get(key).unwrap_or_default();
        settings.map(|setting| (setting.key, value(setting.key), origin(setting.key))).collect()
    }

    /// The rows that were typed.
    pub(crate) fn changed(&self) -> Vec<(&'static str, Value, String)> {
        let mut rows = self.rows(None);
        rows.retain(|(.., from)| from != "default");
        rows
    }
}

impl ConfigFlags {
    /// Defaults, then the file, then flags, then `--set`.
    pub(crate) fn resolve(&self) -> Result<ResolvedConfig, Failure> {
        let file = match &self.config {
            Some(path) => read_file(path)?,
            None => Vec::new(),
        };
        let mut config = RunConfig::new(task(self.task, &file)?);
        let written = file.iter().filter(|(key, ..)| key != "task");
        let written = written.map(|(key, value, place)| (key.as_str(), value.clone(), place.clone()));
        let method =
            self.method.iter().map(|name| ("method", Value::String(name.clone()), Place::Flag("method".into())));
        let values: Vec<(&str, Value, Place)> = written.chain(method).chain(self.typed()?).collect();
        // `method` is another spelling of this one.
        let key = |key: &str| if key == "method" { "control_mode".to_owned() } else { key.to_owned() };
        let places = values.iter().map(|(name, _, place)| (key(name), place.clone())).collect();
        config.fill(values)?;
        config.make_paths_absolute();
        Ok(ResolvedConfig { config, places })
    }

    /// The same configuration with what was typed: flags, then `--set`.
    pub(crate) fn changed(&self, stored: &RunConfig) -> Result<RunConfig, ConfigError> {
        let mut config = stored.clone();
        config.fill(self.typed()?)?;
        config.make_paths_absolute();
        Ok(config)
    }

    fn typed(&self) -> Result<Vec<(&str, Value, Place)>, ConfigError> {
        let set = self.set.iter().map(|assignment| assigned(assignment));
        self.settings.typed().map(Ok).chain(set).collect()
    }
}

/// The task that the command names, or else the file. They must not differ.
fn task(named: Option<TaskName>, file: &[(String, Value, Place)]) -> Result<TaskName, Failure> {
    let in_file = file.iter().find(|(key, ..)| key == "task");
    match (named, in_file) {
        (Some(named), Some((_, written, place))) if *written != named.to_value() => {
            let named = named.to_value();
            Err(Failure::new(format!("{place}the file is for task {written}, not for {named}")))
        }
        (Some(named), _) => Ok(named),
        (None, Some((_, written, place))) => TaskName::read(written)
            .map_err(|_| Failure::new(format!("{place}unknown task {written}: expected {}", TaskName::expected()))),
        (None, None) => Err(Failure::with_help(
            "no task: neither the command nor the file names one",
            "name one: cifar100, sst2 or agnews; or write `task: cifar100` into the file of --config",
        )),
    }
}
