//! Is the noise standard normal, and independent across elements, parameters, steps and seeds?
//!
//! Every bound is five standard errors of the statistic under the null hypothesis. The draws are fixed, so the tests
//! either always pass or never do.

use super::{NoiseKey, TILE};

/// Numbers in a sample; a multiple of a tile.
const SAMPLE: usize = 1 << 22;

fn sample(seed: u64, parameter: u32, step: u64, length: usize) -> Vec<f32> {
    let key = NoiseKey { seed, parameter, step };
    (0..length / TILE).flat_map(|tile| key.tile(tile as u32)).collect()
}

/// The standard normal distribution function: Numerical Recipes' `erfcc`, relative error below 1.2e-7.
fn normal_cdf(value: f64) -> f64 {
    let x = value.abs() / std::f64::consts::SQRT_2;
    let t = 1.0 / (1.0 + 0.5 * x);
    let coefficients = [
        0.170_872_77,
        -0.822_152_23,
        1.488_515_87,
        -1.135_203_98,
        0.278_868_07,
        -0.186_288_06,
        0.096_784_18,
        0.374_091_96,
        1.000_023_68,
    ];
    let exponent = coefficients.iter().fold(0.0, |sum, coefficient| sum * t + coefficient) * t - 1.265_512_23;
    let tail = 0.5 * t * (exponent - x * x).exp();
    if value < 0.0 { tail } else { 1.0 - tail }
}

/// Correlation of two samples with mean 0 and variance 1.
fn correlation(first: &[f32], second: &[f32]) -> f64 {
    let sum: f64 = first.iter().zip(second).map(|(a, b)| f64::from(*a) * f64::from(*b)).sum();
    sum / first.len().min(second.len()) as f64
}

fn assert_uncorrelated(first: &[f32], second: &[f32], what: &str) {
    let bound = 5.0 / (first.len().min(second.len()) as f64).sqrt();
    let direct = correlation(first, second);
    assert!(direct.abs() < bound, "{what}: correlation {direct}, bound {bound}");
    // (x^2 - 1) / sqrt(2) has mean 0 and variance 1 too: a common scale would show here.
    let scale = |sample: &[f32]| -> Vec<f32> {
        sample.iter().map(|value| (value * value - 1.0) * std::f32::consts::FRAC_1_SQRT_2).collect()
    };
    let squares = correlation(&scale(first), &scale(second));
    assert!(squares.abs() < bound, "{what}: correlation of squares {squares}, bound {bound}");
}

#[test]
fn the_first_four_moments_are_normal() {
    for (seed, parameter, step) in [(0, 0, 0), (1, 61, 123_456), (u64::MAX, 3, u64::MAX)] {
        let sample = sample(seed, parameter, step, SAMPLE);
        let count = SAMPLE as f64;
        let moment = |power: i32| sample.iter().map(|v| f64::from(*v).powi(power)).sum::<f64>() / count;
        let moments = [moment(1), moment(2), moment(3), moment(4)];
        // Variances of x, x^2, x^3, x^4 for a standard normal x.
        for ((found, expected), variance) in moments.iter().zip([0.0, 1.0, 0.0, 3.0]).zip([1.0, 2.0, 15.0, 96.0]) {
            let bound = 5.0 * f64::sqrt(variance / count);
            assert!((found - expected).abs() < bound, "seed {seed}: moments {moments:?}");
        }
    }
}

/// Chi-square over 256 equally likely bins: mean 255, standard deviation 22.6.
#[test]
fn the_distribution_is_normal() {
    for seed in [0, 1, 0x1234_5678_9abc_def0] {
        let mut counts = [0_u32; 256];
        for value in sample(seed, 0, 0, SAMPLE) {
            counts[((normal_cdf(f64::from(value)) * 256.0) as usize).min(255)] += 1;
        }
        let expected = SAMPLE as f64 / 256.0;
        let chi_square: f64 = counts.iter().map(|count| (f64::from(*count) - expected).powi(2) / expected).sum();
        assert!((chi_square - 255.0).abs() < 5.0 * 22.6, "seed {seed}: chi-square {chi_square}");
    }
}

/// Beyond 3, 4 and 5 sigma there are as many as there should be, on each side.
#[test]
fn the_tails_are_there() {
    let sample = sample(7, 1, 2, 4 * SAMPLE);
    for limit in [3.0, 4.0, 5.0] {
        let expected = normal_cdf(-limit) * sample.len() as f64;
        for sign in [1.0, -1.0] {
            let found = sample.iter().filter(|value| sign * f64::from(**value) > limit).count() as f64;
            assert!((found - expected).abs() < 5.0 * expected.sqrt(), "beyond {limit}: {found}, expected {expected}");
        }
    }
    assert!(sample.iter().any(|value| value.abs() > 5.0));
}

#[test]
fn elements_are_uncorrelated() {
    let sample = sample(0, 0, 0, SAMPLE);
    // Neighbours, the partner of the Box-Muller pair, the other pairs of the block, and the next tile.
    for lag in [1, 2, 64, 128, 192, 256, 16_384] {
        assert_uncorrelated(&sample[lag..], &sample[..SAMPLE - lag], &format!("lag {lag}"));
    }
}

#[test]
fn parameters_steps_and_seeds_are_uncorrelated() {
    let base = sample(0, 0, 0, SAMPLE);
    for (seed, parameter, step) in
        [(0, 1, 0), (0, 2, 0), (0, 0, 1), (0, 0, 1 << 32), (0, 1, 1), (1, 0, 0), (1 << 32, 0, 0), (1, 1, 1)]
    {
        let other = sample(seed, parameter, step, SAMPLE);
        assert_uncorrelated(&base, &other, &format!("seed {seed}, parameter {parameter}, step {step}"));
        // The reference's fault: the same stream under another name, perhaps shifted.
        assert_ne!(base[..TILE], other[..TILE]);
    }
}

/// What the noise of an element is, for good: a checkpoint resumed by a later version must draw the same.
///
/// The numbers were checked against Philox and Box-Muller in double precision, written anew in Python: within 2e-7.
#[test]
fn the_numbers_never_change() {
    let tile = NoiseKey { seed: 0x0123_4567_89ab_cdef, parameter: 5, step: 0x0001_0000_0002 }.tile(3);
    let found = [0, 1, 63, 64, 128, 192, 255].map(|element: usize| tile[element].to_bits());
    let expected = [0x3f6b_1e53, 0xbf04_1f32, 0x3fdd_8ea1, 0xbdc7_5512, 0x3f58_fd44, 0x3fb6_2441, 0xbf85_86f7];
    assert_eq!(found, expected, "{found:#010x?}");
}
