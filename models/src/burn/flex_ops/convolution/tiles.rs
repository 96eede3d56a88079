//! 3x3 convolutions of stride 1 as products of transformed tiles ([`super::winograd`]).
//!
//! A block of tiles is transformed into a scratch that fits the cache, multiplied with the transformed weights, point of the
//! tile by point, and transformed back. Nothing of a whole layer is ever transformed but its weights. Channels are multiples
//! of [`DEPTH`].

mod correlation;
mod weight_gradient;

use std::cell::RefCell;
use std::marker::PhantomData;

use pulp::{Simd, WithSimd};

use super::product::{DEPTH, ProductChunk, ROWS};
use super::winograd::{FilterTransform, both_sides};

/// Tiles of a block, if there are enough.
const BLOCK: usize = 48;

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
