//! Thompson sampling for Gaussian rewards of unknown mean and variance: each arm is drawn from what is believed of its
//! mean, and the best draw wins.
//!
//! Thompson (1933); the posterior of a normal-inverse-gamma prior is Murphy's (2007, "Conjugate Bayesian analysis of the
//! Gaussian distribution", section 6), and the mean's marginal is a Student-t. What was seen is discounted, as Raj and
//! Kalyani (2017, "Taming non-stationary bandits") do, so that an arm that is not played drifts back to the prior and is
//! tried again.
//!
//! The prior is made from the rewards of all arms together: their discounted mean and variance, worth as much as
//! [`PRIOR_COUNT`] rewards of the mean and twice [`PRIOR_SHAPE`] of the variance. So nothing in it has a scale: rewards
//! times a constant give the same picks.

use serde::{Deserialize, Serialize};

use super::bandit::{ArmEstimate, DISCOUNT, WARMUP_ROUNDS, Warmup};
use super::moments::Moments;
use super::{Bandit, LogColumn, LogNumber};
use crate::list::ListEntry;
use crate::rng::{Generator, NumpyGenerator};
use crate::settings::{NumberSettings, settings};

settings! {
    /// The parameters of Thompson sampling.
    pub struct ThompsonConfig {
        /// Factor by which every update fades what was seen before, in (0, 1].
        discount: f64 = DISCOUNT,
        /// How often each arm is played before the draws decide.
        warmup_rounds: u64 = WARMUP_ROUNDS,
    }
}

impl ListEntry for ThompsonConfig {
    const NAME: &'static str = "thompson";
    const HELP: &'static str = "Thompson sampling with Gaussian rewards of unknown variance.";
}

/// Rewards that the prior's mean is worth.
const PRIOR_COUNT: f64 = 1.0;
/// Shape of the prior's variance: half the rewards that it is worth.
const PRIOR_SHAPE: f64 = 1.0;

/// What a Thompson sampler has seen: discounted moments of each arm and of all arms together.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ThompsonSampling {
    config: ThompsonConfig,
    arms: Vec<Moments>,
    all: Moments,
    warmup_counts: Vec<u64>,
    total_updates: u64,
}

/// A Student-t distribution: what is believed of an arm's mean reward.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct StudentT {
    /// Its centre.
    pub location: f64,
    /// Its width; 0 while all rewards were equal.
    pub scale: f64,
    /// Degrees of freedom.
    pub degrees: f64,
}

impl StudentT {
    /// A draw, by Bailey's polar method (1994): a point of the unit disc, stretched.
    fn draw(&self, random: &mut NumpyGenerator) -> f64 {
        loop {
            let (u, v) = (2.0 * random.random() - 1.0, 2.0 * random.random() - 1.0);
            let square = u * u + v * v;
            if square > 0.0 && square <= 1.0 {
                let stretch = self.degrees * (-2.0 / self.degrees * square.ln()).exp_m1() / square;
                return self.location + self.scale * u * stretch.sqrt();
            }
        }
    }
}

impl ThompsonSampling {
    /// What is believed of an arm's mean reward.
    pub fn posterior(&self, arm: usize) -> StudentT {
        let Moments { count, mean, squares } = self.arms[arm];
        let prior_mean = self.all.mean;
        let weight = PRIOR_COUNT + count;
        let shape = PRIOR_SHAPE + 0.5 * count;
        let gap = mean - prior_mean;
        let rate = PRIOR_SHAPE * self.all.variance() + 0.5 * (squares + PRIOR_COUNT * count / weight * gap * gap);
        StudentT {
            location: prior_mean + count / weight * gap,
            scale: (rate / (shape * weight)).sqrt(),
            degrees: 2.0 * shape,
        }
    }

    fn effective_count(&self, arm: usize) -> f64 {
        self.arms[arm].count
    }
}

impl Bandit for ThompsonSampling {
    type Config = ThompsonConfig;
    type Random = NumpyGenerator;
    const CONTROLLER_TYPE: &'static str = "ThompsonSamplingController";
    const TITLE: &'static str = "Thompson";
    const LOG: &'static [LogColumn<Self>] = &[
        LogColumn::new(
            "value_estimates_history",
            "value estimate",
            LogNumber::Arm(|bandit, arm| bandit.posterior(arm).location),
        ),
        LogColumn::new(
            "value_scales_history",
            "scale of the value estimate",
            LogNumber::Arm(|bandit, arm| bandit.posterior(arm).scale),
        ),
        LogColumn::new("effective_counts_history", "effective count", LogNumber::Arm(Self::effective_count)),
        LogColumn::new("warmup_counts_history", "plays", LogNumber::ArmCounts(|bandit| &bandit.warmup_counts)),
        LogColumn::new("controller_updates_history", "updates", LogNumber::Count(|bandit| bandit.total_updates)),
    ];

    fn new(n_arms: usize, config: ThompsonConfig) -> Self {
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
        let (mut best, mut highest, mut ties) = (0, f64::NEG_INFINITY, 0);
        for arm in 0..self.arms.len() {
            let draw = self.posterior(arm).draw(random);
            if draw > highest {
                (best, highest, ties) = (arm, draw, 1);
            } else if draw == highest {
                // Draws are equal where all rewards were: each of the equal arms stays with the same chance.
                ties += 1;
                if random.randrange(ties) == 0 {
                    best = arm;
                }
            }
        }
        best
    }

    fn estimate(&self, arm: usize) -> Option<ArmEstimate> {
        let StudentT { location, scale, .. } = self.posterior(arm);
        Some(ArmEstimate { value: location, bonus: scale })
    }

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
