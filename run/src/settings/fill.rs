//! How a configuration is filled from maps, files, flags and `--set`.

use std::collections::BTreeMap;
use std::path::Path;

use serde_json::{Map, Value};

use super::RunConfig;
use super::choices::TaskName;
use super::error::{ConfigError, Place};
use super::file::read_file;
use super::value::SettingValue;

impl RunConfig {
    /// All settings of the task with their values, by key; `task` included.
    pub fn to_map(&self) -> Map<String, Value> {
        let settings = Self::settings_of(self.task);
        let settings = settings.filter_map(|setting| Some((setting.key.to_owned(), self.get(setting.key)?)));
        std::iter::once(("task".to_owned(), self.task.to_value())).chain(settings).collect()
    }

    /// The configuration written by [`RunConfig::to_map`].
    ///
    /// # Errors
    /// As [`RunConfig::set`]; also when the task is missing or unknown.
    pub fn from_map(map: &Map<String, Value>) -> Result<Self, ConfigError> {
        let task = map.get("task").and_then(|task| TaskName::read(task).ok()).ok_or(ConfigError::NoTask)?;
        let mut config = Self::new(task);
        let mut settings = map.iter().filter(|(key, _)| *key != "task");
        settings.try_for_each(|(key, value)| config.set(key, value, &Place::Resolved))?;
        Ok(config)
    }

    /// The configuration of a file that names its task, such as a run's `config.yaml`.
    ///
    /// # Errors
    /// As [`read_file`] and [`RunConfig::from_map`].
    pub fn from_file(path: &Path) -> Result<Self, ConfigError> {
        Self::from_map(&read_file(path)?.into_iter().map(|(key, value, _)| (key, value)).collect())
    }

    /// Takes over values, of which a later one replaces an earlier one.
    ///
    /// # Errors
    /// As the reference, first a key or type that is wrong, then what is out of range or does not fit its neighbours, in
    /// the order of the table. The rest is for [`RunConfig::validate`].
    pub fn fill<'a>(&mut self, values: impl IntoIterator<Item = (&'a str, Value, Place)>) -> Result<(), ConfigError> {
        let mut out_of_range = BTreeMap::new();
        for (key, value, place) in values {
            let row = Self::keys().position(|known| known == key);
            match self.set(key, &value, &place) {
                Err(error @ ConfigError::Range { .. }) => drop(out_of_range.insert(row, error)),
                Err(error) => return Err(error),
                Ok(()) => drop(out_of_range.remove(&row)),
            }
        }
        let Some((row, error)) = out_of_range.pop_first() else { return Ok(()) };
        self.check_neighbours(&Self::settings()[..row.unwrap_or_default()])?;
        Err(error)
    }

    /// Sets a setting from `key=value`.
    ///
    /// # Errors
    /// When there is no `=`, and as [`RunConfig::set`].
    pub fn assign(&mut self, assignment: &str) -> Result<(), ConfigError> {
        let (key, value, place) = assigned(assignment)?;
        self.set(key, &value, &place)
    }
}

/// The parts of `key=value`.
///
/// # Errors
/// When there is no `=`.
pub fn assigned(assignment: &str) -> Result<(&str, Value, Place), ConfigError> {
    let (key, value) =
        assignment.split_once('=').ok_or_else(|| ConfigError::NotAnAssignment { text: assignment.to_owned() })?;
    Ok((key.trim(), Value::String(value.trim().to_owned()), Place::Set))
}
