//! Which runs a list shows, each under the study that it is shown for, with the numbers it is judged by.

use std::collections::{HashMap, HashSet};

use serde_json::Value;

use crate::failure::Failure;
use aees_studies::disk::split_metric;
use aees_studies::registry::{Metric, Reader, RunFilter, RunId, RunRow, RunState};
use aees_studies::study::Objective;

/// What a run is judged by when its study does not say.
const USUAL_METRIC: &str = "val_accuracy";

/// So many runs are asked for one by one, at 0.1 ms each. All results of a study of 100,000 runs take 400 ms.
const FEW: usize = 500;

/// A run in a list.
pub(crate) struct Listed {
    /// Its row, with its place in the study.
    pub(crate) run: RunRow,
    /// The study that it is shown for; none for a run that no study lists.
    pub(crate) study: Option<String>,
    /// Its numbers, if it is done.
    pub(crate) metrics: Vec<Metric>,
    /// What it is judged by.
    pub(crate) metric: Option<String>,
    /// Which direction of that is better, where its study says: `max` or `min`.
    pub(crate) goal: Option<&'static str>,
}

impl Listed {
    /// `noise:17`.
    pub(crate) fn place(&self) -> String {
        match (&self.study, self.run.index) {
            (Some(study), Some(index)) => format!("{study}:{index}"),
            _ => String::new(),
        }
    }

    /// A number of its result.
    pub(crate) fn number(&self, name: &str, measure: &str) -> Option<f64> {
        let found = self.metrics.iter().find(|metric| metric.name == name && metric.measure == measure);
        found.map(|metric| metric.value)
    }

    /// The number it is judged by, measured so.
    pub(crate) fn measured(&self, measure: &str) -> Option<f64> {
        let name = self.metric.as_ref()?;
        let find = |measure: &str| self.number(name, measure);
        // A program's curve has a largest and a smallest value; its study says which is best.
        let extreme = if self.goal == Some("min") { "min" } else { "max" };
        find(measure).or_else(|| find(extreme).filter(|_| measure == "best"))
    }
}

/// The members of some studies by index, then, if `without_study` are wanted, the runs that no study lists. Each run once, at its
/// first study.
pub(crate) fn list(
    reader: &Reader,
    studies: &[String],
    filter: &RunFilter,
    without_study: bool,
) -> Result<Vec<Listed>, Failure> {
    let mut listed: Vec<Listed> = Vec::new();
    let mut seen: HashSet<RunId> = HashSet::new();
    for study in studies {
        let free = filter.limit.map(|limit| limit - listed.len());
        if free == Some(0) {
            return Ok(listed);
        }
        // Runs that were seen before do not count, so that they may be in the way of others.
        let limit = free.map(|free| free + seen.len());
        let rows = reader.runs(&RunFilter { study: Some(study.clone()), limit, ..filter.clone() })?;
        let new: Vec<RunRow> = rows.into_iter().filter(|run| !seen.contains(&run.run_id)).collect();
        seen.extend(new.iter().map(|run| run.run_id.clone()));
        listed.extend(measured(reader, study, new.into_iter().take(free.unwrap_or(usize::MAX)).collect())?);
    }
    if without_study {
        let limit = filter.limit.map(|limit| limit - listed.len() + seen.len());
        let rows = reader.runs(&RunFilter { study: None, limit, ..filter.clone() })?;
        let free = filter.limit.map_or(usize::MAX, |limit| limit - listed.len());
        let others = rows.into_iter().filter(|run| !seen.contains(&run.run_id)).take(free);
        listed.extend(others.map(|run| Listed { run, study: None, metrics: Vec::new(), metric: None, goal: None }));
    }
    Ok(listed)
}

/// Adds their numbers to some members of a study.
fn measured(reader: &Reader, study: &str, rows: Vec<RunRow>) -> Result<Vec<Listed>, Failure> {
    let mut metrics = metrics(reader, study, &rows)?;
    let (asked, goal) = judged_by(&reader.study_spec(study)?).unzip();
    let listed = rows.into_iter().map(|run| {
        let metrics = metrics.remove(&run.run_id).unwrap_or_default();
        let metric = asked.clone().or_else(|| usual_metric(&metrics));
        Listed { run, study: Some(study.to_owned()), metrics, metric, goal: goal.flatten() }
    });
    Ok(listed.collect())
}

/// The numbers of those that are done.
fn metrics(reader: &Reader, study: &str, rows: &[RunRow]) -> Result<HashMap<RunId, Vec<Metric>>, Failure> {
    let done: Vec<&RunId> = rows.iter().filter(|run| run.state == RunState::Done).map(|run| &run.run_id).collect();
    if done.len() <= FEW {
        return done.into_iter().map(|run| Ok((run.clone(), reader.why(run.full())?.metrics))).collect();
    }
    Ok(reader.metrics(study)?)
}

/// The metric that a study's specification names, `val_accuracy (max best)`, and the direction that it says.
fn judged_by(spec_json: &str) -> Option<(String, Option<&'static str>)> {
    let spec: Value = serde_json::from_str(spec_json).ok()?;
    let text = spec.get("metric")?.as_str()?;
    let words = text.rsplit_once(" (").map_or("", |(_, words)| words);
    let goal = ["max", "min"].into_iter().find(|goal| words.starts_with(goal));
    Some((split_metric(&Objective::parse(text).name).0.to_owned(), goal))
}

fn usual_metric(metrics: &[Metric]) -> Option<String> {
    let usual = metrics.iter().find(|metric| metric.name == USUAL_METRIC);
    let time = |metric: &&Metric| !metric.name.ends_with("_seconds");
    usual.or_else(|| metrics.iter().find(time)).map(|metric| metric.name.clone())
}
