//! What can go wrong in a controller. The texts are the reference's.

use thiserror::Error;

use crate::settings::SettingError;

/// A controller that cannot be built, or a call that it refuses.
#[allow(missing_docs, reason = "a field's name says it")]
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum ControllerError {
    /// There is nothing to choose from.
    #[error("n_arms must be a positive integer.")]
    NoArms,
    /// A setting outside its range.
    #[error(transparent)]
    Setting(#[from] SettingError),
    /// The arm does not exist.
    #[error("mode_id must be in [0, {n_arms}), got {arm}.")]
    UnknownArm { n_arms: usize, arm: usize },
    /// The reward is `nan` or infinite.
    #[error("reward must be a finite float.")]
    RewardNotFinite,
    /// A contextual controller without contexts.
    #[error("bucket_names must contain at least one bucket.")]
    NoBuckets,
    /// Two contexts of the same name.
    #[error("bucket_names must be unique.")]
    DuplicateBuckets,
    /// The context does not exist.
    #[error("Unknown context bucket '{0}'.")]
    UnknownBucket(String),
    /// A contextual controller was used before its first context.
    #[error("set_context() must be called before select_mode() or update().")]
    NoContext,
    /// A precomputed schedule for no arms.
    #[error("n_arms must be positive.")]
    ScheduleNoArms,
    /// A precomputed schedule of no episodes.
    #[error("A precomputed schedule must contain at least one arm.")]
    EmptySchedule,
    /// A precomputed schedule names arms that do not exist.
    #[error("Schedule contains invalid arm indices {invalid:?}; expected [0, {n_arms}).")]
    ScheduleArms { invalid: Vec<usize>, n_arms: usize },
    /// More episodes were asked for than were precomputed.
    #[error("Precomputed LR schedule exhausted; the training step count does not match the schedule's episode count.")]
    ScheduleExhausted,
}
