//! `task: command`: a foreign program as a task. How its argument list is filled, and what identifies one of its runs.
//!
//! The program gets its configuration as JSON on standard input and as `{key}` in its argument list; running it and
//! reading its result is left to the launcher.

use std::time::Duration;

use aees_run::identity::{Id, NotCanonical, RunIdentity};
use aees_run::settings::Place;
use serde_json::{Map, Value, json};

use super::error::{Problem, StudyError};
use super::fields::{YamlFields, missing, wrong};
use super::policy::{DURATION, duration};
use super::settings::at_path;
use super::yaml::{Kind, YamlNode};

/// The program of a `command` study.
#[derive(Clone, Debug, PartialEq)]
pub struct CommandSpec {
    /// The program and its arguments, with `{key}` places.
    pub argv: Vec<Template>,
    /// Where its result is found.
    pub result: ResultRule,
    /// How long one run may take.
    pub timeout: Option<Duration>,
    /// The environment variables that are passed on beside the usual ones. Values are never part of an identity.
    pub env: Vec<String>,
    /// The user's word for the version of the program; part of the identity.
    pub code: Option<String>,
}

/// Where the result of a foreign program is found.
#[derive(Clone, Debug, PartialEq)]
pub enum ResultRule {
    /// The last line of standard output that is a JSON object.
    LastJsonLine,
    /// A JSON file; a relative path starts at the run's folder.
    File(Template),
}

/// What fills the places of a template beside the configuration.
#[derive(Clone, Copy, Debug)]
pub struct RunPlaces<'run> {
    /// `{seed}`.
    pub seed: i64,
    /// `{run_dir}`.
    pub run_directory: &'run str,
}

/// Text with `{key}` places; `{{` and `}}` are braces.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Template {
    source: String,
    parts: Vec<Part>,
    place: Place,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Part {
    Text(String),
    Key(String),
}

impl Template {
    /// Reads a template; `None` when a brace has no partner or a place no name.
    pub fn parse(source: &str) -> Option<Self> {
        let (mut parts, mut text, mut rest) = (Vec::new(), String::new(), source);
        while let Some(at) = rest.find(['{', '}']) {
            text.push_str(&rest[..at]);
            let brace = &rest[at..];
            if brace.starts_with("{{") || brace.starts_with("}}") {
                text.push_str(&brace[..1]);
                rest = &brace[2..];
                continue;
            }
            let key = brace.strip_prefix('{')?.split_once('}')?.0;
            if key.is_empty() || key.contains('{') {
                return None;
            }
            parts.extend((!text.is_empty()).then(|| Part::Text(std::mem::take(&mut text))));
            parts.push(Part::Key(key.to_owned()));
            rest = &brace[key.len() + 2..];
        }
        text.push_str(rest);
        parts.extend((!text.is_empty()).then_some(Part::Text(text)));
        Some(Self { source: source.to_owned(), parts, place: Place::Resolved })
    }

    /// The text as written.
    pub fn source(&self) -> &str {
        &self.source
    }

    /// Where it is written.
    pub(super) fn place(&self) -> &Place {
        &self.place
    }

    /// The text with its places filled; the key of the first place that nothing fills otherwise.
    ///
    /// # Errors
    /// A key that the configuration does not have.
    pub fn fill(&self, config: &Map<String, Value>, places: RunPlaces<'_>) -> Result<String, String> {
        let mut filled = String::new();
        for part in &self.parts {
            match part {
                Part::Text(text) => filled.push_str(text),
                Part::Key(key) => match key.as_str() {
                    "seed" => filled.push_str(&places.seed.to_string()),
                    "run_dir" => filled.push_str(places.run_directory),
                    key => filled.push_str(&as_text(at_path(config, key).ok_or_else(|| key.to_owned())?)),
                },
            }
        }
        Ok(filled)
    }

    /// The places that a configuration leaves empty.
    pub(super) fn unfilled<'a>(&'a self, config: &'a Map<String, Value>) -> impl Iterator<Item = &'a str> {
        self.parts.iter().filter_map(move |part| match part {
            Part::Key(key) if !matches!(key.as_str(), "seed" | "run_dir") && at_path(config, key).is_none() => {
                Some(key.as_str())
            }
            _ => None,
        })
    }
}

/// Texts as they are, everything else as JSON.
fn as_text(value: &Value) -> String {
    value.as_str().map_or_else(|| value.to_string(), str::to_owned)
}

impl CommandSpec {
    /// The argument list of one run.
    ///
    /// # Errors
    /// The key of a place that nothing fills; planning has refused it before.
    pub fn arguments(&self, config: &Map<String, Value>, places: RunPlaces<'_>) -> Result<Vec<String>, String> {
        self.argv.iter().map(|argument| argument.fill(config, places)).collect()
    }

    /// What the program reads on standard input: its configuration and its seed.
    pub fn standard_input(config: &Map<String, Value>, seed: i64) -> Value {
        let mut input = config.clone();
        input.insert("seed".into(), seed.into());
        Value::Object(input)
    }

    /// What identifies a setting: the configuration, the arguments with their places, the result's place, the version of
    /// the program. Not the paths of study files, the time-out or the environment.
    pub fn identity_document(&self, config: &Map<String, Value>) -> Value {
        let argv: Vec<&str> = self.argv.iter().map(Template::source).collect();
        let result = match &self.result {
            ResultRule::LastJsonLine => json!("last_json_line"),
            ResultRule::File(path) => json!({"file": path.source()}),
        };
        json!({
            "v": 1,
            "task": "command",
            "config": config,
            "argv": argv,
            "result": result,
            "code": self.code,
            "precision": "external",
        })
    }

    /// The identity of one run.
    ///
    /// # Errors
    /// A number without a canonical form; a configuration that was read from a study has none.
    pub fn identity(&self, config: &Map<String, Value>, seed: i64) -> Result<RunIdentity, NotCanonical> {
        let config_id = Id::of(&self.identity_document(config))?;
        let run_id = Id::of(&json!({"config_id": config_id.full(), "seed": seed}))?;
        Ok(RunIdentity { config_id, run_id })
    }

    /// All templates, for the checks of a plan.
    pub(super) fn templates(&self) -> impl Iterator<Item = &Template> {
        let file = match &self.result {
            ResultRule::File(path) => Some(path),
            ResultRule::LastJsonLine => None,
        };
        self.argv.iter().chain(file)
    }
}

/// Reads the `command` map of a study.
pub(super) fn read(node: &YamlNode, errors: &mut Vec<StudyError>) -> Option<CommandSpec> {
    let mut fields = YamlFields::of(node, "command", &["argv", "result", "timeout", "env", "code"], errors)?;
    let argv_node = fields.get("argv");
    let argv = argv_node.and_then(|argv| texts(argv, "argv", fields.errors())).unwrap_or_default();
    let argv: Vec<Template> =
        argv.into_iter().filter_map(|(node, text)| template(node, &text, fields.errors())).collect();
    match argv_node {
        None => fields.missing("argv", "the program to run, with its arguments"),
        Some(node) if matches!(&node.kind, Kind::List(items) if items.is_empty()) => {
            fields.errors().push(missing(node, "argv", "the program to run, with its arguments"));
        }
        Some(_) => {}
    }
    let result = fields.get("result").map_or(Some(ResultRule::LastJsonLine), |node| result(node, fields.errors()));
    let timeout = fields.parse("timeout", DURATION, duration);
    let code = fields.text("code");
    let env = fields.get("env").and_then(|env| texts(env, "env", fields.errors())).unwrap_or_default();
    let env = env.into_iter().map(|(_, name)| name).collect();
    Some(CommandSpec { argv, result: result?, timeout, env, code })
}

fn result(node: &YamlNode, errors: &mut Vec<StudyError>) -> Option<ResultRule> {
    match &node.kind {
        Kind::Scalar { text, .. } if text == "last_json_line" => Some(ResultRule::LastJsonLine),
        Kind::Map(entries) => match entries.as_slice() {
            [only] if only.key == "file" && only.value.text().is_some() => {
                template(&only.value, only.value.text().unwrap_or_default(), errors).map(ResultRule::File)
            }
            _ => {
                errors.push(wrong(node, "`result`", "last_json_line or {file: PATH}"));
                None
            }
        },
        _ => {
            errors.push(wrong(node, "`result`", "last_json_line or {file: PATH}"));
            None
        }
    }
}

fn texts<'file>(
    node: &'file YamlNode,
    key: &str,
    errors: &mut Vec<StudyError>,
) -> Option<Vec<(&'file YamlNode, String)>> {
    let Kind::List(items) = &node.kind else {
        errors.push(wrong(node, &format!("`{key}` in command"), "a list of texts"));
        return None;
    };
    let mut found = Vec::new();
    for item in items {
        match &item.kind {
            Kind::Scalar { text, .. } => found.push((item, text.clone())),
            _ => errors.push(wrong(item, &format!("`{key}` in command"), "a list of texts")),
        }
    }
    Some(found)
}

fn template(node: &YamlNode, text: &str, errors: &mut Vec<StudyError>) -> Option<Template> {
    let template = Template::parse(text).map(|template| Template { place: node.place.clone(), ..template });
    if template.is_none() {
        errors.push(StudyError::at(&node.place, Problem::Brace { argument: text.to_owned() }));
    }
    template
}
