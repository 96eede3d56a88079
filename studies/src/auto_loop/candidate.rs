//! From a proposal to a candidate: the patch over what it goes on from, checked as a training run would check it.

use serde_json::{Map, Value};

use super::iteration::{IterationRecord, LoopVerdict};
use super::proposal::Proposal;
use crate::study::{Overrides, Study};

/// A proposal that can be tried.
#[derive(Clone, Debug, PartialEq)]
pub struct LoopCandidate {
    /// What it differs in from the start.
    pub patch: Map<String, Value>,
    /// Its place in the space of the built-in proposer.
    pub point: Vec<Option<f64>>,
    /// Whether it comes to the incumbent's own settings.
    pub is_incumbent: bool,
}

impl LoopCandidate {
    /// The candidate of a proposal, over the incumbent's patch or that of the iteration that the proposal names.
    ///
    /// # Errors
    /// Why it cannot be tried, in words.
    pub fn of(
        study: &Study,
        incumbent: &Map<String, Value>,
        records: &[IterationRecord],
        proposal: &Proposal,
    ) -> Result<Self, String> {
        let task = study.task.name();
        if let Some(other) = proposal.task.as_deref().filter(|named| *named != task) {
            return Err(format!("the proposal is for task {other}, the loop for {task}"));
        }
        let parent = match proposal.parent {
            None => incumbent,
            Some(number) => {
                let record = records.iter().find(|record| record.iteration == number);
                let tried = record.filter(|record| record.verdict != LoopVerdict::Rejected);
                &tried.ok_or_else(|| format!("`parent`: iteration {number} has no settings to go on from"))?.patch
            }
        };
        study.check_patch(&proposal.patch).map_err(|errors| errors.to_string())?;
        let mut patch = parent.clone();
        patch.extend(study.flat_patch(&proposal.patch));
        let expansion = study
            .of_patches(&study.name, &[("incumbent", incumbent), ("candidate", &patch)], &[0])
            .expand(&Overrides::default())
            .map_err(|errors| errors.to_string())?;
        // What is equal to the incumbent is no setting of its own.
        let is_incumbent = expansion.settings.len() == 1;
        let Some(settings) = expansion.settings.last().map(|setting| &setting.settings) else {
            return Ok(Self { point: Vec::new(), patch, is_incumbent });
        };
        // As the settings understand it: `1e-3` is a number.
        patch.iter_mut().for_each(|(key, value)| *value = settings.get(key).unwrap_or_default());
        Ok(Self { point: study.point_of(settings), patch, is_incumbent })
    }
}
