//! One run from its configuration to its result: everything around the loop.
//!
//! [`prepare`] checks everything that can be checked before anything is written, and gives a run that is ready;
//! [`PreparedRun::start`] begins it, and [`drive`] brings it to its end. Who wants several runs in one thread calls
//! [`ActiveRun::advance`] of each in turn. What a run does meanwhile is left to [`crate::training_loop`] and [`crate::drive`].

mod active;
mod dry_run;
mod error;
mod export;
mod prepare;

use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, Ordering};

use aees_run::outcome::Outcome;
use aees_run::run_directory::Replace;
use aees_run::settings::RunConfig;

use crate::event::Subscriber;
use crate::shared_inputs::SharedInputs;

pub use active::ActiveRun;
pub use dry_run::{DryRun, dry_run};
pub use error::SessionError;
pub use export::{SavedModel, export, fetch};
pub(crate) use prepare::check_memory;
pub use prepare::{Prepared, PreparedRun, RESULTS, load_task, prepare, stored_config};

/// Where a run goes.
#[derive(Clone, Debug)]
pub enum RunTarget {
    /// A new run.
    New {
        /// Its folder; one named after the run when not given.
        directory: Option<PathBuf>,
        /// What may become of a run that is there already.
        replace: Replace,
        /// Whether `--output` replaces a file that is no result.
        force: bool,
    },
    /// A run that was planned: in its folder it is begun, or taken up where it was left.
    Planned {
        /// Its folder.
        directory: PathBuf,
        /// Its full id. Data or program may have changed since it was planned.
        run_id: String,
    },
    /// A run that was stopped. Its folder holds its configuration.
    Resume {
        /// Its folder.
        directory: PathBuf,
    },
}

/// How a session ended.
#[allow(missing_docs, reason = "a field's name says it")]
#[derive(Clone, Debug)]
pub enum SessionEnd {
    /// The run is done and its result is on disk.
    Finished { outcome: Outcome, result: PathBuf },
    /// There was nothing left to do: the folder holds this very run.
    AlreadyFinished { result: PathBuf },
    /// The user asked to stop. The run can go on where a checkpoint of its steps is kept.
    Interrupted { step: u64, directory: PathBuf, can_go_on: bool },
}

/// Trains one run to its end, or until `stop` is set. What it reads it takes from what its process has loaded already.
///
/// `config` is the run's configuration; for [`RunTarget::Resume`] that of its folder, where only settings that do not touch
/// the result may have been changed.
///
/// # Errors
/// See [`SessionError`].
pub fn train(
    config: &RunConfig,
    folder: &RunTarget,
    mut subscribers: Vec<Box<dyn Subscriber>>,
    stop: &AtomicBool,
    shared: &SharedInputs,
) -> Result<SessionEnd, SessionError> {
    match prepare(config, folder, &mut subscribers, shared)? {
        Prepared::Run(run) => drive(run.start(subscribers)?, stop),
        Prepared::AlreadyFinished { result } => Ok(SessionEnd::AlreadyFinished { result }),
    }
}

/// Trains a run until it ends or `stop` is set.
///
/// # Errors
/// See [`SessionError`]; the last checkpoint is on disk whatever happens.
pub fn drive(mut run: ActiveRun, stop: &AtomicBool) -> Result<SessionEnd, SessionError> {
    loop {
        if stop.load(Ordering::Relaxed) {
            run.stop();
        }
        if let Some(end) = run.advance()? {
            return Ok(end);
        }
    }
}
