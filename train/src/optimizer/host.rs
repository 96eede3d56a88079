//! The step on the host: parameters, gradients and slots are taken out of their tensors as plain slices of `f32`,
//! updated in place by [`super::chunk`] on all threads, and put back.
//!
//! Taking a tensor's buffer copies nothing as long as nobody else holds the tensor; if someone does (a cloned module),
//! burn copies it and the step is right all the same, only slower.
//!
//! The result does not depend on the number of threads: chunks are fixed, and their norms are added in order.

use burn::Tensor;
use burn::module::{ModuleMapper, Param};
use burn::tensor::{Gradients, TensorData};
use pulp::Arch;
use rayon::prelude::*;

use super::OptimizerError;
use super::chunk::{CHUNK, Chunk, Noise};
use super::noise::{NoiseKey, TILE};
use super::rule::{Rule, StepRule};
use super::state::SlotKind;

/// The slots of one parameter, in the order of [`SlotKind`]s of the rule.
pub(super) type HostSlots = Vec<Vec<f32>>;

/// One step on the way through the module.
pub(super) struct HostStep<'a> {
    pub(super) arch: Arch,
    pub(super) rule: StepRule,
    pub(super) kinds: &'static [SlotKind],
    pub(super) gradients: Gradients,
    pub(super) noise_seed: u64,
    pub(super) noise_std: f64,
    pub(super) step: u64,
    /// By parameter; none for one that never had a gradient.
    pub(super) slots: &'a mut Vec<Option<HostSlots>>,
    /// Position of the next parameter.
    pub(super) next: usize,
    pub(super) squared_norm: f64,
    pub(super) failure: Option<OptimizerError>,
}

impl ModuleMapper for HostStep<'_> {
    fn map_float<const D: usize>(&mut self, param: Param<Tensor<D>>) -> Param<Tensor<D>> {
        let parameter = self.next;
        self.next += 1;
        if self.slots.len() <= parameter {
            self.slots.resize(parameter + 1, None);
        }
        let (id, tensor, mapper) = param.consume();
        let tensor = match tensor.grad_remove(&mut self.gradients) {
            None => tensor,
            Some(gradient) => {
                let device = tensor.device();
                let mut data = tensor.inner().into_data();
                match self.update(parameter, &mut data, gradient.into_data()) {
                    Ok(squared_norm) => self.squared_norm += squared_norm,
                    Err(failure) => self.failure = self.failure.take().or(Some(failure)),
                }
                let dtype = data.dtype();
                Tensor::from_data(data, (&device, dtype)).require_grad()
            }
        };
        Param::from_mapped_value(id, tensor, mapper)
    }
}

impl HostStep<'_> {
    fn update(&mut self, parameter: usize, data: &mut TensorData, gradient: TensorData) -> Result<f64, OptimizerError> {
        let found = data.dtype();
        let Ok(values) = data.as_mut_slice::<f32>() else {
            return Err(OptimizerError::ParameterType { parameter, found });
        };
        let gradient = match gradient.as_slice::<f32>() {
            Ok(gradient) if gradient.len() == values.len() => gradient,
            other => {
                let found = other.ok().map(<[f32]>::len);
                return Err(OptimizerError::Gradient { parameter, expected: values.len(), found });
            }
        };
        let slots = self.slots[parameter].get_or_insert_with(|| vec![vec![0.0; values.len()]; self.kinds.len()]);
        for (slot, kind) in slots.iter().zip(self.kinds) {
            if slot.len() != values.len() {
                let (expected, found) = (values.len(), slot.len());
                return Err(OptimizerError::SlotLength { parameter, slot: kind.name(), expected, found });
            }
        }
        let noise = (self.noise_std > 0.0).then_some(Noise {
            key: NoiseKey { seed: self.noise_seed, parameter: parameter as u32, step: self.step },
            std: self.noise_std as f32,
        });
        let tensor = HostTensor { arch: self.arch, noise, values, gradient, slots };
        Ok(match self.rule {
            StepRule::AdamW(rule) => tensor.update::<_, 2>(rule),
            StepRule::Momentum(rule) => tensor.update::<_, 1>(rule),
            StepRule::Sgd(rule) => tensor.update::<_, 0>(rule),
        })
    }
}

/// One parameter's buffers.
pub(super) struct HostTensor<'a> {
    pub(super) arch: Arch,
    pub(super) noise: Option<Noise>,
    pub(super) values: &'a mut [f32],
    pub(super) gradient: &'a [f32],
    pub(super) slots: &'a mut [Vec<f32>],
}

impl HostTensor<'_> {
    /// Updates the parameter and gives the squared norm of the change.
    pub(super) fn update<R: Rule<SLOTS> + Send, const SLOTS: usize>(self, rule: R) -> f64 {
        let Self { arch, noise, values, gradient, slots } = self;
        let mut slots = slots.iter_mut();
        let mut slots: [&mut [f32]; SLOTS] =
            std::array::from_fn(|_| slots.next().map(Vec::as_mut_slice).unwrap_or_default());
        let chunks = values.chunks_mut(CHUNK).zip(gradient.chunks(CHUNK)).enumerate();
        let mut chunks: Vec<Chunk<'_, R, SLOTS>> = chunks
            .map(|(position, (parameter, gradient))| Chunk {
                rule,
                noise,
                first_tile: (position * (CHUNK / TILE)) as u32,
                slots: slots.each_mut().map(|rest| rest.split_off_mut(..gradient.len()).unwrap_or_default()),
                parameter,
                gradient,
            })
            .collect();
        if chunks.len() == 1 {
            return chunks.pop().map_or(0.0, |chunk| arch.dispatch(chunk));
        }
        let partial: Vec<f64> = chunks.into_par_iter().map(|chunk| arch.dispatch(chunk)).collect();
        partial.iter().sum()
    }
}
