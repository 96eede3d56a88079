//! `aees runs show`: one run as it is now.

use std::path::Path;
use std::process::ExitCode;

use aees_run::printable::printable;
use aees_run::settings::read_file;
use aees_run::shown;
use serde_json::{Map, Value, json};

use super::LookFlags;
use super::{annotate, axes_text, parsed, plain, seed, why_json};
use crate::failure::Failure;
use crate::hint;
use crate::stdout;
use crate::table::first_line;
use aees_run::times::{moment, span};
use aees_studies::disk::{Annotations, Root};
use aees_studies::registry::{Membership, Metric, RunRow, RunState, Why};

/// Shows a run.
pub(super) fn run(typed: &LookFlags) -> Result<ExitCode, Failure> {
    let root = &typed.results.results().root;
    let why = typed.why()?;
    let annotations = Annotations::read(root)?;
    let config = config(&root.run(&why.run.run_id));
    if typed.json {
        let mut run = why_json(&why);
        run["directory"] = json!(root.run(&why.run.run_id));
        run["config"] = config.unwrap_or_default();
        run["annotation"] = annotate::to_json(&annotations, &why.run.run_id);
        stdout::line(run);
        return Ok(ExitCode::SUCCESS);
    }
    let mut known = facts(&why, root);
    known.extend(annotate::facts(&annotations, &why.run));
    pairs("", &known);
    section("Numbers", &metrics(&why.metrics));
    section("Identity", &fields(&parsed(&why.identity_json)));
    if let Some(config) = config {
        section("Configuration", &fields(&config));
    }
    Ok(ExitCode::SUCCESS)
}

/// A heading with a table of names and values, if there are any.
pub(super) fn section(title: &str, rows: &[(String, String)]) {
    if rows.is_empty() {
        return;
    }
    stdout::line(format!("\n{title}"));
    pairs("  ", rows);
}

/// Names and values in two columns.
fn pairs(indent: &str, rows: &[(String, String)]) {
    let width = rows.iter().map(|(name, _)| name.chars().count()).max().unwrap_or(0);
    for (name, value) in rows {
        let (name, value) = (printable(name), printable(value));
        stdout::line(format!("{indent}{name:width$}  {value}").trim_end());
    }
}

fn facts(why: &Why, root: &Root) -> Vec<(String, String)> {
    let run = &why.run;
    let mut facts = Vec::new();
    let mut fact = |name: &str, value: String| facts.push((name.to_owned(), value));
    fact("run", run.run_id.full().into());
    fact("setting", run.config_id.full().into());
    fact("task", run.task.clone());
    fact("seed", seed(run).to_string());
    fact("state", state(run));
    for membership in &why.memberships {
        fact("study", member(membership));
    }
    fact("attempts", format!("{}, {} retries used, {}", run.attempts, run.retries_used, span(run.wall_ms as f64)));
    if let Some(sha) = &run.result_sha {
        fact("result", sha.clone());
    }
    if let Some(error) = &run.error {
        fact("error", first_line(error));
        if let Some((_, help)) = error.rsplit_once("\nhelp: ") {
            fact("help", hint::completed(help));
        }
    }
    fact("planned", moment(run.created_at));
    fact("moved", moment(run.updated_at));
    fact("folder", folder(run, root));
    facts
}

/// A state with what makes it so.
pub(super) fn state(run: &RunRow) -> String {
    match (run.state, run.outcome) {
        (RunState::Done, Some(outcome)) => format!("done ({outcome})"),
        (RunState::Failed, _) => format!("failed ({})", run.class.as_deref().unwrap_or("unknown")),
        (RunState::Deferred, _) => {
            let because = run.class.as_ref().map(|class| format!(" after a failure ({class})")).unwrap_or_default();
            format!("deferred until {}{because}", moment(run.not_before.unwrap_or_default()))
        }
        (RunState::Running, _) => format!("running, lease until {}", moment(run.lease_until.unwrap_or_default())),
        (state, _) => state.name().into(),
    }
}

/// A run's place in a study.
pub(super) fn member(membership: &Membership) -> String {
    let Membership { study, index, case, axes_json, reused, withdrawn, .. } = membership;
    let mut text = format!("{study}:{index}  {}", axes_text(axes_json));
    if let Some(case) = case {
        text += &format!("  case {case}");
    }
    text += if *reused { "  (reused: it was done before this study asked for it)" } else { "" };
    text += if *withdrawn { "  (withdrawn)" } else { "" };
    text.trim_end().to_owned()
}

fn folder(run: &RunRow, root: &Root) -> String {
    let directory = root.run(&run.run_id);
    let gone = match run.state {
        RunState::Done if !directory.is_dir() => &hint::completed(" (gone: see `aees registry check`)"),
        _ if !directory.is_dir() => " (not made yet)",
        _ => "",
    };
    format!("{}{gone}", directory.display())
}

fn metrics(metrics: &[Metric]) -> Vec<(String, String)> {
    metrics
        .iter()
        .map(|metric| (format!("{} {}", metric.measure, metric.name), shown::metric(&metric.name, metric.value)))
        .collect()
}

/// The fields of a document, inner ones under dotted names.
pub(super) fn fields(document: &Value) -> Vec<(String, String)> {
    fn collect(name: &str, value: &Value, into: &mut Vec<(String, String)>) {
        match value {
            Value::Object(map) if !map.is_empty() => {
                for (key, value) in map {
                    let name = if name.is_empty() { key.clone() } else { format!("{name}.{key}") };
                    collect(&name, value, into);
                }
            }
            value => into.push((name.to_owned(), plain(value))),
        }
    }
    let mut fields = Vec::new();
    collect("", document, &mut fields);
    fields
}

/// The run's own configuration file, if it has come so far: of a training run, or of a foreign program.
fn config(directory: &Path) -> Option<Value> {
    if let Ok(entries) = read_file(&directory.join("config.yaml")) {
        return Some(Value::Object(entries.into_iter().map(|(key, value, _)| (key, value)).collect::<Map<_, _>>()));
    }
    let text = std::fs::read(directory.join("config.json")).ok()?;
    serde_json::from_slice(&text).ok()
}
