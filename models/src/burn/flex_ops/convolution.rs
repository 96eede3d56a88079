//! Convolutions of images that lie `[batch, height, width, channels]`, chosen by shape.
//!
//! 3x3 convolutions of stride 1 whose channels come in sixteens multiply transformed tiles ([`tiles`], [`winograd`]); all others
//! are products of gathered pixels ([`direct`]). Sums have one order, which the shapes decide: the same bits whatever the
//! number of threads.

mod direct;
mod gather;
mod product;
mod strip;
#[cfg(test)]
mod tests;
mod tiles;
mod winograd;

use super::memory;
use product::DEPTH;
use tiles::Tiles;
use winograd::{FourByFour, TwoByTwo};

/// A square convolution without bias, padded so that stride 1 keeps the image size.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Convolution {
    pub(super) batch: usize,
    /// Of the input.
    pub(super) height: usize,
    /// Of the input.
    pub(super) width: usize,
    pub(super) inputs: usize,
    pub(super) outputs: usize,
    /// Side of the kernel, odd.
    pub(super) kernel: usize,
    pub(super) stride: usize,
}

/// How a convolution is computed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum ConvolutionMethod {
    /// As products of gathered pixels.
    Direct,
    /// In tiles of 2x2 pixels.
    TwoByTwo,
    /// In tiles of 4x4 pixels.
    FourByFour,
}

impl Convolution {
    /// Height and width of the output.
    pub(super) fn output_size(&self) -> [usize; 2] {
        [self.height.div_ceil(self.stride), self.width.div_ceil(self.stride)]
    }

    /// The fastest method by a count of vector operations, with the measured cost of transforms.
    pub(super) fn method(&self) -> ConvolutionMethod {
        let [inputs, outputs] = [self.inputs, self.outputs].map(|channels| channels.div_ceil(DEPTH));
        if !self.is_tiled() {
            return ConvolutionMethod::Direct;
        }
        let tiled = |side: usize, transform: usize, weights: usize| {
            let tiles = self.batch * self.height.div_ceil(side) * self.width.div_ceil(side);
            let points = (side + 2) * (side + 2);
            tiles * (points * inputs * outputs * DEPTH + transform * (inputs + outputs))
                + weights * inputs * outputs * DEPTH
        };
        let costs = [
            (self.batch * self.height * self.width * 9 * inputs * outputs * DEPTH, ConvolutionMethod::Direct),
            (tiled(2, 200, 2000), ConvolutionMethod::TwoByTwo),
            (tiled(4, 900, 6000), ConvolutionMethod::FourByFour),
        ];
        costs.into_iter().min_by_key(|(cost, _)| *cost).map_or(ConvolutionMethod::Direct, |(_, method)| method)
    }

    /// Whether it can be computed in tiles.
    fn is_tiled(&self) -> bool {
        self.kernel == 3 && self.stride == 1 && self.inputs.is_multiple_of(DEPTH) && self.outputs.is_multiple_of(DEPTH)
    }

    /// The output `[batch, height, width, outputs]` for an input `[batch, height, width, inputs]` and weights
    /// `[outputs, inputs, kernel, kernel]`.
    pub(super) fn forward(&self, input: &[f32], weights: &[f32], epilogue: &Epilogue<'_>) -> Vec<f32> {
        self.forward_by(self.method(), input, weights, epilogue)
    }

    /// The gradient of the input, `[batch, height, width, inputs]`, for one of the output; added to another one, if there is one.
    pub(super) fn input_gradient(&self, gradient: &[f32], weights: &[f32], other: Option<Vec<f32>>) -> Vec<f32> {
        self.input_gradient_by(self.method(), gradient, weights, other)
    }

    /// The gradient of the weights, `[outputs, inputs, kernel, kernel]`.
    pub(super) fn weight_gradient(&self, input: &[f32], gradient: &[f32]) -> Vec<f32> {
        self.weight_gradient_by(self.method(), input, gradient)
    }

    pub(super) fn forward_by(
        &self,
        by: ConvolutionMethod,
        input: &[f32],
        weights: &[f32],
        epilogue: &Epilogue<'_>,
    ) -> Vec<f32> {
        let [rows, columns] = self.output_size();
        let mut output = memory::take(self.batch * rows * columns * self.outputs);
        let channels = [self.inputs, self.outputs];
        let weight = |place, input, output| weights[self.weight(place, input, output)];
        match by {
            ConvolutionMethod::Direct => self.correlate(input, weights, epilogue, &mut output),
            ConvolutionMethod::TwoByTwo => self.two_by_two().correlate(input, channels, weight, epilogue, &mut output),
            ConvolutionMethod::FourByFour => {
                self.four_by_four().correlate(input, channels, weight, epilogue, &mut output)
            }
        }
        output
    }

    pub(super) fn input_gradient_by(
        &self,
        by: ConvolutionMethod,
        gradient: &[f32],
        weights: &[f32],
        other: Option<Vec<f32>>,
    ) -> Vec<f32> {
        if by == ConvolutionMethod::Direct {
            return self.correlate_back(gradient, weights, other);
        }
        let mut result = memory::take(self.batch * self.height * self.width * self.inputs);
        let channels = [self.outputs, self.inputs];
        // The same kernels, turned by half a circle.
        let weight = |place, output, input| weights[self.weight(8 - place, input, output)];
        let epilogue = Epilogue { shortcut: other.as_deref(), ..Epilogue::default() };
        if by == ConvolutionMethod::TwoByTwo {
            self.two_by_two().correlate(gradient, channels, weight, &epilogue, &mut result);
        } else {
            self.four_by_four().correlate(gradient, channels, weight, &epilogue, &mut result);
        }
        other.into_iter().for_each(memory::give);
        result
    }

    pub(super) fn weight_gradient_by(&self, by: ConvolutionMethod, input: &[f32], gradient: &[f32]) -> Vec<f32> {
        let channels = [self.inputs, self.outputs];
        match by {
            ConvolutionMethod::Direct => self.correlate_weights(input, gradient),
            ConvolutionMethod::TwoByTwo => self.two_by_two().weight_gradient(input, gradient, channels),
            ConvolutionMethod::FourByFour => self.four_by_four().weight_gradient(input, gradient, channels),
        }
    }

    fn two_by_two(&self) -> Tiles<TwoByTwo, 4, 2> {
        Tiles::new(self.batch, self.height, self.width)
    }

    fn four_by_four(&self) -> Tiles<FourByFour, 6, 4> {
        Tiles::new(self.batch, self.height, self.width)
    }

    fn weight(&self, place: usize, input: usize, output: usize) -> usize {
        (output * self.inputs + input) * self.kernel * self.kernel + place
    }
}

/// Columns of the panels for so many channels.
fn panel_width(channels: usize) -> usize {
    match channels {
        0..=16 => 16,
        17..=32 => 32,
        _ if channels.is_multiple_of(64) => 64,
        _ if channels.is_multiple_of(32) => 32,
        _ => 64,
    }
}

/// What happens to an output while it is still in the cache.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Epilogue<'a> {
    /// Added to each channel.
    pub(super) offsets: Option<&'a [f32]>,
    /// Added to each value.
    pub(super) shortcut: Option<&'a [f32]>,
    /// Whether what is negative becomes 0.
    pub(super) relu: bool,
}

impl Epilogue<'_> {
    /// `first` is the place of the first value in the whole output.
    fn apply(&self, first: usize, channels: usize, output: &mut [f32]) {
        if let Some(offsets) = self.offsets {
            for pixel in output.chunks_mut(channels) {
                pixel.iter_mut().zip(offsets).for_each(|(value, offset)| *value += offset);
            }
        }
        if let Some(shortcut) = self.shortcut {
            output.iter_mut().zip(&shortcut[first..]).for_each(|(value, shortcut)| *value += shortcut);
        }
        if self.relu {
            output.iter_mut().for_each(|value| *value = if *value < 0.0 { 0.0 } else { *value });
        }
    }
}
