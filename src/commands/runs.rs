//! `aees runs`: looks at runs and moves them. One file for each verb, or for verbs of one kind.

mod change;
mod costs;
pub(crate) mod listing;
mod logs;
mod ls;
mod show;
mod why;

use std::process::ExitCode;

use clap::ArgMatches;
use serde_json::{Value, json};

use crate::failure::Failure;
use aees_studies::registry::{Metric, Reader, RunRow, RunState};

/// Runs one of the verbs.
pub(crate) fn run(arguments: &ArgMatches) -> Result<ExitCode, Failure> {
    match arguments.subcommand() {
        Some(("ls", arguments)) if arguments.get_flag("costs") => costs::run(arguments),
        Some(("ls", arguments)) => ls::run(arguments),
        Some(("show", arguments)) => show::run(arguments),
        Some(("why", arguments)) => why::run(arguments),
        Some(("logs", arguments)) => logs::run(arguments),
        Some(("bg", arguments)) => super::background::run(arguments),
        Some((verb, arguments)) => change::run(verb, arguments),
        // clap lets nothing else through.
        None => Ok(ExitCode::SUCCESS),
    }
}

/// The run that is asked for.
fn named(reader: &Reader, arguments: &ArgMatches) -> Result<RunRow, Failure> {
    Ok(reader.run(arguments.get_one::<String>("run").map_or("", String::as_str))?)
}

/// Full names of the studies that a name, the beginning of one or a pattern means; all studies without one.
pub(crate) fn studies(reader: &Reader, pattern: Option<&str>) -> Result<Vec<String>, Failure> {
    let patterns: Vec<&str> = pattern.into_iter().collect();
    Ok(reader.status(&patterns)?.into_iter().map(|status| status.name).collect())
}

/// The states of `--state`.
fn states(arguments: &ArgMatches) -> Vec<RunState> {
    let words = arguments.get_many::<String>("state").into_iter().flatten();
    words.filter_map(|word| word.parse().ok()).collect()
}

/// The axes of `--only key=a,b`.
fn axes(arguments: &ArgMatches) -> Result<Vec<(String, Vec<String>)>, Failure> {
    let axis = |text: &String| {
        let Some((key, values)) = text.split_once('=').filter(|(key, _)| !key.is_empty()) else {
            let help = "write it as key=value or key=value,value".to_owned();
            return Err(Failure::new(format!("--only {text}: there is no key with values"), Some(help)));
        };
        Ok((key.to_owned(), values.split(',').map(str::to_owned).collect()))
    };
    arguments.get_many::<String>("only").into_iter().flatten().map(axis).collect()
}

/// JSON that was made by this program; what is no JSON is shown as text.
fn parsed(text: &str) -> Value {
    serde_json::from_str(text).unwrap_or_else(|_| text.into())
}

/// `lr=0.1 method=bandit`.
pub(crate) fn axes_text(axes_json: &str) -> String {
    let Value::Object(axes) = parsed(axes_json) else { return axes_json.to_owned() };
    axes.iter().map(|(key, value)| format!("{key}={}", plain(value))).collect::<Vec<_>>().join(" ")
}

/// Texts without quotes, everything else as JSON.
fn plain(value: &Value) -> String {
    value.as_str().map_or_else(|| value.to_string(), str::to_owned)
}

/// A seed as it was written: rows hold its bits.
fn seed(run: &RunRow) -> i64 {
    run.seed.cast_signed()
}

fn metrics_json(metrics: &[Metric]) -> Value {
    metrics
        .iter()
        .map(|metric| json!({"name": metric.name, "measure": metric.measure, "value": metric.value}))
        .collect()
}

/// A run's row, without what only a study says of it.
fn run_json(run: &RunRow) -> Value {
    json!({
        "run_id": run.run_id.full(), "config_id": run.config_id.full(), "seed": seed(run), "task": run.task,
        "state": run.state.name(), "outcome": run.outcome.map(|outcome| outcome.name()), "class": run.class,
        "error": run.error, "attempts": run.attempts, "retries_used": run.retries_used, "wall_ms": run.wall_ms,
        "not_before": run.not_before, "lease_until": run.lease_until, "result_sha": run.result_sha,
        "created_at": run.created_at, "updated_at": run.updated_at,
    })
}
