//! Batch normalisation of images that lie `[pixels, channels]`, with what follows it in a residual network: the sum with a
//! shortcut and ReLU. One pass over memory for the statistics, one forward; backward one for sums and one in place.
//!
//! Statistics are those of blocks of pixels that stay in a core's cache, each about its own mean, merged in double precision
//! in the order of the blocks (Chan, Golub and LeVeque 1979): as exact as two passes, and the same bits whatever the number
//! of threads.

use pulp::Arch;
use rayon::prelude::*;

/// Values in a block.
const BLOCK: usize = 1 << 15;

/// Pixels of a block at most: what is summed up in single precision stays short.
const PIXELS: usize = 1 << 10;

/// Pixels whose values are summed up in one go: sums of sums lose fewer digits than one long sum.
const FEW: usize = 64;

/// Mean and biased variance of each channel.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Statistics {
    pub(super) mean: Vec<f32>,
    pub(super) variance: Vec<f32>,
}

/// What a normalisation does with each value: `weight (x - mean) / sqrt(variance + epsilon) + bias`.
#[derive(Clone, Copy, Debug)]
pub(super) struct Affine<'a> {
    pub(super) statistics: &'a Statistics,
    pub(super) weight: &'a [f32],
    pub(super) bias: &'a [f32],
    pub(super) epsilon: f32,
}

/// Which gradients come back through what follows a normalisation.
#[derive(Clone, Copy, Debug)]
pub(super) enum Behind<'a> {
    /// Nothing follows: all.
    Nothing,
    /// ReLU: those of positive values, which are computed again.
    Relu,
    /// The sum with a shortcut, then ReLU, with this output: those of positive outputs.
    SumAndRelu(&'a [f32]),
}

/// The gradients of a normalisation's parameters.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Gradients {
    pub(super) weight: Vec<f32>,
    pub(super) bias: Vec<f32>,
}

/// A block's sums for each channel.
struct PixelBlock {
    pixels: f64,
    /// The mean as a plain sum gives it.
    mean: Vec<f32>,
    /// Of the distances from it.
    squares: Vec<f32>,
    /// Of the distances themselves: what the mean's rounding left.
    rest: Vec<f32>,
}

/// Values that one turn of the inner loops takes at least, where there are enough.
const ROW: usize = 64;

/// Narrow images are taken for wider ones of fewer pixels, as a turn over few channels costs more than what it computes: how many
/// pixels count as one.
fn pixels_of_a_row(values: usize, channels: usize) -> usize {
    let pixels = values / channels;
    let mut together = 1;
    while together * channels < ROW && pixels.is_multiple_of(2 * together) {
        together *= 2;
    }
    together
}

/// Values in a block of rows.
fn block_length(row: usize) -> usize {
    (BLOCK / row).clamp(1, PIXELS) * row
}

/// The statistics of `x`, `[pixels, channels]`.
pub(super) fn statistics(x: &[f32], channels: usize) -> Statistics {
    let arch = Arch::new();
    let together = pixels_of_a_row(x.len(), channels);
    let row = together * channels;
    let blocks: Vec<PixelBlock> = x
        .par_chunks(block_length(row))
        .map(|block| {
            arch.dispatch(
                #[inline(always)]
                || {
                    let pixels = block.len() / row;
                    let [mut mean, mut squares, mut rest] = [(); 3].map(|()| vec![0.0_f32; row]);
                    for pixel in block.chunks_exact(row) {
                        mean.iter_mut().zip(pixel).for_each(|(mean, &x)| *mean += x);
                    }
                    mean.iter_mut().for_each(|mean| *mean /= pixels as f32);
                    for pixel in block.chunks_exact(row) {
                        for (((squares, rest), &x), &mean) in squares.iter_mut().zip(&mut rest).zip(pixel).zip(&mean) {
                            *rest += x - mean;
                            *squares += (x - mean) * (x - mean);
                        }
                    }
                    PixelBlock { pixels: pixels as f64, mean, squares, rest }
                },
            )
        })
        .collect();
    let mut count = 0.0;
    let (mut mean, mut squares) = (vec![0.0_f64; channels], vec![0.0_f64; channels]);
    for (block, first) in blocks.iter().flat_map(|block| (0..row).step_by(channels).map(move |first| (block, first))) {
        let share = block.pixels / (count + block.pixels);
        for channel in 0..channels {
            let place = first + channel;
            let rest = f64::from(block.rest[place]);
            let distance = f64::from(block.mean[place]) + rest / block.pixels - mean[channel];
            let block_squares = f64::from(block.squares[place]) - rest * rest / block.pixels;
            squares[channel] += block_squares + distance * distance * count * share;
            mean[channel] += distance * share;
        }
        count += block.pixels;
    }
    Statistics {
        mean: mean.iter().map(|mean| *mean as f32).collect(),
        variance: squares.iter().map(|squares| (squares / count) as f32).collect(),
    }
}

impl Affine<'_> {
    fn inverse_deviations(&self) -> Vec<f32> {
        self.statistics.variance.iter().map(|variance| 1.0 / (variance + self.epsilon).sqrt()).collect()
    }

    /// Factor and offset of each channel: the normalisation is `factor x + offset`.
    pub(super) fn line(&self) -> (Vec<f32>, Vec<f32>) {
        let factors: Vec<f32> =
            self.inverse_deviations().iter().zip(self.weight).map(|(inverse, weight)| inverse * weight).collect();
        let offsets = factors.iter().zip(&self.statistics.mean).zip(self.bias);
        let offsets = offsets.map(|((factor, mean), bias)| bias - factor * mean).collect();
        (factors, offsets)
    }

    /// Normalises `x`, adds the shortcut, and, if `relu` says so, cuts off what is negative.
    pub(super) fn apply(&self, x: &[f32], shortcut: Option<&[f32]>, relu: bool, out: &mut [f32]) {
        let together = pixels_of_a_row(x.len(), self.weight.len());
        let row = together * self.weight.len();
        let (factors, offsets) = self.line();
        let [factors, offsets] = [factors, offsets].map(|values| values.repeat(together));
        let floor = if relu { 0.0 } else { f32::NEG_INFINITY };
        let arch = Arch::new();
        let length = block_length(row);
        out.par_chunks_mut(length).zip(x.par_chunks(length)).enumerate().for_each(|(block, (out, x))| {
            let shortcut = shortcut.map(|shortcut| &shortcut[block * length..][..x.len()]);
            arch.dispatch(
                #[inline(always)]
                || {
                    for (place, (out, x)) in out.chunks_exact_mut(row).zip(x.chunks_exact(row)).enumerate() {
                        let normalized =
                            x.iter().zip(&factors).zip(&offsets).map(|((x, factor), offset)| x * factor + offset);
                        match shortcut {
                            Some(shortcut) => {
                                let shortcut = &shortcut[place * row..][..row];
                                for ((out, value), shortcut) in out.iter_mut().zip(normalized).zip(shortcut) {
                                    let value = value + shortcut;
                                    *out = cut_off(value, floor);
                                }
                            }
                            None => {
                                for (out, value) in out.iter_mut().zip(normalized) {
                                    *out = cut_off(value, floor);
                                }
                            }
                        }
                    }
                },
            );
        });
    }

    /// The gradients for a gradient of the output. That of the input takes the place of `x`; behind a sum, `gradient` becomes the
    /// gradient of the sum, which is what the shortcut gets.
    pub(super) fn gradients(&self, x: &mut [f32], behind: Behind<'_>, gradient: &mut [f32]) -> Gradients {
        let channels = self.weight.len();
        let together = pixels_of_a_row(x.len(), channels);
        let length = block_length(together * channels);
        let arch = Arch::new();
        let (factors, offsets) = self.line();
        let [factors, offsets, mean] =
            [&factors, &offsets, &self.statistics.mean].map(|values| values.repeat(together));
        let lines = AffineLines { factors: &factors, offsets: &offsets, mean: &mean };
        let blocks: Vec<[Vec<f32>; 2]> = x
            .par_chunks(length)
            .zip(gradient.par_chunks_mut(length))
            .enumerate()
            .map(|(block, (x, gradient))| {
                arch.dispatch(
                    #[inline(always)]
                    || {
                        if let Behind::SumAndRelu(output) = behind {
                            let output = &output[block * length..][..x.len()];
                            gradient
                                .iter_mut()
                                .zip(output)
                                .for_each(|(gradient, out)| *gradient = kept(*gradient, *out));
                        }
                        lines.sums(x, gradient, matches!(behind, Behind::Relu))
                    },
                )
            })
            .collect();
        let [mut totals, mut products] = [(); 2].map(|()| vec![0.0_f64; channels]);
        for [block_totals, block_products] in &blocks {
            for (totals_of_one, products_of_one) in block_totals.chunks(channels).zip(block_products.chunks(channels)) {
                totals.iter_mut().zip(totals_of_one).for_each(|(total, value)| *total += f64::from(*value));
                products.iter_mut().zip(products_of_one).for_each(|(product, value)| *product += f64::from(*value));
            }
        }
        let pixels = (x.len() / channels) as f64;
        let inverse: Vec<f64> = self.inverse_deviations().into_iter().map(f64::from).collect();
        // The gradient of x is factor g + slope (x - mean) + rest, channel by channel.
        let of_channels = |value: &dyn Fn(usize, f64) -> f64| -> Vec<f32> {
            let factors = inverse.iter().zip(self.weight).map(|(inverse, weight)| f64::from(*weight) * inverse);
            let values: Vec<f32> = factors.enumerate().map(|(channel, factor)| value(channel, factor) as f32).collect();
            values.repeat(together)
        };
        let a = of_channels(&|_, factor| factor);
        let slopes = of_channels(&|c, factor| -factor * inverse[c] * inverse[c] * products[c] / pixels);
        let rests = of_channels(&|c, factor| -factor * totals[c] / pixels);
        x.par_chunks_mut(length).zip(gradient.par_chunks(length)).for_each(|(x, gradient)| {
            arch.dispatch(
                #[inline(always)]
                || lines.replace(x, gradient, matches!(behind, Behind::Relu), [&a, &slopes, &rests]),
            );
        });
        let weight = products.iter().zip(&inverse).map(|(product, inverse)| (product * inverse) as f32).collect();
        Gradients { weight, bias: totals.iter().map(|total| *total as f32).collect() }
    }
}

/// What a normalisation does to each value of a row, and the mean of its input.
#[derive(Clone, Copy)]
struct AffineLines<'a> {
    factors: &'a [f32],
    offsets: &'a [f32],
    mean: &'a [f32],
}

impl AffineLines<'_> {
    /// For each place of a row the sums of the gradients, and of their products with the distance from the mean.
    #[inline(always)]
    fn sums(&self, x: &[f32], gradient: &[f32], relu: bool) -> [Vec<f32>; 2] {
        let row = self.mean.len();
        let [mut totals, mut products] = [(); 2].map(|()| vec![0.0_f32; row]);
        let few = FEW * row;
        for (x, gradient) in x.chunks(few).zip(gradient.chunks(few)) {
            let [few_totals, few_products] = self.sums_of_few(x, gradient, relu);
            totals.iter_mut().zip(few_totals).for_each(|(total, value)| *total += value);
            products.iter_mut().zip(few_products).for_each(|(product, value)| *product += value);
        }
        [totals, products]
    }

    /// [`Self::sums`] in one go.
    #[inline(always)]
    fn sums_of_few(&self, x: &[f32], gradient: &[f32], relu: bool) -> [Vec<f32>; 2] {
        let row = self.mean.len();
        let [mut totals, mut products] = [(); 2].map(|()| vec![0.0_f32; row]);
        for (x, gradient) in x.chunks_exact(row).zip(gradient.chunks_exact(row)) {
            let sums = totals.iter_mut().zip(&mut products);
            let values = sums.zip(x.iter().zip(self.mean).zip(gradient));
            if relu {
                for (((total, product), ((x, mean), gradient)), (factor, offset)) in
                    values.zip(self.factors.iter().zip(self.offsets))
                {
                    let gradient = kept(*gradient, x * factor + offset);
                    *total += gradient;
                    *product += gradient * (x - mean);
                }
            } else {
                for ((total, product), ((x, mean), gradient)) in values {
                    *total += gradient;
                    *product += gradient * (x - mean);
                }
            }
        }
        [totals, products]
    }

    /// Puts `a gradient + b (x - mean) + c` in the place of each `x`.
    #[inline(always)]
    fn replace(&self, x: &mut [f32], gradient: &[f32], relu: bool, [a, b, c]: [&[f32]; 3]) {
        let row = self.mean.len();
        for (x, gradient) in x.chunks_exact_mut(row).zip(gradient.chunks_exact(row)) {
            let values = x.iter_mut().zip(gradient).zip(self.mean).zip(a.iter().zip(b).zip(c));
            if relu {
                for ((((x, gradient), mean), ((a, b), c)), (factor, offset)) in
                    values.zip(self.factors.iter().zip(self.offsets))
                {
                    let gradient = kept(*gradient, *x * factor + offset);
                    *x = a * gradient + (b * (*x - mean) + c);
                }
            } else {
                for (((x, gradient), mean), ((a, b), c)) in values {
                    *x = a * gradient + (b * (*x - mean) + c);
                }
            }
        }
    }
}

/// What is not below the floor. NaN stays NaN, as in PyTorch.
#[inline(always)]
fn cut_off(value: f32, floor: f32) -> f32 {
    if value < floor { floor } else { value }
}

/// The gradient where ReLU let the value through (NaN, too), without a branch, so that the loop is vectorised.
#[inline(always)]
fn kept(gradient: f32, output: f32) -> f32 {
    f32::from_bits(gradient.to_bits() & u32::from(output <= 0.0).wrapping_sub(1))
}

#[cfg(test)]
#[path = "normalization_tests.rs"]
mod tests;
