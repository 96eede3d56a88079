//! The step on the host: parameters and gradients are taken out of their tensors as plain slices of `f32`, updated in
//! place, and put back.
//!
//! Taking a tensor's buffer copies nothing as long as nobody else holds the tensor; if someone does (a cloned module),
//! burn copies it and the step is right all the same, only slower.

use burn::Tensor;
use burn::module::{ModuleMapper, Param};
use burn::tensor::TensorData;
use pulp::Arch;

use super::OptimizerError;
use super::tensors::VisitedTensor;
use crate::optimizer::{Noise, NoiseKey, ParameterUpdate, SlotKind, StepControl, StepRule};

/// The slots of one parameter, in the order of [`SlotKind`]s of the rule.
pub(super) type HostSlots = Vec<Vec<f32>>;

/// One step on the way through the module.
pub(super) struct HostStep<'a> {
    pub(super) arch: Arch,
    pub(super) rule: StepRule,
    pub(super) kinds: &'static [SlotKind],
    /// Those of the module, in its order; the ones that were visited are gone.
    pub(super) gradients: std::vec::IntoIter<Option<TensorData>>,
    /// What they are multiplied by.
    pub(super) scale: f32,
    pub(super) noise_seed: u64,
    pub(super) control: &'a StepControl,
    /// As the gradients.
    pub(super) tensors: std::slice::Iter<'a, VisitedTensor>,
    /// Of each of them; none for one that never had a gradient.
    pub(super) slots: std::slice::IterMut<'a, Option<HostSlots>>,
    pub(super) squared_norm: f64,
    pub(super) failure: Option<OptimizerError>,
}

impl ModuleMapper for HostStep<'_> {
    fn map_float<const D: usize>(&mut self, param: Param<Tensor<D>>) -> Param<Tensor<D>> {
        let known = self.tensors.next().zip(self.slots.next());
        let (id, tensor, mapper) = param.consume();
        let tensor = match (self.gradients.next().flatten(), known) {
            (Some(gradient), Some((known, slots))) => {
                let device = tensor.device();
                let mut data = tensor.inner().into_data();
                match self.update(known, slots, &mut data, &gradient) {
                    Ok(squared_norm) => self.squared_norm += squared_norm,
                    Err(failure) => self.failure = self.failure.take().or(Some(failure)),
                }
                let dtype = data.dtype();
                Tensor::from_data(data, (&device, dtype)).require_grad()
            }
            _ => tensor,
        };
        Param::from_mapped_value(id, tensor, mapper)
    }
}

impl HostStep<'_> {
    fn update(
        &self,
        tensor: &VisitedTensor,
        slots: &mut Option<HostSlots>,
        data: &mut TensorData,
        gradient: &TensorData,
    ) -> Result<f64, OptimizerError> {
        let parameter = tensor.check(data.dtype(), data.num_elements())?;
        let values = data.as_mut_slice::<f32>().map_err(|_| tensor.unfit_gradient(None))?;
        let gradient = &tensor.gradient(gradient)?;
        let slots = slots.get_or_insert_with(|| vec![vec![0.0; values.len()]; self.kinds.len()]);
        let StepControl { noise_std, step, .. } = *self.control;
        let noise = (noise_std > 0.0)
            .then_some(Noise { key: NoiseKey { seed: self.noise_seed, parameter, step }, std: noise_std as f32 });
        let (arch, scale) = (self.arch, self.scale);
        Ok(ParameterUpdate { arch, noise, values, gradient, scale, slots }.apply(self.rule))
    }
}
