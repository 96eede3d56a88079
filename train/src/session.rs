//! One run from its configuration to its result: everything around the loop.
//!
//! Data, device, identity, folder, controllers, engine, checkpoint, loop, diagnostics, RunResult, in this order. Each can
//! fail with its own error, and nothing is written before everything that can be checked has been.

mod error;
mod export;

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::AtomicBool;

use aees_control::Aees;
use serde_json::Value;

use crate::cifar100::Cifar100Task;
use crate::controllers::{ControllerSetupError, Schedule, controllers, schedule};
use crate::engine::device::{DeviceChoice, Found, find};
use crate::engine::{Engine, EngineError, EngineState, Split};
use crate::engine_info::EngineInfo;
use crate::event::{RunEvent, Start, Subscriber};
use crate::frequency_source::FrequencySource;
use crate::label_noise_diagnostics::SubsetAccuracies;
use crate::optimizer::{OptimizerConfig, OptimizerKind};
use crate::result::{RunEnd, RunFacts, run_result};
use crate::run::{LoopEnd, RunError, TrainingLoop};
use crate::run_logs::{MetricsLog, TextLog};
use crate::tensorboard_log::TensorBoardLog;
use crate::text_task::TextClassificationTask;
use crate::training_task::{Built, EngineSetup, TrainingTask};
use aees_run::artifact::{FileError, write_atomically};
use aees_run::checkpoint::{Checkpoint, CheckpointError, CheckpointFolder, parameter_digest};
use aees_run::identity::RunIdentity;
use aees_run::json::write_pretty;
use aees_run::outcome::Outcome;
use aees_run::run_directory::RunDirectory;
use aees_run::settings::{ControlMode, OptimizerName, RunConfig, TaskName};
use aees_run::state::TrainState;

pub use error::SessionError;
pub use export::{SavedModel, export, fetch};

/// The folder in which runs without a folder of their own are made.
pub const RESULTS: &str = "results";

/// Where a run goes.
#[derive(Clone, Debug)]
pub enum RunTarget {
    /// A new run.
    New {
        /// Its folder; one named after the run when not given.
        directory: Option<PathBuf>,
        /// Whether a run that is there already may be replaced.
        overwrite: bool,
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
#[derive(Clone, Debug)]
pub enum SessionEnd {
    /// The run is done and its result is on disk.
    Finished {
        /// How it ended.
        outcome: Outcome,
        /// The result file.
        result: PathBuf,
    },
    /// There was nothing left to do.
    AlreadyFinished {
        /// The result file.
        result: PathBuf,
    },
    /// The user asked to stop.
    Interrupted {
        /// Steps done; a checkpoint of them is on disk.
        step: u64,
        /// The folder to resume.
        directory: PathBuf,
    },
}

/// Trains one run to its end, or until `stop` is set.
///
/// `config` is the run's configuration; for [`RunTarget::Resume`] that of its folder, where only settings that do not touch
/// the result may have been changed.
///
/// # Errors
/// See [`SessionError`].
pub fn train(
    config: &RunConfig,
    target: &RunTarget,
    mut subscribers: Vec<Box<dyn Subscriber>>,
    stop: &AtomicBool,
) -> Result<SessionEnd, SessionError> {
    config.validate()?;
    match target {
        RunTarget::Resume { directory } | RunTarget::Planned { directory, .. } => {
            if let Some(end) = finished(directory) {
                return Ok(end);
            }
        }
        RunTarget::New { directory: Some(directory), overwrite } => RunDirectory::check_new(directory, *overwrite)?,
        RunTarget::New { directory: None, .. } => {}
    }
    let device = find(config.device.parse::<DeviceChoice>()?)?;
    let task = load_task(config, &mut subscribers)?;
    let identity = RunIdentity::of(config, &task.facts().inputs)?;
    if let RunTarget::Planned { run_id, .. } = target
        && *run_id != identity.run_id.full()
    {
        return Err(SessionError::OtherRun { planned: run_id.clone(), found: identity.run_id.full().to_owned() });
    }
    let steps_per_epoch = (task.train_examples() as u64).div_ceil(config.batch_size.get() as u64);
    let schedule = schedule(config, steps_per_epoch.saturating_mul(config.epochs.get()))?;
    let aees = controllers(config, schedule.as_ref())?;
    // Before the folder: weights that do not fit must not cost a run that is there.
    let Built { engine, notices } = engine(config, &device, task.as_ref())?;
    let directory = open_directory(config, target, &identity)?;
    let session = Session { config, identity, device, task, schedule, directory, steps_per_epoch, notices };
    session.run(engine, aees, subscribers, stop)
}

fn open_directory(
    config: &RunConfig,
    target: &RunTarget,
    identity: &RunIdentity,
) -> Result<RunDirectory, SessionError> {
    let run_id = identity.run_id.full();
    Ok(match target {
        RunTarget::New { directory, overwrite } => {
            let path = directory.clone().unwrap_or_else(|| default_directory(config, identity));
            RunDirectory::create(&path, config, run_id, *overwrite)?
        }
        RunTarget::Planned { directory, .. } if directory.join("config.yaml").is_file() => {
            RunDirectory::open(directory)?.0
        }
        // Without a configuration nothing in it was ever trained: a kill came while the folder was made.
        RunTarget::Planned { directory, .. } => RunDirectory::create(directory, config, run_id, true)?,
        RunTarget::Resume { directory } => RunDirectory::open(directory)?.0,
    })
}

/// Finds, reads and prepares everything that a run is made of.
///
/// # Errors
/// Whatever is wrong with the files, with their names.
pub fn load_task(
    config: &RunConfig,
    subscribers: &mut [Box<dyn Subscriber>],
) -> Result<Box<dyn TrainingTask>, SessionError> {
    let mut task: Box<dyn TrainingTask> = match config.task {
        TaskName::Cifar100 => Box::new(Cifar100Task::new(config, Arc::new(Cifar100Task::load(config, subscribers)?))),
        TaskName::Sst2 | TaskName::AgNews => Box::new(TextClassificationTask::load(config, subscribers)?),
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

fn finished(directory: &Path) -> Option<SessionEnd> {
    let result = directory.join("result.json");
    result.is_file().then_some(SessionEnd::AlreadyFinished { result })
}

/// `results/cifar100/adaptive_adamw_seed0-0123456789abcdef`: readable, and never two runs in one folder.
fn default_directory(config: &RunConfig, identity: &RunIdentity) -> PathBuf {
    let optimizer = config.optimizer.name().to_lowercase();
    let name = format!("{}_{optimizer}_seed{}-{}", config.control_mode.name(), config.seed, identity.run_id.short());
    Path::new(RESULTS).join(config.task.name()).join(name)
}

fn engine(config: &RunConfig, device: &Found, task: &dyn TrainingTask) -> Result<Built, SessionError> {
    let kind = match config.optimizer {
        OptimizerName::AdamW => OptimizerKind::ADAMW,
        OptimizerName::Sgd => OptimizerKind::Sgd { momentum: config.momentum.get() },
    };
    let setup = EngineSetup {
        device,
        optimizer: OptimizerConfig { kind, weight_decay: config.weight_decay.get() },
        seed: config.seed,
        batch_size: config.batch_size.get(),
    };
    // The first touch of a GPU can panic inside its driver.
    let engine = catch_unwind(AssertUnwindSafe(|| task.engine(&setup))).map_err(|_| {
        RunError::from(EngineError::Device {
            activity: "made the model",
            reason: format!("device {} does not work", device.describe()),
        })
    })?;
    Ok(engine.map_err(RunError::from)?)
}

/// The parts of a run that stay the same while it trains.
struct Session<'a> {
    config: &'a RunConfig,
    identity: RunIdentity,
    device: Found,
    task: Box<dyn TrainingTask>,
    schedule: Option<Schedule>,
    directory: RunDirectory,
    steps_per_epoch: u64,
    /// What the user should know of the first parameters.
    notices: Vec<String>,
}

impl Session<'_> {
    fn run(
        self,
        mut engine: Box<dyn Engine>,
        aees: Option<Aees>,
        mut subscribers: Vec<Box<dyn Subscriber>>,
        stop: &AtomicBool,
    ) -> Result<SessionEnd, SessionError> {
        let checkpoints = CheckpointFolder::new(self.directory.checkpoints(), self.identity.run_id.full());
        let (checkpoint, warnings) = self.newest_checkpoint(&checkpoints)?;
        let state = match checkpoint {
            Some(checkpoint) => {
                engine.load(&checkpoint.engine).map_err(RunError::from)?;
                checkpoint.state
            }
            None => TrainState::new(aees),
        };
        self.open_logs(&state, &mut subscribers)?;
        let mut run = TrainingLoop::new(
            self.config,
            self.task.as_ref(),
            engine.as_mut(),
            &checkpoints,
            &mut subscribers,
            stop,
            state,
        );
        self.announce(&mut run, &warnings)?;
        let outcome = match run.train()? {
            LoopEnd::Done(outcome) => outcome,
            LoopEnd::Interrupted { step } => {
                return Ok(SessionEnd::Interrupted { step, directory: self.directory.path().to_owned() });
            }
        };
        run.finalize()?;
        let end = self.diagnose(&mut run, &checkpoints, outcome)?;
        let result = self.publish(run.state(), &end)?;
        run.finish(&end.outcome, &result)?;
        Ok(SessionEnd::Finished { outcome: end.outcome, result })
    }

    /// The checkpoint to go on from, and what to tell the user about those that were refused.
    fn newest_checkpoint(&self, folder: &CheckpointFolder) -> Result<(Option<Checkpoint>, Vec<String>), SessionError> {
        let (checkpoint, refused) = folder.newest()?;
        if checkpoint.is_none()
            && let Some(foreign) = refused.iter().find(|error| matches!(error, CheckpointError::Foreign { .. }))
        {
            let path = self.directory.checkpoints();
            return Err(SessionError::ForeignCheckpoints { path, reason: foreign.to_string() });
        }
        let instead = match &checkpoint {
            Some(checkpoint) => format!("the one of step {} is used", checkpoint.state.step),
            None => "the run starts again from its first step".into(),
        };
        Ok((checkpoint, refused.iter().map(|error| format!("{error}; {instead}")).collect()))
    }

    fn open_logs(&self, state: &TrainState, subscribers: &mut Vec<Box<dyn Subscriber>>) -> Result<(), FileError> {
        let episodes = state.aees.as_ref().map_or(0, |aees| aees.episodes().len());
        subscribers.push(Box::new(MetricsLog::open(&self.directory.metrics(), state.epoch, episodes)?));
        subscribers.push(Box::new(TextLog::open(&self.directory.log())?));
        if self.config.tensorboard {
            subscribers.push(Box::new(TensorBoardLog::open(&self.directory.tensorboard(), state.step)?));
        }
        Ok(())
    }

    fn announce(&self, run: &mut TrainingLoop<'_>, warnings: &[String]) -> Result<(), RunError> {
        let split = self.task.evaluated_split();
        let start = Start {
            config: self.config,
            run_id: self.identity.run_id.short(),
            directory: self.directory.path(),
            device: &self.device.describe(),
            data: &self.config.data,
            examples: self.task.facts().examples,
            train_examples: self.task.train_examples(),
            eval_examples: self.task.labels(split).len(),
            steps_per_epoch: self.steps_per_epoch,
            first_step: run.state().step,
            axes: run.state().aees.as_ref().map(Aees::axis_lines),
            open_loop: self.schedule.as_ref().map(|schedule| &schedule.plan),
        };
        run.emit(&RunEvent::Started(&start))?;
        let notices = &self.task.facts().notices;
        notices
            .iter()
            .chain(&self.notices)
            .chain(warnings)
            .try_for_each(|warning| run.emit(&RunEvent::Warning(warning)))
    }

    /// What is measured once, after the last step.
    fn diagnose(
        &self,
        run: &mut TrainingLoop<'_>,
        checkpoints: &CheckpointFolder,
        outcome: Outcome,
    ) -> Result<RunEnd, SessionError> {
        let state = run.engine().save().map_err(RunError::from)?;
        let parameter_digest = parameter_digest(&state);
        let mut end =
            RunEnd { outcome, seconds: 0.0, parameter_digest, subsets: None, test: None, diagnostic_flops: 0.0 };
        let wants_subsets = self.task.facts().counts_memorised;
        let wants_test = self.task.facts().tests_at_end;
        if end.outcome == Outcome::Ok && (wants_subsets || wants_test) {
            let last = self.measure(run)?;
            let best = self.measure_best(run, checkpoints, &state)?;
            end.subsets = last.subsets.map(|subsets| (subsets, best.as_ref().and_then(|best| best.subsets)));
            end.test = last.test.map(|test| (test, best.and_then(|best| best.test)));
            // The reference counts four passes; one was made, and the key keeps its meaning.
            if wants_subsets {
                end.diagnostic_flops = 4.0 * self.task.eval_flops(Split::Train);
            }
        }
        end.seconds = run.seconds();
        Ok(end)
    }

    fn measure(&self, run: &mut TrainingLoop<'_>) -> Result<Measured, RunError> {
        let facts = self.task.facts();
        let subsets = match &facts.label_noise {
            Some(report) if facts.counts_memorised => {
                run.emit(&RunEvent::EvaluationStarted { what: "counting what was memorised" })?;
                Some(SubsetAccuracies::count(&run.engine().predict(Split::Train)?, report))
            }
            _ => None,
        };
        let test = match facts.tests_at_end {
            true => Some(run.accuracy(Split::Test, "evaluating the test set")?),
            false => None,
        };
        Ok(Measured { subsets, test })
    }

    /// The same with the weights of the best epoch; the last weights are put back.
    fn measure_best(
        &self,
        run: &mut TrainingLoop<'_>,
        checkpoints: &CheckpointFolder,
        last: &EngineState,
    ) -> Result<Option<Measured>, RunError> {
        let path = checkpoints.best();
        if !path.is_file() {
            return Ok(None);
        }
        let best = checkpoints.read(&path)?;
        if best.state.best != run.state().best {
            run.emit(&RunEvent::Warning("best.safetensors is not of the best epoch; its diagnostics are left out"))?;
            return Ok(None);
        }
        run.engine().load(&best.engine)?;
        let measured = self.measure(run)?;
        run.engine().load(last)?;
        Ok(Some(measured))
    }

    fn publish(&self, state: &TrainState, end: &RunEnd) -> Result<PathBuf, SessionError> {
        let info = EngineInfo::of(&self.device);
        let facts = RunFacts {
            config: self.config,
            identity: &self.identity,
            engine: &info,
            task: self.task.as_ref(),
            schedule: self.schedule.as_ref(),
        };
        let result = run_result(&facts, state, end);
        if let Some(output) = &self.config.output {
            write_result(Path::new(output), &result)?;
        }
        // Last, because its presence says that the run is done.
        let path = self.directory.result();
        write_result(&path, &result)?;
        Ok(path)
    }
}

struct Measured {
    subsets: Option<SubsetAccuracies>,
    test: Option<f64>,
}

fn write_result(path: &Path, result: &Value) -> Result<(), FileError> {
    if let Some(folder) = path.parent() {
        std::fs::create_dir_all(folder).map_err(FileError::at("make", folder))?;
    }
    write_atomically(path, |out| write_pretty(result, &mut &mut *out))
}
