//! Winograd's minimal filtering of tiles (Lavin and Gray 2015, <https://arxiv.org/abs/1509.09308>): F(2x2, 3x3) and F(4x4, 3x3).
//!
//! A tile of `M x M` outputs of a 3x3 convolution is made of `T x T` inputs with `T x T` multiplications where the definition
//! has `9 M M`. Each transform here is that of a line; a tile takes it along both sides. With `'` for the transposed matrices, an
//! output is `output(kernel(g) * input(d))`, and the gradient of a kernel is `kernel'(input(d) * output'(gradient))`.
//!
//! F(4x4, 3x3) interpolates at 0, ±√½, ±√2 and infinity: against double precision its error is 2.2 times that of plain sums, where
//! the usual 0, ±1, ±2 has 4.2 times (root mean squares of 64 and 512 channels behind ReLU). That of F(2x2, 3x3), at 0, ±1 and
//! infinity, is 0.7 times.

use std::f32::consts::{FRAC_1_SQRT_2, SQRT_2};

use pulp::Simd;

/// Tiles of `M x M` outputs that are computed from `T x T` inputs.
pub(super) trait FilterTransform<const T: usize, const M: usize> {
    /// Of inputs.
    fn input<S: Simd>(simd: S, d: [S::f32s; T]) -> [S::f32s; T];
    /// Of kernels.
    fn kernel<S: Simd>(simd: S, g: [S::f32s; 3]) -> [S::f32s; T];
    /// Of products.
    fn output<S: Simd>(simd: S, m: [S::f32s; T]) -> [S::f32s; M];
    /// `output` transposed: of gradients of outputs.
    fn output_transposed<S: Simd>(simd: S, y: [S::f32s; M]) -> [S::f32s; T];
    /// `kernel` transposed: of gradients of transformed kernels.
    fn kernel_transposed<S: Simd>(simd: S, u: [S::f32s; T]) -> [S::f32s; 3];
}

/// F(2x2, 3x3).
pub(super) struct TwoByTwo;

impl FilterTransform<4, 2> for TwoByTwo {
    #[inline(always)]
    fn input<S: Simd>(simd: S, [d0, d1, d2, d3]: [S::f32s; 4]) -> [S::f32s; 4] {
        [simd.sub_f32s(d0, d2), simd.add_f32s(d1, d2), simd.sub_f32s(d2, d1), simd.sub_f32s(d1, d3)]
    }

    #[inline(always)]
    fn kernel<S: Simd>(simd: S, [g0, g1, g2]: [S::f32s; 3]) -> [S::f32s; 4] {
        let half = simd.splat_f32s(0.5);
        let even = simd.mul_f32s(half, simd.add_f32s(g0, g2));
        let odd = simd.mul_f32s(half, g1);
        [g0, simd.add_f32s(even, odd), simd.sub_f32s(even, odd), g2]
    }

    #[inline(always)]
    fn output<S: Simd>(simd: S, [m0, m1, m2, m3]: [S::f32s; 4]) -> [S::f32s; 2] {
        [simd.add_f32s(m0, simd.add_f32s(m1, m2)), simd.sub_f32s(simd.sub_f32s(m1, m2), m3)]
    }

    #[inline(always)]
    fn output_transposed<S: Simd>(simd: S, [y0, y1]: [S::f32s; 2]) -> [S::f32s; 4] {
        [y0, simd.add_f32s(y0, y1), simd.sub_f32s(y0, y1), simd.neg_f32s(y1)]
    }

    #[inline(always)]
    fn kernel_transposed<S: Simd>(simd: S, [u0, u1, u2, u3]: [S::f32s; 4]) -> [S::f32s; 3] {
        let half = simd.splat_f32s(0.5);
        let even = simd.mul_f32s(half, simd.add_f32s(u1, u2));
        let odd = simd.mul_f32s(half, simd.sub_f32s(u1, u2));
        [simd.add_f32s(u0, even), odd, simd.add_f32s(even, u3)]
    }
}

/// F(4x4, 3x3).
pub(super) struct FourByFour;

impl FilterTransform<6, 4> for FourByFour {
    #[inline(always)]
    fn input<S: Simd>(simd: S, [d0, d1, d2, d3, d4, d5]: [S::f32s; 6]) -> [S::f32s; 6] {
        let Factors { a, b, .. } = Factors::new(simd);
        let even_a = plus(simd, d4, -2.0, d2);
        let odd_a = plus(simd, d3, -2.0, d1);
        let even_b = plus(simd, d4, -0.5, d2);
        let odd_b = plus(simd, d3, -0.5, d1);
        [
            plus(simd, simd.add_f32s(d0, d4), -2.5, d2),
            simd.mul_add_f32s(a, odd_a, even_a),
            simd.mul_add_f32s(simd.neg_f32s(a), odd_a, even_a),
            simd.mul_add_f32s(b, odd_b, even_b),
            simd.mul_add_f32s(simd.neg_f32s(b), odd_b, even_b),
            plus(simd, simd.add_f32s(d1, d5), -2.5, d3),
        ]
    }

    #[inline(always)]
    fn kernel<S: Simd>(simd: S, [g0, g1, g2]: [S::f32s; 3]) -> [S::f32s; 6] {
        let Factors { a, b, minus_two_thirds, sixth } = Factors::new(simd);
        let even_a = simd.mul_f32s(minus_two_thirds, plus(simd, g0, 0.5, g2));
        let odd_a = simd.mul_f32s(minus_two_thirds, simd.mul_f32s(a, g1));
        let even_b = simd.mul_f32s(sixth, plus(simd, g0, 2.0, g2));
        let odd_b = simd.mul_f32s(sixth, simd.mul_f32s(b, g1));
        [
            g0,
            simd.add_f32s(even_a, odd_a),
            simd.sub_f32s(even_a, odd_a),
            simd.add_f32s(even_b, odd_b),
            simd.sub_f32s(even_b, odd_b),
            g2,
        ]
    }

    #[inline(always)]
    fn output<S: Simd>(simd: S, [m0, m1, m2, m3, m4, m5]: [S::f32s; 6]) -> [S::f32s; 4] {
        let Factors { a, b, .. } = Factors::new(simd);
        let (sum_a, sum_b) = (simd.add_f32s(m1, m2), simd.add_f32s(m3, m4));
        let odd_a = simd.mul_f32s(a, simd.sub_f32s(m1, m2));
        let odd_b = simd.mul_f32s(b, simd.sub_f32s(m3, m4));
        [
            simd.add_f32s(m0, simd.add_f32s(sum_a, sum_b)),
            simd.add_f32s(odd_a, odd_b),
            plus(simd, simd.add_f32s(sum_b, sum_b), 0.5, sum_a),
            plus(simd, plus(simd, m5, 2.0, odd_b), 0.5, odd_a),
        ]
    }

    #[inline(always)]
    fn output_transposed<S: Simd>(simd: S, [y0, y1, y2, y3]: [S::f32s; 4]) -> [S::f32s; 6] {
        let Factors { a, b, .. } = Factors::new(simd);
        let even_a = plus(simd, y0, 0.5, y2);
        let odd_a = plus(simd, y1, 0.5, y3);
        let even_b = plus(simd, y0, 2.0, y2);
        let odd_b = plus(simd, y1, 2.0, y3);
        [
            y0,
            simd.mul_add_f32s(a, odd_a, even_a),
            simd.mul_add_f32s(simd.neg_f32s(a), odd_a, even_a),
            simd.mul_add_f32s(b, odd_b, even_b),
            simd.mul_add_f32s(simd.neg_f32s(b), odd_b, even_b),
            y3,
        ]
    }

    #[inline(always)]
    fn kernel_transposed<S: Simd>(simd: S, [u0, u1, u2, u3, u4, u5]: [S::f32s; 6]) -> [S::f32s; 3] {
        let Factors { a, b, minus_two_thirds, sixth } = Factors::new(simd);
        let even_a = simd.mul_f32s(minus_two_thirds, simd.add_f32s(u1, u2));
        let odd_a = simd.mul_f32s(minus_two_thirds, simd.sub_f32s(u1, u2));
        let even_b = simd.mul_f32s(sixth, simd.add_f32s(u3, u4));
        let odd_b = simd.mul_f32s(sixth, simd.sub_f32s(u3, u4));
        [
            simd.add_f32s(u0, simd.add_f32s(even_a, even_b)),
            simd.mul_add_f32s(a, odd_a, simd.mul_f32s(b, odd_b)),
            plus(simd, plus(simd, u5, 2.0, even_b), 0.5, even_a),
        ]
    }
}

/// What F(4x4, 3x3) multiplies with beside powers of two and their sums.
struct Factors<S: Simd> {
    /// The smaller point.
    a: S::f32s,
    /// The larger point.
    b: S::f32s,
    /// One over the product of the smaller point's distances to the others.
    minus_two_thirds: S::f32s,
    /// The same for the larger.
    sixth: S::f32s,
}

impl<S: Simd> Factors<S> {
    #[inline(always)]
    fn new(simd: S) -> Self {
        Self {
            a: simd.splat_f32s(FRAC_1_SQRT_2),
            b: simd.splat_f32s(SQRT_2),
            minus_two_thirds: simd.splat_f32s(-2.0 / 3.0),
            sixth: simd.splat_f32s(1.0 / 6.0),
        }
    }
}

/// `sum + factor x`.
#[inline(always)]
fn plus<S: Simd>(simd: S, sum: S::f32s, factor: f32, x: S::f32s) -> S::f32s {
    simd.mul_add_f32s(simd.splat_f32s(factor), x, sum)
}

/// Takes lines of both sides of a tile: `line(line(tile)')'`, and transposes it.
#[inline(always)]
pub(super) fn both_sides<S: Simd, const I: usize, const O: usize>(
    simd: S,
    tile: [[S::f32s; I]; I],
    line: impl Fn([S::f32s; I]) -> [S::f32s; O],
) -> [[S::f32s; O]; O] {
    let zero = simd.splat_f32s(0.0);
    let mut columns = [[zero; I]; O];
    for (row, values) in tile.into_iter().enumerate() {
        for (columns, value) in columns.iter_mut().zip(line(values)) {
            columns[row] = value;
        }
    }
    let mut result = [[zero; O]; O];
    for (result, column) in result.iter_mut().zip(columns) {
        *result = line(column);
    }
    result
}
