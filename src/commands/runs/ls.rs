//! `aees runs ls`.

use std::cmp::Ordering;
use std::collections::{BTreeSet, HashSet};
use std::process::ExitCode;

use aees_report::csv_of;
use aees_studies::disk::{Annotations, Root, split_metric};
use aees_studies::registry::{Metric, RunFilter};
use clap::Args;
use serde_json::{Value, json};

use super::condition::RunCondition;
use super::filter::StateFlags;
use super::listing::{Listed, list};
use super::show::fields;
use super::value::{Known, Values};
use super::{annotate, axes_text, costs, metrics_json, parsed, run_json, seed, studies};
use crate::failure::Failure;
use crate::results::ResultsFlags;
use crate::stdout;
use crate::table::{Grid, GridCell, Side, first_line};

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
    let mut listed = list(&reader, &studies(&reader, pattern)?, &filter, without_study)?;
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
    } else {
        match typed.columns.is_empty() {
            true => table(&listed, &values).print(),
            false => chosen(&listed, &values, &typed.columns).print(),
        }
    }
    Ok(ExitCode::SUCCESS)
}

/// By a metric the best first, by anything else the smallest; what has none comes last.
fn sort(listed: &mut [Listed], values: &Values<'_>, word: &str) {
    let is_metric = listed.iter().any(|each| {
        let name = split_metric(word).0;
        each.metrics.iter().any(|metric| metric.name == word || metric.name == name)
    });
    // The study's own word counts first.
    let said =
        listed.iter().find(|each| each.metric.as_deref() == Some(split_metric(word).0)).and_then(|each| each.goal);
    let is_loss = ["loss", "error", "perplexity", "seconds"].iter().any(|part| word.contains(part));
    let less_is_better = said.map_or(is_loss, |goal| goal == "min");
    listed.sort_by_cached_key(|each| SortKey(values.of(each, word), is_metric && !less_is_better));
}

/// A value, and whether more comes first.
struct SortKey(Known, bool);

impl Ord for SortKey {
    fn cmp(&self, other: &Self) -> Ordering {
        let order = self.0.order(&other.0);
        // What has no rank comes last in both directions.
        if self.1 && self.0.has_rank() && other.0.has_rank() { order.reverse() } else { order }
    }
}

impl PartialOrd for SortKey {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl PartialEq for SortKey {
    fn eq(&self, other: &Self) -> bool {
        self.cmp(other).is_eq()
    }
}

impl Eq for SortKey {}

fn chosen(listed: &[Listed], values: &Values<'_>, columns: &[String]) -> Grid {
    let is_number = |word: &String| listed.iter().any(|each| matches!(values.of(each, word), Known::Number(_)));
    let mut table =
        Grid::new(columns.iter().map(|word| (word.as_str(), if is_number(word) { Side::Right } else { Side::Left })));
    for each in listed {
        table.row(columns.iter().map(|word| values.of(each, word).cell(word)).collect());
    }
    table
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

fn table(listed: &[Listed], values: &Values<'_>) -> Grid {
    use Side::{Left, Right};
    let mut table = Grid::new([
        ("run", Left),
        ("place", Left),
        ("case", Left),
        ("axes", Left),
        ("seed", Right),
        ("state", Left),
        ("attempts", Right),
        ("metric", Left),
        ("best", Right),
        ("final", Right),
        ("seconds", Right),
        ("tags", Left),
        ("error", Left),
    ]);
    for each in listed {
        let run = &each.run;
        let (best, last) = (each.measured("best"), each.measured("final"));
        let name = each.metric.clone().filter(|_| best.is_some() || last.is_some()).unwrap_or_default();
        let class = run.class.as_deref().unwrap_or_default();
        let error = run.error.as_deref().map(|error| format!("{class}: {}", first_line(error)));
        let seconds = if run.wall_ms > 0 { format!("{:.1}", run.wall_ms as f64 / 1e3) } else { String::new() };
        table.row(vec![
            run.run_id.short().into(),
            each.place().into(),
            run.case.clone().unwrap_or_default().into(),
            axes_text(run.axes_json.as_deref().unwrap_or("{}")).into(),
            seed(run).to_string().into(),
            GridCell::of_run(run),
            run.attempts.to_string().into(),
            name.as_str().into(),
            GridCell::metric(&name, best),
            GridCell::metric(&name, last),
            seconds.into(),
            values.of(each, "tags").cell("tags"),
            error.unwrap_or_else(|| class.to_owned()).into(),
        ]);
    }
    table
}

fn to_json(listed: &Listed, root: &Root) -> Value {
    let mut run = run_json(&listed.run);
    run["study"] = json!(listed.study);
    run["index"] = json!(listed.run.index);
    run["case"] = json!(listed.run.case);
    run["axes"] = listed.run.axes_json.as_deref().map(parsed).unwrap_or_default();
    run["metrics"] = metrics_json(&listed.metrics);
    run["directory"] = json!(root.run(&listed.run.run_id));
    run
}
