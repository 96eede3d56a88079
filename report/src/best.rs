//! The best setting of each group: by one number of a run, averaged over the setting's seeds.
//!
//! A setting with a run that diverged, or that has no number for another reason, is out of the race: the mean of those that
//! survived would flatter it. It is listed with its reasons, never left out. Ties keep the order of the settings' own texts,
//! so the order of files decides nothing. Two results for one seed count as one number, their mean, and are named.
//!
//! The best of many settings looks better than it is. So it is said how many were tried, and [`confirm`] writes a study
//! that measures the winner again on seeds that nothing here has seen.

pub mod confirm;
mod measure;
mod text;

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Value, json};

use aees_studies::study::{Goal, Measure};

use crate::attributes::{Attributes, Detail, distinguishing};
use crate::error::ReportError;
use crate::experiment::Problem;
use crate::fields::{attribute, nearest_key};
use crate::names::NameStyle;
use crate::quantity::{curve, known_metrics};
use crate::record::RunRecord;
use crate::statistics::{LEVEL, MeanSd, mean};

pub use measure::{Unmeasured, measured};

/// What is asked.
#[derive(Debug, Clone)]
pub struct Question {
    /// The keys whose values make a group.
    pub group_by: Vec<String>,
    pub metric: String,
    /// What of its curve counts.
    pub measure: Measure,
    /// Which direction is better.
    pub goal: Goal,
}

impl Default for Question {
    fn default() -> Self {
        Self {
            group_by: vec!["task".into(), "optimizer".into()],
            metric: "val_accuracy".into(),
            measure: Measure::Final,
            goal: Goal::Max,
        }
    }
}

/// The direction in which a metric is better, unless somebody says otherwise: less of a loss or a time, more of all else.
pub fn usual_goal(metric: &str) -> Goal {
    let less = ["loss", "seconds", "time", "error"].iter().any(|word| metric.contains(word));
    if less { Goal::Min } else { Goal::Max }
}

/// A run without a number.
#[derive(Debug, Clone)]
pub struct Excluded {
    pub seed: i64,
    pub path: std::path::PathBuf,
    pub reason: Unmeasured,
}

/// A setting in the race, or out of it.
#[derive(Debug, Clone)]
pub struct Ranked {
    /// What it is.
    pub attributes: Attributes,
    /// One number for each seed, by seed.
    pub values: BTreeMap<i64, f64>,
    /// Runs without a number. One is enough to be out of the race.
    pub excluded: Vec<Excluded>,
    /// Mean and spread over the seeds that have a number.
    pub spread: Option<MeanSd>,
    /// From 1; settings with equal means share the better rank. None out of the race.
    pub rank: Option<usize>,
    /// Its first run, by path: where the whole configuration is.
    pub example: usize,
}

impl Ranked {
    /// Whether it can win.
    pub fn races(&self) -> bool {
        self.excluded.is_empty() && self.spread.is_some()
    }
}

/// A group with its settings, best first, then those out of the race.
#[derive(Debug, Clone)]
pub struct Ranking {
    /// What its runs have in common: key and value, as people write it.
    pub name: Vec<(String, String)>,
    /// The keys that tell its settings apart.
    pub keys: Vec<String>,
    pub ranked: Vec<Ranked>,
    /// Its seeds, of all settings together.
    pub seeds: usize,
    pub runs: usize,
}

impl Ranking {
    /// The best setting, unless all are out of the race.
    pub fn winner(&self) -> Option<&Ranked> {
        self.ranked.first().filter(|candidate| candidate.races())
    }

    /// Its name in one line.
    pub fn title(&self) -> String {
        // A program has no optimizer, say.
        let told = self.name.iter().filter(|(_, value)| !value.is_empty());
        let parts: Vec<String> = told.map(|(key, value)| format!("{key} {value}")).collect();
        if parts.is_empty() { "all runs".into() } else { parts.join(", ") }
    }
}

/// The answer.
#[derive(Debug, Clone)]
pub struct Answer {
    pub question: Question,
    /// The groups, by name.
    pub groups: Vec<Ranking>,
    /// What a reader should know.
    pub warnings: Vec<String>,
}

/// What distinguishes a setting, in one line.
pub(crate) fn words(attributes: &Attributes, keys: &[String]) -> String {
    let words = attributes.assignments(keys);
    if words.is_empty() { "(the only setting)".into() } else { words }
}

/// Finds the best setting of each group.
///
/// # Errors
/// A key or a metric that no run has.
pub fn best(runs: &[RunRecord], question: &Question) -> Result<Answer, ReportError> {
    refuse_unknown(runs, question)?;
    // Settings race only within one problem, whatever is grouped by.
    let mut by_group: BTreeMap<(Vec<String>, Problem), BTreeMap<Attributes, Vec<usize>>> = BTreeMap::new();
    for (index, run) in runs.iter().enumerate() {
        let value = |key: &String| attribute(run, key, NameStyle::AsWritten).unwrap_or_else(|| "none".into());
        let name = question.group_by.iter().map(value).collect();
        let attributes = Attributes::of(run);
        let problem = Problem(attributes.clone().of_problem());
        by_group.entry((name, problem)).or_default().entry(attributes).or_default().push(index);
    }
    let mut warnings = Vec::new();
    let mut groups = Vec::new();
    let mut problems: BTreeMap<Vec<String>, Vec<Attributes>> = BTreeMap::new();
    for (values, problem) in by_group.keys() {
        problems.entry(values.clone()).or_default().push(problem.0.clone());
    }
    for ((values, problem), settings) in by_group {
        let keys = distinguishing(&problems[&values], Detail::Enough);
        let told = keys.iter().filter(|key| !question.group_by.contains(key));
        let told = told.map(|key| (key.clone(), problem.0.text(key).unwrap_or_else(|| "none".into())));
        let name = question.group_by.iter().cloned().zip(values).chain(told).collect();
        groups.push(group(runs, question, name, settings, &mut warnings));
    }
    Ok(Answer { question: question.clone(), groups, warnings })
}

fn group(
    runs: &[RunRecord],
    question: &Question,
    name: Vec<(String, String)>,
    settings: BTreeMap<Attributes, Vec<usize>>,
    warnings: &mut Vec<String>,
) -> Ranking {
    let keys = distinguishing(settings.keys(), Detail::Full);
    let members: Vec<usize> = settings.values().flatten().copied().collect();
    let seeds: BTreeSet<i64> = members.iter().map(|index| runs[*index].seed).collect();
    let ranked = |(attributes, members): (_, Vec<usize>)| ranked(runs, question, attributes, &members, &keys, warnings);
    let mut all: Vec<Ranked> = settings.into_iter().map(ranked).collect();
    // Stable: equal means keep the order of the settings' texts.
    all.sort_by(|one, other| {
        let key = |candidate: &Ranked| candidate.spread.map_or(f64::NAN, |spread| spread.mean);
        other.races().cmp(&one.races()).then_with(|| question.goal.order(key(one), key(other)))
    });
    let mut before: Option<(usize, f64)> = None;
    for (place, candidate) in all.iter_mut().filter(|candidate| candidate.races()).enumerate() {
        let mean = candidate.spread.map_or(f64::NAN, |spread| spread.mean);
        let rank = before.filter(|(_, other)| are_equal(mean, *other)).map_or(place + 1, |(rank, _)| rank);
        (candidate.rank, before) = (Some(rank), Some((rank, mean)));
    }
    let group = Ranking { name, keys, ranked: all, seeds: seeds.len(), runs: members.len() };
    let most = group.ranked.iter().map(|candidate| candidate.values.len()).max().unwrap_or(0);
    if let Some(winner) = group.winner().filter(|winner| winner.values.len() < most) {
        warnings.push(format!(
            "{}: the best setting has {} seeds and others have {most}: the comparison is not even",
            group.title(),
            winner.values.len()
        ));
    }
    group
}

/// Whether two means differ by no more than the rounding of a sum.
fn are_equal(one: f64, other: f64) -> bool {
    (one - other).abs() <= 1e-12 * one.abs().max(other.abs())
}

fn ranked(
    runs: &[RunRecord],
    question: &Question,
    attributes: Attributes,
    members: &[usize],
    keys: &[String],
    warnings: &mut Vec<String>,
) -> Ranked {
    let mut by_seed: BTreeMap<i64, Vec<(f64, usize)>> = BTreeMap::new();
    let mut excluded = Vec::new();
    for index in members {
        let run = &runs[*index];
        match measured(run, &question.metric, question.measure, question.goal) {
            Ok(value) => by_seed.entry(run.seed).or_default().push((value, *index)),
            Err(reason) => excluded.push(Excluded { seed: run.seed, path: run.path.clone(), reason }),
        }
    }
    for (seed, results) in by_seed.iter().filter(|(_, results)| results.len() > 1) {
        let files: Vec<String> = results.iter().map(|(_, index)| runs[*index].path.display().to_string()).collect();
        warnings.push(format!(
            "{}: {} results for seed {seed}, counted as one by their mean: {}",
            words(&attributes, keys),
            results.len(),
            files.join(", ")
        ));
    }
    let of = |results: Vec<(f64, usize)>| mean(&results.into_iter().map(|(value, _)| value).collect::<Vec<_>>());
    let values: BTreeMap<i64, f64> =
        by_seed.into_iter().filter_map(|(seed, results)| Some((seed, of(results)?))).collect();
    let spread = MeanSd::of(&values.values().copied().collect::<Vec<_>>());
    Ranked { attributes, values, excluded, spread, rank: None, example: members.first().copied().unwrap_or_default() }
}

fn refuse_unknown(runs: &[RunRecord], question: &Question) -> Result<(), ReportError> {
    if runs.is_empty() {
        return Ok(());
    }
    let has = |key: &String| runs.iter().any(|run| attribute(run, key, NameStyle::AsWritten).is_some());
    if let Some(key) = question.group_by.iter().find(|key| !has(key)) {
        let help = nearest_key(runs, key).map(|nearest| format!("did you mean {nearest}?"));
        return Err(ReportError::new(format!("no run has the setting `{key}`"), help));
    }
    if !runs.iter().any(|run| curve(run, &question.metric).is_some()) {
        let help = format!("the results have {}", known_metrics(runs).join(", "));
        return Err(ReportError::new(format!("no run has the metric `{}`", question.metric), Some(help)));
    }
    Ok(())
}

impl Answer {
    /// The whole answer as one JSON document.
    pub fn json(&self) -> Value {
        let groups: Vec<Value> = self.groups.iter().map(Ranking::json).collect();
        json!({
            "schema_version": 1,
            "metric": self.question.metric,
            "measure": self.question.measure.to_string(),
            "goal": self.question.goal.name(),
            "group_by": self.question.group_by,
            "groups": groups,
            "warnings": self.warnings,
        })
    }
}

impl Ranking {
    fn json(&self) -> Value {
        let candidates: Vec<Value> = self.ranked.iter().map(|candidate| candidate.json(&self.keys)).collect();
        let name: BTreeMap<&String, &String> = self.name.iter().map(|(key, value)| (key, value)).collect();
        json!({
            "group": name,
            "settings_tried": self.ranked.len(),
            "seeds_tried": self.seeds,
            "runs": self.runs,
            "settings": candidates,
        })
    }
}

impl Ranked {
    fn json(&self, keys: &[String]) -> Value {
        let setting: Value = serde_json::from_str(&self.attributes.json_object(keys)).unwrap_or(Value::Null);
        let out = |out: &Excluded| {
            let step = if let Unmeasured::Diverged { step } = out.reason { Some(step) } else { None };
            json!({"seed": out.seed, "reason": out.reason.to_string(), "diverged_at": step, "path": out.path})
        };
        let value = |(seed, value): (&i64, &f64)| json!({"seed": seed, "value": value});
        json!({
            "setting": setting,
            "races": self.races(),
            "rank": self.rank,
            "n": self.values.len(),
            "mean": self.spread.map(|spread| spread.mean),
            "sd": self.spread.and_then(|spread| spread.sd),
            "ci95": self.spread.and_then(|spread| spread.t_interval(LEVEL)).map(|ends| [ends.low, ends.high]),
            "values": self.values.iter().map(value).collect::<Vec<_>>(),
            "out": self.excluded.iter().map(out).collect::<Vec<_>>(),
        })
    }
}

#[cfg(test)]
mod tests;
