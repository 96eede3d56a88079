//! Where a run stands: everything beside the engine's tensors that must survive a kill.

use aees_control::Aees;
use serde::{Deserialize, Serialize};

use crate::circumstances::WorkSession;

/// The counters, histories and controllers of a run.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
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
    /// The best evaluation at an epoch's end so far.
    pub best: Option<BestEpoch>,
    /// The evaluations before an epoch's end, in order.
    #[serde(default)]
    pub evaluations: Vec<StepEvaluation>,
    /// What early stopping counts.
    #[serde(default)]
    pub gain: EvaluationGain,
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
    /// The gradients of its steps, where they are clipped.
    #[serde(default)]
    pub gradients: GradientSums,
}

/// Sums over the gradients of an epoch under way.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct GradientSums {
    /// Sum of their norms before they were clipped.
    norm_sum: f64,
    /// How many there were.
    steps: u64,
    /// How many of them were clipped.
    clipped: u64,
}

/// The gradients of an epoch in a run that clips them.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct EpochGradients {
    /// Mean over the steps of their norms before they were clipped.
    pub mean_norm: f64,
    /// Share of the steps whose gradient was clipped.
    pub clipped_share: f64,
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
    /// Its gradients, if they were clipped.
    #[serde(default)]
    pub gradients: Option<EpochGradients>,
}

/// The epoch with the best evaluation accuracy; of equals, the first.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct BestEpoch {
    /// Its number, from 0.
    pub epoch: u64,
    /// Its accuracy, as a fraction.
    pub val_accuracy: f64,
}

/// An evaluation before the end of an epoch.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct StepEvaluation {
    /// Steps done.
    pub step: u64,
    /// Its accuracy, as a fraction.
    pub val_accuracy: f64,
}

/// What all evaluations of a run gained, at the ends of epochs and before: what `--patience` counts.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct EvaluationGain {
    /// The best of them; of equals, the first.
    pub best: Option<StepEvaluation>,
    /// Evaluations since.
    pub since_best: u64,
    /// The step of the last one.
    pub last_step: u64,
}

impl EvaluationGain {
    fn record(&mut self, evaluation: StepEvaluation) {
        self.last_step = evaluation.step;
        if self.best.is_none_or(|best| evaluation.val_accuracy > best.val_accuracy) {
            self.best = Some(evaluation);
            self.since_best = 0;
        } else {
            self.since_best += 1;
        }
    }
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

impl GradientSums {
    fn of_epoch(&self) -> Option<EpochGradients> {
        let steps = self.steps as f64;
        (self.steps > 0)
            .then(|| EpochGradients { mean_norm: self.norm_sum / steps, clipped_share: self.clipped as f64 / steps })
    }
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
        Self { aees, ..Self::default() }
    }

    /// Adds one finished step to the epoch under way. A gradient with a norm above `max_gradient_norm` was clipped.
    pub fn record_step(&mut self, record: &StepRecord, flops: f64, max_gradient_norm: Option<f64>) {
        if let Some(norm) = record.gradient_norm {
            let gradients = &mut self.open_epoch.gradients;
            gradients.norm_sum += norm;
            gradients.steps += 1;
            gradients.clipped += u64::from(max_gradient_norm.is_some_and(|most| norm > most));
        }
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

    /// Counts an evaluation, wherever in its epoch it is.
    pub fn count_evaluation(&mut self, val_accuracy: f64) {
        self.gain.record(StepEvaluation { step: self.step, val_accuracy });
    }

    /// Keeps an evaluation before the end of the epoch under way.
    pub fn keep_evaluation(&mut self, end: &EpochEnd) -> StepEvaluation {
        let evaluation = StepEvaluation { step: self.step, val_accuracy: end.val_accuracy };
        self.evaluations.push(evaluation);
        self.eval_flops += end.eval_flops;
        self.open_epoch.flops += end.eval_flops;
        evaluation
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
            gradients: open.gradients.of_epoch(),
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
            gradients: finished.gradients,
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
    /// Euclidean norm of all gradients before they were clipped; none in a run that does not clip them.
    pub gradient_norm: Option<f64>,
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
    /// Its gradients, if they were clipped.
    pub gradients: Option<EpochGradients>,
}

/// What an evaluation says of the epoch that it ends, or that goes on after it.
#[derive(Clone, Copy, Debug)]
pub struct EpochEnd {
    /// Evaluation accuracy, as a fraction.
    pub val_accuracy: f64,
    /// Estimated FLOP of the evaluation.
    pub eval_flops: f64,
    /// The epoch's scheduled learning rate.
    pub learning_rate: f64,
    /// Seconds of the epoch so far.
    pub seconds: f64,
}
