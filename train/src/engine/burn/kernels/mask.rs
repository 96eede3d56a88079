//! The masks of [`crate::dropout`] on a device, to the bit.

use cubecl::prelude::*;

use super::normal::{PhiloxWords, philox4x32};
use crate::optimizer::{TILE, TILE_BLOCKS};

/// Units of a cube.
pub(crate) const UNITS: u32 = 256;

const TILE_LENGTH: u32 = TILE as u32;
const TILE_UNITS: u32 = TILE_BLOCKS as u32;

/// One unit makes the four elements of a Philox block.
#[cube(launch, create_dummy_kernel)]
#[allow(clippy::too_many_arguments, reason = "bindings of a kernel")]
pub(crate) fn dropout_mask(
    mask: &mut [f32],
    key_low: u32,
    key_high: u32,
    step_low: u32,
    step_high: u32,
    site: u32,
    threshold: u32,
    kept: f32,
    elements: u32,
) {
    let block = (CUBE_POS_Y * CUBE_COUNT_X + CUBE_POS_X) * UNITS + UNIT_POS_X;
    let start = block / TILE_UNITS * TILE_LENGTH + block % TILE_UNITS;
    let counter = PhiloxWords { first: block, second: site, third: step_low, fourth: step_high };
    let words = philox4x32(counter, key_low, key_high);
    put(mask, start, words.first, threshold, kept, elements);
    put(mask, start + TILE_UNITS, words.second, threshold, kept, elements);
    put(mask, start + 2u32 * TILE_UNITS, words.third, threshold, kept, elements);
    put(mask, start + 3u32 * TILE_UNITS, words.fourth, threshold, kept, elements);
}

#[cube]
fn put(mask: &mut [f32], at: u32, word: u32, threshold: u32, kept: f32, elements: u32) {
    if at < elements {
        mask[at as usize] = select(word >= threshold, kept, 0.0f32);
    }
}
