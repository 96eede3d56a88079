//! Any study in one table: rows by what the user names, columns of the numbers the user names.

use super::group::pool;
use super::options::TableOptions;
use super::plan::Plan;
use super::quantity::Quantity;
use super::table::{Cell, Column, Table};
use crate::attributes::{Detail, distinguishing};
use crate::fields::{attribute, nearest_key};
use crate::error::ReportError;
use crate::names::NameStyle;
use crate::record::RunRecord;

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
    let mut sorted: Vec<&RunRecord> = runs.iter().collect();
    sorted.sort_by_cached_key(|run| values(run, group_by).iter().map(|text| sort_key(text)).collect::<Vec<_>>());
    let groups = pool(sorted.iter().copied(), |run| values(run, group_by).join(", "));
    let mut plan = Plan::new("runs", &format!("Runs by {}", group_by.join(", ")), groups, &quantities);
    plan.rows = ("Group", "group");
    for group in &plan.groups {
        let differing = distinguishing(group.settings.iter().map(|runs| &runs.attributes), Detail::Enough);
        if !differing.is_empty() {
            let (count, keys) = (group.settings.len(), differing.join(", "));
            plan.notes.push(format!("{}: pools {count} settings, which differ in {keys}", group.label));
        }
    }
    let mut tables = plan.tables(options);
    if let Some(table) = tables.first_mut() {
        split_label(table, &sorted, group_by);
    }
    Ok(tables)
}

/// The fields of a run as text; `--` for one that it lacks.
fn values(run: &RunRecord, group_by: &[String]) -> Vec<String> {
    group_by.iter().map(|key| attribute(run, key, NameStyle::Short).unwrap_or_else(|| "--".into())).collect()
}

/// Gives each field a column of its own.
fn split_label(table: &mut Table, runs: &[&RunRecord], group_by: &[String]) {
    table.columns.splice(..1, group_by.iter().map(|key| Column::text(key, key)));
    for row in &mut table.rows {
        let Some(Cell::Text(shown)) = row.cells.first() else { continue };
        let Some(run) = runs.iter().find(|run| values(run, group_by).join(", ") == *shown) else { continue };
        row.cells.splice(..1, values(run, group_by).into_iter().map(Cell::Text));
    }
}

/// Numbers before words, and by size.
fn sort_key(text: &str) -> (bool, u64, String) {
    let number = text.parse::<f64>().ok().filter(|number| number.is_finite());
    // Positive numbers keep their order as bits; negative ones follow as words.
    let bits = number.filter(|number| *number >= 0.0).map(f64::to_bits);
    (bits.is_none(), bits.unwrap_or(0), text.to_owned())
}

/// The names of numbers that the runs have, beside those of every run.
fn known_metrics(runs: &[RunRecord]) -> Vec<String> {
    let own = runs.iter().flat_map(|run| run.metrics.iter().chain(&run.runtime)).map(|(name, _)| name.clone());
    let standard =
        ["best", "same_epoch", "final", "drop", "peak_epoch", "total_tflops", "total_time", "final_train_loss"];
    let mut names: Vec<String> = standard.into_iter().map(str::to_owned).chain(own).collect();
    names.sort();
    names.dedup();
    names
}
