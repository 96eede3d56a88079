//! [`crate::philox`] as tensor operations: the same words, bit for bit, on every device. A word is an integer of 64 bits from 0 to
//! 2^32 - 1; a product of two words wraps around, and its bits are right all the same.

use tch::Tensor;

use crate::optimizer::TILE_BLOCKS;
use crate::philox::{KEY_INCREMENTS, MULTIPLIERS, ROUNDS};

const WORD: i64 = 0xffff_ffff;

/// [`crate::philox::philox4x32`] on tensors whose shapes go together.
pub(super) fn philox4x32(counter: [Tensor; 4], key: [u32; 2]) -> [Tensor; 4] {
    let mut words = counter;
    let mut key = key;
    for _ in 0..ROUNDS {
        let [first, second, third, fourth] = words;
        let (first_high, first_low) = multiply(&first, MULTIPLIERS[0]);
        let (third_high, third_low) = multiply(&third, MULTIPLIERS[1]);
        words = [
            second.bitwise_xor_tensor(&third_high).bitwise_xor(i64::from(key[0])),
            third_low,
            fourth.bitwise_xor_tensor(&first_high).bitwise_xor(i64::from(key[1])),
            first_low,
        ];
        key = [key[0].wrapping_add(KEY_INCREMENTS[0]), key[1].wrapping_add(KEY_INCREMENTS[1])];
    }
    words
}

/// The upper and the lower word of the product with a constant.
fn multiply(word: &Tensor, factor: u32) -> (Tensor, Tensor) {
    let product = word * i64::from(factor);
    (product.bitwise_right_shift_tensor_scalar(32).bitwise_and(WORD), product.bitwise_and(WORD))
}

/// Numbers made of each of the four words of the blocks of whole tiles, in the order of their elements. Words that are the same
/// for all blocks have one element.
pub(super) fn in_tiles(rows: [Tensor; 4]) -> Tensor {
    let rows = rows.map(|row| row.view([-1, 1, TILE_BLOCKS as i64]));
    Tensor::cat(&rows, 1).flatten(0, -1)
}
