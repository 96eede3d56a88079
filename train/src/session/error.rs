//! Everything that can keep a run from being made or finished, in one type with a way out for each.

use std::path::PathBuf;

use aees_run::artifact::FileError;
use aees_run::identity::NotCanonical;
use aees_run::output::OutputError;
use aees_run::run_directory::DirectoryError;
use aees_run::settings::ConfigError;

use crate::controllers::ControllerSetupError;
use crate::drive::RunError;
use crate::engine::{EngineError, SelectError, SmallerBatch};
use crate::task_error::TaskError;

/// Why a run could not be made or finished.
#[allow(missing_docs, reason = "a field's name says it")]
#[derive(Debug, thiserror::Error)]
pub enum SessionError {
    /// A setting.
    #[error(transparent)]
    Config(#[from] ConfigError),
    /// A setting that is no number.
    #[error(transparent)]
    Identity(#[from] NotCanonical),
    /// The engine or the device.
    #[error(transparent)]
    Engine(#[from] SelectError),
    /// Data, tokenizer, model or the hub.
    #[error(transparent)]
    Task(#[from] TaskError),
    /// The folder.
    #[error(transparent)]
    Directory(#[from] DirectoryError),
    /// The controllers.
    #[error(transparent)]
    Controllers(#[from] ControllerSetupError),
    /// The run itself.
    #[error(transparent)]
    Run(#[from] RunError),
    /// The engine, before the run began.
    #[error(transparent)]
    Job(EngineError),
    /// A file that the user names for the result.
    #[error(transparent)]
    Output(#[from] OutputError),
    /// More bytes than a process on this machine can have; those needed are counted low.
    #[error("this run needs at least {} of memory, and there are {}", bytes(*needed), bytes(*available as f64))]
    Memory { needed: f64, available: u64 },
    /// Nothing that the run left can be gone on from.
    #[error("none of the {count} checkpoints in {path} can be used, and nothing was changed: {reason}", path = path.display())]
    DamagedCheckpoints { path: PathBuf, count: usize, reason: String },
    /// What was planned is not what would be run.
    #[error("this is run {found}, not the planned {planned}: data, tokenizer, weights or program changed since")]
    OtherRun { planned: String, found: String },
    /// No checkpoint at all.
    #[error("{path}: there is no checkpoint", path = path.display())]
    NothingSaved { path: PathBuf },
    /// No checkpoint in the folder belongs to this run and this version of the program.
    #[error("no checkpoint in {path} can be used: {reason}", path = path.display())]
    ForeignCheckpoints { path: PathBuf, reason: String },
}

impl From<FileError> for SessionError {
    fn from(error: FileError) -> Self {
        RunError::from(error).into()
    }
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
            Self::Engine(error) => error.help(),
            Self::Task(error) => error.help(),
            Self::Directory(error) => error.help(),
            Self::Controllers(ControllerSetupError::Trace(error)) => error.help(),
            Self::Run(RunError::File(error)) if error.is_disk_full() => {
                Some("the disk is full: free some space, then continue with --resume; earlier checkpoints are untouched".into())
            }
            Self::Run(RunError::File(error)) => error.help(),
            Self::Output(error) => error.help(),
            Self::Memory { .. } => Some("make the model (--model-width, --model-layers, --model-dim), --batch-size or --max-length smaller".into()),
            Self::DamagedCheckpoints { path, .. } => Some(format!(
                "put a copy of a checkpoint back into {0}/checkpoints, or begin the run again: aees train --config \
                 {0}/config.yaml --run-dir {0} --overwrite",
                path.display()
            )),
            Self::Job(EngineError::Weights(_)) | Self::Run(RunError::Engine(EngineError::Weights(_))) => Some(
                "remove the file if it is damaged, and `aees data fetch TASK` brings it again; or name another with --model"
                    .into(),
            ),
            Self::Job(EngineError::OutOfMemory { .. }) => Some(
                "free the device's memory, choose another with --device, or make the model or --batch-size smaller".into(),
            ),
            Self::Run(RunError::Engine(EngineError::OutOfMemory { fits, .. })) => Some(match fits {
                Some(SmallerBatch { batch_size, parts }) => format!(
                    "a batch of {batch_size} fits: --batch-size {batch_size} --gradient-accumulation-steps {parts} makes another run \
                     with as many examples in a step; where there is more memory, this one goes on with --resume"
                ),
                None => "half of --batch-size with twice --gradient-accumulation-steps makes another run with as many examples in a \
                         step; where there is more memory, this one goes on with --resume"
                    .into(),
            }),
            Self::Run(RunError::Engine(_)) => Some("continue with --resume; the last checkpoint is untouched".into()),
            Self::NothingSaved { .. } => Some("--checkpoint last takes the newest one instead of the best".into()),
            Self::OtherRun { .. } => Some("plan the study again: the change makes other runs of them".into()),
            Self::ForeignCheckpoints { .. } => Some(
                "the data or the program changed since; resume with the same, or start anew in another folder".into(),
            ),
            Self::Job(_) | Self::Identity(_) | Self::Controllers(_) | Self::Run(_) => None,
        }
    }
}

fn bytes(count: f64) -> String {
    let gibibytes = count / f64::from(1 << 30);
    if gibibytes < 1.0 { format!("{:.0} MiB", gibibytes * 1024.0) } else { format!("{gibibytes:.1} GiB") }
}
