//! Wilcoxon's signed-rank test (Wilcoxon, 1945), two-sided.

use statrs::distribution::{ContinuousCDF, Normal};

/// Up to this many differences the p-value is exact, as in SciPy.
const EXACT_UP_TO: usize = 50;

/// The outcome of the test.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct SignedRankTest {
    /// The smaller of the two sums of ranks, as SciPy gives it.
    pub statistic: f64,
    pub p: f64,
    /// The differences that are not zero.
    pub n: usize,
}

/// Tests whether differences lie around zero. Zeros are left out (Wilcoxon's way), equal sizes share their mean rank.
///
/// Up to 50 differences the p-value is exact: the share of the `2^n` choices of signs whose rank sum is as extreme. Without
/// ties that is SciPy's exact test, with ties its permutation test, which SciPy makes up to 13 differences. Above, the
/// normal approximation with the correction for ties and none for continuity. None when every difference is zero.
pub fn wilcoxon_signed_rank(differences: &[f64]) -> Option<SignedRankTest> {
    let kept: Vec<f64> = differences.iter().copied().filter(|difference| *difference != 0.0).collect();
    if kept.is_empty() {
        return None;
    }
    let doubled = doubled_ranks(&kept);
    let total: usize = doubled.iter().sum();
    let positive: usize = kept.iter().zip(&doubled).filter(|(value, _)| **value > 0.0).map(|(_, rank)| rank).sum();
    let smaller = positive.min(total - positive);
    let p = if kept.len() <= EXACT_UP_TO { exact(&doubled, smaller) } else { approximate(&doubled, smaller) };
    Some(SignedRankTest { statistic: smaller as f64 / 2.0, p: p.min(1.0), n: kept.len() })
}

/// Twice the mean ranks of the sizes, so that ties stay whole numbers.
fn doubled_ranks(values: &[f64]) -> Vec<usize> {
    let rank = |value: &f64| {
        let smaller = values.iter().filter(|other| other.abs() < value.abs()).count();
        let equal = values.iter().filter(|other| other.abs() == value.abs()).count();
        2 * smaller + equal + 1
    };
    values.iter().map(rank).collect()
}

/// Twice the share of sign choices whose positive rank sum is at most `smaller`.
fn exact(doubled: &[usize], smaller: usize) -> f64 {
    let mut ways = vec![0.0; doubled.iter().sum::<usize>() + 1];
    ways[0] = 1.0;
    for &rank in doubled {
        for sum in (rank..ways.len()).rev() {
            ways[sum] += ways[sum - rank];
        }
    }
    2.0 * ways[..=smaller].iter().sum::<f64>() / ways.iter().sum::<f64>()
}

/// The normal approximation. The variance of the rank sum is a quarter of the sum of squared ranks, which holds with ties.
fn approximate(doubled: &[usize], smaller: usize) -> f64 {
    let mean = doubled.iter().sum::<usize>() as f64 / 2.0;
    let spread = (doubled.iter().map(|rank| (rank * rank) as f64).sum::<f64>() / 4.0).sqrt();
    2.0 * Normal::standard().cdf((smaller as f64 - mean) / spread)
}
