//! The list of rewards.

use super::{EpisodeLosses, LogLossDrop, LoggedEpisode, ProbeLossDrop, RewardBreakdown, RewardError, RewardRule};
use crate::list::list;

list! {
    /// Which reward.
    choice RewardName = "reward";
    /// A reward, with its settings.
    pub enum Reward: RewardRule {
        /// How far the logarithm of the smoothed loss fell: the reference's.
        LogLossDrop(LogLossDrop),
        /// How far the logarithm of the loss of a fixed batch fell.
        Probe(ProbeLossDrop),
    }
}

impl Reward {
    /// Checks the settings.
    pub fn check(&self) -> Result<(), RewardError> {
        self.check_ranges()?;
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

    /// The reward again, from what the logs keep of an episode. A part that does not follow from that is NaN.
    pub fn recompute(&self, logged: &LoggedEpisode) -> RewardBreakdown {
        self.rule().recompute(logged)
    }

    /// Examples of the probe batch whose loss it wants before and after each episode; none if it wants no probe.
    pub fn probe_examples(&self) -> Option<usize> {
        self.rule().probe_examples()
    }
}
