//! What ends a study before its runs do.

use std::path::PathBuf;

use aees_run::artifact::FileError;
use aees_run::identity::NotCanonical;

use super::inputs::InputError;
use super::run_facts::FactsError;
use crate::registry::RegistryError;
use crate::study::StudyErrors;

/// Why a study cannot be planned or cannot go on.
#[derive(Debug, thiserror::Error)]
pub enum SweepError {
    /// The study itself.
    #[error(transparent)]
    Study(#[from] StudyErrors),
    /// Data, tokenizer or weights of a run.
    #[error(transparent)]
    Inputs(#[from] InputError),
    /// The registry.
    #[error(transparent)]
    Registry(#[from] RegistryError),
    /// A file of a run or of the study.
    #[error(transparent)]
    File(#[from] FileError),
    /// What earlier processes left.
    #[error(transparent)]
    Facts(#[from] FactsError),
    /// A setting that is no number.
    #[error(transparent)]
    Identity(#[from] NotCanonical),
    /// The plan in the study's folder.
    #[error("{path} is damaged: {reason}", path = path.display())]
    DamagedPlan {
        /// The plan.
        path: PathBuf,
        /// What does not fit.
        reason: String,
    },
    /// A placeholder in the arguments of a program.
    #[error("nothing fills {{{0}}} in the arguments")]
    Unfilled(String),
    /// Settings of another kind of task.
    #[error("a study of this task has no settings of it")]
    NoSettings,
}

impl SweepError {
    /// What the user can do about it.
    pub fn help(&self) -> Option<String> {
        match self {
            Self::Inputs(error) => error.help.clone(),
            Self::Registry(error) => error.help(),
            Self::File(error) => error.help(),
            Self::DamagedPlan { .. } => Some("plan the study again from its file: aees sweep run FILE".into()),
            _ => None,
        }
    }
}
