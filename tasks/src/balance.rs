//! Class-balanced subsets: `--limit-train`, `--limit-eval` and `--val-split`.
//!
//! Both are functions of the labels alone and give positions in file order, so the same subset comes out of every layout
//! that keeps the order of the examples.

use crate::error::{DataError, DataResult};
use crate::keyed_random::{StreamPurpose, stream};

pub(crate) const LIMIT_TRAIN: &str = "--limit-train";
pub(crate) const LIMIT_EVAL: &str = "--limit-eval";

/// Positions of a class-balanced subset of `limit` examples, ascending.
///
/// Each class gives its first `limit / classes` examples; the remainder is one more from each of the first classes.
///
/// # Errors
/// For 0 or more than there are (a limit is a promise about the run's size, so it is not clamped), and if a class cannot give
/// its share.
pub(crate) fn balanced_limit(flag: &str, labels: &[u32], classes: u32, limit: usize) -> DataResult<Vec<u32>> {
    check_limit(flag, limit, labels.len())?;
    if limit == labels.len() {
        return Ok((0..labels.len() as u32).collect());
    }
    let classes = classes as usize;
    let shares: Vec<usize> = (0..classes).map(|class| limit / classes + usize::from(class < limit % classes)).collect();
    let mut taken = vec![0; classes];
    let mut positions = Vec::with_capacity(limit);
    for (position, &label) in labels.iter().enumerate() {
        let class = label as usize;
        if taken[class] < shares[class] {
            taken[class] += 1;
            positions.push(position as u32);
        }
    }
    match (0..classes).find(|&class| taken[class] < shares[class]) {
        None => Ok(positions),
        Some(class) => Err(DataError::Setting(format!(
            "{flag} {limit}: a balanced subset needs {} examples of class {class}, there are {}",
            shares[class], taken[class]
        ))),
    }
}

/// Checks a limit before anything is read or made.
pub(crate) fn check_limit(flag: &str, limit: usize, available: usize) -> DataResult<()> {
    if limit == 0 || limit > available {
        return Err(DataError::Setting(format!("{flag} {limit}: expected 1 to {available}, the examples there are")));
    }
    Ok(())
}

/// Training positions and held-out positions, both ascending.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct HoldOut {
    /// What is left to train on.
    pub(crate) train: Vec<u32>,
    /// What is held out.
    pub(crate) validation: Vec<u32>,
}

/// Holds out round-half-even(`fraction` x n) examples, each class in proportion to its size.
///
/// A class's share is rounded down; what is missing goes to the classes with the largest remainder, the first class first
/// among equals. Which examples of a class are held out is drawn from the stream (seed, `ValidationSplit`, class). Returns
/// `None` for fraction 0.
///
/// # Errors
/// For a fraction outside [0, 1), and if one side would be empty.
pub(crate) fn balanced_hold_out(labels: &[u32], classes: u32, fraction: f64, seed: u64) -> DataResult<Option<HoldOut>> {
    if fraction == 0.0 {
        return Ok(None);
    }
    let held_out = (labels.len() as f64 * fraction).round_ties_even() as usize;
    if held_out == 0 || held_out == labels.len() {
        let examples = labels.len();
        return Err(DataError::Setting(format!(
            "--val-split {fraction} of {examples} training examples holds out {held_out}; both sides need at least one"
        )));
    }
    let mut members = vec![Vec::new(); classes as usize];
    for (position, &label) in labels.iter().enumerate() {
        members[label as usize].push(position as u32);
    }
    let mut validation = Vec::with_capacity(held_out);
    for (class, share) in proportional_shares(&members, labels.len(), held_out).into_iter().enumerate() {
        let positions = &mut members[class];
        stream(seed, StreamPurpose::ValidationSplit, class as u64).shuffle(positions);
        validation.extend_from_slice(&positions[..share]);
    }
    validation.sort_unstable();
    let train = (0..labels.len() as u32).filter(|position| validation.binary_search(position).is_err()).collect();
    Ok(Some(HoldOut { train, validation }))
}

/// Largest-remainder shares of `held_out`, in whole numbers so that no rounding can tip a tie.
fn proportional_shares(members: &[Vec<u32>], examples: usize, held_out: usize) -> Vec<usize> {
    let exact: Vec<usize> = members.iter().map(|positions| positions.len() * held_out).collect();
    let mut shares: Vec<usize> = exact.iter().map(|product| product / examples).collect();
    let mut by_remainder: Vec<usize> = (0..members.len()).collect();
    by_remainder.sort_by_key(|&class| (std::cmp::Reverse(exact[class] % examples), class));
    let missing = held_out - shares.iter().sum::<usize>();
    for &class in by_remainder.iter().take(missing) {
        shares[class] += 1;
    }
    shares
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn limits_take_the_first_of_each_class_and_keep_file_order() {
        let labels = [2, 0, 0, 1, 2, 1, 0, 1, 2];
        assert_eq!(balanced_limit("--limit-train", &labels, 3, 3).unwrap(), [0, 1, 3]);
        assert_eq!(balanced_limit("--limit-train", &labels, 3, 4).unwrap(), [0, 1, 2, 3]);
        assert_eq!(balanced_limit("--limit-train", &labels, 3, 9).unwrap().len(), 9);
    }

    #[test]
    fn limits_refuse_what_is_not_there() {
        let message = |limit| balanced_limit("--limit-train", &[0, 0, 0, 1], 2, limit).unwrap_err().to_string();
        assert_eq!(message(0), "--limit-train 0: expected 1 to 4, the examples there are");
        assert_eq!(message(5), "--limit-train 5: expected 1 to 4, the examples there are");
        let mut many = vec![0; 5];
        many.push(1);
        assert_eq!(
            balanced_limit("--limit-eval", &many, 2, 4).unwrap_err().to_string(),
            "--limit-eval 4: a balanced subset needs 2 examples of class 1, there are 1"
        );
    }

    #[test]
    fn hold_out_refuses_bad_fractions() {
        let message = |fraction| balanced_hold_out(&[0, 1], 2, fraction, 0).unwrap_err().to_string();
        let one_side = |fraction: f64, held_out: usize| {
            format!("--val-split {fraction} of 2 training examples holds out {held_out}; both sides need at least one")
        };
        assert_eq!(message(1.0), one_side(1.0, 2));
        assert_eq!(message(-0.1), one_side(-0.1, 0));
        assert_eq!(message(f64::NAN), one_side(f64::NAN, 0));
        assert_eq!(message(0.1), "--val-split 0.1 of 2 training examples holds out 0; both sides need at least one");
        assert_eq!(balanced_hold_out(&[0, 1], 2, 0.0, 0).unwrap(), None);
    }

    proptest! {
        #[test]
        fn hold_out_is_a_balanced_partition(n in 2_usize..400, classes in 1_u32..12, fraction in 0.05_f64..0.95, seed: u64) {
            let labels: Vec<u32> = (0..n as u32).map(|position| position % classes).collect();
            let Ok(Some(split)) = balanced_hold_out(&labels, classes, fraction, seed) else { return Ok(()) };
            let mut all: Vec<u32> = split.train.iter().chain(&split.validation).copied().collect();
            all.sort_unstable();
            prop_assert_eq!(all, (0..n as u32).collect::<Vec<_>>());
            for class in 0..classes {
                let members = labels.iter().filter(|&&label| label == class).count();
                let held = split.validation.iter().filter(|&&position| labels[position as usize] == class).count();
                let exact = members as f64 * split.validation.len() as f64 / n as f64;
                prop_assert!((held as f64 - exact).abs() < 1.0);
            }
        }
    }
}
