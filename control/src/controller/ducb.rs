//! Discounted UCB: the arm with the highest upper confidence bound, after each was played in warm-up.
//!
//! After Garivier and Moulines (2011), with the reference's details: every update first fades all arms, warm-up is
//! counted undiscounted, and ties are broken at random.

use serde::{Deserialize, Serialize};

use super::bandit::{ArmEstimate, DISCOUNT, WARMUP_ROUNDS, Warmup, pick};
use super::{Bandit, LogColumn, LogNumber};
use crate::list::ListEntry;
use crate::rng::PythonRandom;
use crate::settings::{Bounds, NumberSetting, NumberSettings, settings};

settings! {
    /// The parameters of discounted UCB. The defaults are the reference's, which never changes them.
    pub struct UcbConfig {
        /// Weight of the exploration bonus; not negative.
        exploration_coef: f64 = EXPLORATION_COEF,
        /// Factor by which every update fades what was seen before, in (0, 1]. At 0.95 the effective number of observations
        /// stays below 20.
        discount: f64 = DISCOUNT,
        /// How often each arm is played before the bounds decide.
        warmup_rounds: u64 = WARMUP_ROUNDS,
    }
}

pub(super) const EXPLORATION_COEF: NumberSetting =
    NumberSetting::real("exploration_coef", 1.0, Bounds::NonNegative, "Exploration coefficient of the bandit.");

impl ListEntry for UcbConfig {
    const NAME: &'static str = "ducb";
    const HELP: &'static str = "Discounted upper confidence bounds.";
}

/// Smallest effective count that is divided by.
const SMALLEST_COUNT: f64 = 1e-12;
/// Bounds that differ by at most this much count as equal. Absolute, whatever their size.
const TIE_TOLERANCE: f64 = 1e-12;

/// What a discounted-UCB bandit has seen: discounted counts and reward sums of each arm.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct DiscountedUcb {
    config: UcbConfig,
    counts: Vec<f64>,
    reward_sums: Vec<f64>,
    warmup_counts: Vec<u64>,
    total_updates: u64,
}

impl DiscountedUcb {
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

    /// Updates so far, including those inherited by a context.
    pub fn total_updates(&self) -> u64 {
        self.total_updates
    }

    /// Discounted mean reward of an arm, 0 if it was never played.
    pub fn mean_reward(&self, arm: usize) -> f64 {
        self.reward_sums[arm] / self.counts[arm].max(SMALLEST_COUNT)
    }

    /// The natural logarithm that all bonuses share: of one plus the total effective count.
    fn log_total(&self) -> f64 {
        // An addition and then a logarithm, as the reference: `ln_1p` would round differently.
        (self.counts.iter().fold(0.0, |total, count| total + count) + 1.0).ln()
    }

    /// The upper confidence bound of an arm.
    fn score(&self, arm: usize, log_total: f64) -> f64 {
        self.mean_reward(arm) + self.bonus(arm, log_total)
    }

    fn bonus(&self, arm: usize, log_total: f64) -> f64 {
        self.config.exploration_coef * (log_total / self.counts[arm].max(SMALLEST_COUNT)).sqrt()
    }
}

impl Bandit for DiscountedUcb {
    type Config = UcbConfig;
    type Random = PythonRandom;
    const CONTROLLER_TYPE: &'static str = "DiscountedUCBController";
    const TITLE: &'static str = "discounted UCB";
    const LOG: &'static [LogColumn<Self>] = &[
        LogColumn::new("value_estimates_history", "value estimate", LogNumber::Arm(Self::mean_reward)),
        LogColumn::new("effective_counts_history", "effective count", LogNumber::Arms(Self::counts)),
        LogColumn::new("warmup_counts_history", "plays", LogNumber::ArmCounts(Self::warmup_counts)),
        LogColumn::new("controller_updates_history", "updates", LogNumber::Count(Self::total_updates)),
    ];

    fn new(n_arms: usize, config: UcbConfig) -> Self {
        let (counts, reward_sums) = (vec![0.0; n_arms], vec![0.0; n_arms]);
        Self { config, counts, reward_sums, warmup_counts: vec![0; n_arms], total_updates: 0 }
    }

    fn n_arms(&self) -> usize {
        self.counts.len()
    }

    fn select(&self, random: &mut PythonRandom) -> usize {
        if let Some(warmup) = Warmup::pending(&self.warmup_counts, self.config.warmup_rounds) {
            return warmup.select(random);
        }
        let log_total = self.log_total();
        let best = (0..self.n_arms()).map(|arm| self.score(arm, log_total)).fold(f64::NEG_INFINITY, f64::max);
        pick(random, self.n_arms(), |arm| (self.score(arm, log_total) - best).abs() <= TIE_TOLERANCE)
    }

    fn estimate(&self, arm: usize) -> Option<ArmEstimate> {
        Some(ArmEstimate { value: self.mean_reward(arm), bonus: self.bonus(arm, self.log_total()) })
    }

    /// Fades all arms, then adds the reward to one.
    fn update(&mut self, arm: usize, reward: f64, _propensity: f64) {
        self.counts.iter_mut().for_each(|count| *count *= self.config.discount);
        self.reward_sums.iter_mut().for_each(|sum| *sum *= self.config.discount);
        self.counts[arm] += 1.0;
        self.reward_sums[arm] += reward;
        self.warmup_counts[arm] += 1;
        self.total_updates += 1;
    }

    fn fits(&self, n_arms: usize) -> bool {
        let lengths = [self.counts.len(), self.reward_sums.len(), self.warmup_counts.len()];
        self.config.check().is_ok() && lengths == [n_arms; 3]
    }
}
