//! Tensors on the host, by name: what weight files, checkpoints and first parameters are made of.

use std::collections::BTreeMap;

/// A tensor of single precision in host memory.
#[derive(Clone, Debug, PartialEq)]
pub struct HostTensor {
    /// Its shape, outermost dimension first.
    pub shape: Vec<usize>,
    /// Its values, row by row.
    pub values: Vec<f32>,
}

/// Tensors by PyTorch's names.
pub type NamedTensors = BTreeMap<String, HostTensor>;
