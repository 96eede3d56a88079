//! A search that learns: its trials so far, kept in the study's folder, and the next round once all of them are over.
//!
//! What was chosen stays chosen: a study that is stopped and resumed, or whose failed runs are tried again, has the same
//! trials.

use std::collections::HashMap;
use std::path::PathBuf;

use aees_run::artifact::{FileError, write_atomically};
use serde::{Deserialize, Serialize};

use super::study_plan::StudyPlan;
use crate::disk::{RecordError, Root, objective_of};
use crate::error::SweepError;
use crate::registry::{Reader, RunId, RunState};
use crate::study::{Goal, Overrides, Study};

/// `trials.json` of a study's folder.
#[derive(Serialize, Deserialize)]
struct TrialFile {
    /// What the trials are of.
    search: String,
    /// Points of the unit cube.
    trials: Vec<Vec<f64>>,
}

fn path(root: &Root, name: &str) -> PathBuf {
    root.study(name).join("trials.json")
}

/// The study with the trials that were chosen for it before, if they are of the same search.
///
/// # Errors
/// When the file that holds them is damaged.
pub fn recall(study: Study, root: &Root) -> Result<Study, SweepError> {
    let path = path(root, &study.name);
    if !study.learns() || !path.is_file() {
        return Ok(study);
    }
    let text = std::fs::read(&path).map_err(FileError::at("read", &path))?;
    let file: TrialFile = serde_json::from_slice(&text)
        .map_err(|error| RecordError::Damaged { path: path.clone(), reason: error.to_string() })?;
    if file.search != study.search_id()?.full() {
        return Ok(study);
    }
    let most = usize::try_from(study.search.trials()).unwrap_or(usize::MAX);
    let trials = file.trials.into_iter().take(most).collect();
    Ok(study.with_chosen(trials))
}

/// Chooses the next trials by what the runs of a plan gave. None when the search is complete, or when runs of the plan are
/// not over.
///
/// # Errors
/// When the registry or the study's folder fails.
pub fn next_round(
    mut study: Study,
    plan: &StudyPlan,
    overrides: &Overrides,
    registry: &Reader,
    root: &Root,
) -> Result<Option<Study>, SweepError> {
    let Some(objective) = study.metric.clone().filter(|_| study.learns()) else { return Ok(None) };
    let runs: Vec<_> = plan.members.iter().map(|member| member.run.run_id.clone()).collect();
    let states = registry.states(&runs)?;
    let is_over =
        |state: &RunState| matches!(state, RunState::Done | RunState::Failed | RunState::Cancelled | RunState::Invalid);
    if states.len() < runs.len() || !states.values().all(is_over) {
        return Ok(None);
    }
    let expansion = study.expand(&Overrides { set: overrides.set.clone(), ..Overrides::default() })?;
    let sign = if objective.goal == Goal::Max { -1.0 } else { 1.0 };
    let loss = |run: &RunId| {
        let done = states.get(run) == Some(&RunState::Done);
        let value = objective_of(&root.run(run), &objective).filter(|_| done);
        value.map_or(f64::INFINITY, |value| sign * value)
    };
    let by_index: HashMap<u64, &RunId> = plan.members.iter().map(|member| (member.index, &member.run.run_id)).collect();
    // The members of a setting are its seeds, at their places in the order.
    let setting_loss = |setting: usize| {
        let runs =
            expansion.settings[setting].seeds.iter().filter_map(|slot| by_index.get(&(slot.index as u64)).copied());
        let losses: Vec<f64> = runs.map(loss).collect();
        losses.iter().sum::<f64>() / losses.len().max(1) as f64
    };
    let losses: Vec<f64> = expansion.became.iter().map(|became| became.map_or(f64::INFINITY, setting_loss)).collect();
    if losses.iter().all(|loss| !loss.is_finite()) {
        return Err(SweepError::NothingToLearn { metric: objective.name, trials: losses.len() });
    }
    study.choose(&losses);
    let file = TrialFile { search: study.search_id()?.full().to_owned(), trials: study.chosen().to_vec() };
    let path = path(root, &study.name);
    let text = serde_json::to_vec(&file).map_err(|error| FileError::at("write", &path)(error.into()))?;
    write_atomically(&path, |out| std::io::Write::write_all(out, &text))?;
    Ok(Some(study))
}
