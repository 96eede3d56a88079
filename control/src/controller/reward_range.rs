//! The range of rewards of late, by which rules for rewards between 0 and 1 scale those that they get.

use serde::{Deserialize, Serialize};

/// Lowest and highest reward of late; none before the first.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize, Deserialize)]
pub(super) struct RewardRange(Option<(f64, f64)>);

impl RewardRange {
    /// Widens the range to a reward, after narrowing it, and gives the reward's place in it, from 0 to 1.
    pub(super) fn place(&mut self, reward: f64, discount: f64) -> f64 {
        let (low, high) = self.0.unwrap_or((reward, reward));
        let margin = 0.5 * (1.0 - discount) * (high - low);
        let (low, high) = (reward.min(low + margin), reward.max(high - margin));
        self.0 = Some((low, high));
        // Where all rewards were equal, none is good or bad.
        // Halves, because the width of a range of finite numbers need not be finite.
        if high > low { (0.5 * reward - 0.5 * low) / (0.5 * high - 0.5 * low) } else { 0.5 }
    }

    pub(super) fn is_sound(&self) -> bool {
        self.0.is_none_or(|(low, high)| low.is_finite() && high.is_finite() && low <= high)
    }
}
