//! One run from its configuration to its result: everything around the loop.
//!
//! Data, device, identity, folder, controllers, engine, checkpoint, loop, diagnostics, RunResult, in this order. Each can
//! fail with its own error, and nothing is written before everything that can be checked has been.

mod error;

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::AtomicBool;

use aees_control::Aees;
use aees_models::ResNet18Config;
use aees_tasks::{Cifar100, Purpose, stream};
use serde_json::{Value, json};

use crate::artifact::{FileError, write_atomically};
use crate::checkpoint::{Checkpoint, CheckpointError, CheckpointFolder, parameter_digest};
use crate::cifar100::Cifar100Task;
use crate::config::{OptimizerName, RunConfig};
use crate::controllers::{Schedule, controllers, schedule};
use crate::engine::burn::BurnEngine;
use crate::engine::device::{DeviceChoice, Found, find};
use crate::engine::images::ImageWorkload;
use crate::engine::{Engine, EngineError, EngineState, Split};
use crate::engine_info::EngineInfo;
use crate::event::{RunEvent, Start, Subscriber};
use crate::identity::RunIdentity;
use crate::json::write_pretty;
use crate::label_noise_diagnostics::SubsetAccuracies;
use crate::optimizer::{OptimizerConfig, OptimizerKind};
use crate::outcome::Outcome;
use crate::result::{RunEnd, RunFacts, run_result};
use crate::run::{LoopEnd, RunError, TrainingLoop};
use crate::run_directory::RunDirectory;
use crate::run_logs::{MetricsLog, TextLog};
use crate::state::TrainState;
use crate::tensorboard_log::TensorBoardLog;
use crate::training_task::TrainingTask;

pub use error::SessionError;

/// The folder in which runs without a folder of their own are made.
pub const RESULTS: &str = "results";

/// Where a run goes.
#[derive(Clone, Debug)]
pub enum Place {
    /// A new run.
    New {
        /// Its folder; one named after the run when not given.
        directory: Option<PathBuf>,
        /// Whether a run that is there already may be replaced.
        overwrite: bool,
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
/// `config` is the run's configuration; for [`Place::Resume`] that of its folder, where only settings that do not touch
/// the result may have been changed.
///
/// # Errors
/// See [`SessionError`].
pub fn train(
    config: &RunConfig,
    place: &Place,
    subscribers: Vec<Box<dyn Subscriber>>,
    stop: &AtomicBool,
) -> Result<SessionEnd, SessionError> {
    config.validate()?;
    if let Place::Resume { directory } = place
        && let Some(end) = finished(directory)
    {
        return Ok(end);
    }
    let device = find(config.device.parse::<DeviceChoice>()?)?;
    let data = Arc::new(Cifar100Task::load(config)?);
    let identity = RunIdentity::of(config, &data.fingerprint)?;
    let task = Cifar100Task::new(config, data.clone());
    let steps_per_epoch = (data.train.len() as u64).div_ceil(config.batch_size as u64);
    let schedule = schedule(config, steps_per_epoch.saturating_mul(config.epochs as u64))?;
    let aees = controllers(config, schedule.as_ref())?;
    let directory = match place {
        Place::New { directory, overwrite } => {
            let path = directory.clone().unwrap_or_else(|| default_directory(config, &identity));
            RunDirectory::create(&path, config, identity.run_id.full(), *overwrite)?
        }
        Place::Resume { directory } => RunDirectory::open(directory)?.0,
    };
    let session = Session { config, identity, device, data, task, schedule, directory, steps_per_epoch };
    session.run(aees, subscribers, stop)
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

/// The parts of a run that stay the same while it trains.
struct Session<'a> {
    config: &'a RunConfig,
    identity: RunIdentity,
    device: Found,
    data: Arc<Cifar100>,
    task: Cifar100Task,
    schedule: Option<Schedule>,
    directory: RunDirectory,
    steps_per_epoch: u64,
}

impl Session<'_> {
    fn run(
        self,
        aees: Option<Aees>,
        mut subscribers: Vec<Box<dyn Subscriber>>,
        stop: &AtomicBool,
    ) -> Result<SessionEnd, SessionError> {
        let checkpoints = CheckpointFolder::new(self.directory.checkpoints(), self.identity.run_id.full());
        let (checkpoint, warnings) = self.newest_checkpoint(&checkpoints)?;
        let mut engine = self.engine()?;
        let state = match checkpoint {
            Some(checkpoint) => {
                engine.load(&checkpoint.engine).map_err(RunError::from)?;
                checkpoint.state
            }
            None => TrainState::new(aees),
        };
        self.open_logs(&state, &mut subscribers)?;
        let mut run =
            TrainingLoop::new(self.config, &self.task, engine.as_mut(), &checkpoints, &mut subscribers, stop, state);
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

    fn engine(&self) -> Result<Box<dyn Engine>, SessionError> {
        let config = self.config;
        let kind = match config.optimizer {
            OptimizerName::AdamW => OptimizerKind::ADAMW,
            OptimizerName::Sgd => OptimizerKind::Sgd { momentum: config.momentum },
        };
        let optimizer = OptimizerConfig { kind, weight_decay: config.weight_decay };
        let seed = config.seed as u64;
        let build = || {
            let device = &self.device.device;
            let network = self.network();
            let parameter_stream = |parameter: usize| stream(seed, Purpose::InitialParameters, parameter as u64);
            let network = network.init(parameter_stream, &device.clone().autodiff());
            let host = self.device.is_host();
            let images = ImageWorkload::new(self.data.clone(), device, !host);
            BurnEngine::new(images, network, optimizer, seed, config.batch_size as usize, host)
        };
        // The first touch of a GPU can panic inside its driver.
        let engine = catch_unwind(AssertUnwindSafe(build)).map_err(|_| {
            RunError::from(EngineError::Device {
                activity: "made the model",
                reason: format!("device {} does not work", self.device.describe()),
            })
        })?;
        Ok(Box::new(engine))
    }

    fn network(&self) -> ResNet18Config {
        ResNet18Config { base_width: self.config.model_width as usize, classes: aees_tasks::CIFAR100_CLASSES as usize }
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
            train_examples: self.task.train_examples(),
            eval_examples: self.task.labels(split).len(),
            steps_per_epoch: self.steps_per_epoch,
            first_step: run.state().step,
            axes: run.state().aees.as_ref().map(Aees::axis_lines),
            open_loop: self.schedule.as_ref().map(|schedule| &schedule.plan),
        };
        run.emit(&RunEvent::Started(&start))?;
        warnings.iter().try_for_each(|warning| run.emit(&RunEvent::Warning(warning)))
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
        let wants_subsets = self.data.label_noise.is_some();
        let wants_test = self.data.validation.is_some();
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
        let subsets = match &self.data.label_noise {
            Some(report) => {
                run.emit(&RunEvent::EvaluationStarted { what: "counting what was memorised" })?;
                Some(SubsetAccuracies::count(&run.engine().predict(Split::Train)?, report))
            }
            None => None,
        };
        let test = match &self.data.validation {
            Some(_) => Some(run.accuracy(Split::Test, "evaluating the test set")?),
            None => None,
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
            data_fingerprint: &self.data.fingerprint,
            data_origin: json!(self.data.origin),
            label_noise: self.data.label_noise.as_ref(),
            schedule: self.schedule.as_ref(),
            forward_flops: 2.0 * self.network().multiply_adds(32) as f64,
            images: (self.task.train_examples(), self.task.labels(self.task.evaluated_split()).len()),
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
