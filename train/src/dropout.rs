//! Dropout masks: a function of (seed, step, site, element), so that a resumed run drops what the unbroken run dropped.
//!
//! The Philox key comes from the run's keyed stream for dropout; the counter is (block of four elements, site, low and
//! high half of the step). A site is one use of dropout in the network. Elements lie in tiles as those of the gradient
//! noise do. An engine may compute the same masks on its device.

use aees_tasks::{StreamPurpose, stream};
use pulp::Arch;
use rayon::prelude::*;

use crate::optimizer::{TILE, TILE_BLOCKS};
use crate::philox::philox4x32;

/// Elements that one task of the thread pool makes; a multiple of [`TILE`].
const CHUNK: usize = 1 << 16;

/// The key of the masks of a part of a step, in the place of the step's own: a step has one part unless gradients are added up.
///
/// Steps take the lower 40 bits, which no run fills.
pub(crate) fn part_key(step: u64, part: usize) -> u64 {
    step ^ ((part as u64) << 40)
}

/// The masks of one part of an optimizer step.
#[derive(Clone, Copy, Debug)]
pub struct StepDropout {
    pub(crate) key: [u32; 2],
    pub(crate) step: u64,
}

impl StepDropout {
    /// The masks of a step of a run, or of a part of it.
    pub fn new(seed: u64, step: u64) -> Self {
        let mut random = stream(seed, StreamPurpose::Dropout, 0);
        Self { key: [random.below(u32::MAX), random.below(u32::MAX)], step }
    }

    /// Fills `out` with the mask of a site: 0, at the given probability, or the reciprocal of the probability to stay.
    pub fn fill(&self, site: u32, drop_probability: f64, out: &mut [f32]) {
        let (threshold, kept) = threshold_and_kept(drop_probability);
        out.par_chunks_mut(CHUNK).enumerate().for_each(|(chunk, out)| {
            let first = (chunk * (CHUNK / TILE)) as u32;
            Arch::new().dispatch(
                #[inline(always)]
                || {
                    for (tile, out) in out.chunks_mut(TILE).enumerate() {
                        self.fill_tile(site, first.wrapping_add(tile as u32), threshold, kept, out);
                    }
                },
            );
        });
    }

    #[inline(always)]
    fn fill_tile(&self, site: u32, tile: u32, threshold: u32, kept: f32, out: &mut [f32]) {
        let first_block = tile.wrapping_mul(TILE_BLOCKS as u32);
        let mut values = [[0.0_f32; TILE_BLOCKS]; 4];
        for block in 0..TILE_BLOCKS {
            let counter = [first_block.wrapping_add(block as u32), site, self.step as u32, (self.step >> 32) as u32];
            let words = philox4x32(counter, self.key);
            for (row, word) in values.iter_mut().zip(words) {
                row[block] = if word >= threshold { kept } else { 0.0 };
            }
        }
        out.copy_from_slice(&values.as_flattened()[..out.len()]);
    }
}

/// The smallest word that keeps its element, and what such an element is multiplied by.
pub(crate) fn threshold_and_kept(drop_probability: f64) -> (u32, f32) {
    ((drop_probability * 4_294_967_296.0) as u32, (1.0 / (1.0 - drop_probability)) as f32)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn mask(seed: u64, step: u64, site: u32, elements: usize) -> Vec<f32> {
        let mut out = vec![7.0; elements];
        StepDropout::new(seed, step).fill(site, 0.1, &mut out);
        out
    }

    #[test]
    fn a_tenth_is_dropped_and_the_rest_is_scaled() {
        let mask = mask(0, 0, 0, 200_000);
        let dropped = mask.iter().filter(|value| **value == 0.0).count();
        // Standard deviation 134.
        assert!((19_400..20_600).contains(&dropped), "{dropped}");
        assert!(mask.iter().all(|value| *value == 0.0 || *value == 1.0 / 0.9));
    }

    #[test]
    fn masks_differ_in_seed_step_and_site_and_only_there() {
        let base = mask(0, 0, 0, 1000);
        assert_eq!(base, mask(0, 0, 0, 1000));
        for other in [mask(1, 0, 0, 1000), mask(0, 1, 0, 1000), mask(0, 0, 1, 1000), mask(0, 1 << 32, 0, 1000)] {
            assert_ne!(base, other);
        }
    }

    #[test]
    fn an_element_does_not_depend_on_how_many_there_are() {
        let many = mask(5, 9, 3, 3 * CHUNK + 77);
        for elements in [1, 77, TILE, TILE + 1, CHUNK + 1] {
            assert_eq!(mask(5, 9, 3, elements)[..], many[..elements]);
        }
    }
}
