//! The reference's reward: how far the logarithm of the smoothed loss fell, less a penalty for an unsteady loss.
//!
//! The formula, the order of the sums and the order of the checks are the reference's (pulseopt 0.3.0), so that rewards
//! agree to the bit. That takes the same `ln` and `pow` as well: both come from the platform's C library, here as there.

use std::hint::black_box;

use super::rule::{check_bounds, log_loss};
use super::{EpisodeLosses, LoggedEpisode, RewardBreakdown, RewardError, RewardRule};
use crate::list::ListEntry;
use crate::settings::{Bounds, NumberSetting, settings};

settings! {
    /// The fall of the logarithm of the smoothed loss. The defaults are the reference's.
    pub struct LogLossDrop {
        /// Added to losses before the logarithm and to the squared mean loss before dividing; positive.
        epsilon: f64 = EPSILON,
        /// Weight of the instability penalty; not negative.
        instability_lambda: f64 = INSTABILITY_LAMBDA,
        /// Smallest reward.
        clip_min: f64 = CLIP_MIN,
        /// Largest reward.
        clip_max: f64 = CLIP_MAX,
    }
}

pub(super) const EPSILON: NumberSetting = NumberSetting::real(
    "reward_epsilon",
    1e-8,
    Bounds::Positive,
    "Added to the losses inside the reward's logarithms.",
);
const INSTABILITY_LAMBDA: NumberSetting = NumberSetting::real(
    "reward_instability_lambda",
    0.0,
    Bounds::NonNegative,
    "Weight of the penalty on unsteady losses in the reward.",
);
pub(super) const CLIP_MIN: NumberSetting =
    NumberSetting::real("reward_clip_min", -1.0, Bounds::Any, "Lower end of the reward.");
pub(super) const CLIP_MAX: NumberSetting =
    NumberSetting::real("reward_clip_max", 1.0, Bounds::Any, "Upper end of the reward.");

impl ListEntry for LogLossDrop {
    const NAME: &'static str = "log-loss-drop";
    const HELP: &'static str = "How far the logarithm of the smoothed loss fell.";
}

impl RewardRule for LogLossDrop {
    fn check(&self) -> Result<(), RewardError> {
        check_bounds(self.clip_min, self.clip_max)
    }

    fn reward(&self, episode: EpisodeLosses<'_>, ema_alpha: f64) -> (f64, Result<RewardBreakdown, RewardError>) {
        let (losses, mean) = (episode.losses(), episode.mean());
        let start = losses.first().copied().unwrap_or(f64::NAN);
        let (end, squares) = ema_and_squares(losses, ema_alpha, mean);
        let breakdown = self.base(start, end).and_then(|base| {
            let instability = squares / losses.len() as f64 / (mean * mean + self.epsilon);
            let breakdown = self.breakdown(base, instability);
            let finite = instability.is_finite() && breakdown.reward_final_unclipped.is_finite();
            if finite { Ok(breakdown) } else { Err(RewardError::Overflow) }
        });
        (end, breakdown)
    }

    fn recompute(&self, logged: &LoggedEpisode) -> RewardBreakdown {
        let base = (logged.ema_start + self.epsilon).ln() - (logged.ema_end + self.epsilon).ln();
        // Without a weight the instability does not matter.
        let unknown = if self.instability_lambda == 0.0 { 0.0 } else { f64::NAN };
        self.breakdown(base, logged.instability.unwrap_or(unknown))
    }
}

impl LogLossDrop {
    fn base(&self, ema_start: f64, ema_end: f64) -> Result<f64, RewardError> {
        Ok(log_loss("ema_loss_start", ema_start, self.epsilon)? - log_loss("ema_loss_end", ema_end, self.epsilon)?)
    }

    fn breakdown(&self, base: f64, instability: f64) -> RewardBreakdown {
        let penalty = self.instability_lambda * instability;
        RewardBreakdown::new(base, instability, penalty, [self.clip_min, self.clip_max])
    }
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
