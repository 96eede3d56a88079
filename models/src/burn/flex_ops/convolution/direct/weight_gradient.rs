//! The gradient of a convolution's weights: products of the same pixels, transposed, with the gradient of the output.

use std::ops::Range;

use pulp::{Arch, Simd, WithSimd};
use rayon::prelude::*;

use super::super::super::memory;
use super::super::gather::DEPTH_CHUNKS;
use super::super::product::{DEPTH, ROWS, add_transposed_product};
use super::super::strip::Strips;
use super::super::{Convolution, panel_width};
use super::{BLOCK_PIXELS, Chunks, Correlation, SCRATCH};

/// Bytes of weight gradients that one task sums up.
const GRADIENT_BYTES: usize = 1 << 18;

/// Tasks that the gradient of the weights is cut into at least, where there are blocks enough. Not the number of threads: the
/// order of sums must not depend on that.
const GRADIENT_TASKS: usize = 16;

/// The sums of all tasks, and what they are sums of.
struct PartialSums<'a, const W: usize> {
    of: &'a Correlation<'a>,
    /// Chunks of the depth.
    depth: usize,
    /// Of output channels.
    panels: usize,
    /// Of blocks.
    segments: usize,
    /// `[segments][depth][panels]`.
    sums: &'a [[[f32; W]; DEPTH]],
}

impl Convolution {
    pub(in super::super) fn correlate_weights(&self, input: &[f32], gradient: &[f32]) -> Vec<f32> {
        let of = self.correlation(input);
        match panel_width(self.outputs) {
            64 => self.sum_weight_gradient::<64>(&of, gradient),
            32 => self.sum_weight_gradient::<32>(&of, gradient),
            _ => self.sum_weight_gradient::<16>(&of, gradient),
        }
    }

    fn sum_weight_gradient<const W: usize>(&self, of: &Correlation<'_>, gradient: &[f32]) -> Vec<f32> {
        let Correlation { source, grid, .. } = of;
        let strips = Strips::of(source, grid);
        let depth = source.depth_chunks(grid.taps.len());
        let panels = self.outputs.div_ceil(W);
        let part = (GRADIENT_BYTES / (4 * DEPTH * panels * W)).clamp(1, depth.min(DEPTH_CHUNKS));
        let parts = depth.div_ceil(part);
        let blocks = match &strips {
            Some(strips) => grid.batch * strips.of_an_image().count(),
            None => grid.pixels().div_ceil(BLOCK_PIXELS),
        };
        let segments = GRADIENT_TASKS.div_ceil(parts).min(blocks);
        let mut sums = memory::take(segments * depth * panels * DEPTH * W);
        let mut tasks = Vec::new();
        let mut rest = sums.as_chunks_mut::<W>().0.as_chunks_mut::<DEPTH>().0;
        for segment in 0..segments {
            let blocks = segment * blocks / segments..(segment + 1) * blocks / segments;
            for first in (0..depth).step_by(part) {
                let count = part.min(depth - first);
                let (mine, others) = rest.split_at_mut(count * panels);
                rest = others;
                tasks.push((blocks.clone(), first, count, mine));
            }
        }
        let by_panel = match strips {
            None if self.outputs != W => split_into_panels::<W>(gradient, self.outputs),
            _ => Vec::new(),
        };
        tasks.into_par_iter().for_each(|(blocks, first, count, sums)| {
            sums.fill([[0.0; W]; DEPTH]);
            match &strips {
                Some(strips) => self.add_strips(of, strips, gradient, blocks, first, sums),
                None => {
                    let gradient = if by_panel.is_empty() { gradient } else { &by_panel };
                    of.add_gathered(gradient, blocks, first, count, sums);
                }
            }
        });
        let sums_of_all = sums.as_chunks::<W>().0.as_chunks::<DEPTH>().0;
        let result = self.weights_of(&PartialSums { of, depth, panels, segments, sums: sums_of_all });
        memory::give(sums);
        memory::give(by_panel);
        result
    }

    /// Adds what strips give to `[chunks of the depth from first on][panels]`.
    fn add_strips<const W: usize>(
        &self,
        of: &Correlation<'_>,
        strips: &Strips,
        gradient: &[f32],
        blocks: Range<usize>,
        first: usize,
        sums: &mut [[[f32; W]; DEPTH]],
    ) {
        let (size, row) = (of.source.values(), of.grid.columns * self.outputs);
        let panels = self.outputs.div_ceil(W);
        let images = 0..of.grid.batch;
        let all = images.flat_map(|image| strips.of_an_image().map(move |(first, rows)| (image, first, rows)));
        let arch = Arch::new();
        SCRATCH.with_borrow_mut(|[strip, targets]| {
            let strip = memory::lines(strip, strips.length());
            for (image, first_row, rows) in all.skip(blocks.start).take(blocks.len()) {
                strips.fill(&of.input[image * size..][..size], first_row, rows, strip);
                let (targets, _) = memory::lines(targets, strips.groups(rows) * ROWS * W).as_chunks_mut::<W>();
                let gradient = &gradient[(image * of.grid.rows + first_row) * row..][..rows * row];
                let offsets = &strips.offsets[first..first + sums.len() / panels];
                for panel in 0..panels {
                    strips.spread(gradient, self.outputs, panel * W, targets);
                    let chunks = Chunks { values: strip, offsets, step: ROWS * DEPTH };
                    let gradient = targets.as_flattened();
                    arch.dispatch(AddGradients::<W> { chunks, gradient, panel, panels, sums });
                }
            }
        });
    }

    /// Adds up the segments, in their order, and puts the sums where PyTorch has them.
    fn weights_of<const W: usize>(&self, parts: &PartialSums<'_, W>) -> Vec<f32> {
        let square = self.kernel * self.kernel;
        let mut weights = vec![0.0; self.outputs * self.inputs * square];
        let size = parts.depth * parts.panels;
        weights.par_chunks_mut(self.inputs * square).enumerate().for_each(|(output, weights)| {
            let (panel, column) = (output / W, output % W);
            for (number, tap) in parts.of.grid.taps.iter().enumerate() {
                for input in 0..self.inputs {
                    let row = parts.of.source.depth_of(number, input);
                    let place = (row / DEPTH) * parts.panels + panel;
                    weights[input * square + tap.place] = (0..parts.segments)
                        .map(|segment| parts.sums[segment * size + place][row % DEPTH][column])
                        .fold(0.0, |sum, value| sum + value);
                }
            }
        });
        weights
    }
}

impl Correlation<'_> {
    /// Adds what gathered pixels give to `[chunks of the depth from first on][panels]`; the gradient lies panel by panel.
    fn add_gathered<const W: usize>(
        &self,
        gradient: &[f32],
        blocks: Range<usize>,
        first: usize,
        count: usize,
        sums: &mut [[[f32; W]; DEPTH]],
    ) {
        let arch = Arch::new();
        let (all, panels) = (self.grid.pixels(), sums.len() / count);
        SCRATCH.with_borrow_mut(|[gathered, _]| {
            for block in blocks {
                let pixel = block * BLOCK_PIXELS;
                let pixels = BLOCK_PIXELS.min(all - pixel);
                let chunks = self.gather(pixel, pixels, first, count, gathered);
                for panel in 0..panels {
                    let gradient = &gradient[(panel * all + pixel) * W..][..pixels * W];
                    arch.dispatch(AddGradients::<W> { chunks, gradient, panel, panels, sums });
                }
            }
        });
    }
}

struct AddGradients<'a, const W: usize> {
    chunks: Chunks<'a>,
    /// Of a panel, pixel by pixel.
    gradient: &'a [f32],
    panel: usize,
    panels: usize,
    sums: &'a mut [[[f32; W]; DEPTH]],
}

impl<const W: usize> WithSimd for AddGradients<'_, W> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, simd: S) {
        let Self { chunks, gradient, panel, panels, sums } = self;
        let groups = gradient.len().div_ceil(ROWS * W);
        for (depth, sums) in sums.chunks_mut(panels).enumerate() {
            let left = (0..groups).map(
                #[inline(always)]
                |group| chunks.at(group, depth),
            );
            add_transposed_product(simd, left, gradient, W, &mut sums[panel]);
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
