//! What can go wrong in a run.

use thiserror::Error;

use crate::candidate::CandidateError;
use crate::controller::ControllerError;
use crate::episode::EpisodeError;

/// A run that cannot be configured, or a call that it refuses.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum AeesError {
    /// The candidates.
    #[error(transparent)]
    Candidates(#[from] CandidateError),
    /// An episode, a reward or a context.
    #[error(transparent)]
    Episode(EpisodeError),
    /// A controller.
    #[error(transparent)]
    Controller(#[from] ControllerError),
    /// An open-loop run with a setting that only makes sense with feedback.
    #[error("Open-loop attribution controls require {0}.")]
    OpenLoop(&'static str),
    /// No room is left above the seed for the seeds derived from it.
    #[error("seed {0} is too large: seeds of the noise controllers are counted up from it.")]
    Seed(i64),
    /// A saved run whose parts do not belong together.
    #[error("the saved state is damaged: {0}")]
    Damaged(&'static str),
}

impl From<EpisodeError> for AeesError {
    fn from(error: EpisodeError) -> Self {
        match error {
            EpisodeError::Controller(error) => Self::Controller(error),
            EpisodeError::Damaged(what) => Self::Damaged(what),
            error => Self::Episode(error),
        }
    }
}
