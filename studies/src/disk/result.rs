//! What a `result.json` means to the registry: digest, outcome, summary numbers, what it cost.
//!
//! A training run's is the RunResult, a foreign program's holds what the program gave under `result`. A
//! file that is not such a document is an error and never a result.

use std::collections::BTreeMap;
use std::fs;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use aees_run::artifact::{FileError, if_there};
use aees_run::hexadecimal::sha256;
use aees_run::input;
use serde_json::{Map, Value};

use super::error::RecordError;
use super::program_numbers::{ProgramNumber, program_curves, program_numbers};
use crate::registry::{Completion, Metric, OutcomeKind, Usage};

/// Top-level numbers of a RunResult that measure nothing.
const NO_METRICS: [&str; 3] = ["schema_version", "seed", "estimated_flops"];

/// The result in a run's folder; none if it has not published one.
///
/// # Errors
/// When the file cannot be read, is no result, or is another run's.
pub fn completion_of(run_directory: &Path) -> Result<Option<Completion>, RecordError> {
    let path = run_directory.join("result.json");
    // Looked at first: what is written meanwhile looks other than this.
    let Some(result_stat) = result_stat(run_directory)? else { return Ok(None) };
    let bytes = input::read(&path)?;
    let completion = parse(&bytes, run_directory).map_err(|reason| RecordError::damaged(&path, reason))?;
    Ok(Some(Completion { result_stat: Some(result_stat), ..completion }))
}

/// Length and time of change of the result in a run's folder, which no program can set; none if it has not published one.
///
/// # Errors
/// When it cannot be looked at.
pub fn result_stat(run_directory: &Path) -> Result<Option<String>, FileError> {
    let path = run_directory.join("result.json");
    let found = if_there(fs::metadata(&path)).map_err(FileError::at("look for", &path))?;
    Ok(found.map(|found| format!("{} {}.{:09}", found.len(), found.ctime(), found.ctime_nsec())))
}

/// Moves a result aside, and the checkpoints that would only lead to it again. Gives the old and new names.
///
/// # Errors
/// When one of them cannot be renamed.
pub fn set_result_aside(run_directory: &Path) -> Result<Vec<(PathBuf, PathBuf)>, FileError> {
    let names = |number: u32| [format!("result.invalid-{number}.json"), format!("checkpoints.invalid-{number}")];
    let is_free = |number: &u32| names(*number).iter().all(|name| !run_directory.join(name).exists());
    let number = (1..).find(is_free).unwrap_or_default();
    let mut moved = Vec::new();
    for (name, aside) in ["result.json", "checkpoints"].into_iter().zip(names(number)) {
        let (from, to) = (run_directory.join(name), run_directory.join(aside));
        // It may be gone already, which is often the reason.
        if if_there(fs::rename(&from, &to)).map_err(FileError::at("rename", &from))?.is_some() {
            moved.push((from, to));
        }
    }
    Ok(moved)
}

fn parse(bytes: &[u8], run_directory: &Path) -> Result<Completion, String> {
    let document: Map<String, Value> = serde_json::from_slice(bytes).map_err(|error| error.to_string())?;
    if let Some(run_id) = document.get("run_id").and_then(Value::as_str)
        && !is_folder_of(run_directory, run_id)
    {
        return Err(format!("it is the result of run {run_id}"));
    }
    let of_program = document.get("result").and_then(Value::as_object);
    let metrics = match of_program {
        Some(result) => with_extremes(program_metrics(result), &program_curves(run_directory)),
        None => document.iter().filter(|(key, _)| !NO_METRICS.contains(&key.as_str())).filter_map(metric).collect(),
    };
    Ok(Completion {
        outcome: outcome(&document)?,
        result_sha: sha256(bytes),
        result_stat: None,
        metrics,
        usage: usage(&document, of_program),
    })
}

/// Folders of runs are named by the first 16 digits of their ids; in other folders anything may lie.
fn is_folder_of(directory: &Path, run_id: &str) -> bool {
    let name = directory.file_name().map(|name| name.to_string_lossy()).unwrap_or_default();
    let is_id = name.len() == 16 && name.bytes().all(|digit| digit.is_ascii_hexdigit());
    !is_id || run_id.starts_with(&*name)
}

/// `{"status": "ok"}` or `"ok"`. A program's result without one is a result.
fn outcome(document: &Map<String, Value>) -> Result<OutcomeKind, String> {
    let written = match document.get("outcome") {
        None if document.contains_key("result") => return Ok(OutcomeKind::Ok),
        None => return Err("it has no `outcome`".into()),
        Some(Value::Object(outcome)) => outcome.get("status").and_then(Value::as_str),
        Some(other) => other.as_str(),
    };
    let name = written.ok_or("its `outcome` has no status")?;
    name.parse().map_err(|_| format!("`{name}` is no outcome"))
}

/// `best_val_accuracy` is `val_accuracy`, measured at its best.
fn metric((key, value): (&String, &Value)) -> Option<Metric> {
    let (name, measure) = split_metric(key);
    Some(Metric { name: name.into(), measure: measure.into(), value: value.as_f64()? })
}

/// A key as name and measure: `best_epoch` is the name of a number, and the beginning of numbers of that epoch.
pub fn split_metric(key: &str) -> (&str, &'static str) {
    if key == "best_epoch" {
        return (key, "final");
    }
    let measures = [("best_epoch_", "best_epoch"), ("best_", "best"), ("final_", "final")];
    let found = measures.into_iter().find_map(|(prefix, measure)| Some((key.strip_prefix(prefix)?, measure)));
    found.filter(|(name, _)| !name.is_empty()).unwrap_or((key, "final"))
}

/// The metrics of a program: its numbers, but for those that tell its cost.
fn program_metrics(result: &Map<String, Value>) -> Vec<Metric> {
    let numbers = program_numbers(result).into_iter().filter(|number| !USED.contains(&number.name.as_str()));
    let metric = |number: ProgramNumber| {
        let (name, measure) = match number.measure.as_str() {
            "final" => split_metric(&number.name),
            measure => (number.name.as_str(), measure),
        };
        Some(Metric { name: name.into(), measure: measure.into(), value: number.value.as_f64()? })
    };
    numbers.filter_map(metric).collect()
}

/// With the largest and the smallest value of each curve that a program told on its way to the number.
fn with_extremes(mut metrics: Vec<Metric>, curves: &BTreeMap<String, Vec<f64>>) -> Vec<Metric> {
    for (name, curve) in curves {
        let last = metrics.iter().find(|metric| metric.name == *name && metric.measure == "final");
        let values: Vec<f64> = curve.iter().copied().chain(last.map(|metric| metric.value)).collect();
        for (measure, value) in
            [("max", values.iter().copied().reduce(f64::max)), ("min", values.iter().copied().reduce(f64::min))]
        {
            let is_said = metrics.iter().any(|metric| metric.name == *name && metric.measure == measure);
            metrics.extend(value.filter(|_| !is_said).map(|value| Metric {
                name: name.clone(),
                measure: measure.into(),
                value,
            }));
        }
    }
    metrics
}

/// What a program may say of its cost, beside its metrics.
const USED: [&str; 12] = [
    "seed",
    "wall_clock_seconds",
    "gpu_ms",
    "flops",
    "joules",
    "episodes",
    "tokens_in",
    "tokens_out",
    "cost_usd",
    "cost",
    "peak_bytes",
    "tokens",
];

/// What the run used, as far as its result says. Nothing that is unknown becomes zero.
fn usage(document: &Map<String, Value>, of_program: Option<&Map<String, Value>>) -> Usage {
    // The launcher's word about a program's cost comes before the program's own.
    let usage = document.get("usage").and_then(Value::as_object);
    let find = |key: &str| {
        let places = [usage, of_program, Some(document)];
        places.into_iter().flatten().find_map(|map| map.get(key).filter(|value| !value.is_null()))
    };
    let real = |key: &str| find(key).and_then(Value::as_f64).filter(|number| *number >= 0.0);
    let whole = |key: &str| real(key).map(|number| number.round() as u64);
    let hardware = document.get("hardware").and_then(|hardware| hardware.get("peak_resident_memory_bytes"));
    Usage {
        exit_code: find("exit_code").and_then(Value::as_i64).and_then(|code| i32::try_from(code).ok()),
        wall_ms: whole("wall_ms").or_else(|| real("wall_clock_seconds").map(|seconds| (1e3 * seconds).round() as u64)),
        gpu_ms: whole("gpu_ms"),
        flops: real("flops").or_else(|| real("true_flops")),
        joules: real("joules"),
        episodes: whole("episodes"),
        tokens_in: whole("tokens_in"),
        tokens_out: whole("tokens_out"),
        cost_usd: real("cost_usd").or_else(|| real("cost")),
        peak_bytes: whole("peak_bytes").or_else(|| hardware.and_then(Value::as_u64)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn of(document: &Value) -> Result<Completion, String> {
        parse(document.to_string().as_bytes(), Path::new("somewhere"))
    }

    fn value(completion: &Completion, name: &str, measure: &str) -> Option<f64> {
        let found = completion.metrics.iter().find(|metric| metric.name == name && metric.measure == measure);
        found.map(|metric| metric.value)
    }

    #[test]
    fn the_numbers_of_a_training_run() {
        let document = json!({"outcome": {"status": "ok"}, "seed": 3, "best_val_accuracy": 0.5, "final_val_accuracy": 0.4,
            "best_epoch": 7, "best_epoch_test_accuracy": 0.45, "final_train_loss": null, "wall_clock_seconds": 1.5,
            "true_flops": 2e12, "hardware": {"peak_resident_memory_bytes": 1000}, "val_accuracies": [0.4]});
        let completion = of(&document).unwrap();
        assert_eq!(completion.outcome, OutcomeKind::Ok);
        assert_eq!(value(&completion, "val_accuracy", "best"), Some(0.5));
        assert_eq!(value(&completion, "val_accuracy", "final"), Some(0.4));
        assert_eq!(value(&completion, "test_accuracy", "best_epoch"), Some(0.45));
        assert_eq!(value(&completion, "best_epoch", "final"), Some(7.0));
        assert_eq!(value(&completion, "wall_clock_seconds", "final"), Some(1.5));
        assert_eq!((value(&completion, "train_loss", "final"), value(&completion, "seed", "final")), (None, None));
        let expected = Usage { wall_ms: Some(1500), flops: Some(2e12), peak_bytes: Some(1000), ..Usage::default() };
        assert_eq!(completion.usage, expected);
    }

    #[test]
    fn the_numbers_of_a_program() {
        let document = json!({"outcome": "ok", "usage": {"wall_ms": 20}, "result": {"loss": 9, "steps": 4,
            "metrics": {"reward": {"final": 1.0, "best": 2.0}, "loss": 0.5}, "tokens_in": 7, "cost_usd": 0.25}});
        let completion = of(&document).unwrap();
        let found = [("reward", "final"), ("reward", "best"), ("loss", "final"), ("steps", "final")];
        let found = found.map(|(name, measure)| value(&completion, name, measure));
        assert_eq!(found, [Some(1.0), Some(2.0), Some(0.5), Some(4.0)]);
        let usage = &completion.usage;
        assert_eq!(
            (usage.wall_ms, usage.tokens_in, usage.cost_usd, usage.tokens_out),
            (Some(20), Some(7), Some(0.25), None)
        );

        let plain = of(&json!({"result": {"reward": 3, "episodes": 9, "note": "text"}})).unwrap();
        assert_eq!((plain.metrics.len(), value(&plain, "reward", "final")), (1, Some(3.0)));
        assert_eq!(plain.usage.episodes, Some(9));
    }

    #[test]
    fn what_is_no_result_is_refused() {
        for (document, word) in [
            ("{\"outcome\": {\"status\": \"ok\"", "EOF"),
            ("[1]", "expected a map"),
            ("{}", "outcome"),
            ("{\"outcome\": {\"status\": \"splendid\"}}", "splendid"),
        ] {
            let reason = parse(document.as_bytes(), Path::new("x")).unwrap_err();
            assert!(reason.contains(word), "{document}: {reason}");
        }
        let foreign = json!({"run_id": "ff00", "outcome": "ok"}).to_string();
        let reason = parse(foreign.as_bytes(), Path::new("runs/aa/aa00000000000000")).unwrap_err();
        assert!(reason.contains("ff00"), "{reason}");
    }
}
