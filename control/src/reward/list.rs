//! The list of rewards.

use super::{EpisodeLosses, LogLossDrop, RewardBreakdown, RewardError, RewardRule};
use crate::list::list;

list! {
    /// Which reward.
    choice RewardName = "reward";
    /// A reward, with its settings.
    pub enum Reward: RewardRule {
        /// How far the logarithm of the smoothed loss fell: the reference's.
        LogLossDrop(LogLossDrop),
    }
}

impl Reward {
    /// Checks the settings.
    pub fn check(&self) -> Result<(), RewardError> {
        self.settings().iter().try_for_each(|(setting, number)| setting.check(*number))?;
        self.rule().check()
    }

    /// The end of the smoothed loss, and the reward, of an episode.
    pub fn of_episode(
        &self,
        episode: EpisodeLosses<'_>,
        ema_alpha: f64,
    ) -> (f64, Result<RewardBreakdown, RewardError>) {
        self.rule().reward(episode, ema_alpha)
    }

    /// The reward again, from what the logs keep of an episode: the ends of its smoothed loss, and its instability where it
    /// is known. A part that does not follow from them is NaN.
    pub fn recompute(&self, ema_start: f64, ema_end: f64, instability: Option<f64>) -> RewardBreakdown {
        self.rule().recompute(ema_start, ema_end, instability)
    }
}
