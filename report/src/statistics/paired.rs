//! Two methods on the same seeds.

use statrs::distribution::{ContinuousCDF, StudentsT};
use statrs::function::gamma::ln_gamma;

use super::power::seeds_needed;
use super::wilcoxon::{SignedRankTest, wilcoxon_signed_rank};
use super::{Interval, LEVEL, MeanSd, bootstrap_interval, t_interval};

/// Student's t.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct TTest {
    pub t: f64,
    /// Degrees of freedom.
    pub degrees: usize,
    pub p: f64,
}

/// Who was better how often.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Wins {
    /// Pairs in which the first is larger.
    pub wins: usize,
    /// Pairs without a difference.
    pub ties: usize,
    /// Pairs in which the first is smaller.
    pub losses: usize,
}

/// Everything about one comparison. The numbers have the unit of the samples.
#[derive(Debug, Clone, PartialEq)]
pub struct PairedComparison {
    /// The differences, first minus second, pair by pair.
    pub differences: Vec<f64>,
    /// Their mean and standard deviation.
    pub summary: MeanSd,
    /// The percentile bootstrap of their mean, 95 %; none of a single pair.
    pub bootstrap: Option<Interval>,
    /// Student's interval of their mean, 95 %; none of a single pair.
    pub student: Option<Interval>,
    /// The paired t test; none of a single pair, nor when all differences are equal.
    pub t_test: Option<TTest>,
    /// Wilcoxon's test; none when no pair differs.
    pub signed_rank: Option<SignedRankTest>,
    /// Cohen's d_z; none as for the t test.
    pub d_z: Option<f64>,
    /// d_z with Hedges' correction for small samples; none below three pairs.
    pub hedges_g: Option<f64>,
    /// Who was better how often.
    pub wins: Wins,
    /// The pairs that a t test needs to find an effect of this size; none where there is no d_z, or no number will do.
    pub seeds_needed: Option<usize>,
}

/// Compares two samples that are aligned pair by pair. None when they differ in length or are empty.
pub fn compare(first: &[f64], second: &[f64]) -> Option<PairedComparison> {
    if first.len() != second.len() {
        return None;
    }
    let differences: Vec<f64> = first.iter().zip(second).map(|(a, b)| a - b).collect();
    let d_z = cohen_d_z(&differences);
    Some(PairedComparison {
        summary: MeanSd::of(&differences)?,
        bootstrap: bootstrap_interval(&differences),
        student: t_interval(&differences, LEVEL),
        t_test: paired_t_test(&differences),
        signed_rank: wilcoxon_signed_rank(&differences),
        d_z,
        hedges_g: d_z.zip(hedges_correction(differences.len().saturating_sub(1))).map(|(d, correction)| d * correction),
        wins: wins(&differences),
        seeds_needed: d_z.and_then(seeds_needed),
        differences,
    })
}

/// Student's t test of paired differences: `t = mean / (sd / sqrt(n))`, two-sided, `n - 1` degrees of freedom (Student,
/// 1908). None below two pairs or without any spread.
pub fn paired_t_test(differences: &[f64]) -> Option<TTest> {
    let (summary, spread) = spread(differences)?;
    let t = summary.mean / (spread / (summary.n as f64).sqrt());
    let distribution = StudentsT::new(0.0, 1.0, (summary.n - 1) as f64).ok()?;
    Some(TTest { t, degrees: summary.n - 1, p: (2.0 * distribution.sf(t.abs())).min(1.0) })
}

/// The summary of differences that have a spread; what the last bits of equal ones differ in is none.
fn spread(differences: &[f64]) -> Option<(MeanSd, f64)> {
    let summary = MeanSd::of(differences)?;
    let largest = differences.iter().map(|difference| difference.abs()).fold(0.0, f64::max);
    summary.sd.filter(|sd| *sd > 1e-12 * largest).map(|sd| (summary, sd))
}

/// Cohen's effect size of paired differences, `d_z = mean / sd` (Cohen, 1988). None below two pairs or without any spread.
pub fn cohen_d_z(differences: &[f64]) -> Option<f64> {
    spread(differences).map(|(summary, spread)| summary.mean / spread)
}

/// Hedges' exact correction of an effect size, `J(m) = Gamma(m/2) / (sqrt(m/2) Gamma((m-1)/2))` for `m` degrees of freedom
/// (Hedges, 1981). None below two.
pub fn hedges_correction(degrees: usize) -> Option<f64> {
    let half = degrees as f64 / 2.0;
    (degrees > 1).then(|| (ln_gamma(half) - ln_gamma(half - 0.5)).exp() / half.sqrt())
}

/// Counts wins, ties and losses.
pub fn wins(differences: &[f64]) -> Wins {
    let count = |of: fn(&f64) -> bool| differences.iter().filter(|difference| of(difference)).count();
    Wins { wins: count(|d| *d > 0.0), ties: count(|d| *d == 0.0), losses: count(|d| *d < 0.0) }
}

/// Holm's step-down correction of p-values (Holm, 1979): the k-th smallest of `m` times `m - k + 1`, never below the one
/// before it, at most 1. What is not there is not counted, and stays away.
pub fn holm(p_values: &[Option<f64>]) -> Vec<Option<f64>> {
    let mut order: Vec<(usize, f64)> =
        p_values.iter().enumerate().filter_map(|(index, p)| Some((index, (*p)?))).collect();
    order.sort_by(|(_, a), (_, b)| a.total_cmp(b));
    let mut corrected = vec![None; p_values.len()];
    let mut floor: f64 = 0.0;
    for (place, (index, p)) in order.iter().enumerate() {
        floor = floor.max(p * (order.len() - place) as f64).min(1.0);
        corrected[*index] = Some(floor);
    }
    corrected
}
