//! `command` in a study file: its keys, and every mistake in them.

use std::collections::BTreeMap;
use std::path::Path;

use serde_json::{Map, Value};

use super::command::{CommandSpec, IdentityParts, ResultSource, SLOT_PLACES};
use super::error::{PASS_ON, StudyError, StudyProblem, right};
use super::fields::{YamlFields, missing, wrong};
use super::keys;
use super::policy::{DURATION, duration};
use super::secrets::SECRETS;
use super::settings::{Dialect, Settings};
use super::template::Template;
use super::yaml::{Kind, YamlNode};

/// How large a log becomes where the study does not say.
const USUAL_LOG: u64 = 64 << 20;

/// Reads the `command` map of a study.
pub(super) fn read(node: &YamlNode, file: &Path, errors: &mut Vec<StudyError>) -> Option<CommandSpec> {
    let mut fields = YamlFields::of(node, "command", keys::COMMAND, errors)?;
    let argv_node = fields.get("argv");
    let argv = argv_node.map(|argv| texts(argv, "argv", fields.errors())).unwrap_or_default();
    let argv = argv.into_iter().filter_map(|(node, text)| template(node, text, fields.errors())).collect();
    if argv_node.is_none_or(|argv| matches!(&argv.kind, Kind::List(items) if items.is_empty())) {
        let reason = "the program to run, with its arguments";
        fields.errors().push(missing(argv_node.unwrap_or(node), "argv", reason));
    }
    let result = fields.get("result").map_or(Some(ResultSource::LastJsonLine), |node| result(node, fields.errors()));
    let timeout = fields.parse("timeout", DURATION, duration);
    let code = fields.text("code");
    let workdir = fields.get("workdir").and_then(|node| workdir(node, fields.errors()));
    let (env, pass_on) = fields.get("env").map(|node| environment(node, fields.errors())).unwrap_or_default();
    let identity = fields.get("identity").map(|node| identity(node, fields.errors()));
    Some(CommandSpec {
        argv,
        timeout,
        env,
        pass_on,
        workdir,
        folder: file.parent().unwrap_or(Path::new("")).to_owned(),
        code,
        identity: identity.unwrap_or(IdentityParts { argv: true, digest: false }),
        defaults: fields.get("defaults").map(|node| defaults(node, fields.errors())).unwrap_or_default(),
        aliases: fields.get("aliases").map(|node| aliases(node, fields.errors())).unwrap_or_default(),
        log_limit: fields.parse("log_limit", "a size from 64kB up, such as 100MB", size).unwrap_or(USUAL_LOG),
        result: result?,
    })
}

fn result(node: &YamlNode, errors: &mut Vec<StudyError>) -> Option<ResultSource> {
    let rule = match &node.kind {
        Kind::Scalar { text, .. } if text == "last_json_line" => return Some(ResultSource::LastJsonLine),
        Kind::Map(entries) => match entries.as_slice() {
            [only] if only.key == "file" => only.value.text().map(|text| (&only.value, text)),
            _ => None,
        },
        _ => None,
    };
    if rule.is_none() {
        errors.push(wrong(node, "`result`", "last_json_line or {file: PATH}"));
    }
    rule.and_then(|(node, text)| template(node, text, errors)).map(ResultSource::File)
}

fn workdir(node: &YamlNode, errors: &mut Vec<StudyError>) -> Option<Template> {
    let Some(text) = node.text() else {
        errors.push(wrong(node, "`workdir` in command", "a path"));
        return None;
    };
    let template = template(node, text, errors)?;
    if let Some(key) = template.keys().find(|key| SLOT_PLACES.contains(key)) {
        errors.push(wrong(node, "`workdir` in command", &format!("a path that does not depend on {{{key}}}")));
    }
    Some(template)
}

/// `{KEY: value}`, or a list of names that are passed on, or a list of both.
fn environment(node: &YamlNode, errors: &mut Vec<StudyError>) -> (BTreeMap<String, Option<Template>>, Vec<String>) {
    let (mut set, mut pass_on) = (BTreeMap::new(), Vec::new());
    for item in node.one_or_more() {
        match &item.kind {
            Kind::Scalar { text, .. } if is_variable(text) && !std::ptr::eq(item, node) => pass_on.push(text.clone()),
            Kind::Map(entries) => {
                for entry in entries {
                    if SECRETS.contains(&entry.key.as_str()) && !entry.value.is_null() {
                        let problem = StudyProblem::Reserved { key: entry.key.clone(), instead: PASS_ON };
                        errors.push(StudyError::at(&entry.place, problem));
                        continue;
                    }
                    match entry.value.text() {
                        Some(text) if is_variable(&entry.key) => {
                            let value = template(&entry.value, text, errors);
                            set.extend(value.map(|value| (entry.key.clone(), Some(value))));
                        }
                        None if is_variable(&entry.key) && entry.value.is_null() => {
                            set.insert(entry.key.clone(), None);
                        }
                        _ => errors.push(wrong(&entry.value, &format!("`{}` in `env`", entry.key), VARIABLE)),
                    }
                }
            }
            _ => errors.push(wrong(item, "`env` in command", "a map of variables, or a list of their names")),
        }
    }
    (set, pass_on)
}

const VARIABLE: &str = "a variable with a text for its value, or null to take it away";

/// Whether a process can have a variable of this name.
fn is_variable(name: &str) -> bool {
    !name.is_empty() && !name.contains(['=', '\0'])
}

fn identity(node: &YamlNode, errors: &mut Vec<StudyError>) -> IdentityParts {
    let mut parts = IdentityParts { argv: false, digest: false };
    for (node, text) in texts(node, "identity", errors) {
        match text {
            "argv" => parts.argv = true,
            "digest" => parts.digest = true,
            _ => errors.push(wrong(node, "`identity` in command", "a list of argv and digest")),
        }
    }
    parts
}

/// A configuration of its own: what the settings are when nobody says them.
fn defaults(node: &YamlNode, errors: &mut Vec<StudyError>) -> Map<String, Value> {
    let Kind::Map(entries) = &node.kind else {
        errors.push(wrong(node, "`defaults` in command", "a map of settings"));
        return Map::new();
    };
    let dialect = Dialect { task: None, top_level_replace: false };
    let mut settings = Settings::new(dialect);
    for assignment in dialect.assignments(entries, errors) {
        // Settings of a foreign program can be anything.
        let _ = settings.apply(&assignment);
    }
    settings.to_map()
}

/// `{NEW: OLD}`, each name once.
fn aliases(node: &YamlNode, errors: &mut Vec<StudyError>) -> BTreeMap<String, String> {
    let Kind::Map(entries) = &node.kind else {
        errors.push(wrong(node, "`aliases` in command", "a map of names: {new: old}"));
        return BTreeMap::new();
    };
    let mut aliases: BTreeMap<String, String> = BTreeMap::new();
    for entry in entries {
        match entry.value.text() {
            Some(old) if old == entry.key => {
                errors.push(wrong(&entry.value, &format!("the earlier name of `{old}`"), "another name"));
            }
            Some(old) if aliases.values().any(|known| known == old) => {
                let problem = StudyProblem::TwoAliases { old: old.to_owned() };
                errors.push(StudyError::at(&entry.value.place, problem));
            }
            Some(old) => drop(aliases.insert(entry.key.clone(), old.to_owned())),
            None => errors.push(wrong(&entry.value, &format!("`{}` in `aliases`", entry.key), "an earlier name")),
        }
    }
    aliases
}

fn texts<'file>(node: &'file YamlNode, key: &str, errors: &mut Vec<StudyError>) -> Vec<(&'file YamlNode, &'file str)> {
    let wrong = |node: &YamlNode| wrong(node, &format!("`{key}` in command"), "a list of texts");
    let Kind::List(items) = &node.kind else {
        errors.push(wrong(node));
        return Vec::new();
    };
    let text = |item: &'file YamlNode| match &item.kind {
        Kind::Scalar { text, .. } => Ok((item, text.as_str())),
        _ => Err(wrong(item)),
    };
    right(items.iter().map(text), errors)
}

fn template(node: &YamlNode, text: &str, errors: &mut Vec<StudyError>) -> Option<Template> {
    let template = Template::parse(text).map(|template| template.at(&node.place));
    if template.is_none() {
        errors.push(StudyError::at(&node.place, StudyProblem::Brace { argument: text.to_owned() }));
    }
    template
}

/// `100MB`: so many bytes, by thousands.
fn size(text: &str) -> Option<u64> {
    const SMALLEST: u64 = 64_000;
    let split = text.find(|character: char| character.is_ascii_alphabetic())?;
    let (number, unit) = text.split_at(split);
    let unit: u64 = match unit {
        "kB" | "KB" => 1_000,
        "MB" => 1_000_000,
        "GB" => 1_000_000_000,
        _ => return None,
    };
    let number: u64 = number.trim().parse().ok()?;
    number.checked_mul(unit).filter(|size| *size >= SMALLEST)
}
