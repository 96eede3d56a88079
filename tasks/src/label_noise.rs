//! Wrong labels on purpose, bit for bit those of the reference.
//!
//! The CIFAR-100 protocol: `k = round(n * rate)` with Python's rounding (halves to even); the indices `0..n` are shuffled by
//! CPython's `random.Random(seed)` with the run's seed, and the first `k` of them, in that order, are corrupted. Symmetric
//! noise draws one of the other classes from the same generator, asymmetric noise takes the next class of a cycle (for
//! CIFAR-100 the fine classes of a superclass). The whole is a function of (labels, type, rate, seed).
//!
//! The AG News protocol: symmetric only, with a seed of its own. `Random.sample` picks the `k` indices, which are then
//! corrupted in ascending order.

use aees_control::rng::PythonRandom;
use aees_run::settings::LabelNoiseType;
use serde::Serialize;

use crate::error::{DataError, DataResult};
use crate::fingerprint::labels_digest;

fn refused(reason: impl Into<String>) -> DataError {
    DataError::Setting(reason.into())
}

/// Which labels are corrupted, and how many.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct LabelNoise {
    /// The type.
    pub kind: LabelNoiseType,
    /// The share of corrupted labels that is asked for, in [0, 1].
    pub rate: f64,
}

impl LabelNoise {
    /// No noise.
    pub const NONE: Self = Self { kind: LabelNoiseType::None, rate: 0.0 };

    /// Whether any label may change.
    pub fn is_enabled(&self) -> bool {
        self.kind != LabelNoiseType::None && self.rate > 0.0
    }
}

/// What was corrupted: the content of `config.diagnostics.label_noise` of a RunResult.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct LabelNoiseReport {
    /// Symmetric or asymmetric.
    #[serde(rename = "type")]
    pub kind: LabelNoiseType,
    /// The rate asked for.
    pub rate: f64,
    /// Training examples (after `--limit-train` and `--val-split`).
    pub num_train_examples: usize,
    /// Examples that keep their label.
    pub num_clean_examples: usize,
    /// Examples with a changed label.
    pub num_corrupted_examples: usize,
    /// `num_corrupted_examples / num_train_examples`.
    pub corrupted_fraction: f64,
    /// Labels before, `[num_train_examples]`.
    pub original_targets: Vec<u32>,
    /// Labels after, `[num_train_examples]`.
    pub noisy_targets: Vec<u32>,
    /// True where the label changed, `[num_train_examples]`.
    pub corrupted_mask: Vec<bool>,
    /// The corrupted positions in the order in which they were corrupted, `[num_corrupted_examples]`: shuffle order for
    /// CIFAR-100, ascending for AG News.
    pub corrupted_indices: Vec<u32>,
    /// SHA-256 of `noisy_targets` as 4 little-endian bytes each.
    pub noisy_targets_sha256: String,
}

impl LabelNoiseReport {
    /// True where the label is as it was, `[num_train_examples]`.
    pub fn clean_mask(&self) -> Vec<bool> {
        self.corrupted_mask.iter().map(|corrupted| !corrupted).collect()
    }
}

/// Corrupts `labels` (each below `next_class.len()`). `next_class[c]` is the class that asymmetric noise turns `c` into.
///
/// Returns `None` if the noise is disabled.
///
/// # Errors
/// For a rate that rounds to no corrupted label; the reference fails here too, later and less clearly.
///
/// # Panics
/// If symmetric noise is asked for with fewer than two classes.
pub fn corrupt_labels(
    labels: &[u32],
    noise: LabelNoise,
    seed: u64,
    next_class: &[u32],
) -> DataResult<Option<LabelNoiseReport>> {
    if !noise.is_enabled() {
        return Ok(None);
    }
    let corrupted = corrupted_count(labels, noise)?;
    let mut random = PythonRandom::new(seed);
    let mut order: Vec<u32> = (0..labels.len() as u32).collect();
    random.shuffle(&mut order);
    order.truncate(corrupted);

    Ok(Some(corrupted_at(order, labels, noise, |label| match noise.kind {
        LabelNoiseType::Symmetric => another_class(&mut random, label, next_class.len()),
        _ => next_class[label as usize],
    })))
}

/// Corrupts `labels` (each below `classes`) by the AG News protocol.
///
/// Returns `None` if the noise is disabled.
///
/// # Errors
/// As [`corrupt_labels`].
///
/// # Panics
/// If there are fewer than two classes.
pub fn corrupt_sampled_labels(
    labels: &[u32],
    classes: u32,
    noise: LabelNoise,
    seed: u64,
) -> DataResult<Option<LabelNoiseReport>> {
    if !noise.is_enabled() {
        return Ok(None);
    }
    let corrupted = corrupted_count(labels, noise)?;
    let mut random = PythonRandom::new(seed);
    // It fails only where more than all are asked for, which a share cannot.
    let sample = random.sample(labels.len(), corrupted).map_err(|error| refused(error.to_string()))?;
    let mut order: Vec<u32> = sample.into_iter().map(|index| index as u32).collect();
    order.sort_unstable();
    Ok(Some(corrupted_at(order, labels, noise, |label| another_class(&mut random, label, classes as usize))))
}

/// Python's `round(n * rate)`.
fn corrupted_count(labels: &[u32], noise: LabelNoise) -> DataResult<usize> {
    let examples = labels.len();
    match (examples as f64 * noise.rate).round_ties_even() as usize {
        0 => Err(refused(format!(
            "--label-noise-rate {} of {examples} training examples corrupts none; raise it or set it to 0",
            noise.rate
        ))),
        corrupted => Ok(corrupted),
    }
}

/// Gives the labels at `order` another class each, in that order.
fn corrupted_at(
    order: Vec<u32>,
    labels: &[u32],
    noise: LabelNoise,
    mut another: impl FnMut(u32) -> u32,
) -> LabelNoiseReport {
    let mut noisy = labels.to_vec();
    for &index in &order {
        let label = &mut noisy[index as usize];
        *label = another(*label);
    }
    report(labels, noise, noisy, order)
}

/// A draw among the other classes in ascending order: skip the old one.
fn another_class(random: &mut PythonRandom, label: u32, classes: usize) -> u32 {
    let draw = random.below(classes as u64 - 1) as u32;
    draw + u32::from(draw >= label)
}

/// What was done: `labels` became `noisy`, at the positions `order`, each of them once and below `labels.len()`.
pub(crate) fn report(labels: &[u32], noise: LabelNoise, noisy: Vec<u32>, order: Vec<u32>) -> LabelNoiseReport {
    let (examples, corrupted) = (labels.len(), order.len());
    let mut mask = vec![false; examples];
    order.iter().for_each(|&index| mask[index as usize] = true);
    LabelNoiseReport {
        kind: noise.kind,
        rate: noise.rate,
        num_train_examples: examples,
        num_clean_examples: examples - corrupted,
        num_corrupted_examples: corrupted,
        corrupted_fraction: corrupted as f64 / examples as f64,
        original_targets: labels.to_vec(),
        noisy_targets_sha256: labels_digest(&noisy),
        noisy_targets: noisy,
        corrupted_mask: mask,
        corrupted_indices: order,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn half_examples_round_to_even_as_in_python() {
        let corrupted = |n: usize| {
            let noise = LabelNoise { kind: LabelNoiseType::Asymmetric, rate: 0.5 };
            corrupt_labels(&vec![0; n], noise, 0, &[1, 0]).unwrap().unwrap().num_corrupted_examples
        };
        assert_eq!([corrupted(3), corrupted(5), corrupted(7)], [2, 2, 4]);
    }

    #[test]
    fn a_rate_that_rounds_to_nothing_is_refused() {
        let noise = LabelNoise { kind: LabelNoiseType::Symmetric, rate: 0.01 };
        let error = corrupt_labels(&[0; 10], noise, 0, &[1, 0]).unwrap_err();
        assert!(error.to_string().contains("corrupts none"), "{error}");
    }
}
