//! `aees sweep plan`: what a study comes to, before anything runs.

use std::collections::HashMap;

use serde_json::{Map, Value, json};

use crate::failure::Failure;
use crate::stdout;
use aees_run::times::span;
use aees_studies::disk::Root;
use aees_studies::plan::StudyPlan;
use aees_studies::registry::{Member, Reader, RunId, RunState};
use aees_studies::study::{Study, quoted};

/// A run of the plan and what is known of it.
struct Row<'a> {
    member: &'a Member,
    state: Option<RunState>,
    predicted_ms: Option<f64>,
}

/// Prints the selected runs of a plan.
pub(super) fn show(
    plan: &StudyPlan,
    study: &Study,
    registry: Option<&Reader>,
    root: &Root,
    format: &str,
) -> Result<(), Failure> {
    plan.warnings.iter().for_each(|warning| eprintln!("warning: {warning}"));
    if plan.provisional {
        eprintln!("note: data, tokenizer or model are not on this machine, so ids and what is done are not known yet");
    }
    let rows = rows(plan, registry)?;
    match format {
        "json" => stdout::line(document(plan, study, &rows)),
        "jobs" => rows.iter().filter(|row| row.state != Some(RunState::Done)).for_each(|row| {
            stdout::line(job_line(plan, root, &row.member.run.run_id));
        }),
        _ => table(plan, &rows),
    }
    Ok(())
}

fn rows<'a>(plan: &'a StudyPlan, registry: Option<&Reader>) -> Result<Vec<Row<'a>>, Failure> {
    let states: HashMap<RunId, RunState> = match registry {
        Some(registry) => registry.states(plan.selected.iter())?,
        None => HashMap::new(),
    };
    let mut past: HashMap<&str, Option<f64>> = HashMap::new();
    let members: HashMap<&RunId, &Member> = plan.members.iter().map(|member| (&member.run.run_id, member)).collect();
    let mut rows = Vec::with_capacity(plan.selected.len());
    for run in &plan.selected {
        let Some(member) = members.get(run) else { continue };
        let shape = member.run.shape_sig.as_str();
        let predicted_ms = match (past.get(shape), registry) {
            (Some(known), _) => *known,
            (None, Some(registry)) => {
                let found = registry.past_wall_ms(shape)?.map(|(median, _)| median as f64);
                past.insert(shape, found);
                found
            }
            (None, None) => None,
        };
        rows.push(Row { member, state: states.get(run).copied(), predicted_ms });
    }
    Ok(rows)
}

fn table(plan: &StudyPlan, rows: &[Row<'_>]) {
    let axes: Vec<Map<String, Value>> = rows.iter().map(|row| axes(row.member)).collect();
    let mut keys: Vec<String> = Vec::new();
    for key in axes.iter().flat_map(|axes| axes.keys()) {
        if !keys.contains(key) {
            keys.push(key.clone());
        }
    }
    let has_cases = rows.iter().any(|row| row.member.case.is_some());
    let mut lines = vec![header(&keys, has_cases)];
    for (row, axes) in rows.iter().zip(&axes) {
        let mut cells = vec![row.member.index.to_string(), row.member.run.run_id.to_string()];
        cells.extend(has_cases.then(|| row.member.case.clone().unwrap_or_default()));
        cells.extend(keys.iter().map(|key| axes.get(key).map_or_else(String::new, plain)));
        cells.push(row.member.run.seed.cast_signed().to_string());
        cells.push(state_word(row.state).to_owned());
        cells.push(row.predicted_ms.filter(|_| row.state != Some(RunState::Done)).map_or_else(String::new, span));
        lines.push(cells);
    }
    let widths: Vec<usize> = (0..lines[0].len())
        .map(|column| lines.iter().map(|line| line[column].chars().count()).max().unwrap_or(0))
        .collect();
    for line in &lines {
        let cells = line.iter().zip(&widths).map(|(cell, width)| format!("{cell:width$}"));
        stdout::line(cells.collect::<Vec<_>>().join("  ").trim_end());
    }
    eprintln!("{}", summary(plan, rows));
}

fn header(keys: &[String], has_cases: bool) -> Vec<String> {
    let mut cells = vec!["#".to_owned(), "run".to_owned()];
    cells.extend(has_cases.then(|| "case".to_owned()));
    cells.extend(keys.iter().cloned());
    cells.extend(["seed", "state", "predicted"].map(str::to_owned));
    cells
}

fn summary(plan: &StudyPlan, rows: &[Row<'_>]) -> String {
    let done = rows.iter().filter(|row| row.state == Some(RunState::Done)).count();
    let to_run: Vec<&Row<'_>> = rows.iter().filter(|row| will_run(row.state)).collect();
    let known: Vec<f64> = to_run.iter().filter_map(|row| row.predicted_ms).collect();
    let mut parts = vec![
        format!("{}: {} runs", plan.name, rows.len()),
        format!("{done} done already"),
        format!("{} to run", to_run.len()),
    ];
    let others = rows.len() - done - to_run.len();
    if others > 0 {
        parts.push(format!("{others} failed, cancelled or running elsewhere"));
    }
    if !known.is_empty() {
        let missing = to_run.len() - known.len();
        let unknown = if missing > 0 { format!(" and {missing} runs of unknown length") } else { String::new() };
        parts.push(format!("about {} in all, one after the other{unknown}", span(known.iter().sum())));
    }
    if plan.duplicates > 0 {
        parts.push(format!("{} combinations equal an earlier one", plan.duplicates));
    }
    if plan.excluded > 0 {
        parts.push(format!("{} excluded", plan.excluded));
    }
    parts.join(", ")
}

fn will_run(state: Option<RunState>) -> bool {
    use RunState::{Deferred, Interrupted, Pending, Superseded};
    matches!(state, None | Some(Pending | Interrupted | Deferred | Superseded))
}

fn document(plan: &StudyPlan, study: &Study, rows: &[Row<'_>]) -> Value {
    let runs: Vec<Value> = rows
        .iter()
        .map(|row| {
            json!({
                "index": row.member.index,
                "run_id": row.member.run.run_id.full(),
                "config_id": row.member.run.config_id.full(),
                "case": row.member.case,
                "axes": axes(row.member),
                "seed": row.member.run.seed.cast_signed(),
                "state": row.state.map(|state| state.name()),
                "will_run": will_run(row.state),
                "predicted_seconds": row.predicted_ms.map(|milliseconds| milliseconds / 1e3),
            })
        })
        .collect();
    json!({
        "study": plan.name,
        "task": plan.spec.task,
        "source": study.source,
        "metric": plan.metric,
        "provisional_ids": plan.provisional,
        "runs": runs,
        "duplicates": plan.duplicates,
        "excluded": plan.excluded,
    })
}

/// One shell line that does what the run does, in its own folder.
fn job_line(plan: &StudyPlan, root: &Root, run: &RunId) -> String {
    use aees_studies::job::Work;
    match plan.work.get(run) {
        Some(Work::Train(settings)) => {
            let mut words = vec!["aees".to_owned(), "train".to_owned()];
            words.push(settings.get("task").map_or_else(String::new, plain));
            for (key, value) in settings.iter().filter(|(key, _)| *key != "task") {
                words.extend(["--set".to_owned(), quoted(&format!("{key}={}", plain(value)))]);
            }
            words.extend(["--run-dir".to_owned(), quoted(&root.run(run).to_string_lossy())]);
            words.join(" ")
        }
        Some(Work::Command(command)) => {
            let words: Vec<String> = command.arguments.iter().map(|word| quoted(word)).collect();
            format!("printf '%s' {} | {}", quoted(&command.input.to_string()), words.join(" "))
        }
        None => String::new(),
    }
}

fn axes(member: &Member) -> Map<String, Value> {
    serde_json::from_str(&member.axes_json).unwrap_or_default()
}

/// A value as a user would type it.
fn plain(value: &Value) -> String {
    match value {
        Value::String(text) => text.clone(),
        Value::Array(items) => items.iter().map(plain).collect::<Vec<_>>().join(","),
        other => other.to_string(),
    }
}

fn state_word(state: Option<RunState>) -> &'static str {
    state.map_or("new", |state| state.name())
}
