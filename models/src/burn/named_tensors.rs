//! The tensors of a burn module by PyTorch's names, in PyTorch's order.
//!
//! A name is the path of fields to a tensor, as in `layer2.0.downsample.0.weight`, and the modules here name and order
//! their fields so that the list of tensors is that of [`ModelSpec::tensors`](crate::ModelSpec::tensors). A field that would
//! be a keyword of Rust ends in an underscore, which its name lacks, and the variant of an enum has no part in a name.

use burn::module::{Module, ModuleMapper, ModuleVisitor, Param};
use burn::tensor::{DataError, Tensor, TensorData, Transaction};

use crate::tensor_info::check_values;
use crate::{HostTensor, NamedTensors, TensorInfo, TensorKind, WeightError};

/// Names, kinds and shapes, in PyTorch's `state_dict()` order. Reads nothing from the device.
pub fn tensor_infos<M: Module>(module: &M) -> Vec<TensorInfo> {
    let mut visitor = InfoVisitor::default();
    module.visit(&mut visitor);
    visitor.infos
}

/// Every tensor with its values. Reads the device once.
///
/// # Errors
///
/// When the device gives anything but floating-point numbers.
pub fn tensors<M: Module>(module: &M) -> Result<NamedTensors, DataError> {
    let mut visitor = ValueVisitor { reads: Some(Transaction::default()) };
    module.visit(&mut visitor);
    let values = visitor.reads.map_or_else(Vec::new, Transaction::execute);
    tensor_infos(module).into_iter().zip(values).map(|(info, data)| Ok((info.name, host_tensor(data)?))).collect()
}

/// Gives every tensor of the network the values of its name, on the device where the network is.
///
/// What required gradients before does so afterwards, and nothing else. The buffers of clones change, too, because burn
/// shares them.
///
/// # Errors
///
/// When a tensor is missing, unexpected or of another shape; then the network is as it was.
pub fn load<M: Module>(module: M, values: NamedTensors) -> Result<M, WeightError> {
    check_values(&tensor_infos(&module), &values)?;
    Ok(module.map(&mut LoadMapper { path: Vec::new(), values }))
}

/// A tensor of the host as burn takes it; its memory moves.
pub fn tensor_data(tensor: HostTensor) -> TensorData {
    TensorData::new(tensor.values, tensor.shape)
}

/// What burn read as a tensor of the host; its memory moves if it is single precision.
///
/// # Errors
///
/// When it cannot be had as `f32`.
pub fn host_tensor(data: TensorData) -> Result<HostTensor, DataError> {
    let shape = data.shape().to_vec();
    Ok(HostTensor { shape, values: data.convert::<f32>().try_into_vec()? })
}

/// The part of a name that a field is: none for the variant of an enum.
fn name_part(field: &str, container: &str) -> Option<String> {
    (!container.starts_with("Enum:")).then(|| field.trim_end_matches('_').to_string())
}

fn join(parts: impl Iterator<Item = Option<String>>) -> String {
    parts.flatten().collect::<Vec<_>>().join(".")
}

/// A module's own gradient flags do not tell: a frozen parameter is still one.
fn kind(field: &str, container: &str) -> TensorKind {
    match (container, field) {
        ("Struct:BatchNorm", "running_mean" | "running_var") => TensorKind::Buffer,
        _ => TensorKind::Parameter,
    }
}

#[derive(Default)]
struct InfoVisitor {
    /// Each field on the way with the type that has it.
    path: Vec<(String, String)>,
    infos: Vec<TensorInfo>,
}

impl ModuleVisitor for InfoVisitor {
    fn enter_module(&mut self, name: &str, container: &str) {
        self.path.push((name.to_string(), container.to_string()));
    }

    fn exit_module(&mut self, _name: &str, _container: &str) {
        self.path.pop();
    }

    fn visit_float<const D: usize>(&mut self, param: &Param<Tensor<D>>) {
        let name = join(self.path.iter().map(|(field, container)| name_part(field, container)));
        let kind = self.path.last().map_or(TensorKind::Parameter, |(field, container)| kind(field, container));
        self.infos.push(TensorInfo { name, kind, shape: param.lazy_shape().to_vec() });
    }
}

struct ValueVisitor {
    /// Taken and put back by each registration, which consumes it.
    reads: Option<Transaction>,
}

impl ModuleVisitor for ValueVisitor {
    fn visit_float<const D: usize>(&mut self, param: &Param<Tensor<D>>) {
        self.reads = self.reads.take().map(|reads| reads.register(param.val()));
    }
}

struct LoadMapper {
    /// The part of the name that each field on the way is.
    path: Vec<Option<String>>,
    values: NamedTensors,
}

impl ModuleMapper for LoadMapper {
    fn enter_module(&mut self, name: &str, container: &str) {
        self.path.push(name_part(name, container));
    }

    fn exit_module(&mut self, _name: &str, _container: &str) {
        self.path.pop();
    }

    fn map_float<const D: usize>(&mut self, param: Param<Tensor<D>>) -> Param<Tensor<D>> {
        let Some(values) = self.values.remove(&join(self.path.iter().cloned())) else { return param };
        param.map(|old| {
            let requires_grad = old.is_require_grad();
            let new = Tensor::from_data(tensor_data(values), &old.device());
            if requires_grad { new.require_grad() } else { new }
        })
    }
}
