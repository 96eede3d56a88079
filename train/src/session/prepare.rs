//! A run before its first step: settings, engine, data, identity, controllers, folder and checkpoint, in this order.
//!
//! Each can fail with its own error, and nothing is written before everything that can be checked has been.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use aees_control::Aees;
use aees_run::artifact::FileError;
use aees_run::checkpoint::{Checkpoint, CheckpointError, CheckpointFolder};
use aees_run::circumstances::WorkSession;
use aees_run::hardware::memory_limit;
use aees_run::identity::RunIdentity;
use aees_run::output::{OutputKind, check_output};
use aees_run::run_directory::{DirectoryError, Occupied, Replace, RunDirectory};
use aees_run::settings::{ControlMode, OptimizerName, RunConfig};
use aees_run::state::TrainState;
use aees_tasks::TextTask;

use super::active::ActiveRun;
use super::{RunTarget, SessionError};
use crate::cifar100::Cifar100Task;
use crate::controllers::{ControllerSetupError, Schedule, controllers, schedule};
use crate::drive::{Drive, RunError};
use crate::engine::{DeviceChoice, Engine, Target, build, select};
use crate::engine_info::watch;
use crate::event::{RunEvent, Start, Subscriber, Subscribers, UntilItFails};
use crate::frequency_source::FrequencySource;
use crate::run_logs::{MetricsLog, TextLog};
use crate::shared_inputs::SharedInputs;
use crate::tensorboard_log::TensorBoardLog;
use crate::text_task::TextClassificationTask;
use crate::training_task::{ModelSize, PreparedJob, TrainingTask};

/// The folder in which runs without a folder of their own are made.
pub const RESULTS: &str = "results";

/// What [`prepare`] found.
pub enum Prepared {
    /// A run that is ready.
    Run(Box<PreparedRun>),
    /// A run that is done.
    AlreadyFinished {
        /// Its result file.
        result: PathBuf,
    },
}

/// A run that is ready to train: its folder is made and held, and its engine stands where the checkpoint left it.
pub struct PreparedRun {
    config: RunConfig,
    identity: RunIdentity,
    target: Target,
    task: Box<dyn TrainingTask>,
    schedule: Option<Schedule>,
    directory: RunDirectory,
    checkpoints: CheckpointFolder,
    engine: Box<dyn Engine>,
    state: TrainState,
    /// What the user should know of data, model and checkpoints.
    notices: Vec<String>,
    /// Whether the copy of the result may replace any file.
    force: bool,
}

/// Makes a run ready to train. The subscribers hear of downloads and other things that take long.
///
/// # Errors
/// See [`SessionError`].
pub fn prepare(
    config: &RunConfig,
    folder: &RunTarget,
    subscribers: &mut [Box<dyn Subscriber>],
    shared: &SharedInputs,
) -> Result<Prepared, SessionError> {
    config.validate()?;
    match folder {
        RunTarget::Resume { directory } | RunTarget::Planned { directory, .. } => {
            let result = directory.join("result.json");
            if result.is_file() {
                return Ok(Prepared::AlreadyFinished { result });
            }
        }
        RunTarget::New { directory: Some(directory), replace, .. } => {
            // Whether the run that is there is this one is known when the data is.
            if RunDirectory::occupied(directory, *replace)? != Occupied::Free && !may_be_the_same(directory, config) {
                return Err(DirectoryError::HoldsARun { path: directory.clone() }.into());
            }
        }
        RunTarget::New { directory: None, .. } => {}
    }
    let force = matches!(folder, RunTarget::New { force: true, .. });
    if let Some(output) = &config.output {
        // Told before the training that it is for.
        check_output(Path::new(output), OutputKind::RESULT, &[], force)?;
    }
    let target = select(&config.engine, &config.device, config.precision)?;
    let task = load_task(config, subscribers, shared)?;
    let identity = RunIdentity::of(config, &task.facts().inputs)?;
    if let RunTarget::Planned { run_id, .. } = folder
        && *run_id != identity.run_id.full()
    {
        return Err(SessionError::OtherRun { planned: run_id.clone(), found: identity.run_id.full().to_owned() });
    }
    if let RunTarget::New { directory, replace: Replace::Nothing, .. } = folder {
        let path = directory.clone().unwrap_or_else(|| default_directory(config, &identity));
        let result = path.join("result.json");
        let occupied = RunDirectory::occupied(&path, Replace::Nothing)?;
        if occupied == Occupied::ByRun(Some(identity.run_id.full().to_owned())) && result.is_file() {
            return Ok(Prepared::AlreadyFinished { result });
        }
    }
    check_memory(config, task.as_ref(), &target)?;
    let schedule = schedule(config, task.steps_per_epoch(config.step_examples()).saturating_mul(config.epochs.get()))?;
    let aees = controllers(config, schedule.as_ref())?;
    // Before the folder: weights that do not fit must not cost a run that is there.
    let PreparedJob { job, notices: job_notices } = task.job(config).map_err(SessionError::Job)?;
    let mut engine = build(job, &target).map_err(SessionError::Job)?;
    let directory = open_directory(config, folder, &identity)?;
    let checkpoints = CheckpointFolder::new(directory.checkpoints(), identity.run_id.full());
    let checkpoints = checkpoints.keeping(config.keep_checkpoints.newest());
    let (checkpoint, refused) = newest_checkpoint(&checkpoints, &directory)?;
    let state = match checkpoint {
        Some(checkpoint) => {
            engine.load(&checkpoint.engine).map_err(RunError::from)?;
            checkpoint.state
        }
        None => TrainState::new(aees),
    };
    let caveat = target.caveat().map(str::to_owned);
    let notices = task.facts().notices.iter().cloned().chain(job_notices).chain(refused).chain(caveat).collect();
    let config = config.clone();
    Ok(Prepared::Run(Box::new(PreparedRun {
        config,
        identity,
        target,
        task,
        schedule,
        directory,
        checkpoints,
        engine,
        state,
        notices,
        force,
    })))
}

impl PreparedRun {
    /// Opens the run's logs, tells all subscribers of it, and starts its clock.
    ///
    /// # Errors
    /// When a log cannot be written.
    pub fn start(self, mut subscribers: Vec<Box<dyn Subscriber>>) -> Result<ActiveRun, SessionError> {
        let Self { config, identity, target, task, schedule, directory, mut state, notices, .. } = self;
        state.sessions.push(WorkSession::begin());
        let watch = watch(&target);
        open_logs(&config, &directory, &state, &mut subscribers)?;
        let start = Start {
            config: &config,
            run_id: identity.run_id.short(),
            directory: directory.path(),
            device: &target.device.describe(),
            data: &task.facts().data,
            examples: task.facts().examples,
            train_examples: task.train_examples(),
            eval_examples: task.labels(task.evaluated_split()).len(),
            steps_per_epoch: task.steps_per_epoch(config.step_examples()),
            first_step: state.step,
            axes: state.aees.as_ref().map(Aees::axis_lines),
            open_loop: schedule.as_ref().map(|schedule| &schedule.plan),
        };
        subscribers.tell(&RunEvent::Started(&start));
        notices.iter().for_each(|notice| subscribers.tell(&RunEvent::Warning(notice)));
        let drive = Drive::new(&config, task, self.engine, self.checkpoints, subscribers, state);
        Ok(ActiveRun { config, identity, target, schedule, directory, drive, force: self.force, watch })
    }
}

/// Finds, reads and prepares everything that a run is made of.
///
/// # Errors
/// Whatever is wrong with the files, with their names.
pub fn load_task(
    config: &RunConfig,
    subscribers: &mut [Box<dyn Subscriber>],
    shared: &SharedInputs,
) -> Result<Box<dyn TrainingTask>, SessionError> {
    let mut task: Box<dyn TrainingTask> = match TextTask::of(config.task) {
        None => Box::new(Cifar100Task::new(config, Arc::new(Cifar100Task::load(config, subscribers, shared)?))),
        Some(task) => Box::new(TextClassificationTask::load(task, config, subscribers, shared)?),
    };
    if config.control_mode == ControlMode::FrequencyMatched {
        // Other adaptive runs give other frequencies, and so another run.
        let sources = FrequencySource::find_all(config).map_err(ControllerSetupError::from)?;
        task.add_input("traces", FrequencySource::digest(&sources)?);
    }
    Ok(task)
}

/// The configuration of the run in a folder.
///
/// # Errors
/// When there is no run in it, or another process is at it.
pub fn stored_config(directory: &Path) -> Result<RunConfig, SessionError> {
    Ok(RunDirectory::open(directory)?.1)
}

fn open_directory(
    config: &RunConfig,
    folder: &RunTarget,
    identity: &RunIdentity,
) -> Result<RunDirectory, SessionError> {
    let run_id = identity.run_id.full();
    Ok(match folder {
        RunTarget::New { directory, replace, .. } => {
            let path = directory.clone().unwrap_or_else(|| default_directory(config, identity));
            RunDirectory::create(&path, config, run_id, *replace)?
        }
        RunTarget::Planned { directory, .. } if directory.join("config.yaml").is_file() => {
            RunDirectory::open(directory)?.0
        }
        // Without a configuration nothing in it was ever trained: a kill came while the folder was made.
        RunTarget::Planned { directory, .. } => RunDirectory::create(directory, config, run_id, Replace::OurRun)?,
        RunTarget::Resume { directory } => RunDirectory::open(directory)?.0,
    })
}

/// `results/cifar100/adaptive_adamw_seed0-0123456789abcdef`: readable, and never two runs in one folder.
pub(super) fn default_directory(config: &RunConfig, identity: &RunIdentity) -> PathBuf {
    let optimizer = config.optimizer.name().to_lowercase();
    let name = format!("{}_{optimizer}_seed{}-{}", config.control_mode.name(), config.seed, identity.run_id.short());
    Path::new(RESULTS).join(config.task.name()).join(name)
}

/// Whether the run in a folder may be this one: it is not if it differs in a setting that decides the result.
fn may_be_the_same(directory: &Path, config: &RunConfig) -> bool {
    RunConfig::from_file(&directory.join("config.yaml")).is_ok_and(|stored| {
        let decides = RunConfig::settings().iter().filter(|setting| setting.role.decides_result());
        stored.task == config.task && decides.into_iter().all(|it| stored.get(it.key) == config.get(it.key))
    })
}

/// Refuses what cannot fit before any of it is allocated.
pub(crate) fn check_memory(config: &RunConfig, task: &dyn TrainingTask, target: &Target) -> Result<(), SessionError> {
    let steps = task.steps_per_epoch(config.step_examples()).saturating_mul(config.epochs.get());
    let episodes = if config.control_mode.is_open_loop() { steps.div_ceil(config.episode_steps()) } else { 0 };
    let ModelSize { parameters, activations } = task.size(config.batch_size.get());
    let slots = if config.optimizer == OptimizerName::AdamW { 2.0 } else { 1.0 };
    // The sum of several batches' gradients stands beside those of one.
    let sums = if config.gradient_accumulation_steps.get() > 1 { 1.0 } else { 0.0 };
    let numbers = match target.device.choice {
        // Values, gradients and slots.
        DeviceChoice::Cpu => parameters * (2.0 + sums + slots) + activations,
        // The host only draws the first values; what a GPU lacks it says itself.
        _ => parameters,
    };
    // An arm of the sequence, and what its episode leaves, are two words.
    let needed = 4.0 * numbers + 16.0 * episodes as f64;
    match memory_limit() {
        Some(available) if needed > available as f64 => Err(SessionError::Memory { needed, available }),
        _ => Ok(()),
    }
}

/// The checkpoint to go on from, and what to tell the user about those that were refused.
fn newest_checkpoint(
    folder: &CheckpointFolder,
    directory: &RunDirectory,
) -> Result<(Option<Checkpoint>, Vec<String>), SessionError> {
    let (checkpoint, refused) = folder.newest()?;
    let whole =
        |error: &&CheckpointError| matches!(error, CheckpointError::Foreign { .. } | CheckpointError::Format { .. });
    match (checkpoint, refused.iter().find(whole), refused.first()) {
        (Some(checkpoint), ..) => {
            let instead = format!("the one of step {} is used", checkpoint.state.step);
            Ok((Some(checkpoint), refused.iter().map(|error| format!("{error}; {instead}")).collect()))
        }
        (None, Some(whole), _) => {
            Err(SessionError::ForeignCheckpoints { path: directory.checkpoints(), reason: whole.to_string() })
        }
        // A run never begins again over what is left of it: somebody may have a copy.
        (None, None, Some(damaged)) => Err(SessionError::DamagedCheckpoints {
            path: directory.path().to_owned(),
            count: refused.len(),
            reason: damaged.to_string(),
        }),
        (None, None, None) => Ok((None, Vec::new())),
    }
}

fn open_logs(
    config: &RunConfig,
    directory: &RunDirectory,
    state: &TrainState,
    subscribers: &mut Vec<Box<dyn Subscriber>>,
) -> Result<(), FileError> {
    subscribers.push(Box::new(UntilItFails::new(MetricsLog::open(&directory.metrics(), state)?)));
    subscribers.push(Box::new(UntilItFails::new(TextLog::open(&directory.log())?)));
    if config.tensorboard {
        let log = TensorBoardLog::open(&directory.tensorboard(), state.step)?;
        subscribers.push(Box::new(UntilItFails::new(log)));
    }
    Ok(())
}
