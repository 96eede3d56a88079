//! 3x3 convolutions of stride 1 as products of transformed tiles ([`super::winograd`]).
//!
//! A block of tiles is transformed into a scratch that fits the cache, multiplied with the transformed weights, point of the
//! tile by point, and transformed back. Nothing of a whole layer is ever transformed but its weights. Channels are multiples
//! of [`DEPTH`].

use std::cell::RefCell;
use std::marker::PhantomData;

use pulp::{Arch, Simd, WithSimd};
use rayon::prelude::*;

use super::super::memory;
use super::product::{DEPTH, ProductChunk, ROWS, add_product, add_transposed_product};
use super::winograd::{FilterTransform, both_sides};
use super::{Epilogue, panel_width};

/// Tiles of a block, if there are enough.
const BLOCK: usize = 48;

/// Bytes of weight gradients that one task sums up.
const GRADIENT_BYTES: usize = 1 << 19;

/// Tasks that the gradient of the weights is cut into at least, where there are blocks enough. Not the number of threads: the
/// order of sums must not depend on that.
const GRADIENT_TASKS: usize = 16;

/// Images `[batch, height, width, ...]`, cut into tiles of `M x M` pixels.
#[derive(Clone, Copy, Debug)]
pub(super) struct Tiles<F, const T: usize, const M: usize> {
    batch: usize,
    height: usize,
    width: usize,
    filter: PhantomData<F>,
}

thread_local! {
    /// Transformed inputs, and products or transformed gradients.
    static SCRATCH: RefCell<[Vec<f32>; 2]> = RefCell::default();
}

/// A row of tiles and how many follow it.
#[derive(Clone, Copy, Debug)]
struct Rows {
    first: usize,
    count: usize,
}

impl<F: FilterTransform<T, M> + Sync, const T: usize, const M: usize> Tiles<F, T, M> {
    /// Points of a transformed tile.
    const POINTS: usize = T * T;

    pub(super) fn new(batch: usize, height: usize, width: usize) -> Self {
        Self { batch, height, width, filter: PhantomData }
    }

    /// Tiles in a row of an image.
    fn columns(&self) -> usize {
        self.width.div_ceil(M)
    }

    /// Rows of tiles in an image.
    fn rows(&self) -> usize {
        self.height.div_ceil(M)
    }

    /// All rows of tiles in blocks of about so many tiles.
    fn blocks(&self, tiles: usize) -> Vec<Rows> {
        let rows = self.batch * self.rows();
        let count = (tiles / self.columns()).max(1);
        (0..rows).step_by(count).map(|first| Rows { first, count: count.min(rows - first) }).collect()
    }

    /// The first pixel of a row of tiles, of all images.
    fn first_pixel(&self, row: usize) -> usize {
        (row / self.rows() * self.height + row % self.rows() * M) * self.width
    }

    /// A correlation of `[batch, height, width, inputs]` with 3x3 weights, `weight(place, input, output)`.
    pub(super) fn correlate(
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

    /// The gradient of weights `[outputs, inputs, 3, 3]`.
    pub(super) fn weight_gradient(&self, values: &[f32], gradient: &[f32], [inputs, outputs]: [usize; 2]) -> Vec<f32> {
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

    /// The `N x N` pixels from (y, x) on of an image, or `outside` where there are none.
    #[inline(always)]
    fn pixels<'a, const N: usize>(
        &self,
        image: &'a [f32],
        outside: &'a [f32],
        [y, x]: [usize; 2],
        border: usize,
    ) -> [[&'a [f32]; N]; N] {
        let channels = outside.len();
        let mut pixels = [[outside; N]; N];
        for (i, pixels) in pixels.iter_mut().enumerate() {
            for (j, pixel) in pixels.iter_mut().enumerate() {
                let (y, x) = (y + i, x + j);
                if y >= border && x >= border && y - border < self.height && x - border < self.width {
                    *pixel = &image[((y - border) * self.width + x - border) * channels..][..channels];
                }
            }
        }
        pixels
    }

    /// Does something for each tile: its number in the block, its image, and its place in it.
    #[inline(always)]
    fn each(&self, rows: Rows, mut work: impl FnMut(usize, usize, [usize; 2])) {
        for row in 0..rows.count {
            let (image, y) = ((rows.first + row) / self.rows(), (rows.first + row) % self.rows());
            for column in 0..self.columns() {
                work(row * self.columns() + column, image, [y * M, column * M]);
            }
        }
    }
}

/// A tile, vector by vector, from wherever its points lie.
#[inline(always)]
fn read<'a, S: Simd, const N: usize>(simd: S, point: impl Fn(usize, usize) -> &'a [f32]) -> [[S::f32s; N]; N] {
    let mut tile = [[simd.splat_f32s(0.0); N]; N];
    for (i, tile) in tile.iter_mut().enumerate() {
        for (j, value) in tile.iter_mut().enumerate() {
            *value = S::as_simd_f32s(&point(i, j)[..S::F32_LANES]).0[0];
        }
    }
    tile
}

#[inline(always)]
fn write<S: Simd>(value: S::f32s, place: &mut [f32]) {
    S::as_mut_simd_f32s(&mut place[..S::F32_LANES]).0[0] = value;
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

/// Transforms tiles of inputs into chunks, `[points][groups of tiles][chunks of channels]`, points `stride` apart.
struct TransformInputs<'a, F, const T: usize, const M: usize> {
    tiles: &'a Tiles<F, T, M>,
    values: &'a [f32],
    inputs: usize,
    rows: Rows,
    chunks: std::ops::Range<usize>,
    stride: usize,
    transformed: &'a mut [ProductChunk],
}

impl<F: FilterTransform<T, M> + Sync, const T: usize, const M: usize> WithSimd for TransformInputs<'_, F, T, M> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, simd: S) {
        let Self { tiles, values, inputs, rows, chunks, stride, transformed } = self;
        let outside = vec![0.0; inputs];
        let size = tiles.height * tiles.width * inputs;
        tiles.each(
            rows,
            #[inline(always)]
            |tile, image, corner| {
                let pixels = tiles.pixels::<T>(&values[image * size..][..size], &outside, corner, 1);
                let (group, row) = (tile / ROWS, tile % ROWS);
                for (number, chunk) in chunks.clone().enumerate() {
                    for lane in (0..DEPTH).step_by(S::F32_LANES) {
                        let first = chunk * DEPTH + lane;
                        let tile = read::<S, T>(
                            simd,
                            #[inline(always)]
                            |y, x| &pixels[y][x][first..],
                        );
                        let points = both_sides(
                            simd,
                            tile,
                            #[inline(always)]
                            |line| F::input(simd, line),
                        );
                        for (point, value) in points.as_flattened().iter().enumerate() {
                            let chunk = &mut transformed[point * stride + group * chunks.len() + number];
                            write::<S>(*value, &mut chunk[row * DEPTH + lane..]);
                        }
                    }
                }
            },
        );
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
                add_product(simd, left, right, products);
            }
        }
    }
}

/// Columns of an output, and how they lie while they are transformed.
#[derive(Clone)]
struct OutputPlace {
    /// Channels of the output.
    outputs: usize,
    /// Those of this panel.
    columns: std::ops::Range<usize>,
    /// Rows of each point.
    height: usize,
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
