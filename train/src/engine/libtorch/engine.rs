//! The engine: one program for the CPU and CUDA.
//!
//! A step enqueues forward, backward and the optimizer, and keeps loss, correct count and update norm as tensors of one element on
//! the device; a drain joins those of all steps since the last one and reads them at once.
//!
//! libtorch says at once that a device has no memory left. Then nothing was updated yet: running statistics are put back, and the
//! step is tried in smaller parts, to say which batch size fits. An evaluation goes on with fewer examples at a time.

use std::iter::successors;
use std::ops::Range;

use aees_models::check_values;
use aees_models::libtorch::NetworkTensors;
use aees_tasks::Batch;
use tch::{Device, Kind, Tensor, no_grad};

use super::device::Computing;
use super::failed;
use super::optimizer::Optimizer;
use super::recorded::{Recording, StepOutputs};
use crate::dropout::part_key;
use crate::engine::guarded::guarded;
use crate::engine::saved_state::{joined, parts};
use crate::engine::{Engine, EngineError, EngineState, SmallerBatch, Split, StepControl, StepRecord, WorkCounts};

/// A network and the data that it learns from: what differs between tasks inside this engine.
pub(super) trait Workload: Send {
    /// The logits `[batch, classes]` of a training batch, with dropout masks of a key, and its labels `[batch]`.
    ///
    /// # Errors
    /// When an example does not fit the network.
    fn training(&mut self, batch: Batch<'_>, key: u64) -> Result<(Tensor, Tensor), EngineError>;

    /// Puts a batch where [`Self::staged`] finds it, always in the same memory; says whether its shape is that of all batches
    /// of its size, so that this can be done.
    fn stage(&mut self, _batch: Batch<'_>) -> bool {
        false
    }

    /// As [`Self::training`], of the batch that was staged; reads nothing from the host.
    ///
    /// # Errors
    /// When there is no memory for it.
    fn staged(&mut self) -> Result<Option<(Tensor, Tensor)>, EngineError> {
        Ok(None)
    }

    /// The logits of some examples of a split as they are.
    ///
    /// # Errors
    /// When an example does not fit the network.
    fn evaluation(&mut self, split: Split, examples: Range<usize>) -> Result<Tensor, EngineError>;

    /// How many examples a split has.
    fn examples(&self, split: Split) -> usize;
}

/// A step whose results were not read yet.
struct PendingStep {
    step: u64,
    examples: usize,
    outputs: StepOutputs,
}

/// An [`Engine`] on libtorch.
pub(super) struct LibtorchEngine {
    place: Computing,
    workload: Box<dyn Workload>,
    tensors: NetworkTensors,
    optimizer: Optimizer,
    /// The most examples of a forward pass in training.
    micro_batch: usize,
    evaluation_batch: usize,
    pending: Vec<PendingStep>,
    /// Without noise and with it, where steps are recorded.
    recordings: Option<[Recording; 2]>,
}

impl LibtorchEngine {
    /// An engine for a workload whose network is made of these tensors.
    pub(super) fn new(
        place: Computing,
        workload: Box<dyn Workload>,
        tensors: NetworkTensors,
        optimizer: Optimizer,
        micro_batch: usize,
        evaluation_batch: usize,
    ) -> Self {
        let recordings = Recording::of_kinds(place.on_host());
        let pending = Vec::new();
        Self { place, workload, tensors, optimizer, micro_batch, evaluation_batch, pending, recordings }
    }
}

/// What the parts of a batch gave: their shares of the step's loss, what they got right, and their gradients, added up.
struct AddedParts {
    loss: Tensor,
    correct: Tensor,
    gradients: Vec<Tensor>,
}

impl LibtorchEngine {
    /// The sums over the parts of a batch; none of an empty batch.
    fn forward_and_backward(
        &mut self,
        batch: Batch<'_>,
        step: u64,
        part_size: usize,
    ) -> Result<Option<AddedParts>, EngineError> {
        let examples = batch.indices.len();
        guarded("trained", || {
            let _stream = self.place.enter()?;
            let mut sums: Option<AddedParts> = None;
            for (number, part) in batch.parts(part_size).enumerate() {
                let share = part.indices.len() as f64 / examples as f64;
                let (logits, labels) = {
                    let _precision = self.place.autocast()?;
                    self.workload.training(part, part_key(step, number))?
                };
                let AddedParts { loss, correct, gradients } = self.differentiate(&logits, &labels, share);
                sums = Some(match sums {
                    None => AddedParts { loss, correct, gradients },
                    Some(mut before) => no_grad(|| {
                        for (sum, gradient) in before.gradients.iter_mut().zip(&gradients) {
                            let _ = sum.g_add_(gradient);
                        }
                        AddedParts { loss: before.loss + loss, correct: before.correct + correct, ..before }
                    }),
                });
            }
            Ok(sums)
        })
    }

    /// What a part of a batch gives that is this share of the step.
    fn differentiate(&self, logits: &Tensor, labels: &Tensor, share: f64) -> AddedParts {
        let loss = logits.cross_entropy_for_logits(labels);
        // The gradients of a part are its share of those of the mean over all examples of the step.
        let loss = if share < 1.0 { loss * share } else { loss };
        let correct = no_grad(|| logits.argmax(1, false).eq_tensor(labels).sum(Kind::Int64));
        let leaves: Vec<&Tensor> = self.tensors.parameters().map(|parameter| parameter.tensor).collect();
        let gradients = Tensor::run_backward(&[&loss], &leaves, false, false);
        AddedParts { loss: loss.detach(), correct, gradients }
    }

    /// Takes a step by replaying what was recorded of its kind, if it can be; says whether it was taken.
    fn replayed(&mut self, batch: Batch<'_>, control: &StepControl) -> Result<bool, EngineError> {
        let (noisy, examples) = (control.noise_std > 0.0, batch.indices.len());
        let Some(mut recordings) = self.recordings.take() else { return Ok(false) };
        let recording = &mut recordings[usize::from(noisy)];
        let outputs = guarded("trained", || {
            let _stream = self.place.enter()?;
            if examples != self.micro_batch || !recording.is_due() || !self.workload.stage(batch) {
                return Ok(None);
            }
            self.optimizer.stage(control);
            Ok(recording.replay(|| self.staged_step(noisy)))
        });
        self.recordings = Some(recordings);
        let Some(outputs) = outputs? else { return Ok(false) };
        self.optimizer.count_step();
        self.pending.push(PendingStep { step: control.step, examples, outputs });
        Ok(true)
    }

    /// The whole of a step whose batch and numbers were staged.
    fn staged_step(&mut self, noisy: bool) -> Result<StepOutputs, EngineError> {
        let precision = self.place.autocast()?;
        let nothing = || EngineError::Device { activity: "trained", reason: "no batch was staged".into() };
        let (logits, labels) = self.workload.staged()?.ok_or_else(nothing)?;
        drop(precision);
        let AddedParts { loss, correct, gradients } = self.differentiate(&logits, &labels, 1.0);
        let norms = no_grad(|| self.optimizer.staged_step(&mut self.tensors, &gradients, noisy))
            .map_err(failed("updated the parameters"))?;
        Ok(StepOutputs { loss, correct, norms })
    }

    /// The largest half, quarter, and so on of the batch size with which the step that failed has memory enough. Nothing
    /// is left of the tries.
    fn smaller_batch(&mut self, batch: Batch<'_>, step: u64, statistics: &Tensor) -> Option<SmallerBatch> {
        let examples = batch.indices.len();
        let halves = successors(Some(self.micro_batch.min(examples) / 2), |size| Some(size / 2));
        for batch_size in halves.take_while(|size| *size > 0) {
            let tried = self.forward_and_backward(batch, step, batch_size).map(drop);
            self.put_back(statistics).ok()?;
            // oneDNN calls a lack of memory by other names, too.
            if tried.is_ok() {
                return Some(SmallerBatch { batch_size, parts: examples.div_ceil(batch_size) });
            }
        }
        None
    }

    /// Running statistics as they were before a forward pass moved them.
    fn put_back(&mut self, statistics: &Tensor) -> Result<(), EngineError> {
        guarded("put the statistics back", || {
            let _stream = self.place.enter()?;
            no_grad(|| self.tensors.buffers_mut().copy_(statistics));
            Ok(())
        })
    }

    /// What `of` makes of the logits of some examples, which are evaluated as many at a time as there is memory for.
    fn evaluated(
        &mut self,
        split: Split,
        examples: Range<usize>,
        of: fn(Tensor) -> Tensor,
    ) -> Result<Vec<Tensor>, EngineError> {
        let mut parts = Vec::new();
        let mut start = examples.start;
        while start < examples.end {
            let end = (start + self.evaluation_batch.max(1)).min(examples.end);
            let part = guarded("evaluated", || {
                let _stream = self.place.enter()?;
                let _precision = self.place.autocast()?;
                Ok(of(no_grad(|| self.workload.evaluation(split, start..end))?))
            });
            match part {
                Ok(part) => {
                    parts.push(part);
                    start = end;
                }
                Err(EngineError::OutOfMemory { .. }) if end - start > 1 => self.evaluation_batch = (end - start) / 2,
                Err(error) => return Err(whole(error, None)),
            }
        }
        Ok(parts)
    }
}

/// The same error of an engine whose model and optimizer are as they were.
fn whole(error: EngineError, fits: Option<SmallerBatch>) -> EngineError {
    match error {
        EngineError::OutOfMemory { activity, reason, .. } => {
            EngineError::OutOfMemory { activity, reason, whole: true, fits }
        }
        other => other,
    }
}

impl Engine for LibtorchEngine {
    fn step(&mut self, batch: Batch<'_>, control: &StepControl) -> Result<(), EngineError> {
        if self.replayed(batch, control)? {
            return Ok(());
        }
        let statistics = guarded("kept the statistics", || {
            let _stream = self.place.enter()?;
            Ok(self.tensors.buffers().copy())
        })?;
        let sums = match self.forward_and_backward(batch, control.step, self.micro_batch) {
            Err(error @ EngineError::OutOfMemory { .. }) => {
                self.put_back(&statistics)?;
                return Err(whole(error, self.smaller_batch(batch, control.step, &statistics)));
            }
            sums => sums?,
        };
        let Some(AddedParts { loss, correct, gradients }) = sums else { return Ok(()) };
        guarded("updated the parameters", || {
            let _stream = self.place.enter()?;
            let norms = no_grad(|| self.optimizer.step(&mut self.tensors, gradients, control))
                .map_err(failed("updated the parameters"))?;
            let (examples, outputs) = (batch.indices.len(), StepOutputs { loss, correct, norms });
            self.pending.push(PendingStep { step: control.step, examples, outputs });
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
            let column = |value: fn(&StepOutputs) -> &Tensor| {
                Tensor::stack(&pending.iter().map(|step| value(&step.outputs)).collect::<Vec<_>>(), 0)
                    .to_kind(Kind::Double)
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
                    gradient_norm: step.outputs.norms.gradient.is_some().then(|| squared_gradient.sqrt()),
                });
            }
            Ok(())
        })
    }

    fn is_synchronous(&self) -> bool {
        self.place.on_host()
    }

    fn predict(&mut self, split: Split) -> Result<Vec<u32>, EngineError> {
        let total = self.workload.examples(split);
        let classes = self.evaluated(split, 0..total, |logits| logits.argmax(1, false))?;
        guarded("read the predictions", || {
            let _stream = self.place.enter()?;
            if classes.is_empty() {
                return Ok(Vec::new());
            }
            let mut read = vec![0_i64; total];
            Tensor::cat(&classes, 0).to_device(Device::Cpu).copy_data(&mut read, total);
            Ok(read.into_iter().map(|class| class as u32).collect())
        })
    }

    fn logits(&mut self, split: Split, examples: Range<usize>) -> Result<Vec<f32>, EngineError> {
        let logits = self.evaluated(split, examples, |logits| logits.to_kind(Kind::Float))?;
        guarded("read the logits", || {
            let _stream = self.place.enter()?;
            if logits.is_empty() {
                return Ok(Vec::new());
            }
            let logits = Tensor::cat(&logits, 0).to_device(Device::Cpu).contiguous();
            let mut read = vec![0.0; logits.numel()];
            logits.copy_data(&mut read, logits.numel());
            Ok(read)
        })
    }

    fn work_counts(&self) -> WorkCounts {
        WorkCounts { peak_memory_bytes: self.place.peak_memory(), ..WorkCounts::default() }
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

#[cfg(test)]
#[path = "engine_tests.rs"]
mod tests;
