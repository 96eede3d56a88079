//! The standard normal distribution.

use std::f64::consts::{PI, SQRT_2};

/// Density at a value.
pub(super) fn density(value: f64) -> f64 {
    libm::exp(-0.5 * value * value) / libm::sqrt(2.0 * PI)
}

/// Probability below a value.
pub(crate) fn probability(value: f64) -> f64 {
    0.5 * libm::erfc(-value / SQRT_2)
}

/// The value below which this probability lies: Acklam's rational approximation, then one step of Halley's method.
pub fn quantile(probability_below: f64) -> f64 {
    let p = probability_below.clamp(1e-300, 1.0 - f64::EPSILON / 2.0);
    let first = approximation(p);
    let error = (probability(first) - p) / density(first);
    first - error / (1.0 + 0.5 * first * error)
}

#[expect(clippy::excessive_precision, reason = "as published")]
fn approximation(p: f64) -> f64 {
    const A: [f64; 6] = [
        -3.969683028665376e+01,
        2.209460984245205e+02,
        -2.759285104469687e+02,
        1.383577518672690e+02,
        -3.066479806614716e+01,
        2.506628277459239e+00,
    ];
    const B: [f64; 6] = [
        -5.447609879822406e+01,
        1.615858368580409e+02,
        -1.556989798598866e+02,
        6.680131188771972e+01,
        -1.328068155288572e+01,
        1.0,
    ];
    const C: [f64; 6] = [
        -7.784894002430293e-03,
        -3.223964580411365e-01,
        -2.400758277161838e+00,
        -2.549732539343734e+00,
        4.374664141464968e+00,
        2.938163982698783e+00,
    ];
    const D: [f64; 5] =
        [7.784695709041462e-03, 3.224671290700398e-01, 2.445134137142996e+00, 3.754408661907416e+00, 1.0];
    const TAIL: f64 = 0.02425;
    let polynomial = |factors: &[f64], at: f64| factors.iter().fold(0.0, |sum, factor| sum * at + factor);
    let tail = |p: f64| {
        let at = libm::sqrt(-2.0 * libm::log(p));
        polynomial(&C, at) / polynomial(&D, at)
    };
    if p < TAIL {
        tail(p)
    } else if p > 1.0 - TAIL {
        -tail(1.0 - p)
    } else {
        let at = p - 0.5;
        at * polynomial(&A, at * at) / polynomial(&B, at * at)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// SciPy 1.17: `scipy.stats.norm.ppf`.
    #[test]
    fn quantiles_are_those_of_scipy() {
        for (p, expected) in [
            (0.5, 0.0),
            (0.975, 1.959963984540054),
            (0.84, 0.994457883209753),
            (0.01, -2.3263478740408408),
            (1e-10, -6.361340902404056),
            (0.3, -0.5244005127080409),
        ] {
            let found = quantile(p);
            assert!((found - expected).abs() <= 1e-13 * (1.0 + expected.abs()), "{p}: {found}, not {expected}");
            assert!((probability(found) - p).abs() < 1e-14);
        }
    }
}
