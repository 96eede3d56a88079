//! The step on a device: the same update as tensor operations, all enqueued, none read back.
//!
//! This is the readable path, and it runs on every device that burn knows. A device with fusion merges the operations of
//! a parameter into about one kernel. Its results equal the host's up to rounding.

use burn::Tensor;
use burn::module::{Module, ModuleMapper, Param};
use burn::tensor::{DType, Gradients};

use super::control_block::{ControlBlock, Entry};
use super::device_noise::{DeviceNoise, NoiseLayout};
use super::rule::StepRule;
use super::state::SlotKind;
use super::{OptimizerError, SquaredNorm, StepControl};

/// The slots of one parameter, flattened, in the order of [`SlotKind`]s of the rule.
pub(super) type DeviceSlots = Vec<Tensor<1>>;

/// One step on the way through the module.
pub(super) struct DeviceStep<'a> {
    rule: StepRule,
    kinds: &'static [SlotKind],
    gradients: Gradients,
    control: ControlBlock,
    /// The normal numbers of all parameters, and where each parameter's start.
    normals: Option<(Tensor<1>, NoiseLayout)>,
    slots: &'a mut Vec<Option<DeviceSlots>>,
    /// Position of the next parameter.
    next: usize,
    /// Squared norms of the parameters' changes, each of shape `[1]`.
    squared_norms: Vec<Tensor<1>>,
    failure: Option<OptimizerError>,
}

impl<'a> DeviceStep<'a> {
    /// Uploads the step's numbers and, if there is noise, enqueues it for all parameters at once.
    pub(super) fn new<M: Module>(
        module: &M,
        rule: StepRule,
        control: &StepControl,
        kinds: &'static [SlotKind],
        gradients: Gradients,
        noise: &mut DeviceNoise,
        slots: &'a mut Vec<Option<DeviceSlots>>,
    ) -> Self {
        let device = module.devices().into_iter().next().unwrap_or_default().inner();
        let block = ControlBlock::upload(&rule, control, &device);
        let normals = (control.noise_std > 0.0).then(|| {
            let layout = NoiseLayout::of(module);
            (noise.draw(&layout, &block, &device), layout)
        });
        let (squared_norms, failure) = (Vec::new(), None);
        Self { rule, kinds, gradients, control: block, normals, slots, next: 0, squared_norms, failure }
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
            Some((normals, layout)) => {
                let normals = normals.clone().slice([layout.range(index)]);
                gradient + normals * self.control.get(Entry::NoiseStd)
            }
        };
        let slots =
            self.slots[index].get_or_insert_with(|| self.kinds.iter().map(|_| parameter.zeros_like()).collect());
        let step_size = self.control.get(Entry::StepSize);
        let after = match self.rule {
            StepRule::AdamW(rule) => {
                let [mean, square] = slots.as_slice() else { return parameter };
                let mean = mean.clone() + (gradient.clone() - mean.clone()) * rule.mean_weight;
                let square = square.clone() * rule.square_decay + gradient.clone() * gradient * rule.square_weight;
                let correction = self.control.get(Entry::SquareCorrection);
                let denominator = square.clone().sqrt() / correction + rule.epsilon;
                let decayed = parameter.clone() * self.control.get(Entry::Decay);
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

    fn check(&self, index: usize, dtype: DType, elements: usize) -> Result<(), OptimizerError> {
        if dtype != DType::F32 {
            return Err(OptimizerError::ParameterType { parameter: index, found: dtype });
        }
        for (slot, kind) in self.slots[index].iter().flatten().zip(self.kinds) {
            let found = slot.dims()[0];
            if found != elements {
                return Err(OptimizerError::SlotLength {
                    parameter: index,
                    slot: kind.name(),
                    expected: elements,
                    found,
                });
            }
        }
        Ok(())
    }
}

impl ModuleMapper for DeviceStep<'_> {
    fn map_float<const D: usize>(&mut self, param: Param<Tensor<D>>) -> Param<Tensor<D>> {
        let index = self.next;
        self.next += 1;
        if self.slots.len() <= index {
            self.slots.resize(index + 1, None);
        }
        let (id, tensor, mapper) = param.consume();
        let Some(gradient) = tensor.grad_remove(&mut self.gradients) else {
            return Param::from_mapped_value(id, tensor, mapper);
        };
        let shape = tensor.shape();
        if let Err(failure) = self.check(index, tensor.dtype(), shape.num_elements()) {
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
