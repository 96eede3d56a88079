//! Where a run stands: everything beside the engine's tensors that must survive a kill.

use aees_control::Aees;
use serde::{Deserialize, Serialize};

use crate::circumstances::WorkSession;

/// The counters, histories and controllers of a run.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct TrainState {
    /// Optimizer steps done.
    pub step: u64,
    /// The epoch under way, from 0; equal to the number of epochs when all are done.
    pub epoch: u64,
    /// Batches done in that epoch.
    pub batch: u64,
    /// What the epoch under way has summed up so far.
    pub open_epoch: OpenEpoch,
    /// The finished epochs.
    pub epochs: Vec<FinishedEpoch>,
    /// The best evaluation so far.
    pub best: Option<BestEpoch>,
    /// The controllers, with an open episode; absent for baselines.
    pub aees: Option<Aees>,
    /// Norms of the updates, summed over each `episode_length` steps of a baseline, so that every method logs them.
    pub update_norms: UpdateNorms,
    /// Estimated FLOP of all training steps.
    pub train_flops: f64,
    /// Estimated FLOP of all evaluations, diagnostics left out.
    pub eval_flops: f64,
    /// Examples of all probes, whose FLOP are among those of evaluations.
    #[serde(default)]
    pub probe_examples: u64,
    /// Seconds of work before this process took over; 0 in a run that was never resumed.
    pub seconds_before: f64,
    /// The processes whose work is in it, in order. A checkpoint of an earlier version knows none.
    #[serde(default)]
    pub sessions: Vec<WorkSession>,
}

/// Sums over the epoch under way.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct OpenEpoch {
    /// Sum of batch loss x batch size.
    pub loss_sum: f64,
    /// Examples the training logits got right.
    pub correct: u64,
    /// Examples seen.
    pub examples: u64,
    /// Estimated FLOP.
    pub flops: f64,
    /// Seconds of work in earlier processes.
    pub seconds_before: f64,
    /// Episodes that were closed when the epoch began.
    pub episodes_before: usize,
}

/// What stays of an epoch.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct FinishedEpoch {
    /// Mean training loss over its examples.
    pub train_loss: f64,
    /// Training accuracy, as a fraction.
    pub train_accuracy: f64,
    /// Evaluation accuracy, as a fraction.
    pub val_accuracy: f64,
    /// Scheduled learning rate.
    pub learning_rate: f64,
    /// Seconds, evaluation included.
    pub seconds: f64,
    /// Estimated TFLOP, evaluation included.
    pub tflops: f64,
}

/// The epoch with the best evaluation accuracy; of equals, the first.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct BestEpoch {
    /// Its number, from 0.
    pub epoch: u64,
    /// Its accuracy, as a fraction.
    pub val_accuracy: f64,
}

/// Mean update norms over blocks of steps.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct UpdateNorms {
    /// Mean of each full block.
    pub means: Vec<f64>,
    /// Sum over the open block.
    sum: f64,
    /// Steps in the open block.
    steps: usize,
}

impl UpdateNorms {
    /// Takes the norm of one step.
    pub fn record(&mut self, norm: f64, block: usize) {
        self.sum += norm;
        self.steps += 1;
        if self.steps == block {
            self.close();
        }
    }

    /// Closes a block that the run ended in.
    pub fn close(&mut self) {
        if self.steps > 0 {
            self.means.push(self.sum / self.steps as f64);
            (self.sum, self.steps) = (0.0, 0);
        }
    }
}

impl TrainState {
    /// The state before the first step.
    pub fn new(aees: Option<Aees>) -> Self {
        Self {
            step: 0,
            epoch: 0,
            batch: 0,
            open_epoch: OpenEpoch::default(),
            epochs: Vec::new(),
            best: None,
            aees,
            update_norms: UpdateNorms::default(),
            train_flops: 0.0,
            eval_flops: 0.0,
            probe_examples: 0,
            seconds_before: 0.0,
            sessions: Vec::new(),
        }
    }

    /// Adds one finished step to the epoch under way.
    pub fn record_step(&mut self, record: &StepRecord, flops: f64) {
        self.open_epoch.loss_sum += record.loss * record.examples as f64;
        self.open_epoch.correct += record.correct;
        self.open_epoch.examples += record.examples as u64;
        self.open_epoch.flops += flops;
        self.train_flops += flops;
    }

    /// Adds an evaluation of the probe batch to the epoch under way.
    pub fn record_probe(&mut self, examples: u64, flops: f64) {
        self.probe_examples += examples;
        self.open_epoch.flops += flops;
        self.eval_flops += flops;
    }

    /// Closes the epoch under way and opens the next one.
    pub fn finish_epoch(&mut self, end: EpochEnd) -> EpochSummary {
        let open = std::mem::take(&mut self.open_epoch);
        self.eval_flops += end.eval_flops;
        let examples = open.examples.max(1) as f64;
        let finished = FinishedEpoch {
            train_loss: open.loss_sum / examples,
            train_accuracy: open.correct as f64 / examples,
            val_accuracy: end.val_accuracy,
            learning_rate: end.learning_rate,
            seconds: end.seconds,
            tflops: (open.flops + end.eval_flops) / 1e12,
        };
        let episodes = self.aees.as_ref().map_or(&[][..], Aees::episodes);
        let fresh = &episodes[open.episodes_before.min(episodes.len())..];
        let rewards = fresh.iter().map(|episode| episode.reward).sum::<f64>();
        let summary = EpochSummary {
            epoch: self.epoch,
            step: self.step,
            train_loss: finished.train_loss,
            train_accuracy: finished.train_accuracy,
            val_accuracy: finished.val_accuracy,
            learning_rate: finished.learning_rate,
            seconds: finished.seconds,
            cumulative_tflops: (self.train_flops + self.eval_flops) / 1e12,
            episodes: episodes.len(),
            last_arm: episodes.last().map(|episode| episode.selection.candidate.name()),
            mean_reward: (!fresh.is_empty()).then(|| rewards / fresh.len() as f64),
        };
        self.open_epoch.episodes_before = episodes.len();
        if self.best.is_none_or(|best| finished.val_accuracy > best.val_accuracy) {
            self.best = Some(BestEpoch { epoch: self.epoch, val_accuracy: finished.val_accuracy });
        }
        self.epochs.push(finished);
        self.epoch += 1;
        self.batch = 0;
        summary
    }
}

/// What one step gave, known after a drain.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct StepRecord {
    /// The global step, from 0.
    pub step: u64,
    /// Examples in the batch.
    pub examples: usize,
    /// Mean cross-entropy of the batch before the update; NaN or infinite when the run has diverged.
    pub loss: f64,
    /// Examples that the training logits got right.
    pub correct: u64,
    /// Euclidean norm of the change of all parameters.
    pub update_norm: f64,
}

/// One epoch.
#[derive(Clone, Debug, PartialEq)]
pub struct EpochSummary {
    /// Its number, from 0.
    pub epoch: u64,
    /// Steps done at its end.
    pub step: u64,
    /// Mean training loss over its examples.
    pub train_loss: f64,
    /// Share of the training examples that the moving weights got right.
    pub train_accuracy: f64,
    /// Share of the evaluation examples that the model got right at its end.
    pub val_accuracy: f64,
    /// The scheduled learning rate of the epoch.
    pub learning_rate: f64,
    /// Seconds it took, evaluation included.
    pub seconds: f64,
    /// Estimated TFLOP since the start of the run, by the reference's constant.
    pub cumulative_tflops: f64,
    /// Episodes closed since the start of the run.
    pub episodes: usize,
    /// The arm of the last closed episode.
    pub last_arm: Option<String>,
    /// Mean reward of the episodes closed in this epoch.
    pub mean_reward: Option<f64>,
}

/// What the end of an epoch adds to its sums.
#[derive(Clone, Copy, Debug)]
pub struct EpochEnd {
    /// Evaluation accuracy, as a fraction.
    pub val_accuracy: f64,
    /// Estimated FLOP of the evaluation.
    pub eval_flops: f64,
    /// The epoch's scheduled learning rate.
    pub learning_rate: f64,
    /// Seconds of the whole epoch.
    pub seconds: f64,
}
