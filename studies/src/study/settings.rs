//! What a study sets, and what comes out: assignments, applied one after the other.
//!
//! The settings of a training run are flat and typed by `RunConfig`; those of a foreign program are a nested map with
//! dotted paths. Both are filled by the same assignments, from base to command line.

use aees_run::settings::{ConfigError, Place, RunConfig, TaskName};
use serde_json::{Map, Value};

use super::error::{StudyError, StudyProblem};
use super::yaml::{Kind, MergeTag, YamlEntry, YamlNode};

/// What an assignment does to what is there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Operation {
    /// Maps are merged, everything else is replaced.
    Merge,
    /// The whole value is replaced.
    Replace,
    /// The key is deleted: a setting goes back to its default.
    Remove,
}

/// One setting with its value.
#[derive(Clone, Debug)]
pub(super) struct Assignment {
    /// The path; one element for a setting of a training run.
    pub(super) path: Vec<String>,
    pub(super) value: Value,
    pub(super) operation: Operation,
    pub(super) place: Place,
    /// It cannot be applied, and somebody has said so: it is left out of what is checked next.
    pub(super) faulty: bool,
}

impl Assignment {
    pub(super) fn new(path: Vec<String>, value: Value, operation: Operation, place: &Place) -> Self {
        Self { path, value, operation, place: place.clone(), faulty: false }
    }

    /// The path as one word.
    pub(super) fn key(&self) -> String {
        self.path.join(".")
    }
}

/// How a study's values are read: by the types of a task, or freely.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Dialect {
    /// The task whose settings decide the types; none for a foreign program.
    pub(super) task: Option<TaskName>,
    /// Whether an override replaces a whole top-level key, and dots mean nothing.
    pub(super) top_level_replace: bool,
}

impl Dialect {
    /// The path that a key names.
    pub(super) fn path(self, key: &str) -> Vec<String> {
        if self.top_level_replace { vec![key.to_owned()] } else { key.split('.').map(str::to_owned).collect() }
    }

    /// The value of a node, before a setting gives it a type.
    pub(super) fn value(self, node: &YamlNode) -> Result<Value, StudyError> {
        if self.task.is_some() { Ok(node.as_written()) } else { node.resolved() }
    }

    /// The assignments of a map: nested maps are taken apart down to their leaves. None where any is wrong.
    pub(super) fn assignments(self, entries: &[YamlEntry], errors: &mut Vec<StudyError>) -> Vec<Assignment> {
        let (mut found, before) = (Vec::new(), errors.len());
        for entry in entries {
            self.flatten(self.path(&entry.key), &entry.value, &mut found, errors);
        }
        for (index, assignment) in found.iter().enumerate() {
            let earlier = found[..index].iter().find(|earlier| collide(&earlier.path, &assignment.path));
            if let Some(earlier) = earlier {
                let problem = StudyProblem::DuplicateKey { key: assignment.key(), first: earlier.place.clone() };
                errors.push(StudyError::at(&assignment.place, problem));
            }
        }
        if errors.len() == before { found } else { Vec::new() }
    }

    /// The assignments that put a value at a path.
    pub(super) fn flatten(
        self,
        path: Vec<String>,
        node: &YamlNode,
        found: &mut Vec<Assignment>,
        errors: &mut Vec<StudyError>,
    ) {
        let operation = match node.tag {
            Some(MergeTag::Remove) => Operation::Remove,
            Some(MergeTag::Replace) => Operation::Replace,
            None if self.top_level_replace => Operation::Replace,
            None => Operation::Merge,
        };
        match &node.kind {
            Kind::Map(entries) if operation == Operation::Merge && !entries.is_empty() => {
                for entry in entries {
                    let path = path.iter().cloned().chain(self.path(&entry.key)).collect();
                    self.flatten(path, &entry.value, found, errors);
                }
            }
            _ => match self.value(node) {
                Ok(value) => found.push(Assignment::new(path, value, operation, &node.place)),
                Err(error) => errors.push(error),
            },
        }
    }
}

/// Whether two paths set the same thing: they are equal, or one holds the other.
pub(super) fn collide(one: &[String], other: &[String]) -> bool {
    let shared = one.len().min(other.len());
    one[..shared].iter().zip(&other[..shared]).all(|(a, b)| setting_name(a) == setting_name(b))
}

/// The name of a setting that can be written in two ways.
pub(super) fn setting_name(key: &str) -> &str {
    // The text tasks call the control mode by the name of the method.
    if key == "method" { "control_mode" } else { key }
}

/// The settings of one combination.
#[derive(Clone, Debug, PartialEq)]
pub enum Settings {
    /// A training run of this program.
    Train(Box<RunConfig>),
    /// The configuration of a foreign program.
    Command(Map<String, Value>),
}

impl Settings {
    pub(super) fn new(dialect: Dialect) -> Self {
        match dialect.task {
            Some(task) => Self::Train(Box::new(RunConfig::new(task))),
            None => Self::Command(Map::new()),
        }
    }

    /// Changes one setting.
    pub(super) fn apply(&mut self, assignment: &Assignment) -> Result<(), ConfigError> {
        match self {
            Self::Train(config) => {
                let key = assignment.key();
                if assignment.operation == Operation::Remove {
                    let default = RunConfig::new(config.task).get(setting_name(&key)).unwrap_or_default();
                    return config.set(setting_name(&key), &default, &assignment.place);
                }
                config.set(&key, &assignment.value, &assignment.place)
            }
            Self::Command(map) => {
                apply_to_map(map, &assignment.path, assignment);
                Ok(())
            }
        }
    }

    /// The run of a seed; none for a foreign program.
    pub fn run_config(&self, seed: i64) -> Option<RunConfig> {
        match self {
            Self::Train(config) => Some(RunConfig { seed: seed.unsigned_abs(), ..(**config).clone() }),
            Self::Command(_) => None,
        }
    }

    /// The map that a foreign program gets; none for a training run.
    pub fn command(&self) -> Option<&Map<String, Value>> {
        match self {
            Self::Command(map) => Some(map),
            Self::Train(_) => None,
        }
    }

    /// Everything that is set, for files and tables that are read by programs.
    pub fn to_map(&self) -> Map<String, Value> {
        match self {
            Self::Train(config) => config.to_map(),
            Self::Command(map) => map.clone(),
        }
    }

    /// The value of a setting, by its key or dotted path.
    pub fn get(&self, key: &str) -> Option<Value> {
        match self {
            Self::Train(config) => config.get(setting_name(key)),
            Self::Command(map) => at_path(map, key).cloned(),
        }
    }
}

/// The value at a dotted path; a key that has dots itself comes first.
pub(super) fn at_path<'map>(map: &'map Map<String, Value>, key: &str) -> Option<&'map Value> {
    if let Some(value) = map.get(key) {
        return Some(value);
    }
    key.match_indices('.').find_map(|(dot, _)| match map.get(&key[..dot]) {
        Some(Value::Object(inner)) => at_path(inner, &key[dot + 1..]),
        _ => None,
    })
}

fn apply_to_map(map: &mut Map<String, Value>, path: &[String], assignment: &Assignment) {
    let [head, rest @ ..] = path else { return };
    if !rest.is_empty() {
        inside(map, head, |inner| apply_to_map(inner, rest, assignment));
        return;
    }
    match assignment.operation {
        Operation::Remove => drop(map.remove(head)),
        // Maps arrive here only when they are empty or replace: the others were taken apart.
        Operation::Merge if assignment.value.as_object().is_some_and(Map::is_empty) => inside(map, head, |_| ()),
        Operation::Merge | Operation::Replace => drop(map.insert(head.clone(), assignment.value.clone())),
    }
}

/// Changes the map under a key, which takes the place of anything else there.
pub(super) fn inside(map: &mut Map<String, Value>, key: &str, change: impl FnOnce(&mut Map<String, Value>)) {
    let there = map.entry(key).or_insert(Value::Null);
    if !there.is_object() {
        *there = Value::Object(Map::new());
    }
    if let Some(inner) = there.as_object_mut() {
        change(inner);
    }
}

/// Whether two values are the same setting: numbers count by their value, not by their spelling.
pub(super) fn same(one: &Value, other: &Value) -> bool {
    match (one, other) {
        (Value::Number(a), Value::Number(b)) => a == b || a.as_f64() == b.as_f64(),
        (Value::Array(a), Value::Array(b)) => a.len() == b.len() && a.iter().zip(b).all(|(a, b)| same(a, b)),
        (a, b) => a == b,
    }
}
