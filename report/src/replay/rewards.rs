//! Recomputes the reward of an episode from the recorded ends of its smoothed loss and its recorded instability.
//!
//! The order of the operations is the reference's, so that equal means equal to the last bit.

use aees_control::RewardConfig;

use super::difference::Difference;
use super::record::{EpisodeColumns, entry};

/// The first part of the reward that is not as recorded. What the record does not hold is passed over.
pub(super) fn compare(index: usize, columns: &EpisodeColumns, config: &RewardConfig) -> Option<Difference> {
    let start = entry(&columns.episode_ema_loss_starts, index)?;
    let end = entry(&columns.episode_ema_loss_ends, index)?;
    let base = (start + config.epsilon).ln() - (end + config.epsilon).ln();
    let part = |name: &str, column: &Option<Vec<Option<f64>>>, recomputed: f64| {
        column.as_ref()?;
        Difference::of_numbers(index, name, entry(column, index), recomputed)
    };
    if let Some(difference) = part("reward_base", &columns.reward_base, base) {
        return Some(difference);
    }
    let instability = match entry(&columns.reward_instability, index) {
        Some(instability) => instability,
        // Without a weight it does not matter.
        None if config.instability_lambda == 0.0 => 0.0,
        None => return None,
    };
    let penalty = config.instability_lambda * instability;
    let unclipped = base - penalty;
    let reward = clip(unclipped, config);
    part("reward_penalty", &columns.reward_penalty, penalty)
        .or_else(|| part("reward_final_unclipped", &columns.reward_final_unclipped, unclipped))
        .or_else(|| part("reward_final_clipped", &columns.reward_final_clipped, reward))
        .or_else(|| part("reward", &columns.episode_rewards, reward))
}

/// Python's `min(max(value, low), high)`, which keeps the value on a tie.
fn clip(value: f64, config: &RewardConfig) -> f64 {
    if config.clip_min > value {
        config.clip_min
    } else if config.clip_max < value {
        config.clip_max
    } else {
        value
    }
}
