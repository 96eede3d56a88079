//! Learning-rate schedules: by what factor the base learning rate is scaled in an epoch or a step.
//!
//! Pure functions of the position. The multiplier of an episode is applied on top and never written back, so a schedule
//! cannot be left in a scaled state. The image task counts epochs, the text tasks count steps, and their linear decays
//! differ by one position; both are the reference's.

use std::f64::consts::PI;

use crate::list::choice;

choice! {
    /// The shape of a schedule.
    pub enum ScheduleKind = "lr_scheduler" {
        /// Constant.
        None = "none", "It stays.";
        /// Half a cosine wave from 1 to 0 over the span. Past the span it rises again.
        Cosine = "cosine", "Half a cosine wave.";
        /// A straight line to 0 at the end of the span.
        Linear = "linear", "A straight line to zero.";
        /// A straight rise over the warm-up, then a straight line to 0. Without warm-up it is [`ScheduleKind::Linear`].
        WarmupLinear = "warmup_linear", "A rise over the warm-up epochs, then a straight line to zero.";
    }
}

/// A schedule of a run: of its epochs, or of its steps.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct RateSchedule {
    kind: ScheduleKind,
    span: u64,
    warmup: u64,
    /// By how many positions the linear shapes are ahead.
    lead: f64,
}

impl RateSchedule {
    /// A schedule that moves once for each epoch (image classification), over `span` of them, at least one: the reference's
    /// `--scheduler-t-max`, or else all epochs of the run. The warm-up is cut to leave one.
    ///
    /// The linear shapes are one position ahead: the first of T epochs already runs at `1 - 1/T`, and the last runs at 0.
    pub fn of_epochs(kind: ScheduleKind, span: u64, warmup: u64) -> Self {
        let span = span.max(1);
        Self { kind, span, warmup: warmup.min(span - 1), lead: 1.0 }
    }

    /// A schedule that moves once for each optimizer step (text classification), over `span` of them, at least one: the
    /// reference's `--scheduler-t-max`, or else all steps of the run. The warm-up is cut to leave one. The first step of a
    /// linear decay runs at 1.
    pub fn of_steps(kind: ScheduleKind, span: u64, warmup: u64) -> Self {
        Self { lead: 0.0, ..Self::of_epochs(kind, span, warmup) }
    }

    /// The number of warm-up steps in a run of this many steps and epochs.
    pub fn warmup_steps(warmup_epochs: u64, total_steps: u64, epochs: u64) -> u64 {
        (warmup_epochs as f64 * (total_steps as f64 / epochs.max(1) as f64)) as u64
    }

    /// The factor at a position, an epoch or a step, counted from 0.
    pub fn factor(&self, position: u64) -> f64 {
        let (at, warmup) = (position as f64, self.warmup as f64);
        match self.kind {
            ScheduleKind::None => 1.0,
            ScheduleKind::Cosine => (1.0 + (PI * at / self.span as f64).cos()) / 2.0,
            ScheduleKind::Linear => decay(at + self.lead, self.span),
            ScheduleKind::WarmupLinear if position < self.warmup => (at + 1.0) / warmup,
            ScheduleKind::WarmupLinear => decay(at + self.lead - warmup, self.span - self.warmup),
        }
    }
}

fn decay(position: f64, span: u64) -> f64 {
    (1.0 - position / span as f64).max(0.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn close(left: f64, right: f64) {
        assert!((left - right).abs() < 1e-12, "{left} is not {right}");
    }

    fn epochs(kind: ScheduleKind, span: u64, warmup: u64) -> Vec<f64> {
        let schedule = RateSchedule::of_epochs(kind, span, warmup);
        (0..span).map(|epoch| schedule.factor(epoch)).collect()
    }

    #[test]
    fn linear_by_epoch_ends_at_zero() {
        for (factor, expected) in epochs(ScheduleKind::Linear, 5, 0).into_iter().zip([0.8, 0.6, 0.4, 0.2, 0.0]) {
            close(factor, expected);
        }
        assert_eq!(RateSchedule::of_epochs(ScheduleKind::Linear, 5, 0).factor(9), 0.0);
    }

    #[test]
    fn linear_by_step_starts_at_one() {
        let schedule = RateSchedule::of_steps(ScheduleKind::Linear, 4, 0);
        assert_eq!([0, 1, 2, 3, 4, 9].map(|step| schedule.factor(step)), [1.0, 0.75, 0.5, 0.25, 0.0, 0.0]);
    }

    #[test]
    fn warmup_without_warmup_is_linear() {
        assert_eq!(epochs(ScheduleKind::WarmupLinear, 7, 0), epochs(ScheduleKind::Linear, 7, 0));
        let (warm, plain) = (
            RateSchedule::of_steps(ScheduleKind::WarmupLinear, 7, 0),
            RateSchedule::of_steps(ScheduleKind::Linear, 7, 0),
        );
        assert!((0..10).all(|step| warm.factor(step) == plain.factor(step)));
    }

    #[test]
    fn warmup_rises_to_one_then_falls() {
        assert_eq!(epochs(ScheduleKind::WarmupLinear, 6, 2), [0.5, 1.0, 0.75, 0.5, 0.25, 0.0]);
        let schedule = RateSchedule::of_steps(ScheduleKind::WarmupLinear, 6, 2);
        assert_eq!([0, 1, 2, 3, 4, 5, 6].map(|step| schedule.factor(step)), [0.5, 1.0, 1.0, 0.75, 0.5, 0.25, 0.0]);
        assert_eq!(epochs(ScheduleKind::WarmupLinear, 3, 9), [0.5, 1.0, 0.0], "the warm-up leaves one epoch");
    }

    #[test]
    fn warmup_steps_are_whole_epochs() {
        assert_eq!(RateSchedule::warmup_steps(1, 21_050, 5), 4_210);
        assert_eq!(RateSchedule::warmup_steps(0, 21_050, 5), 0);
    }

    #[test]
    fn cosine_starts_at_one_and_rises_again_past_the_span() {
        let schedule = RateSchedule::of_epochs(ScheduleKind::Cosine, 4, 0);
        for (epoch, expected) in [(0, 1.0), (2, 0.5), (3, (1.0 - 0.5f64.sqrt()) / 2.0), (4, 0.0), (6, 0.5), (8, 1.0)] {
            close(schedule.factor(epoch), expected);
        }
        close(RateSchedule::of_steps(ScheduleKind::Cosine, 4, 0).factor(3), schedule.factor(3));
    }

    #[test]
    fn no_schedule_is_constant() {
        assert_eq!(RateSchedule::of_epochs(ScheduleKind::None, 4, 3).factor(100), 1.0);
        assert_eq!("warmup_linear".parse(), Ok(ScheduleKind::WarmupLinear));
        assert!("step".parse::<ScheduleKind>().is_err());
    }
}
