//! The tensors of a burn module by PyTorch's names, in PyTorch's order.
//!
//! A name is the path of fields to a tensor, as in `layer2.0.downsample.0.weight`, and the modules here order their fields so
//! that the list of tensors is that of [`ModelSpec::tensors`](crate::ModelSpec::tensors). The variant of an enum has no part in
//! a path; that of a text classifier says what PyTorch calls it.

use burn::module::{Module, ModuleMapper, ModuleVisitor, Param};
use burn::tensor::{DataError, Tensor, TensorData, Transaction};

use crate::tensor_info::check_values;
use crate::{HostTensor, NamedTensors, TensorInfo, TensorKind, TextArchitecture, WeightError};

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
    Ok(module.map(&mut LoadMapper { path: Path::default(), values }))
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

/// The fields on the way to a tensor, each with the type that has it.
#[derive(Default)]
struct Path(Vec<(String, String)>);

impl Path {
    fn enter(&mut self, field: &str, container: &str) {
        self.0.push((field.into(), container.into()));
    }

    fn leave(&mut self) {
        self.0.pop();
    }

    /// What PyTorch calls the tensor.
    fn name(&self) -> String {
        let is_field = |(_, container): &&(String, String)| !container.starts_with("Enum:");
        let fields: Vec<&str> = self.0.iter().filter(is_field).map(|(field, _)| field.as_str()).collect();
        let path = fields.join(".");
        let architecture =
            self.0.iter().find_map(|(variant, container)| match (container.as_str(), variant.as_str()) {
                ("Enum:TextClassifier", "DistilBert") => Some(TextArchitecture::DistilBert),
                ("Enum:TextClassifier", "Bert") => Some(TextArchitecture::Bert),
                _ => None,
            });
        architecture.map_or(path.clone(), |architecture| architecture.tensor_name(&path))
    }

    /// A module's own gradient flags do not tell: a frozen parameter is still one.
    fn kind(&self) -> TensorKind {
        let last = self.0.last().map(|(field, container)| (container.as_str(), field.as_str()));
        match last {
            Some(("Struct:BatchNorm", "running_mean" | "running_var")) => TensorKind::Buffer,
            _ => TensorKind::Parameter,
        }
    }
}

#[derive(Default)]
struct InfoVisitor {
    path: Path,
    infos: Vec<TensorInfo>,
}

impl ModuleVisitor for InfoVisitor {
    fn enter_module(&mut self, name: &str, container: &str) {
        self.path.enter(name, container);
    }

    fn exit_module(&mut self, _name: &str, _container: &str) {
        self.path.leave();
    }

    fn visit_float<const D: usize>(&mut self, param: &Param<Tensor<D>>) {
        let (name, kind) = (self.path.name(), self.path.kind());
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
    path: Path,
    values: NamedTensors,
}

impl ModuleMapper for LoadMapper {
    fn enter_module(&mut self, name: &str, container: &str) {
        self.path.enter(name, container);
    }

    fn exit_module(&mut self, _name: &str, _container: &str) {
        self.path.leave();
    }

    fn map_float<const D: usize>(&mut self, param: Param<Tensor<D>>) -> Param<Tensor<D>> {
        let Some(values) = self.values.remove(&self.path.name()) else { return param };
        param.map(|old| {
            let requires_grad = old.is_require_grad();
            let new = Tensor::from_data(tensor_data(values), &old.device());
            if requires_grad { new.require_grad() } else { new }
        })
    }
}
