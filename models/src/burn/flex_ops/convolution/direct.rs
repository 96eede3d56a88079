//! Convolutions as matrix products of blocks of pixels.
//!
//! A block of target pixels is gathered from the source, tap by tap, into a scratch that fits the cache ("implicit GEMM",
//! Chetlur et al. 2014, <https://arxiv.org/abs/1410.0759>), and multiplied with the weights. The forward pass and the gradient
//! of the input are both such correlations; with stride 2 the latter is one for each of the four parities of a pixel's place,
//! which have 1, 2, 2 and 4 of the nine taps. The gradient of the weights multiplies the same gathered blocks, transposed, with
//! the gradient of the output.

mod weight_gradient;

use std::cell::RefCell;

use pulp::{Arch, Simd, WithSimd};
use rayon::prelude::*;

use super::super::memory;
use super::gather::{DEPTH_CHUNKS, PixelGrid, Pixels, Tap};
use super::product::{DEPTH, ProductChunk, ROWS, add_product};
use super::strip::Strips;
use super::{Convolution, Epilogue, panel_width};

/// Chunks of pixels in a block.
const BLOCK: usize = 8;

/// Pixels in a block.
const BLOCK_PIXELS: usize = BLOCK * ROWS;

thread_local! {
    /// Gathered pixels, and sums.
    static SCRATCH: RefCell<[Vec<f32>; 2]> = RefCell::default();
}

impl Convolution {
    pub(super) fn correlate(&self, input: &[f32], weights: &[f32], epilogue: &Epilogue<'_>, output: &mut [f32]) {
        let correlation = self.correlation(input);
        let panels = Panels::new(&correlation.grid.taps, self.inputs, self.outputs, |tap, input, output| {
            weights[self.weight(tap, input, output)]
        });
        correlation.write(&panels, epilogue, output);
        memory::give(panels.values);
    }

    /// Output pixels, and the images that they are computed from.
    fn correlation<'a>(&self, input: &'a [f32]) -> Correlation<'a> {
        let [rows, columns] = self.output_size();
        let source = Pixels { height: self.height, width: self.width, channels: self.inputs };
        let grid = PixelGrid { batch: self.batch, rows, columns, source_step: self.stride, taps: self.taps() };
        Correlation { source, grid, input }
    }

    pub(super) fn correlate_back(&self, gradient: &[f32], weights: &[f32], mut other: Option<Vec<f32>>) -> Vec<f32> {
        let [rows, columns] = self.output_size();
        // Where pixels are computed by parity, they are added in place.
        let in_place = other.take_if(|_| self.stride > 1);
        let adds = in_place.is_some();
        let mut result = in_place.unwrap_or_else(|| memory::take(self.batch * self.height * self.width * self.inputs));
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
                    if !adds {
                        self.clear(parity_y, parity_x, &mut result);
                    }
                    continue;
                }
                let panels = Panels::new(&taps, self.outputs, self.inputs, |tap, output, input| {
                    weights[self.weight(tap, input, output)]
                });
                let grid = PixelGrid {
                    batch: self.batch,
                    rows: (self.height - parity_y).div_ceil(self.stride),
                    columns: (self.width - parity_x).div_ceil(self.stride),
                    source_step: 1,
                    taps,
                };
                let correlation = Correlation { source, grid, input: gradient };
                if self.stride == 1 {
                    let epilogue = Epilogue { shortcut: other.as_deref(), ..Epilogue::default() };
                    correlation.write(&panels, &epilogue, &mut result);
                } else {
                    let mut part = memory::take(correlation.grid.pixels() * self.inputs);
                    correlation.write(&panels, &Epilogue::default(), &mut part);
                    self.spread(&correlation.grid, [parity_y, parity_x], &part, adds, &mut result);
                    memory::give(part);
                }
                memory::give(panels.values);
            }
        }
        other.into_iter().for_each(memory::give);
        result
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

    /// Puts the pixels of one parity to their places, or adds them to what is there.
    fn spread(&self, grid: &PixelGrid, [y, x]: [usize; 2], part: &[f32], adds: bool, result: &mut [f32]) {
        let (row, image) = (self.width * self.inputs, self.height * self.width * self.inputs);
        let part_row = grid.columns * self.inputs;
        result.par_chunks_mut(image).zip(part.par_chunks(grid.rows * part_row)).for_each(|(image, part)| {
            for (i, part) in part.chunks(part_row).enumerate() {
                let row = &mut image[(i * self.stride + y) * row..][..row];
                for (j, pixel) in part.chunks(self.inputs).enumerate() {
                    let place = &mut row[(j * self.stride + x) * self.inputs..][..self.inputs];
                    if adds {
                        place.iter_mut().zip(pixel).for_each(|(sum, value)| *sum += value);
                    } else {
                        place.copy_from_slice(pixel);
                    }
                }
            }
        });
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

/// Target pixels and the images that they are computed from.
struct Correlation<'a> {
    source: Pixels,
    grid: PixelGrid,
    /// Images `[batch, height, width, channels]`.
    input: &'a [f32],
}

impl Correlation<'_> {
    /// Writes every pixel of the grid: the sum over taps and source channels of source times weights.
    fn write(&self, panels: &Panels, epilogue: &Epilogue<'_>, output: &mut [f32]) {
        match panels.width {
            64 => self.write_panels::<64>(panels, epilogue, output),
            32 => self.write_panels::<32>(panels, epilogue, output),
            _ => self.write_panels::<16>(panels, epilogue, output),
        }
    }

    fn write_panels<const W: usize>(&self, panels: &Panels, epilogue: &Epilogue<'_>, output: &mut [f32]) {
        match Strips::of(&self.source, &self.grid) {
            Some(strips) => self.write_strips::<W>(&strips, panels, epilogue, output),
            None => self.write_gathered::<W>(panels, epilogue, output),
        }
    }

    fn write_strips<const W: usize>(
        &self,
        strips: &Strips,
        panels: &Panels,
        epilogue: &Epilogue<'_>,
        output: &mut [f32],
    ) {
        let channels = panels.channels;
        let (row, rows) = (self.grid.columns * channels, self.grid.rows);
        let weights = panels.values.as_chunks::<W>().0;
        let arch = Arch::new();
        let images = output.par_chunks_mut(rows * row).zip(self.input.par_chunks(self.source.values()));
        images.enumerate().for_each(|(image, (output, input))| {
            SCRATCH.with_borrow_mut(|[strip, sums]| {
                let strip = memory::lines(strip, strips.length());
                for (first, count) in strips.of_an_image() {
                    strips.fill(input, first, count, strip);
                    let (sums, _) = memory::lines(sums, strips.groups(count) * ROWS * W).as_chunks_mut::<W>();
                    let output = &mut output[first * row..(first + count) * row];
                    for (panel, weights) in weights.chunks(strips.offsets.len() * DEPTH).enumerate() {
                        sums.fill([0.0; W]);
                        let chunks = Chunks { values: strip, offsets: &strips.offsets, step: ROWS * DEPTH };
                        arch.dispatch(AddProducts::<W> { chunks, weights, sums });
                        for (output, sums) in output.chunks_mut(row).zip(strips.rows_of(sums)) {
                            put(sums, panel, channels, output);
                        }
                    }
                    epilogue.apply((image * rows + first) * row, channels, output);
                }
            });
        });
    }

    fn write_gathered<const W: usize>(&self, panels: &Panels, epilogue: &Epilogue<'_>, output: &mut [f32]) {
        let channels = panels.channels;
        let depth = self.source.depth_chunks(self.grid.taps.len());
        let weights = panels.values.as_chunks::<W>().0;
        let count = channels.div_ceil(W);
        let arch = Arch::new();
        output.par_chunks_mut(BLOCK_PIXELS * channels).enumerate().for_each(|(block, output)| {
            SCRATCH.with_borrow_mut(|[gathered, sums]| {
                let pixels = output.len() / channels;
                let (sums, _) = memory::lines(sums, count * BLOCK_PIXELS * W).as_chunks_mut::<W>();
                sums.fill([0.0; W]);
                for first in (0..depth).step_by(DEPTH_CHUNKS) {
                    let part = DEPTH_CHUNKS.min(depth - first);
                    let chunks = self.gather(block * BLOCK_PIXELS, pixels, first, part, gathered);
                    for (weights, sums) in weights.chunks(depth * DEPTH).zip(sums.chunks_mut(BLOCK_PIXELS)) {
                        let weights = &weights[first * DEPTH..(first + part) * DEPTH];
                        let sums = &mut sums[..pixels.div_ceil(ROWS) * ROWS];
                        arch.dispatch(AddProducts::<W> { chunks, weights, sums });
                    }
                }
                for (panel, sums) in sums.chunks(BLOCK_PIXELS).enumerate() {
                    put(sums, panel, channels, output);
                }
                epilogue.apply(block * BLOCK_PIXELS * channels, channels, output);
            });
        });
    }

    /// Gathers so many pixels from `pixel` on: `count` chunks of the depth from `first` on of each group.
    fn gather<'s>(
        &self,
        pixel: usize,
        pixels: usize,
        first: usize,
        count: usize,
        scratch: &'s mut Vec<f32>,
    ) -> Chunks<'s> {
        let values = memory::lines(scratch, pixels.div_ceil(ROWS) * count * ROWS * DEPTH);
        self.source.gather(&self.grid, self.input, pixel, pixels, first, values.as_chunks_mut().0);
        Chunks { values, offsets: &GATHERED[..count], step: count * ROWS * DEPTH }
    }
}

/// Puts the sums of pixels into a panel's columns of an output `[pixels, channels]`.
fn put<const W: usize>(sums: &[[f32; W]], panel: usize, channels: usize, output: &mut [f32]) {
    let columns = panel * W..channels.min((panel + 1) * W);
    for (pixel, sums) in output.chunks_mut(channels).zip(sums) {
        pixel[columns.clone()].copy_from_slice(&sums[..columns.len()]);
    }
}

/// Where gathered chunks of the depth begin.
const GATHERED: [usize; DEPTH_CHUNKS] = {
    let mut offsets = [0; DEPTH_CHUNKS];
    let mut chunk = 1;
    while chunk < DEPTH_CHUNKS {
        offsets[chunk] = chunk * ROWS * DEPTH;
        chunk += 1;
    }
    offsets
};

/// Left factors: for each group of [`ROWS`] pixels a chunk of each part of the depth.
#[derive(Clone, Copy)]
struct Chunks<'a> {
    values: &'a [f32],
    /// Where the chunks of the first group begin.
    offsets: &'a [usize],
    /// From one group to the next.
    step: usize,
}

impl<'a> Chunks<'a> {
    #[inline(always)]
    fn at(self, group: usize, depth: usize) -> &'a ProductChunk {
        &self.values[self.offsets[depth] + group * self.step..][..ROWS * DEPTH].as_chunks().0[0]
    }
}

struct AddProducts<'a, const W: usize> {
    chunks: Chunks<'a>,
    weights: &'a [[f32; W]],
    sums: &'a mut [[f32; W]],
}

impl<const W: usize> WithSimd for AddProducts<'_, W> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, simd: S) {
        let Self { chunks, weights, sums } = self;
        for (group, sums) in sums.chunks_exact_mut(ROWS).enumerate() {
            let left = (0..chunks.offsets.len()).map(
                #[inline(always)]
                |depth| chunks.at(group, depth),
            );
            add_product(simd, left, weights, sums);
        }
    }
}
