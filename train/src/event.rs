//! What happens in a run, as values. The loop emits them and prints nothing; who wants to show, log or count
//! something subscribes.

use std::path::Path;

use aees_control::open_loop::OpenLoopPlan;
use aees_control::{Candidate, EpisodeRecord};

use crate::engine::StepRecord;
use aees_run::artifact::FileError;
use aees_run::outcome::Outcome;
use aees_run::settings::RunConfig;
use aees_run::state::{EpochSummary, StepEvaluation, TrainState};

/// Something that happened, in the order it happened. Steps and episodes are counted from 0.
#[allow(missing_docs, reason = "a field's name says it")]
#[derive(Debug)]
pub enum RunEvent<'a> {
    /// Something long goes on before training: a download, tokenizing.
    Preparing(&'a Preparation<'a>),
    /// Data, model and engine are ready.
    Started(&'a Start<'a>),
    /// An episode opened with this arm at this step.
    EpisodeOpened { episode: usize, candidate: &'a Candidate, step: u64 },
    /// A step went to the engine; its loss is not known yet.
    StepEnqueued { step: u64, examples: usize },
    /// The results of one or more steps were read.
    StepsDrained { records: &'a [StepRecord] },
    /// An episode closed and the controllers learned from it.
    EpisodeClosed { episode: usize, record: &'a EpisodeRecord },
    /// An evaluation began; it can take a while.
    EvaluationStarted { what: &'static str },
    /// An evaluation before the end of an epoch is done.
    Evaluated(&'a StepEvaluation),
    /// An epoch ended with its evaluation.
    EpochFinished(&'a EpochSummary),
    /// A checkpoint of so many steps is safely on disk.
    CheckpointWritten { path: &'a Path, step: u64 },
    /// Something the user should know.
    Warning(&'a str),
    /// The run ended in this state, and its result is on disk.
    Finished { outcome: &'a Outcome, path: &'a Path, state: &'a TrainState },
}

/// How far something is that goes on before training.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Preparation<'a> {
    /// What is done, in words: `tokenizing`, a file's name.
    pub what: &'a str,
    /// How much is done.
    pub done: u64,
    /// How much there is, when it is known.
    pub total: Option<u64>,
    /// What is counted.
    pub unit: PreparationUnit,
}

/// What the numbers of a [`Preparation`] count.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PreparationUnit {
    /// Bytes of a file.
    Bytes,
    /// Sentences.
    Sentences,
}

/// What is known before the first step.
#[derive(Debug)]
pub struct Start<'a> {
    /// The checked configuration.
    pub config: &'a RunConfig,
    /// The first 16 digits of the run's id.
    pub run_id: &'a str,
    /// The folder of the run.
    pub directory: &'a Path,
    /// The device in words.
    pub device: &'a str,
    /// Where the data came from, in words.
    pub data: &'a str,
    /// What an example is: `images`, `sentences`.
    pub examples: &'static str,
    /// Training examples.
    pub train_examples: usize,
    /// Examples evaluated after each epoch.
    pub eval_examples: usize,
    /// Steps in an epoch.
    pub steps_per_epoch: u64,
    /// Steps already done when the run was resumed; 0 for a new one.
    pub first_step: u64,
    /// The adaptive and the fixed axes in words, for methods with episodes.
    pub axes: Option<(String, String)>,
    /// The precomputed schedule of an open-loop mode.
    pub open_loop: Option<&'a OpenLoopPlan>,
}

/// Somebody who wants to know what happens in a run.
pub trait Subscriber {
    /// Called for every event, on the training thread: be quick.
    ///
    /// # Errors
    /// A file that could not be written; the run goes on without it.
    fn on_event(&mut self, event: &RunEvent<'_>) -> Result<(), FileError>;
}

/// Everybody who wants to know.
pub trait Subscribers {
    /// Tells everybody, in order. Who cannot write is no reason to stop a run: the others are told of it.
    fn tell(&mut self, event: &RunEvent<'_>);
}

impl Subscribers for [Box<dyn Subscriber>] {
    fn tell(&mut self, event: &RunEvent<'_>) {
        let failed = self.iter_mut().filter_map(|subscriber| subscriber.on_event(event).err());
        for error in failed.collect::<Vec<_>>() {
            let warning = format!("{error}; the run goes on without it");
            // A second failure has nothing to add.
            self.iter_mut().for_each(|subscriber| drop(subscriber.on_event(&RunEvent::Warning(&warning))));
        }
    }
}

/// A log until it cannot be written; then it ends.
pub struct UntilItFails<S>(Option<S>);

impl<S> UntilItFails<S> {
    /// A log that works.
    pub fn new(log: S) -> Self {
        Self(Some(log))
    }
}

impl<S: Subscriber> Subscriber for UntilItFails<S> {
    fn on_event(&mut self, event: &RunEvent<'_>) -> Result<(), FileError> {
        let Some(log) = &mut self.0 else { return Ok(()) };
        let told = log.on_event(event);
        if told.is_err() {
            self.0 = None;
        }
        told
    }
}
