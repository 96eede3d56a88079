//! The optimizer step over the memory that all parameters share.
//!
//! On the CPU it is the pass over plain memory that burn's engine makes, too: noise, update and norm in one, on all threads. On a
//! GPU it is operations over the whole memory at once, with nothing read back; see [`DeviceState`].

mod device;
mod noise;

use std::ops::Range;

use aees_models::libtorch::shim::{host_values, host_values_mut};
use aees_models::libtorch::{NetworkTensors, TorchError};
use aees_models::{HostTensor, NamedTensors};
use pulp::Arch;
use tch::{Device, Tensor};

use crate::optimizer::{
    Noise, NoiseKey, OptimizerConfig, ParameterUpdate, SlotKind, SlotMismatch, StepControl, StepRule, clip_factor,
    slots_in_order, sum_of_squares,
};
use device::DeviceState;

/// The squared norms of a step, of one element each.
pub(super) struct StepNorms {
    /// Of the change of all parameters.
    pub(super) update: Tensor,
    /// Of all gradients before they were clipped; none if they are not to be.
    pub(super) gradient: Option<Tensor>,
}

/// SGD or AdamW with AEES's learning-rate multiplier, gradient noise, clipping and norms.
pub(super) struct Optimizer {
    config: OptimizerConfig,
    kinds: &'static [SlotKind],
    noise_seed: u64,
    step_count: u64,
    state: PlacedSlots,
}

/// Slots where the update is computed.
enum PlacedSlots {
    /// Of each parameter; none before its first step.
    Host {
        arch: Arch,
        slots: Vec<Option<Vec<Vec<f32>>>>,
    },
    Device(Box<DeviceState>),
}

impl Optimizer {
    /// An optimizer that has taken no step.
    pub(super) fn new(config: OptimizerConfig, noise_seed: u64, tensors: &NetworkTensors) -> Self {
        Self::with_placement(config, noise_seed, tensors, tensors.flat().device() == Device::Cpu)
    }

    /// With a forced placement. Both work in host memory, and a test compares them there.
    pub(super) fn with_placement(
        config: OptimizerConfig,
        noise_seed: u64,
        tensors: &NetworkTensors,
        on_host: bool,
    ) -> Self {
        let state = if on_host {
            PlacedSlots::Host { arch: Arch::new(), slots: vec![None; tensors.parameters().count()] }
        } else {
            PlacedSlots::Device(Box::new(DeviceState::new(&config, noise_seed, tensors)))
        };
        Self { config, kinds: SlotKind::of(&config.kind), noise_seed, step_count: 0, state }
    }

    /// Takes one step with the gradients of all parameters, and gives its norms.
    pub(super) fn step(
        &mut self,
        tensors: &mut NetworkTensors,
        gradients: Vec<Tensor>,
        control: &StepControl,
    ) -> Result<StepNorms, TorchError> {
        self.step_count += 1;
        let (arch, slots) = match &mut self.state {
            PlacedSlots::Host { arch, slots } => (*arch, slots),
            PlacedSlots::Device(state) => {
                state.stage(control);
                return state.step(&self.config, tensors, &gradients, control.noise_std > 0.0);
            }
        };
        let rule = StepRule::new(&self.config, control, self.step_count);
        let places: Vec<Range<usize>> = tensors.parameters().map(|parameter| parameter.place).collect();
        let flat = host_values_mut(tensors.flat_mut())?;
        // A convolution gives its gradient in the order that it computes in.
        let gradients: Vec<Tensor> = gradients.iter().map(Tensor::contiguous).collect();
        let mut scale = 1.0;
        let mut gradient_norm = None;
        if let Some(max_norm) = self.config.max_gradient_norm {
            let squares = gradients.iter().map(|gradient| Ok(sum_of_squares(arch, &host_values(gradient)?.into())));
            let squared_norm = squares.sum::<Result<f64, TorchError>>()?;
            scale = clip_factor(squared_norm, max_norm);
            gradient_norm = Some(Tensor::from(squared_norm));
        }
        let mut squared_norm = 0.0;
        for (((parameter, place), gradient), slots) in (0..).zip(places).zip(&gradients).zip(slots) {
            let values = &mut flat[place];
            let gradient = &host_values(gradient)?.into();
            let slots = slots.get_or_insert_with(|| vec![vec![0.0; values.len()]; self.kinds.len()]);
            let key = NoiseKey { seed: self.noise_seed, parameter, step: control.step };
            let noise = (control.noise_std > 0.0).then_some(Noise { key, std: control.noise_std as f32 });
            squared_norm += ParameterUpdate { arch, noise, values, gradient, scale, slots }.apply(rule);
        }
        Ok(StepNorms { update: Tensor::from(squared_norm), gradient: gradient_norm })
    }

    /// Tells a device the numbers of the next step, for [`Self::staged_step`].
    pub(super) fn stage(&mut self, control: &StepControl) {
        if let PlacedSlots::Device(state) = &mut self.state {
            state.stage(control);
        }
    }

    /// What a device does for a step that was staged, to be recorded; nothing is counted.
    pub(super) fn staged_step(
        &mut self,
        tensors: &mut NetworkTensors,
        gradients: &[Tensor],
        noisy: bool,
    ) -> Result<StepNorms, TorchError> {
        match &mut self.state {
            PlacedSlots::Device(state) => state.step(&self.config, tensors, gradients, noisy),
            PlacedSlots::Host { .. } => Err(TorchError("the host takes its steps at once".into())),
        }
    }

    /// A step that was recorded was taken.
    pub(super) fn count_step(&mut self) {
        self.step_count += 1;
    }

    /// Steps taken; AdamW's bias corrections depend on it.
    pub(super) fn step_count(&self) -> u64 {
        self.step_count
    }

    /// The slots, copied to the host: `<parameter>.<slot>`, each of its parameter's shape.
    pub(super) fn slots(&self, tensors: &NetworkTensors) -> Result<NamedTensors, TorchError> {
        let of_device = match &self.state {
            PlacedSlots::Device(state) if self.step_count > 0 => Some(state.read()?),
            _ => None,
        };
        let mut named = NamedTensors::new();
        for (number, parameter) in tensors.parameters().enumerate() {
            let values: Vec<Vec<f32>> = match (&self.state, &of_device) {
                (PlacedSlots::Host { slots, .. }, _) => slots[number].iter().flatten().cloned().collect(),
                (_, Some(read)) => read.iter().map(|slot| slot[parameter.place.clone()].to_vec()).collect(),
                (_, None) => Vec::new(),
            };
            for (values, kind) in values.into_iter().zip(self.kinds) {
                let name = format!("{}.{}", parameter.info.name, kind.name());
                named.insert(name, HostTensor { shape: parameter.info.shape.clone(), values });
            }
        }
        Ok(named)
    }

    /// Continues from saved slots and a step count: the next step is the one that would have followed.
    ///
    /// # Errors
    /// When the state was made for another model or update rule; the optimizer is unchanged then.
    pub(super) fn restore(
        &mut self,
        tensors: &NetworkTensors,
        step_count: u64,
        slots: NamedTensors,
    ) -> Result<(), SlotMismatch> {
        let kept = slots_in_order(tensors.parameters().map(|parameter| parameter.info), self.kinds, slots)?;
        match &mut self.state {
            PlacedSlots::Host { slots, .. } => {
                let values = |slots: Vec<HostTensor>| slots.into_iter().map(|slot| slot.values).collect();
                *slots = kept.into_iter().map(|slots| slots.map(values)).collect();
            }
            PlacedSlots::Device(state) => state.restore(tensors, step_count, &kept),
        }
        self.step_count = step_count;
        Ok(())
    }
}

#[cfg(test)]
#[path = "optimizer_tests.rs"]
mod tests;
