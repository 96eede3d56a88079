//! Replays a list of arms that was fixed before training: the open-loop control, which ignores every reward.

use serde::{Deserialize, Serialize};

use super::{ArmPicker, ControllerError};

/// Plays one precomputed arm after the other.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PrecomputedSchedule {
    n_arms: usize,
    arms: Vec<usize>,
    selection_count: usize,
    update_call_count: u64,
}

/// A copy of a [`PrecomputedSchedule`]'s counters under the reference's field names.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PrecomputedSnapshot {
    /// Number of arms.
    pub n_arms: usize,
    /// Episodes in the schedule.
    pub schedule_length: usize,
    /// Episodes played.
    pub selection_count: usize,
    /// Always true.
    pub feedback_ignored: bool,
    /// Always false.
    pub bandit_statistics_updated: bool,
    /// How many rewards were offered and ignored.
    pub update_call_count: u64,
}

impl PrecomputedSchedule {
    /// A schedule over this many arms.
    pub fn new(n_arms: usize, arms: Vec<usize>) -> Result<Self, ControllerError> {
        if n_arms == 0 {
            return Err(ControllerError::ScheduleNoArms);
        }
        if arms.is_empty() {
            return Err(ControllerError::EmptySchedule);
        }
        let mut invalid: Vec<usize> = arms.iter().copied().filter(|&arm| arm >= n_arms).collect();
        if !invalid.is_empty() {
            invalid.sort_unstable();
            invalid.dedup();
            return Err(ControllerError::ScheduleArms { invalid, n_arms });
        }
        Ok(Self { n_arms, arms, selection_count: 0, update_call_count: 0 })
    }

    /// The whole schedule.
    pub fn arms(&self) -> &[usize] {
        &self.arms
    }

    /// A copy of the counters for logs.
    pub fn snapshot(&self) -> PrecomputedSnapshot {
        PrecomputedSnapshot {
            n_arms: self.n_arms,
            schedule_length: self.arms.len(),
            selection_count: self.selection_count,
            feedback_ignored: true,
            bandit_statistics_updated: false,
            update_call_count: self.update_call_count,
        }
    }
}

impl ArmPicker for PrecomputedSchedule {
    fn n_arms(&self) -> usize {
        self.n_arms
    }

    fn type_name(&self) -> &'static str {
        "PrecomputedScheduleController"
    }

    /// The next arm of the schedule.
    fn select(&mut self) -> Result<usize, ControllerError> {
        let arm = *self.arms.get(self.selection_count).ok_or(ControllerError::ScheduleExhausted)?;
        self.selection_count += 1;
        Ok(arm)
    }

    /// Counts the call; neither arm nor reward is looked at.
    fn learn(&mut self, _arm: usize, _reward: f64, _propensity: f64) -> Result<(), ControllerError> {
        self.update_call_count += 1;
        Ok(())
    }

    fn fits(&self, n_arms: usize) -> bool {
        self.n_arms == n_arms && self.arms.iter().all(|&arm| arm < n_arms)
    }
}
