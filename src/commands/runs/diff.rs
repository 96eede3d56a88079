//! `aees runs diff`: what two runs, or two studies, differ in.

use std::collections::{BTreeMap, BTreeSet, HashSet};
use std::fs;
use std::process::ExitCode;

use aees_run::settings::{RunConfig, TaskName};
use aees_run::shown;
use aees_studies::registry::{Reader, RegistryError, RunFilter, RunId, RunRow};
use clap::Args;
use serde_json::{Map, Value, json};

use super::show::fields;
use super::{axes_text, parsed, seed};
use crate::failure::Failure;
use crate::results::{Results, ResultsFlags, one_study};
use crate::stdout;
use crate::table::Grid;

/// Shows what two runs, or two studies, differ in
#[derive(Args)]
#[command(infer_long_args = true)]
pub(crate) struct DiffFlags {
    /// A run or a study
    one: String,
    /// Another of the same kind
    other: String,
    /// Print one JSON document on stdout
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    results: ResultsFlags,
}

/// Runs of two studies that a table shows.
const MOST_ROWS: usize = 100;

pub(super) fn run(typed: &DiffFlags) -> Result<ExitCode, Failure> {
    let results = typed.results.results();
    let reader = results.reader()?;
    let is_study = |name: &str| reader.status(&[name]).is_ok_and(|found| found.len() == 1);
    match (is_study(&typed.one), is_study(&typed.other)) {
        (true, true) => studies(&reader, typed),
        (false, false) => runs(&results, &reader, typed),
        (true, false) => Err(mixed(&reader, &typed.other)),
        (false, true) => Err(mixed(&reader, &typed.one)),
    }
}

/// One is a study: the other is a run, or nothing at all.
fn mixed(reader: &Reader, other: &str) -> Failure {
    match reader.run(other) {
        Ok(_) => Failure::with_help("one of them is a study and the other is a run", "name two runs, or two studies"),
        Err(RegistryError::NotARunName { .. }) => match reader.status(&[other]) {
            Err(error) => error.into(),
            Ok(_) => Failure::new(format!("`{other}` means several studies")),
        },
        Err(error) => error.into(),
    }
}

/// A thing in which two differ: its name, and its values.
type RunDifference = (String, Option<String>, Option<String>);

fn differing(one: &BTreeMap<String, String>, other: &BTreeMap<String, String>) -> Vec<RunDifference> {
    let keys: BTreeSet<&String> = one.keys().chain(other.keys()).collect();
    let differ = keys.into_iter().filter(|key| one.get(*key) != other.get(*key));
    differ.map(|key| (key.clone(), one.get(key).cloned(), other.get(key).cloned())).collect()
}

fn show(typed: &DiffFlags, sections: &[(&str, Vec<RunDifference>)]) {
    let row = |section: &str, (name, one, other): &RunDifference| {
        let exact = [one, other].map(|value| value.clone().unwrap_or_else(|| "-".into()));
        let shown = exact.clone().map(|value| if section == NUMBERS { short(name, value) } else { value });
        // What differs must be seen to.
        (name.clone(), if shown[0] == shown[1] { exact } else { shown })
    };
    let rows = sections.iter().flat_map(|(section, found)| found.iter().map(|found| row(section, found)));
    let rows: Vec<(String, [String; 2])> = rows.collect();
    let table = Grid::of(&rows).text("", |(name, _)| name);
    table.text(&typed.one, |(_, shown)| &shown[0]).text(&typed.other, |(_, shown)| &shown[1]).print();
}

/// A number of a result as people are shown it; its name begins with what was measured of it.
fn short(name: &str, exact: String) -> String {
    let metric = name.split_once(' ').map_or(name, |(_, metric)| metric);
    exact.parse().map_or(exact, |value| shown::metric(metric, value))
}

fn to_json(sections: &[(&str, Vec<RunDifference>)]) -> Value {
    let differences = |differences: &Vec<RunDifference>| -> Value {
        differences.iter().map(|(name, one, other)| json!({"key": name, "one": one, "other": other})).collect()
    };
    let sections = sections.iter().map(|(name, found)| ((*name).to_owned(), differences(found)));
    Value::Object(sections.collect::<Map<_, _>>())
}

fn runs(results: &Results, reader: &Reader, typed: &DiffFlags) -> Result<ExitCode, Failure> {
    let (one, other) = (described(results, reader, &typed.one)?, described(results, reader, &typed.other)?);
    let sections: Vec<(&str, Vec<RunDifference>)> = SECTIONS
        .iter()
        .zip(one.iter().zip(&other))
        .map(|(name, (one, other))| (*name, differing(one, other)))
        .collect();
    if typed.json {
        stdout::line(to_json(&sections));
    } else if sections.iter().all(|(_, differences)| differences.is_empty()) {
        eprintln!("they do not differ");
    } else {
        show(typed, &sections);
    }
    Ok(ExitCode::SUCCESS)
}

const NUMBERS: &str = "numbers";
const SECTIONS: [&str; 3] = ["settings", "circumstances", NUMBERS];

/// What a run is, what it ran on, and what came of it.
fn described(results: &Results, reader: &Reader, name: &str) -> Result<[BTreeMap<String, String>; 3], Failure> {
    let why = reader.why(reader.run(name)?.run_id.full())?;
    let identity = parsed(&why.identity_json);
    let mut settings: BTreeMap<String, String> = BTreeMap::new();
    // What is not said is at its default.
    let task = TaskName::ALL.into_iter().find(|task| task.name() == why.run.task);
    let defaults = task.map(|task| Value::Object(RunConfig::new(task).to_map())).unwrap_or_default();
    let science = identity.get("config").cloned().unwrap_or_default();
    settings.extend(fields(&defaults).into_iter().filter(|(key, _)| is_science(key)));
    settings.extend(fields(&science));
    let others = identity.as_object().into_iter().flatten().filter(|(key, _)| *key != "config");
    for (key, value) in others {
        settings.extend(fields(&json!({key: value})));
    }
    settings.insert("seed".into(), seed(&why.run).to_string());
    let folder = results.root.run(&why.run.run_id);
    let result: Value = fs::read(folder.join("result.json"))
        .ok()
        .and_then(|text| serde_json::from_slice(&text).ok())
        .unwrap_or_default();
    let mut circumstances = BTreeMap::from([("state".to_owned(), why.run.state.name().to_owned())]);
    circumstances.extend(why.run.outcome.map(|outcome| ("outcome".to_owned(), outcome.name().to_owned())));
    for key in ["engine", "backend", "device", "device_name", "precision", "versions", "hardware", "program"] {
        circumstances.extend(
            fields(&json!({key: result[key]}))
                .into_iter()
                .filter(|(name, value)| value != "null" && name != "program.arguments"),
        );
    }
    let numbers =
        why.metrics.iter().map(|metric| (format!("{} {}", metric.measure, metric.name), metric.value.to_string()));
    Ok([settings, circumstances, numbers.collect()])
}

fn is_science(key: &str) -> bool {
    RunConfig::setting(key).is_some_and(|setting| setting.role.decides_result() && setting.key != "seed")
}

fn studies(reader: &Reader, typed: &DiffFlags) -> Result<ExitCode, Failure> {
    let (one, other) = (one_study(reader, &typed.one)?, one_study(reader, &typed.other)?);
    let members = |study: &str| reader.runs(&RunFilter { study: Some(study.to_owned()), ..RunFilter::default() });
    let (of_one, of_other) = (members(&one)?, members(&other)?);
    let spec = |study: &str| -> Result<BTreeMap<String, String>, Failure> {
        Ok(fields(&parsed(&reader.study_spec(study)?)).into_iter().collect())
    };
    let described = differing(&spec(&one)?, &spec(&other)?);
    let only = |these: &[RunRow], those: &[RunRow]| -> Vec<RunRow> {
        let those: HashSet<&RunId> = those.iter().map(|run| &run.run_id).collect();
        these.iter().filter(|run| !those.contains(&run.run_id)).cloned().collect()
    };
    let (only_one, only_other) = (only(&of_one, &of_other), only(&of_other, &of_one));
    let shared = of_one.len() - only_one.len();
    if typed.json {
        let rows = |runs: &[RunRow]| -> Value { runs.iter().map(row_json).collect() };
        let mut document = to_json(&[("study", described)]);
        document["shared_runs"] = shared.into();
        document["only_one"] = rows(&only_one);
        document["only_other"] = rows(&only_other);
        stdout::line(document);
        return Ok(ExitCode::SUCCESS);
    }
    stdout::line(format!(
        "{shared} runs in both, {} only in {one}, {} only in {other}",
        only_one.len(),
        only_other.len()
    ));
    show(typed, &[("study", described)]);
    // A run, or how many more there are.
    let mut rows: Vec<(&str, Result<&RunRow, usize>)> = Vec::new();
    for (study, runs) in [(&one, &only_one), (&other, &only_other)] {
        rows.extend(runs.iter().take(MOST_ROWS).map(|run| (study.as_str(), Ok(run))));
        rows.extend(runs.len().checked_sub(MOST_ROWS + 1).map(|more| (study.as_str(), Err(more + 1))));
    }
    if rows.is_empty() {
        return Ok(ExitCode::SUCCESS);
    }
    let of = |run: &Result<&RunRow, usize>, text: fn(&RunRow) -> String| run.map(text).unwrap_or_default();
    Grid::of(&rows)
        .text("only in", |(study, _)| *study)
        .number("place", |(_, run)| of(run, |run| run.index.map(|index| index.to_string()).unwrap_or_default()))
        .text("case", |(_, run)| match run {
            Ok(run) => run.case.clone().unwrap_or_default(),
            Err(more) => format!("{more} more"),
        })
        .text("axes", |(_, run)| of(run, |run| axes_text(run.axes_json.as_deref().unwrap_or("{}"))))
        .number("seed", |(_, run)| of(run, |run| seed(run).to_string()))
        .text("state", |(_, run)| of(run, |run| run.state.name().to_owned()))
        .print();
    Ok(ExitCode::SUCCESS)
}

fn row_json(run: &RunRow) -> Value {
    let axes = run.axes_json.as_deref().map(parsed).unwrap_or_default();
    json!({"run_id": run.run_id.full(), "index": run.index, "case": run.case, "axes": axes, "seed": seed(run),
        "state": run.state.name()})
}
