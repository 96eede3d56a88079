//! `aees runs ls`.

use std::collections::{BTreeSet, HashSet};
use std::process::ExitCode;

use aees_report::csv_of;
use aees_studies::disk::{Annotations, Root, split_metric};
use aees_studies::registry::{Metric, RunFilter, RunRow};
use clap::Args;
use serde_json::{Value, json};

use super::condition::RunCondition;
use super::filter::StateFlags;
use super::listing::{Listed, list};
use super::show::fields;
use super::value::{Known, Values};
use super::{annotate, axes_text, costs, parsed, run_json, seed};
use crate::failure::Failure;
use crate::results::{ResultsFlags, study_names};
use crate::stdout;
use crate::table::{Grid, GridCell, first_line};

/// Lists runs
#[derive(Args)]
#[command(infer_long_args = true)]
pub(crate) struct LsFlags {
    /// Of one study, or of those that a pattern means [default: all]
    study: Option<String>,
    #[command(flatten)]
    filter: StateFlags,
    /// Only those that hold a condition on a metric, an axis, a setting or a column: "lr<1e-3", "state!=done",
    /// "error~memory"; given again, both must hold
    #[arg(long = "where", value_name = "CONDITION")]
    conditions: Vec<String>,
    /// Only those with this tag; given again, both
    #[arg(long, value_name = "TAG")]
    tag: Vec<String>,
    /// Sort by a metric (best first), an axis, a setting or a column
    #[arg(long, value_name = "WORD")]
    sort: Option<String>,
    /// Turn the order around
    #[arg(long)]
    reverse: bool,
    /// Show these: metrics, axes, settings, or run, study, index, case, seed, state, outcome, seconds, tags, note, ...
    #[arg(long, value_name = "WORD,..", value_delimiter = ',')]
    columns: Vec<String>,
    /// Print CSV on stdout, with all digits
    #[arg(long, conflicts_with = "json")]
    csv: bool,
    /// At most so many
    #[arg(long, value_name = "N")]
    limit: Option<usize>,
    /// What the attempts used, failed ones included, by how they ended
    #[arg(long, conflicts_with_all = ["state", "only", "limit", "conditions", "tag", "sort", "columns", "csv"])]
    costs: bool,
    /// Print one JSON document on stdout
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    results: ResultsFlags,
}

pub(super) fn run(typed: &LsFlags) -> Result<ExitCode, Failure> {
    let results = typed.results.results();
    let reader = results.reader()?;
    let pattern = typed.study.as_deref();
    if typed.costs {
        return costs::run(&reader, pattern, typed.json);
    }
    let conditions: Vec<RunCondition> =
        typed.conditions.iter().map(|text| RunCondition::parse(text)).collect::<Result<_, _>>()?;
    // What is left of a list, or comes first in it, is known when all of it is.
    let whole = typed.sort.is_some() || typed.reverse || !conditions.is_empty() || !typed.tag.is_empty();
    let filter = RunFilter { limit: typed.limit.filter(|_| !whole), ..typed.filter.of(None)? };
    // Only members of a study have axes.
    let without_study = pattern.is_none() && filter.axes.is_empty();
    let mut listed = list(&reader, &study_names(&reader, pattern)?, &filter, without_study)?;
    let annotations = Annotations::read(&results.root)?;
    let values = Values::new(&reader, &results.root, &annotations);
    for word in conditions.iter().map(|condition| &condition.word).chain(&typed.sort).chain(&typed.columns) {
        values.check(&listed, word)?;
    }
    listed.retain(|each| {
        let tags = annotations.of(&each.run.run_id).tags;
        conditions.iter().all(|condition| condition.holds(&values, each))
            && typed.tag.iter().all(|tag| tags.contains(tag))
    });
    if let Some(word) = &typed.sort {
        sort(&mut listed, &values, word);
    }
    if typed.reverse {
        listed.reverse();
    }
    listed.truncate(typed.limit.unwrap_or(usize::MAX));
    if typed.json {
        let to_json = |listed: &Listed| {
            let mut run = to_json(listed, &results.root);
            run["annotation"] = annotate::to_json(&annotations, &listed.run.run_id);
            run
        };
        let runs: Vec<Value> = listed.iter().map(to_json).collect();
        stdout::line(json!({"runs": runs}));
    } else if typed.csv {
        csv(&listed, &values, &typed.columns);
    } else if listed.is_empty() {
        eprintln!("no run matches");
    } else if typed.columns.is_empty() {
        table(&listed, &values);
    } else {
        chosen(&listed, &values, &typed.columns);
    }
    Ok(ExitCode::SUCCESS)
}

/// By a metric the best first, by anything else the smallest; what has none comes last.
fn sort(listed: &mut Vec<Listed>, values: &Values<'_>, word: &str) {
    let is_metric = listed.iter().any(|each| {
        let name = split_metric(word).0;
        each.metrics.iter().any(|metric| metric.name == word || metric.name == name)
    });
    // The study's own word counts first.
    let said =
        listed.iter().find(|each| each.metric.as_deref() == Some(split_metric(word).0)).and_then(|each| each.goal);
    let is_loss = ["loss", "error", "perplexity", "seconds"].iter().any(|part| word.contains(part));
    let most_first = is_metric && !said.map_or(is_loss, |goal| goal == "min");
    let mut keyed: Vec<(Known, Listed)> = listed.drain(..).map(|each| (values.of(&each, word), each)).collect();
    keyed.sort_by(|(one, _), (other, _)| match one.order(other) {
        // What has no rank comes last in both directions.
        order if most_first && one.has_rank() && other.has_rank() => order.reverse(),
        order => order,
    });
    listed.extend(keyed.into_iter().map(|(_, each)| each));
}

fn chosen(listed: &[Listed], values: &Values<'_>, columns: &[String]) {
    let is_number = |word: &str| listed.iter().any(|each| matches!(values.of(each, word), Known::Number(_)));
    let mut table = Grid::of(listed);
    for word in columns {
        table = table.column(word, is_number(word), |each| values.of(each, word).cell(word));
    }
    table.print();
}

/// These columns, or what every run has with all axes and metrics.
fn csv(listed: &[Listed], values: &Values<'_>, columns: &[String]) {
    let mut columns = columns.to_vec();
    if columns.is_empty() {
        let axes =
            listed.iter().flat_map(|each| fields(&each.run.axes_json.as_deref().map(parsed).unwrap_or_default()));
        let axes: BTreeSet<String> = axes.map(|(key, _)| key).collect();
        let all = || listed.iter().flat_map(|each| &each.metrics);
        let bests: HashSet<&String> =
            all().filter(|metric| metric.measure == "best").map(|metric| &metric.name).collect();
        let measured = |metric: &Metric| match metric.measure.as_str() {
            // Where there is a best one, the bare name means that.
            "final" if !bests.contains(&metric.name) => metric.name.clone(),
            measure => format!("{measure}_{}", metric.name),
        };
        let metrics: BTreeSet<String> = all().map(measured).collect();
        let words = ["run_id", "study", "index", "case"].into_iter().map(str::to_owned).chain(axes);
        let after = ["seed", "state", "outcome", "attempts", "seconds"].map(str::to_owned).into_iter().chain(metrics);
        columns = words.chain(after).chain(["class", "error", "tags", "note"].map(str::to_owned)).collect();
    }
    let mut rows = vec![columns.clone()];
    rows.extend(listed.iter().map(|each| columns.iter().map(|word| values.of(each, word).exact()).collect()));
    stdout::text(&csv_of(&rows));
}

fn table(listed: &[Listed], values: &Values<'_>) {
    let judged = |each: &Listed| each.measured("best").or_else(|| each.measured("final")).is_some();
    let metric = |each: &Listed| each.metric.clone().filter(|_| judged(each)).unwrap_or_default();
    let measured = |each: &Listed, measure: &str| {
        GridCell::metric(each.metric.as_deref().unwrap_or_default(), each.measured(measure))
    };
    let seconds = |milliseconds: u64| format!("{:.1}", milliseconds as f64 / 1e3);
    Grid::of(listed)
        .text("run", |each| each.run.run_id.short())
        .text("place", Listed::place)
        .text("case", |each| each.run.case.as_deref().unwrap_or_default())
        .text("axes", |each| axes_text(each.run.axes_json.as_deref().unwrap_or("{}")))
        .number("seed", |each| seed(&each.run).to_string())
        .text("state", |each| GridCell::of_run(&each.run))
        .number("attempts", |each| each.run.attempts.to_string())
        .text("metric", metric)
        .number("best", |each| measured(each, "best"))
        .number("final", |each| measured(each, "final"))
        .number("seconds", |each| Some(each.run.wall_ms).filter(|wall| *wall > 0).map(seconds).unwrap_or_default())
        .text("tags", |each| values.of(each, "tags").cell("tags"))
        .text("error", |each| error(&each.run))
        .print();
}

/// The class of a failure, and the first line of what it said.
fn error(run: &RunRow) -> String {
    let class = run.class.as_deref().unwrap_or_default();
    run.error.as_deref().map_or_else(|| class.to_owned(), |error| format!("{class}: {}", first_line(error)))
}

fn to_json(listed: &Listed, root: &Root) -> Value {
    let mut run = run_json(&listed.run);
    run["study"] = json!(listed.study);
    run["index"] = json!(listed.run.index);
    run["case"] = json!(listed.run.case);
    run["axes"] = listed.run.axes_json.as_deref().map(parsed).unwrap_or_default();
    run["metrics"] = json!(listed.metrics);
    run["directory"] = json!(root.run(&listed.run.run_id));
    run
}
