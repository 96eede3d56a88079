//! The step on a device: one operation for all parameters, enqueued, with nothing read back. Its results equal the host's up
//! to rounding.

use std::collections::VecDeque;

use aees_models::HostTensor;
use aees_models::burn::{host_tensor, tensor_data};
use burn::Tensor;
use burn::module::{Module, ModuleMapper, ModuleVisitor, Param};
use burn::tensor::{DType, Device, GradientCheckpointingStrategy, Gradients};

use super::fused::{self, FusedStep, StepTensors};
use super::tensors::VisitedTensor;
use super::{OptimizerError, SquaredNorm, StepNorms};
use crate::engine::burn::kernels::operation::{Foreign, StreamTensor, floats, from_floats};
use crate::optimizer::SlotKind;

/// The slots of one parameter, flattened, in the order of [`SlotKind`]s of the rule.
pub(super) type DeviceSlots = Vec<Tensor<1>>;

/// What stays on the device from step to step.
#[derive(Debug)]
pub(super) struct DeviceState {
    device: Device,
    pub(super) tensors: Vec<VisitedTensor>,
    /// Of each tensor; none for one that never had a gradient.
    slots: Vec<Option<DeviceSlots>>,
    /// Gradients since the last step, of each tensor; none where there are none.
    accumulated: Vec<Option<StreamTensor>>,
    /// Stands in the module for a parameter that is being updated.
    placeholder: Option<StreamTensor>,
}

impl DeviceState {
    pub(super) fn new(tensors: Vec<VisitedTensor>, device: Device) -> Self {
        let (slots, accumulated) = (vec![None; tensors.len()], vec![None; tensors.len()]);
        Self { slots, accumulated, device, tensors, placeholder: None }
    }

    /// The slots of a tensor, copied to the host.
    pub(super) fn read_slots(&self, place: usize) -> Result<Vec<Vec<f32>>, OptimizerError> {
        self.slots[place].iter().flatten().map(read).collect()
    }

    /// Takes over the slots of all tensors.
    pub(super) fn restore(&mut self, slots: Vec<Option<Vec<HostTensor>>>) {
        let upload = |slot: HostTensor| {
            let tensor = HostTensor { shape: vec![slot.values.len()], values: slot.values };
            Tensor::from_data(tensor_data(tensor), (&self.device, DType::F32))
        };
        let upload = |slots: Vec<HostTensor>| slots.into_iter().map(upload).collect();
        self.slots = slots.into_iter().map(|slots| slots.map(upload)).collect();
        self.accumulated.fill(None);
    }

    /// Keeps gradients for the next step, added to those that are there.
    pub(super) fn accumulate<M: Module>(&mut self, module: &M, gradients: Gradients) -> Result<(), OptimizerError> {
        let mut sums = AddedGradients { gradients, accumulated: &mut self.accumulated, next: 0, failure: None };
        module.visit(&mut sums);
        sums.failure.map_or(Ok(()), Err)
    }

    /// Takes one step: the parameters leave the module, are updated by one operation, and come back.
    pub(super) fn step<M: Module>(
        &mut self,
        module: M,
        kinds: &'static [SlotKind],
        step: &FusedStep<'_>,
    ) -> Result<(M, StepNorms), OptimizerError> {
        let tensors = StepTensors {
            numbers: Vec::new(),
            parameters: Vec::new(),
            gradients: Vec::new(),
            slots: kinds.iter().map(|_| Vec::new()).collect(),
        };
        let placeholder = match self.placeholder.take() {
            Some(placeholder) => placeholder,
            None => floats(Tensor::<1>::zeros([1], &self.device)).map_err(foreign)?,
        };
        self.placeholder = Some(placeholder.clone());
        let mut taken = Taken { state: self, placeholder, kinds, tensors, places: Vec::new(), next: 0, failure: None };
        let module = module.map(&mut taken);
        let Taken { tensors, places, failure, .. } = taken;
        if let Some(failure) = failure {
            return Err(failure);
        }
        if places.is_empty() {
            let zero = SquaredNorm::Host(0.0);
            return Ok((module, StepNorms { gradient: step.max_norm.map(|_| zero.clone()), update: zero }));
        }
        let updated = fused::step(tensors, step);
        let mut slots: Vec<_> = updated.slots.into_iter().map(Vec::into_iter).collect();
        for (place, _) in &places {
            let of_parameter = slots.iter_mut().filter_map(Iterator::next).map(from_floats).collect();
            self.slots[*place] = Some(of_parameter);
        }
        let places = places.into_iter().zip(updated.parameters);
        let moved = places.map(|((place, strategy), tensor)| (place, strategy, tensor)).collect();
        let module = module.map(&mut PutBack { updated: moved, next: 0 });
        let mut norms = updated.norms.into_iter().map(|norm| SquaredNorm::Device(from_floats(norm)));
        let update = norms.next().unwrap_or(SquaredNorm::Host(0.0));
        Ok((module, StepNorms { update, gradient: norms.next() }))
    }
}

fn foreign(error: Foreign) -> OptimizerError {
    OptimizerError::Device { what: "a parameter", message: format!("{error:?}") }
}

fn read(slot: &Tensor<1>) -> Result<Vec<f32>, OptimizerError> {
    let failed = |message| OptimizerError::Device { what: "its state", message };
    let data = slot.clone().try_into_data().map_err(|error| failed(error.to_string()))?;
    host_tensor(data).map(|tensor| tensor.values).map_err(|error| failed(error.to_string()))
}

/// Takes parameters with their gradients and slots out of a module.
///
/// They are moved, not cloned: what nobody else holds is updated in place.
struct Taken<'a> {
    state: &'a mut DeviceState,
    placeholder: StreamTensor,
    kinds: &'static [SlotKind],
    tensors: StepTensors<StreamTensor>,
    /// Those that were taken: the place in the module, and the setting of autodiff.
    places: Vec<(usize, Option<GradientCheckpointingStrategy>)>,
    next: usize,
    failure: Option<OptimizerError>,
}

impl Taken<'_> {
    fn take<const D: usize>(
        &mut self,
        place: usize,
        tensor: Tensor<D>,
        gradient: Tensor<D>,
    ) -> Result<(), OptimizerError> {
        let elements = tensor.shape().num_elements();
        let known = &self.state.tensors[place];
        let number = known.check(tensor.dtype(), elements)?;
        if gradient.shape() != tensor.shape() {
            let (parameter, found) = (known.info.name.clone(), Some(gradient.shape().num_elements()));
            return Err(OptimizerError::Gradient { parameter, expected: elements, found });
        }
        let device = &self.state.device;
        let slots = self.state.slots[place].take();
        let slots = slots.unwrap_or_else(|| self.kinds.iter().map(|_| Tensor::zeros([elements], device)).collect());
        for (list, slot) in self.tensors.slots.iter_mut().zip(slots) {
            list.push(floats(slot).map_err(foreign)?);
        }
        self.tensors.numbers.push(number);
        self.tensors.gradients.push(floats(gradient).map_err(foreign)?);
        self.places.push((place, tensor.gradient_checkpointing_strategy()));
        self.tensors.parameters.push(floats(tensor.inner()).map_err(foreign)?);
        Ok(())
    }
}

impl ModuleMapper for Taken<'_> {
    fn map_float<const D: usize>(&mut self, param: Param<Tensor<D>>) -> Param<Tensor<D>> {
        let place = self.next;
        self.next += 1;
        let (id, tensor, mapper) = param.consume();
        let Some(gradient) = self.state.accumulated[place].take().map(from_floats::<D>) else {
            return Param::from_mapped_value(id, tensor, mapper);
        };
        if let Err(failure) = self.take(place, tensor, gradient) {
            self.failure = self.failure.take().or(Some(failure));
        }
        Param::from_mapped_value(id, from_floats(self.placeholder.clone()), mapper)
    }
}

/// Adds gradients to those that were kept.
struct AddedGradients<'a> {
    gradients: Gradients,
    accumulated: &'a mut [Option<StreamTensor>],
    next: usize,
    failure: Option<OptimizerError>,
}

impl ModuleVisitor for AddedGradients<'_> {
    fn visit_float<const D: usize>(&mut self, param: &Param<Tensor<D>>) {
        let kept = &mut self.accumulated[self.next];
        self.next += 1;
        let fresh = param.val().grad_remove(&mut self.gradients);
        let sum = match (kept.take().map(from_floats::<D>), fresh) {
            (Some(kept), Some(fresh)) => Some(kept + fresh),
            (kept, fresh) => kept.or(fresh),
        };
        match sum.map(floats).transpose() {
            Ok(sum) => *kept = sum,
            Err(failure) => self.failure = self.failure.take().or(Some(foreign(failure))),
        }
    }
}

/// Puts updated parameters back in their places.
struct PutBack {
    updated: VecDeque<(usize, Option<GradientCheckpointingStrategy>, StreamTensor)>,
    next: usize,
}

impl ModuleMapper for PutBack {
    fn map_float<const D: usize>(&mut self, param: Param<Tensor<D>>) -> Param<Tensor<D>> {
        let place = self.next;
        self.next += 1;
        let Some((_, strategy, updated)) = self.updated.pop_front_if(|updated| updated.0 == place) else {
            return param;
        };
        let (id, _, mapper) = param.consume();
        let mut tensor = from_floats::<D>(updated).autodiff();
        if let Some(strategy) = strategy {
            tensor = tensor.with_gradient_checkpointing_strategy(strategy);
        }
        Param::from_mapped_value(id, tensor.require_grad(), mapper)
    }
}
