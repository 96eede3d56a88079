//! `aees runs ls`.

use std::process::ExitCode;

use clap::ArgMatches;
use serde_json::{Value, json};

use super::listing::{Listed, list};
use super::{axes, axes_text, metrics_json, parsed, run_json, seed, states, studies};
use crate::commands::registry::Place;
use crate::commands::table::{Cell, Side, Table, colours, first_line};
use crate::failure::Failure;
use crate::stdout;
use aees_studies::disk::Root;
use aees_studies::registry::RunFilter;

/// Lists runs.
pub(super) fn run(arguments: &ArgMatches) -> Result<ExitCode, Failure> {
    let place = Place::of(arguments);
    let reader = place.reader()?;
    let pattern = arguments.get_one::<String>("study").map(String::as_str);
    let limit = arguments.get_one::<usize>("limit").copied();
    let filter = RunFilter { study: None, states: states(arguments), axes: axes(arguments)?, limit };
    // Only members of a study have axes.
    let strays = pattern.is_none() && filter.axes.is_empty();
    let listed = list(&reader, &studies(&reader, pattern)?, &filter, strays)?;
    if arguments.get_flag("json") {
        let runs: Vec<Value> = listed.iter().map(|listed| to_json(listed, &place.root)).collect();
        stdout::line(json!({"runs": runs}));
    } else if listed.is_empty() {
        eprintln!("no run matches");
    } else {
        stdout::line(table(&listed).lines(colours()).join("\n"));
    }
    Ok(ExitCode::SUCCESS)
}

fn table(listed: &[Listed]) -> Table {
    use Side::{Left, Right};
    let mut table = Table::new(&[
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
            Cell::state(run.state),
            run.attempts.to_string().into(),
            shown.unwrap_or_default().into(),
            Cell::number(best),
            Cell::number(last),
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
