//! ResNet-18 in libtorch. The configuration, the tensors and their first values are in [`crate::ResNet18Config`].
//!
//! Images go through with their channels next to each other in memory, which is how oneDNN and cuDNN like them; every
//! operation keeps the order of its input.

use tch::{Kind, Tensor};

use super::layers::Linear;
use super::shim::{TorchError, channels_last};
use super::tensors::NetworkTensors;
use crate::resnet18::changes_shape;
use crate::{ResNet18Config, WeightError};

/// Weight of the newest batch in the running statistics, PyTorch's default.
const MOMENTUM: f64 = 0.1;

/// Added to the variance before the square root, PyTorch's default.
const EPSILON: f64 = 1e-5;

/// Fewer channels than oneDNN takes at a time: its gradient of a 1x1 kernel that skips pixels of so few writes past its memory
/// (its issue 6035).
const NARROW: i64 = 16;

// -------------------------------------------------------------------------------------------------------------- module

/// The network.
#[derive(Debug)]
pub struct ResNet18 {
    stem: Normalized,
    /// Four stages of two blocks.
    blocks: Vec<BasicBlock>,
    fc: Linear,
}

/// Two 3x3 convolutions and a shortcut around them.
#[derive(Debug)]
struct BasicBlock {
    first: Normalized,
    second: Normalized,
    /// The shortcut of a block that changes shape; without it the shortcut is the identity.
    downsample: Option<Normalized>,
}

/// A convolution without bias and the batch norm after it.
#[derive(Debug)]
struct Normalized {
    /// `[out, in, kernel, kernel]`.
    kernel: Tensor,
    stride: i64,
    /// Scale and shift of each channel, and the moving averages of mean and unbiased variance: `[out]` each.
    weight: Tensor,
    bias: Tensor,
    running_mean: Tensor,
    running_var: Tensor,
}

impl ResNet18 {
    /// The network over these tensors.
    ///
    /// # Errors
    /// When one is missing.
    pub fn new(config: &ResNet18Config, tensors: &NetworkTensors) -> Result<Self, WeightError> {
        let mut blocks = Vec::new();
        for (stage, (inputs, outputs, stride)) in config.stages().into_iter().enumerate() {
            for (block, inputs, stride) in [(0, inputs, stride), (1, outputs, 1)] {
                let name = |part: &str| format!("layer{}.{block}.{part}", stage + 1);
                let shortcut = changes_shape(inputs, outputs, stride);
                let stride = if stride == 1 { 1 } else { 2 };
                let downsample = || Normalized::of(tensors, &name("downsample.0"), &name("downsample.1"), stride);
                blocks.push(BasicBlock {
                    first: Normalized::of(tensors, &name("conv1"), &name("bn1"), stride)?,
                    second: Normalized::of(tensors, &name("conv2"), &name("bn2"), 1)?,
                    downsample: shortcut.then(downsample).transpose()?,
                });
            }
        }
        Ok(Self { stem: Normalized::of(tensors, "conv1", "bn1", 1)?, blocks, fc: Linear::of(tensors, "fc")? })
    }
}

impl Normalized {
    fn of(tensors: &NetworkTensors, conv: &str, norm: &str, stride: i64) -> Result<Self, WeightError> {
        let of_norm = |part: &str| tensors.get(&format!("{norm}.{part}"));
        Ok(Self {
            kernel: tensors.get(&format!("{conv}.weight"))?,
            stride,
            weight: of_norm("weight")?,
            bias: of_norm("bias")?,
            running_mean: of_norm("running_mean")?,
            running_var: of_norm("running_var")?,
        })
    }
}

// ------------------------------------------------------------------------------------------------------------- forward

impl ResNet18 {
    /// From images `[batch, 3, height, width]` to logits `[batch, classes]` of f32. In training, batch norms use the
    /// statistics of the batch and move the running ones. Sizes below are those of a 32x32 image and base width w.
    ///
    /// # Errors
    /// When there is no memory for the images in their new order.
    pub fn forward(&self, images: &Tensor, training: bool) -> Result<Tensor, TorchError> {
        let mut x = self.stem.forward(&channels_last(images)?, training).relu_(); // [batch, w, 32, 32]
        for block in &self.blocks {
            x = block.forward(x, training); // [batch, 8w, 4, 4] at the end
        }
        let x = x.mean_dim([2, 3].as_slice(), false, None); // [batch, 8w]
        Ok(self.fc.forward(&x).to_kind(Kind::Float)) // [batch, classes]
    }
}

impl BasicBlock {
    /// From `[batch, in, height, width]` to `[batch, out, height / stride, width / stride]`.
    fn forward(&self, x: Tensor, training: bool) -> Tensor {
        let mut inner = self.first.forward(&x, training);
        let mut sum = self.second.forward(&inner.relu_(), training);
        let shortcut = match &self.downsample {
            Some(downsample) => downsample.forward(&x, training),
            None => x,
        };
        // What a batch norm gave is not needed for its gradient: sum and ReLU take its place.
        sum.g_add_(&shortcut).relu_()
    }
}

impl Normalized {
    fn forward(&self, x: &Tensor, training: bool) -> Tensor {
        let size = self.kernel.size();
        let (channels, padding, mut stride) = (size[1], size[2] / 2, self.stride);
        let mut pixels = None;
        if padding == 0 && channels < NARROW {
            // What the kernel would skip is left out first.
            pixels = Some(x.slice(2, None, None, stride).slice(3, None, None, stride));
            stride = 1;
        }
        let x = pixels.as_ref().unwrap_or(x).conv2d(&self.kernel, None::<&Tensor>, stride, padding, 1, 1);
        x.batch_norm(
            Some(&self.weight),
            Some(&self.bias),
            Some(&self.running_mean),
            Some(&self.running_var),
            training,
            MOMENTUM,
            EPSILON,
            true,
        )
    }
}
