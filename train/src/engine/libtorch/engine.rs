//! The engine: one program for the CPU and CUDA.
//!
//! A step enqueues forward, backward and the optimizer, and keeps loss, correct count and update norm as tensors of one element on
//! the device; a drain joins those of all steps since the last one and reads them at once.

use std::ops::Range;

use aees_models::check_values;
use aees_models::libtorch::NetworkTensors;
use aees_tasks::Batch;
use tch::{Device, Kind, Tensor, no_grad};

use super::device::Computing;
use super::failed;
use super::optimizer::{Optimizer, StepNorms};
use crate::dropout::part_key;
use crate::engine::guarded::guarded;
use crate::engine::saved_state::{joined, parts};
use crate::engine::{Engine, EngineError, EngineState, Loss, Split, StepControl, StepRecord};

/// A network and the data that it learns from: what differs between tasks inside this engine.
pub(super) trait Workload: Send {
    /// The logits `[batch, classes]` of a training batch, with dropout masks of a key, and its labels `[batch]`.
    ///
    /// # Errors
    /// When an example does not fit the network.
    fn training(&mut self, batch: Batch<'_>, key: u64) -> Result<(Tensor, Tensor), EngineError>;

    /// The logits of some examples of a split as they are.
    ///
    /// # Errors
    /// When an example does not fit the network.
    fn evaluation(&mut self, split: Split, examples: Range<usize>) -> Result<Tensor, EngineError>;

    /// How many examples a split has.
    fn examples(&self, split: Split) -> usize;
}

/// What one step left on the device: tensors of one element each.
struct PendingStep {
    step: u64,
    examples: usize,
    loss: Tensor,
    correct: Tensor,
    norms: StepNorms,
}

/// An [`Engine`] on libtorch.
pub(super) struct LibtorchEngine {
    place: Computing,
    workload: Box<dyn Workload>,
    tensors: NetworkTensors,
    optimizer: Optimizer,
    loss: Loss,
    /// The most examples of a forward pass in training.
    micro_batch: usize,
    evaluation_batch: usize,
    pending: Vec<PendingStep>,
}

impl LibtorchEngine {
    /// An engine for a workload whose network is made of these tensors.
    pub(super) fn new(
        place: Computing,
        workload: Box<dyn Workload>,
        tensors: NetworkTensors,
        optimizer: Optimizer,
        loss: Loss,
        micro_batch: usize,
        evaluation_batch: usize,
    ) -> Self {
        Self { place, workload, tensors, optimizer, loss, micro_batch, evaluation_batch, pending: Vec::new() }
    }
}

impl Engine for LibtorchEngine {
    fn step(&mut self, batch: Batch<'_>, control: &StepControl) -> Result<(), EngineError> {
        let examples = batch.indices.len();
        guarded("trained", || {
            let _stream = self.place.enter()?;
            // Of the parts so far: their share of the step's loss, what they got right, and their gradients.
            let mut sums: Option<(Tensor, Tensor, Vec<Tensor>)> = None;
            for (number, part) in batch.parts(self.micro_batch).enumerate() {
                let share = part.indices.len() as f64 / examples as f64;
                let (logits, labels) = {
                    let _precision = self.place.autocast()?;
                    self.workload.training(part, part_key(control.step, number))?
                };
                let mut loss = match self.loss {
                    Loss::CrossEntropy => logits.cross_entropy_for_logits(&labels),
                };
                if share < 1.0 {
                    // The gradients are then those of the mean over all examples of the step.
                    loss = loss * share;
                }
                let correct = no_grad(|| logits.argmax(1, false).eq_tensor(&labels).sum(Kind::Int64));
                let leaves: Vec<&Tensor> = self.tensors.parameters().map(|parameter| parameter.tensor).collect();
                let gradients = Tensor::run_backward(&[&loss], &leaves, false, false);
                let loss = loss.detach();
                sums = Some(match sums {
                    None => (loss, correct, gradients),
                    Some((loss_before, correct_before, mut added)) => no_grad(|| {
                        for (sum, gradient) in added.iter_mut().zip(&gradients) {
                            let _ = sum.g_add_(gradient);
                        }
                        (loss_before + loss, correct_before + correct, added)
                    }),
                });
            }
            let Some((loss, correct, gradients)) = sums else { return Ok(()) };
            let norms = no_grad(|| self.optimizer.step(&mut self.tensors, gradients, control))
                .map_err(failed("updated the parameters"))?;
            self.pending.push(PendingStep { step: control.step, examples, loss, correct, norms });
            Ok(())
        })
    }

    fn drain(&mut self, records: &mut Vec<StepRecord>) -> Result<(), EngineError> {
        if self.pending.is_empty() {
            return Ok(());
        }
        let pending = std::mem::take(&mut self.pending);
        guarded("read the losses", || {
            let _stream = self.place.enter()?;
            let column = |value: fn(&PendingStep) -> &Tensor| {
                Tensor::stack(&pending.iter().map(value).collect::<Vec<_>>(), 0).to_kind(Kind::Double)
            };
            // Where gradients are not clipped, the update's norm stands in for theirs, and is not told.
            let columns = [
                column(|step| &step.loss),
                column(|step| &step.correct),
                column(|step| &step.norms.update),
                column(|step| step.norms.gradient.as_ref().unwrap_or(&step.norms.update)),
            ];
            let read = Tensor::stack(&columns, 1).to_device(Device::Cpu); // [steps, 4]
            let mut values = vec![0.0; 4 * pending.len()];
            read.copy_data(&mut values, 4 * pending.len());
            for (step, values) in pending.iter().zip(values.as_chunks::<4>().0) {
                let [loss, correct, squared_norm, squared_gradient] = *values;
                records.push(StepRecord {
                    step: step.step,
                    examples: step.examples,
                    loss,
                    correct: correct as u64,
                    update_norm: squared_norm.sqrt(),
                    gradient_norm: step.norms.gradient.is_some().then(|| squared_gradient.sqrt()),
                });
            }
            Ok(())
        })
    }

    fn is_synchronous(&self) -> bool {
        self.place.on_host()
    }

    fn predict(&mut self, split: Split) -> Result<Vec<u32>, EngineError> {
        guarded("evaluated", || {
            let _stream = self.place.enter()?;
            let _precision = self.place.autocast()?;
            let total = self.workload.examples(split);
            let mut classes = Vec::new();
            for start in (0..total).step_by(self.evaluation_batch.max(1)) {
                let end = (start + self.evaluation_batch.max(1)).min(total);
                let logits = no_grad(|| self.workload.evaluation(split, start..end))?;
                classes.push(logits.argmax(1, false));
            }
            if classes.is_empty() {
                return Ok(Vec::new());
            }
            let mut read = vec![0_i64; total];
            Tensor::cat(&classes, 0).to_device(Device::Cpu).copy_data(&mut read, total);
            Ok(read.into_iter().map(|class| class as u32).collect())
        })
    }

    fn logits(&mut self, split: Split, examples: Range<usize>) -> Result<Vec<f32>, EngineError> {
        guarded("evaluated", || {
            let _stream = self.place.enter()?;
            let _precision = self.place.autocast()?;
            let logits = no_grad(|| self.workload.evaluation(split, examples))?;
            let logits = logits.to_kind(Kind::Float).to_device(Device::Cpu).contiguous();
            let mut read = vec![0.0; logits.numel()];
            logits.copy_data(&mut read, logits.numel());
            Ok(read)
        })
    }

    fn save(&mut self) -> Result<EngineState, EngineError> {
        guarded("read the model", || {
            let _stream = self.place.enter()?;
            let model = self.tensors.read().map_err(failed("read the model"))?;
            let slots = self.optimizer.slots(&self.tensors).map_err(failed("read the optimizer"))?;
            Ok(joined(model, slots, self.optimizer.step_count()))
        })
    }

    fn load(&mut self, state: &EngineState) -> Result<(), EngineError> {
        self.pending.clear();
        let unfit = |error: &dyn std::fmt::Display| EngineError::State(error.to_string());
        let [model, slots] = parts(state)?;
        guarded("loaded the model", || {
            let _stream = self.place.enter()?;
            // Both parts are checked before either is taken over.
            check_values(self.tensors.infos(), &model).map_err(|error| unfit(&error))?;
            let steps = state.optimizer_steps;
            self.optimizer.restore(&self.tensors, steps, slots).map_err(|error| unfit(&error))?;
            self.tensors.write(&model).map_err(|error| unfit(&error))
        })
    }
}
