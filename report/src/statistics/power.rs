//! How many pairs a clear answer needs: the power of the paired t test (Cohen, 1988, chapter 2).

use statrs::distribution::{ContinuousCDF, Normal};
use statrs::function::gamma::ln_gamma;

use super::descriptive::t_quantile;

/// The level below which a difference counts as found.
const SIGNIFICANCE: f64 = 0.05;
/// The share of repetitions of the whole experiment that are to find it.
const POWER: f64 = 0.8;
/// More pairs than anybody trains.
const MOST: usize = 100_000;
/// Steps of Simpson's rule over the spread; even.
const STEPS: usize = 600;

/// The fewest pairs with which the two-sided paired t test at 0.05 finds an effect of this size with a power of 0.8. None for
/// no effect, and for one that needs more than 100,000.
pub fn seeds_needed(d_z: f64) -> Option<usize> {
    let enough = |pairs: &usize| power_of_paired_t(d_z, *pairs) >= POWER;
    let upper = (1..).map(|exponent| 1_usize << exponent).take_while(|pairs| *pairs <= MOST).find(enough)?;
    let (mut low, mut high) = (upper / 2, upper);
    while high - low > 1 {
        let middle = usize::midpoint(low, high);
        if enough(&middle) { high = middle } else { low = middle }
    }
    Some(high.max(2))
}

/// The power of the two-sided paired t test at 0.05: the probability that the noncentral t with `n - 1` degrees of freedom
/// and noncentrality `d_z sqrt(n)` lies beyond the critical values. 0 below two pairs.
pub fn power_of_paired_t(d_z: f64, pairs: usize) -> f64 {
    if pairs < 2 || !d_z.is_finite() {
        return 0.0;
    }
    let degrees = (pairs - 1) as f64;
    let critical = t_quantile(1.0 - SIGNIFICANCE, degrees);
    let shift = d_z.abs() * (pairs as f64).sqrt();
    let normal = Normal::standard();
    // Given the spread s in units of the true one, t is normal: P(|t| > c) is the mean over s of P(|z + shift| > c s).
    let beyond = |s: f64| normal.cdf(shift - critical * s) + normal.cdf(-shift - critical * s);
    // The density of s = sqrt(chi2 / degrees).
    let half = degrees / 2.0;
    let scale = half * half.ln() - ln_gamma(half) + std::f64::consts::LN_2;
    let density = |s: f64| {
        let power = if degrees > 1.0 { (degrees - 1.0) * s.ln() } else { 0.0 };
        (scale + power - half * s * s).exp()
    };
    let width = 9.0 / (2.0 * degrees).sqrt();
    let (low, high) = ((1.0 - width).max(0.0), 1.0 + width);
    let step = (high - low) / STEPS as f64;
    let weight = |at: usize| match at {
        0 | STEPS => 1.0,
        odd if odd % 2 == 1 => 4.0,
        _ => 2.0,
    };
    let point = |at: usize| {
        let s = low + step * at as f64;
        weight(at) * beyond(s) * density(s)
    };
    (0..=STEPS).map(point).sum::<f64>() * step / 3.0
}
