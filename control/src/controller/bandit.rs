//! What a bandit is: arms, rewards, and a way to pick. One bandit is one file beside this one.
//!
//! A bandit's knowledge and its random numbers are apart, because a context starts from a copy of what all contexts have
//! taught, with random numbers of its own. [`Seeded`] joins them.

use std::fmt::Debug;

use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use super::{ControllerError, LogColumn};
use crate::list::ListEntry;
use crate::rng::{Generator, NumpyGenerator};
use crate::settings::{Bounds, NumberSetting};

/// How fast a bandit forgets.
pub(super) const DISCOUNT: NumberSetting = NumberSetting::real(
    "discount",
    0.95,
    Bounds::Fraction,
    "Discount of the bandit's statistics with each update; 1 forgets nothing.",
);
/// How a bandit begins.
pub(super) const WARMUP_ROUNDS: NumberSetting = NumberSetting::integer(
    "warmup_rounds",
    1,
    Bounds::NonNegative,
    "Times that the bandit tries each arm before it compares them.",
);

/// What a bandit knows, and how it picks. Saved and restored whole.
pub trait Bandit: Debug + Clone + PartialEq + Serialize + DeserializeOwned + 'static {
    /// Its settings; their type also has its name.
    type Config: ListEntry + Copy;
    /// Where it draws from.
    type Random: Generator;
    /// The kind of controller in logs.
    const CONTROLLER_TYPE: &'static str;
    /// What people call it, in tables and figures.
    const TITLE: &'static str;
    /// What is logged of it after each episode.
    const LOG: &'static [LogColumn<Self>];

    /// A bandit that has seen nothing. There is at least one arm, and the settings are checked.
    fn new(n_arms: usize, config: Self::Config) -> Self;

    /// Number of arms.
    fn n_arms(&self) -> usize;

    /// Picks an arm. Allocates nothing.
    fn select(&self, random: &mut Self::Random) -> usize;

    /// The probability with which [`Self::select`] picks an arm now. Asked before an update, for bandits that weigh rewards
    /// by it; the others need not tell.
    fn propensity(&self, _arm: usize) -> f64 {
        1.0
    }

    /// What it thinks of an arm, if it picks by estimates. Asked by reports on what bandits learn.
    fn estimate(&self, _arm: usize) -> Option<ArmEstimate> {
        None
    }

    /// Learns from a finite reward of an arm that exists, and that was picked with this probability. Allocates nothing.
    fn update(&mut self, arm: usize, reward: f64, propensity: f64);

    /// Whether a restored state is sound and has this number of arms.
    fn fits(&self, n_arms: usize) -> bool;
}

/// What a bandit that picks by estimates thinks of an arm.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct ArmEstimate {
    /// Estimated mean reward.
    pub value: f64,
    /// What is added for the arm to be tried: an exploration bonus, or the width of what is believed.
    pub bonus: f64,
}

/// A bandit with its random numbers.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(bound = "")]
pub struct Seeded<B: Bandit> {
    bandit: B,
    random: B::Random,
}

impl<B: Bandit> Seeded<B> {
    /// A bandit that has seen nothing. Without a seed its picks cannot be reproduced.
    pub fn new(n_arms: usize, config: B::Config, seed: Option<i64>) -> Result<Self, ControllerError> {
        Ok(Self::from_bandit(checked(n_arms, config)?, seed.map(i128::from)))
    }

    /// Goes on with what a bandit knows.
    pub(super) fn from_bandit(bandit: B, seed: Option<i128>) -> Self {
        Self { bandit, random: B::Random::from_optional_seed(seed) }
    }

    /// What it knows.
    pub fn bandit(&self) -> &B {
        &self.bandit
    }

    /// Picks an arm.
    pub fn select(&mut self) -> usize {
        self.bandit.select(&mut self.random)
    }

    /// Feeds back the reward of the arm that was picked last.
    pub fn update(&mut self, arm: usize, reward: f64) -> Result<(), ControllerError> {
        self.learn(arm, reward, self.propensity(arm))
    }

    /// The probability with which it picks an arm now, if it weighs rewards by it.
    pub(super) fn propensity(&self, arm: usize) -> f64 {
        if arm < self.bandit.n_arms() { self.bandit.propensity(arm) } else { 1.0 }
    }

    /// Feeds back the reward of an arm that was picked with this probability.
    pub fn learn(&mut self, arm: usize, reward: f64, propensity: f64) -> Result<(), ControllerError> {
        check_feedback(self.bandit.n_arms(), arm, reward)?;
        self.bandit.update(arm, reward, propensity);
        Ok(())
    }
}

/// A bandit that has seen nothing, if there are arms and the settings are in range.
pub(super) fn checked<B: Bandit>(n_arms: usize, config: B::Config) -> Result<B, ControllerError> {
    if n_arms == 0 {
        return Err(ControllerError::NoArms);
    }
    crate::settings::NumberSettings::check(&config)?;
    Ok(B::new(n_arms, config))
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

/// Which arms warm-up still has to try: those played least, while that is less than `rounds` times.
#[derive(Clone, Copy)]
pub(super) struct Warmup<'a> {
    plays: &'a [u64],
    least: u64,
}

impl<'a> Warmup<'a> {
    /// None once each arm was played `rounds` times.
    pub(super) fn pending(plays: &'a [u64], rounds: u64) -> Option<Self> {
        let least = plays.iter().copied().min().unwrap_or(0);
        (least < rounds).then_some(Self { plays, least })
    }

    /// Whether an arm is to be tried.
    pub(super) fn includes(&self, arm: usize) -> bool {
        self.plays[arm] == self.least
    }

    /// A random one of the arms to be tried.
    pub(super) fn select(&self, random: &mut impl Generator) -> usize {
        pick(random, self.plays.len(), |arm| self.includes(arm))
    }

    /// The probability with which [`Self::select`] picks an arm.
    pub(super) fn propensity(&self, arm: usize) -> f64 {
        let pending = self.plays.iter().filter(|plays| **plays == self.least).count();
        if self.includes(arm) { 1.0 / pending as f64 } else { 0.0 }
    }
}

/// A random one of the arms that qualify. It draws also when only one does: the reference does, and a draw that is left
/// out shifts all later ones. The predicate runs twice instead of keeping a list, so that nothing is allocated.
pub(super) fn pick(random: &mut impl Generator, n_arms: usize, qualifies: impl Fn(usize) -> bool) -> usize {
    let candidates = (0..n_arms).filter(|&arm| qualifies(arm)).count();
    let chosen = random.randrange(candidates);
    (0..n_arms).filter(|&arm| qualifies(arm)).nth(chosen).unwrap_or(0)
}

/// An arm, each with its probability. Rounding may leave a little after the last one.
pub(super) fn draw(random: &mut NumpyGenerator, n_arms: usize, probability: impl Fn(usize) -> f64) -> usize {
    let mut left = random.random();
    let chosen = (0..n_arms).find(|&arm| {
        left -= probability(arm);
        left < 0.0
    });
    chosen.unwrap_or(n_arms - 1)
}
