//! The episode logs of a result file: one list for each quantity, one entry for each closed episode.

use serde::{Deserialize, Serialize};

use super::EpisodeRecord;
use crate::context::ContextBucket;
use crate::reward::{ProbeLosses, RewardBreakdown};

/// Parallel lists under the reference's key names. Reading tolerates absent keys, as old files lack some.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct EpisodeLogs {
    /// Learning-rate arms.
    pub selected_lr_indices: Vec<usize>,
    /// Noise arms.
    pub selected_noise_indices: Vec<usize>,
    /// Learning-rate multipliers.
    pub selected_lr_values: Vec<f64>,
    /// Noise levels.
    pub selected_noise_values: Vec<f64>,
    /// Candidate names.
    pub selected_combined_names: Vec<String>,
    /// The same names again, under the key that older readers look for.
    pub selected_candidate_names: Vec<String>,
    /// Rewards.
    pub episode_rewards: Vec<f64>,
    /// First steps.
    pub episode_start_steps: Vec<u64>,
    /// Last steps, inclusive.
    pub episode_end_steps: Vec<u64>,
    /// Losses of the first steps.
    pub episode_start_losses: Vec<f64>,
    /// Losses of the last steps.
    pub episode_end_losses: Vec<f64>,
    /// Smoothed losses at the first steps.
    pub episode_ema_loss_starts: Vec<f64>,
    /// Smoothed losses at the last steps.
    pub episode_ema_loss_ends: Vec<f64>,
    /// Fall of the logarithm of the smoothed loss.
    pub reward_base: Vec<Option<f64>>,
    /// Relative variance of the losses.
    pub reward_instability: Vec<Option<f64>>,
    /// Weighted instability.
    pub reward_penalty: Vec<Option<f64>>,
    /// Base less penalty.
    pub reward_final_unclipped: Vec<Option<f64>>,
    /// The same within its bounds.
    pub reward_final_clipped: Vec<Option<f64>>,
    /// Mean norms of the updates.
    pub mean_update_norms: Vec<Option<f64>>,
    /// Losses of the probe batch before the first steps; absent when the run has no probe.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub episode_probe_losses_before: Option<Vec<f64>>,
    /// Losses of the probe batch after the last steps.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub episode_probe_losses_after: Option<Vec<f64>>,
    /// Contexts; absent when the run has none.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub context_buckets: Option<Vec<ContextBucket>>,
}

impl EpisodeLogs {
    /// The logs of these episodes. `with_contexts` decides whether the list of contexts is there at all.
    pub fn from_records(records: &[EpisodeRecord], with_contexts: bool) -> Self {
        fn column<T>(records: &[EpisodeRecord], of: impl Fn(&EpisodeRecord) -> T) -> Vec<T> {
            records.iter().map(of).collect()
        }
        let part = |of: fn(&RewardBreakdown) -> f64| column(records, |record| record.breakdown.as_ref().map(of));
        let probes: Vec<ProbeLosses> = records.iter().filter_map(|record| record.probe).collect();
        let probe = |of: fn(&ProbeLosses) -> f64| (!probes.is_empty()).then(|| probes.iter().map(of).collect());
        let names = column(records, |record| record.selection.candidate.name());
        Self {
            selected_lr_indices: column(records, |record| record.selection.lr_index),
            selected_noise_indices: column(records, |record| record.selection.noise_index),
            selected_lr_values: column(records, |record| record.selection.candidate.lr_multiplier.get()),
            selected_noise_values: column(records, |record| record.selection.candidate.noise_std.get()),
            selected_combined_names: names.clone(),
            selected_candidate_names: names,
            episode_rewards: column(records, |record| record.reward),
            episode_start_steps: column(records, |record| record.start_step),
            episode_end_steps: column(records, |record| record.end_step),
            episode_start_losses: column(records, |record| record.loss_start),
            episode_end_losses: column(records, |record| record.loss_end),
            episode_ema_loss_starts: column(records, |record| record.ema_loss_start),
            episode_ema_loss_ends: column(records, |record| record.ema_loss_end),
            reward_base: part(|parts| parts.reward_base),
            reward_instability: part(|parts| parts.reward_instability),
            reward_penalty: part(|parts| parts.reward_penalty),
            reward_final_unclipped: part(|parts| parts.reward_final_unclipped),
            reward_final_clipped: part(|parts| parts.reward_final_clipped),
            mean_update_norms: column(records, |record| record.mean_update_norm),
            episode_probe_losses_before: probe(|losses| losses.before),
            episode_probe_losses_after: probe(|losses| losses.after),
            context_buckets: with_contexts
                .then(|| records.iter().filter_map(|record| record.selection.context_bucket).collect()),
        }
    }
}
