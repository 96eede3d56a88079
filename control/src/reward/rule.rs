//! What every reward has: losses to look at, the parts it is made of, what can go wrong.
//!
//! A reward is a base less a penalty, within bounds; the logs of a run keep these parts. It is computed once for each
//! episode, from the losses of its steps.

use serde::{Deserialize, Serialize};
use thiserror::Error;

use crate::settings::SettingError;

/// How episodes are rewarded.
pub trait RewardRule {
    /// Checks what the settings must be together; each alone was checked.
    fn check(&self) -> Result<(), RewardError> {
        Ok(())
    }

    /// The end of the smoothed loss, and the reward, of an episode.
    fn reward(&self, episode: EpisodeLosses<'_>, ema_alpha: f64) -> (f64, Result<RewardBreakdown, RewardError>);

    /// The reward again, from what the logs keep of an episode. A part that does not follow from that is NaN.
    fn recompute(&self, logged: &LoggedEpisode) -> RewardBreakdown;

    /// Examples of the probe batch whose loss it wants before and after each episode; none if it wants no probe.
    fn probe_examples(&self) -> Option<usize> {
        None
    }
}

/// The loss of the probe batch before the first step of an episode and after its last.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct ProbeLosses {
    /// Before.
    pub before: f64,
    /// After.
    pub after: f64,
}

/// What the logs keep of an episode for its reward.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct LoggedEpisode {
    /// Smoothed loss at the first step.
    pub ema_start: f64,
    /// Smoothed loss at the last step.
    pub ema_end: f64,
    /// Relative variance of the losses, where it is known.
    pub instability: Option<f64>,
    /// Losses of the probe batch, where there is one.
    pub probe: Option<ProbeLosses>,
}

/// The losses of an episode's steps: finite, and at least one.
#[derive(Debug, Clone, Copy)]
pub struct EpisodeLosses<'a> {
    losses: &'a [f64],
    sum: f64,
    probe: Option<ProbeLosses>,
}

impl<'a> EpisodeLosses<'a> {
    /// Checks the losses.
    pub fn new(losses: &'a [f64]) -> Result<Self, RewardError> {
        if losses.is_empty() {
            return Err(RewardError::NoLosses);
        }
        if !losses.iter().all(|loss| loss.is_finite()) {
            return Err(RewardError::LossNotFinite);
        }
        Ok(Self { losses, sum: losses.iter().fold(0.0, |sum, loss| sum + loss), probe: None })
    }

    /// Losses that were checked as they came in, with their sum from left to right.
    pub(crate) fn checked(losses: &'a [f64], sum: f64) -> Self {
        Self { losses, sum, probe: None }
    }

    /// The same with the losses of the probe batch around them.
    pub fn with_probe(self, probe: Option<ProbeLosses>) -> Self {
        Self { probe, ..self }
    }

    /// The losses of the probe batch.
    pub fn probe(&self) -> Option<ProbeLosses> {
        self.probe
    }

    /// The losses, in step order.
    pub fn losses(&self) -> &'a [f64] {
        self.losses
    }

    /// Their mean.
    pub fn mean(&self) -> f64 {
        self.sum / self.losses.len() as f64
    }

    /// The last value of an exponential moving average that starts at the first loss.
    pub fn ema_end(&self, alpha: f64) -> f64 {
        let smooth = |ema: f64, loss: &f64| alpha * loss + (1.0 - alpha) * ema;
        self.losses.split_first().map_or(0.0, |(first, later)| later.iter().fold(*first, smooth))
    }
}

/// Python's `min(max(value, low), high)`: on a tie, also between the two zeros, the value stays.
fn clip(value: f64, low: f64, high: f64) -> f64 {
    if low > value {
        low
    } else if high < value {
        high
    } else {
        value
    }
}

/// The logarithm of a loss, with what is added to it.
pub(super) fn log_loss(name: &'static str, loss: f64, epsilon: f64) -> Result<f64, RewardError> {
    let shifted = loss + epsilon;
    if shifted > 0.0 { Ok(shifted.ln()) } else { Err(RewardError::LossNotPositive(name)) }
}

/// A reward and the parts it is made of.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct RewardBreakdown {
    /// Fall of the logarithm of the smoothed loss.
    pub reward_base: f64,
    /// Variance of the step losses over their squared mean.
    pub reward_instability: f64,
    /// Instability times its weight.
    pub reward_penalty: f64,
    /// Base less penalty.
    pub reward_final_unclipped: f64,
    /// The reward: the same within its bounds.
    pub reward_final_clipped: f64,
}

impl RewardBreakdown {
    /// The reward of these parts within its bounds, of which the second is not below the first.
    pub(super) fn new(base: f64, instability: f64, penalty: f64, [low, high]: [f64; 2]) -> Self {
        let unclipped = base - penalty;
        Self {
            reward_base: base,
            reward_instability: instability,
            reward_penalty: penalty,
            reward_final_unclipped: unclipped,
            reward_final_clipped: clip(unclipped, low, high),
        }
    }
}

/// Checks that the bounds of a reward are in order.
pub(super) fn check_bounds(low: f64, high: f64) -> Result<(), RewardError> {
    if low > high { Err(RewardError::ClipOrder) } else { Ok(()) }
}

/// A reward that cannot be configured or computed.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum RewardError {
    /// A setting outside its range.
    #[error(transparent)]
    Setting(#[from] SettingError),
    /// The bounds are in the wrong order.
    #[error("reward_clip_min must be <= reward_clip_max.")]
    ClipOrder,
    /// The episode has no step losses.
    #[error("Episode summary must contain raw step losses.")]
    NoLosses,
    /// A step loss is `nan` or infinite.
    #[error("step_losses must contain only finite values.")]
    LossNotFinite,
    /// The reward is that of a probe batch, and its losses were not given.
    #[error("the losses of the probe batch are missing.")]
    NoProbe,
    /// The logarithm of a smoothed loss does not exist.
    #[error("{0} + reward_epsilon must be positive for log reward.")]
    LossNotPositive(&'static str),
    /// The losses are so large that their variance overflows, where Python raises an `OverflowError`.
    #[error("step_losses are too large: the reward is not a finite float.")]
    Overflow,
}
