//! Discounted UCB: the arm with the highest upper confidence bound, after each was played in warm-up.

use serde::{Deserialize, Serialize};

use super::{ControllerError, UcbConfig, UcbSnapshot, UcbStatistics};
use crate::rng::PythonRandom;

/// Bounds that differ by at most this much count as equal. Absolute, whatever their size.
const TIE_TOLERANCE: f64 = 1e-12;

/// A discounted-UCB bandit that breaks ties at random.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct DiscountedUcb {
    statistics: UcbStatistics,
    random: PythonRandom,
}

impl DiscountedUcb {
    /// A bandit that has seen nothing. Without a seed its ties cannot be reproduced.
    pub fn new(n_arms: usize, config: UcbConfig, seed: Option<impl Into<i128>>) -> Result<Self, ControllerError> {
        let statistics = UcbStatistics::new(n_arms, config)?;
        Ok(Self { statistics, random: PythonRandom::from_optional_seed(seed) })
    }

    /// What it has seen so far.
    pub fn statistics(&self) -> &UcbStatistics {
        &self.statistics
    }

    /// Picks an arm.
    pub fn select(&mut self) -> usize {
        let Self { statistics, random } = self;
        let n_arms = statistics.n_arms();
        let rounds = statistics.config().warmup_rounds;
        let least_played = statistics.warmup_counts().iter().copied().min().unwrap_or(0);
        if least_played < rounds {
            return pick(random, n_arms, |arm| statistics.warmup_counts()[arm] == least_played);
        }
        let log_total = statistics.log_total();
        let best = (0..n_arms).map(|arm| statistics.score(arm, log_total)).fold(f64::NEG_INFINITY, f64::max);
        pick(random, n_arms, |arm| (statistics.score(arm, log_total) - best).abs() <= TIE_TOLERANCE)
    }

    /// Feeds back the reward of an arm.
    pub fn update(&mut self, arm: usize, reward: f64) -> Result<(), ControllerError> {
        self.statistics.update(arm, reward)
    }

    /// A copy of the statistics for logs.
    pub fn snapshot(&self) -> UcbSnapshot {
        self.statistics.snapshot()
    }

    /// Takes over what another controller of as many arms has seen. Parameters and random numbers stay.
    pub fn copy_state_from(&mut self, state: &UcbSnapshot) -> Result<(), ControllerError> {
        self.statistics.copy_state_from(state)
    }

    /// Starts from these statistics.
    pub(super) fn from_statistics(statistics: UcbStatistics, random: PythonRandom) -> Self {
        Self { statistics, random }
    }
}

/// A random one of the arms that qualify. It draws also when only one does: the reference does, and a draw that is left
/// out shifts all later ones. The predicate runs twice instead of keeping a list, so that nothing is allocated.
fn pick(random: &mut PythonRandom, n_arms: usize, qualifies: impl Fn(usize) -> bool) -> usize {
    let candidates = (0..n_arms).filter(|&arm| qualifies(arm)).count();
    let chosen = random.randrange(candidates);
    (0..n_arms).filter(|&arm| qualifies(arm)).nth(chosen).unwrap_or(0)
}
