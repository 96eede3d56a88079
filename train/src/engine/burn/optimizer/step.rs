//! The optimizer: which path a step takes, and its state.

use aees_models::{HostTensor, NamedTensors};
use burn::module::Module;
#[cfg(feature = "gpu")]
use burn::tensor::Device;
use burn::tensor::Gradients;
use pulp::Arch;

#[cfg(feature = "gpu")]
use super::device::DeviceState;
#[cfg(feature = "gpu")]
use super::fused;
use super::host::{HostSlots, HostStep};
use super::host_gradients::HostGradients;
use super::tensors::VisitedTensor;
use super::{OptimizerError, SquaredNorm, StepNorms};
use crate::optimizer::{OptimizerConfig, SlotKind, StepControl, StepRule, clip_factor, slots_in_order};

/// SGD or AdamW with AEES's learning-rate multiplier, gradient noise, clipping and norms.
///
/// ```
/// use aees_train::engine::burn::optimizer::{Optimizer, SquaredNorm};
/// use aees_train::optimizer::{OptimizerConfig, OptimizerKind, StepControl};
/// use burn::{Tensor, module::Param, tensor::Device};
///
/// let device = Device::flex().autodiff();
/// let weight = Param::<Tensor<1>>::from_data([3.0, 4.0], &device);
/// let config = OptimizerConfig { kind: OptimizerKind::Sgd { momentum: 0.0 }, weight_decay: 0.0, max_gradient_norm: None };
/// let mut optimizer = Optimizer::new(config, 0, &weight);
///
/// let loss = weight.val().powf_scalar(2.0).sum() * 0.5; // its gradient is the weight itself
/// let control = StepControl { learning_rate: 0.1, multiplier: 5.0, noise_std: 0.0, step: 0 };
/// let (weight, norms) = optimizer.step(weight, loss.backward(), &control)?;
///
/// assert_eq!(weight.val().into_data().as_slice::<f32>().unwrap(), [1.5, 2.0]);
/// assert_eq!(SquaredNorm::read_all(vec![norms.update])?, [6.25]); // 1.5 squared + 2 squared
/// # Ok::<(), aees_train::engine::burn::optimizer::OptimizerError>(())
/// ```
#[derive(Debug)]
pub struct Optimizer {
    config: OptimizerConfig,
    kinds: &'static [SlotKind],
    noise_seed: u64,
    step_count: u64,
    state: PlacedSlots,
}

/// Slots where the update is computed.
#[derive(Debug)]
enum PlacedSlots {
    /// In the process's own threads and memory: for parameters on the Flex device.
    Host { arch: Arch, tensors: Vec<VisitedTensor>, slots: Vec<Option<HostSlots>>, gradients: HostGradients },
    /// By kernels enqueued on the parameters' device, with nothing read back.
    #[cfg(feature = "gpu")]
    Device(Box<DeviceState>),
}

impl PlacedSlots {
    fn of<M: Module>(module: &M) -> Self {
        let tensors = VisitedTensor::of(module);
        #[cfg(feature = "gpu")]
        if let Some(device) = module.devices().into_iter().map(Device::inner).find(|device| *device != Device::flex()) {
            return Self::Device(Box::new(DeviceState::new(tensors, device)));
        }
        Self::Host { arch: Arch::new(), slots: vec![None; tensors.len()], tensors, gradients: HostGradients::default() }
    }
}

impl Optimizer {
    /// An optimizer of a module that has taken no step, for the module's device.
    pub fn new<M: Module>(config: OptimizerConfig, noise_seed: u64, module: &M) -> Self {
        Self { config, kinds: SlotKind::of(&config.kind), noise_seed, step_count: 0, state: PlacedSlots::of(module) }
    }

    /// Takes one step with these gradients, added to those that were kept: gives the module with its new parameters, and the
    /// step's norms.
    ///
    /// # Errors
    ///
    /// As [`Self::accumulate`] and [`Self::apply`].
    pub fn step<M: Module>(
        &mut self,
        module: M,
        gradients: Gradients,
        control: &StepControl,
    ) -> Result<(M, StepNorms), OptimizerError> {
        self.accumulate(&module, gradients)?;
        self.apply(module, control)
    }

    /// Keeps the gradients of a batch, or of a part of it, for the next step; they are added to those that are there.
    ///
    /// # Errors
    ///
    /// When they are not of type `f32`, or not those of the optimizer's module.
    pub fn accumulate<M: Module>(&mut self, module: &M, gradients: Gradients) -> Result<(), OptimizerError> {
        match &mut self.state {
            PlacedSlots::Host { tensors, gradients: kept, .. } => kept.add(module, gradients, tensors),
            #[cfg(feature = "gpu")]
            PlacedSlots::Device(state) => state.accumulate(module, gradients),
        }
    }

    /// Takes one step with the gradients that were kept: gives the module with its new parameters, and the step's norms.
    ///
    /// Parameters without a gradient stay as they are, get no noise and no weight decay, as in PyTorch. Parameters keep
    /// their identifiers, mappers and autodiff settings.
    ///
    /// # Errors
    ///
    /// When a parameter is not of type `f32`, or the module is not the optimizer's. The module is lost then: either is a
    /// mistake in the program, not something that training runs into.
    pub fn apply<M: Module>(&mut self, module: M, control: &StepControl) -> Result<(M, StepNorms), OptimizerError> {
        let rule = StepRule::new(&self.config, control, self.step_count + 1);
        let (module, norms, failure) = match &mut self.state {
            PlacedSlots::Host { arch, tensors, slots, gradients: kept } => {
                let clip = match self.config.max_gradient_norm {
                    Some(max_norm) => {
                        let squared_norm = kept.squared_norm(*arch, tensors)?;
                        Some((squared_norm, clip_factor(squared_norm, max_norm)))
                    }
                    None => None,
                };
                let mut step = HostStep {
                    arch: *arch,
                    rule,
                    kinds: self.kinds,
                    gradients: kept.take(),
                    scale: clip.map_or(1.0, |(_, factor)| factor),
                    noise_seed: self.noise_seed,
                    control,
                    tensors: tensors.iter(),
                    slots: slots.iter_mut(),
                    squared_norm: 0.0,
                    failure: None,
                };
                let module = module.map(&mut step);
                let gradient = clip.map(|(squared_norm, _)| SquaredNorm::Host(squared_norm));
                (module, StepNorms { update: SquaredNorm::Host(step.squared_norm), gradient }, step.failure)
            }
            #[cfg(feature = "gpu")]
            PlacedSlots::Device(state) => {
                let (noise_seed, max_norm) = (self.noise_seed, self.config.max_gradient_norm);
                let step = fused::FusedStep { rule, control, noise_seed, max_norm };
                let (module, norms) = state.step(module, self.kinds, &step)?;
                (module, norms, None)
            }
        };
        if let Some(failure) = failure {
            return Err(failure);
        }
        self.step_count += 1;
        Ok((module, norms))
    }

    /// Steps taken; AdamW's bias corrections depend on it.
    pub fn step_count(&self) -> u64 {
        self.step_count
    }

    /// The slots, copied to the host: `<parameter>.<slot>`, each of its parameter's shape.
    ///
    /// # Errors
    ///
    /// When the device cannot be read.
    pub fn slots(&self) -> Result<NamedTensors, OptimizerError> {
        let mut named = NamedTensors::new();
        for (place, tensor) in self.tensors().iter().enumerate() {
            let values: Vec<Vec<f32>> = match &self.state {
                PlacedSlots::Host { slots, .. } => slots[place].iter().flatten().cloned().collect(),
                #[cfg(feature = "gpu")]
                PlacedSlots::Device(state) => state.read_slots(place)?,
            };
            for (values, kind) in values.into_iter().zip(self.kinds) {
                let name = format!("{}.{}", tensor.info.name, kind.name());
                named.insert(name, HostTensor { shape: tensor.info.shape.clone(), values });
            }
        }
        Ok(named)
    }

    /// Continues from saved slots and a step count: the next step is the one that would have followed. On the host it is
    /// the same to the bit.
    ///
    /// # Errors
    ///
    /// When the state was made for another module or update rule; the optimizer is unchanged then.
    pub fn restore(&mut self, step_count: u64, slots: NamedTensors) -> Result<(), OptimizerError> {
        let kept = slots_in_order(self.tensors().iter().map(|tensor| &tensor.info), self.kinds, slots)?;
        match &mut self.state {
            PlacedSlots::Host { slots, gradients, .. } => {
                gradients.take();
                let values = |slots: Vec<HostTensor>| slots.into_iter().map(|slot| slot.values).collect();
                *slots = kept.into_iter().map(|slots| slots.map(values)).collect();
            }
            #[cfg(feature = "gpu")]
            PlacedSlots::Device(state) => state.restore(kept),
        }
        self.step_count = step_count;
        Ok(())
    }

    fn tensors(&self) -> &[VisitedTensor] {
        match &self.state {
            PlacedSlots::Host { tensors, .. } => tensors,
            #[cfg(feature = "gpu")]
            PlacedSlots::Device(state) => &state.tensors,
        }
    }
}
