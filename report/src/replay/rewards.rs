//! Recomputes the reward of an episode from the recorded ends of its smoothed loss, its recorded instability, and what was recorded of
//! a probe batch.

use aees_control::{LoggedEpisode, ProbeLosses, Reward};

use super::record::{EpisodeColumns, entry};
use crate::difference::{Difference, RecordPart};

/// The first part of the reward that is not as recorded. What the record does not hold is passed over.
pub(super) fn compare(index: usize, columns: &EpisodeColumns, reward: &Reward) -> Option<Difference> {
    let before = entry(&columns.episode_probe_losses_before, index);
    let probe = before.zip(entry(&columns.episode_probe_losses_after, index));
    let logged = LoggedEpisode {
        ema_start: entry(&columns.episode_ema_loss_starts, index)?,
        ema_end: entry(&columns.episode_ema_loss_ends, index)?,
        instability: entry(&columns.reward_instability, index),
        probe: probe.map(|(before, after)| ProbeLosses { before, after }),
    };
    let parts = reward.recompute(&logged);
    let part = |name: &str, column: &Option<Vec<Option<f64>>>, recomputed: f64| {
        // NaN: it does not follow from what is recorded.
        let column = column.as_ref().filter(|_| !recomputed.is_nan())?;
        let recorded = column.get(index).copied().flatten();
        Difference::of_numbers(RecordPart::Episode(index + 1), name, recorded, recomputed)
    };
    part("reward_base", &columns.reward_base, parts.reward_base)
        .or_else(|| part("reward_penalty", &columns.reward_penalty, parts.reward_penalty))
        .or_else(|| part("reward_final_unclipped", &columns.reward_final_unclipped, parts.reward_final_unclipped))
        .or_else(|| part("reward_final_clipped", &columns.reward_final_clipped, parts.reward_final_clipped))
        .or_else(|| part("reward", &columns.episode_rewards, parts.reward_final_clipped))
}
