//! A JSON Schema of study files, for editors. Keys come from the parser's own [table](super::keys), settings from the table of
//! settings; what a schema cannot say (places that nothing fills, axes of unequal length) is the parser's alone.

use aees_run::settings::{RunConfig, SettingInfo, TaskName};
use serde_json::{Map, Value, json};

use super::axis::FORMS;
use super::keys::{BLOCK, CASE, STUDY, map_of};

/// The schema, draft 2020-12.
pub fn schema() -> Value {
    let study: Vec<_> = STUDY.iter().chain(BLOCK).copied().collect();
    let mut schema = map_of(&study, &["aees", "task"]);
    let tasks: Vec<&str> = TaskName::ALL.iter().map(|task| task.name()).collect();
    let names: Vec<&str> = tasks.iter().copied().chain(["command"]).collect();
    schema["$schema"] = "https://json-schema.org/draft/2020-12/schema".into();
    schema["title"] = "A study of aees".into();
    schema["allOf"] = TaskName::ALL.iter().map(|task| of_task(*task)).chain([of_command(&tasks)]).collect();
    let case: Vec<_> = CASE.iter().chain(BLOCK).copied().collect();
    schema["$defs"] = json!({
        "task": {"enum": names},
        "base": {"anyOf": [{"type": "string"}, {"type": "object"}, {"type": "array", "items": {"$ref": "#/$defs/base"}}]},
        "rules": {"anyOf": [{"type": "object", "minProperties": 1}, {"type": "array", "items": {"type": "object", "minProperties": 1}}]},
        "hook": {"anyOf": [{"type": "string"}, {"type": "array", "items": {"type": "string"}, "minItems": 1}]},
        "settings": {"type": "object"},
        "axes": {"type": "object", "additionalProperties": {"$ref": "#/$defs/axis"}},
        "zip": {"anyOf": [{"$ref": "#/$defs/axes"}, {"type": "array", "items": {"$ref": "#/$defs/axes"}}]},
        "cases": {"type": "array", "items": map_of(&case, &["name"]), "minItems": 1},
        "axis": axis(),
    });
    schema
}

/// A list of values, or a map with one form.
fn axis() -> Value {
    let numbers = |keys: &[&str]| {
        let properties: Map<String, Value> = keys.iter().map(|key| ((*key).to_owned(), number())).collect();
        json!({"type": "object", "properties": properties, "required": keys, "additionalProperties": false})
    };
    let form = |name: &str| match name {
        "choice" => json!({"type": "array", "minItems": 1}),
        "range" => numbers(&["from", "to", "step"]),
        "linspace" | "logspace" => numbers(&["from", "to", "n"]),
        "normal" => numbers(&["mean", "std"]),
        _ => numbers(&["from", "to"]),
    };
    let forms: Map<String, Value> = FORMS.iter().map(|name| ((*name).to_owned(), form(name))).collect();
    let map = json!({"type": "object", "properties": forms, "additionalProperties": false, "minProperties": 1, "maxProperties": 1});
    json!({"anyOf": [{"type": "array", "minItems": 1}, map]})
}

/// YAML of other programs reads `1e-3` as a text.
fn number() -> Value {
    json!({"anyOf": [{"type": "number"}, {"type": "string", "pattern": "^[-+]?[0-9.]+([eE][-+]?[0-9]+)?$"}]})
}

/// What a proposal for a task can set: for each task its settings with their values.
pub fn proposal_settings() -> Map<String, Value> {
    TaskName::ALL.iter().map(|task| (task.name().to_owned(), Value::Object(settings_of(*task)))).collect()
}

/// The settings of a task that a study leaves free, with their values, and the other name of one of them.
fn settings_of(task: TaskName) -> Map<String, Value> {
    let defaults = RunConfig::new(task);
    let settings = RunConfig::settings_of(task).filter(|setting| setting.instead_in_studies.is_none());
    let own = settings.map(|setting| (setting.key.to_owned(), value_of(setting, defaults.get(setting.key))));
    own.chain([("method".to_owned(), json!(true))]).collect()
}

/// What `set` and `sweep` of a study of this task can name.
fn of_task(task: TaskName) -> Value {
    let set = settings_of(task);
    let axes: Map<String, Value> = set.keys().map(|key| (key.clone(), json!(true))).collect();
    let map_of = |settings| json!({"type": "object", "properties": settings, "additionalProperties": false});
    json!({
        "if": {"properties": {"task": {"const": task.name()}}, "required": ["task"]},
        "then": {"properties": {"command": false, "set": map_of(set), "sweep": map_of(axes)}},
    })
}

/// A program's settings are its own; a study of one has a program.
fn of_command(tasks: &[&str]) -> Value {
    json!({
        "if": {"properties": {"task": {"enum": tasks}}, "required": ["task"]},
        "then": {},
        "else": {"required": ["command"]},
    })
}

fn value_of(setting: &SettingInfo, default: Option<Value>) -> Value {
    let mut schema = match default {
        _ if !setting.choices.is_empty() => {
            json!({"anyOf": [{"enum": setting.choices}, {"type": ["boolean", "null"]}]})
        }
        Some(Value::Bool(_)) => json!({"type": "boolean"}),
        Some(Value::Number(_)) => json!({"type": ["number", "string"]}),
        Some(Value::Array(_)) => json!({"type": ["array", "number", "string"]}),
        Some(Value::String(_)) => json!({"type": "string"}),
        _ => json!({"type": ["number", "string", "boolean", "null"]}),
    };
    schema["description"] = setting.help.into();
    schema
}
