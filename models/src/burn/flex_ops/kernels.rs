//! The loops of [`flex_ops`](super) on plain slices: no tensors, no autodiff.
//!
//! The compiler vectorises them; `pulp` compiles each once for every instruction set and picks one at run time. They use
//! plain products and sums, never fused ones, and sum in an order that depends neither on the instruction set nor on the
//! number of threads, so that every machine gives the same bits.

use pulp::Arch;
use rayon::prelude::*;

/// Elements that one thread takes at a time: 64 KiB of each operand.
const CHUNK: usize = 1 << 14;

/// Columns that one thread sums at a time.
const COLUMNS: usize = 64;

// ---------------------------------------------------------------------------------------------------------------- GELU

/// Abramowitz and Stegun, "Handbook of Mathematical Functions", 7.1.26: with `t = 1 / (1 + P z)`, the error function is
/// `1 - (A[0] t + ... + A[4] t^5) exp(-z^2)` for `z >= 0`, off by at most 1.5e-7.
const P: f32 = 0.327_591_1;
const A: [f32; 5] = [0.254_829_6, -0.284_496_75, 1.421_413_8, -1.453_152, 1.061_405_4];

/// `x Phi(x)` with the standard normal distribution function `Phi`.
pub(super) fn gelu(x: &[f32], out: &mut [f32]) {
    let arch = Arch::new();
    out.par_chunks_mut(CHUNK).zip(x.par_chunks(CHUNK)).for_each(|(out, x)| {
        arch.dispatch(|| {
            for (out, &x) in out.iter_mut().zip(x) {
                *out = x * normal(x).0;
            }
        });
    });
}

/// `gradient (Phi(x) + x phi(x))`, written over the gradient.
pub(super) fn gelu_backward(x: &[f32], gradient: &mut [f32]) {
    let arch = Arch::new();
    gradient.par_chunks_mut(CHUNK).zip(x.par_chunks(CHUNK)).for_each(|(gradient, x)| {
        arch.dispatch(|| {
            for (gradient, &x) in gradient.iter_mut().zip(x) {
                let (distribution, density) = normal(x);
                *gradient *= distribution + x * density;
            }
        });
    });
}

/// Distribution function and density of the standard normal distribution. They share their exponential.
#[inline(always)]
fn normal(x: f32) -> (f32, f32) {
    const DENSITY_AT_0: f32 = 0.398_942_3; // 1 / sqrt(2 pi)
    let exponential = exp_of_negative(-0.5 * x * x);
    let t = 1.0 / (1.0 + P * std::f32::consts::FRAC_1_SQRT_2 * x.abs());
    let polynomial = ((((A[4] * t + A[3]) * t + A[2]) * t + A[1]) * t + A[0]) * t;
    let upper_tail = 0.5 * polynomial * exponential; // 1 - Phi(|x|)
    let distribution = if x < 0.0 { upper_tail } else { 1.0 - upper_tail };
    (distribution, DENSITY_AT_0 * exponential)
}

/// `exp(y)` for `y <= 0`, to a few units in the last place; below -87 it stays at exp(-87), 1.6e-38.
#[inline(always)]
fn exp_of_negative(y: f32) -> f32 {
    /// Adding 1.5 * 2^23 rounds to an integer, which is then the low bits of the sum.
    const ROUND: f32 = 12_582_912.0;
    /// ln 2 in two parts; the first has so few bits that its products with small integers are exact.
    const LN_2_HIGH: f32 = 0.693_359_4;
    const LN_2_LOW: f32 = -2.121_944_4e-4;

    let y = if y < -87.0 { -87.0 } else { y };
    let rounded = y * std::f32::consts::LOG2_E + ROUND;
    let power = rounded - ROUND;
    let rest = y - power * LN_2_HIGH - power * LN_2_LOW; // at most ln(2) / 2 away from 0
    // Taylor's series to the seventh power; the eighth term is below 6e-9.
    let mut sum = 1.0 / 5040.0;
    for inverse_factorial in [1.0 / 720.0, 1.0 / 120.0, 1.0 / 24.0, 1.0 / 6.0, 0.5, 1.0, 1.0] {
        sum = sum * rest + inverse_factorial;
    }
    // 2^power times the sum: an addition to its exponent.
    f32::from_bits(sum.to_bits().wrapping_add(rounded.to_bits() << 23))
}

// -------------------------------------------------------------------------------------------------------------- linear

/// Adds `bias` to each row of `out`.
pub(super) fn add_bias(out: &mut [f32], bias: &[f32]) {
    let arch = Arch::new();
    out.par_chunks_mut(bias.len()).with_min_len(rows_of(bias.len())).for_each(|out| {
        arch.dispatch(|| {
            for (out, &bias) in out.iter_mut().zip(bias) {
                *out += bias;
            }
        });
    });
}

fn rows_of(width: usize) -> usize {
    CHUNK.div_ceil(width)
}

/// The sum of each column of a `[rows, width]` matrix.
pub(super) fn column_sums(matrix: &[f32], width: usize) -> Vec<f32> {
    columns(width, |first, out| {
        for row in matrix.chunks(width) {
            for (out, &value) in out.iter_mut().zip(&row[first..]) {
                *out += value;
            }
        }
    })
}

/// Fills `width` sums, [`COLUMNS`] at a time: `add(first, sums)` adds every row to those that start at `first`.
fn columns(width: usize, add: impl Fn(usize, &mut [f32]) + Sync) -> Vec<f32> {
    let arch = Arch::new();
    let mut sums = vec![0.0; width];
    sums.par_chunks_mut(COLUMNS).enumerate().for_each(|(block, sums)| {
        // On the stack, so that the compiler can keep it in registers.
        let mut block_sums = [0.0; COLUMNS];
        let block_sums = &mut block_sums[..sums.len()];
        arch.dispatch(|| add(block * COLUMNS, block_sums));
        sums.copy_from_slice(block_sums);
    });
    sums
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_normal_distribution_is_as_good_as_single_precision_needs() {
        // Phi and phi from a table in double precision.
        let table = [
            (0.0, 0.5, 0.398_942_280_4),
            (0.5, 0.691_462_461_3, 0.352_065_326_8),
            (1.0, 0.841_344_746_1, 0.241_970_724_5),
            (2.0, 0.977_249_868_1, 0.053_990_966_5),
            (4.0, 0.999_968_328_8, 0.000_133_830_2),
        ];
        for (x, distribution, density) in table {
            for (x, distribution) in [(x, distribution), (-x, 1.0 - distribution)] {
                let found = normal(x as f32);
                assert!((f64::from(found.0) - distribution).abs() < 2e-7, "Phi({x}) = {}", found.0);
                assert!((f64::from(found.1) - density).abs() < 1e-7, "phi({x}) = {}", found.1);
            }
        }
        for x in [9.0f32, 15.0, 1e3, 1e30, f32::INFINITY] {
            assert_eq!(normal(x).0, 1.0);
            assert!(normal(-x).0 < 1e-18);
        }
        assert!(normal(f32::NAN).0.is_nan());
    }

    #[test]
    fn the_exponential_is_right_over_its_range() {
        for step in 0..87_000 {
            let y = -f64::from(step) / 1000.0;
            let (found, expected) = (f64::from(exp_of_negative(y as f32)), f64::from(y as f32).exp());
            assert!((found / expected - 1.0).abs() < 4e-7, "exp({y}) = {found:e}, not {expected:e}");
        }
    }

    #[test]
    fn column_sums_take_every_row_once() {
        let matrix: Vec<f32> = (0..3 * 130).map(|i| i as f32).collect();
        let expected: Vec<f32> = (0..130).map(|column| (3 * column + 3 * 130) as f32).collect();
        assert_eq!(column_sums(&matrix, 130), expected);
    }

    #[test]
    fn the_gradient_of_gelu_is_its_slope() {
        let x: Vec<f32> = (-600..=600).map(|step| step as f32 / 100.0).collect();
        let shifted = |by: f32| {
            let mut out = vec![0.0; x.len()];
            gelu(&x.iter().map(|x| x + by).collect::<Vec<_>>(), &mut out);
            out
        };
        let mut slopes = vec![2.0; x.len()];
        gelu_backward(&x, &mut slopes);
        for ((above, below), slope) in shifted(0.01).iter().zip(shifted(-0.01)).zip(slopes) {
            assert!(((above - below) / 0.02 - slope / 2.0).abs() < 1e-4);
        }
    }
}
