//! Batch normalisation of images with PyTorch's running statistics.
//!
//! burn's own `BatchNorm` keeps the biased variance of a batch in its running estimate; PyTorch keeps the unbiased one,
//! n/(n-1) times as large for n = batch * height * width, and normalises by the biased one. At 4x4 images and batch 128
//! that is 0.05 %, small enough to pass unseen and large enough to break parity. The fields have PyTorch's names, too.
//!
//! Ioffe and Szegedy, "Batch Normalization", 2015, <https://arxiv.org/abs/1502.03167>.

use aees_run::settings::Precision;
use burn::module::{Module, Param, RunningState};
use burn::tensor::activation::relu;
use burn::tensor::module::{batch_norm, batch_norm_train};
use burn::tensor::{Device, Tensor};

use super::conv2d::Conv2d;
use super::flex_ops::{Input, NormalizedConvolution, reuse};

/// Weight of the newest batch in the running statistics, PyTorch's default.
const MOMENTUM: f64 = 0.1;

/// Added to the variance before the square root, PyTorch's default.
const EPSILON: f64 = 1e-5;

/// Normalises each channel of `[batch, channels, height, width]`, then scales and shifts it.
///
/// On an autodiff device it trains: it normalises by the statistics of the batch and moves the running ones. On any
/// other device, such as the one of `model.valid()`, it normalises by the running statistics and changes nothing.
/// Clones share the running statistics until `valid()` separates them, because burn's [`RunningState`] does.
#[derive(Module, Debug)]
pub struct BatchNorm {
    /// Scale of each channel, gamma in the paper: `[channels]`.
    pub weight: Param<Tensor<1>>,
    /// Shift of each channel, beta in the paper: `[channels]`.
    pub bias: Param<Tensor<1>>,
    /// Moving average of the batch means: `[channels]`.
    pub running_mean: RunningState<Tensor<1>>,
    /// Moving average of the unbiased batch variances: `[channels]`.
    pub running_var: RunningState<Tensor<1>>,
}

impl BatchNorm {
    /// The identity, up to epsilon: weight 1, bias 0, running mean 0, running variance 1.
    pub fn new(channels: usize, device: &Device) -> Self {
        Self {
            weight: Param::from_tensor(Tensor::ones([channels], device)),
            bias: Param::from_tensor(Tensor::zeros([channels], device)),
            running_mean: RunningState::new(Tensor::zeros([channels], device)),
            running_var: RunningState::new(Tensor::ones([channels], device)),
        }
    }

    /// Input and output are `[batch, channels, height, width]`.
    pub fn forward(&self, input: Tensor<4>) -> Tensor<4> {
        let (weight, bias) = (self.weight.val(), self.bias.val());
        if input.device().is_autodiff() {
            let values = values_of_a_channel(&input);
            let result = batch_norm_train(input, weight, bias, EPSILON);
            self.average_in(result.mean, result.variance, values);
            return result.output;
        }
        batch_norm(input, weight, bias, self.running_mean.value(), self.running_var.value(), EPSILON)
    }

    /// The normalisation of a convolution of `x`, then the sum with the shortcut and ReLU, where they follow. On the CPU all of it
    /// is one operation.
    pub(super) fn after(&self, conv: &Conv2d, x: impl Into<Input>, then: Then) -> Tensor<4> {
        let x = x.into();
        let (kernel, weight, bias) = (conv.weight.val(), self.weight.val(), self.bias.val());
        let shortcut = match &then {
            Then::SumAndRelu(shortcut) => Some(&**shortcut),
            Then::Relu | Then::Nothing => None,
        };
        let with_relu = !matches!(then, Then::Nothing);
        let (stride, epsilon) = (conv.stride, EPSILON as f32);
        let fused = NormalizedConvolution {
            kernel: &kernel,
            stride,
            weight: &weight,
            bias: &bias,
            epsilon,
            shortcut,
            relu: with_relu,
        };
        let is_f32 = conv.precision != Precision::Bf16;
        if x.images.device().is_autodiff() {
            if is_f32 && let Some((output, mean, variance)) = fused.train(&x) {
                self.average_in(mean, variance, values_of_a_channel(&output));
                return output;
            }
        } else if is_f32
            && let Some(output) = fused.evaluate(&x.images, &self.running_mean.value(), &self.running_var.value())
        {
            reuse(x.images);
            if let Then::SumAndRelu(shortcut) = then {
                reuse(shortcut.images);
            }
            return output;
        }
        let output = self.forward(conv.forward(x.images));
        match then {
            Then::Nothing => output,
            Then::Relu => relu(output),
            Then::SumAndRelu(shortcut) => relu(output + shortcut.images),
        }
    }

    /// Moves the running statistics towards those of a batch with so many values of each channel.
    fn average_in(&self, mean: Tensor<1>, variance: Tensor<1>, values: usize) {
        // One value a channel has no unbiased variance. PyTorch refuses it; here its variance, 0, is taken as it is.
        let n = values as f64;
        average_in(&self.running_mean, mean, 1.0);
        average_in(&self.running_var, variance, n / (n - 1.0).max(1.0));
    }
}

fn values_of_a_channel(images: &Tensor<4>) -> usize {
    let [batch, _, height, width] = images.dims();
    batch * height * width
}

/// What follows a normalisation.
#[derive(Debug)]
pub(super) enum Then {
    /// Nothing.
    Nothing,
    /// ReLU.
    Relu,
    /// The sum with a shortcut, then ReLU.
    SumAndRelu(Box<Input>),
}

/// Moves `running` by [`MOMENTUM`] towards `factor * batch`.
fn average_in(running: &RunningState<Tensor<1>>, batch: Tensor<1>, factor: f64) {
    let kept = running.value().mul_scalar(1.0 - MOMENTUM);
    running.update(kept.add(batch.detach().mul_scalar(MOMENTUM * factor)).detach());
    // An update waits until the next read of this kind, and a visit of the module does not read: without this line a
    // checkpoint would be one step behind.
    running.value_sync();
}

#[cfg(test)]
#[path = "batch_norm_tests.rs"]
mod tests;
