//! The training loop. One for all tasks, engines and methods.
//!
//! The loop opens an episode, enqueues its steps, reads their losses when the episode is over, and hands them to the
//! controller. It prints nothing ([`crate::event`]), knows no tensors ([`crate::engine`]) and decides nothing about
//! learning rates or noise ([`aees_control`]). All that it knows stands in [`TrainState`], so that a run killed at any
//! step goes on from its last checkpoint as if nothing had happened.

use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Instant;

use aees_control::{AeesError, Candidate};
use aees_tasks::EpochPlan;

use crate::engine::{Engine, EngineError, Split, StepControl, StepRecord};
use crate::event::{RunEvent, Subscriber};
use crate::training_task::TrainingTask;
use aees_run::artifact::FileError;
use aees_run::checkpoint::{Checkpoint, CheckpointFolder};
use aees_run::outcome::Outcome;
use aees_run::settings::RunConfig;
use aees_run::state::{EpochEnd, TrainState};

/// A run that cannot go on.
#[derive(Debug, thiserror::Error)]
pub enum RunError {
    /// The engine gave up.
    #[error(transparent)]
    Engine(#[from] EngineError),
    /// A file could not be written or read.
    #[error(transparent)]
    File(#[from] FileError),
    /// The controller refused what it was given.
    #[error("the controller stopped at step {step}: {source}")]
    Control {
        /// The global step.
        step: u64,
        /// Why.
        source: AeesError,
    },
    /// The checkpoint of the best epoch cannot be read back.
    #[error(transparent)]
    Checkpoint(#[from] aees_run::checkpoint::CheckpointError),
    /// What ran does not match what was planned.
    #[error("{0}")]
    OpenLoop(String),
}

/// How the loop ended.
#[derive(Clone, Debug, PartialEq)]
pub enum LoopEnd {
    /// All epochs are done, or the loss is no number any more.
    Done(Outcome),
    /// The user asked to stop; a checkpoint of this step is on disk.
    Interrupted {
        /// Steps done.
        step: u64,
    },
}

/// One run: its parts, borrowed or owned, and where it stands.
pub struct TrainingLoop<'a> {
    config: &'a RunConfig,
    task: &'a dyn TrainingTask,
    engine: &'a mut dyn Engine,
    checkpoints: &'a CheckpointFolder,
    subscribers: &'a mut [Box<dyn Subscriber>],
    stop: &'a AtomicBool,
    state: TrainState,
    /// Results of drained steps; kept to reuse its memory.
    records: Vec<StepRecord>,
    /// Examples of each step that was enqueued and not yet drained.
    pending: Vec<f64>,
    /// The arm of the open episode.
    arm: Option<Candidate>,
    process_start: Instant,
    epoch_start: Instant,
}

impl<'a> TrainingLoop<'a> {
    /// A loop that goes on from `state`; the engine must have been loaded from the same checkpoint.
    pub fn new(
        config: &'a RunConfig,
        task: &'a dyn TrainingTask,
        engine: &'a mut dyn Engine,
        checkpoints: &'a CheckpointFolder,
        subscribers: &'a mut [Box<dyn Subscriber>],
        stop: &'a AtomicBool,
        state: TrainState,
    ) -> Self {
        let now = Instant::now();
        Self {
            config,
            task,
            engine,
            checkpoints,
            subscribers,
            stop,
            state,
            records: Vec::new(),
            pending: Vec::new(),
            arm: None,
            process_start: now,
            epoch_start: now,
        }
    }

    /// Trains until all epochs are done, the loss is no number any more, or the user asks to stop.
    ///
    /// # Errors
    /// See [`RunError`]; the last checkpoint is on disk whatever happens.
    pub fn train(&mut self) -> Result<LoopEnd, RunError> {
        while self.state.epoch < self.config.epochs.get() {
            self.epoch_start = Instant::now();
            match self.train_epoch()? {
                EpochFlow::Completed => self.finish_epoch()?,
                EpochFlow::Diverged(outcome) => return Ok(LoopEnd::Done(outcome)),
                EpochFlow::Stopped => {
                    self.write_checkpoint()?;
                    return Ok(LoopEnd::Interrupted { step: self.state.step });
                }
            }
        }
        Ok(LoopEnd::Done(Outcome::Ok))
    }

    /// Closes the controllers' open episode, as the end of a run does.
    ///
    /// # Errors
    /// When the controller or a subscriber fails.
    pub fn finalize(&mut self) -> Result<(), RunError> {
        self.state.update_norms.close();
        let step = self.state.step;
        let Some(aees) = &mut self.state.aees else { return Ok(()) };
        let closed = aees.finalize().map_err(|source| RunError::Control { step, source })?.cloned();
        if let Some(record) = closed {
            let episode = aees.episodes().len() - 1;
            self.emit(&RunEvent::EpisodeClosed { episode, record: &record })?;
        }
        Ok(())
    }

    /// Where the run stands.
    pub fn state(&self) -> &TrainState {
        &self.state
    }

    /// Seconds of work, those of earlier processes included.
    pub fn seconds(&self) -> f64 {
        self.state.seconds_before + self.process_start.elapsed().as_secs_f64()
    }

    /// The share of a split that the model gets right, against the labels of the task.
    ///
    /// # Errors
    /// When the engine fails.
    pub fn accuracy(&mut self, split: Split, what: &'static str) -> Result<f64, RunError> {
        self.emit(&RunEvent::EvaluationStarted { what })?;
        let predictions = self.engine.predict(split)?;
        Ok(agreement(&predictions, self.task.labels(split)))
    }

    /// Tells every subscriber.
    ///
    /// # Errors
    /// The first file that could not be written.
    pub fn emit(&mut self, event: &RunEvent<'_>) -> Result<(), RunError> {
        for subscriber in self.subscribers.iter_mut() {
            subscriber.on_event(event)?;
        }
        Ok(())
    }

    /// Tells every subscriber that the run ended and its result is on disk.
    ///
    /// # Errors
    /// The first file that could not be written.
    pub fn finish(&mut self, outcome: &Outcome, path: &Path) -> Result<(), RunError> {
        let event = RunEvent::Finished { outcome, path, state: &self.state };
        Ok(self.subscribers.iter_mut().try_for_each(|subscriber| subscriber.on_event(&event))?)
    }

    /// The engine, between epochs.
    pub fn engine(&mut self) -> &mut dyn Engine {
        self.engine
    }

    fn train_epoch(&mut self) -> Result<EpochFlow, RunError> {
        let plan = self.task.plan_epoch(self.state.epoch);
        let batch_size = self.config.batch_size.get();
        let batches = plan.batch_count(batch_size) as u64;
        while self.state.batch < batches {
            if self.stop.load(Ordering::Relaxed) {
                return Ok(self.drain()?.map_or(EpochFlow::Stopped, EpochFlow::Diverged));
            }
            self.enqueue(&plan, batch_size)?;
            let last = self.state.batch == batches;
            let checkpoint = self.checkpoint_is_due();
            if last || checkpoint || self.drain_is_due() {
                if let Some(outcome) = self.drain()? {
                    return Ok(EpochFlow::Diverged(outcome));
                }
                if checkpoint {
                    self.write_checkpoint()?;
                }
            }
        }
        Ok(EpochFlow::Completed)
    }

    /// Picks the arm and sends one step to the engine.
    fn enqueue(&mut self, plan: &EpochPlan, batch_size: usize) -> Result<(), RunError> {
        let step = self.state.step;
        let arm = self.open_episode(step)?;
        let learning_rate = self.config.lr.get() * self.task.learning_rate_factor(self.state.epoch, step);
        let control = StepControl { learning_rate, multiplier: arm.0, noise_std: arm.1, step };
        let Some(batch) = plan.batch(self.state.batch as usize, batch_size) else { return Ok(()) };
        self.engine.step(batch, &control)?;
        self.pending.push(self.task.train_flops(batch.indices));
        self.state.step += 1;
        self.state.batch += 1;
        self.emit(&RunEvent::StepEnqueued { step, examples: batch.indices.len() })
    }

    /// Multiplier and noise of the open episode; opens one if there is none. A baseline has (1, 0).
    fn open_episode(&mut self, step: u64) -> Result<(f64, f64), RunError> {
        let Some(aees) = &mut self.state.aees else { return Ok((1.0, 0.0)) };
        if self.arm.is_none() {
            let candidate = aees.open(step).map_err(|source| RunError::Control { step, source })?;
            let episode = aees.episodes().len();
            self.arm = Some(candidate);
            self.emit(&RunEvent::EpisodeOpened { episode, candidate: &candidate, step })?;
        }
        Ok(self.arm.map_or((1.0, 0.0), |arm| (arm.lr_multiplier.get(), arm.noise_std.get())))
    }

    /// Whether the results of the pending steps are wanted now.
    fn drain_is_due(&self) -> bool {
        let episode_over = self.state.aees.as_ref().is_some_and(|aees| aees.steps_left() <= self.pending.len());
        episode_over || self.engine.drains_for_free() || self.pending.len() >= self.config.episode_length.get()
    }

    fn checkpoint_is_due(&self) -> bool {
        self.config.checkpoint_every.is_some_and(|every| self.state.step.is_multiple_of(every.get()))
    }

    /// Reads the results of all pending steps and hands them to the state and the controllers.
    ///
    /// Returns the outcome if one of them was not a number; the steps after it do not count.
    fn drain(&mut self) -> Result<Option<Outcome>, RunError> {
        let mut records = std::mem::take(&mut self.records);
        records.clear();
        self.engine.drain(&mut records)?;
        let diverged = records.iter().find_map(|record| Some((record.step, divergence(record)?)));
        if let Some((step, _)) = &diverged {
            records.retain(|record| record.step < *step);
        }
        self.emit(&RunEvent::StepsDrained { records: &records })?;
        for (record, flops) in records.iter().zip(&self.pending) {
            self.state.record_step(record, *flops);
        }
        self.pending.clear();
        self.record_in_controllers(&records)?;
        self.records = records;
        Ok(diverged.map(|(step, outcome)| {
            self.state.step = step;
            outcome
        }))
    }

    /// The records of a drain never reach over the end of an episode: a drain is due there.
    fn record_in_controllers(&mut self, records: &[StepRecord]) -> Result<(), RunError> {
        let Some(aees) = &mut self.state.aees else {
            let block = self.config.episode_length.get() as u64;
            records.iter().for_each(|record| self.state.update_norms.record(record.update_norm, block));
            return Ok(());
        };
        let Some(first) = records.first() else { return Ok(()) };
        let step = first.step;
        let losses: Vec<f64> = records.iter().map(|record| record.loss).collect();
        let norms: Vec<f64> = records.iter().map(|record| record.update_norm).collect();
        let closed = aees.record_steps(&losses, &norms).map_err(|source| RunError::Control { step, source })?.cloned();
        if let Some(closed) = closed {
            let episode = aees.episodes().len() - 1;
            self.arm = None;
            self.emit(&RunEvent::EpisodeClosed { episode, record: &closed })?;
        }
        Ok(())
    }

    /// Evaluates, closes the epoch, and writes what is due.
    fn finish_epoch(&mut self) -> Result<(), RunError> {
        let split = self.task.evaluated_split();
        let val_accuracy = self.accuracy(split, "evaluating")?;
        let (epoch, step) = (self.state.epoch, self.state.step);
        let seconds = self.state.open_epoch.seconds_before + self.epoch_start.elapsed().as_secs_f64();
        let learning_rate = self.config.lr.get() * self.task.learning_rate_factor(epoch, step.saturating_sub(1));
        let eval_flops = self.task.eval_flops(split);
        let summary = self.state.finish_epoch(EpochEnd { val_accuracy, eval_flops, learning_rate, seconds });
        // The next epoch's clock starts here: a checkpoint now must not count this epoch's seconds again.
        self.epoch_start = Instant::now();
        self.emit(&RunEvent::EpochFinished(&summary))?;
        let each_epoch = self.config.checkpoint_every.is_none();
        if self.state.best.is_some_and(|best| best.epoch == epoch) {
            // The best goes first: a checkpoint that knows of a new best must never lie beside the file of an older one.
            let checkpoint = self.checkpoint()?;
            self.checkpoints.write_best(&checkpoint)?;
            if each_epoch {
                let path = self.checkpoints.adopt_best(step)?;
                self.emit(&RunEvent::CheckpointWritten { path: &path, step })?;
            }
        } else if each_epoch {
            self.write_checkpoint()?;
        }
        Ok(())
    }

    fn write_checkpoint(&mut self) -> Result<(), RunError> {
        let checkpoint = self.checkpoint()?;
        let path = self.checkpoints.write(&checkpoint)?;
        self.emit(&RunEvent::CheckpointWritten { path: &path, step: self.state.step })
    }

    fn checkpoint(&mut self) -> Result<Checkpoint, RunError> {
        let mut state = self.state.clone();
        state.seconds_before = self.seconds();
        state.open_epoch.seconds_before += self.epoch_start.elapsed().as_secs_f64();
        Ok(Checkpoint { state, engine: self.engine.save()? })
    }
}

/// How a pass over an epoch's batches ended.
enum EpochFlow {
    Completed,
    Diverged(Outcome),
    Stopped,
}

/// The outcome of a step whose numbers are no numbers any more.
fn divergence(record: &StepRecord) -> Option<Outcome> {
    let quantities = [("loss", record.loss), ("update_norm", record.update_norm)];
    let (quantity, value) = quantities.into_iter().find(|(_, value)| !value.is_finite())?;
    Some(Outcome::Diverged { step: record.step, quantity: quantity.to_owned(), value: value.to_string() })
}

/// The share of positions where two lists agree; 0 for empty lists.
pub(crate) fn agreement(predictions: &[u32], labels: &[u32]) -> f64 {
    let right = predictions.iter().zip(labels).filter(|(prediction, label)| prediction == label).count();
    right as f64 / labels.len().max(1) as f64
}
