//! Any study in one table: rows by what the user names, columns of the numbers the user names.

use super::comparison::feedback;
use super::group::Group;
use super::options::TableOptions;
use super::plan::Plan;
use super::table::{Cell, Column, Table};
use crate::attributes::{Attributes, Detail, distinguishing, is_of_problem, words};
use crate::error::ReportError;
use crate::experiment::{Experiment, experiments};
use crate::fields::{attribute, nearest_key};
use crate::names::NameStyle;
use crate::quantity::{Quantity, known_metrics};
use crate::record::RunRecord;

/// A field that a run has not.
const LACKING: &str = "--";

/// Groups runs by fields and shows their numbers.
///
/// # Errors
/// A field or a number that no run has.
pub(super) fn general(
    runs: &[RunRecord],
    group_by: &[String],
    metrics: &[String],
    options: &TableOptions,
) -> Result<Vec<Table>, ReportError> {
    for key in group_by {
        if !runs.iter().any(|run| attribute(run, key, NameStyle::Short).is_some()) {
            let help = nearest_key(runs, key).map(|nearest| format!("did you mean `{nearest}`?"));
            return Err(ReportError::new(format!("no run has a field `{key}` to group by"), help));
        }
    }
    let quantities: Vec<Quantity> = metrics.iter().map(|name| Quantity::named(name)).collect();
    let has = |quantity: &Quantity| runs.iter().any(|run| quantity.of(run, Some(1)).is_some());
    if let Some(at) = quantities.iter().position(|quantity| !has(quantity)) {
        let help = format!("numbers there are: {}", known_metrics(runs).join(", "));
        return Err(ReportError::new(format!("no run has a number `{}`", metrics[at]), Some(help)));
    }
    let values = |run: &RunRecord| values(run, group_by);
    let mut all = experiments(runs);
    all.sort_by_cached_key(|one| values(one.example()).iter().map(|text| sort_key(text)).collect::<Vec<_>>());
    // Experiments with equal values stand in rows of their own, and columns of their own tell them apart.
    let mut keys: Vec<String> = Vec::new();
    for one in &all {
        let alike = all.iter().filter(|other| values(other.example()) == values(one.example()));
        keys.extend(distinguishing(alike.map(|other| &other.attributes), Detail::Enough));
    }
    keys.sort();
    keys.dedup();
    keys.retain(|key| !group_by.contains(key));
    let text = |one: &Experiment<'_>, key: &String| one.attributes.text(key).unwrap_or_else(|| LACKING.into());
    let columns: Vec<&String> = group_by.iter().chain(&keys).collect();
    let mut labels: Vec<Vec<String>> = Vec::with_capacity(all.len());
    let mut groups = Vec::with_capacity(all.len());
    for experiment in all {
        let told = keys.iter().map(|key| text(&experiment, key));
        let label: Vec<String> = values(experiment.example()).into_iter().chain(told).collect();
        let (problem, method): (Vec<_>, Vec<_>) =
            columns.iter().zip(&label).partition(|(key, _)| key.as_str() == "label_noise" || is_of_problem(key));
        let joined = |parts: &[(&&String, &String)]| {
            let told: Vec<&str> = parts.iter().map(|(_, part)| part.as_str()).filter(|part| *part != LACKING).collect();
            if told.is_empty() { LACKING.to_owned() } else { told.join(", ") }
        };
        // Comparisons stand under their problem, if it is told. Where nothing else is, that is the name.
        let (section, name) = match (problem.is_empty(), method.is_empty()) {
            (_, true) => (String::new(), joined(&problem)),
            (true, false) => (String::new(), joined(&method)),
            (false, false) => (joined(&problem), joined(&method)),
        };
        groups.push(Group { section, label: name.clone(), name, experiment });
        labels.push(label);
    }
    let mut plan = Plan::new("runs", &format!("Runs by {}", group_by.join(", ")), groups, &quantities);
    plan.rows = ("Group", "group");
    plan.compared = quantities;
    let mut tables = plan.compare(&[], feedback).tables(options);
    if let Some(table) = tables.first_mut() {
        table.section_key.clear();
        table.columns.splice(..1, columns.into_iter().map(|key| Column::text(&words(key), key)));
        for (row, label) in table.rows.iter_mut().zip(labels) {
            row.section.clear();
            row.cells.splice(..1, label.into_iter().map(Cell::Text));
        }
    }
    Ok(tables)
}

/// The fields of a run as text; `--` for one that it lacks.
fn values(run: &RunRecord, group_by: &[String]) -> Vec<String> {
    group_by.iter().map(|key| attribute(run, key, NameStyle::Short).unwrap_or_else(|| LACKING.into())).collect()
}

/// Numbers before words, and by size.
fn sort_key(text: &str) -> (bool, u64, String) {
    let number = text.parse::<f64>().ok().filter(|number| number.is_finite());
    // In the order of the numbers: a negative one is the smaller, the larger its bits are.
    let ordered = |bits: u64| if bits >> 63 == 1 { !bits } else { bits | 1 << 63 };
    (number.is_none(), number.map_or(0, |number| ordered(number.to_bits())), text.to_owned())
}

/// The flags of a table that runs have rows and numbers for, where none of the usual ones does; none without any number.
pub fn general_flags(runs: &[RunRecord]) -> Option<String> {
    let attributes: Vec<Attributes> = runs.iter().map(Attributes::of).collect();
    let told = |key: &String| runs.iter().any(|run| attribute(run, key, NameStyle::Short).is_some());
    let mut keys: Vec<String> = distinguishing(attributes.iter(), Detail::Enough).into_iter().filter(told).collect();
    if keys.is_empty() {
        keys.push("task".into());
    }
    let known = known_metrics(runs);
    let (clocks, mut metrics): (Vec<&str>, Vec<&str>) =
        known.iter().map(String::as_str).partition(|name| ["step", "total_time"].contains(name));
    if metrics.is_empty() {
        metrics = clocks;
    }
    metrics.truncate(3);
    (!metrics.is_empty()).then(|| format!("--group-by {} --metric {}", keys.join(","), metrics.join(",")))
}
