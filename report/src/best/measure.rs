//! One number from a run: a metric's curve over the epochs, and what of the curve counts.
//!
//! A curve has one value for each epoch, so nothing here depends on the length of an episode. `final` is the value of the
//! last epoch, `best` the best one (and so biased upward), `last_k(n)` the mean of the last n, `auc` the mean of all.

use crate::quantity::curve;
use crate::record::RunRecord;
use aees_studies::study::{Goal, Measure};

/// Why a run has no number.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Unmeasured {
    /// It diverged.
    #[error("diverged at step {step}")]
    Diverged { step: u64 },
    /// The metric is not in its result.
    #[error("its result has no such metric")]
    Absent,
    /// Part of what counts is no number.
    #[error("not a finite number in epoch {epoch}")]
    NotFinite {
        /// Counted from 1.
        epoch: usize,
    },
    /// The curve is shorter than the measure asks for.
    #[error("{has} epochs, fewer than the {asked} that are asked for")]
    TooShort {
        has: usize,
        /// What was asked for.
        asked: usize,
    },
}

/// The number of a run.
///
/// # Errors
/// A run that diverged has none, whatever its curve says; nor has one whose metric is absent or not finite.
pub fn measured(run: &RunRecord, metric: &str, measure: Measure, goal: Goal) -> Result<f64, Unmeasured> {
    if let Some(step) = run.diverged_at {
        return Err(Unmeasured::Diverged { step });
    }
    let curve = curve(run, metric).ok_or(Unmeasured::Absent)?;
    let asked = measure.counts_last().unwrap_or(curve.len());
    let first = curve.len().checked_sub(asked).ok_or(Unmeasured::TooShort { has: curve.len(), asked })?;
    let counted = &curve[first..];
    if let Some(at) = counted.iter().position(|value| !value.is_finite()) {
        return Err(Unmeasured::NotFinite { epoch: first + at + 1 });
    }
    measure.of(counted, goal).ok_or(Unmeasured::Absent)
}

#[cfg(test)]
mod tests {
    use aees_studies::study::Objective;

    use super::*;
    use crate::fixtures::record;

    fn of(values: &[f64], measure: Measure, goal: Goal) -> Result<f64, Unmeasured> {
        let mut run = record("cifar100", 0);
        run.val_accuracies = values.to_vec();
        measured(&run, "val_accuracy", measure, goal)
    }

    #[test]
    fn each_measure_takes_what_its_name_says() {
        let curve = [0.0, 0.5, 0.25, 0.375];
        assert_eq!(of(&curve, Measure::Final, Goal::Max), Ok(0.375));
        assert_eq!(of(&curve, Measure::Best, Goal::Max), Ok(0.5));
        assert_eq!(of(&curve, Measure::Best, Goal::Min), Ok(0.0));
        assert_eq!(of(&curve, Measure::LastK(2), Goal::Max), Ok(0.3125));
        assert_eq!(of(&curve, Measure::Auc, Goal::Max), Ok(0.28125));
        assert_eq!(of(&curve, Measure::LastK(5), Goal::Max), Err(Unmeasured::TooShort { has: 4, asked: 5 }));
    }

    #[test]
    fn what_is_no_number_counts_only_where_it_is_asked_for() {
        let curve = [f64::NAN, 0.5, 0.3];
        assert_eq!(of(&curve, Measure::Final, Goal::Max), Ok(0.3));
        assert_eq!(of(&curve, Measure::Auc, Goal::Max), Err(Unmeasured::NotFinite { epoch: 1 }));
        assert_eq!(of(&[], Measure::Final, Goal::Max), Err(Unmeasured::Absent));
    }

    #[test]
    fn the_final_value_is_the_last_epochs_whatever_the_length_of_an_episode() {
        let mut short = record("cifar100", 0);
        let mut long = short.clone();
        (short.episode_length, long.episode_length) = (7, 1000);
        let of = |run: &RunRecord| measured(run, "val_accuracy", Measure::Final, Goal::Max);
        assert_eq!(of(&short), of(&long));
    }

    #[test]
    fn words_are_read_back() {
        for measure in [Measure::Auc, Measure::Final, Measure::Best, Measure::LastK(3)] {
            assert_eq!(Measure::parse(&measure.to_string()), Some(measure));
        }
        for (goal, measure) in [(Goal::Min, Measure::LastK(3)), (Goal::Max, Measure::Best)] {
            let objective = Objective { name: "loss (train)".into(), goal, measure };
            assert_eq!(Objective::parse(&objective.to_string()), objective);
        }
        assert_eq!(Measure::parse("last_k(0)"), None);
        assert_eq!(Measure::parse("peak"), None);
    }
}
