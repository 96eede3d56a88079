//! An episode that is still collecting losses.

use serde::{Deserialize, Serialize};

use super::{EpisodeError, Selection};

/// An open episode: its arms and the losses so far.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct OpenEpisode {
    pub(super) episode_index: u64,
    pub(super) selection: Selection,
    pub(super) start_step: u64,
    pub(super) losses: Vec<f64>,
    /// Sum of the losses from left to right, kept while they come in: at the close it would hold up the loop.
    pub(super) loss_sum: f64,
    pub(super) update_norm_sum: f64,
    pub(super) update_norm_count: u64,
    /// Loss of the probe batch before the first step, where there is a probe.
    #[serde(default)]
    pub(super) probe_before: Option<f64>,
}

impl OpenEpisode {
    /// What was picked for it.
    pub fn selection(&self) -> &Selection {
        &self.selection
    }

    /// The step after the last completed one.
    pub fn end_step(&self) -> u64 {
        self.start_step.saturating_add(self.losses.len() as u64)
    }

    /// Adds a completed step, or refuses and changes nothing.
    #[inline]
    pub(super) fn push(&mut self, loss: f64, update_norm: Option<f64>) -> Result<(), EpisodeError> {
        // A finite sum has finite terms.
        let loss_sum = self.loss_sum + loss;
        if !loss_sum.is_finite() {
            return Err(EpisodeError::LossNotFinite);
        }
        if let Some(norm) = update_norm {
            let norm_sum = self.update_norm_sum + norm;
            if !norm_sum.is_finite() {
                return Err(EpisodeError::UpdateNormNotFinite);
            }
            self.update_norm_sum = norm_sum;
            self.update_norm_count += 1;
        }
        self.loss_sum = loss_sum;
        self.losses.push(loss);
        Ok(())
    }

    /// Adds completed steps, or refuses them all and changes nothing. The sums are those of one step after the other.
    pub(super) fn extend(&mut self, losses: &[f64], update_norms: &[f64]) -> Result<(), EpisodeError> {
        let add = |sum: f64, values: &[f64]| values.iter().fold(sum, |sum, value| sum + value);
        // A finite sum has finite terms, here too: no later term makes a sum finite again.
        let loss_sum = add(self.loss_sum, losses);
        let norm_sum = add(self.update_norm_sum, update_norms);
        if !loss_sum.is_finite() {
            return Err(EpisodeError::LossNotFinite);
        }
        if !norm_sum.is_finite() {
            return Err(EpisodeError::UpdateNormNotFinite);
        }
        (self.loss_sum, self.update_norm_sum) = (loss_sum, norm_sum);
        self.update_norm_count += update_norms.len() as u64;
        self.losses.extend_from_slice(losses);
        Ok(())
    }

    /// Mean norm of the updates that were reported.
    pub(super) fn mean_update_norm(&self) -> Option<f64> {
        (self.update_norm_count > 0).then(|| self.update_norm_sum / self.update_norm_count as f64)
    }
}
