//! The two register-blocked products that every convolution here comes down to.
//!
//! The left factor lies in [`ProductChunk`]s: [`ROWS`] pixels of [`DEPTH`] channels each. The right factor has rows of `W` columns, a
//! panel. Each element is summed in one order with fused multiply-adds, so its bits depend neither on the number of threads
//! nor on the width of the vectors.

use pulp::Simd;

/// Rows of a chunk: pixels.
pub(super) const ROWS: usize = 12;

/// Columns of a chunk: channels.
pub(super) const DEPTH: usize = 16;

/// [`ROWS`] pixels of [`DEPTH`] channels, pixel by pixel.
pub(super) type ProductChunk = [f32; ROWS * DEPTH];

/// Adds `left right` to `sums`: `sums[row][column] += sum over k of left[row][k] right[k][column]`, all `[ROWS, W]`.
#[inline(always)]
pub(super) fn add_product<'a, S: Simd, const W: usize>(
    simd: S,
    left: impl Iterator<Item = &'a ProductChunk> + Clone,
    right: &[[f32; W]],
    sums: &mut [[f32; W]],
) {
    match (S::F32_LANES, W) {
        (16, 64) => {
            product_rows::<S, 6, 4, W>(simd, left.clone(), 0, right, 0, sums);
            product_rows::<S, 6, 4, W>(simd, left.clone(), 6, right, 0, sums);
        }
        (16, 32) => product_rows::<S, 12, 2, W>(simd, left.clone(), 0, right, 0, sums),
        (16, _) => product_rows::<S, 12, 1, W>(simd, left.clone(), 0, right, 0, sums),
        (8, _) => {
            for column in (0..W).step_by(16) {
                product_rows::<S, 6, 2, W>(simd, left.clone(), 0, right, column, sums);
                product_rows::<S, 6, 2, W>(simd, left.clone(), 6, right, column, sums);
            }
        }
        (4, _) => {
            for column in (0..W).step_by(16) {
                product_rows::<S, 6, 4, W>(simd, left.clone(), 0, right, column, sums);
                product_rows::<S, 6, 4, W>(simd, left.clone(), 6, right, column, sums);
            }
        }
        _ => {
            for column in (0..W).step_by(S::F32_LANES) {
                product_rows::<S, 12, 1, W>(simd, left.clone(), 0, right, column, sums);
            }
        }
    }
}

/// [`add_product`] for `R` rows and `V` vectors of columns, whose sums stay in registers.
#[inline(always)]
fn product_rows<'a, S: Simd, const R: usize, const V: usize, const W: usize>(
    simd: S,
    left: impl Iterator<Item = &'a ProductChunk>,
    row: usize,
    right: &[[f32; W]],
    column: usize,
    sums: &mut [[f32; W]],
) {
    let mut registers: [[S::f32s; V]; R] = std::array::from_fn(|r| vectors::<S, V>(&sums[row + r][column..]));
    for (chunk, right) in left.zip(right.as_chunks::<DEPTH>().0) {
        for (k, right) in right.iter().enumerate() {
            let right = vectors::<S, V>(&right[column..]);
            for (r, registers) in registers.iter_mut().enumerate() {
                let left = simd.splat_f32s(chunk[(row + r) * DEPTH + k]);
                for (register, &right) in registers.iter_mut().zip(&right) {
                    *register = simd.mul_add_f32s(left, right, *register);
                }
            }
        }
    }
    for (registers, sums) in registers.iter().zip(&mut sums[row..]) {
        store::<S, V>(registers, &mut sums[column..]);
    }
}

/// Adds the products of transposed chunks: `sums[k][column] += sum over chunks and their rows of left[row][k] right[row][column]`.
///
/// `right` begins at the panel's first column and has `stride` values a row; it may end before the last chunk does, whose
/// further rows do not count.
#[inline(always)]
pub(super) fn add_transposed_product<'a, S: Simd, const W: usize>(
    simd: S,
    left: impl Iterator<Item = &'a ProductChunk> + Clone,
    right: &[f32],
    stride: usize,
    sums: &mut [[f32; W]; DEPTH],
) {
    match (S::F32_LANES, W) {
        (16, 64) => {
            for k in (0..DEPTH).step_by(4) {
                transposed_columns::<S, 4, 4, W>(simd, left.clone(), k, right, stride, 0, sums);
            }
        }
        (16, 32) => {
            for k in (0..DEPTH).step_by(8) {
                transposed_columns::<S, 8, 2, W>(simd, left.clone(), k, right, stride, 0, sums);
            }
        }
        (16, _) => transposed_columns::<S, 16, 1, W>(simd, left, 0, right, stride, 0, sums),
        (8, _) => {
            for column in (0..W).step_by(16) {
                for k in (0..DEPTH).step_by(4) {
                    transposed_columns::<S, 4, 2, W>(simd, left.clone(), k, right, stride, column, sums);
                }
            }
        }
        (4, _) => {
            for column in (0..W).step_by(16) {
                for k in (0..DEPTH).step_by(4) {
                    transposed_columns::<S, 4, 4, W>(simd, left.clone(), k, right, stride, column, sums);
                }
            }
        }
        _ => {
            for column in (0..W).step_by(S::F32_LANES) {
                transposed_columns::<S, 16, 1, W>(simd, left.clone(), 0, right, stride, column, sums);
            }
        }
    }
}

/// [`add_transposed_product`] for `K` columns of the chunks and `V` vectors of columns.
#[inline(always)]
fn transposed_columns<'a, S: Simd, const K: usize, const V: usize, const W: usize>(
    simd: S,
    left: impl Iterator<Item = &'a ProductChunk>,
    first: usize,
    right: &[f32],
    stride: usize,
    column: usize,
    sums: &mut [[f32; W]; DEPTH],
) {
    let mut registers: [[S::f32s; V]; K] = std::array::from_fn(|k| vectors::<S, V>(&sums[first + k][column..]));
    for (chunk, right) in left.zip(right.chunks(ROWS * stride)) {
        for (pixel, right) in chunk.as_chunks::<DEPTH>().0.iter().zip(right.chunks(stride)) {
            let right = vectors::<S, V>(&right[column..]);
            for (k, registers) in registers.iter_mut().enumerate() {
                let left = simd.splat_f32s(pixel[first + k]);
                for (register, &right) in registers.iter_mut().zip(&right) {
                    *register = simd.mul_add_f32s(left, right, *register);
                }
            }
        }
    }
    for (registers, sums) in registers.iter().zip(&mut sums[first..]) {
        store::<S, V>(registers, &mut sums[column..]);
    }
}

#[inline(always)]
fn vectors<S: Simd, const V: usize>(values: &[f32]) -> [S::f32s; V] {
    let (vectors, _) = S::as_simd_f32s(&values[..V * S::F32_LANES]);
    std::array::from_fn(|v| vectors[v])
}

#[inline(always)]
fn store<S: Simd, const V: usize>(registers: &[S::f32s; V], values: &mut [f32]) {
    let (vectors, _) = S::as_mut_simd_f32s(&mut values[..V * S::F32_LANES]);
    vectors.copy_from_slice(registers);
}
