//! Gradient noise: the normal number of an element is a function of (seed, parameter, step, element).
//!
//! The seed is the Philox key; the counter is (block of the element, parameter, low and high half of the step). So there
//! is no state to save, any element can be computed alone and in any order, and two seeds share nothing. (The reference
//! seeds one generator per parameter with `seed + parameter`, so seed 1, parameter 0 repeats seed 0, parameter 1.)
//!
//! One block gives four numbers. To let a vector of blocks be stored without a shuffle, elements are laid out in tiles of
//! [`TILE`]: block `b` of a tile gives its elements `b`, `64 + b`, `128 + b` and `192 + b`. This layout is part of the
//! definition of the noise, whatever the vector width of the machine.

use super::normal::normal_pair;
use crate::philox::philox4x32;

/// Elements of a tile.
pub(crate) const TILE: usize = 4 * TILE_BLOCKS;

/// Philox blocks of a tile.
pub(crate) const TILE_BLOCKS: usize = 64;

/// Which noise: everything but the element.
#[derive(Clone, Copy, Debug)]
pub struct NoiseKey {
    /// The run's noise seed.
    pub seed: u64,
    /// The parameter's place in PyTorch's `parameters()`, from 0; buffers do not count.
    pub parameter: u32,
    /// The run's optimizer step.
    pub step: u64,
}

/// The two key words of a seed.
pub(crate) fn key_words(seed: u64) -> [u32; 2] {
    [seed as u32, (seed >> 32) as u32]
}

impl NoiseKey {
    /// The standard normal numbers of the elements from `tile * TILE` on.
    ///
    /// Blocks are counted in 32 bits: a parameter of more than 2^34 elements would see its noise repeat.
    #[inline(always)]
    pub fn tile(&self, tile: u32) -> [f32; TILE] {
        let key = key_words(self.seed);
        let first_block = tile.wrapping_mul(TILE_BLOCKS as u32);
        let mut words = [[0_u32; TILE_BLOCKS]; 4];
        let [first, second, third, fourth] = &mut words;
        // Two loops, because the first works in 64-bit lanes and the second in 32-bit lanes.
        for block in 0..TILE_BLOCKS {
            let counter =
                [first_block.wrapping_add(block as u32), self.parameter, self.step as u32, (self.step >> 32) as u32];
            let drawn = philox4x32(counter, key);
            first[block] = drawn[0];
            second[block] = drawn[1];
            third[block] = drawn[2];
            fourth[block] = drawn[3];
        }
        let mut normals = [0.0; TILE];
        let (front, back) = normals.split_at_mut(2 * TILE_BLOCKS);
        fill_pairs(first, second, front);
        fill_pairs(third, fourth, back);
        normals
    }
}

#[inline(always)]
fn fill_pairs(radius_words: &[u32; TILE_BLOCKS], angle_words: &[u32; TILE_BLOCKS], normals: &mut [f32]) {
    let (cosines, sines) = normals.split_at_mut(TILE_BLOCKS);
    for (((radius, angle), cosine), sine) in radius_words.iter().zip(angle_words).zip(cosines).zip(sines) {
        (*cosine, *sine) = normal_pair(*radius, *angle);
    }
}

#[cfg(test)]
#[path = "noise_tests.rs"]
mod tests;
