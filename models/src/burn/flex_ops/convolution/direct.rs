//! Convolutions as matrix products of blocks of pixels.
//!
//! A block of target pixels is gathered from the source, tap by tap, into a scratch that fits the cache ("implicit GEMM",
//! Chetlur et al. 2014, <https://arxiv.org/abs/1410.0759>), and multiplied with the weights. The forward pass and the gradient
//! of the input are both such correlations; with stride 2 the latter is one for each of the four parities of a pixel's place,
//! which have 1, 2, 2 and 4 of the nine taps. The gradient of the weights multiplies the same gathered blocks, transposed, with
//! the gradient of the output.

use std::cell::RefCell;

use pulp::{Arch, Simd, WithSimd};
use rayon::prelude::*;

use super::super::memory;
use super::gather::{DEPTH_CHUNKS, PixelGrid, Pixels, Tap};
use super::product::{DEPTH, ProductChunk, ROWS, add_product, add_transposed_product};
use super::{Convolution, Epilogue, panel_width};

/// Chunks of pixels in a block.
const BLOCK: usize = 8;

/// Pixels in a block.
const BLOCK_PIXELS: usize = BLOCK * ROWS;

/// Bytes of weight gradients that one task sums up.
const GRADIENT_BYTES: usize = 1 << 18;

/// Tasks that the gradient of the weights is cut into at least, where there are blocks enough. Not the number of threads: the
/// order of sums must not depend on that.
const GRADIENT_TASKS: usize = 16;

thread_local! {
    /// Gathered pixels, and sums.
    static SCRATCH: RefCell<[Vec<f32>; 2]> = RefCell::default();
}

impl Convolution {
    pub(super) fn correlate(&self, input: &[f32], weights: &[f32], epilogue: &Epilogue<'_>, output: &mut [f32]) {
        let [rows, columns] = self.output_size();
        let taps = self.taps();
        let source = Pixels { height: self.height, width: self.width, channels: self.inputs };
        let grid = PixelGrid { batch: self.batch, rows, columns, source_step: self.stride, taps: taps.clone() };
        let panels = Panels::new(&taps, self.inputs, self.outputs, |tap, input, output| {
            weights[self.weight(tap, input, output)]
        });
        correlate(&source, &grid, input, &panels, epilogue, output);
        memory::give(panels.values);
    }

    pub(super) fn correlate_back(&self, gradient: &[f32], weights: &[f32], result: &mut [f32]) {
        let [rows, columns] = self.output_size();
        let source = Pixels { height: rows, width: columns, channels: self.outputs };
        let padding = (self.kernel / 2) as isize;
        let stride = self.stride as isize;
        for parity_y in 0..self.stride.min(self.height) {
            for parity_x in 0..self.stride.min(self.width) {
                // Input row y = stride i + parity gets output row (y + padding - ky) / stride, where that is whole.
                let offset = |parity: usize, k: usize| {
                    let distance = parity as isize + padding - k as isize;
                    (distance.rem_euclid(stride) == 0).then(|| distance.div_euclid(stride))
                };
                let mut taps = Vec::new();
                for ky in 0..self.kernel {
                    for kx in 0..self.kernel {
                        if let (Some(y), Some(x)) = (offset(parity_y, ky), offset(parity_x, kx)) {
                            taps.push(Tap { y, x, place: ky * self.kernel + kx });
                        }
                    }
                }
                if taps.is_empty() {
                    self.clear(parity_y, parity_x, result);
                    continue;
                }
                let grid = PixelGrid {
                    batch: self.batch,
                    rows: (self.height - parity_y).div_ceil(self.stride),
                    columns: (self.width - parity_x).div_ceil(self.stride),
                    source_step: 1,
                    taps: taps.clone(),
                };
                let panels = Panels::new(&taps, self.outputs, self.inputs, |tap, output, input| {
                    weights[self.weight(tap, input, output)]
                });
                if self.stride == 1 {
                    correlate(&source, &grid, gradient, &panels, &Epilogue::default(), result);
                } else {
                    let mut part = memory::take(grid.pixels() * self.inputs);
                    correlate(&source, &grid, gradient, &panels, &Epilogue::default(), &mut part);
                    self.spread(&grid, parity_y, parity_x, &part, result);
                    memory::give(part);
                }
                memory::give(panels.values);
            }
        }
    }

    /// Writes zeros to the pixels of one parity.
    fn clear(&self, parity_y: usize, parity_x: usize, result: &mut [f32]) {
        let row = self.width * self.inputs;
        result.par_chunks_mut(row).enumerate().for_each(|(y, row)| {
            if y % self.height % self.stride == parity_y {
                for pixel in row.chunks_mut(self.inputs).skip(parity_x).step_by(self.stride) {
                    pixel.fill(0.0);
                }
            }
        });
    }

    /// Puts the pixels of one parity to their places.
    fn spread(&self, grid: &PixelGrid, parity_y: usize, parity_x: usize, part: &[f32], result: &mut [f32]) {
        let (row, image) = (self.width * self.inputs, self.height * self.width * self.inputs);
        let part_row = grid.columns * self.inputs;
        result.par_chunks_mut(image).zip(part.par_chunks(grid.rows * part_row)).for_each(|(image, part)| {
            for (i, part) in part.chunks(part_row).enumerate() {
                let row = &mut image[(i * self.stride + parity_y) * row..][..row];
                for (j, pixel) in part.chunks(self.inputs).enumerate() {
                    row[(j * self.stride + parity_x) * self.inputs..][..self.inputs].copy_from_slice(pixel);
                }
            }
        });
    }

    pub(super) fn gathered_weight_gradient(&self, input: &[f32], gradient: &[f32]) -> Vec<f32> {
        let [rows, columns] = self.output_size();
        let taps = self.taps();
        let source = Pixels { height: self.height, width: self.width, channels: self.inputs };
        let grid = PixelGrid { batch: self.batch, rows, columns, source_step: self.stride, taps };
        match panel_width(self.outputs) {
            64 => self.sum_weight_gradient::<64>(&source, &grid, input, gradient),
            32 => self.sum_weight_gradient::<32>(&source, &grid, input, gradient),
            _ => self.sum_weight_gradient::<16>(&source, &grid, input, gradient),
        }
    }

    fn sum_weight_gradient<const W: usize>(
        &self,
        source: &Pixels,
        grid: &PixelGrid,
        input: &[f32],
        gradient: &[f32],
    ) -> Vec<f32> {
        let depth = source.depth_chunks(grid.taps.len());
        let panels = self.outputs.div_ceil(W);
        let by_panel = if self.outputs == W { Vec::new() } else { split_into_panels::<W>(gradient, self.outputs) };
        let gradient = if self.outputs == W { gradient } else { &by_panel };
        let pixel_count = grid.pixels();
        let part = (GRADIENT_BYTES / (4 * DEPTH * panels * W)).clamp(1, depth.min(DEPTH_CHUNKS));
        let parts = depth.div_ceil(part);
        let blocks = grid.pixels().div_ceil(BLOCK_PIXELS);
        let segments = GRADIENT_TASKS.div_ceil(parts).min(blocks);
        let arch = Arch::new();
        let mut sums = memory::take(segments * depth * panels * DEPTH * W);
        let (all, _) = sums.as_chunks_mut::<W>();
        let (all, _) = all.as_chunks_mut::<DEPTH>();
        let mut tasks = Vec::new();
        let mut rest = all;
        for segment in 0..segments {
            for first in (0..depth).step_by(part) {
                let count = part.min(depth - first);
                let (mine, others) = rest.split_at_mut(count * panels);
                rest = others;
                tasks.push((segment, first, count, mine));
            }
        }
        tasks.into_par_iter().for_each(|(segment, first, count, sums)| {
            sums.fill([[0.0; W]; DEPTH]);
            SCRATCH.with_borrow_mut(|[gathered, _]| {
                for block in (segment * blocks / segments)..((segment + 1) * blocks / segments) {
                    let pixel = block * BLOCK_PIXELS;
                    let pixels = BLOCK_PIXELS.min(grid.pixels() - pixel);
                    let chunks = chunks_of(gathered, pixels, count);
                    source.gather(grid, input, pixel, pixels, first, chunks);
                    for panel in 0..panels {
                        let gradient = &gradient[(panel * pixel_count + pixel) * W..][..pixels * W];
                        arch.dispatch(AddGradients::<W> { chunks, count, gradient, panel, panels, sums });
                    }
                }
            });
        });
        let by_chunk = sums.as_chunks::<W>().0.as_chunks::<DEPTH>().0;
        let result = self.weights_of_sums(by_chunk, segments, depth, panels, source, grid);
        memory::give(sums);
        memory::give(by_panel);
        result
    }

    /// Adds up the segments, in their order, and puts the sums where PyTorch has them.
    fn weights_of_sums<const W: usize>(
        &self,
        sums: &[[[f32; W]; DEPTH]],
        segments: usize,
        depth: usize,
        panels: usize,
        source: &Pixels,
        grid: &PixelGrid,
    ) -> Vec<f32> {
        let square = self.kernel * self.kernel;
        let mut weights = vec![0.0; self.outputs * self.inputs * square];
        let size = depth * panels;
        weights.par_chunks_mut(self.inputs * square).enumerate().for_each(|(output, weights)| {
            let (panel, column) = (output / W, output % W);
            for tap in 0..grid.taps.len() {
                for input in 0..self.inputs {
                    let row = source.depth_of(tap, input);
                    let place = (row / DEPTH) * panels + panel;
                    weights[input * square + grid.taps[tap].place] = (0..segments)
                        .map(|segment| sums[segment * size + place][row % DEPTH][column])
                        .fold(0.0, |sum, value| sum + value);
                }
            }
        });
        weights
    }

    /// The taps of the kernel around an output pixel.
    fn taps(&self) -> Vec<Tap> {
        let padding = (self.kernel / 2) as isize;
        let side = 0..self.kernel;
        side.clone()
            .flat_map(|y| side.clone().map(move |x| (y, x)))
            .map(|(y, x)| Tap { y: y as isize - padding, x: x as isize - padding, place: y * self.kernel + x })
            .collect()
    }
}

/// Weights as right factors: panel by panel, `[depth, columns]` each, zeros beyond the last channel.
struct Panels {
    values: Vec<f32>,
    /// Columns of a panel.
    width: usize,
    /// Channels that there are.
    channels: usize,
}

impl Panels {
    /// `weight(place, source channel, target channel)`.
    fn new(
        taps: &[Tap],
        source_channels: usize,
        channels: usize,
        weight: impl Fn(usize, usize, usize) -> f32 + Sync,
    ) -> Self {
        let width = panel_width(channels);
        let source = Pixels { height: 0, width: 0, channels: source_channels };
        let depth = source.depth_chunks(taps.len()) * DEPTH;
        let mut values = memory::take(channels.div_ceil(width) * depth * width);
        values.par_chunks_mut(depth * width).enumerate().for_each(|(panel, values)| {
            values.fill(0.0);
            for (tap_number, tap) in taps.iter().enumerate() {
                for source_channel in 0..source_channels {
                    let row = &mut values[source.depth_of(tap_number, source_channel) * width..][..width];
                    for (column, value) in row.iter_mut().enumerate().take(channels - panel * width) {
                        *value = weight(tap.place, source_channel, panel * width + column);
                    }
                }
            }
        });
        Self { values, width, channels }
    }
}

fn correlate(
    source: &Pixels,
    grid: &PixelGrid,
    input: &[f32],
    panels: &Panels,
    epilogue: &Epilogue<'_>,
    output: &mut [f32],
) {
    match panels.width {
        64 => correlate_panels::<64>(source, grid, input, panels, epilogue, output),
        32 => correlate_panels::<32>(source, grid, input, panels, epilogue, output),
        _ => correlate_panels::<16>(source, grid, input, panels, epilogue, output),
    }
}

/// Writes every pixel of the grid: the sum over taps and source channels of source times weights.
fn correlate_panels<const W: usize>(
    source: &Pixels,
    grid: &PixelGrid,
    input: &[f32],
    panels: &Panels,
    epilogue: &Epilogue<'_>,
    output: &mut [f32],
) {
    let depth = source.depth_chunks(grid.taps.len());
    let weights = panels.values.as_chunks::<W>().0;
    let count = panels.channels.div_ceil(W);
    let arch = Arch::new();
    output.par_chunks_mut(BLOCK_PIXELS * panels.channels).enumerate().for_each(|(block, output)| {
        SCRATCH.with_borrow_mut(|[gathered, sums]| {
            let pixels = output.len() / panels.channels;
            let (sums, _) = memory::lines(sums, count * BLOCK_PIXELS * W).as_chunks_mut::<W>();
            sums.fill([0.0; W]);
            for first in (0..depth).step_by(DEPTH_CHUNKS) {
                let part = DEPTH_CHUNKS.min(depth - first);
                let chunks = chunks_of(gathered, pixels, part);
                source.gather(grid, input, block * BLOCK_PIXELS, pixels, first, chunks);
                for (weights, sums) in weights.chunks(depth * DEPTH).zip(sums.chunks_mut(BLOCK_PIXELS)) {
                    let weights = &weights[first * DEPTH..(first + part) * DEPTH];
                    arch.dispatch(AddProducts::<W> { chunks, depth: part, weights, sums });
                }
            }
            for (panel, sums) in sums.chunks(BLOCK_PIXELS).enumerate() {
                let first = panel * W;
                let columns = W.min(panels.channels - first);
                for (pixel, sums) in output.chunks_mut(panels.channels).zip(sums) {
                    pixel[first..first + columns].copy_from_slice(&sums[..columns]);
                }
            }
            epilogue.apply(block * BLOCK_PIXELS * panels.channels, panels.channels, output);
        });
    });
}

/// Scratch for some pixels with so many chunks each.
fn chunks_of(scratch: &mut Vec<f32>, pixels: usize, chunks: usize) -> &mut [ProductChunk] {
    memory::lines(scratch, pixels.div_ceil(ROWS) * chunks * ROWS * DEPTH).as_chunks_mut().0
}

struct AddProducts<'a, const W: usize> {
    chunks: &'a [ProductChunk],
    depth: usize,
    weights: &'a [[f32; W]],
    sums: &'a mut [[f32; W]],
}

impl<const W: usize> WithSimd for AddProducts<'_, W> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, simd: S) {
        for (chunks, sums) in self.chunks.chunks(self.depth).zip(self.sums.chunks_mut(ROWS)) {
            add_product(simd, chunks, self.weights, sums);
        }
    }
}

struct AddGradients<'a, const W: usize> {
    chunks: &'a [ProductChunk],
    count: usize,
    gradient: &'a [f32],
    panel: usize,
    panels: usize,
    sums: &'a mut [[[f32; W]; DEPTH]],
}

impl<const W: usize> WithSimd for AddGradients<'_, W> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, simd: S) {
        for (depth, sums) in self.sums.chunks_mut(self.panels).enumerate() {
            let chunks = self.chunks.iter().skip(depth).step_by(self.count);
            add_transposed_product(simd, chunks, self.gradient, W, &mut sums[self.panel]);
        }
    }
}

/// `[pixels, channels]` as panels of `W` columns, one after the other, with zeros beyond the last channel.
fn split_into_panels<const W: usize>(values: &[f32], channels: usize) -> Vec<f32> {
    let pixels = values.len() / channels;
    let mut panels = memory::take(channels.div_ceil(W) * pixels * W);
    panels.par_chunks_mut(pixels * W).enumerate().for_each(|(panel, out)| {
        let columns = W.min(channels - panel * W);
        for (out, pixel) in out.chunks_mut(W).zip(values.chunks(channels)) {
            out[..columns].copy_from_slice(&pixel[panel * W..][..columns]);
            out[columns..].fill(0.0);
        }
    });
    panels
}
