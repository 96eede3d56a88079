//! The optimizer: which path a step takes, and its state.

use aees_models::{HostTensor, NamedTensors};
use burn::module::Module;
#[cfg(feature = "gpu")]
use burn::tensor::Device;
use burn::tensor::Gradients;
use pulp::Arch;

#[cfg(feature = "gpu")]
use super::device::DeviceState;
use super::host::{HostSlots, HostStep};
use super::tensors::VisitedTensor;
use super::{OptimizerError, SquaredNorm};
use crate::optimizer::{OptimizerConfig, SlotKind, StepControl, StepRule, slots_in_order};

/// SGD or AdamW with AEES's learning-rate multiplier, gradient noise and update norm.
///
/// ```
/// use aees_train::engine::burn::optimizer::{Optimizer, SquaredNorm};
/// use aees_train::optimizer::{OptimizerConfig, OptimizerKind, StepControl};
/// use burn::{Tensor, module::Param, tensor::Device};
///
/// let device = Device::flex().autodiff();
/// let weight = Param::<Tensor<1>>::from_data([3.0, 4.0], &device);
/// let config = OptimizerConfig { kind: OptimizerKind::Sgd { momentum: 0.0 }, weight_decay: 0.0 };
/// let mut optimizer = Optimizer::new(config, 0, &weight);
///
/// let loss = weight.val().powf_scalar(2.0).sum() * 0.5; // its gradient is the weight itself
/// let control = StepControl { learning_rate: 0.1, multiplier: 5.0, noise_std: 0.0, step: 0 };
/// let (weight, squared_norm) = optimizer.step(weight, loss.backward(), &control)?;
///
/// assert_eq!(weight.val().into_data().as_slice::<f32>().unwrap(), [1.5, 2.0]);
/// assert_eq!(SquaredNorm::read_all(vec![squared_norm])?, [6.25]); // 1.5 squared + 2 squared
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
    Host { arch: Arch, tensors: Vec<VisitedTensor>, slots: Vec<Option<HostSlots>> },
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
        Self::Host { arch: Arch::new(), slots: vec![None; tensors.len()], tensors }
    }
}

impl Optimizer {
    /// An optimizer of a module that has taken no step, for the module's device.
    pub fn new<M: Module>(config: OptimizerConfig, noise_seed: u64, module: &M) -> Self {
        Self { config, kinds: SlotKind::of(&config.kind), noise_seed, step_count: 0, state: PlacedSlots::of(module) }
    }

    /// Takes one step: gives the module with its new parameters, and the squared norm of the change.
    ///
    /// Parameters without a gradient stay as they are, get no noise and no weight decay, as in PyTorch. Parameters keep
    /// their identifiers, mappers and autodiff settings.
    ///
    /// # Errors
    ///
    /// When a parameter is not of type `f32`, or the module is not the optimizer's. The module is lost then: either is a
    /// mistake in the program, not something that training runs into.
    pub fn step<M: Module>(
        &mut self,
        module: M,
        gradients: Gradients,
        control: &StepControl,
    ) -> Result<(M, SquaredNorm), OptimizerError> {
        let rule = StepRule::new(&self.config, control, self.step_count + 1);
        let (module, squared_norm, failure) = match &mut self.state {
            PlacedSlots::Host { arch, tensors, slots } => {
                let mut step = HostStep {
                    arch: *arch,
                    rule,
                    kinds: self.kinds,
                    gradients,
                    noise_seed: self.noise_seed,
                    control,
                    tensors: tensors.iter(),
                    slots: slots.iter_mut(),
                    squared_norm: 0.0,
                    failure: None,
                };
                let module = module.map(&mut step);
                (module, SquaredNorm::Host(step.squared_norm), step.failure)
            }
            #[cfg(feature = "gpu")]
            PlacedSlots::Device(state) => {
                let (module, squared_norm) =
                    state.step(module, gradients, &rule, self.kinds, control, self.noise_seed)?;
                (module, squared_norm, None)
            }
        };
        if let Some(failure) = failure {
            return Err(failure);
        }
        self.step_count += 1;
        Ok((module, squared_norm))
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
            PlacedSlots::Host { slots, .. } => {
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
