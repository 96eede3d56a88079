//! One sample: mean, spread, percentiles, and intervals of the mean.

use aees_control::rng::NumpyGenerator;
use statrs::distribution::{Binomial, ContinuousCDF, DiscreteCDF, StudentsT};

/// Resamples of the bootstrap, as in the reference.
const RESAMPLES: usize = 10_000;
/// Seed of the bootstrap's generator, as in the reference.
const BOOTSTRAP_SEED: u64 = 0;

/// The level of the intervals that reports show.
pub const LEVEL: f64 = 0.95;

/// Two ends.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Interval {
    pub low: f64,
    pub high: f64,
}

/// A sample in short.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct MeanSd {
    /// How many numbers.
    pub n: usize,
    pub mean: f64,
    /// Their sample standard deviation; none of a single number.
    pub sd: Option<f64>,
}

impl MeanSd {
    /// Of a sample; none of an empty one.
    pub fn of(sample: &[f64]) -> Option<Self> {
        Some(Self { n: sample.len(), mean: mean(sample)?, sd: sample_sd(sample) })
    }

    /// Student's interval of the mean, `mean +- t * sd / sqrt(n)` with `n - 1` degrees of freedom (Student, 1908). `level`
    /// lies between 0 and 1. None below two numbers.
    pub fn t_interval(&self, level: f64) -> Option<Interval> {
        let half = t_quantile(level, self.n as f64 - 1.0) * self.sd? / (self.n as f64).sqrt();
        Some(Interval { low: self.mean - half, high: self.mean + half })
    }
}

/// The arithmetic mean. None of an empty sample.
pub fn mean(sample: &[f64]) -> Option<f64> {
    (!sample.is_empty()).then(|| sample.iter().sum::<f64>() / sample.len() as f64)
}

/// The sample standard deviation, `sqrt(sum (x - mean)^2 / (n - 1))`. None below two numbers: one number has no spread.
pub fn sample_sd(sample: &[f64]) -> Option<f64> {
    let centre = mean(sample)?;
    let squares: f64 = sample.iter().map(|value| (value - centre).powi(2)).sum();
    (sample.len() > 1).then(|| (squares / (sample.len() - 1) as f64).sqrt())
}

/// A percentile, `percent` from 0 to 100, with linear interpolation between the neighbours of rank `(n - 1) percent / 100`
/// (NumPy's default; type 7 of Hyndman and Fan, 1996). The sample must be sorted. None of an empty one.
pub fn percentile(sorted: &[f64], percent: f64) -> Option<f64> {
    let rank = (sorted.len().checked_sub(1)?) as f64 * (percent / 100.0).clamp(0.0, 1.0);
    let (below, share) = (rank.floor() as usize, rank.fract());
    let (low, high) = (sorted[below], sorted[(below + 1).min(sorted.len() - 1)]);
    // NumPy's own way of interpolating, which starts at the nearer end.
    Some(if share >= 0.5 { high - (high - low) * (1.0 - share) } else { low + (high - low) * share })
}

/// An interval that holds the median of what was sampled with at least this level, whatever its distribution: the two order
/// statistics that a binomial count of one half leaves. None of so few numbers that all of them are not enough.
pub fn median_interval(sample: &[f64], level: f64) -> Option<Interval> {
    let mut sorted = sample.to_vec();
    sorted.sort_by(f64::total_cmp);
    let count = Binomial::new(0.5, sorted.len() as u64).ok()?;
    let below = usize::try_from(count.inverse_cdf((1.0 - level) / 2.0)).ok()?;
    let low = *sorted.get(below.checked_sub(1)?)?;
    let high = *sorted.get(sorted.len().checked_sub(below)?)?;
    Some(Interval { low, high })
}

/// [`MeanSd::t_interval`] of a sample.
pub fn t_interval(sample: &[f64], level: f64) -> Option<Interval> {
    MeanSd::of(sample)?.t_interval(level)
}

/// The two-sided quantile of Student's t: this far from zero lies `level` of it. Infinite when there are no degrees of
/// freedom.
pub fn t_quantile(level: f64, degrees: f64) -> f64 {
    let distribution = StudentsT::new(0.0, 1.0, degrees);
    distribution.map_or(f64::INFINITY, |distribution| distribution.inverse_cdf(0.5 + level / 2.0))
}

/// The percentile bootstrap of the mean (Efron, 1979), the reference's to the last draw: 10,000 resamples with
/// `numpy.random.default_rng(0).integers(0, n, (10000, n))`, percentiles 2.5 and 97.5. None of fewer than two
/// numbers: one tells nothing of a spread.
pub fn bootstrap_interval(sample: &[f64]) -> Option<Interval> {
    let mut generator = NumpyGenerator::new(BOOTSTRAP_SEED);
    let n = sample.len();
    if n < 2 {
        return None;
    }
    let mut resampled = || -> f64 { (0..n).map(|_| sample[generator.integers(n as u64) as usize]).sum::<f64>() };
    let mut means: Vec<f64> = (0..RESAMPLES).map(|_| resampled() / n as f64).collect();
    means.sort_by(f64::total_cmp);
    Some(Interval { low: percentile(&means, 2.5)?, high: percentile(&means, 97.5)? })
}
