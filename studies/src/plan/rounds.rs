//! A search that learns: its trials so far, kept in the study's folder, and the next round once all of them are over.
//!
//! What was chosen stays chosen: a study that is stopped and resumed, or whose failed runs are tried again, has the same
//! trials.

use std::collections::HashMap;
use std::path::PathBuf;

use aees_run::artifact::write_atomically;
use aees_run::input;
use serde::{Deserialize, Serialize};

use super::planner::place_of;
use super::study_plan::StudyPlan;
use crate::disk::{RecordError, Root, objective_of, rung_values};
use crate::error::SweepError;
use crate::registry::{Reader, RunFilter, RunRow, RunState};
use crate::study::{Overrides, Study};

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
    let text = input::read(&path)?;
    let file: TrialFile = serde_json::from_slice(&text).map_err(|error| RecordError::damaged(&path, error))?;
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
    // A later version of the plan is somebody else's, who goes on from it.
    if registry.spec_sha(&plan.name)?.as_deref() != Some(&plan.spec.spec_sha) {
        return Ok(None);
    }
    let rows = registry.runs(&RunFilter { study: Some(plan.name.clone()), ..RunFilter::default() })?;
    const OVER: [RunState; 5] =
        [RunState::Done, RunState::Pruned, RunState::Failed, RunState::Cancelled, RunState::Invalid];
    let is_over = |row: &RunRow| row.withdrawn || OVER.contains(&row.state);
    if rows.len() < plan.runs || !rows.iter().all(is_over) {
        return Ok(None);
    }
    let expansion = study.expand(&overrides.without_filters())?;
    let loss = |row: &RunRow| {
        let folder = root.run(&row.run_id);
        let value = match (row.state, &study.policy.prune) {
            _ if row.withdrawn => None,
            (RunState::Done, _) => objective_of(&folder, &objective),
            // What it came to, which others were better than: as good as it can be known.
            (RunState::Pruned, Some(rule)) if rule.metric.name == objective.name => {
                rung_values(&folder, rule).last().and_then(|(_, value)| *value)
            }
            _ => None,
        };
        value.map_or(f64::INFINITY, |value| objective.goal.loss(value))
    };
    // The runs of a setting are its seeds. Numbers say nothing: a run keeps the one that it had in an earlier plan.
    let mut by_setting: HashMap<(Option<String>, String), Vec<&RunRow>> = HashMap::new();
    for row in &rows {
        let place = (row.case.clone(), row.axes_json.clone().unwrap_or_default());
        by_setting.entry(place).or_default().push(row);
    }
    let runs_of =
        |setting: usize| by_setting.get(&place_of(&expansion.settings[setting])).map_or(&[][..], Vec::as_slice);
    // A process that died between choosing trials and planning them: of a plan that was read back, nothing says which it has.
    let is_read_back = plan.trials == 0;
    if is_read_back && expansion.became.iter().flatten().any(|setting| runs_of(*setting).is_empty()) {
        return Ok(Some(study));
    }
    let setting_loss = |setting: usize| {
        let losses: Vec<f64> = runs_of(setting).iter().map(|row| loss(row)).collect();
        if losses.is_empty() { f64::INFINITY } else { losses.iter().sum::<f64>() / losses.len() as f64 }
    };
    let losses: Vec<f64> = expansion.became.iter().map(|became| became.map_or(f64::INFINITY, setting_loss)).collect();
    if losses.iter().all(|loss| !loss.is_finite()) {
        return Err(SweepError::NothingToLearn { metric: objective.name, trials: losses.len() });
    }
    study.choose(&losses);
    let file = TrialFile { search: study.search_id()?.full().to_owned(), trials: study.chosen().to_vec() };
    write_atomically(&path(root, &study.name), |out| Ok(serde_json::to_writer(out, &file)?))?;
    Ok(Some(study))
}
