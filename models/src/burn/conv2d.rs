//! The convolution of residual networks, with PyTorch's names and layout.

use aees_run::settings::Precision;
use burn::module::{Module, Param};
use burn::tensor::Tensor;
use burn::tensor::module::conv2d;
use burn::tensor::ops::ConvOptions;

use super::products::{factor, product};

/// A square convolution without bias, padded so that stride 1 keeps the image size.
#[derive(Module, Debug)]
pub struct Conv2d {
    /// `[out, in, kernel, kernel]`.
    pub weight: Param<Tensor<4>>,
    /// Step of the kernel in both directions.
    pub stride: usize,
    /// In which it multiplies.
    #[module(skip)]
    pub precision: Precision,
}

impl Conv2d {
    /// From `[batch, in, height, width]` to `[batch, out, height / stride, width / stride]`.
    pub fn forward(&self, x: Tensor<4>) -> Tensor<4> {
        let weight = self.weight.val();
        let [_, _, kernel, _] = weight.dims();
        let padding = kernel / 2; // 1 for 3x3, 0 for 1x1
        let options = ConvOptions::new([self.stride; 2], [padding; 2], [1; 2], 1);
        let [x, weight] = [x, weight].map(|it| factor(it, self.precision));
        product(conv2d(x, weight, None, options), self.precision)
    }
}
