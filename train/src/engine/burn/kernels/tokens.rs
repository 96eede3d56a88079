//! A batch of sentences as the networks of text read it, picked and laid out on a device in one launch.

use cubecl::prelude::*;

/// Units of a cube.
pub(crate) const UNITS: u32 = 256;

/// Lists that the kernel writes one after the other into one buffer, each of so many words. The numbers are their places in
/// `starts`.
pub(crate) const LISTS: usize = 9;

/// Of each token: its id, its place in its sentence, and its place among the padded ones.
pub(crate) const IDS: usize = 0;
pub(crate) const POSITIONS: usize = 1;
pub(crate) const PLACE_OF_TOKEN: usize = 2;
/// Of each place: its token, and what is added to attention scores there.
pub(crate) const TOKEN_OF_PLACE: usize = 3;
pub(crate) const SCORES: usize = 4;
/// Of each sentence: its first token, its label, its length, and the sum of the squared lengths before it.
pub(crate) const FIRST_TOKENS: usize = 5;
pub(crate) const LABELS: usize = 6;
pub(crate) const LENGTHS: usize = 7;
pub(crate) const SQUARE_SUMS: usize = 8;

/// `corpus` holds the offset of each sentence's ids and one more, the labels, and the ids; `order` is the plan of an epoch,
/// which is not read without `planned`: then a position is its example. A unit takes a place of `[sentences, longest]`.
#[cube(launch, create_dummy_kernel)]
#[allow(clippy::too_many_arguments, reason = "bindings of a kernel")]
pub(crate) fn lay_out(
    corpus: &[u32],
    order: &[u32],
    lists: &mut [u32],
    starts: Sequence<u32>,
    first: u32,
    sentences: u32,
    longest: u32,
    all_sentences: u32,
    masked: f32,
    #[comptime] planned: bool,
) {
    let place = (CUBE_POS_Y * CUBE_COUNT_X + CUBE_POS_X) * UNITS + UNIT_POS_X;
    if place < sentences * longest {
        let sentence = place / longest;
        let position = place % longest;
        let mut sum = 0u32;
        let mut square_sum = 0u32;
        let mut example = first;
        let mut length = 0u32;
        for index in 0..sentence + 1u32 {
            sum += length;
            square_sum += length * length;
            example = first + index;
            if comptime!(planned) {
                example = order[example as usize];
            }
            length = corpus[(example + 1u32) as usize] - corpus[example as usize];
        }
        let mut token = 0u32;
        let mut score = masked;
        if position < length {
            token = sum + position;
            score = 0.0f32;
            let ids = 2u32 * all_sentences + 1u32;
            lists[(starts[comptime!(IDS)] + token) as usize] =
                corpus[(ids + corpus[example as usize] + position) as usize];
            lists[(starts[comptime!(POSITIONS)] + token) as usize] = position;
            lists[(starts[comptime!(PLACE_OF_TOKEN)] + token) as usize] = place;
        }
        lists[(starts[comptime!(TOKEN_OF_PLACE)] + place) as usize] = token;
        lists[(starts[comptime!(SCORES)] + place) as usize] = u32::reinterpret(score);
        if position == 0u32 {
            lists[(starts[comptime!(FIRST_TOKENS)] + sentence) as usize] = sum;
            lists[(starts[comptime!(LABELS)] + sentence) as usize] = corpus[(all_sentences + 1u32 + example) as usize];
            lists[(starts[comptime!(LENGTHS)] + sentence) as usize] = length;
            lists[(starts[comptime!(SQUARE_SUMS)] + sentence) as usize] = square_sum;
        }
    }
}
