//! The layers that several networks share, with PyTorch's names and layouts.

use tch::Tensor;

use super::tensors::NetworkTensors;
use crate::WeightError;

/// An affine layer.
#[derive(Debug)]
pub(crate) struct Linear {
    /// `[out, in]`.
    weight: Tensor,
    /// `[out]`.
    bias: Tensor,
}

impl Linear {
    /// The layer whose tensors have this name.
    pub(crate) fn of(tensors: &NetworkTensors, name: &str) -> Result<Self, WeightError> {
        let [weight, bias] = weight_and_bias(tensors, name)?;
        Ok(Self { weight, bias })
    }

    /// From `[rows, in]` to `[rows, out]`.
    pub(crate) fn forward(&self, x: &Tensor) -> Tensor {
        x.linear(&self.weight, Some(&self.bias))
    }
}

/// Layer normalisation over the last dimension.
#[derive(Debug)]
pub(crate) struct LayerNorm {
    /// `[width]`.
    weight: Tensor,
    /// `[width]`.
    bias: Tensor,
    epsilon: f64,
}

impl LayerNorm {
    /// The layer whose tensors have this name.
    pub(crate) fn of(tensors: &NetworkTensors, name: &str, epsilon: f64) -> Result<Self, WeightError> {
        let [weight, bias] = weight_and_bias(tensors, name)?;
        Ok(Self { weight, bias, epsilon })
    }

    /// Input and output are `[rows, width]`.
    pub(crate) fn forward(&self, x: &Tensor) -> Tensor {
        x.layer_norm(self.weight.size(), Some(&self.weight), Some(&self.bias), self.epsilon, true)
    }
}

/// Rows of `x`, `[entries, width]`, by their numbers. Its gradient is faster than that of `index_select`.
pub(crate) fn rows(x: &Tensor, numbers: &Tensor) -> Tensor {
    Tensor::embedding(x, numbers, -1, false, false)
}

fn weight_and_bias(tensors: &NetworkTensors, name: &str) -> Result<[Tensor; 2], WeightError> {
    Ok([tensors.get(&format!("{name}.weight"))?, tensors.get(&format!("{name}.bias"))?])
}
