//! The step as operations over the memory of all parameters at once: some twenty launches, whatever the network, and noise some
//! hundred and fifty more. Scalars that change lie on the device, so that a step reads nothing back and can be recorded: what is
//! told to one step is staged, and the step itself takes it from there.

use aees_models::HostTensor;
use aees_models::libtorch::shim::{AdamWNumbers, AdamWState, adamw, copy_all, host_values, host_values_mut};
use aees_models::libtorch::{NetworkTensors, TorchError};
use tch::{Device, Kind, Tensor};

use super::StepNorms;
use super::noise::DeviceNoise;
use crate::optimizer::{NORM_EPSILON, OptimizerConfig, OptimizerKind, SlotKind, StepControl};

/// What the step keeps on the device.
pub(super) struct DeviceState {
    /// Of each kind, over all parameters; as long as their memory.
    slots: Vec<Tensor>,
    /// All gradients, and the part of each parameter in its shape.
    gradient: Tensor,
    gradients: Vec<Tensor>,
    /// Steps taken, learning rate, and standard deviation of the noise: one f32 each.
    count: Tensor,
    rate: Tensor,
    noise_std: Tensor,
    noise: DeviceNoise,
}

impl DeviceState {
    pub(super) fn new(config: &OptimizerConfig, noise_seed: u64, tensors: &NetworkTensors) -> Self {
        let flat = tensors.flat();
        let gradient = flat.zeros_like();
        let part = |parameter: aees_models::libtorch::Placed<'_>| {
            let part = gradient.narrow(0, parameter.place.start as i64, parameter.place.len() as i64);
            part.view(parameter.tensor.size().as_slice())
        };
        let scalar = || Tensor::zeros([], (Kind::Float, flat.device()));
        Self {
            slots: SlotKind::of(&config.kind).iter().map(|_| flat.zeros_like()).collect(),
            gradients: tensors.parameters().map(part).collect(),
            count: scalar(),
            rate: scalar(),
            noise_std: scalar(),
            noise: DeviceNoise::new(noise_seed, tensors),
            gradient,
        }
    }

    /// Tells the next step its numbers.
    pub(super) fn stage(&mut self, control: &StepControl) {
        let _ = self.rate.fill_(control.learning_rate * control.multiplier);
        let _ = self.noise_std.fill_(control.noise_std);
        self.noise.stage(control.step);
    }

    /// Takes the step that was staged, with noise or without, and gives its norms.
    pub(super) fn step(
        &mut self,
        config: &OptimizerConfig,
        tensors: &mut NetworkTensors,
        gradients: &[Tensor],
        noisy: bool,
    ) -> Result<StepNorms, TorchError> {
        copy_all(&self.gradients, gradients)?;
        let gradient_norm = config.max_gradient_norm.map(|max_norm| {
            let squared_norm = self.gradient.square().sum(Kind::Float);
            let factor = ((squared_norm.sqrt() + NORM_EPSILON).reciprocal() * max_norm).clamp_max(1.0);
            let _ = self.gradient.g_mul_(&factor);
            squared_norm
        });
        if noisy {
            let _ = self.gradient.g_add_(&(self.noise.draw() * &self.noise_std));
        }
        let parameter = tensors.flat_mut();
        let before = parameter.copy();
        match (config.kind, self.slots.as_mut_slice()) {
            (OptimizerKind::AdamW { beta1, beta2, epsilon }, [mean, square]) => {
                let state = AdamWState {
                    parameter,
                    gradient: &self.gradient,
                    mean,
                    square,
                    count: &self.count,
                    rate: &self.rate,
                };
                adamw(&state, AdamWNumbers { beta1, beta2, weight_decay: config.weight_decay, epsilon })?;
            }
            (kind, slots) => {
                let decayed = &self.gradient + &before * config.weight_decay;
                let direction = match (kind, slots) {
                    (OptimizerKind::Sgd { momentum }, [buffer]) => {
                        let mut kept = buffer.g_mul_scalar_(momentum);
                        kept.g_add_(&decayed)
                    }
                    _ => decayed,
                };
                let _ = parameter.g_sub_(&(direction * &self.rate));
            }
        }
        let update = (&*parameter - before).square().sum(Kind::Float);
        Ok(StepNorms { update, gradient: gradient_norm })
    }

    /// The slots of all parameters, on the host.
    pub(super) fn read(&self) -> Result<Vec<Vec<f32>>, TorchError> {
        self.slots.iter().map(|slot| Ok(host_values(&slot.to_device(Device::Cpu))?.to_vec())).collect()
    }

    /// Takes over the slots of each parameter; zeros where it has none.
    pub(super) fn restore(&mut self, tensors: &NetworkTensors, step_count: u64, kept: &[Option<Vec<HostTensor>>]) {
        for (kind, slot) in self.slots.iter_mut().enumerate() {
            let mut staged = Tensor::zeros(slot.size(), (Kind::Float, Device::Cpu));
            let values = host_values_mut(&mut staged).unwrap_or_default();
            for (parameter, kept) in tensors.parameters().zip(kept) {
                if let Some(kept) = kept {
                    values[parameter.place].copy_from_slice(&kept[kind].values);
                }
            }
            slot.copy_(&staged);
        }
        let _ = self.count.fill_(step_count as f64);
    }
}
