//! The control flow of training as a value: it says what is next and takes what came of it. One for all tasks, engines and
//! methods.
//!
//! An episode is opened, its steps are taken, their losses are read when the episode is over, and the controllers learn
//! from them. The loop holds no engine and no file ([`crate::drive`] does the work), knows no tensors and decides
//! nothing about learning rates or noise ([`aees_control`]). All that it knows stands in its [`TrainState`], so that a run killed
//! at any step goes on from its last checkpoint as if nothing had happened, and one thread can drive several runs.

use std::num::NonZeroU64;

use aees_control::{Aees, AeesError, Candidate, EpisodeRecord};

use aees_run::outcome::Outcome;
use aees_run::settings::RunConfig;
use aees_run::state::{EpochEnd, EpochSummary, StepEvaluation, StepRecord, TrainState};

/// What is to be done next.
#[derive(Clone, Debug, PartialEq)]
pub enum Next {
    /// Open an episode: [`TrainingLoop::open_episode`].
    OpenEpisode,
    /// Train on a batch: [`TrainingLoop::stepped`].
    Step(StepPlan),
    /// Measure the loss of the probe batch: [`TrainingLoop::probed`].
    Probe,
    /// Read the results of all steps since the last time: [`TrainingLoop::drained`].
    Drain,
    /// Evaluate the model, of a finished epoch or before its end: [`TrainingLoop::evaluated`].
    Evaluate,
    /// Write a checkpoint of where the run stands: [`TrainingLoop::saved`].
    Save(Checkpoints),
    /// Nothing: the run is over.
    Done(Outcome),
    /// Nothing: the run was stopped, and a checkpoint of this step is on disk.
    Stopped,
}

/// One step, in numbers.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct StepPlan {
    /// The global step, from 0.
    pub step: u64,
    /// The epoch, from 0.
    pub epoch: u64,
    /// The batch of that epoch, from 0.
    pub batch: usize,
    /// The learning-rate multiplier of the open episode; 1 for a baseline.
    pub multiplier: f64,
    /// The standard deviation of its gradient noise; 0 for a baseline.
    pub noise_std: f64,
}

/// The checkpoints that are due at once.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Checkpoints {
    /// That of the best epoch. It goes first: a newest one that knows of a new best must never lie beside the file of an
    /// older best.
    pub best: bool,
    /// The newest.
    pub newest: bool,
}

/// What came of an evaluation.
#[derive(Clone, Debug, PartialEq)]
pub enum Evaluated {
    /// An epoch was closed.
    Epoch(EpochSummary),
    /// The epoch goes on.
    BeforeItsEnd(StepEvaluation),
}

/// What decides the control flow of a run.
#[derive(Clone, Copy, Debug)]
pub struct LoopSettings {
    /// Epochs to train.
    pub epochs: u64,
    /// Batches in an epoch, a short last one included.
    pub steps_per_epoch: u64,
    /// Steps in an episode, and between two reads of a baseline's losses.
    pub episode_length: usize,
    /// Steps between checkpoints; none means that each epoch ends with one.
    pub checkpoint_every: Option<u64>,
    /// Steps between evaluations beside those at the ends of epochs; none means that there are no others.
    pub eval_every: Option<u64>,
    /// Evaluations in a row without a new best after which the run ends.
    pub patience: Option<u64>,
    /// The largest norm of the gradients; larger ones were clipped.
    pub max_gradient_norm: Option<f64>,
    /// Whether a step's results are in host memory when it returns, so that reading them costs nothing.
    pub synchronous: bool,
    /// Estimated FLOP after which training ends, with an evaluation.
    pub max_flops: Option<f64>,
}

impl LoopSettings {
    /// Those of a configuration.
    pub fn new(config: &RunConfig, steps_per_epoch: u64, synchronous: bool) -> Self {
        Self {
            epochs: config.epochs.get(),
            steps_per_epoch,
            episode_length: config.episode_length.get(),
            checkpoint_every: config.checkpoint_every.map(NonZeroU64::get),
            eval_every: config.eval_every.map(NonZeroU64::get),
            patience: config.patience.map(NonZeroU64::get),
            max_gradient_norm: config.grad_clip.map(|norm| norm.get()),
            synchronous,
            max_flops: config.max_tflops.map(|tflops| tflops.get() * 1e12),
        }
    }
}

/// The loop of one run.
#[derive(Debug)]
pub struct TrainingLoop {
    settings: LoopSettings,
    state: TrainState,
    /// The candidate of the open episode.
    candidate: Option<Candidate>,
    /// FLOP of each step that was taken and not yet drained.
    pending: Vec<f64>,
    /// The checkpoints that the end of an epoch asks for.
    due: Option<Checkpoints>,
    /// The last step of which a checkpoint was written, or with which this process began.
    saved: u64,
    stop: Stop,
    diverged: Option<Outcome>,
    /// A probe of the steps that were not yet drained whose loss is no number.
    failed_probe: Option<f64>,
    /// Losses and update norms of a drain; kept to reuse their memory.
    columns: [Vec<f64>; 2],
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Stop {
    No,
    Asked,
    Saved,
}

impl TrainingLoop {
    /// A loop that goes on from `state`; the engine must have been loaded from the same checkpoint.
    pub fn new(settings: LoopSettings, state: TrainState) -> Self {
        Self {
            settings,
            saved: state.step,
            state,
            candidate: None,
            pending: Vec::new(),
            due: None,
            stop: Stop::No,
            diverged: None,
            failed_probe: None,
            columns: [Vec::new(), Vec::new()],
        }
    }

    /// Where the run stands.
    pub fn state(&self) -> &TrainState {
        &self.state
    }

    /// Asks the run to end at the next step, with a checkpoint.
    pub fn stop(&mut self) {
        if self.stop == Stop::No {
            self.stop = Stop::Asked;
        }
    }

    /// What is to be done next. Always the same until it is done.
    pub fn next(&self) -> Next {
        if let Some(outcome) = &self.diverged {
            return Next::Done(outcome.clone());
        }
        if let Some(checkpoints) = self.due {
            return Next::Save(checkpoints);
        }
        let spent = self.is_spent();
        let no_more = spent && self.state.batch == 0 && self.state.epoch > 0;
        if self.state.epoch >= self.settings.epochs || self.has_no_patience_left() || no_more {
            return Next::Done(Outcome::Ok);
        }
        let epoch_over = spent || self.state.batch >= self.settings.steps_per_epoch;
        let ends = spent || (epoch_over && self.state.epoch + 1 >= self.settings.epochs);
        if !self.pending.is_empty() && self.probe_is_due(ends) {
            return Next::Probe;
        }
        let newest = Checkpoints { best: false, newest: true };
        if self.drain_is_due(epoch_over) {
            return Next::Drain;
        }
        if !epoch_over && self.evaluation_is_due() {
            return Next::Evaluate;
        }
        if self.save_is_due() {
            return Next::Save(newest);
        }
        if epoch_over {
            return Next::Evaluate;
        }
        match self.stop {
            Stop::No => self.next_step(),
            Stop::Asked => Next::Save(newest),
            Stop::Saved => Next::Stopped,
        }
    }

    fn next_step(&self) -> Next {
        let (multiplier, noise_std) = match (&self.candidate, &self.state.aees) {
            (None, Some(_)) if self.probe_is_due(false) => return Next::Probe,
            (None, Some(_)) => return Next::OpenEpisode,
            (Some(candidate), _) => (candidate.lr_multiplier.get(), candidate.noise_std.get()),
            (None, None) => (1.0, 0.0),
        };
        let TrainState { step, epoch, batch, .. } = self.state;
        Next::Step(StepPlan { step, epoch, batch: batch as usize, multiplier, noise_std })
    }

    /// Whether the run has cost what it may. Pending steps count, so that it ends at the same step on every engine.
    fn is_spent(&self) -> bool {
        self.is_spent_with(self.pending.iter().sum())
    }

    /// The same, with what is not counted yet.
    fn is_spent_with(&self, flops: f64) -> bool {
        self.settings.max_flops.is_some_and(|most| self.state.train_flops + self.state.eval_flops + flops >= most)
    }

    /// Whether the loss of the probe batch is wanted now. `ends` says that no step follows.
    fn probe_is_due(&self, ends: bool) -> bool {
        let due = |aees: &Aees| aees.probe_is_due(self.state.step, self.pending.len(), ends);
        self.failed_probe.is_none() && self.state.aees.as_ref().is_some_and(due)
    }

    /// Whether the results of the pending steps are wanted now. A drain never reaches over the end of an episode.
    fn drain_is_due(&self, epoch_over: bool) -> bool {
        let pending = self.pending.len();
        let episode_over = || self.state.aees.as_ref().is_some_and(|aees| aees.steps_left() <= pending);
        pending > 0
            && (epoch_over
                || self.settings.synchronous
                || pending >= self.settings.episode_length
                || self.stop != Stop::No
                || episode_over()
                || self.evaluation_is_due()
                || self.save_is_due())
    }

    /// Whether the model is to be evaluated here, beside the ends of epochs.
    fn evaluation_is_due(&self) -> bool {
        let every = self.settings.eval_every;
        self.state.step != self.state.gain.last_step && every.is_some_and(|every| self.state.step.is_multiple_of(every))
    }

    fn has_no_patience_left(&self) -> bool {
        self.settings.patience.is_some_and(|patience| self.state.gain.since_best >= patience)
    }

    fn save_is_due(&self) -> bool {
        let every = self.settings.checkpoint_every;
        self.state.step != self.saved && every.is_some_and(|every| self.state.step.is_multiple_of(every))
    }

    /// Opens an episode; gives its number, from 0, and its candidate.
    ///
    /// # Errors
    /// When the controller cannot pick.
    pub fn open_episode(&mut self) -> Result<Option<(usize, Candidate)>, AeesError> {
        let Some(aees) = &mut self.state.aees else { return Ok(None) };
        let candidate = aees.open(self.state.step)?;
        self.candidate = Some(candidate);
        Ok(Some((aees.episodes().len(), candidate)))
    }

    /// The step was given to the engine; it costs so many FLOP.
    pub fn stepped(&mut self, flops: f64) {
        self.pending.push(flops);
        self.state.step += 1;
        self.state.batch += 1;
    }

    /// Examples of the probe batch; none if the reward wants none.
    pub fn probe_examples(&self) -> Option<usize> {
        self.state.aees.as_ref().and_then(|aees| aees.config().reward.probe_examples())
    }

    /// The loss of the probe batch, and what it cost. One that is not a number ends the run: the last step made it so.
    pub fn probed(&mut self, loss: f64, examples: u64, flops: f64) {
        self.state.record_probe(examples, flops);
        if !loss.is_finite() {
            match self.pending.is_empty() {
                true => self.diverged = Some(diverged(self.state.step, "probe_loss", loss)),
                false => self.failed_probe = Some(loss),
            }
        } else if let Some(aees) = &mut self.state.aees {
            aees.record_probe(loss, self.state.step);
        }
    }

    /// The results of all pending steps, in order. Those from the first that is not a number are removed: they do not
    /// count, and the run is over. Says whether an episode closed.
    ///
    /// # Errors
    /// When the controller refuses them.
    pub fn drained(&mut self, records: &mut Vec<StepRecord>) -> Result<bool, AeesError> {
        let found = records.iter().enumerate().find_map(|(index, record)| Some((index, divergence(record)?)));
        let of_probe = self.failed_probe.take().zip(records.last());
        let of_probe = of_probe.map(|(loss, last)| (records.len() - 1, diverged(last.step, "probe_loss", loss)));
        if let Some((index, outcome)) = found.or(of_probe) {
            self.state.step = records[index].step;
            self.diverged = Some(outcome);
            records.truncate(index);
        }
        for (record, flops) in records.iter().zip(&self.pending) {
            self.state.record_step(record, *flops, self.settings.max_gradient_norm);
        }
        self.pending.clear();
        if records.is_empty() {
            return Ok(false);
        }
        let Some(aees) = &mut self.state.aees else {
            let block = self.settings.episode_length;
            records.iter().for_each(|record| self.state.update_norms.record(record.update_norm, block));
            return Ok(false);
        };
        let [losses, norms] = &mut self.columns;
        losses.clear();
        losses.extend(records.iter().map(|record| record.loss));
        norms.clear();
        norms.extend(records.iter().map(|record| record.update_norm));
        let closed = aees.record_steps(losses, norms)?.is_some();
        if !aees.is_open() {
            self.candidate = None;
        }
        Ok(closed)
    }

    /// The last episode that closed, with its number.
    pub fn last_episode(&self) -> Option<(usize, &EpisodeRecord)> {
        self.state.aees.as_ref().map(Aees::episodes)?.iter().enumerate().next_back()
    }

    /// Takes an evaluation. It closes the epoch if that is over, and also if the run ends with it: then the epoch is a short one.
    pub fn evaluated(&mut self, end: EpochEnd) -> Evaluated {
        self.state.count_evaluation(end.val_accuracy);
        let ends = self.has_no_patience_left() || self.is_spent_with(end.eval_flops);
        if self.state.batch < self.settings.steps_per_epoch && !ends {
            return Evaluated::BeforeItsEnd(self.state.keep_evaluation(&end));
        }
        let summary = self.state.finish_epoch(end);
        let best = self.state.best.is_some_and(|best| best.epoch == summary.epoch);
        let newest = self.settings.checkpoint_every.is_none();
        self.due = (best || newest).then_some(Checkpoints { best, newest });
        if self.stop == Stop::Saved {
            // What was saved does not know the end of the epoch.
            self.stop = Stop::Asked;
        }
        Evaluated::Epoch(summary)
    }

    /// The checkpoints that were due are on disk.
    pub fn saved(&mut self) {
        self.saved = self.state.step;
        if self.due.take().is_none() && self.stop == Stop::Asked {
            self.stop = Stop::Saved;
        }
    }

    /// Closes the episode and the block of update norms that the run ended in; says whether there was an episode.
    ///
    /// # Errors
    /// When the controller fails.
    pub fn finalize(&mut self) -> Result<bool, AeesError> {
        self.state.update_norms.close();
        self.state.aees.as_mut().map_or(Ok(false), |aees| Ok(aees.finalize()?.is_some()))
    }
}

/// The outcome of a step whose numbers are no numbers any more.
fn divergence(record: &StepRecord) -> Option<Outcome> {
    let gradient_norm = record.gradient_norm.map(|norm| ("gradient_norm", norm));
    let quantities = [Some(("loss", record.loss)), gradient_norm, Some(("update_norm", record.update_norm))];
    let (quantity, value) = quantities.into_iter().flatten().find(|(_, value)| !value.is_finite())?;
    Some(diverged(record.step, quantity, value))
}

fn diverged(step: u64, quantity: &str, value: f64) -> Outcome {
    Outcome::Diverged { step, quantity: quantity.to_owned(), value: value.to_string() }
}

#[cfg(test)]
mod tests;
