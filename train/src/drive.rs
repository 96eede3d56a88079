//! A training loop at work: what it says is next is done with an engine, a task, subscribers and a checkpoint folder.
//!
//! [`Drive::advance`] does one thing and returns, so that one thread can drive several runs in turn. Clocks run on while
//! another run has its turn: seconds are those between start and end, whatever else the machine did.

use std::path::Path;
use std::time::Instant;

use aees_control::AeesError;
use aees_tasks::EpochPlan;

use aees_run::artifact::FileError;
use aees_run::checkpoint::{Checkpoint, CheckpointError, CheckpointFolder};
use aees_run::outcome::Outcome;
use aees_run::settings::{KeepCheckpoints, RunConfig};
use aees_run::state::{EpochEnd, TrainState};

use crate::engine::{Engine, EngineError, Split, StepControl, StepRecord};
use crate::event::{RunEvent, Subscriber, Subscribers};
use crate::probe::ProbeBatch;
use crate::training_loop::{Checkpoints, Evaluated, LoopSettings, Next, StepPlan, TrainingLoop};
use crate::training_task::TrainingTask;

/// A run that cannot go on.
#[allow(missing_docs, reason = "a field's name says it")]
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
    Control { step: u64, source: AeesError },
    /// The checkpoint of the best epoch cannot be read back.
    #[error(transparent)]
    Checkpoint(#[from] CheckpointError),
}

/// How the loop ended.
#[derive(Clone, Debug, PartialEq)]
pub enum LoopEnd {
    /// All epochs are done, or the loss is no number any more.
    Done(Outcome),
    /// The run was stopped; a checkpoint of where it stands is on disk.
    Stopped,
}

/// One run: its parts, and where it stands.
pub struct Drive {
    learning_rate: f64,
    /// Examples of a step, and of each of the parts that its gradients are added up from.
    step_examples: usize,
    batch_size: usize,
    task: Box<dyn TrainingTask>,
    engine: Box<dyn Engine>,
    checkpoints: CheckpointFolder,
    keep: KeepCheckpoints,
    /// That of the best epoch, where none is written and it is measured at the end.
    best: Option<Checkpoint>,
    subscribers: Vec<Box<dyn Subscriber>>,
    training: TrainingLoop,
    /// The epoch under way, with its number.
    plan: Option<(u64, EpochPlan)>,
    /// Results of drained steps; kept to reuse its memory.
    records: Vec<StepRecord>,
    start: Instant,
    epoch_start: Instant,
}

impl Drive {
    /// A run that goes on from `state`; the engine must have been loaded from the same checkpoint.
    pub fn new(
        config: &RunConfig,
        task: Box<dyn TrainingTask>,
        engine: Box<dyn Engine>,
        checkpoints: CheckpointFolder,
        subscribers: Vec<Box<dyn Subscriber>>,
        state: TrainState,
    ) -> Self {
        let now = Instant::now();
        let step_examples = config.step_examples();
        let settings = LoopSettings::new(config, task.steps_per_epoch(step_examples), engine.is_synchronous());
        Self {
            learning_rate: config.lr.get(),
            step_examples,
            batch_size: config.batch_size.get(),
            task,
            engine,
            checkpoints,
            keep: config.keep_checkpoints,
            best: None,
            subscribers,
            training: TrainingLoop::new(settings, state),
            plan: None,
            records: Vec::new(),
            start: now,
            epoch_start: now,
        }
    }

    /// Does what is next; says how the loop ended when nothing is.
    ///
    /// # Errors
    /// See [`RunError`]; the last checkpoint is on disk whatever happens. Where a device has no memory for a step or an
    /// evaluation, it is that of the step before, if the engine can still save it.
    pub fn advance(&mut self) -> Result<Option<LoopEnd>, RunError> {
        let next = self.training.next();
        let trains = matches!(next, Next::Step(_) | Next::Evaluate);
        let done = self.take(next);
        if let Err(RunError::Engine(EngineError::OutOfMemory { whole: true, .. })) = &done
            && trains
            && let Err(error) = self.keep_last_step()
        {
            self.emit(&RunEvent::Warning(&format!("no checkpoint of this step: {error}")));
        }
        done
    }

    fn take(&mut self, next: Next) -> Result<Option<LoopEnd>, RunError> {
        match next {
            Next::Step(plan) => self.step(&plan)?,
            Next::OpenEpisode => self.open_episode()?,
            Next::Probe => self.probe()?,
            Next::Drain => self.drain()?,
            Next::Evaluate => self.evaluate()?,
            Next::Save(due) => self.save(due)?,
            Next::Done(outcome) => return Ok(Some(LoopEnd::Done(outcome))),
            Next::Stopped => return Ok(Some(LoopEnd::Stopped)),
        }
        Ok(None)
    }

    /// A checkpoint of the steps that were taken, unless one of them made the loss no number.
    fn keep_last_step(&mut self) -> Result<(), RunError> {
        self.drain()?;
        match self.training.next() {
            Next::Done(_) => Ok(()),
            _ => self.save(Checkpoints { best: false, newest: true }),
        }
    }

    /// Asks the run to end at its next step, with a checkpoint.
    pub fn stop(&mut self) {
        self.training.stop();
    }

    /// Where the run stands.
    pub fn state(&self) -> &TrainState {
        self.training.state()
    }

    /// The task.
    pub fn task(&self) -> &dyn TrainingTask {
        self.task.as_ref()
    }

    /// The engine, between epochs.
    pub fn engine(&mut self) -> &mut dyn Engine {
        self.engine.as_mut()
    }

    /// The checkpoint of the best epoch, if there is one.
    ///
    /// # Errors
    /// When its file cannot be read back.
    pub fn best_checkpoint(&mut self) -> Result<Option<Checkpoint>, RunError> {
        let path = self.checkpoints.best();
        match self.best.take() {
            None if path.is_file() => Ok(Some(self.checkpoints.read(&path)?)),
            best => Ok(best),
        }
    }

    /// Removes the checkpoints that a run needed while it trained. One that cannot be removed is no reason to fail.
    pub fn remove_checkpoints(&mut self) {
        if self.keep == KeepCheckpoints::Best
            && let Err(error) = self.checkpoints.keep_best_alone()
        {
            self.emit(&RunEvent::Warning(&error.to_string()));
        }
    }

    /// Seconds of work, those of earlier processes included.
    pub fn seconds(&self) -> f64 {
        self.state().seconds_before + self.start.elapsed().as_secs_f64()
    }

    /// Tells every subscriber.
    pub fn emit(&mut self, event: &RunEvent<'_>) {
        self.subscribers.tell(event);
    }

    /// Tells every subscriber that the run ended and its result is on disk.
    pub fn emit_finished(&mut self, outcome: &Outcome, path: &Path) {
        let state = self.training.state();
        self.subscribers.tell(&RunEvent::Finished { outcome, path, state });
    }

    /// The share of a split that the model gets right, against the labels of the task; 0 for an empty one.
    ///
    /// # Errors
    /// When the engine fails.
    pub fn accuracy(&mut self, split: Split, what: &'static str) -> Result<f64, RunError> {
        self.emit(&RunEvent::EvaluationStarted { what });
        let (predictions, labels) = (self.engine.predict(split)?, self.task.labels(split));
        let right = predictions.iter().zip(labels).filter(|(prediction, label)| prediction == label).count();
        Ok(right as f64 / labels.len().max(1) as f64)
    }

    /// Closes the controllers' open episode, as the end of a run does.
    ///
    /// # Errors
    /// When the controller fails.
    pub fn finalize(&mut self) -> Result<(), RunError> {
        let step = self.state().step;
        if self.training.finalize().map_err(|source| RunError::Control { step, source })? {
            self.emit_episode_closed();
        }
        Ok(())
    }

    fn step(&mut self, plan: &StepPlan) -> Result<(), RunError> {
        let StepPlan { step, epoch, batch, multiplier, noise_std } = *plan;
        if self.plan.as_ref().is_none_or(|(planned, _)| *planned != epoch) {
            self.plan = Some((epoch, self.task.plan_epoch(epoch)));
        }
        // Neither can be missing: the loop counts the batches of the epoch.
        let Some(batch) = self.plan.as_ref().and_then(|(_, plan)| plan.batch(batch, self.step_examples)) else {
            return Ok(());
        };
        let learning_rate = self.learning_rate * self.task.learning_rate_factor(epoch, step);
        let control = StepControl { learning_rate, multiplier, noise_std, step };
        self.engine.step(batch, &control).map_err(|error| error.in_steps_of(self.step_examples))?;
        let flops = batch.parts(self.batch_size).map(|part| self.task.train_flops(part.indices)).sum();
        self.training.stepped(flops);
        self.subscribers.tell(&RunEvent::StepEnqueued { step, examples: batch.indices.len() });
        Ok(())
    }

    fn open_episode(&mut self) -> Result<(), RunError> {
        let step = self.state().step;
        let opened = self.training.open_episode().map_err(|source| RunError::Control { step, source })?;
        let Some((episode, candidate)) = opened else { return Ok(()) };
        self.emit(&RunEvent::EpisodeOpened { episode, candidate: &candidate, step });
        Ok(())
    }

    fn probe(&mut self) -> Result<(), RunError> {
        let Some(wanted) = self.training.probe_examples() else { return Ok(()) };
        let batch = ProbeBatch::new(wanted, self.task.train_examples());
        let loss = batch.loss(self.engine.as_mut(), self.task.labels(Split::Train))?;
        let share = batch.examples() as f64 / self.task.train_examples().max(1) as f64;
        self.training.probed(loss, batch.examples(), share * self.task.eval_flops(Split::Train));
        Ok(())
    }

    fn drain(&mut self) -> Result<(), RunError> {
        self.records.clear();
        self.engine.drain(&mut self.records)?;
        let step = self.records.first().map_or(self.state().step, |record| record.step);
        let closed = self.training.drained(&mut self.records).map_err(|source| RunError::Control { step, source })?;
        self.subscribers.tell(&RunEvent::StepsDrained { records: &self.records });
        if closed {
            self.emit_episode_closed();
        }
        Ok(())
    }

    fn emit_episode_closed(&mut self) {
        if let Some((episode, record)) = self.training.last_episode() {
            self.subscribers.tell(&RunEvent::EpisodeClosed { episode, record });
        }
    }

    fn evaluate(&mut self) -> Result<(), RunError> {
        let split = self.task.evaluated_split();
        let val_accuracy = self.accuracy(split, "evaluating")?;
        let state = self.training.state();
        let learning_rate =
            self.learning_rate * self.task.learning_rate_factor(state.epoch, state.step.saturating_sub(1));
        let seconds = state.open_epoch.seconds_before + self.epoch_start.elapsed().as_secs_f64();
        let end = EpochEnd { val_accuracy, eval_flops: self.task.eval_flops(split), learning_rate, seconds };
        match self.training.evaluated(end) {
            Evaluated::Epoch(summary) => {
                // The next epoch's clock starts here: a checkpoint now must not count this epoch's seconds again.
                self.epoch_start = Instant::now();
                self.emit(&RunEvent::EpochFinished(&summary));
            }
            Evaluated::BeforeItsEnd(evaluation) => self.emit(&RunEvent::Evaluated(&evaluation)),
        }
        Ok(())
    }

    fn save(&mut self, due: Checkpoints) -> Result<(), RunError> {
        if self.keep == KeepCheckpoints::None {
            if due.best && self.task.facts().measures_best() {
                self.best = Some(self.checkpoint()?);
            }
            self.training.saved();
            return Ok(());
        }
        let checkpoint = self.checkpoint()?;
        let step = checkpoint.state.step;
        let newest = match due {
            Checkpoints { best: true, newest } => {
                self.checkpoints.write_best(&checkpoint)?;
                newest.then(|| self.checkpoints.adopt_best(step)).transpose()?
            }
            _ => Some(self.checkpoints.write(&checkpoint)?),
        };
        self.training.saved();
        if let Some(path) = newest {
            self.emit(&RunEvent::CheckpointWritten { path: &path, step });
        }
        Ok(())
    }

    /// Where the run stands.
    fn checkpoint(&mut self) -> Result<Checkpoint, RunError> {
        let mut state = self.training.state().clone();
        state.seconds_before = self.seconds();
        state.open_epoch.seconds_before += self.epoch_start.elapsed().as_secs_f64();
        Ok(Checkpoint { state, engine: self.engine.save()? })
    }
}
