//! Recomputes the reward of an episode from the recorded ends of its smoothed loss and its recorded instability.

use aees_control::Reward;

use super::record::{EpisodeColumns, entry};
use crate::difference::{Difference, RecordPart};

/// The first part of the reward that is not as recorded. What the record does not hold is passed over.
pub(super) fn compare(index: usize, columns: &EpisodeColumns, reward: &Reward) -> Option<Difference> {
    let start = entry(&columns.episode_ema_loss_starts, index)?;
    let end = entry(&columns.episode_ema_loss_ends, index)?;
    let parts = reward.recompute(start, end, entry(&columns.reward_instability, index));
    let part = |name: &str, column: &Option<Vec<Option<f64>>>, recomputed: f64| {
        // NaN: it does not follow from what is recorded.
        let known = column.is_some() && !recomputed.is_nan();
        known
            .then(|| Difference::of_numbers(RecordPart::Episode(index + 1), name, entry(column, index), recomputed))
            .flatten()
    };
    part("reward_base", &columns.reward_base, parts.reward_base)
        .or_else(|| part("reward_penalty", &columns.reward_penalty, parts.reward_penalty))
        .or_else(|| part("reward_final_unclipped", &columns.reward_final_unclipped, parts.reward_final_unclipped))
        .or_else(|| part("reward_final_clipped", &columns.reward_final_clipped, parts.reward_final_clipped))
        .or_else(|| part("reward", &columns.episode_rewards, parts.reward_final_clipped))
}
