//! What happens in a run, as values. The loop emits them and prints nothing; who wants to show, log or count
//! something subscribes.

use std::path::Path;

use aees_control::open_loop::OpenLoopPlan;
use aees_control::{Candidate, EpisodeRecord};

use crate::engine::StepRecord;
use aees_run::artifact::FileError;
use aees_run::outcome::Outcome;
use aees_run::settings::RunConfig;
use aees_run::state::{EpochSummary, TrainState};

/// Something that happened, in the order it happened.
#[derive(Debug)]
pub enum RunEvent<'a> {
    /// Something long goes on before training: a download, tokenizing.
    Preparing(&'a Preparation<'a>),
    /// Data, model and engine are ready.
    Started(&'a Start<'a>),
    /// An episode opened with this arm.
    EpisodeOpened {
        /// Its number, from 0.
        episode: usize,
        /// The arm.
        candidate: &'a Candidate,
        /// Its first step.
        step: u64,
    },
    /// A step went to the engine; its loss is not known yet.
    StepEnqueued {
        /// The global step, from 0.
        step: u64,
        /// Examples in its batch.
        examples: usize,
    },
    /// The results of one or more steps were read.
    StepsDrained {
        /// The results, in order.
        records: &'a [StepRecord],
    },
    /// An episode closed and the controllers learned from it.
    EpisodeClosed {
        /// Its number, from 0.
        episode: usize,
        /// What it was and gave.
        record: &'a EpisodeRecord,
    },
    /// An evaluation began; it can take a while.
    EvaluationStarted {
        /// What is evaluated, in words.
        what: &'static str,
    },
    /// An epoch ended with its evaluation.
    EpochFinished(&'a EpochSummary),
    /// A checkpoint is safely on disk.
    CheckpointWritten {
        /// Where.
        path: &'a Path,
        /// Steps done.
        step: u64,
    },
    /// Something the user should know.
    Warning(&'a str),
    /// The run ended, and its result is on disk.
    Finished {
        /// How.
        outcome: &'a Outcome,
        /// The result file.
        path: &'a Path,
        /// Where the run stands at its end.
        state: &'a TrainState,
    },
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
    /// A file that could not be written; it stops the run after the last good checkpoint.
    fn on_event(&mut self, event: &RunEvent<'_>) -> Result<(), FileError>;
}

/// Everybody is told, in order, until one fails.
impl Subscriber for [Box<dyn Subscriber>] {
    fn on_event(&mut self, event: &RunEvent<'_>) -> Result<(), FileError> {
        self.iter_mut().try_for_each(|subscriber| subscriber.on_event(event))
    }
}
