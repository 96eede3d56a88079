//! What a run has under a name that a user gives, as in `--group-by`: what it is first, then its configuration.

use std::collections::BTreeMap;

use aees_run::nearest::nearest;
use aees_studies::registry::RunRow;
use serde_json::{Map, Value};

use crate::attributes::text;
use crate::names::{NameStyle, method_name};
use crate::number::shortest;
use crate::record::RunRecord;

/// What a run has for a key, as people write it: what it is first, then its configuration. Methods and label noise have
/// the names of a style. None where the run has no such key, or null.
pub fn attribute(run: &RunRecord, key: &str, style: NameStyle) -> Option<String> {
    let list = |values: &[f64]| values.iter().map(|value| shortest(*value)).collect::<Vec<_>>().join(",");
    Some(match key {
        "task" => run.task.clone(),
        "method" => method_name(run, style).text,
        "method_name" => run.method_name.clone(),
        "optimizer" => run.optimizer.clone(),
        "scheduler" | "lr_scheduler" => run.scheduler.clone(),
        "label_noise" => match style {
            NameStyle::AsWritten => run.label_noise.words(),
            _ => run.label_noise.label(),
        },
        "lr_candidates" => list(&run.lr_candidates),
        "noise_candidates" => list(&run.noise_candidates),
        "seed" => run.seed.to_string(),
        "case" => return run.case.clone(),
        _ => return text(run.config.get(key)?),
    })
}

/// What the axes of a study's member are set to.
pub(crate) fn axes_of(row: &RunRow) -> BTreeMap<String, String> {
    let axes: Option<Map<String, Value>> = row.axes_json.as_deref().and_then(|text| serde_json::from_str(text).ok());
    axes.into_iter().flatten().map(|(key, value)| (key, plain(&value))).collect()
}

/// A value in words: a text without its quotes.
pub(crate) fn plain(value: &Value) -> String {
    value.as_str().map_or_else(|| value.to_string(), str::to_owned)
}

/// The key of some runs that is nearest to one that none has.
pub(crate) fn nearest_key(runs: &[RunRecord], key: &str) -> Option<String> {
    const ATTRIBUTES: [&str; 10] = [
        "case",
        "task",
        "method",
        "method_name",
        "optimizer",
        "scheduler",
        "label_noise",
        "lr_candidates",
        "noise_candidates",
        "seed",
    ];
    let known = ATTRIBUTES.into_iter().chain(runs.iter().flat_map(|run| run.config.keys().map(String::as_str)));
    nearest(key, known).map(str::to_owned)
}

/// Orders values as numbers where they are numbers.
pub(crate) fn by_number(one: &[String], other: &[String]) -> std::cmp::Ordering {
    let pairs = one.iter().zip(other).map(|(one, other)| match (one.parse::<f64>(), other.parse::<f64>()) {
        (Ok(one), Ok(other)) => one.total_cmp(&other),
        _ => one.cmp(other),
    });
    pairs.fold(std::cmp::Ordering::Equal, std::cmp::Ordering::then)
}
