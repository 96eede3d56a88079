//! `aees runs ls`.

use std::process::ExitCode;

use aees_studies::disk::Root;
use aees_studies::registry::RunFilter;
use clap::Args;
use serde_json::{Value, json};

use super::filter::StateFlags;
use super::listing::{Listed, list};
use super::{axes_text, costs, metrics_json, parsed, run_json, seed, studies};
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
    /// At most so many
    #[arg(long, value_name = "N")]
    limit: Option<usize>,
    /// What the attempts used, failed ones included, by how they ended
    #[arg(long, conflicts_with_all = ["state", "only", "limit"])]
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
    let filter = RunFilter { limit: typed.limit, ..typed.filter.of(None)? };
    // Only members of a study have axes.
    let without_study = pattern.is_none() && filter.axes.is_empty();
    let listed = list(&reader, &studies(&reader, pattern)?, &filter, without_study)?;
    if typed.json {
        let runs: Vec<Value> = listed.iter().map(|listed| to_json(listed, &results.root)).collect();
        stdout::line(json!({"runs": runs}));
    } else if listed.is_empty() {
        eprintln!("no run matches");
    } else {
        table(&listed).print();
    }
    Ok(ExitCode::SUCCESS)
}

fn table(listed: &[Listed]) -> Grid {
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
        ("error", Left),
    ]);
    for each in listed {
        let run = &each.run;
        let (best, last) = (each.measured("best"), each.measured("final"));
        let shown = each.metric.clone().filter(|_| best.is_some() || last.is_some());
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
            shown.unwrap_or_default().into(),
            GridCell::number(best),
            GridCell::number(last),
            seconds.into(),
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
