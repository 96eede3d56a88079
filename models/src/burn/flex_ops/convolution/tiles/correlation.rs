//! Correlations of transformed tiles: the output of a convolution, and with turned weights the gradient of its input.

use std::marker::PhantomData;

use pulp::{Arch, Simd, WithSimd};
use rayon::prelude::*;

use super::super::super::memory;
use super::super::product::{DEPTH, ProductChunk, ROWS, add_product};
use super::super::winograd::{FilterTransform, both_sides};
use super::super::{Epilogue, panel_width};
use super::{BLOCK, OutputPlace, Rows, SCRATCH, Tiles, TransformInputs, read, write};

impl<F: FilterTransform<T, M> + Sync, const T: usize, const M: usize> Tiles<F, T, M> {
    /// A correlation of `[batch, height, width, inputs]` with 3x3 weights, `weight(place, input, output)`.
    pub(in super::super) fn correlate(
        &self,
        values: &[f32],
        [inputs, outputs]: [usize; 2],
        weight: impl Fn(usize, usize, usize) -> f32 + Sync,
        epilogue: &Epilogue<'_>,
        result: &mut [f32],
    ) {
        match panel_width(outputs) {
            64 => self.correlate_panels::<64>(values, [inputs, outputs], weight, epilogue, result),
            32 => self.correlate_panels::<32>(values, [inputs, outputs], weight, epilogue, result),
            _ => self.correlate_panels::<16>(values, [inputs, outputs], weight, epilogue, result),
        }
    }

    fn correlate_panels<const W: usize>(
        &self,
        values: &[f32],
        [inputs, outputs]: [usize; 2],
        weight: impl Fn(usize, usize, usize) -> f32 + Sync,
        epilogue: &Epilogue<'_>,
        result: &mut [f32],
    ) {
        let arch = Arch::new();
        let size = Self::POINTS * inputs * W;
        let mut weights = memory::take(outputs.div_ceil(W) * size);
        weights.par_chunks_mut(size).enumerate().for_each(|(panel, weights)| {
            let columns = W.min(outputs - panel * W);
            arch.dispatch(TransformWeights::<F, _, T, M, W> {
                weight: |place, input, column| weight(place, input, panel * W + column),
                inputs,
                columns,
                weights,
                filter: PhantomData,
            });
        });
        // Which tiles come together does not matter to the bits.
        let tiles = self.batch * self.rows() * self.columns();
        let share = tiles.div_ceil(4 * rayon::current_num_threads()).next_multiple_of(ROWS);
        let mut rest = result;
        let mut blocks = Vec::new();
        for rows in self.blocks(BLOCK.min(share)) {
            let pixels = self.first_pixel(rows.first + rows.count) - self.first_pixel(rows.first);
            let (mine, others) = rest.split_at_mut(pixels * outputs);
            rest = others;
            blocks.push((rows, mine));
        }
        blocks.into_par_iter().for_each(|(rows, result)| {
            SCRATCH.with_borrow_mut(|[transformed, products]| {
                let tiles = rows.count * self.columns();
                let stride = tiles.div_ceil(ROWS) * (inputs / DEPTH) + 1;
                let transformed = memory::lines(transformed, Self::POINTS * stride * ROWS * DEPTH);
                let (transformed, _) = transformed.as_chunks_mut();
                let all = 0..inputs / DEPTH;
                arch.dispatch(TransformInputs { tiles: self, values, inputs, rows, chunks: all, stride, transformed });
                let height = tiles.next_multiple_of(ROWS) + 1;
                let (products, _) = memory::lines(products, Self::POINTS * height * W).as_chunks_mut::<W>();
                for (panel, weights) in weights.chunks(size).enumerate() {
                    let weights = weights.as_chunks::<W>().0;
                    arch.dispatch(Multiply { transformed, stride, inputs, tiles, weights, height, products });
                    let columns = panel * W..outputs.min((panel + 1) * W);
                    let output = OutputPlace { outputs, columns, height };
                    arch.dispatch(TransformOutputs { tiles: self, rows, products, output, result: &mut *result });
                }
                epilogue.apply(self.first_pixel(rows.first) * outputs, outputs, result);
            });
        });
        memory::give(weights);
    }
}

/// Transforms kernels into `[points, inputs, W]`.
struct TransformWeights<'a, F, G, const T: usize, const M: usize, const W: usize> {
    /// By place in the kernel, input and column.
    weight: G,
    inputs: usize,
    /// Columns that there are.
    columns: usize,
    weights: &'a mut [f32],
    filter: PhantomData<F>,
}

impl<F, G, const T: usize, const M: usize, const W: usize> WithSimd for TransformWeights<'_, F, G, T, M, W>
where
    F: FilterTransform<T, M>,
    G: Fn(usize, usize, usize) -> f32,
{
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, simd: S) {
        let mut kernels = [[0.0; DEPTH]; 9];
        for input in 0..self.inputs {
            for first in (0..W).step_by(DEPTH) {
                for lane in 0..DEPTH {
                    for (place, kernels) in kernels.iter_mut().enumerate() {
                        kernels[lane] =
                            if first + lane < self.columns { (self.weight)(place, input, first + lane) } else { 0.0 };
                    }
                }
                for lane in (0..DEPTH).step_by(S::F32_LANES) {
                    let kernel = read::<S, 3>(
                        simd,
                        #[inline(always)]
                        |y, x| &kernels[3 * y + x][lane..],
                    );
                    let points = both_sides(
                        simd,
                        kernel,
                        #[inline(always)]
                        |line| F::kernel(simd, line),
                    );
                    for (point, value) in points.as_flattened().iter().enumerate() {
                        write::<S>(*value, &mut self.weights[(point * self.inputs + input) * W + first + lane..]);
                    }
                }
            }
        }
    }
}

/// Multiplies the points of inputs with those of weights.
struct Multiply<'a, const W: usize> {
    transformed: &'a [ProductChunk],
    stride: usize,
    inputs: usize,
    tiles: usize,
    weights: &'a [[f32; W]],
    /// Rows of products for each point, of which the last is not used: without it all points would share cache sets.
    height: usize,
    products: &'a mut [[f32; W]],
}

impl<const W: usize> WithSimd for Multiply<'_, W> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, simd: S) {
        let depth = self.inputs / DEPTH;
        let points = self.transformed.chunks_exact(self.stride).zip(self.weights.chunks_exact(self.inputs));
        for ((left, right), products) in points.zip(self.products.chunks_mut(self.height)) {
            let groups = left.chunks_exact(depth).zip(products.chunks_exact_mut(ROWS)).take(self.tiles.div_ceil(ROWS));
            for (left, products) in groups {
                products.fill([0.0; W]);
                add_product(simd, left.iter(), right, products);
            }
        }
    }
}

/// Transforms products back into pixels.
struct TransformOutputs<'a, F, const T: usize, const M: usize, const W: usize> {
    tiles: &'a Tiles<F, T, M>,
    rows: Rows,
    products: &'a [[f32; W]],
    output: OutputPlace,
    result: &'a mut [f32],
}

impl<F: FilterTransform<T, M> + Sync, const T: usize, const M: usize, const W: usize> WithSimd
    for TransformOutputs<'_, F, T, M, W>
{
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, simd: S) {
        let Self { tiles, rows, products, output, result } = self;
        let OutputPlace { outputs, columns, height } = output;
        let start = tiles.first_pixel(rows.first);
        tiles.each(
            rows,
            #[inline(always)]
            |tile, image, [y, x]| {
                for first in (0..columns.len()).step_by(S::F32_LANES) {
                    let points = read::<S, T>(
                        simd,
                        #[inline(always)]
                        |q, p| &products[(q * T + p) * height + tile][first..],
                    );
                    let pixels = both_sides(
                        simd,
                        points,
                        #[inline(always)]
                        |line| F::output(simd, line),
                    );
                    for (y, pixels) in (y..tiles.height).zip(&pixels) {
                        for (x, pixel) in (x..tiles.width).zip(pixels) {
                            let place = (image * tiles.height + y) * tiles.width + x - start;
                            write::<S>(*pixel, &mut result[place * outputs + columns.start + first..]);
                        }
                    }
                }
            },
        );
    }
}
