//! The tensors of a network by PyTorch's names, in PyTorch's order: what checkpoints, digests and weight files are made
//! of.
//!
//! A name is the path of fields to a tensor, as in `layer2.0.downsample.0.weight`, and the models here name and order
//! their fields so that the list of tensors is PyTorch's `state_dict()`, without the batch counters
//! `num_batches_tracked`, which only a batch norm without momentum reads. A field that would be a keyword of Rust ends in
//! an underscore, which its name lacks, and the variant of an enum has no part in a name. Files and their formats are left
//! to others.

use std::collections::{BTreeMap, BTreeSet};

use burn::module::{Module, ModuleMapper, ModuleVisitor, Param};
use burn::tensor::{DType, Tensor, TensorData, Transaction};
use thiserror::Error;

/// What becomes of a tensor in training.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TensorKind {
    /// Trained by the optimizer.
    Parameter,
    /// Kept by the forward pass: a running statistic of a batch norm.
    Buffer,
}

/// One tensor of a network, without its values.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TensorInfo {
    /// PyTorch's name.
    pub name: String,
    /// Parameter or buffer.
    pub kind: TensorKind,
    /// Extent of each dimension.
    pub shape: Vec<usize>,
}

/// One tensor of a network on the host.
#[derive(Debug, Clone)]
pub struct NamedTensor {
    /// PyTorch's name.
    pub name: String,
    /// Parameter or buffer.
    pub kind: TensorKind,
    /// Shape and values, always `f32`.
    pub data: TensorData,
}

/// Why weights do not fit a network.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum WeightError {
    /// The network has a tensor that was not given.
    #[error("the weights lack the tensor `{name}`")]
    Missing {
        /// PyTorch's name of the tensor.
        name: String,
    },
    /// A tensor was given that the network does not have.
    #[error("the network has no tensor `{name}`")]
    Unexpected {
        /// The name as it was given.
        name: String,
    },
    /// A tensor has another shape in the network.
    #[error("tensor `{name}`: expected shape {expected:?}, found {found:?}")]
    Shape {
        /// PyTorch's name of the tensor.
        name: String,
        /// Shape in the network.
        expected: Vec<usize>,
        /// Shape as it was given.
        found: Vec<usize>,
    },
    /// A tensor does not hold floating-point numbers.
    #[error("tensor `{name}`: expected floating-point numbers, found {found:?}")]
    Type {
        /// PyTorch's name of the tensor.
        name: String,
        /// Element type as it was given.
        found: DType,
    },
}

/// Names, kinds and shapes, in PyTorch's `state_dict()` order. Reads nothing from the device.
pub fn tensor_infos<M: Module>(module: &M) -> Vec<TensorInfo> {
    let mut visitor = InfoVisitor::default();
    module.visit(&mut visitor);
    visitor.infos
}

/// Every tensor with its values, in PyTorch's `state_dict()` order. Reads the device once.
pub fn tensors<M: Module>(module: &M) -> Vec<NamedTensor> {
    let mut visitor = ValueVisitor { reads: Some(Transaction::default()) };
    module.visit(&mut visitor);
    let values = visitor.reads.map_or_else(Vec::new, Transaction::execute);
    let named = tensor_infos(module).into_iter().zip(values);
    named.map(|(info, data)| NamedTensor { name: info.name, kind: info.kind, data: data.convert::<f32>() }).collect()
}

/// Number of trained values: the buffers, which burn's `num_params` includes, do not count.
pub fn parameter_count<M: Module>(module: &M) -> usize {
    let infos = tensor_infos(module);
    let parameters = infos.iter().filter(|info| info.kind == TensorKind::Parameter);
    parameters.map(|info| info.shape.iter().product::<usize>()).sum()
}

/// Gives every tensor of the network the values that `weights` has under its name, as `f32`, on the device where the
/// network is.
///
/// What required gradients before does so afterwards, and nothing else. The buffers of clones change, too, because burn
/// shares them.
///
/// # Errors
///
/// When a tensor is missing, unexpected, of another shape or not of floating point; then the network is as it was.
pub fn load<M: Module>(module: M, weights: &BTreeMap<String, TensorData>) -> Result<M, WeightError> {
    check(&tensor_infos(&module), weights)?;
    Ok(set_values(module, weights.clone()))
}

/// Like [`load`], without its check: a tensor that `values` lacks stays as it is. Values are moved, not copied, where they
/// are `f32` already.
pub(crate) fn set_values<M: Module>(module: M, values: BTreeMap<String, TensorData>) -> M {
    module.map(&mut LoadMapper { path: Vec::new(), values })
}

/// The part of a name that a field is: none for the variant of an enum.
fn name_part(field: &str, container: &str) -> Option<String> {
    (!container.starts_with("Enum:")).then(|| field.trim_end_matches('_').to_string())
}

fn join(parts: impl Iterator<Item = Option<String>>) -> String {
    parts.flatten().collect::<Vec<_>>().join(".")
}

fn check(infos: &[TensorInfo], weights: &BTreeMap<String, TensorData>) -> Result<(), WeightError> {
    for TensorInfo { name, shape, .. } in infos {
        let data = weights.get(name).ok_or_else(|| WeightError::Missing { name: name.clone() })?;
        if data.shape().as_slice() != shape {
            let (expected, found) = (shape.clone(), data.shape().to_vec());
            return Err(WeightError::Shape { name: name.clone(), expected, found });
        }
        if !data.dtype().is_float() {
            return Err(WeightError::Type { name: name.clone(), found: data.dtype() });
        }
    }
    let known: BTreeSet<&str> = infos.iter().map(|info| info.name.as_str()).collect();
    match weights.keys().find(|name| !known.contains(name.as_str())) {
        Some(name) => Err(WeightError::Unexpected { name: name.clone() }),
        None => Ok(()),
    }
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
    values: BTreeMap<String, TensorData>,
}

impl ModuleMapper for LoadMapper {
    fn enter_module(&mut self, name: &str, container: &str) {
        self.path.push(name_part(name, container));
    }

    fn exit_module(&mut self, _name: &str, _container: &str) {
        self.path.pop();
    }

    fn map_float<const D: usize>(&mut self, param: Param<Tensor<D>>) -> Param<Tensor<D>> {
        let Some(data) = self.values.remove(&join(self.path.iter().cloned())) else { return param };
        param.map(|old| {
            let requires_grad = old.is_require_grad();
            let new = Tensor::from_data(data.convert::<f32>(), &old.device());
            if requires_grad { new.require_grad() } else { new }
        })
    }
}
