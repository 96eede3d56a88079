//! Sobol's sequence (1967): the first 2^k points have exactly one point in each of 2^k equal boxes of many shapes, so a few
//! trials look at the whole range of everything that varies.
//!
//! With a seed the bits of all points of a dimension are flipped alike (a digital shift), which keeps that property. Without
//! one the sequence is the published one, in the order of Gray codes, as in SciPy.

use super::directions::DIRECTIONS;
use super::draw::Draw;

/// How many things can vary.
pub const MOST_DIMENSIONS: usize = DIRECTIONS.len() + 1;

/// A coordinate of a point of the published sequence, in units of 2^-32; none beyond [`MOST_DIMENSIONS`].
pub fn coordinate(trial: u32, dimension: usize) -> Option<u32> {
    let numbers = direction_numbers(dimension)?;
    let gray = trial ^ (trial >> 1);
    Some(
        numbers
            .iter()
            .enumerate()
            .fold(0, |point, (bit, number)| if gray >> bit & 1 == 1 { point ^ number } else { point }),
    )
}

/// A coordinate in [0, 1) of a point of the sequence that is shifted by a seed.
pub fn shifted(trial: u32, dimension: usize, seed: u64) -> Option<f64> {
    const UNITS: f64 = (1_u64 << 32) as f64;
    let Draw(shift, _) = Draw::new(seed, 0, &format!("sobol {dimension}"));
    let point = coordinate(trial, dimension)? ^ ((shift * UNITS) as u32);
    // The middle of the box: no coordinate is the end of a range.
    Some((f64::from(point) + 0.5) / UNITS)
}

/// Bit by bit what a trial's Gray code adds.
fn direction_numbers(dimension: usize) -> Option<[u32; 32]> {
    let mut numbers = [0; 32];
    let Some(index) = dimension.checked_sub(1) else {
        // The first dimension is the bits in reverse order.
        numbers.iter_mut().zip((0..32).rev()).for_each(|(number, bit)| *number = 1 << bit);
        return Some(numbers);
    };
    let (polynomial, first) = DIRECTIONS.get(index)?;
    let degree = first.len();
    for bit in 0..32 {
        numbers[bit] = match first.get(bit) {
            Some(odd) => odd << (31 - bit),
            None => {
                let before = numbers[bit - degree];
                (1..degree).fold(before ^ (before >> degree), |number, back| {
                    if polynomial >> (degree - back) & 1 == 1 { number ^ numbers[bit - back] } else { number }
                })
            }
        };
    }
    Some(numbers)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn unit(trial: u32, dimension: usize) -> f64 {
        f64::from(coordinate(trial, dimension).unwrap()) / 2_f64.powi(32)
    }

    /// SciPy 1.17: `qmc.Sobol(d=64, scramble=False).random(1024)`.
    #[test]
    fn the_points_are_those_of_scipy() {
        let first = [[0.0; 5], [0.5; 5], [0.75, 0.25, 0.25, 0.25, 0.75], [0.25, 0.75, 0.75, 0.75, 0.25]];
        for (trial, row) in first.iter().enumerate() {
            assert_eq!([0, 1, 2, 3, 4].map(|dimension| unit(trial as u32, dimension)), *row);
        }
        let row_777 = [0.69238281, 0.93652344, 0.16308594, 0.54199219, 0.42675781];
        let found = [0, 1, 2, 30, 63].map(|dimension| unit(777, dimension));
        assert!(found.iter().zip(row_777).all(|(found, scipy)| (found - scipy).abs() < 5e-9), "{found:?}");
        // The sum of all 1024 x 64 coordinates, and of each times its row's number.
        let sums = (0..1024).flat_map(|trial| (0..64).map(move |dimension| (unit(trial, dimension), trial)));
        let (sum, weighted) = sums.fold((0.0, 0.0), |(a, b), (value, trial)| (a + value, b + value * f64::from(trial)));
        assert_eq!((sum, weighted), (32736.0, 16_759_824.0));
        assert_eq!(coordinate(3, MOST_DIMENSIONS), None);
    }

    #[test]
    fn a_shifted_sequence_still_fills_every_box() {
        for seed in 0..5 {
            for (one, other) in [(0, 1), (1, 2), (5, 9)] {
                let mut boxes = [[0; 16]; 16];
                for trial in 0..256 {
                    let at = |dimension| (shifted(trial, dimension, seed).unwrap() * 16.0) as usize;
                    boxes[at(one)][at(other)] += 1;
                }
                if (one, other) == (0, 1) {
                    assert!(boxes.iter().flatten().all(|count| *count == 1), "{boxes:?}");
                }
                assert!(boxes.iter().all(|row| row.iter().sum::<i32>() == 16), "each sixteenth has its share");
            }
        }
        assert_ne!(shifted(0, 0, 1), shifted(0, 0, 2));
    }
}
