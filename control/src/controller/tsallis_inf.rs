//! Tsallis-INF: follow the regularised leader with Tsallis entropy of 1/2, for rewards that may change in any way. It needs no
//! uniform exploration, and on a stationary bandit it settles as fast as rules that are made for one.
//!
//! Zimmert and Seldin (2021, "Tsallis-INF: an optimal algorithm for stochastic and adversarial bandits"), with their
//! reduced-variance estimates of losses and the learning rate `4 / sqrt(t)`. Rewards are scaled to [0, 1] by the range that was
//! seen of late, as for EXP3, and warm-up only finds that range. What is not theirs: past losses fade, and `t` counts what has not
//! faded, so that an arm that has become good is found again. With a discount of 1 it is the published algorithm.

use serde::{Deserialize, Serialize};

use super::bandit::{DISCOUNT, WARMUP_ROUNDS, Warmup, draw};
use super::reward_range::RewardRange;
use super::{Bandit, LogColumn, LogNumber};
use crate::list::ListEntry;
use crate::rng::NumpyGenerator;
use crate::settings::{NumberSettings, settings};

settings! {
    /// The parameters of Tsallis-INF.
    pub struct TsallisInfConfig {
        /// Factor by which every update fades past losses and narrows the range of rewards, in (0, 1].
        discount: f64 = DISCOUNT,
        /// How often each arm is played before the weights decide.
        warmup_rounds: u64 = WARMUP_ROUNDS,
    }
}

impl ListEntry for TsallisInfConfig {
    const NAME: &'static str = "tsallis-inf";
    const HELP: &'static str = "Tsallis-INF, for rewards that may change in any way or not at all.";
}

/// Newton steps at most; it takes about five.
const NEWTON_STEPS: usize = 64;
/// How near to one the weights are to sum up.
const SUM_TOLERANCE: f64 = 1e-13;

/// The estimated losses of a Tsallis-INF bandit, and the probabilities that follow from them.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct TsallisInf {
    config: TsallisInfConfig,
    /// Discounted sums of the estimated losses.
    losses: Vec<f64>,
    /// Discounted number of rounds.
    rounds: f64,
    probabilities: Vec<f64>,
    range: RewardRange,
    warmup_counts: Vec<u64>,
    total_updates: u64,
}

impl TsallisInf {
    /// The probability with which an arm is picked now.
    pub fn probability(&self, arm: usize) -> f64 {
        match self.warmup() {
            Some(warmup) => warmup.propensity(arm),
            None => self.probabilities[arm],
        }
    }

    fn warmup(&self) -> Option<Warmup<'_>> {
        Warmup::pending(&self.warmup_counts, self.config.warmup_rounds)
    }

    fn learning_rate(&self) -> f64 {
        4.0 / self.rounds.max(1.0).sqrt()
    }

    /// The weights `4 / (eta (loss - x))^2`, with the `x` below all losses for which they sum to one. Their sum is convex in `x`
    /// and at least one where Newton's method starts, so it comes down to the root and never passes it.
    fn weigh(&mut self) {
        let eta = self.learning_rate();
        let least = self.losses.iter().copied().fold(f64::INFINITY, f64::min);
        // Losses less the least: the differences alone matter.
        let mut x = -2.0 / eta;
        let weight = |loss: f64, x: f64| 4.0 / (eta * (loss - least - x)).powi(2);
        for _ in 0..NEWTON_STEPS {
            let sum: f64 = self.losses.iter().map(|loss| weight(*loss, x)).sum();
            if sum - 1.0 <= SUM_TOLERANCE {
                break;
            }
            let slope: f64 =
                self.losses.iter().map(|loss| weight(*loss, x)).map(|weight| eta * weight * weight.sqrt()).sum();
            x -= (sum - 1.0) / slope;
        }
        let sum: f64 = self.losses.iter().map(|loss| weight(*loss, x)).sum();
        for (probability, loss) in self.probabilities.iter_mut().zip(&self.losses) {
            *probability = weight(*loss, x) / sum;
        }
    }
}

impl Bandit for TsallisInf {
    type Config = TsallisInfConfig;
    type Random = NumpyGenerator;
    const CONTROLLER_TYPE: &'static str = "TsallisINFController";
    const TITLE: &'static str = "Tsallis-INF";
    const LOG: &'static [LogColumn<Self>] = &[
        LogColumn::new("probabilities_history", "probability", LogNumber::Arm(Self::probability)),
        LogColumn::new("warmup_counts_history", "plays", LogNumber::ArmCounts(|bandit| &bandit.warmup_counts)),
        LogColumn::new("controller_updates_history", "updates", LogNumber::Count(|bandit| bandit.total_updates)),
    ];

    fn new(n_arms: usize, config: TsallisInfConfig) -> Self {
        Self {
            config,
            losses: vec![0.0; n_arms],
            rounds: 0.0,
            probabilities: vec![1.0 / n_arms as f64; n_arms],
            range: RewardRange::default(),
            warmup_counts: vec![0; n_arms],
            total_updates: 0,
        }
    }

    fn n_arms(&self) -> usize {
        self.losses.len()
    }

    fn select(&self, random: &mut NumpyGenerator) -> usize {
        if let Some(warmup) = self.warmup() {
            return warmup.select(random);
        }
        draw(random, self.n_arms(), |arm| self.probabilities[arm])
    }

    fn propensity(&self, arm: usize) -> f64 {
        self.probability(arm)
    }

    /// Every arm's estimated loss grows: by a half where its probability is large enough for that to lower the variance, and
    /// that of the arm that was played by how far its loss lies from there, over the probability of its pick.
    fn update(&mut self, arm: usize, reward: f64, propensity: f64) {
        let warming_up = self.warmup().is_some();
        let loss = 1.0 - self.range.place(reward, self.config.discount);
        if !warming_up {
            self.losses.iter_mut().for_each(|loss| *loss *= self.config.discount);
            self.rounds = self.config.discount * self.rounds + 1.0;
            let enough = self.learning_rate().powi(2);
            for (other, sum) in self.losses.iter_mut().enumerate() {
                let probability = if other == arm { propensity } else { self.probabilities[other] };
                let middle = if probability >= enough { 0.5 } else { 0.0 };
                *sum += if other == arm { middle + (loss - middle) / propensity } else { middle };
            }
            self.weigh();
        }
        self.warmup_counts[arm] += 1;
        self.total_updates += 1;
    }

    fn fits(&self, n_arms: usize) -> bool {
        let probabilities = self.probabilities.iter().all(|probability| (0.0..=1.0).contains(probability));
        let numbers = self.losses.iter().chain([&self.rounds]).all(|number| number.is_finite());
        let lengths = [self.losses.len(), self.probabilities.len(), self.warmup_counts.len()];
        probabilities && numbers && self.range.is_sound() && self.config.check().is_ok() && lengths == [n_arms; 3]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The weights are the minimiser: every arm's `loss - 2 / (eta sqrt(w))` is the same number, and they sum to one.
    #[test]
    fn the_weights_solve_the_problem_they_are_defined_by() {
        let cases: [(&[f64], f64); 4] =
            [(&[0.0, 0.0, 0.0], 1.0), (&[0.0, 3.0, 9.0], 20.0), (&[1e6, 0.0], 400.0), (&[5.0, 5.1, 5.2, 60.0], 3.0)];
        for (losses, rounds) in cases {
            let mut bandit = TsallisInf::new(losses.len(), TsallisInfConfig::default());
            (bandit.losses, bandit.rounds) = (losses.to_vec(), rounds);
            bandit.weigh();
            let sum: f64 = bandit.probabilities.iter().sum();
            assert!((sum - 1.0).abs() < 1e-12, "{losses:?}: {sum}");
            let eta = bandit.learning_rate();
            let level = |arm: usize| losses[arm] - 2.0 / (eta * bandit.probabilities[arm].sqrt());
            for arm in 1..losses.len() {
                let scale = 1.0 + level(0).abs();
                assert!((level(arm) - level(0)).abs() < 1e-6 * scale, "{losses:?}: {:?}", bandit.probabilities);
            }
        }
    }
}
