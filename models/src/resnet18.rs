//! ResNet-18 for 32x32 images: torchvision's ResNet-18 with a 3x3 first convolution of stride 1 and no max-pool.
//!
//! He, Zhang, Ren and Sun, "Deep Residual Learning for Image Recognition", 2015, <https://arxiv.org/abs/1512.03385>;
//! the layers, their names and their initial distributions are those of `torchvision.models.resnet18`, with `conv1`
//! replaced after the initialisation, as CIFAR recipes do. In the paper's words: one convolution, four stages of two
//! basic blocks at one, two, four and eight times the base width, a global average, one linear layer.
//!
//! The network trains on an autodiff device and evaluates on any other; see [`BatchNorm`].

use burn::module::{Module, Param};
use burn::tensor::activation::relu;
use burn::tensor::module::{adaptive_avg_pool2d, conv2d};
use burn::tensor::ops::ConvOptions;
use burn::tensor::{Device, Tensor, TensorData};
use rand::Rng;
use rand_distr::{Distribution, StandardNormal, StandardUniform};

use crate::{BatchNorm, Linear};

// -------------------------------------------------------------------------------------------------------------- config

/// Channels of the input images.
const IMAGE_CHANNELS: usize = 3;

/// The shape of the network.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ResNet18Config {
    /// Channels of the first stage; the others have two, four and eight times as many. 64 in the paper.
    pub base_width: usize,
    /// Length of the logits.
    pub classes: usize,
}

impl Default for ResNet18Config {
    /// The paper's width, for CIFAR-100.
    fn default() -> Self {
        Self { base_width: 64, classes: 100 }
    }
}

impl ResNet18Config {
    /// Input channels, output channels and first stride of each stage.
    fn stages(&self) -> [(usize, usize, usize); 4] {
        let width = self.base_width;
        [(width, width, 1), (width, 2 * width, 2), (2 * width, 4 * width, 2), (4 * width, 8 * width, 2)]
    }

    /// Multiply-adds of the convolutions and the linear layer in the forward pass of one `image_size` x `image_size`
    /// image.
    ///
    /// 555,468,800 for the default configuration and 32x32 images; twice that in FLOPs.
    pub fn multiply_adds(&self, image_size: usize) -> u64 {
        let conv = |size: usize, kernel: usize, inputs: usize, outputs: usize| {
            size.pow(2) as u64 * kernel.pow(2) as u64 * inputs as u64 * outputs as u64
        };
        let mut size = image_size;
        let mut total = conv(size, 3, IMAGE_CHANNELS, self.base_width);
        for (inputs, outputs, stride) in self.stages() {
            size = size.div_ceil(stride);
            total += conv(size, 3, inputs, outputs) + 3 * conv(size, 3, outputs, outputs);
            if stride != 1 {
                total += conv(size, 1, inputs, outputs);
            }
        }
        total + 8 * self.base_width as u64 * self.classes as u64
    }
}

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

/// A square convolution without bias, padded so that stride 1 keeps the image size.
#[derive(Module, Debug)]
pub struct Conv2d {
    /// `[out, in, kernel, kernel]`.
    pub weight: Param<Tensor<4>>,
    /// Step of the kernel in both directions.
    pub stride: usize,
}

// ---------------------------------------------------------------------------------------------------------------- init

impl ResNet18Config {
    /// A network with initial values drawn as PyTorch draws them.
    ///
    /// `stream(i)` is the generator of the values of parameter `i`, counted in the order of PyTorch's `parameters()`;
    /// the parameters of batch norms are constants and draw nothing. Values depend on the streams and on nothing else.
    pub fn init<R: Rng>(&self, stream: impl FnMut(usize) -> R, device: &Device) -> ResNet18 {
        let mut draw = Draw { stream, next: 0, device };
        let [stage1, stage2, stage3, stage4] = self.stages();
        // In the order of the fields: it numbers the parameters.
        ResNet18 {
            conv1: draw.first_conv(self.base_width),
            bn1: draw.batch_norm(self.base_width),
            layer1: draw.stage(stage1),
            layer2: draw.stage(stage2),
            layer3: draw.stage(stage3),
            layer4: draw.stage(stage4),
            fc: draw.linear(8 * self.base_width, self.classes),
        }
    }
}

/// Draws layers one after the other and numbers their parameters.
struct Draw<'a, F> {
    stream: F,
    next: usize,
    device: &'a Device,
}

impl<R: Rng, F: FnMut(usize) -> R> Draw<'_, F> {
    /// PyTorch's default for convolutions, uniform within 1/sqrt(fan in): CIFAR recipes replace the first one after
    /// torchvision has initialised it.
    fn first_conv(&mut self, outputs: usize) -> Conv2d {
        let bound = 1.0 / ((IMAGE_CHANNELS * 3 * 3) as f32).sqrt();
        Conv2d { weight: self.uniform([outputs, IMAGE_CHANNELS, 3, 3], bound), stride: 1 }
    }

    /// He's normal distribution by the fan out, as in torchvision: the variance of gradients is kept through the ReLUs.
    fn conv(&mut self, inputs: usize, outputs: usize, kernel: usize, stride: usize) -> Conv2d {
        let deviation = (2.0 / (kernel * kernel * outputs) as f32).sqrt();
        Conv2d { weight: self.normal([outputs, inputs, kernel, kernel], deviation), stride }
    }

    fn batch_norm(&mut self, channels: usize) -> BatchNorm {
        self.next += 2;
        BatchNorm::new(channels, self.device)
    }

    /// PyTorch's default, uniform within 1/sqrt(fan in), for the weight and the bias.
    fn linear(&mut self, inputs: usize, outputs: usize) -> Linear {
        let bound = 1.0 / (inputs as f32).sqrt();
        Linear { weight: self.uniform([outputs, inputs], bound), bias: self.uniform([outputs], bound) }
    }

    fn stage(&mut self, (inputs, outputs, stride): (usize, usize, usize)) -> [BasicBlock; 2] {
        [self.block(inputs, outputs, stride), self.block(outputs, outputs, 1)]
    }

    fn block(&mut self, inputs: usize, outputs: usize, stride: usize) -> BasicBlock {
        let changes_shape = stride != 1 || inputs != outputs;
        BasicBlock {
            conv1: self.conv(inputs, outputs, 3, stride),
            bn1: self.batch_norm(outputs),
            conv2: self.conv(outputs, outputs, 3, 1),
            bn2: self.batch_norm(outputs),
            downsample: changes_shape.then(|| (self.conv(inputs, outputs, 1, stride), self.batch_norm(outputs))),
        }
    }

    fn normal<const D: usize>(&mut self, shape: [usize; D], deviation: f32) -> Param<Tensor<D>> {
        self.parameter(shape, |rng| {
            let normal: f32 = StandardNormal.sample(rng);
            deviation * normal
        })
    }

    fn uniform<const D: usize>(&mut self, shape: [usize; D], bound: f32) -> Param<Tensor<D>> {
        self.parameter(shape, |rng| {
            let unit: f32 = StandardUniform.sample(rng);
            bound * (2.0 * unit - 1.0)
        })
    }

    fn parameter<const D: usize>(&mut self, shape: [usize; D], value: impl Fn(&mut R) -> f32) -> Param<Tensor<D>> {
        let mut rng = (self.stream)(self.next);
        self.next += 1;
        let values: Vec<f32> = (0..shape.iter().product()).map(|_| value(&mut rng)).collect();
        Param::from_data(TensorData::new(values, shape), self.device)
    }
}

// ------------------------------------------------------------------------------------------------------------- forward

impl ResNet18 {
    /// From images `[batch, 3, height, width]` to logits `[batch, classes]`. The images are on the
    /// network's device. Sizes below are those of a 32x32 image and base width w.
    pub fn forward(&self, images: Tensor<4>) -> Tensor<2> {
        let x = self.conv1.forward(images); // [batch, w, 32, 32]
        let x = relu(self.bn1.forward(x));
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
        let shortcut = match &self.downsample {
            Some((conv, bn)) => bn.forward(conv.forward(x.clone())),
            None => x.clone(),
        };
        let x = relu(self.bn1.forward(self.conv1.forward(x)));
        let x = self.bn2.forward(self.conv2.forward(x));
        relu(x + shortcut)
    }
}

impl Conv2d {
    /// From `[batch, in, height, width]` to `[batch, out, height / stride, width / stride]`.
    pub fn forward(&self, x: Tensor<4>) -> Tensor<4> {
        let weight = self.weight.val();
        let [_, _, kernel, _] = weight.dims();
        let padding = kernel / 2; // 1 for 3x3, 0 for 1x1
        conv2d(x, weight, None, ConvOptions::new([self.stride; 2], [padding; 2], [1; 2], 1))
    }
}
