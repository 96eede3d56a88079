//! EXP3: exponential weights for rewards that may change in any way. It assumes no distribution of them.
//!
//! Exp3.S of Auer, Cesa-Bianchi, Freund and Schapire (2002, "The nonstochastic multiarmed bandit problem", section 8): a
//! share of each round's weight goes to all arms, so that it competes with the best *sequence* of arms. Rewards are
//! scaled to [0, 1] by the range that was seen of late, so that their scale does not matter. Warm-up only finds that
//! range.

use std::f64::consts::E;

use serde::{Deserialize, Serialize};

use super::bandit::{DISCOUNT, WARMUP_ROUNDS, Warmup, draw};
use super::reward_range::RewardRange;
use super::{Bandit, LogColumn, LogNumber};
use crate::list::ListEntry;
use crate::rng::NumpyGenerator;
use crate::settings::{Bounds, NumberSetting, NumberSettings, settings};

settings! {
    /// The parameters of EXP3.
    pub struct Exp3Config {
        /// Probability of a uniform pick, in (0, 1]. Divided by the number of arms it is also the learning rate.
        gamma: f64 = GAMMA,
        /// Share of the weight that is spread over all arms in each round, in [0, 1].
        share: f64 = SHARE,
        /// Factor by which every update narrows the range of rewards, in (0, 1]; 1 keeps the range of all rewards.
        discount: f64 = DISCOUNT,
        /// How often each arm is played before the weights decide.
        warmup_rounds: u64 = WARMUP_ROUNDS,
    }
}

// The defaults are about those of the paper's corollary 8.2 for 400 episodes of three arms and one change.
const GAMMA: NumberSetting = NumberSetting::real(
    "exp3_gamma",
    0.2,
    Bounds::Fraction,
    "Probability with which EXP3 picks uniformly; also its learning rate.",
);
const SHARE: NumberSetting = NumberSetting::real(
    "exp3_share",
    0.0025,
    Bounds::Unit,
    "Share of EXP3's weight that each update spreads over all arms; 0 never forgets.",
);

impl ListEntry for Exp3Config {
    const NAME: &'static str = "exp3";
    const HELP: &'static str = "Exponential weights, for rewards that may change in any way.";
}

/// The weights of an EXP3 bandit, and the range that it scales rewards by.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Exp3 {
    config: Exp3Config,
    /// They sum to one: only their proportions matter.
    weights: Vec<f64>,
    range: RewardRange,
    warmup_counts: Vec<u64>,
    total_updates: u64,
}

impl Exp3 {
    /// The weight of each arm; they sum to one.
    pub fn weights(&self) -> &[f64] {
        &self.weights
    }

    /// The probability with which an arm is picked now.
    pub fn probability(&self, arm: usize) -> f64 {
        match self.warmup() {
            Some(warmup) => warmup.propensity(arm),
            None => self.mixed(arm),
        }
    }

    /// Weight and uniform exploration.
    fn mixed(&self, arm: usize) -> f64 {
        (1.0 - self.config.gamma) * self.weights[arm] + self.config.gamma / self.weights.len() as f64
    }

    fn warmup(&self) -> Option<Warmup<'_>> {
        Warmup::pending(&self.warmup_counts, self.config.warmup_rounds)
    }
}

impl Bandit for Exp3 {
    type Config = Exp3Config;
    type Random = NumpyGenerator;
    const CONTROLLER_TYPE: &'static str = "EXP3Controller";
    const TITLE: &'static str = "EXP3";
    const LOG: &'static [LogColumn<Self>] = &[
        LogColumn::new("probabilities_history", "probability", LogNumber::Arm(Self::probability)),
        LogColumn::new("warmup_counts_history", "plays", LogNumber::ArmCounts(|bandit| &bandit.warmup_counts)),
        LogColumn::new("controller_updates_history", "updates", LogNumber::Count(|bandit| bandit.total_updates)),
    ];

    fn new(n_arms: usize, config: Exp3Config) -> Self {
        let weights = vec![1.0 / n_arms as f64; n_arms];
        Self { config, weights, range: RewardRange::default(), warmup_counts: vec![0; n_arms], total_updates: 0 }
    }

    fn n_arms(&self) -> usize {
        self.weights.len()
    }

    fn select(&self, random: &mut NumpyGenerator) -> usize {
        if let Some(warmup) = self.warmup() {
            return warmup.select(random);
        }
        draw(random, self.n_arms(), |arm| self.mixed(arm))
    }

    fn propensity(&self, arm: usize) -> f64 {
        self.probability(arm)
    }

    /// The weight of the arm grows with its reward over the probability of its pick.
    fn update(&mut self, arm: usize, reward: f64, propensity: f64) {
        let warming_up = self.warmup().is_some();
        let scaled = self.range.place(reward, self.config.discount);
        if !warming_up {
            let arms = self.weights.len() as f64;
            self.weights[arm] *= (self.config.gamma / arms * scaled / propensity).exp();
            let shared = E * self.config.share / arms;
            self.weights.iter_mut().for_each(|weight| *weight += shared);
            let total: f64 = self.weights.iter().sum();
            self.weights.iter_mut().for_each(|weight| *weight /= total);
        }
        self.warmup_counts[arm] += 1;
        self.total_updates += 1;
    }

    fn fits(&self, n_arms: usize) -> bool {
        let weights = self.weights.iter().all(|weight| (0.0..=1.0).contains(weight));
        let lengths = [self.weights.len(), self.warmup_counts.len()];
        weights && self.range.is_sound() && self.config.check().is_ok() && lengths == [n_arms; 2]
    }
}
