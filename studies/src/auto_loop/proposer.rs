//! The built-in proposer: at random first, then the tree-structured Parzen estimator over the ranges of the loop's file. What it
//! proposes follows from the seed, the number of the iteration and what was tried so far, whoever proposed that.

use std::collections::HashSet;

use serde_json::Value;

use super::iteration::IterationRecord;
use super::proposal::Proposal;
use crate::search::Draw;
use crate::search::tpe::{self, TrialOutcome};
use crate::study::{Goal, LoopBlock, Study};

/// How often a proposal that was tried already is made again.
const TRIES: u64 = 64;

/// Keeps the draws of the tries of one iteration apart from those of others.
const BETWEEN_TRIES: u64 = 1 << 32;

/// Proposes something that was not tried; none when there are no ranges, or nothing in them is left.
pub(super) fn propose(
    study: &Study,
    block: &LoopBlock,
    records: &[IterationRecord],
    iteration: u64,
) -> Option<Proposal> {
    let dimensions = study.space();
    if dimensions.is_empty() {
        return None;
    }
    let sign = if study.metric.as_ref().is_some_and(|metric| metric.goal == Goal::Min) { 1.0 } else { -1.0 };
    // What was not trained says nothing; what did not train is as bad as can be.
    let over: Vec<TrialOutcome> = records
        .iter()
        .filter(|record| record.point.len() == dimensions.len() && !record.pairs.is_empty())
        .map(|record| TrialOutcome {
            point: record.point.clone(),
            loss: record.mean.map_or(f64::INFINITY, |mean| sign * mean),
        })
        .collect();
    let text = |point: &[f64]| Value::Object(study.patch_at(point)).to_string();
    let tried: HashSet<String> =
        over.iter().filter_map(|trial| Some(text(&trial.point.iter().copied().collect::<Option<Vec<f64>>>()?))).collect();
    let learns = over.len() as u64 > block.first;
    let draw = |attempt: u64| {
        let trial = iteration + attempt * BETWEEN_TRIES;
        match learns {
            true => tpe::propose(&dimensions, &over, &[], block.seed, trial),
            false => (0..dimensions.len()).map(|index| Draw::new(block.seed, trial, &format!("loop {index}")).0).collect(),
        }
    };
    let point = (0..TRIES).map(draw).find(|point: &Vec<f64>| !tried.contains(&text(point)))?;
    let patch = study.patch_at(&point);
    let shown: Vec<String> = patch.iter().map(|(key, value)| format!("{key}={value}")).collect();
    let hypothesis = match learns {
        true => format!("of {} candidates so far, the good ones lie here more often than the others", over.len()),
        false => "a random place in the ranges, to learn from".to_owned(),
    };
    Some(Proposal { description: shown.join(" "), hypothesis, patch, ..Proposal::default() })
}
