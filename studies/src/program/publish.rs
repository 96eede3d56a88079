//! The result of a program: where it is found, and how it is published as the run's `result.json`.
//!
//! Ids, outcome, seconds and hardware have the names that a native RunResult has. What the program gave cannot take their
//! place: it is whole under `result`, its numbers are under `metrics`. What it does not know (cost, tokens) is null, never 0.

use std::fs;
use std::io::{self, Read};
use std::os::unix::fs::MetadataExt;
use std::path::{Component, Path, PathBuf};

use aees_run::artifact::write_atomically;
use aees_run::hardware::Hardware;
use aees_run::input;
use aees_run::json::write_pretty;
use aees_run::json::{LooseObject, parse_object};
use aees_run::result::SCHEMA_VERSION;
use serde_json::{Map, Value, json};

use super::folder::{RunFolder, TASK_NAME};
use super::output::Output;
use super::provenance::Provenance;
use super::verdict::with_lines;
use super::{Step, failed};
use crate::disk::{ProgramNumber, program_numbers};
use crate::job::{CommandJob, Ended, Job};

/// What a program may tell of its effort.
const EFFORT_KEYS: [&str; 4] = ["episodes", "tokens_in", "tokens_out", "cost_usd"];

/// Where the result will be found.
#[derive(Debug)]
pub(super) enum ResultLocation {
    /// The last JSON line.
    LastJsonLine,
    /// A file, and what stood there before the program began.
    File(PathBuf, Option<FileState>),
}

/// What tells whether a file was written to: its inode, its size, and seconds and nanoseconds of its time.
type FileState = (u64, u64, i64, i64);

fn file_state(path: &Path) -> Option<FileState> {
    let metadata = fs::metadata(path).ok()?;
    Some((metadata.ino(), metadata.size(), metadata.mtime(), metadata.mtime_nsec()))
}

impl ResultLocation {
    /// Looked at before the program starts.
    pub(super) fn new(file: Option<&str>, folder: &RunFolder) -> Step<Self> {
        let Some(path) = file else { return Ok(Self::LastJsonLine) };
        let path = folder.path().join(path);
        if plain(&path) == plain(&folder.result()) {
            let help = "give it another name in `command: result`, such as {file: metrics.json}";
            return Err(failed("config", "result.json is the name of the published result", Some(help.into())));
        }
        let before = file_state(&path);
        Ok(Self::File(path, before))
    }

    /// The result of a program that ended well, and where it was found.
    pub(super) fn read(&self, output: &Output) -> Step<(LooseObject, String)> {
        match self {
            Self::LastJsonLine => {
                let object = output.last_object().ok_or_else(|| {
                    let headline = "exit code 0, but no line of standard output is a JSON object".to_owned();
                    let help = "print the result as the last line, such as {\"accuracy\": 0.91}, or name a file in \
                                `command: result`";
                    no_result(with_lines(headline, &output.last_lines()), help)
                })?;
                Ok((object.clone(), "the last JSON line".to_owned()))
            }
            Self::File(path, before) => Ok((read_file(path, before.as_ref())?, path.display().to_string())),
        }
    }
}

fn read_file(path: &Path, before: Option<&FileState>) -> Step<LooseObject> {
    let shown = path.display();
    let expected = "the program must write it in each attempt: one JSON object, such as {\"accuracy\": 0.91}";
    let mut bytes = Vec::new();
    input::open(path).and_then(|mut file| file.read_to_end(&mut bytes)).map_err(|error| {
        let why = match error.kind() {
            io::ErrorKind::NotFound => "is not there".to_owned(),
            _ => format!("cannot be read: {error}"),
        };
        no_result(format!("exit code 0, but the result file {shown} {why}"), expected)
    })?;
    if before.is_some() && file_state(path).as_ref() == before {
        return Err(no_result(format!("exit code 0, but the result file {shown} is an older one"), expected));
    }
    parse_object(&String::from_utf8_lossy(&bytes))
        .ok_or_else(|| no_result(format!("exit code 0, but the result file {shown} is no JSON object"), expected))
}

fn no_result(message: String, help: &str) -> Ended {
    Ended { exit_code: Some(0), ..failed("data", message, Some(help.to_owned())) }
}

/// Without `.` and `..`, as far as names alone tell.
fn plain(path: &Path) -> PathBuf {
    let mut plain = PathBuf::new();
    for component in path.components() {
        match component {
            Component::CurDir => {}
            Component::ParentDir => drop(plain.pop()),
            other => plain.push(other),
        }
    }
    plain
}

/// A run whose program ended well.
pub(super) struct Finished<'a> {
    pub(super) job: &'a Job,
    pub(super) command: &'a CommandJob,
    /// As they were filled in.
    pub(super) arguments: &'a [String],
    /// What the program was when it began.
    pub(super) program: &'a Provenance,
    /// Its result.
    pub(super) given: LooseObject,
    /// Where that was found.
    pub(super) found: String,
    /// How long it took.
    pub(super) seconds: f64,
}

/// Writes `result.json`, whose presence publishes the run.
pub(super) fn publish(folder: &RunFolder, finished: &Finished<'_>) -> Step<()> {
    let result = result(finished);
    Ok(write_atomically(&folder.result(), |out| write_pretty(&result, out))?)
}

fn result(finished: &Finished<'_>) -> Value {
    let Finished { job, command, arguments, program, given, .. } = finished;
    let given_map = &given.map;
    let text = |key: &str| given_map.get(key).and_then(Value::as_str);
    let mut result = Map::new();
    let mut put = |key: &str, value: Value| result.insert(key.to_owned(), value);
    put("schema_version", json!(SCHEMA_VERSION));
    put("task_name", json!(TASK_NAME));
    put("run_id", json!(job.run_id));
    put("seed", command.input["seed"].clone());
    put("outcome", outcome(given));
    put("method_name", json!(text("method_name")));
    put("metrics", Value::Object(metrics(given_map)));
    put("result", json!(given_map));
    put("result_source", json!(finished.found));
    for key in EFFORT_KEYS {
        let number = given_map.get(key).filter(|value| value.is_number());
        put(key, number.cloned().unwrap_or_default());
    }
    put("wall_clock_seconds", json!(finished.seconds));
    put("exit_code", json!(0));
    put("command", json!({"arguments": arguments, "input": command.input}));
    put("program", json!(program));
    put("device", json!(command.slot.device));
    put("versions", json!({"aees": env!("CARGO_PKG_VERSION")}));
    // The memory of this process says nothing about the program's.
    put("hardware", json!(Hardware { peak_resident_memory_bytes: None, ..Hardware::probe() }));
    Value::Object(result)
}

/// The numbers of a result by their names: `accuracy`, `best_accuracy`, `val.acc`.
fn metrics(given: &Map<String, Value>) -> Map<String, Value> {
    let name = |number: &ProgramNumber| match number.measure.as_str() {
        "final" => number.name.clone(),
        measure => format!("{measure}_{}", number.name),
    };
    program_numbers(given).into_iter().map(|number| (name(&number), number.value)).collect()
}

/// As a native run's: diverged when a number is not finite, or when the program says so.
fn outcome(given: &LooseObject) -> Value {
    let said = given.map.get("outcome").map(|outcome| outcome.get("status").unwrap_or(outcome));
    let step = given.map.get("step").filter(|step| step.is_u64()).cloned().unwrap_or_default();
    match &given.not_finite {
        Some((quantity, value)) => json!({"status": "diverged", "step": step, "quantity": quantity, "value": value}),
        None if said.and_then(Value::as_str) == Some("diverged") => {
            json!({"status": "diverged", "step": step, "quantity": null, "value": null})
        }
        None => json!({"status": "ok"}),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn given(text: &str) -> LooseObject {
        parse_object(text).unwrap()
    }

    #[test]
    fn a_number_that_is_not_finite_is_a_divergence() {
        let expected = json!({"status": "diverged", "step": 7, "quantity": "metrics.loss", "value": "NaN"});
        assert_eq!(outcome(&given(r#"{"step": 7, "metrics": {"loss": NaN}}"#)), expected);
        let said = [r#"{"outcome": "diverged"}"#, r#"{"outcome": {"status": "diverged"}}"#];
        assert!(said.iter().all(|text| outcome(&given(text))["status"] == "diverged"));
        let fine = ["{}", r#"{"outcome": "ok", "loss": 1}"#, r#"{"outcome": 0.5, "note": "NaN"}"#];
        assert!(fine.iter().all(|text| outcome(&given(text)) == json!({"status": "ok"})));
    }

    #[test]
    fn numbers_are_metrics() {
        let map = given(r#"{"a": 1, "b": "x", "c": true, "metrics": {"a": 2.5, "d": 3, "e": [1]}, "f": NaN}"#).map;
        assert_eq!(Value::Object(metrics(&map)), json!({"a": 2.5, "d": 3}));
    }

    #[test]
    fn paths_are_compared_by_what_they_mean() {
        assert_eq!(plain(Path::new("/a/./b/../result.json")), Path::new("/a/result.json"));
    }
}
