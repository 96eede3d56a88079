//! What a discounted-UCB bandit has seen: discounted counts and reward sums for each arm.
//!
//! After Garivier and Moulines (2011), with the reference's details: every update first fades all arms, and warm-up is
//! counted undiscounted.

use serde::{Deserialize, Serialize};

use super::ControllerError;

/// The parameters of discounted UCB. The defaults are the reference's, which never changes them.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct UcbConfig {
    /// Weight of the exploration bonus; not negative.
    pub exploration_coef: f64,
    /// Factor by which every update fades what was seen before, in (0, 1]. At 0.95 the effective number of observations
    /// stays below 20.
    pub discount: f64,
    /// How often each arm is played before the bounds decide.
    pub warmup_rounds: u64,
    /// Smallest effective count that is divided by; positive.
    pub eps: f64,
}

impl Default for UcbConfig {
    fn default() -> Self {
        Self { exploration_coef: 1.0, discount: 0.95, warmup_rounds: 1, eps: 1e-12 }
    }
}

impl UcbConfig {
    /// Checks the ranges, in the reference's order.
    pub fn validate(&self) -> Result<(), ControllerError> {
        if self.exploration_coef < 0.0 {
            return Err(ControllerError::ExplorationCoefficient);
        }
        if !self.exploration_coef.is_finite() {
            return Err(ControllerError::ExplorationCoefficientNotFinite);
        }
        if !(self.discount > 0.0 && self.discount <= 1.0) {
            return Err(ControllerError::Discount);
        }
        if !(self.eps > 0.0 && self.eps.is_finite()) {
            return Err(ControllerError::Epsilon);
        }
        Ok(())
    }
}

/// Discounted statistics of a fixed number of arms.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct UcbStatistics {
    config: UcbConfig,
    counts: Vec<f64>,
    reward_sums: Vec<f64>,
    warmup_counts: Vec<u64>,
    total_updates: u64,
}

/// A copy of [`UcbStatistics`] under the reference's field names.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct UcbSnapshot {
    /// Number of arms.
    pub n_arms: usize,
    /// Weight of the exploration bonus.
    pub exploration_coef: f64,
    /// Fading factor.
    pub discount: f64,
    /// Plays of each arm before the bounds decide.
    pub warmup_rounds: u64,
    /// Updates so far.
    pub total_updates: u64,
    /// Discounted number of plays of each arm.
    pub counts: Vec<f64>,
    /// Discounted sum of rewards of each arm.
    pub reward_sums: Vec<f64>,
    /// Discounted mean reward of each arm.
    pub mean_rewards: Vec<f64>,
    /// Undiscounted number of plays of each arm.
    pub warmup_counts: Vec<u64>,
}

impl UcbStatistics {
    /// Statistics of arms that were never played.
    pub fn new(n_arms: usize, config: UcbConfig) -> Result<Self, ControllerError> {
        if n_arms == 0 {
            return Err(ControllerError::NoArms);
        }
        config.validate()?;
        Ok(Self {
            config,
            counts: vec![0.0; n_arms],
            reward_sums: vec![0.0; n_arms],
            warmup_counts: vec![0; n_arms],
            total_updates: 0,
        })
    }

    /// Number of arms.
    pub fn n_arms(&self) -> usize {
        self.counts.len()
    }

    /// The parameters.
    pub fn config(&self) -> &UcbConfig {
        &self.config
    }

    /// Discounted number of plays of each arm.
    pub fn counts(&self) -> &[f64] {
        &self.counts
    }

    /// Discounted sum of rewards of each arm.
    pub fn reward_sums(&self) -> &[f64] {
        &self.reward_sums
    }

    /// Undiscounted number of plays of each arm.
    pub fn warmup_counts(&self) -> &[u64] {
        &self.warmup_counts
    }

    /// Updates so far, including those inherited by [`Self::copy_state_from`].
    pub fn total_updates(&self) -> u64 {
        self.total_updates
    }

    /// Discounted mean reward of each arm, 0 for an arm that was never played.
    pub fn mean_rewards(&self) -> impl Iterator<Item = f64> + '_ {
        self.counts.iter().zip(&self.reward_sums).map(|(&count, &sum)| sum / count.max(self.config.eps))
    }

    /// The natural logarithm that all bonuses share: of one plus the total effective count.
    pub(super) fn log_total(&self) -> f64 {
        // An addition and then a logarithm, as the reference: `ln_1p` would round differently.
        (self.counts.iter().fold(0.0, |total, count| total + count) + 1.0).ln()
    }

    /// The upper confidence bound of an arm.
    pub(super) fn score(&self, arm: usize, log_total: f64) -> f64 {
        let count = self.counts[arm].max(self.config.eps);
        self.reward_sums[arm] / count + self.config.exploration_coef * (log_total / count).sqrt()
    }

    /// Fades all arms, then adds the reward to one.
    pub fn update(&mut self, arm: usize, reward: f64) -> Result<(), ControllerError> {
        check_feedback(self.n_arms(), arm, reward)?;
        self.counts.iter_mut().for_each(|count| *count *= self.config.discount);
        self.reward_sums.iter_mut().for_each(|sum| *sum *= self.config.discount);
        self.counts[arm] += 1.0;
        self.reward_sums[arm] += reward;
        self.warmup_counts[arm] += 1;
        self.total_updates += 1;
        Ok(())
    }

    /// A copy for logs.
    pub fn snapshot(&self) -> UcbSnapshot {
        UcbSnapshot {
            n_arms: self.n_arms(),
            exploration_coef: self.config.exploration_coef,
            discount: self.config.discount,
            warmup_rounds: self.config.warmup_rounds,
            total_updates: self.total_updates,
            counts: self.counts.clone(),
            reward_sums: self.reward_sums.clone(),
            mean_rewards: self.mean_rewards().collect(),
            warmup_counts: self.warmup_counts.clone(),
        }
    }

    /// Takes over what another controller of as many arms has seen. Parameters stay.
    pub fn copy_state_from(&mut self, state: &UcbSnapshot) -> Result<(), ControllerError> {
        let n_arms = self.n_arms();
        for (length, field) in [
            (state.counts.len(), "counts"),
            (state.reward_sums.len(), "reward_sums"),
            (state.warmup_counts.len(), "warmup_counts"),
        ] {
            if length != n_arms {
                return Err(ControllerError::StateLength(field));
            }
        }
        self.counts.copy_from_slice(&state.counts);
        self.reward_sums.copy_from_slice(&state.reward_sums);
        self.warmup_counts.copy_from_slice(&state.warmup_counts);
        self.total_updates = state.total_updates;
        Ok(())
    }

    /// Whether restored statistics fit this number of arms.
    pub(super) fn fits(&self, n_arms: usize) -> bool {
        self.config.validate().is_ok()
            && self.counts.len() == n_arms
            && self.reward_sums.len() == n_arms
            && self.warmup_counts.len() == n_arms
    }
}

/// The checks that every controller but the precomputed one makes of an update.
pub(super) fn check_feedback(n_arms: usize, arm: usize, reward: f64) -> Result<(), ControllerError> {
    if arm >= n_arms {
        return Err(ControllerError::UnknownArm { n_arms, arm });
    }
    if !reward.is_finite() {
        return Err(ControllerError::RewardNotFinite);
    }
    Ok(())
}
