//! The layers that several networks share, with PyTorch's names and layouts.

use aees_run::settings::Precision;
use burn::module::{Module, Param};
use burn::tensor::{Int, Tensor, module};

use super::flex_ops;
use super::products::matmul;

/// An affine layer with its weight as PyTorch stores it, the transpose of burn's.
#[derive(Module, Debug)]
pub struct Linear {
    /// `[out, in]`.
    pub weight: Param<Tensor<2>>,
    /// `[out]`.
    pub bias: Param<Tensor<1>>,
    /// In which it multiplies.
    #[module(skip)]
    pub precision: Precision,
}

impl Linear {
    /// From `[rows, in]` to `[rows, out]`.
    pub fn forward(&self, x: Tensor<2>) -> Tensor<2> {
        let (weight, bias) = (self.weight.val(), self.bias.val());
        if self.precision == Precision::Bf16 {
            return matmul(x, weight.transpose(), self.precision) + bias.unsqueeze();
        }
        flex_ops::linear(&x, &weight, &bias).unwrap_or_else(|| module::linear(x, weight.transpose(), Some(bias)))
    }
}

/// Layer normalisation over the last dimension.
///
/// Ba, Kiros and Hinton, "Layer Normalization", 2016, <https://arxiv.org/abs/1607.06450>.
#[derive(Module, Debug)]
pub struct LayerNorm {
    /// Scale of each column: `[width]`.
    pub weight: Param<Tensor<1>>,
    /// Shift of each column: `[width]`.
    pub bias: Param<Tensor<1>>,
    /// Added to the variance before the square root.
    pub epsilon: f64,
}

impl LayerNorm {
    /// Input and output are `[rows, width]`.
    pub fn forward(&self, x: Tensor<2>) -> Tensor<2> {
        module::layer_norm(x, self.weight.val(), Some(self.bias.val()), self.epsilon)
    }
}

/// A table of vectors.
#[derive(Module, Debug)]
pub struct Embedding {
    /// `[entries, width]`.
    pub weight: Param<Tensor<2>>,
}

impl Embedding {
    /// From numbers of entries `[rows]` to their vectors `[rows, width]`. A large table is used once in a pass on the CPU: its gradient is a
    /// [`crate::RowGradient`] there, and two of them have no sum.
    pub fn forward(&self, entries: Tensor<1, Int>) -> Tensor<2> {
        let weight = self.weight.val();
        flex_ops::embedding(&weight, &entries).unwrap_or_else(|| weight.select(0, entries))
    }
}
