//! ResNet-18 for 32x32 images: torchvision's ResNet-18 with a 3x3 first convolution of stride 1 and no max-pool.
//!
//! He, Zhang, Ren and Sun, "Deep Residual Learning for Image Recognition", 2015, <https://arxiv.org/abs/1512.03385>;
//! the layers, their names and their initial distributions are those of `torchvision.models.resnet18`, with `conv1`
//! replaced after the initialisation, as CIFAR recipes do. In the paper's words: one convolution, four stages of two
//! basic blocks at one, two, four and eight times the base width, a global average, one linear layer.
//!
//! This file has the shape of the network, its tensors and how new ones are distributed; a library's module stands with
//! that library.

use crate::TensorInfo;
use crate::tensor_info::Initial;

/// Channels of the input images.
pub(crate) const IMAGE_CHANNELS: usize = 3;

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
    pub(crate) fn stages(&self) -> [(usize, usize, usize); 4] {
        let width = self.base_width;
        let [two, four, eight] = [2, 4, 8].map(|times| width.saturating_mul(times));
        [(width, width, 1), (width, two, 2), (two, four, 2), (four, eight, 2)]
    }

    /// Numbers in all parameters and running statistics, for widths that need not fit anywhere.
    pub fn parameter_count(&self) -> f64 {
        let conv = |kernel: f64, inputs: f64, outputs: f64| kernel * kernel * inputs * outputs + 4.0 * outputs;
        let width = self.base_width as f64;
        let mut total = conv(3.0, IMAGE_CHANNELS as f64, width);
        let mut inputs = width;
        for stage in [1.0, 2.0, 4.0, 8.0] {
            let outputs = stage * width;
            total += conv(3.0, inputs, outputs) + 3.0 * conv(3.0, outputs, outputs);
            total += if stage > 1.0 { conv(1.0, inputs, outputs) } else { 0.0 };
            inputs = outputs;
        }
        total + (8.0 * width + 1.0) * self.classes as f64
    }

    /// Numbers that the forward pass of an image leaves for the backward pass, at least: the results of the convolutions.
    pub fn activation_count(&self, image_size: usize) -> f64 {
        let (width, side) = (self.base_width as f64, image_size as f64);
        // 5 maps in the first stage, 5 of half the numbers in the second, and so on.
        width * side * side * 5.0 * (1.0 + 0.5 + 0.25 + 0.125)
    }

    /// Multiply-adds of the convolutions and the linear layer in the forward pass of one `image_size` x `image_size`
    /// image.
    ///
    /// 555,468,800 for the default configuration and 32x32 images; twice that in FLOPs.
    pub fn multiply_adds(&self, image_size: usize) -> u64 {
        let conv = |size: usize, kernel: usize, inputs: usize, outputs: usize| {
            (size.pow(2) as u64 * kernel.pow(2) as u64).saturating_mul(inputs as u64).saturating_mul(outputs as u64)
        };
        let mut size = image_size;
        let mut total = conv(size, 3, IMAGE_CHANNELS, self.base_width);
        for (inputs, outputs, stride) in self.stages() {
            size = size.div_ceil(stride);
            let inner = conv(size, 3, outputs, outputs).saturating_mul(3);
            total = total.saturating_add(conv(size, 3, inputs, outputs)).saturating_add(inner);
            if stride != 1 {
                total = total.saturating_add(conv(size, 1, inputs, outputs));
            }
        }
        total.saturating_add((8 * self.classes as u64).saturating_mul(self.base_width as u64))
    }
}

// ------------------------------------------------------------------------------------------------------------- tensors

impl ResNet18Config {
    /// Names, kinds and shapes of the network's tensors, in PyTorch's `state_dict()` order.
    pub fn tensors(&self) -> Vec<TensorInfo> {
        let mut tensors = Vec::new();
        let mut conv_and_norm = |conv: String, norm: String, inputs: usize, outputs: usize, kernel: usize| {
            tensors.push(TensorInfo::parameter(format!("{conv}.weight"), [outputs, inputs, kernel, kernel]));
            tensors.extend(["weight", "bias"].map(|part| TensorInfo::parameter(format!("{norm}.{part}"), [outputs])));
            let running = ["running_mean", "running_var"];
            tensors.extend(running.map(|part| TensorInfo::buffer(format!("{norm}.{part}"), [outputs])));
        };
        conv_and_norm("conv1".into(), "bn1".into(), IMAGE_CHANNELS, self.base_width, 3);
        for (stage, (inputs, outputs, stride)) in self.stages().into_iter().enumerate() {
            for (block, inputs, stride) in [(0, inputs, stride), (1, outputs, 1)] {
                let name = |part: &str| format!("layer{}.{block}.{part}", stage + 1);
                conv_and_norm(name("conv1"), name("bn1"), inputs, outputs, 3);
                conv_and_norm(name("conv2"), name("bn2"), outputs, outputs, 3);
                if changes_shape(inputs, outputs, stride) {
                    conv_and_norm(name("downsample.0"), name("downsample.1"), inputs, outputs, 1);
                }
            }
        }
        tensors.push(TensorInfo::parameter("fc.weight", [self.classes, 8 * self.base_width]));
        tensors.push(TensorInfo::parameter("fc.bias", [self.classes]));
        tensors
    }

    /// PyTorch's defaults for the first convolution, which CIFAR recipes replace after torchvision has initialised it,
    /// and for the linear layer: uniform within 1/sqrt(fan in). He's normal distribution by the fan out for the other
    /// convolutions, so that the variance of gradients is kept through the ReLUs. Batch norms are the identity.
    pub(crate) fn initial(&self, info: &TensorInfo) -> Initial {
        let by_fan_in = |inputs: usize| Initial::Uniform { bound: 1.0 / (inputs as f32).sqrt() };
        match (info.name.as_str(), info.shape.as_slice()) {
            ("conv1.weight", _) => by_fan_in(IMAGE_CHANNELS * 3 * 3),
            ("fc.weight" | "fc.bias", _) => by_fan_in(8 * self.base_width),
            (_, &[outputs, _, kernel, _]) => {
                Initial::Normal { deviation: (2.0 / (kernel * kernel * outputs) as f32).sqrt(), zero_row: None }
            }
            (name, _) if name.ends_with("weight") || name.ends_with("running_var") => Initial::Constant(1.0),
            _ => Initial::Constant(0.0),
        }
    }
}

/// Whether a block's shortcut needs a convolution.
pub(crate) fn changes_shape(inputs: usize, outputs: usize, stride: usize) -> bool {
    stride != 1 || inputs != outputs
}
