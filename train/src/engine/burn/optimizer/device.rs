//! The step on a device: the same update as tensor operations, all enqueued, none read back.
//!
//! This is the readable path, and it runs on every device that burn knows. A device with fusion merges the operations of
//! a parameter into about one kernel. Its results equal the host's up to rounding.

use burn::Tensor;
use burn::module::{ModuleMapper, Param};
use burn::tensor::{Device, Gradients};

use super::control_block::{ControlBlock, ControlEntry};
use super::device_noise::DeviceNoise;
use super::tensors::VisitedTensor;
use super::{OptimizerError, SquaredNorm};
use crate::optimizer::{SlotKind, StepControl, StepRule};

/// The slots of one parameter, flattened, in the order of [`SlotKind`]s of the rule.
pub(super) type DeviceSlots = Vec<Tensor<1>>;

/// One step on the way through the module.
pub(super) struct DeviceStep<'a> {
    rule: StepRule,
    kinds: &'static [SlotKind],
    gradients: Gradients,
    control: ControlBlock,
    /// The normal numbers of all parameters, if there is noise.
    normals: Option<Tensor<1>>,
    state: &'a mut DeviceState,
    /// Place of the next tensor in the module.
    next: usize,
    /// Squared norms of the parameters' changes, each of shape `[1]`.
    squared_norms: Vec<Tensor<1>>,
    failure: Option<OptimizerError>,
}

/// What stays on the device from step to step.
#[derive(Debug)]
pub(super) struct DeviceState {
    pub(super) device: Device,
    pub(super) tensors: Vec<VisitedTensor>,
    /// Of each tensor; none for one that never had a gradient.
    pub(super) slots: Vec<Option<DeviceSlots>>,
    pub(super) noise: DeviceNoise,
}

impl<'a> DeviceStep<'a> {
    /// Uploads the step's numbers and, if there is noise, enqueues it for all parameters at once.
    pub(super) fn new(
        rule: StepRule,
        control: &StepControl,
        kinds: &'static [SlotKind],
        gradients: Gradients,
        state: &'a mut DeviceState,
    ) -> Self {
        let block = ControlBlock::upload(&rule, control, &state.device);
        let normals = (control.noise_std > 0.0).then(|| state.noise.draw(&block, &state.device));
        let (squared_norms, failure) = (Vec::new(), None);
        Self { rule, kinds, gradients, control: block, normals, state, next: 0, squared_norms, failure }
    }

    /// The squared norm of the whole update, and what went wrong.
    pub(super) fn finish(self) -> (SquaredNorm, Option<OptimizerError>) {
        let norm = if self.squared_norms.is_empty() {
            SquaredNorm::Host(0.0)
        } else {
            SquaredNorm::Device(Tensor::cat(self.squared_norms, 0).sum())
        };
        (norm, self.failure)
    }

    /// The parameter after the step; everything is flat.
    fn update(&mut self, index: usize, parameter: Tensor<1>, gradient: Tensor<1>) -> Tensor<1> {
        let gradient = match &self.normals {
            None => gradient,
            Some(normals) => {
                let normals = normals.clone().slice([self.state.noise.range(index)]);
                gradient + normals * self.control.get(ControlEntry::NoiseStd)
            }
        };
        let slots =
            self.state.slots[index].get_or_insert_with(|| self.kinds.iter().map(|_| parameter.zeros_like()).collect());
        let step_size = self.control.get(ControlEntry::StepSize);
        let after = match self.rule {
            StepRule::AdamW(rule) => {
                let [mean, square] = slots.as_slice() else { return parameter };
                let mean = mean.clone() + (gradient.clone() - mean.clone()) * rule.mean_weight;
                let square = square.clone() * rule.square_decay + gradient.clone() * gradient * rule.square_weight;
                let correction = self.control.get(ControlEntry::SquareCorrection);
                let denominator = square.clone().sqrt() / correction + rule.epsilon;
                let decayed = parameter.clone() * self.control.get(ControlEntry::Decay);
                let after = decayed - mean.clone() * step_size / denominator;
                *slots = vec![mean, square];
                after
            }
            StepRule::Momentum(rule) => {
                let [buffer] = slots.as_slice() else { return parameter };
                let decayed = gradient + parameter.clone() * rule.plain.weight_decay;
                let buffer = buffer.clone() * rule.momentum + decayed;
                *slots = vec![buffer.clone()];
                parameter.clone() - buffer * step_size
            }
            StepRule::Sgd(rule) => {
                let decayed = gradient + parameter.clone() * rule.weight_decay;
                parameter.clone() - decayed * step_size
            }
        };
        let change = after.clone() - parameter;
        self.squared_norms.push((change.clone() * change).sum());
        after
    }
}

impl ModuleMapper for DeviceStep<'_> {
    fn map_float<const D: usize>(&mut self, param: Param<Tensor<D>>) -> Param<Tensor<D>> {
        let index = self.next;
        self.next += 1;
        let (id, tensor, mapper) = param.consume();
        let gradient = tensor.grad_remove(&mut self.gradients);
        let (Some(gradient), Some(known)) = (gradient, self.state.tensors.get(index)) else {
            return Param::from_mapped_value(id, tensor, mapper);
        };
        let shape = tensor.shape();
        if let Err(failure) = known.check(tensor.dtype(), shape.num_elements()) {
            self.failure = self.failure.take().or(Some(failure));
            return Param::from_mapped_value(id, tensor, mapper);
        }
        let strategy = tensor.gradient_checkpointing_strategy();
        let after = self.update(index, tensor.inner().reshape([-1]), gradient.reshape([-1]));
        let mut after: Tensor<D> = after.reshape(shape).autodiff();
        if let Some(strategy) = strategy {
            after = after.with_gradient_checkpointing_strategy(strategy);
        }
        Param::from_mapped_value(id, after.require_grad(), mapper)
    }
}
