//! Whether a candidate takes the incumbent's place: the pooled rule, as a pure function of paired differences.
//!
//! Candidate and incumbent train on the same seeds; each seed gives a difference, turned so that more is better. Their noise is
//! estimated from all that is known around the incumbent ([`NoisePool`]), because three differences alone say almost nothing of
//! it: σ² = (S + Σ(dᵢ − d̄)²) / (ν + n − 1). A candidate is kept when d̄ ≥ t(ν + n − 1) σ/√n.
//!
//! Few seeds are spent where it is hopeless and more where it is close: a first look after `scout` seeds can only drop, the look
//! after `seeds` keeps or drops, and a candidate that is better but not clearly so gets `retest` more seeds and a last look. Two
//! looks can each be wrong, so each has Pocock's level for two (Pocock, 1977), and noise is kept in at most 2.9 of 100 candidates,
//! whatever the number of seeds. `tests/auto_loop/law.rs` simulates the whole rule.

use serde::{Deserialize, Serialize};
use statrs::distribution::{ContinuousCDF, StudentsT};

/// One look: noise alone is kept in 25 of 1000 candidates.
const ONE_LOOK: f64 = 0.025;

/// Each of two looks, so that both together are about as often wrong.
const TWO_LOOKS: f64 = 0.0147;

/// What is dropped after the first seeds is as bad only once in so often by chance.
const HOPELESS: f64 = 0.005;

/// The level of intervals that are shown.
const SHOWN: f64 = 0.975;

/// What is known of the noise of a paired difference around the incumbent: a sum of squares and its degrees of freedom.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct NoisePool {
    /// Squares of deviations.
    pub squares: f64,
    /// Their degrees of freedom.
    pub degrees: u64,
}

impl NoisePool {
    /// With the replicates of an incumbent: a difference of two runs has twice the variance of one.
    #[must_use]
    pub fn with_replicates(self, values: &[f64]) -> Self {
        self.with(2.0 * squares(values), values.len())
    }

    /// With the differences of a comparison.
    #[must_use]
    pub fn with_differences(self, differences: &[f64]) -> Self {
        self.with(squares(differences), differences.len())
    }

    fn with(self, squares: f64, values: usize) -> Self {
        Self { squares: self.squares + squares, degrees: self.degrees + (values as u64).saturating_sub(1) }
    }
}

fn mean(values: &[f64]) -> f64 {
    values.iter().sum::<f64>() / values.len() as f64
}

fn squares(values: &[f64]) -> f64 {
    let mean = mean(values);
    values.iter().map(|value| (value - mean).powi(2)).sum()
}

/// How many seeds a candidate gets.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct DecisionRule {
    /// After so many it can be dropped as hopeless; 0 for no such look.
    pub scout: usize,
    /// On so many it is judged.
    pub seeds: usize,
    /// So many more where it is close.
    pub retest: usize,
}

/// What is to be done with a candidate.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Look {
    /// So many seeds more.
    More(usize),
    /// It takes the incumbent's place.
    Keep,
    /// It is clearly worse.
    Hopeless,
    /// It is no better.
    NoBetter,
    /// It is better, but noise can be as good.
    Inconclusive,
}

/// What a comparison comes to, in the metric's unit; more is better.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Estimate {
    /// The mean difference.
    pub difference: f64,
    /// The standard deviation of one difference, pooled; none where nothing is known of it.
    pub deviation: Option<f64>,
    /// Its degrees of freedom.
    pub degrees: u64,
    /// What the mean difference must reach; none as before.
    pub threshold: Option<f64>,
    /// Half of its 95 % interval; none as before.
    pub half_width: Option<f64>,
}

impl DecisionRule {
    /// How often, from noise alone, a look keeps.
    fn level(self) -> f64 {
        if self.retest > 0 { TWO_LOOKS } else { ONE_LOOK }
    }

    /// Judges the differences that there are.
    pub fn look(self, pool: NoisePool, differences: &[f64]) -> Look {
        let n = differences.len();
        if n == 0 {
            return Look::More(if self.scout > 0 { self.scout.min(self.seeds) } else { self.seeds });
        }
        let Estimate { difference, threshold, .. } = self.estimate(pool, differences);
        let reach = |level: f64| reach(pool, differences, 1.0 - level);
        let is_worse = |level: f64| reach(level).is_some_and(|reach| difference < -reach);
        if n < self.seeds {
            return if is_worse(HOPELESS) { Look::Hopeless } else { Look::More(self.seeds - n) };
        }
        if difference > 0.0 && threshold.is_some_and(|threshold| difference >= threshold) {
            return Look::Keep;
        }
        if difference <= 0.0 {
            return if is_worse(self.level()) { Look::Hopeless } else { Look::NoBetter };
        }
        match (self.seeds + self.retest).saturating_sub(n) {
            0 => Look::Inconclusive,
            more => Look::More(more),
        }
    }

    /// Mean, noise and threshold of some differences, of which there is at least one.
    pub fn estimate(self, pool: NoisePool, differences: &[f64]) -> Estimate {
        let all = pool.with_differences(differences);
        Estimate {
            difference: mean(differences),
            deviation: deviation(all),
            degrees: all.degrees,
            threshold: reach(pool, differences, 1.0 - self.level()),
            half_width: reach(pool, differences, SHOWN),
        }
    }
}

fn deviation(pool: NoisePool) -> Option<f64> {
    (pool.degrees > 0).then(|| (pool.squares / pool.degrees as f64).sqrt())
}

/// How far from 0 a mean of so many differences lies with this probability at most, if there is nothing but noise.
fn reach(pool: NoisePool, differences: &[f64], probability: f64) -> Option<f64> {
    let all = pool.with_differences(differences);
    let student = StudentsT::new(0.0, 1.0, all.degrees as f64).ok()?;
    Some(student.inverse_cdf(probability) * deviation(all)? / (differences.len() as f64).sqrt())
}

#[cfg(test)]
mod tests {
    use super::*;

    const RULE: DecisionRule = DecisionRule { scout: 1, seeds: 3, retest: 3 };

    /// By hand: replicates 0.70, 0.72, 0.71, 0.69 have squares 5e-4, so S = 1e-3 with 3 degrees.
    #[test]
    fn the_pool_and_the_threshold_are_those_of_the_formula() {
        let pool = NoisePool::default().with_replicates(&[0.70, 0.72, 0.71, 0.69]);
        assert!((pool.squares - 1e-3).abs() < 1e-12 && pool.degrees == 3, "{pool:?}");
        let rule = DecisionRule { retest: 0, ..RULE };
        let found = rule.estimate(pool, &[0.03, 0.05, 0.04]);
        assert_eq!(found.degrees, 5);
        let deviation = ((1e-3 + 2e-4) / 5.0_f64).sqrt();
        assert!((found.deviation.unwrap() - deviation).abs() < 1e-12);
        // scipy.stats.t.ppf(0.975, 5)
        let threshold = 2.570_581_835_636_314 * deviation / 3.0_f64.sqrt();
        assert!((found.threshold.unwrap() - threshold).abs() < 1e-9, "{found:?}");
        assert_eq!(rule.look(pool, &[0.03, 0.05, 0.04]), Look::Keep);
        assert_eq!(rule.look(pool, &[0.01, 0.02, 0.0]), Look::Inconclusive);
        assert_eq!(rule.look(pool, &[0.01, -0.02, 0.0]), Look::NoBetter);
        assert_eq!(rule.look(pool, &[-0.3, -0.2, -0.2]), Look::Hopeless);
    }

    #[test]
    fn few_seeds_where_it_is_hopeless_and_more_where_it_is_close() {
        let pool = NoisePool { squares: 1e-3, degrees: 10 };
        assert_eq!(RULE.look(pool, &[]), Look::More(1));
        assert_eq!(RULE.look(pool, &[-0.1]), Look::Hopeless);
        assert_eq!(RULE.look(pool, &[-0.01]), Look::More(2));
        assert_eq!(RULE.look(pool, &[0.5]), Look::More(2), "one seed keeps nothing");
        assert_eq!(RULE.look(pool, &[0.01, -0.005, 0.003]), Look::More(3));
        assert_eq!(RULE.look(pool, &[0.01, -0.005, 0.003, 0.0, 0.0, 0.0]), Look::Inconclusive);
        assert_eq!(DecisionRule { scout: 0, ..RULE }.look(pool, &[]), Look::More(3));
    }

    /// Without noise every gain is one, and no gain is none.
    #[test]
    fn without_any_noise_a_gain_is_a_gain() {
        let pool = NoisePool { squares: 0.0, degrees: 3 };
        assert_eq!(RULE.look(pool, &[0.1, 0.1, 0.1]), Look::Keep);
        assert_eq!(RULE.look(pool, &[0.0, 0.0, 0.0]), Look::NoBetter);
        assert_eq!(RULE.look(NoisePool::default(), &[0.1]), Look::More(2), "nothing is known of the noise");
    }
}
