//! Gradient clipping by the norm of all gradients together, as PyTorch's `clip_grad_norm_` does it (Pascanu, Mikolov and
//! Bengio, "On the difficulty of training recurrent neural networks", ICML 2013).
//!
//! The norm needs a pass over the gradients of its own, before the one over the parameters. Squares are added in double precision in
//! fixed lanes and chunks, so that neither threads nor instruction sets change a bit.

use pulp::{Arch, Simd, WithSimd};
use rayon::prelude::*;

use super::Gradient;
use super::chunk::CHUNK;
use super::norm_epsilon::NORM_EPSILON;

/// Lanes in which squares are added; one AVX-512 register.
const LANES: usize = 8;

/// What gradients with this squared norm are multiplied by, so that their norm is at most `max_norm`. With a norm that is no number, 1: the
/// gradients say so themselves.
pub(crate) fn clip_factor(squared_norm: f64, max_norm: f64) -> f32 {
    (max_norm / (squared_norm.sqrt() + NORM_EPSILON)).min(1.0) as f32
}

/// The sum of the squares of a parameter's gradient.
pub(crate) fn sum_of_squares(arch: Arch, gradient: &Gradient<'_>) -> f64 {
    let squares = |number| arch.dispatch(Squares(&gradient.chunk(number)));
    if gradient.chunks() == 1 {
        return squares(0);
    }
    let partial: Vec<f64> = (0..gradient.chunks()).into_par_iter().map(squares).collect();
    partial.iter().sum()
}

/// Adds a gradient to another one of the same length.
pub(crate) fn add_gradient(sum: &mut [f32], gradient: &Gradient<'_>) {
    sum.par_chunks_mut(CHUNK).enumerate().for_each(|(number, sum)| {
        sum.iter_mut().zip(gradient.chunk(number).iter()).for_each(|(sum, gradient)| *sum += gradient);
    });
}

/// One thread's part of a norm.
struct Squares<'a>(&'a [f32]);

impl WithSimd for Squares<'_> {
    type Output = f64;

    #[inline(always)]
    fn with_simd<S: Simd>(self, _: S) -> f64 {
        let (rows, last) = self.0.as_chunks::<LANES>();
        let mut lanes = [0.0_f64; LANES];
        for row in rows {
            for (lane, value) in lanes.iter_mut().zip(row) {
                *lane += f64::from(*value) * f64::from(*value);
            }
        }
        for (lane, value) in lanes.iter_mut().zip(last) {
            *lane += f64::from(*value) * f64::from(*value);
        }
        lanes.iter().sum()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_norm_is_that_of_all_elements_whatever_the_length_and_the_instruction_set() {
        for length in [0, 1, 7, 8, 9, CHUNK - 1, CHUNK, CHUNK + 1, 3 * CHUNK + 5] {
            let values: Vec<f32> = (0..length).map(|index| (index % 7) as f32 - 3.0).collect();
            // Whole numbers: the sum is exact in any order.
            let expected: f64 = values.iter().map(|value| f64::from(value * value)).sum();
            assert_eq!(sum_of_squares(Arch::new(), &Gradient::Whole(&values)), expected, "{length}");
            assert_eq!(sum_of_squares(Arch::Scalar, &Gradient::Whole(&values)), expected, "{length}");
        }
    }

    /// In single precision the squares would be infinite, and 0.
    #[test]
    fn squares_beyond_single_precision_are_added() {
        assert_eq!(sum_of_squares(Arch::new(), &Gradient::Whole(&[3e30, 4e30])).sqrt() as f32, 5e30);
        assert_eq!(sum_of_squares(Arch::new(), &Gradient::Whole(&[3e-30, 4e-30])).sqrt() as f32, 5e-30);
    }

    #[test]
    fn a_factor_brings_a_norm_to_the_largest_and_leaves_a_smaller_one() {
        assert_eq!(clip_factor(25.0, 2.5), (2.5 / 5.000_001) as f32);
        assert_eq!(clip_factor(25.0, 5.1), 1.0);
        assert_eq!(clip_factor(0.0, 1.0), 1.0);
        assert_eq!(clip_factor(f64::INFINITY, 1.0), 0.0);
        assert_eq!(clip_factor(f64::NAN, 1.0), 1.0);
    }

    #[test]
    fn gradients_are_added_element_by_element() {
        let mut sum: Vec<f32> = (0..2 * CHUNK + 3).map(|index| index as f32).collect();
        let other: Vec<f32> = sum.iter().map(|value| 0.5 * value).collect();
        add_gradient(&mut sum, &Gradient::Whole(&other));
        assert!(sum.iter().enumerate().all(|(index, value)| *value == 1.5 * index as f32));
    }
}
