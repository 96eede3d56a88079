//! ResNet-18 in burn. The configuration, the tensors and their first values are in [`crate::ResNet18Config`].
//!
//! The network trains on an autodiff device and evaluates on any other; see [`BatchNorm`].

use aees_run::settings::Precision;
use burn::module::Module;
use burn::tensor::module::adaptive_avg_pool2d;
use burn::tensor::{Device, Tensor};

use super::batch_norm::{BatchNorm, Then};
use super::conv2d::Conv2d;
use super::flex_ops::{Input, SharedGradient};
use super::layers::Linear;
use super::named_tensors::load;
use super::skeleton::Skeleton;
use crate::resnet18::{IMAGE_CHANNELS, changes_shape};
use crate::{NamedTensors, ResNet18Config, WeightError};

// -------------------------------------------------------------------------------------------------------------- module

/// The network. Fields have torchvision's names and order.
#[derive(Module, Debug)]
pub struct ResNet18 {
    /// 3x3, stride 1, from the image to the base width.
    pub conv1: Conv2d,
    /// Of the base width.
    pub bn1: BatchNorm,
    /// Base width, full resolution.
    pub layer1: [BasicBlock; 2],
    /// Twice the width, half the resolution.
    pub layer2: [BasicBlock; 2],
    /// Four times the width, a quarter of the resolution.
    pub layer3: [BasicBlock; 2],
    /// Eight times the width, an eighth of the resolution.
    pub layer4: [BasicBlock; 2],
    /// From eight times the width to the classes.
    pub fc: Linear,
}

/// Two 3x3 convolutions and a shortcut around them.
#[derive(Module, Debug)]
pub struct BasicBlock {
    /// Changes width and resolution, if the block does.
    pub conv1: Conv2d,
    /// After the first convolution.
    pub bn1: BatchNorm,
    /// Keeps width and resolution.
    pub conv2: Conv2d,
    /// After the second convolution.
    pub bn2: BatchNorm,
    /// The shortcut of a block that changes shape (option B of the paper); without it the shortcut is the identity.
    pub downsample: Option<(Conv2d, BatchNorm)>,
}

// ------------------------------------------------------------------------------------------------------------ skeleton

impl ResNet18 {
    /// The network on a device, with these values for its tensors. It multiplies in `precision`, which the device must support.
    ///
    /// # Errors
    ///
    /// When a tensor is missing, unexpected or of another shape.
    pub fn new(
        config: &ResNet18Config,
        values: NamedTensors,
        precision: Precision,
        device: &Device,
    ) -> Result<Self, WeightError> {
        let make = Skeleton { device, precision };
        let stages = config
            .stages()
            .map(|(inputs, outputs, stride)| [make.block(inputs, outputs, stride), make.block(outputs, outputs, 1)]);
        let [layer1, layer2, layer3, layer4] = stages;
        let skeleton = Self {
            conv1: make.conv(IMAGE_CHANNELS, config.base_width, 3, 1),
            bn1: BatchNorm::new(config.base_width, device),
            layer1,
            layer2,
            layer3,
            layer4,
            fc: make.linear(8 * config.base_width, config.classes),
        };
        load(skeleton, values)
    }
}

impl Skeleton<'_> {
    fn block(&self, inputs: usize, outputs: usize, stride: usize) -> BasicBlock {
        let downsample = changes_shape(inputs, outputs, stride)
            .then(|| (self.conv(inputs, outputs, 1, stride), BatchNorm::new(outputs, self.device)));
        BasicBlock {
            conv1: self.conv(inputs, outputs, 3, stride),
            bn1: BatchNorm::new(outputs, self.device),
            conv2: self.conv(outputs, outputs, 3, 1),
            bn2: BatchNorm::new(outputs, self.device),
            downsample,
        }
    }

    fn conv(&self, inputs: usize, outputs: usize, kernel: usize, stride: usize) -> Conv2d {
        Conv2d { weight: self.parameter([outputs, inputs, kernel, kernel]), stride, precision: self.precision }
    }
}

// ------------------------------------------------------------------------------------------------------------- forward

impl ResNet18 {
    /// From images `[batch, 3, height, width]` to logits `[batch, classes]`. The images are on the
    /// network's device. Sizes below are those of a 32x32 image and base width w.
    pub fn forward(&self, images: Tensor<4>) -> Tensor<2> {
        let x = self.bn1.after(&self.conv1, images, Then::Relu); // [batch, w, 32, 32]
        let x = stage(&self.layer1, x); // [batch, w, 32, 32]
        let x = stage(&self.layer2, x); // [batch, 2w, 16, 16]
        let x = stage(&self.layer3, x); // [batch, 4w, 8, 8]
        let x = stage(&self.layer4, x); // [batch, 8w, 4, 4]
        let x = adaptive_avg_pool2d(x, [1, 1]); // [batch, 8w, 1, 1]
        self.fc.forward(x.flatten(1, 3)) // [batch, classes]
    }
}

fn stage(blocks: &[BasicBlock], x: Tensor<4>) -> Tensor<4> {
    blocks.iter().fold(x, |x, block| block.forward(x))
}

impl BasicBlock {
    /// From `[batch, in, height, width]` to `[batch, out, height / stride, width / stride]`.
    pub fn forward(&self, x: Tensor<4>) -> Tensor<4> {
        let x = Input { images: x, shared: Some(SharedGradient::default()) };
        let shortcut = match &self.downsample {
            Some((conv, bn)) => bn.after(conv, x.clone(), Then::Nothing).into(),
            None => x.clone(),
        };
        let x = self.bn1.after(&self.conv1, x, Then::Relu);
        self.bn2.after(&self.conv2, x, Then::SumAndRelu(Box::new(shortcut)))
    }
}
