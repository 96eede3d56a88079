//! The engine: one program for the CPU and every GPU, because burn's device is a run-time value.
//!
//! A step enqueues forward, backward and the optimizer, and keeps loss, correct count and update norm as tensors of one
//! element on the device; a drain joins those of all steps since the last one and reads them at once. On the CPU burn
//! computes eagerly, so there a step returns when it is done.

use std::ops::Range;

use aees_models::burn::{cross_entropy, load, tensor_infos, tensors};
use aees_models::check_values;
use aees_tasks::Batch;
use burn::module::Module;
use burn::tensor::{Int, Tensor, TensorData};

use super::optimizer::{Optimizer, SquaredNorm, StepNorms};
use crate::dropout::part_key;
use crate::engine::guarded::{device_error, guarded};
use crate::engine::saved_state::{joined, parts};
use crate::engine::{Engine, EngineData, EngineError, EngineState, Split, StepControl, StepRecord, WorkCounts};

/// The data that a network learns from, on a device: what differs between tasks inside this engine.
pub(super) trait Workload: Send {
    /// A batch as networks for this data take it.
    type Input;

    /// A training batch and its labels `[batch]`, on the training device, with dropout masks of a key.
    ///
    /// # Errors
    /// When an example does not fit the network.
    fn training_batch(&mut self, batch: Batch<'_>, key: u64) -> Result<(Self::Input, Tensor<1, Int>), EngineError>;

    /// Some examples of a split as they are, on the device without gradients.
    ///
    /// # Errors
    /// When an example does not fit the network.
    fn evaluation_batch(&mut self, split: Split, examples: Range<usize>) -> Result<Self::Input, EngineError>;
}

/// A network for batches of a kind.
pub(super) trait Network<Input>: Module + Send {
    /// The logits `[batch, classes]` of a batch.
    fn logits(&self, input: Input) -> Tensor<2>;
}

/// What one step left on the device.
struct PendingStep {
    step: u64,
    examples: usize,
    loss: Tensor<1>,
    correct: Tensor<1, Int>,
    norms: StepNorms,
}

/// What of a job decides how steps are taken.
pub(super) struct StepsOfJob {
    pub(super) data: EngineData,
    /// The most examples of a forward pass in training.
    pub(super) micro_batch: usize,
    pub(super) evaluation_batch: usize,
}

/// An [`Engine`] on a burn device.
pub(super) struct BurnEngine<W, N> {
    workload: W,
    /// Present but for the moment of an optimizer step, which takes it apart and puts it together again.
    network: Option<N>,
    optimizer: Optimizer,
    steps: StepsOfJob,
    on_host: bool,
    pending: Vec<PendingStep>,
    /// Tensors that drains have read from the device.
    read_backs: u64,
}

impl<W: Workload, N: Network<W::Input>> BurnEngine<W, N> {
    /// An engine for a network whose parameters live on an autodiff device, and its optimizer.
    ///
    /// `on_host` says that the device is the CPU, so that reading a result costs nothing.
    pub(super) fn new(workload: W, network: N, optimizer: Optimizer, steps: StepsOfJob, on_host: bool) -> Self {
        Self { workload, network: Some(network), optimizer, steps, on_host, pending: Vec::new(), read_backs: 0 }
    }

    fn network(&self) -> Result<&N, EngineError> {
        self.network.as_ref().ok_or_else(|| EngineError::Device {
            activity: "looked for the model",
            reason: "an optimizer step failed half way; resume from the last checkpoint".into(),
        })
    }
}

impl<W: Workload, N: Network<W::Input>> Engine for BurnEngine<W, N> {
    fn step(&mut self, batch: Batch<'_>, control: &StepControl) -> Result<(), EngineError> {
        let examples = batch.indices.len();
        guarded("trained", || {
            // Of the parts so far: their share of the step's loss, and what they got right.
            let mut sums: Option<(Tensor<1>, Tensor<1, Int>)> = None;
            for (number, part) in batch.parts(self.steps.micro_batch).enumerate() {
                let share = part.indices.len() as f64 / examples as f64;
                let (input, labels) = self.workload.training_batch(part, part_key(control.step, number))?;
                let logits = self.network()?.logits(input);
                let correct = correct_count(logits.clone(), labels.clone());
                let mut loss = cross_entropy(logits, labels);
                if share < 1.0 {
                    // The gradients are then those of the mean over all examples of the step.
                    loss = loss * share;
                }
                let gradients = loss.backward();
                let Some(network) = &self.network else { return Ok(()) };
                self.optimizer.accumulate(network, gradients).map_err(failed("took the gradients"))?;
                let loss = loss.detach().inner();
                sums = Some(match sums {
                    None => (loss, correct),
                    Some((loss_before, correct_before)) => (loss_before + loss, correct_before + correct),
                });
            }
            let (Some((loss, correct)), Some(network)) = (sums, self.network.take()) else { return Ok(()) };
            let (network, norms) = self.optimizer.apply(network, control).map_err(failed("updated the parameters"))?;
            self.network = Some(network);
            self.pending.push(PendingStep { step: control.step, examples, loss, correct, norms });
            Ok(())
        })
    }

    fn drain(&mut self, records: &mut Vec<StepRecord>) -> Result<(), EngineError> {
        if self.pending.is_empty() {
            return Ok(());
        }
        let pending = std::mem::take(&mut self.pending);
        // Losses, correct counts and update norms, and the gradients' where they are clipped.
        self.read_backs += if pending[0].norms.gradient.is_some() { 4 } else { 3 };
        guarded("read the losses", || {
            let losses = Tensor::cat(pending.iter().map(|step| step.loss.clone()).collect(), 0);
            let correct = Tensor::cat(pending.iter().map(|step| step.correct.clone()).collect(), 0);
            let losses: Vec<f32> = read(losses.try_into_data(), "read the losses")?;
            let correct = integers(correct.try_into_data(), "read the correct counts")?;
            let norms = |norm: fn(&StepNorms) -> Option<SquaredNorm>| {
                let norms = pending.iter().filter_map(|step| norm(&step.norms)).collect();
                SquaredNorm::read_all(norms).map_err(failed("read the norms"))
            };
            let updates = norms(|norms| Some(norms.update.clone()))?;
            let mut gradients = norms(|norms| norms.gradient.clone())?.into_iter();
            for (((step, loss), correct), update) in pending.iter().zip(losses).zip(correct).zip(updates) {
                records.push(StepRecord {
                    step: step.step,
                    examples: step.examples,
                    loss: f64::from(loss),
                    correct,
                    update_norm: update.sqrt(),
                    gradient_norm: step.norms.gradient.as_ref().and_then(|_| gradients.next()).map(f64::sqrt),
                });
            }
            Ok(())
        })
    }

    fn is_synchronous(&self) -> bool {
        self.on_host
    }

    fn work_counts(&self) -> WorkCounts {
        match &self.network {
            #[cfg(feature = "gpu")]
            Some(network) if !self.on_host => super::work::counts(network.devices().first(), self.read_backs),
            _ => WorkCounts::default(),
        }
    }

    fn predict(&mut self, split: Split) -> Result<Vec<u32>, EngineError> {
        guarded("evaluated", || {
            let network = self.network()?.valid();
            let total = self.steps.data.examples(split);
            let mut classes = Vec::new();
            for start in (0..total).step_by(self.steps.evaluation_batch) {
                let end = (start + self.steps.evaluation_batch).min(total);
                let logits = network.logits(self.workload.evaluation_batch(split, start..end)?);
                classes.push(logits.argmax(1).reshape([end - start]));
            }
            if classes.is_empty() {
                return Ok(Vec::new());
            }
            let classes = integers(Tensor::cat(classes, 0).try_into_data(), "read the predictions")?;
            Ok(classes.into_iter().map(|class| class as u32).collect())
        })
    }

    fn logits(&mut self, split: Split, examples: Range<usize>) -> Result<Vec<f32>, EngineError> {
        self.read_backs += 1;
        guarded("evaluated", || {
            let network = self.network()?.valid();
            let logits = network.logits(self.workload.evaluation_batch(split, examples)?);
            read(logits.try_into_data(), "read the logits")
        })
    }

    fn save(&mut self) -> Result<EngineState, EngineError> {
        guarded("read the model", || {
            let model = tensors(self.network()?).map_err(failed("read the model"))?;
            let slots = self.optimizer.slots().map_err(failed("read the optimizer"))?;
            Ok(joined(model, slots, self.optimizer.step_count()))
        })
    }

    fn load(&mut self, state: &EngineState) -> Result<(), EngineError> {
        self.pending.clear();
        let unfit = |error: &dyn std::fmt::Display| EngineError::State(error.to_string());
        let [model, slots] = parts(state)?;
        guarded("loaded the model", || {
            let network = self.network()?.clone();
            // Both parts are checked before either is taken over.
            check_values(&tensor_infos(&network), &model).map_err(|error| unfit(&error))?;
            self.optimizer.restore(state.optimizer_steps, slots).map_err(|error| unfit(&error))?;
            self.network = Some(load(network, model).map_err(|error| unfit(&error))?);
            Ok(())
        })
    }
}

/// How many of a batch the logits `[batch, classes]` get right, as one element.
fn correct_count(logits: Tensor<2>, labels: Tensor<1, Int>) -> Tensor<1, Int> {
    let [batch, _] = logits.dims();
    let classes = logits.detach().inner().argmax(1).reshape([batch]);
    let device = classes.device();
    classes.equal(labels.to_device(&device)).int().sum()
}

fn read<E: std::fmt::Debug>(data: Result<TensorData, E>, activity: &'static str) -> Result<Vec<f32>, EngineError> {
    data.map_err(failed(activity))?.try_into_vec().map_err(failed(activity))
}

/// Integers of whatever width the device uses.
fn integers<E: std::fmt::Debug>(data: Result<TensorData, E>, activity: &'static str) -> Result<Vec<u64>, EngineError> {
    Ok(data.map_err(failed(activity))?.iter::<i64>().map(|value| value.max(0) as u64).collect())
}

fn failed<E: std::fmt::Debug>(activity: &'static str) -> impl Fn(E) -> EngineError {
    move |error| device_error(activity, format!("{error:?}"))
}
