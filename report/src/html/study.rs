//! What only the registry knows of a study: what was asked, where each run is, what failed and what is missing.

use std::collections::BTreeMap;

use serde_json::Value;

use aees_run::times::span;
use aees_studies::registry::{Reader, RegistryError, RunFilter, RunRow, RunState};
use aees_studies::study::{Objective, quoted};

use super::{Page, PageRow, Remark};
use crate::best::Question;
use crate::fields::{axes_of, plain};

/// The members of a study by short id, each as a row without its numbers and with its axes.
pub(super) type PlannedRows = BTreeMap<String, (PageRow, BTreeMap<String, String>)>;

/// Tells it: facts, counts, failures, missing runs, commands, and gives the members.
pub(super) fn tell(
    reader: &Reader,
    name: &str,
    flags: &str,
    page: &mut Page,
    question: &mut Question,
) -> Result<PlannedRows, RegistryError> {
    let spec: Value = serde_json::from_str(&reader.study_spec(name)?).unwrap_or_default();
    if let Some(metric) = spec["metric"].as_str() {
        let Objective { name, goal, measure } = Objective::parse(metric);
        (question.metric, question.goal, question.measure) = (name, goal, measure);
    }
    asked(&spec, page);
    for status in reader.status(&[name])?.iter().filter(|status| status.name == name) {
        page.counts = status.counts.iter().map(|(state, count)| (state.name().to_owned(), count)).collect();
        page.asked.push(("attempts".into(), format!("{}, of which {} retries", status.attempts, status.retries)));
    }
    let rows = reader.runs(&RunFilter { study: Some(name.to_owned()), ..RunFilter::default() })?;
    remarks(page, name, flags, &rows);
    let worked: u64 = rows.iter().map(|run| run.wall_ms).sum();
    page.compute.push(("time that the registry counts, unfinished runs too".into(), span(worked as f64)));
    sweep_commands(&spec, name, flags, page);
    Ok(rows.iter().map(|run| (run.run_id.to_string(), (row(run), axes_of(run)))).collect())
}

/// The specification, the user's words first.
fn asked(spec: &Value, page: &mut Page) {
    let Some(spec) = spec.as_object() else { return };
    let order = ["note", "task", "metric", "seeds", "source", "overrides"];
    let known = order.iter().filter_map(|key| spec.get_key_value(*key));
    let others = spec.iter().filter(|(key, _)| !order.contains(&key.as_str()));
    for (key, value) in known.chain(others) {
        let told = match value {
            Value::Null => continue,
            Value::Array(items) => items.iter().map(plain).collect::<Vec<_>>().join(", "),
            Value::Object(map) => {
                let set = map.iter().filter(|(_, value)| !value.is_null() && *value != &serde_json::json!({}));
                set.map(|(key, value)| format!("{key} {}", plain(value))).collect::<Vec<_>>().join(", ")
            }
            value => plain(value),
        };
        if !told.is_empty() {
            page.asked.push((key.clone(), told));
        }
    }
}

fn row(run: &RunRow) -> PageRow {
    let first_line = |text: &String| text.lines().next().unwrap_or_default().to_owned();
    let class = run.class.as_deref().filter(|_| run.state != RunState::Done);
    let error = run.error.as_ref().filter(|_| class.is_some()).map(first_line).unwrap_or_default();
    PageRow {
        index: run.index,
        name: run.run_id.to_string(),
        case: run.case.clone(),
        seed: run.seed.cast_signed().to_string(),
        state: run.state.name().to_owned(),
        outcome: class.map(|class| format!("{class}: {error}")).unwrap_or_default(),
        seconds: (run.wall_ms > 0).then_some(run.wall_ms as f64 / 1e3),
        ..PageRow::default()
    }
}

/// Failed runs one by one with what they said; the others that lack a result by state.
fn remarks(page: &mut Page, name: &str, flags: &str, rows: &[RunRow]) {
    let place = |run: &RunRow| format!("{name}:{}", run.index.unwrap_or_default());
    for run in rows.iter().filter(|run| run.state == RunState::Failed) {
        let class = run.class.as_deref().unwrap_or("unknown");
        let axes: Vec<String> = axes_of(run).iter().map(|(key, value)| format!("{key}={value}")).collect();
        page.failures.push(Remark {
            what: format!("{} {} {} seed {}", place(run), run.run_id, axes.join(" "), run.seed.cast_signed()),
            reason: format!("{class}: {}", run.error.as_deref().unwrap_or("no message")),
            command: format!(
                "aees runs logs {0}{flags}\naees runs retry {0}{flags} && aees sweep resume {name}{flags}",
                place(run)
            ),
        });
    }
    for state in RunState::ALL {
        let missing: Vec<String> = rows.iter().filter(|run| run.state == state).map(place).collect();
        if missing.is_empty() || matches!(state, RunState::Done | RunState::Failed) {
            continue;
        }
        let again = format!("aees sweep resume {name}{flags}");
        let (count, runs) = (missing.len(), missing.join(" "));
        let command = match state {
            RunState::Cancelled | RunState::Invalid => format!("aees runs retry {runs}{flags} && {again}"),
            RunState::Pruned => format!("aees runs retry {runs}{flags} --yes && {again}"),
            RunState::Running => format!("aees sweep status {name}{flags}"),
            _ => again,
        };
        page.missing.push(Remark { what: format!("{count} {state}"), reason: missing.join(", "), command });
    }
}

fn sweep_commands(spec: &Value, name: &str, flags: &str, page: &mut Page) {
    let mut run = format!("aees sweep run {}", quoted(spec["source"].as_str().unwrap_or(name)));
    for assignment in spec["overrides"].as_array().into_iter().flatten().filter_map(Value::as_str) {
        run += &format!(" --override {}", quoted(assignment));
    }
    page.commands.push(("The study".into(), format!("{run}{flags}\naees sweep resume {name}{flags}")));
}
