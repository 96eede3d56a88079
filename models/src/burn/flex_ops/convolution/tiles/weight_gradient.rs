//! The gradient of a convolution's weights, from transformed tiles of inputs and of the output's gradient.

use std::marker::PhantomData;

use pulp::{Arch, Simd, WithSimd};
use rayon::prelude::*;

use super::super::super::memory;
use super::super::panel_width;
use super::super::product::{DEPTH, ProductChunk, ROWS, add_transposed_product};
use super::super::winograd::{FilterTransform, both_sides};
use super::{BLOCK, OutputPlace, Rows, SCRATCH, Tiles, TransformInputs, read, write};

/// Bytes of weight gradients that one task sums up.
const GRADIENT_BYTES: usize = 1 << 19;

/// Tasks that the gradient of the weights is cut into at least, where there are blocks enough. Not the number of threads: the
/// order of sums must not depend on that.
const GRADIENT_TASKS: usize = 16;

impl<F: FilterTransform<T, M> + Sync, const T: usize, const M: usize> Tiles<F, T, M> {
    /// The gradient of weights `[outputs, inputs, 3, 3]`.
    pub(in super::super) fn weight_gradient(
        &self,
        values: &[f32],
        gradient: &[f32],
        [inputs, outputs]: [usize; 2],
    ) -> Vec<f32> {
        match panel_width(outputs) {
            64 => self.sum_weight_gradient::<64>(values, gradient, [inputs, outputs]),
            32 => self.sum_weight_gradient::<32>(values, gradient, [inputs, outputs]),
            _ => self.sum_weight_gradient::<16>(values, gradient, [inputs, outputs]),
        }
    }

    fn sum_weight_gradient<const W: usize>(
        &self,
        values: &[f32],
        gradient: &[f32],
        [inputs, outputs]: [usize; 2],
    ) -> Vec<f32> {
        let (depth, panels) = (inputs / DEPTH, outputs.div_ceil(W));
        // The fewer parts, the less is transformed again; square ones are best.
        let (mut depth_part, mut panel_part) = (depth, panels);
        while 4 * Self::POINTS * depth_part * DEPTH * panel_part * W > GRADIENT_BYTES && depth_part * panel_part > 1 {
            if depth_part * DEPTH >= panel_part * W && depth_part > 1 || panel_part == 1 {
                depth_part = depth_part.div_ceil(2);
            } else {
                panel_part = panel_part.div_ceil(2);
            }
        }
        let blocks = self.blocks(BLOCK);
        let parts = depth.div_ceil(depth_part) * panels.div_ceil(panel_part);
        let segments = GRADIENT_TASKS.div_ceil(parts).min(blocks.len()).max(1);
        let size = Self::POINTS * depth * panels * DEPTH * W;
        let mut sums = memory::take(segments * size);
        let mut tasks = Vec::new();
        let mut rest = &mut sums[..];
        for segment in 0..segments {
            let blocks = &blocks[segment * blocks.len() / segments..(segment + 1) * blocks.len() / segments];
            for first_depth in (0..depth).step_by(depth_part) {
                for first_panel in (0..panels).step_by(panel_part) {
                    let chunks = first_depth..depth.min(first_depth + depth_part);
                    let panels = first_panel..panels.min(first_panel + panel_part);
                    let (mine, others) = rest.split_at_mut(Self::POINTS * chunks.len() * panels.len() * DEPTH * W);
                    rest = others;
                    tasks.push((blocks, chunks, panels, mine));
                }
            }
        }
        let arch = Arch::new();
        tasks.par_iter_mut().for_each(|(blocks, chunks, panels, sums)| {
            sums.fill(0.0);
            let sums = sums.as_chunks_mut::<W>().0.as_chunks_mut::<DEPTH>().0;
            SCRATCH.with_borrow_mut(|[transformed, spread]| {
                for &rows in *blocks {
                    let count = rows.count * self.columns();
                    let stride = count.div_ceil(ROWS) * chunks.len() + 1;
                    let transformed = memory::lines(transformed, Self::POINTS * stride * ROWS * DEPTH);
                    let (transformed, _) = transformed.as_chunks_mut();
                    let chunks = chunks.clone();
                    arch.dispatch(TransformInputs { tiles: self, values, inputs, rows, chunks, stride, transformed });
                    let height = count + 1;
                    let (spread, _) = memory::lines(spread, Self::POINTS * height * W).as_chunks_mut::<W>();
                    for (number, panel) in panels.clone().enumerate() {
                        let columns = panel * W..outputs.min((panel + 1) * W);
                        let output = OutputPlace { outputs, columns, height };
                        arch.dispatch(TransformGradients { tiles: self, rows, gradient, output, spread: &mut *spread });
                        let (step, sums) = (panels.len(), &mut sums[number..]);
                        arch.dispatch(AddGradients { transformed, stride, count, spread, height, sums, step });
                    }
                }
            });
        });
        let mut result = vec![0.0; outputs * inputs * 9];
        let parts: Vec<PartialSum<'_>> =
            tasks.into_iter().map(|(_, chunks, panels, sums)| (chunks, panels, &*sums)).collect();
        result.par_chunks_mut(DEPTH * inputs * 9).enumerate().for_each(|(group, result)| {
            arch.dispatch(CollectWeights::<F, T, M, W> { parts: &parts, group, inputs, result, filter: PhantomData });
        });
        drop(parts);
        memory::give(sums);
        result
    }
}

/// Transforms tiles of gradients into `[points][tiles][W]`.
struct TransformGradients<'a, F, const T: usize, const M: usize, const W: usize> {
    tiles: &'a Tiles<F, T, M>,
    rows: Rows,
    gradient: &'a [f32],
    output: OutputPlace,
    spread: &'a mut [[f32; W]],
}

impl<F: FilterTransform<T, M> + Sync, const T: usize, const M: usize, const W: usize> WithSimd
    for TransformGradients<'_, F, T, M, W>
{
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, simd: S) {
        let Self { tiles, rows, gradient, output, spread } = self;
        let OutputPlace { outputs, columns, height } = output;
        let outside = vec![0.0; outputs];
        let size = tiles.height * tiles.width * outputs;
        tiles.each(
            rows,
            #[inline(always)]
            |tile, image, corner| {
                let pixels = tiles.pixels::<M>(&gradient[image * size..][..size], &outside, corner, 0);
                for first in (0..columns.len()).step_by(S::F32_LANES) {
                    let place = columns.start + first;
                    let pixels = read::<S, M>(
                        simd,
                        #[inline(always)]
                        |y, x| &pixels[y][x][place..],
                    );
                    let points = both_sides(
                        simd,
                        pixels,
                        #[inline(always)]
                        |line| F::output_transposed(simd, line),
                    );
                    for (point, value) in points.as_flattened().iter().enumerate() {
                        write::<S>(*value, &mut spread[point * height + tile][first..]);
                    }
                }
            },
        );
    }
}

/// Adds the products of transformed inputs and gradients to `[points][chunks][panels]`, from the first panel on.
struct AddGradients<'a, const W: usize> {
    transformed: &'a [ProductChunk],
    stride: usize,
    /// Tiles.
    count: usize,
    spread: &'a [[f32; W]],
    height: usize,
    sums: &'a mut [[[f32; W]; DEPTH]],
    /// From one chunk's panel to the next chunk's.
    step: usize,
}

impl<const W: usize> WithSimd for AddGradients<'_, W> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, simd: S) {
        let groups = self.count.div_ceil(ROWS);
        let chunks = (self.stride - 1) / groups;
        let points = self.transformed.chunks_exact(self.stride).zip(self.spread.chunks_exact(self.height));
        for (point, (left, right)) in points.enumerate() {
            let right = right[..self.count].as_flattened();
            for number in 0..chunks {
                let left = left[..groups * chunks].iter().skip(number).step_by(chunks);
                let sums = &mut self.sums[(point * chunks + number) * self.step];
                add_transposed_product(simd, left, right, W, sums);
            }
        }
    }
}

/// A part of the transformed weights' gradient: chunks of inputs, panels of outputs, and `[points][chunks][panels]` of sums.
type PartialSum<'a> = (std::ops::Range<usize>, std::ops::Range<usize>, &'a [f32]);

/// Adds up all parts, in their order, and transforms them back, for [`DEPTH`] outputs.
struct CollectWeights<'a, F, const T: usize, const M: usize, const W: usize> {
    parts: &'a [PartialSum<'a>],
    group: usize,
    inputs: usize,
    /// `[DEPTH, inputs, 3, 3]`.
    result: &'a mut [f32],
    filter: PhantomData<F>,
}

impl<F: FilterTransform<T, M>, const T: usize, const M: usize, const W: usize> WithSimd
    for CollectWeights<'_, F, T, M, W>
{
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, simd: S) {
        let (panel, column) = (self.group * DEPTH / W, self.group * DEPTH % W);
        let mut kernels = [[0.0; DEPTH]; 9];
        for chunk in 0..self.inputs / DEPTH {
            let parts: Vec<_> =
                self.parts.iter().filter(|part| part.0.contains(&chunk) && part.1.contains(&panel)).collect();
            for row in 0..DEPTH {
                for lane in (0..DEPTH).step_by(S::F32_LANES) {
                    let mut tile = [[simd.splat_f32s(0.0); T]; T];
                    for (chunks, panels, sums) in &parts {
                        let place = (chunk - chunks.start) * panels.len() + panel - panels.start;
                        let part = read::<S, T>(
                            simd,
                            #[inline(always)]
                            |q, p| {
                                let place = (q * T + p) * chunks.len() * panels.len() + place;
                                &sums[(place * DEPTH + row) * W + column + lane..]
                            },
                        );
                        for (sum, value) in tile.as_flattened_mut().iter_mut().zip(part.as_flattened()) {
                            *sum = simd.add_f32s(*sum, *value);
                        }
                    }
                    let kernel = both_sides(
                        simd,
                        tile,
                        #[inline(always)]
                        |line| F::kernel_transposed(simd, line),
                    );
                    for (kernels, value) in kernels.iter_mut().zip(kernel.as_flattened()) {
                        write::<S>(*value, &mut kernels[lane..]);
                    }
                }
                let input = chunk * DEPTH + row;
                for (lane, result) in self.result.chunks_exact_mut(self.inputs * 9).enumerate() {
                    for (place, kernels) in kernels.iter().enumerate() {
                        result[input * 9 + place] = kernels[lane];
                    }
                }
            }
        }
    }
}
