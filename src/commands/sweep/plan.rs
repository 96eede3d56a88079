//! `aees sweep plan`: what a study comes to, before anything runs.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::path::PathBuf;
use std::process::ExitCode;

use aees_run::times::span;
use aees_studies::disk::Root;
use aees_studies::job::Work;
use aees_studies::plan::{Planner, StudyPlan, recall};
use aees_studies::registry::{ConfigId, Member, Reader, RunId, RunState};
use aees_studies::study::{Overrides, PruneRule, Study, Template, quoted};
use clap::{Args, ValueEnum};
use serde_json::{Map, Value, json};

use super::filters::{FilterFlags, arguments};
use super::inputs;
use crate::failure::Failure;
use crate::results::ResultsFlags;
use crate::stdout;
use crate::table::{Grid, GridCell};

/// Shows the runs of a study: what is done, what will run, how long it will take. Writes nothing
#[derive(Args)]
pub(crate) struct PlanFlags {
    /// The study file
    study: PathBuf,
    /// A table, one JSON document, or one shell line for each run
    #[arg(long, value_name = "FORMAT", default_value = "table")]
    format: PlanFormat,
    /// The same as --format json
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    results: ResultsFlags,
    #[command(flatten)]
    filters: FilterFlags,
}

#[derive(Clone, Copy, ValueEnum)]
enum PlanFormat {
    Table,
    Json,
    Jobs,
}

impl PlanFlags {
    pub(crate) fn run(self) -> Result<ExitCode, Failure> {
        let results = self.results.results();
        let registry = results.reader_if_any()?;
        let study = recall(Study::read(&self.study)?, &results.root)?;
        let mut inputs = inputs::finder();
        let mut planner =
            Planner { root: &results.root, registry: registry.as_ref(), inputs: &mut inputs, dry_run: true };
        let overrides = Overrides::from(self.filters);
        let plan = planner.plan(&study, &overrides)?;
        plan.warnings.iter().for_each(|warning| eprintln!("warning: {warning}"));
        if plan.provisional {
            eprintln!(
                "note: data, tokenizer or model are not on this machine, so ids and what is done are not known yet"
            );
        }
        if study.learns() {
            let (known, all) = (plan.trials, study.search.trials());
            eprintln!("note: {known} of {all} trials are shown; the others are chosen by what these give");
        }
        let typed = if self.json { PlanFormat::Json } else { self.format };
        if plan.provisional && matches!(typed, PlanFormat::Jobs) {
            return Err(Failure::with_help(
                "the folders of these runs are not known yet: data, tokenizer or model are not on this machine",
                "fetch them first (aees data fetch), or let the study run: aees sweep run FILE",
            ));
        }
        let rows = rows(&plan, registry.as_ref())?;
        match typed {
            PlanFormat::Json => stdout::line(document(&plan, &study, &rows)),
            PlanFormat::Jobs => rows.iter().filter(|row| row.state != Some(RunState::Done)).for_each(|row| {
                stdout::line(job_line(&plan, &results.root, &row.member.run.run_id));
            }),
            PlanFormat::Table => {
                table(&plan, &rows);
                if rows.iter().any(|row| will_run(row.state)) {
                    let file = self.study.to_string_lossy().into_owned();
                    let words: Vec<String> = [vec![file], arguments(&overrides)].concat();
                    let words: Vec<_> = words.iter().map(|word| quoted(word)).collect();
                    eprintln!("run them with: aees sweep run {}{}", words.join(" "), results.flags);
                }
            }
        }
        Ok(ExitCode::SUCCESS)
    }
}

/// A run of the plan and what is known of it.
struct PlannedRow<'a> {
    member: &'a Member,
    state: Option<RunState>,
    predicted_ms: Option<f64>,
}

fn rows<'a>(plan: &'a StudyPlan, registry: Option<&Reader>) -> Result<Vec<PlannedRow<'a>>, Failure> {
    let members = plan.selected_members();
    let runs = members.iter().map(|member| &member.run.run_id);
    let states = registry.map(|registry| registry.states(&plan.name, runs)).transpose()?.unwrap_or_default();
    let mut past: HashMap<&str, f64> = HashMap::new();
    if let Some(registry) = registry {
        let shapes: BTreeSet<&str> = members.iter().map(|member| member.run.shape_sig.as_str()).collect();
        for shape in shapes {
            past.extend(registry.past_wall_ms(shape)?.map(|(median, _)| (shape, median as f64)));
        }
    }
    let row = |member: &'a Member| PlannedRow {
        member,
        state: states.get(&member.run.run_id).copied(),
        predicted_ms: past.get(member.run.shape_sig.as_str()).copied(),
    };
    Ok(members.into_iter().map(row).collect())
}

fn table(plan: &StudyPlan, rows: &[PlannedRow<'_>]) {
    let axes: Vec<Map<String, Value>> = rows.iter().map(|row| axes(row.member)).collect();
    let mut keys: Vec<String> = Vec::new();
    for key in axes.iter().flat_map(|axes| axes.keys()) {
        if !keys.contains(key) {
            keys.push(key.clone());
        }
    }
    let set: Vec<(&PlannedRow<'_>, &Map<String, Value>)> = rows.iter().zip(&axes).collect();
    let mut table = Grid::of(&set)
        .text("#", |(row, _)| row.member.index.to_string())
        .text("run", |(row, _)| row.member.run.run_id.short())
        .text("case", |(row, _)| row.member.case.as_deref().unwrap_or_default());
    for key in &keys {
        table = table.text(key, |(_, axes)| axes.get(key).map(typed).unwrap_or_default());
    }
    let predicted = |row: &PlannedRow<'_>| row.predicted_ms.filter(|_| row.state != Some(RunState::Done));
    table
        .text("seed", |(row, _)| row.member.run.seed.cast_signed().to_string())
        .text("state", |(row, _)| row.state.map_or("new".into(), GridCell::state))
        .text("predicted", |(row, _)| predicted(row).map(span).unwrap_or_default())
        .print();
    eprintln!("{}", summary(plan, rows));
    plan.policy.prune.iter().for_each(|rule| eprintln!("{}", pruning(rule, rows)));
}

fn summary(plan: &StudyPlan, rows: &[PlannedRow<'_>]) -> String {
    let done = rows.iter().filter(|row| row.state == Some(RunState::Done)).count();
    let to_run: Vec<&PlannedRow<'_>> = rows.iter().filter(|row| will_run(row.state)).collect();
    let known: Vec<f64> = to_run.iter().filter_map(|row| row.predicted_ms).collect();
    let mut parts = vec![
        format!("{}: {} runs", plan.name, rows.len()),
        format!("{done} done already"),
        format!("{} to run", to_run.len()),
    ];
    let others = rows.len() - done - to_run.len();
    if others > 0 {
        parts.push(format!("{others} failed, cancelled, pruned or running elsewhere"));
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

/// What is compared with what, and where.
fn pruning(rule: &PruneRule, rows: &[PlannedRow<'_>]) -> String {
    let mut races: BTreeMap<&str, BTreeSet<&ConfigId>> = BTreeMap::new();
    for PlannedRow { member, .. } in rows {
        races.entry(member.race.as_deref().unwrap_or_default()).or_default().insert(&member.run.config_id);
    }
    let rungs: Vec<String> = rule.ladder().take(SHOWN_RUNGS).map(|at| at.to_string()).collect();
    let more = if rule.ladder().nth(SHOWN_RUNGS).is_some() { ", ..." } else { "" };
    let sizes = races.values().map(BTreeSet::len);
    let (least, most) = (sizes.clone().min().unwrap_or(0), sizes.max().unwrap_or(0));
    let settings = if least == most { least.to_string() } else { format!("{least} to {most}") };
    let compared = match races.len() {
        1 => format!("{settings} settings are compared"),
        count => format!("in {count} groups of {settings}, settings are compared"),
    };
    let warning = if least < 2 { "; a setting without another to be compared with is never pruned" } else { "" };
    let by = rule.by.name();
    format!(
        "prune: {compared} at {by} {}{more} by {} ({}, 1 in {} goes on){warning}",
        rungs.join(", "),
        rule.metric,
        rule.method.name(),
        rule.factor
    )
}

/// How many rungs a plan shows.
const SHOWN_RUNGS: usize = 4;

/// Whether a run in this state, or one that is new, is to be done.
pub(crate) fn will_run(state: Option<RunState>) -> bool {
    use RunState::{Deferred, Interrupted, Pending, Superseded};
    matches!(state, None | Some(Pending | Interrupted | Deferred | Superseded))
}

fn document(plan: &StudyPlan, study: &Study, rows: &[PlannedRow<'_>]) -> Value {
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
                "race": row.member.race,
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
        "prune": plan.policy.prune,
        "provisional_ids": plan.provisional,
        "runs": runs,
        "duplicates": plan.duplicates,
        "excluded": plan.excluded,
    })
}

/// One shell line that does what the run does, in its own folder.
fn job_line(plan: &StudyPlan, root: &Root, run: &RunId) -> String {
    match plan.work_of(run) {
        Some(Work::Train(settings)) => {
            let mut words = vec!["aees".to_owned(), "train".to_owned()];
            words.push(settings.get("task").map_or_else(String::new, typed));
            for (key, value) in settings.iter().filter(|(key, _)| *key != "task") {
                words.extend(["--set".to_owned(), quoted(&format!("{key}={}", typed(value)))]);
            }
            words.extend(["--run-dir".to_owned(), quoted(&root.run(run).to_string_lossy())]);
            words.join(" ")
        }
        Some(Work::Command(command)) => {
            let word = |word: &Template| quoted(&command.slot.fill(word).text().unwrap_or_default());
            let variable = |(name, value): (&String, &Option<Template>)| match value {
                Some(value) => format!("{name}={}", word(value)),
                None => format!("-u {}", quoted(name)),
            };
            let mut variables: Vec<String> = command.environment.iter().map(variable).collect();
            // Options come before variables.
            variables.sort_by_key(|variable| !variable.starts_with("-u "));
            let env = (!variables.is_empty()).then(|| format!("env {}", variables.join(" ")));
            let words: Vec<String> = env.into_iter().chain(command.arguments.iter().map(word)).collect();
            let folder = quoted(&command.work_directory.to_string_lossy());
            format!("cd {folder} && printf '%s' {} | {}", quoted(&command.input.to_string()), words.join(" "))
        }
        None => String::new(),
    }
}

fn axes(member: &Member) -> Map<String, Value> {
    serde_json::from_str(&member.axes_json).unwrap_or_default()
}

/// A value as a user would type it.
fn typed(value: &Value) -> String {
    match value {
        Value::String(text) => text.clone(),
        Value::Array(items) => items.iter().map(typed).collect::<Vec<_>>().join(","),
        other => other.to_string(),
    }
}
