//! What an episode is worth: how far the logarithm of its smoothed loss fell, less a penalty for an unsteady loss.
//!
//! The formula, the order of the sums and the order of the checks are the reference's (pulseopt 0.3.0), so that rewards
//! agree to the bit. That takes the same `ln` and `pow` as well: both come from the platform's C library, here as there.

use std::hint::black_box;

use serde::{Deserialize, Serialize};
use thiserror::Error;

/// The parameters of the reward. The defaults are the reference's.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct RewardConfig {
    /// Added to losses before the logarithm and to the squared mean loss before dividing; positive.
    pub epsilon: f64,
    /// Weight of the instability penalty; not negative.
    pub instability_lambda: f64,
    /// Smallest reward.
    pub clip_min: f64,
    /// Largest reward.
    pub clip_max: f64,
}

impl Default for RewardConfig {
    fn default() -> Self {
        Self { epsilon: 1e-8, instability_lambda: 0.0, clip_min: -1.0, clip_max: 1.0 }
    }
}

/// A reward that cannot be configured or computed.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum RewardError {
    /// Epsilon is not positive.
    #[error("reward_epsilon must be positive.")]
    Epsilon,
    /// The weight of the penalty is negative.
    #[error("reward_instability_lambda must be non-negative.")]
    InstabilityLambda,
    /// The bounds are in the wrong order.
    #[error("reward_clip_min must be <= reward_clip_max.")]
    ClipOrder,
    /// A parameter is `nan` or infinite. The reference lets some of these pass.
    #[error("{0} must be finite.")]
    ParameterNotFinite(&'static str),
    /// The episode has no smoothed loss.
    #[error("{0} must be populated.")]
    Missing(&'static str),
    /// A smoothed loss is `nan` or infinite.
    #[error("{0} must be finite.")]
    NotFinite(&'static str),
    /// The episode has no steps.
    #[error("Episode summary must contain at least one completed step.")]
    NoSteps,
    /// The episode has no step losses.
    #[error("Episode summary must contain raw step losses.")]
    NoLosses,
    /// A step loss is `nan` or infinite.
    #[error("step_losses must contain only finite values.")]
    LossNotFinite,
    /// The logarithm of a smoothed loss does not exist.
    #[error("{0} + reward_epsilon must be positive for log reward.")]
    LossNotPositive(&'static str),
    /// The losses are so large that their variance overflows, where Python raises an `OverflowError`.
    #[error("step_losses are too large: the reward is not a finite float.")]
    Overflow,
}

/// What a reward is computed from.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct EpisodeLosses<'a> {
    /// Smoothed loss at the first step.
    pub ema_loss_start: Option<f64>,
    /// Smoothed loss at the last step.
    pub ema_loss_end: Option<f64>,
    /// Completed steps.
    pub steps: usize,
    /// The loss of every step.
    pub step_losses: &'a [f64],
}

/// A reward and the parts it is made of.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct RewardBreakdown {
    /// Fall of the logarithm of the smoothed loss.
    pub reward_base: f64,
    /// Variance of the step losses over their squared mean.
    pub reward_instability: f64,
    /// Instability times its weight.
    pub reward_penalty: f64,
    /// Base less penalty.
    pub reward_final_unclipped: f64,
    /// The reward: the same within its bounds.
    pub reward_final_clipped: f64,
}

/// The first and the last value of an exponential moving average of these losses that starts at the first; `None` for no
/// losses.
pub fn loss_ema(losses: &[f64], alpha: f64) -> Option<(f64, f64)> {
    let (&start, later) = losses.split_first()?;
    let end = later.iter().fold(start, |ema, loss| alpha * loss + (1.0 - alpha) * ema);
    Some((start, end))
}

impl RewardConfig {
    /// Checks the ranges, in the reference's order.
    pub fn validate(&self) -> Result<(), RewardError> {
        if self.epsilon <= 0.0 {
            return Err(RewardError::Epsilon);
        }
        if self.instability_lambda < 0.0 {
            return Err(RewardError::InstabilityLambda);
        }
        if self.clip_min > self.clip_max {
            return Err(RewardError::ClipOrder);
        }
        for (value, name) in [
            (self.epsilon, "reward_epsilon"),
            (self.instability_lambda, "reward_instability_lambda"),
            (self.clip_min, "reward_clip_min"),
            (self.clip_max, "reward_clip_max"),
        ] {
            if !value.is_finite() {
                return Err(RewardError::ParameterNotFinite(name));
            }
        }
        Ok(())
    }

    /// The reward of an episode.
    pub fn compute(&self, episode: &EpisodeLosses<'_>) -> Result<RewardBreakdown, RewardError> {
        let start = finite("ema_loss_start", episode.ema_loss_start)?;
        let end = finite("ema_loss_end", episode.ema_loss_end)?;
        if episode.steps == 0 {
            return Err(RewardError::NoSteps);
        }
        if episode.step_losses.is_empty() {
            return Err(RewardError::NoLosses);
        }
        if !episode.step_losses.iter().all(|loss| loss.is_finite()) {
            return Err(RewardError::LossNotFinite);
        }
        let base = self.base(start, end)?;
        let losses = episode.step_losses;
        let mean = losses.iter().fold(0.0, |sum, loss| sum + loss) / losses.len() as f64;
        let (_, squares) = ema_and_squares(losses, 1.0, mean);
        self.finish(base, squares / losses.len() as f64, mean)
    }

    /// The end of the smoothed loss, and the reward, of finite losses whose left-to-right sum is known.
    pub(crate) fn smooth_and_compute(
        &self,
        losses: &[f64],
        loss_sum: f64,
        ema_alpha: f64,
    ) -> (f64, Result<RewardBreakdown, RewardError>) {
        let Some(&start) = losses.first() else {
            return (0.0, Err(RewardError::NoLosses));
        };
        let mean = loss_sum / losses.len() as f64;
        let (end, squares) = ema_and_squares(losses, ema_alpha, mean);
        let breakdown = self.base(start, end).and_then(|base| self.finish(base, squares / losses.len() as f64, mean));
        (end, breakdown)
    }

    fn base(&self, ema_start: f64, ema_end: f64) -> Result<f64, RewardError> {
        Ok(self.log_loss("ema_loss_start", ema_start)? - self.log_loss("ema_loss_end", ema_end)?)
    }

    fn finish(&self, base: f64, variance: f64, mean: f64) -> Result<RewardBreakdown, RewardError> {
        let instability = variance / (mean * mean + self.epsilon);
        let penalty = self.instability_lambda * instability;
        let unclipped = base - penalty;
        if !(instability.is_finite() && unclipped.is_finite()) {
            return Err(RewardError::Overflow);
        }
        Ok(RewardBreakdown {
            reward_base: base,
            reward_instability: instability,
            reward_penalty: penalty,
            reward_final_unclipped: unclipped,
            reward_final_clipped: self.clip(unclipped),
        })
    }

    /// Python's `min(max(value, low), high)`: on a tie, also between the two zeros, the value stays.
    fn clip(&self, value: f64) -> f64 {
        if self.clip_min > value {
            self.clip_min
        } else if self.clip_max < value {
            self.clip_max
        } else {
            value
        }
    }

    fn log_loss(&self, name: &'static str, loss: f64) -> Result<f64, RewardError> {
        let shifted = loss + self.epsilon;
        if shifted > 0.0 { Ok(shifted.ln()) } else { Err(RewardError::LossNotPositive(name)) }
    }
}

fn finite(name: &'static str, value: Option<f64>) -> Result<f64, RewardError> {
    let value = value.ok_or(RewardError::Missing(name))?;
    if value.is_finite() { Ok(value) } else { Err(RewardError::NotFinite(name)) }
}

/// The end of the smoothed loss and the sum of squared deviations from the mean; sums run from left to right, as Python's
/// did before 3.12.
///
/// One pass for both, in blocks: the squares of a block are computed side by side while the two chains of dependent
/// additions, whose order is fixed, go on.
fn ema_and_squares(losses: &[f64], ema_alpha: f64, mean: f64) -> (f64, f64) {
    const BLOCK: usize = 8;
    let Some((&first, later)) = losses.split_first() else {
        return (0.0, 0.0);
    };
    let smooth = |ema: f64, loss: f64| ema_alpha * loss + (1.0 - ema_alpha) * ema;
    let mut ema = first;
    let mut sum = square_by_pow(first - mean);
    let (blocks, rest) = later.as_chunks::<BLOCK>();
    for block in blocks {
        ema = block.iter().fold(ema, |ema, &loss| smooth(ema, loss));
        let deviations = block.map(|loss| loss - mean);
        let squares = deviations.map(|deviation| deviation * deviation);
        if deviations.iter().zip(squares).fold(true, |all, (&deviation, square)| all & is_pow(deviation, square)) {
            sum = squares.iter().fold(sum, |sum, square| sum + square);
        } else {
            sum = deviations.iter().fold(sum, |sum, &deviation| sum + square_by_pow(deviation));
        }
    }
    for &loss in rest {
        ema = smooth(ema, loss);
        sum += square_by_pow(loss - mean);
    }
    (ema, sum)
}

/// `pow(value, 2.0)`, which is what Python computes for `value ** 2`.
fn square_by_pow(value: f64) -> f64 {
    let square = value * value;
    // The black box keeps the compiler from replacing the call by a product.
    if is_pow(value, square) { square } else { value.powf(black_box(2.0)) }
}

/// Whether `pow(value, 2.0)` is certain to be `value * value`.
///
/// It is not always: the C library's `pow` rounds wrongly now and then, and about one square in 1,200 differs (measured,
/// glibc 2.36). By its authors' analysis its result is off by less than 0.513 units in the last place for squares between
/// 1e-20 and 1e20. So where the exact square lies within 0.485 units of the rounded product, nothing else is left to `pow`,
/// and the slow call is made for three values in a hundred only. The distance is the rounding error of the product, exact by
/// Dekker's method (1971).
#[inline]
fn is_pow(value: f64, square: f64) -> bool {
    const SPLITTER: f64 = 134_217_729.0;
    const EXPONENT_BITS: u64 = 0x7ff0_0000_0000_0000;
    const NEAR_TIE: f64 = 0.485 * f64::EPSILON;

    let scaled = SPLITTER * value;
    let high = scaled - (scaled - value);
    let low = value - high;
    let error = ((high * high - square) + 2.0 * high * low) + low * low;
    let power_of_two = f64::from_bits(square.to_bits() & EXPONENT_BITS);
    (square > 1e-20) & (square < 1e20) & (error.abs() < NEAR_TIE * power_of_two)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_shortcut_agrees_with_pow() {
        let mut state = 1u64;
        for i in 0..2_000_000u32 {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            let unit = (state >> 11) as f64 / 9_007_199_254_740_992.0;
            let value = (unit - 0.5) * 2f64.powi((i % 80) as i32 - 40);
            assert_eq!(square_by_pow(value).to_bits(), value.powf(black_box(2.0)).to_bits(), "{value}");
        }
        for value in [0.0, -0.0, 1e-200, 1e-160, 1e150, 1e200, -3.0] {
            assert_eq!(square_by_pow(value).to_bits(), value.powf(black_box(2.0)).to_bits(), "{value}");
        }
    }
}
