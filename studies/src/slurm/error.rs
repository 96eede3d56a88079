//! What can go wrong between this program and a cluster.

use aees_run::artifact::FileError;

use crate::disk::RecordError;
use crate::error::SweepError;
use crate::registry::RegistryError;

/// Why runs did not get to a cluster, or back from it.
#[derive(Debug, thiserror::Error)]
pub enum SlurmError {
    /// Its programs are not on this machine.
    #[error("there is no Slurm on this machine: cannot start {command}")]
    NotHere {
        /// The program that was wanted.
        command: String,
    },
    /// The scheduler did not do it.
    #[error("Slurm refused ({command}):\n{words}")]
    Refused {
        /// What was asked.
        command: String,
        /// Its own words.
        words: String,
    },
    /// More tasks than the cluster takes from one user.
    #[error("{tasks} tasks are more than the {most} that Slurm still takes")]
    TooManyTasks {
        /// How many there would be.
        tasks: usize,
        /// How many fit.
        most: usize,
    },
    /// A task was started by hand.
    #[error("this is no task of an array: {variable} is not set")]
    NoTask {
        /// What Slurm would have set.
        variable: &'static str,
    },
    /// A file of a launch.
    #[error(transparent)]
    File(#[from] FileError),
    /// A file of a launch or of a run that cannot be used.
    #[error(transparent)]
    Record(#[from] RecordError),
    /// The registry.
    #[error(transparent)]
    Registry(#[from] RegistryError),
    /// The study.
    #[error(transparent)]
    Sweep(#[from] SweepError),
}

impl SlurmError {
    /// What the user can do about it.
    pub fn help(&self) -> Option<String> {
        let help = match self {
            Self::NotHere { .. } => {
                "run it where sbatch is; other schedulers take one shell line for each run: aees sweep plan FILE --format jobs"
            }
            Self::Refused { .. } => "nothing was changed; see the `slurm:` block of the study file",
            Self::TooManyTasks { .. } => {
                "let a task do more runs (runs_per_task in `slurm:`), or select fewer with --tasks"
            }
            Self::NoTask { .. } => "tasks are started by Slurm: aees slurm submit STUDY",
            Self::File(error) => return error.help(),
            Self::Registry(error) => return error.help(),
            Self::Sweep(error) => return error.help(),
            Self::Record(_) => return None,
        };
        Some(help.to_owned())
    }
}
