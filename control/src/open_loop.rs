//! Open-loop controls: sequences of candidates that are drawn in full before training and never look at a reward.
//!
//! They answer whether a gain comes from feedback: a *uniform-random* sequence uses the same candidates without any
//! preference, a *frequency-matched* one uses them exactly as often as the adaptive runs of the other seeds, in random
//! order. Draws and seeds are those of the reference's attribution controls, which know the learning-rate axis only.
//!
//! An arm here is a candidate of the run: its number in the product, the learning-rate axis outermost. So both axes
//! keep the mix of *pairs* that adaptive runs used; with one noise level an arm is a multiplier.

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use thiserror::Error;

use crate::python_float;
use crate::rng::PythonRandom;

/// How far probabilities may miss one in sum.
const SUM_TOLERANCE: f64 = 1e-12;

/// A schedule that cannot be made, or that was not followed.
#[allow(missing_docs, reason = "a field's name says it")]
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum OpenLoopError {
    /// A probability is negative or not finite.
    #[error("probabilities must be finite and nonnegative.")]
    Probability,
    /// The probabilities do not sum to one.
    #[error("probabilities must sum to one, got {0}.")]
    ProbabilitySum(String),
    /// There is nothing to distribute.
    #[error("total_count must be positive.")]
    TotalCount,
    /// There are no arms to draw from.
    #[error("n_arms must be positive.")]
    NoArms,
    /// A source run names an arm that does not exist.
    #[error("a source run uses arm {arm}, but there are {n_arms} arms.")]
    SourceArm { arm: usize, n_arms: usize },
    /// The source runs have no episodes.
    #[error("the source runs contain no episodes.")]
    NoSource,
}

/// How a schedule was drawn.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum OpenLoopPolicy {
    /// Each episode's arm independently and uniformly.
    UniformRandom,
    /// Fixed counts in random order.
    FrequencyMatched,
}

impl OpenLoopPolicy {
    /// `uniform-random` or `frequency-matched`.
    pub fn name(self) -> &'static str {
        match self {
            Self::UniformRandom => "uniform-random",
            Self::FrequencyMatched => "frequency-matched",
        }
    }
}

/// A schedule and how it came about.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct OpenLoopPlan {
    /// How it was drawn.
    pub policy: OpenLoopPolicy,
    /// The seed of the draws.
    pub schedule_seed: u64,
    /// The probability of each arm.
    pub probabilities: Vec<f64>,
    /// How often each arm occurs.
    pub integer_counts: Vec<usize>,
    /// The arm of each episode.
    pub arms: Vec<usize>,
}

impl OpenLoopPlan {
    /// Draws the arm of each episode uniformly.
    pub fn uniform_random(schedule_seed: u64, episodes: usize, n_arms: usize) -> Result<Self, OpenLoopError> {
        if n_arms == 0 {
            return Err(OpenLoopError::NoArms);
        }
        if episodes == 0 {
            return Err(OpenLoopError::TotalCount);
        }
        let mut random = PythonRandom::new(schedule_seed);
        let arms: Vec<usize> = (0..episodes).map(|_| random.randrange(n_arms)).collect();
        let mut integer_counts = vec![0; n_arms];
        for &arm in &arms {
            integer_counts[arm] += 1;
        }
        let probabilities = vec![1.0 / n_arms as f64; n_arms];
        Ok(Self { policy: OpenLoopPolicy::UniformRandom, schedule_seed, probabilities, integer_counts, arms })
    }

    /// Shuffles arms that occur as often as these probabilities say.
    pub fn frequency_matched(
        schedule_seed: u64,
        episodes: usize,
        probabilities: &[f64],
    ) -> Result<Self, OpenLoopError> {
        let integer_counts = largest_remainder(probabilities, episodes)?;
        let mut arms: Vec<usize> = Vec::with_capacity(episodes);
        for (arm, &count) in integer_counts.iter().enumerate() {
            arms.extend(std::iter::repeat_n(arm, count));
        }
        PythonRandom::new(schedule_seed).shuffle(&mut arms);
        Ok(Self {
            policy: OpenLoopPolicy::FrequencyMatched,
            schedule_seed,
            probabilities: probabilities.to_vec(),
            integer_counts,
            arms,
        })
    }
}

/// The number of episodes of a run; the last may be shorter. An episode length of 0 counts as 1.
pub fn episode_count(total_steps: u64, episode_length: u64) -> u64 {
    total_steps.div_ceil(episode_length.max(1))
}

/// Distributes a count in proportion to probabilities: each gets its share rounded down, and what is left goes to the
/// largest remainders, the lower index first among equals.
pub fn largest_remainder(probabilities: &[f64], total_count: usize) -> Result<Vec<usize>, OpenLoopError> {
    if !probabilities.iter().all(|&probability| probability.is_finite() && probability >= 0.0) {
        return Err(OpenLoopError::Probability);
    }
    let sum = probabilities.iter().fold(0.0, |sum, probability| sum + probability);
    if (sum - 1.0f64).abs() > SUM_TOLERANCE {
        return Err(OpenLoopError::ProbabilitySum(python_float::repr(sum)));
    }
    if total_count == 0 {
        return Err(OpenLoopError::TotalCount);
    }
    let shares: Vec<f64> = probabilities.iter().map(|probability| probability * total_count as f64).collect();
    let mut counts: Vec<usize> = shares.iter().map(|share| share.floor() as usize).collect();
    let mut order: Vec<usize> = (0..shares.len()).collect();
    // The sort is stable, so equal remainders keep the order of their indices.
    order.sort_by(|&left, &right| shares[right].fract().total_cmp(&shares[left].fract()));
    let left_over = total_count.saturating_sub(counts.iter().sum());
    for &arm in order.iter().take(left_over) {
        counts[arm] += 1;
    }
    Ok(counts)
}

/// The share of each arm among all episodes of these runs.
pub fn pooled_frequencies(runs: &[&[usize]], n_arms: usize) -> Result<Vec<f64>, OpenLoopError> {
    let mut counts = vec![0u64; n_arms];
    for &arm in runs.iter().copied().flatten() {
        *counts.get_mut(arm).ok_or(OpenLoopError::SourceArm { arm, n_arms })? += 1;
    }
    let total: u64 = counts.iter().sum();
    if total == 0 {
        return Err(OpenLoopError::NoSource);
    }
    Ok(counts.into_iter().map(|count| count as f64 / total as f64).collect())
}

/// The schedule seed of a run in a study: the lower 31 bits of the first eight bytes of the SHA-256 of `base:run id`.
pub fn schedule_seed(base: u64, run_id: &str) -> u64 {
    let digest = Sha256::digest(format!("{base}:{run_id}").as_bytes());
    let head = digest.iter().take(8).fold(0u64, |value, &byte| (value << 8) | u64::from(byte));
    head & 0x7fff_ffff
}
