//! What is known of a network's tensors without a tensor library: names, kinds and shapes in the order of PyTorch's
//! `state_dict()`, and how a new one is filled.
//!
//! The batch counters `num_batches_tracked`, which only a batch norm without momentum reads, are left out.

use std::collections::BTreeSet;

use rand::Rng;
use rand_distr::{Distribution, StandardNormal, StandardUniform};
use thiserror::Error;

use crate::{HostTensor, NamedTensors};

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

/// Why weights do not fit a network.
#[allow(missing_docs, reason = "a field's name says it")]
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum WeightError {
    /// The network has a tensor that was not given.
    #[error("the weights lack the tensor `{name}`")]
    Missing { name: String },
    /// A tensor was given that the network does not have.
    #[error("the network has no tensor `{name}`")]
    Unexpected { name: String },
    /// A tensor has another shape in the network.
    #[error("tensor `{name}`: expected shape {expected:?}, found {found:?}")]
    Shape { name: String, expected: Vec<usize>, found: Vec<usize> },
}

impl TensorInfo {
    /// A tensor that the optimizer trains.
    pub fn parameter(name: impl Into<String>, shape: impl Into<Vec<usize>>) -> Self {
        Self { name: name.into(), kind: TensorKind::Parameter, shape: shape.into() }
    }

    /// A tensor that the forward pass keeps.
    pub fn buffer(name: impl Into<String>, shape: impl Into<Vec<usize>>) -> Self {
        Self { name: name.into(), kind: TensorKind::Buffer, shape: shape.into() }
    }

    /// Number of values.
    pub fn elements(&self) -> usize {
        self.shape.iter().product()
    }

    /// Whether values of this shape are those of the tensor.
    pub(crate) fn check_shape(&self, found: &[usize]) -> Result<(), WeightError> {
        if self.shape == found {
            return Ok(());
        }
        Err(WeightError::Shape { name: self.name.clone(), expected: self.shape.clone(), found: found.to_vec() })
    }
}

/// For each tensor its place in PyTorch's `parameters()`, from 0; none for a buffer. It keys what is drawn for a parameter.
pub fn parameter_numbers(tensors: &[TensorInfo]) -> Vec<Option<usize>> {
    let mut next = 0..;
    tensors.iter().map(|info| (info.kind == TensorKind::Parameter).then(|| next.next()).flatten()).collect()
}

/// Number of trained values: buffers do not count.
pub fn parameter_count(tensors: &[TensorInfo]) -> usize {
    tensors.iter().filter(|info| info.kind == TensorKind::Parameter).map(TensorInfo::elements).sum()
}

/// Checks that there are values for every tensor and for nothing else.
///
/// # Errors
///
/// The first tensor that is missing, unexpected, or of another shape.
pub fn check_values(tensors: &[TensorInfo], values: &NamedTensors) -> Result<(), WeightError> {
    for info in tensors {
        let found = values.get(&info.name).ok_or_else(|| WeightError::Missing { name: info.name.clone() })?;
        info.check_shape(&found.shape)?;
    }
    let known: BTreeSet<&str> = tensors.iter().map(|info| info.name.as_str()).collect();
    match values.keys().find(|name| !known.contains(name.as_str())) {
        Some(name) => Err(WeightError::Unexpected { name: name.clone() }),
        None => Ok(()),
    }
}

/// The distribution of a new tensor's values.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) enum Initial {
    /// All alike; nothing is drawn.
    Constant(f32),
    /// Uniform from minus to plus the bound.
    Uniform { bound: f32 },
    /// Normal around zero, but for a row that is zero whatever was drawn for it.
    Normal { deviation: f32, zero_row: Option<usize> },
}

impl Initial {
    /// The values of a new tensor. The stream is asked for only if something is drawn.
    pub(crate) fn values<R: Rng>(self, info: &TensorInfo, stream: impl FnOnce() -> R) -> HostTensor {
        let count = info.elements();
        let values = match self {
            Self::Constant(value) => vec![value; count],
            Self::Uniform { bound } => {
                let mut rng = stream();
                let draw = |_| bound * (2.0 * Distribution::<f32>::sample(&StandardUniform, &mut rng) - 1.0);
                (0..count).map(draw).collect()
            }
            Self::Normal { deviation, zero_row } => {
                let mut rng = stream();
                let draw = |_| deviation * Distribution::<f32>::sample(&StandardNormal, &mut rng);
                let mut values: Vec<f32> = (0..count).map(draw).collect();
                let width = info.shape.last().copied().unwrap_or(1);
                if let Some(row) = zero_row.and_then(|row| values.chunks_mut(width).nth(row)) {
                    row.fill(0.0);
                }
                values
            }
        };
        HostTensor { shape: info.shape.clone(), values }
    }
}
