//! What identifies a run of a foreign program: its settings, its argument list as written, where its result is, and the
//! user's word for its version; the content of its files where the study asks for it. Never a path of this machine, the
//! time-out, or the environment.
//!
//! A setting at its default is as if it were not set, an alias stands for the name that it had first, and a whole number is
//! itself, with or without a point. A study can say such things when runs are there already, so a setting has several
//! documents that mean it, and a plan takes the one under which runs are done.

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};

use super::command::CommandSpec;
use super::settings::{at_path, inside, same};
use super::template::Template;

/// What of a program's content can be part of an identity.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ProgramContent {
    /// A digest of its files.
    pub digest: String,
    /// Which words of the argument list name them.
    pub words: Vec<usize>,
}

impl CommandSpec {
    /// The documents that stand for a setting, the usual one first. Their hashes are what runs of it may be known by.
    pub fn identity_documents(&self, config: &Map<String, Value>, program: Option<&ProgramContent>) -> Vec<Value> {
        let renamed = self.renamed(config);
        let usual = whole_numbers(&without_defaults(&renamed, &self.renamed(&self.defaults)));
        let complete = with_defaults(&renamed, &self.renamed(&self.defaults));
        let as_written = whole_numbers(&renamed);
        let mut documents: Vec<Value> = Vec::new();
        for config in [usual, as_written, renamed, whole_numbers(&complete), complete] {
            let document = self.document(&config, program);
            if !documents.contains(&document) {
                documents.push(document);
            }
        }
        documents
    }

    /// The usual document: equal for settings that mean the same.
    pub fn identity_document(&self, config: &Map<String, Value>, program: Option<&ProgramContent>) -> Value {
        let defaults = self.renamed(&self.defaults);
        self.document(&whole_numbers(&without_defaults(&self.renamed(config), &defaults)), program)
    }

    fn document(&self, config: &Map<String, Value>, program: Option<&ProgramContent>) -> Value {
        let old_name = |key: &str| self.aliases.get(key).cloned().unwrap_or_else(|| key.to_owned());
        let program = program.filter(|_| self.identity.digest);
        // A file that counts by its content does not count by its path.
        let is_file = |index: &usize| program.is_some_and(|program| program.words.contains(index));
        let word = |(index, word): (usize, &Template)| match is_file(&index) {
            true => Value::Null,
            false => word.rename(old_name).source().into(),
        };
        let argv: Vec<Value> = self.argv.iter().enumerate().map(word).collect();
        let file = self.result.file().map(|path| json!({"file": path.rename(old_name).source()}));
        let result = file.unwrap_or_else(|| json!("last_json_line"));
        let mut document = json!({
            "v": 1,
            "task": "command",
            "config": config,
            "argv": argv,
            "result": result,
            "code": self.code,
            "precision": "external",
        });
        if !self.identity.argv {
            document["argv"] = Value::Null;
        }
        if let Some(program) = program {
            document["program"] = json!(program.digest);
        }
        document
    }

    /// The configuration by the names that its settings had first.
    fn renamed(&self, config: &Map<String, Value>) -> Map<String, Value> {
        let mut renamed = config.clone();
        for (new, old) in &self.aliases {
            if let Some(value) = take(&mut renamed, new) {
                put(&mut renamed, old, value);
            }
        }
        renamed
    }

    /// The names of a configuration that stand for one setting: an alias beside the name that it replaces.
    pub(super) fn doubled(&self, config: &Map<String, Value>) -> Option<(&str, &str)> {
        let both = |(new, old): &(&String, &String)| at_path(config, new).is_some() && at_path(config, old).is_some();
        self.aliases.iter().find(both).map(|(new, old)| (new.as_str(), old.as_str()))
    }
}

/// Without the settings that are at their default, and without maps that are empty for it.
fn without_defaults(config: &Map<String, Value>, defaults: &Map<String, Value>) -> Map<String, Value> {
    let keep = |(key, value): (&String, &Value)| match (value, defaults.get(key)) {
        (Value::Object(value), Some(Value::Object(default))) => {
            let inner = without_defaults(value, default);
            (value.is_empty() || !inner.is_empty()).then(|| (key.clone(), Value::Object(inner)))
        }
        (value, Some(default)) if same(value, default) => None,
        (value, _) => Some((key.clone(), value.clone())),
    };
    config.iter().filter_map(keep).collect()
}

fn with_defaults(config: &Map<String, Value>, defaults: &Map<String, Value>) -> Map<String, Value> {
    let mut complete = config.clone();
    for (key, default) in defaults {
        match (complete.get_mut(key), default) {
            (None, _) => drop(complete.insert(key.clone(), default.clone())),
            (Some(Value::Object(inner)), Value::Object(default)) => *inner = with_defaults(inner, default),
            (Some(_), _) => {}
        }
    }
    complete
}

/// `1.0` as `1`: they are one value.
fn whole_numbers(config: &Map<String, Value>) -> Map<String, Value> {
    fn whole(value: &Value) -> Value {
        match value {
            Value::Number(number) => {
                let float = number.as_f64().filter(|float| number.is_f64() && float.fract() == 0.0);
                let exact = float.filter(|float| float.abs() < 2_f64.powi(53));
                exact.map_or_else(|| value.clone(), |float| Value::from(float as i64))
            }
            Value::Array(items) => items.iter().map(whole).collect(),
            Value::Object(map) => Value::Object(whole_numbers(map)),
            other => other.clone(),
        }
    }
    config.iter().map(|(key, value)| (key.clone(), whole(value))).collect()
}

/// Takes the value at a dotted path out, and maps that are empty then.
fn take(map: &mut Map<String, Value>, path: &str) -> Option<Value> {
    if let Some(value) = map.remove(path) {
        return Some(value);
    }
    let (head, rest) = path.split_once('.')?;
    let Some(Value::Object(inner)) = map.get_mut(head) else { return None };
    let taken = take(inner, rest);
    if taken.is_some() && inner.is_empty() {
        map.remove(head);
    }
    taken
}

fn put(map: &mut Map<String, Value>, path: &str, value: Value) {
    let Some((head, rest)) = path.split_once('.') else {
        map.insert(path.to_owned(), value);
        return;
    };
    inside(map, head, |inner| put(inner, rest, value));
}
