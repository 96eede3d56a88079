//! The optimizer: which path a step takes, and its state.

use burn::Tensor;
use burn::module::{Module, ModuleVisitor, Param};
use burn::tensor::{DType, Device, Gradients, TensorData};
use pulp::Arch;

use super::device::{DeviceSlots, DeviceStep};
use super::device_noise::DeviceNoise;
use super::host::{HostSlots, HostStep};
use super::rule::StepRule;
use super::state::{Slot, SlotKind};
use super::{OptimizerConfig, OptimizerError, OptimizerState, SquaredNorm, StepControl};

/// Where the update is computed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Placement {
    /// In the process's own threads and memory: for parameters on the Flex device.
    Host,
    /// By operations enqueued on the parameters' device, with nothing read back.
    Device,
}

impl Placement {
    /// The placement for a module: the host if all of it is on the Flex device.
    fn of<M: Module>(module: &M) -> Self {
        let flex = Device::flex();
        if module.devices().iter().all(|device| *device == flex) { Self::Host } else { Self::Device }
    }
}

/// SGD or AdamW with AEES's learning-rate multiplier, gradient noise and update norm.
///
/// ```
/// use aees_train::optimizer::{Optimizer, OptimizerConfig, OptimizerKind, SquaredNorm, StepControl};
/// use burn::{Tensor, module::Param, tensor::Device};
///
/// let device = Device::flex().autodiff();
/// let config = OptimizerConfig { kind: OptimizerKind::Sgd { momentum: 0.0 }, weight_decay: 0.0 };
/// let mut optimizer = Optimizer::new(config, 0);
///
/// let weight = Param::<Tensor<1>>::from_data([3.0, 4.0], &device);
/// let loss = weight.val().powf_scalar(2.0).sum() * 0.5; // its gradient is the weight itself
/// let control = StepControl { learning_rate: 0.1, multiplier: 5.0, noise_std: 0.0, step: 0 };
/// let (weight, squared_norm) = optimizer.step(weight, loss.backward(), &control)?;
///
/// assert_eq!(weight.val().into_data().as_slice::<f32>().unwrap(), [1.5, 2.0]);
/// assert_eq!(SquaredNorm::read_all(vec![squared_norm])?, [6.25]); // 1.5 squared + 2 squared
/// # Ok::<(), aees_train::optimizer::OptimizerError>(())
/// ```
#[derive(Debug)]
pub struct Optimizer {
    config: OptimizerConfig,
    noise_seed: u64,
    step_count: u64,
    placement: Option<Placement>,
    arch: Arch,
    /// By parameter; only one of the two is ever filled.
    host_slots: Vec<Option<HostSlots>>,
    device_slots: Vec<Option<DeviceSlots>>,
    device_noise: DeviceNoise,
}

impl Optimizer {
    /// An optimizer that has taken no step. The first step or restore decides the placement by the module's device.
    pub fn new(config: OptimizerConfig, noise_seed: u64) -> Self {
        Self {
            config,
            noise_seed,
            step_count: 0,
            placement: None,
            arch: Arch::new(),
            host_slots: Vec::new(),
            device_slots: Vec::new(),
            device_noise: DeviceNoise::new(noise_seed),
        }
    }

    /// An optimizer with a forced placement. Both work for a module on the Flex device, and tests compare them there.
    pub fn with_placement(config: OptimizerConfig, noise_seed: u64, placement: Placement) -> Self {
        Self { placement: Some(placement), ..Self::new(config, noise_seed) }
    }

    /// The configuration.
    pub fn config(&self) -> &OptimizerConfig {
        &self.config
    }

    /// Takes one step: gives the module with its new parameters, and the squared norm of the change.
    ///
    /// Parameters without a gradient stay as they are, get no noise and no weight decay, as in PyTorch. Parameters keep
    /// their identifiers, mappers and autodiff settings.
    ///
    /// # Errors
    ///
    /// When a parameter is not of type `f32`, or is not the one of the former steps. The module is lost then: either is a
    /// mistake in the program, not something that training runs into.
    pub fn step<M: Module>(
        &mut self,
        module: M,
        gradients: Gradients,
        control: &StepControl,
    ) -> Result<(M, SquaredNorm), OptimizerError> {
        let rule = StepRule::new(&self.config, control, self.step_count + 1);
        let kinds = SlotKind::of(&self.config.kind);
        let placement = *self.placement.get_or_insert_with(|| Placement::of(&module));
        let (module, squared_norm, failure) = match placement {
            Placement::Host => {
                let mut step = HostStep {
                    arch: self.arch,
                    rule,
                    kinds,
                    gradients,
                    noise_seed: self.noise_seed,
                    noise_std: control.noise_std,
                    step: control.step,
                    slots: &mut self.host_slots,
                    next: 0,
                    squared_norm: 0.0,
                    failure: None,
                };
                let module = module.map(&mut step);
                (module, SquaredNorm::Host(step.squared_norm), step.failure)
            }
            Placement::Device => {
                let noise = &mut self.device_noise;
                let mut step = DeviceStep::new(&module, rule, control, kinds, gradients, noise, &mut self.device_slots);
                let module = module.map(&mut step);
                let (squared_norm, failure) = step.finish();
                (module, squared_norm, failure)
            }
        };
        if let Some(failure) = failure {
            return Err(failure);
        }
        self.step_count += 1;
        Ok((module, squared_norm))
    }

    /// What a checkpoint needs, copied to the host.
    ///
    /// # Errors
    ///
    /// When the device cannot be read.
    pub fn state(&self) -> Result<OptimizerState, OptimizerError> {
        let kinds = SlotKind::of(&self.config.kind);
        let mut slots = Vec::new();
        for (parameter, kept) in self.host_slots.iter().enumerate() {
            for (values, &kind) in kept.iter().flatten().zip(kinds) {
                slots.push(Slot { parameter, kind, data: TensorData::new(values.clone(), [values.len()]) });
            }
        }
        for (parameter, kept) in self.device_slots.iter().enumerate() {
            for (tensor, &kind) in kept.iter().flatten().zip(kinds) {
                let data = tensor.clone().try_into_data().map_err(|error| OptimizerError::Device {
                    what: "the optimizer's state",
                    message: error.to_string(),
                })?;
                slots.push(Slot { parameter, kind, data });
            }
        }
        Ok(OptimizerState { step_count: self.step_count, slots })
    }

    /// Continues from a saved state: the next step on `module` is the one that would have followed. On the host it is the
    /// same to the bit.
    ///
    /// # Errors
    ///
    /// When the state was made for another module or update rule; the optimizer is unchanged then.
    pub fn restore<M: Module>(&mut self, state: OptimizerState, module: &M) -> Result<(), OptimizerError> {
        let mut parameters = Parameters::default();
        module.visit(&mut parameters);
        let kinds = SlotKind::of(&self.config.kind);
        let mut kept: Vec<Option<HostSlots>> = vec![None; parameters.0.len()];
        for Slot { parameter, kind, data } in state.slots {
            let unfit = |problem: String| OptimizerError::State { parameter, problem };
            let Some((elements, _)) = parameters.0.get(parameter) else {
                return Err(unfit(format!("the module has {} parameters", parameters.0.len())));
            };
            let slots = kept[parameter].get_or_insert_default();
            if kinds.get(slots.len()) != Some(&kind) {
                return Err(unfit(format!("its slot {} is {:?}, expected one of {kinds:?}", slots.len(), kind.name())));
            }
            if data.dtype() != DType::F32 || data.num_elements() != *elements {
                let (found, dtype) = (data.num_elements(), data.dtype());
                return Err(unfit(format!("{} has {found} elements of {dtype:?}, expected {elements}", kind.name())));
            }
            slots.push(data.try_into_vec::<f32>().map_err(|error| unfit(error.to_string()))?);
        }
        if let Some(parameter) = kept.iter().position(|slots| slots.as_ref().is_some_and(|s| s.len() != kinds.len())) {
            return Err(OptimizerError::State { parameter, problem: format!("it needs all of {kinds:?}") });
        }
        self.step_count = state.step_count;
        self.host_slots.clear();
        self.device_slots.clear();
        match *self.placement.get_or_insert_with(|| Placement::of(module)) {
            Placement::Host => self.host_slots = kept,
            Placement::Device => {
                let upload = |(slots, (_, device)): (Option<HostSlots>, &(usize, Device))| {
                    let upload = |values: Vec<f32>| {
                        let length = values.len();
                        Tensor::from_data(TensorData::new(values, [length]), (device, DType::F32))
                    };
                    slots.map(|slots| slots.into_iter().map(upload).collect())
                };
                self.device_slots = kept.into_iter().zip(&parameters.0).map(upload).collect();
            }
        }
        Ok(())
    }
}

/// Number of elements and device (without autodiff) of each float parameter, in visiting order.
#[derive(Default)]
struct Parameters(Vec<(usize, Device)>);

impl ModuleVisitor for Parameters {
    fn visit_float<const D: usize>(&mut self, param: &Param<Tensor<D>>) {
        self.0.push((param.lazy_shape().num_elements(), param.lazy_device().inner()));
    }
}
