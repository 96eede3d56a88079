//! Rules on the values of settings: `exclude` in the file, `--only` and `--except` on the command line.

use aees_run::nearest::nearest;
use aees_run::settings::{Place, RunConfig};
use serde_json::Value;

use super::error::{StudyError, StudyProblem, right};
use super::fields::wrong;
use super::settings::{Dialect, Settings, collide, same, setting_name};
use super::yaml::{Kind, YamlEntry, YamlNode, read_value};

/// What a rule can go by: the keys that something in the study sets.
pub(super) struct KnownKeys<'study> {
    pub(super) dialect: Dialect,
    pub(super) paths: Vec<&'study Vec<String>>,
}

/// A conjunction: it matches when every key has one of its values.
#[derive(Clone, Debug)]
pub(super) struct ExclusionRule {
    pub(super) place: Place,
    conditions: Vec<Condition>,
}

/// A key with the values that match.
#[derive(Clone, Debug)]
pub(super) struct Condition {
    key: String,
    values: Vec<Value>,
}

impl ExclusionRule {
    /// Reads `exclude`.
    pub(super) fn read(node: &YamlNode, study: &KnownKeys<'_>, errors: &mut Vec<StudyError>) -> Vec<Self> {
        node.one_or_more().iter().filter_map(|rule| Self::one(rule, study, errors)).collect()
    }

    fn one(node: &YamlNode, study: &KnownKeys<'_>, errors: &mut Vec<StudyError>) -> Option<Self> {
        let entries = match &node.kind {
            Kind::Map(entries) if !entries.is_empty() => entries,
            _ => {
                errors.push(wrong(node, "a rule of `exclude`", "a map of settings and values"));
                return None;
            }
        };
        let condition = |entry: &YamlEntry| {
            known(study, &entry.key, &entry.place)?;
            Condition::new(study.dialect, &entry.key, &entry.value)
        };
        let conditions = right(entries.iter().map(condition), errors);
        (conditions.len() == entries.len()).then(|| Self { place: node.place.clone(), conditions })
    }

    pub(super) fn matches(&self, settings: &Settings) -> bool {
        self.conditions.iter().all(|condition| condition.matches(settings))
    }
}

impl Condition {
    /// A condition of a file: a value, or a list of values.
    fn new(dialect: Dialect, key: &str, node: &YamlNode) -> Result<Self, StudyError> {
        let items = node.one_or_more();
        let flat = items.iter().all(|item| matches!(item.kind, Kind::Scalar { .. }));
        // For a setting that is a list itself, a flat list is one value.
        let mut values = Vec::new();
        if dialect.task.is_none() || (is_list(dialect, key) && flat) {
            values.push(typed(dialect, key, node)?);
        }
        if values.is_empty() || dialect.task.is_none() {
            for item in items {
                values.push(typed(dialect, key, item)?);
            }
        }
        Ok(Self { key: key.to_owned(), values })
    }

    /// `key=a,b` of the command line.
    pub(super) fn parse(study: &KnownKeys<'_>, text: &str, flag: &str) -> Result<Self, StudyError> {
        let place = Place::Flag(flag.to_owned());
        let Some((key, values)) = text.split_once('=').filter(|(key, _)| !key.trim().is_empty()) else {
            let (what, found) = (format!("--{flag}"), format!("`{text}`"));
            let problem = StudyProblem::Wrong { what, expected: "key=value or key=value,value".into(), found };
            return Err(StudyError::at(&Place::Resolved, problem));
        };
        let key = key.trim();
        if study.dialect.task.is_some() {
            known_setting(key, &place)?
        } else {
            known(study, key, &place)?
        }
        let pieces = if is_list(study.dialect, key) { vec![values] } else { values.split(',').collect() };
        let node = |piece: &str| read_value(piece.trim(), &place);
        let values =
            pieces.into_iter().map(|piece| typed(study.dialect, key, &node(piece)?)).collect::<Result<_, _>>()?;
        Ok(Self { key: key.to_owned(), values })
    }

    pub(super) fn matches(&self, settings: &Settings) -> bool {
        let Some(value) = settings.get(&self.key) else { return false };
        self.values.iter().any(|candidate| same(candidate, &value))
    }
}

/// Whether the values of a setting are lists.
fn is_list(dialect: Dialect, key: &str) -> bool {
    dialect.task.is_some_and(|task| RunConfig::new(task).get(setting_name(key)).is_some_and(|value| value.is_array()))
}

/// A value as the setting holds it.
fn typed(dialect: Dialect, key: &str, node: &YamlNode) -> Result<Value, StudyError> {
    let Some(task) = dialect.task else { return node.resolved() };
    let mut config = RunConfig::new(task);
    let set = config.set(key, &node.as_written(), &node.place);
    set.map_err(|error| StudyError::at(&Place::Resolved, StudyProblem::Setting { error, others: Vec::new() }))?;
    Ok(config.get(setting_name(key)).unwrap_or_default())
}

/// Whether anything in the study sets a key.
pub(super) fn known(study: &KnownKeys<'_>, key: &str, place: &Place) -> Result<(), StudyError> {
    if study.dialect.task.is_some() {
        known_setting(key, place)?;
    }
    let path = study.dialect.path(key);
    if study.paths.iter().any(|set| collide(set, &path)) {
        return Ok(());
    }
    let keys: Vec<String> = study.paths.iter().map(|path| path.join(".")).collect();
    let nearest = nearest(key, keys.iter().map(String::as_str)).map(str::to_owned);
    Err(StudyError::at(place, StudyProblem::NobodySets { key: key.to_owned(), nearest }))
}

/// Whether the training has a setting of this name.
fn known_setting(key: &str, place: &Place) -> Result<(), StudyError> {
    if RunConfig::keys().any(|known| known == setting_name(key)) {
        return Ok(());
    }
    let nearest = nearest(key, RunConfig::keys()).map(str::to_owned);
    let problem = StudyProblem::UnknownKey { key: key.to_owned(), within: "the settings of a run".into(), nearest };
    Err(StudyError::at(place, problem))
}
