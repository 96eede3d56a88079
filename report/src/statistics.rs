//! The statistics of reports: pure functions over slices of numbers, each with its formula and source.
//!
//! Two methods are compared on the seeds that both have ([`compare`]): the mean of the differences with the reference's
//! bootstrap interval, Student's paired t, Wilcoxon's signed ranks, an effect size, and who won how often. Several such
//! comparisons in one table are corrected by Holm's method ([`holm`]). What a number means, and which runs it comes from, is
//! the caller's.

mod descriptive;
mod paired;
mod power;
mod wilcoxon;

pub use descriptive::{
    Interval, LEVEL, MeanSd, bootstrap_interval, mean, median_interval, percentile, sample_sd, t_interval, t_quantile,
};
pub use paired::{PairedComparison, TTest, Wins, cohen_d_z, compare, hedges_correction, holm, paired_t_test, wins};
pub use power::{power_of_paired_t, seeds_needed};
pub use wilcoxon::{SignedRankTest, wilcoxon_signed_rank};

#[cfg(test)]
mod tests;
