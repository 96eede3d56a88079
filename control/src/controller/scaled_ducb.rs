//! Discounted UCB whose bonus has the size of the rewards: the exploration bonus is multiplied by their own running spread.
//!
//! The bonus of discounted UCB is made for rewards within a known bound B, by which it is multiplied (Garivier and Moulines,
//! 2011, "On upper-confidence bound policies for switching bandit problems", section 3). Where B is left at 1 and rewards
//! are of the order of 0.01, only the bonus decides, and the arms are played in turn. Here B is estimated: the discounted
//! standard deviation of the rewards of all arms together. A constant that is added to all rewards, or that they are
//! multiplied by, changes no pick.

use serde::{Deserialize, Serialize};

use super::bandit::{ArmEstimate, DISCOUNT, WARMUP_ROUNDS, Warmup, pick};
use super::ducb::EXPLORATION_COEF;
use super::moments::Moments;
use super::{Bandit, LogColumn, LogNumber};
use crate::list::ListEntry;
use crate::rng::NumpyGenerator;
use crate::settings::{NumberSettings, settings};

settings! {
    /// The parameters of discounted UCB with scaled rewards.
    pub struct ScaledUcbConfig {
        /// Weight of the exploration bonus, in standard deviations of the rewards; not negative.
        exploration_coef: f64 = EXPLORATION_COEF,
        /// Factor by which every update fades what was seen before, in (0, 1].
        discount: f64 = DISCOUNT,
        /// How often each arm is played before the bounds decide.
        warmup_rounds: u64 = WARMUP_ROUNDS,
    }
}

impl ListEntry for ScaledUcbConfig {
    const NAME: &'static str = "scaled-ducb";
    const HELP: &'static str = "Discounted upper confidence bounds in units of the rewards' own spread.";
}

/// Smallest effective count that is divided by.
const SMALLEST_COUNT: f64 = 1e-12;

/// What a scaled discounted-UCB bandit has seen: discounted moments of each arm and of all arms together.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ScaledUcb {
    config: ScaledUcbConfig,
    arms: Vec<Moments>,
    all: Moments,
    warmup_counts: Vec<u64>,
    total_updates: u64,
}

impl ScaledUcb {
    /// The exploration bonus of an arm, in the rewards' own unit.
    pub fn bonus(&self, arm: usize) -> f64 {
        let count = self.arms[arm].count.max(SMALLEST_COUNT);
        self.config.exploration_coef * self.all.variance().sqrt() * ((self.all.count + 1.0).ln() / count).sqrt()
    }

    /// The upper confidence bound of an arm.
    fn score(&self, arm: usize) -> f64 {
        self.arms[arm].mean + self.bonus(arm)
    }
}

impl Bandit for ScaledUcb {
    type Config = ScaledUcbConfig;
    type Random = NumpyGenerator;
    const CONTROLLER_TYPE: &'static str = "ScaledDiscountedUCBController";
    const TITLE: &'static str = "scaled DUCB";
    const LOG: &'static [LogColumn<Self>] = &[
        LogColumn::new(
            "value_estimates_history",
            "value estimate",
            LogNumber::Arm(|bandit, arm| bandit.arms[arm].mean),
        ),
        LogColumn::new("exploration_bonuses_history", "exploration bonus", LogNumber::Arm(Self::bonus)),
        LogColumn::new(
            "effective_counts_history",
            "effective count",
            LogNumber::Arm(|bandit, arm| bandit.arms[arm].count),
        ),
        LogColumn::new("warmup_counts_history", "plays", LogNumber::ArmCounts(|bandit| &bandit.warmup_counts)),
        LogColumn::new("controller_updates_history", "updates", LogNumber::Count(|bandit| bandit.total_updates)),
    ];

    fn new(n_arms: usize, config: ScaledUcbConfig) -> Self {
        let (arms, warmup_counts) = (vec![Moments::default(); n_arms], vec![0; n_arms]);
        Self { config, arms, all: Moments::default(), warmup_counts, total_updates: 0 }
    }

    fn n_arms(&self) -> usize {
        self.arms.len()
    }

    fn select(&self, random: &mut NumpyGenerator) -> usize {
        if let Some(warmup) = Warmup::pending(&self.warmup_counts, self.config.warmup_rounds) {
            return warmup.select(random);
        }
        let best = (0..self.n_arms()).map(|arm| self.score(arm)).fold(f64::NEG_INFINITY, f64::max);
        pick(random, self.n_arms(), |arm| self.score(arm) == best)
    }

    fn estimate(&self, arm: usize) -> Option<ArmEstimate> {
        Some(ArmEstimate { value: self.arms[arm].mean, bonus: self.bonus(arm) })
    }

    /// Fades all arms, then adds the reward to one.
    fn update(&mut self, arm: usize, reward: f64, _propensity: f64) {
        self.arms.iter_mut().chain([&mut self.all]).for_each(|moments| moments.fade(self.config.discount));
        self.arms[arm].add(reward);
        self.all.add(reward);
        self.warmup_counts[arm] += 1;
        self.total_updates += 1;
    }

    fn fits(&self, n_arms: usize) -> bool {
        let sound = self.arms.iter().chain([&self.all]).all(Moments::is_sound);
        sound && self.config.check().is_ok() && [self.arms.len(), self.warmup_counts.len()] == [n_arms; 2]
    }
}
