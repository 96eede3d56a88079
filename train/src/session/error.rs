//! Everything that can keep a run from being made or finished, in one type with a way out for each.

use std::path::PathBuf;

use aees_tasks::DataError;

use crate::controllers::ControllerSetupError;
use crate::engine::device::DeviceError;
use crate::run::RunError;
use crate::text_task::TextTaskError;
use aees_run::artifact::FileError;
use aees_run::identity::NotCanonical;
use aees_run::run_directory::DirectoryError;
use aees_run::settings::ConfigError;

/// Why a run could not be made or finished.
#[derive(Debug, thiserror::Error)]
pub enum SessionError {
    /// A setting.
    #[error(transparent)]
    Config(#[from] ConfigError),
    /// The device.
    #[error(transparent)]
    Device(#[from] DeviceError),
    /// The data.
    #[error(transparent)]
    Data(#[from] DataError),
    /// Text, tokenizer, model or the hub.
    #[error(transparent)]
    Text(#[from] TextTaskError),
    /// The folder.
    #[error(transparent)]
    Directory(#[from] DirectoryError),
    /// The controllers.
    #[error(transparent)]
    Controllers(#[from] ControllerSetupError),
    /// A setting that is no number.
    #[error(transparent)]
    Identity(#[from] NotCanonical),
    /// The run itself.
    #[error(transparent)]
    Run(#[from] RunError),
    /// What was planned is not what would be run.
    #[error("this is run {found}, not the planned {planned}: data, tokenizer, weights or program changed since")]
    OtherRun {
        /// The id of the plan.
        planned: String,
        /// The id now.
        found: String,
    },
    /// No checkpoint at all.
    #[error("{path}: there is no checkpoint", path = path.display())]
    NothingSaved {
        /// Where it would be.
        path: PathBuf,
    },
    /// No checkpoint in the folder belongs to this run.
    #[error("no checkpoint in {path} can be used: {reason}", path = path.display())]
    ForeignCheckpoints {
        /// The checkpoint folder.
        path: PathBuf,
        /// Why the newest one was refused.
        reason: String,
    },
    /// The file named by `--output` is another run's.
    #[error(transparent)]
    File(#[from] FileError),
}

impl SessionError {
    /// Whether another process works in the run's folder.
    pub fn is_in_use(&self) -> bool {
        matches!(self, Self::Directory(DirectoryError::InUse { .. }))
    }

    /// What the user can do about it.
    pub fn help(&self) -> Option<String> {
        match self {
            Self::Config(error) => error.help(),
            Self::Device(error) => error.help(),
            Self::Data(error) => error.help(),
            Self::Text(error) => error.help(),
            Self::Directory(error) => error.help(),
            Self::Controllers(ControllerSetupError::Trace(error)) => error.help(),
            Self::Run(RunError::File(error)) | Self::File(error) => error.help(),
            Self::Run(RunError::Engine(_)) => Some("continue with --resume; the last checkpoint is untouched".into()),
            Self::NothingSaved { .. } => Some("--checkpoint last takes the newest one instead of the best".into()),
            Self::OtherRun { .. } => Some("plan the study again: the change makes other runs of them".into()),
            Self::ForeignCheckpoints { .. } => Some(
                "the data or the program changed since; resume with the same, or start anew in another folder".into(),
            ),
            _ => None,
        }
    }
}
