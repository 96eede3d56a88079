//! What can go wrong around an episode. The texts are the reference's where it has one.

use thiserror::Error;

use crate::controller::ControllerError;
use crate::reward::RewardError;
use crate::settings::SettingError;

/// An episode manager that cannot be built, or a call that it refuses.
#[allow(missing_docs, reason = "a field's name says it")]
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum EpisodeError {
    /// Episodes have no steps.
    #[error("episode_length must be a positive integer.")]
    EpisodeLength,
    /// A setting outside its range.
    #[error(transparent)]
    Setting(#[from] SettingError),
    /// A constant learning-rate axis has a controller.
    #[error("Single-candidate LR axes must not create a controller.")]
    ConstantLrControlled,
    /// A learning-rate axis with a choice has no controller.
    #[error("Adaptive LR axes require a controller.")]
    LrControllerMissing,
    /// A constant noise axis has a controller.
    #[error("Single-candidate noise axes must not create a controller.")]
    ConstantNoiseControlled,
    /// Independent mode needs exactly one noise controller.
    #[error("independent mode expects one noise controller.")]
    IndependentNoise,
    /// Conditional mode on a constant learning-rate axis needs exactly one noise controller.
    #[error("conditional mode with one LR candidate expects one noise controller.")]
    ConditionalConstantLr,
    /// Conditional mode needs a list of noise controllers.
    #[error("conditional mode expects one noise controller per LR candidate.")]
    ConditionalNoise,
    /// Conditional mode needs as many noise controllers as multipliers.
    #[error("conditional mode requires exactly one noise controller per LR candidate.")]
    ConditionalNoiseCount,
    /// A controller was built for another number of candidates.
    #[error("{axis}_controller has {arms} arms, but there are {candidates} candidates.")]
    ArmCount { axis: &'static str, arms: usize, candidates: usize },
    /// The smoothing factor is not in (0, 1].
    #[error("alpha must be in the interval (0, 1].")]
    Alpha,
    /// A loss was recorded without an open episode.
    #[error("on_step_end() requires an active episode from on_step_start().")]
    NotOpen,
    /// A loss is `nan`, infinite, or too large to be summed. Nothing was recorded.
    #[error("loss must be finite.")]
    LossNotFinite,
    /// An update norm is `nan`, infinite, or too large to be summed. Nothing was recorded.
    #[error("update_norm must be finite when provided.")]
    UpdateNormNotFinite,
    /// More steps were recorded at once than the open episode has left. Nothing was recorded.
    #[error("{steps} steps were recorded, but the open episode has {left} left.")]
    TooManySteps { steps: usize, left: usize },
    /// As many update norms as losses were expected, or none. Nothing was recorded.
    #[error("{losses} losses were recorded with {update_norms} update norms.")]
    UnequalLists { losses: usize, update_norms: usize },
    /// A controller refused.
    #[error(transparent)]
    Controller(#[from] ControllerError),
    /// The reward of a full episode could not be computed. The episode was dropped; the next can be opened.
    #[error(transparent)]
    Reward(#[from] RewardError),
    /// A restored state contradicts itself.
    #[error("the saved state is damaged: {0}")]
    Damaged(&'static str),
}
