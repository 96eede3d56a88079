//! [`crate::philox`] as tensor operations: the same words, bit for bit, on every device.
//!
//! Device integers are 32 bits wide and signed, so a word is kept as two tensors of 16 bits each and multiplied as on
//! paper. Gradient noise and dropout are made of these words, whose order within a tile is part of their definition.

use burn::Tensor;
use burn::tensor::{DType, Device, Int, TensorData};

use crate::optimizer::TILE_BLOCKS;
use crate::philox::{KEY_INCREMENTS, MULTIPLIERS, ROUNDS};

/// Words of 32 bits, in halves: both tensors hold numbers from 0 to 65535.
#[derive(Clone, Debug)]
pub(super) struct Word {
    pub(super) low: Tensor<1, Int>,
    pub(super) high: Tensor<1, Int>,
}

impl Word {
    /// Words made on the host.
    pub(super) fn upload(words: &[u32], device: &Device) -> Self {
        let half = |shift: u32| {
            let values: Vec<i32> = words.iter().map(|word| (word >> shift & 0xffff) as i32).collect();
            let length = values.len();
            Tensor::from_data(TensorData::new(values, [length]), (device, DType::I32))
        };
        Self { low: half(0), high: half(16) }
    }

    /// 0, 1, 2, ... made on the device.
    pub(super) fn counting(count: usize, device: &Device) -> Self {
        let numbers = Tensor::<1, Int>::arange(0..count as i64, device).cast(DType::I32);
        Self { low: numbers.clone().bitwise_and_scalar(0xffff), high: numbers.bitwise_right_shift_scalar(16) }
    }

    /// 1 where a word is not below the threshold, and 0 elsewhere.
    pub(super) fn at_least(self, threshold: u32) -> Tensor<1, Int> {
        // Both shifted into the range of signed integers, which keeps their order.
        let signed = (self.high - 0x8000).bitwise_left_shift_scalar(16) + self.low;
        signed.greater_equal_elem((threshold ^ 0x8000_0000) as i32).int()
    }

    fn xor(self, other: Self) -> Self {
        Self { low: self.low.bitwise_xor(other.low), high: self.high.bitwise_xor(other.high) }
    }

    fn xor_constant(self, constant: u32) -> Self {
        Self {
            low: self.low.bitwise_xor_scalar((constant & 0xffff) as i32),
            high: self.high.bitwise_xor_scalar((constant >> 16) as i32),
        }
    }

    /// The upper and the lower word of the product with a constant.
    fn multiply(self, constant: u32) -> (Self, Self) {
        let (low_factor, high_factor) = ((constant & 0xffff) as i32, (constant >> 16) as i32);
        // Four products of halves. They fill 32 bits, sign bit included; `halves` reads them as unsigned.
        let low_low = halves(self.low.clone(), low_factor);
        let low_high = halves(self.low, high_factor);
        let high_low = halves(self.high.clone(), low_factor);
        let high_high = halves(self.high, high_factor);
        let middle = low_low.high + low_high.low + high_low.low;
        let upper = low_high.high + high_low.high + high_high.low + middle.clone().bitwise_right_shift_scalar(16);
        let top = high_high.high + upper.clone().bitwise_right_shift_scalar(16);
        let product_low = Self { low: low_low.low, high: middle.bitwise_and_scalar(0xffff) };
        (Self { low: upper.bitwise_and_scalar(0xffff), high: top }, product_low)
    }
}

/// The product of a half and a constant half, in halves.
///
/// The constant is taken in two bytes, so that no product leaves the 31 bits that a signed integer has on every device.
fn halves(half: Tensor<1, Int>, factor: i32) -> Word {
    let low = half.clone() * (factor & 0xff); // up to 24 bits
    let high = half * (factor >> 8) + low.clone().bitwise_right_shift_scalar(8); // up to 25 bits
    let low = low.bitwise_and_scalar(0xff) + high.clone().bitwise_and_scalar(0xff).bitwise_left_shift_scalar(8);
    Word { low, high: high.bitwise_right_shift_scalar(8) }
}

/// [`crate::philox::philox4x32`] on tensors.
pub(super) fn philox4x32(counter: [Word; 4], key: [u32; 2]) -> [Word; 4] {
    let mut words = counter;
    let mut key = key;
    for _ in 0..ROUNDS {
        let [first, second, third, fourth] = words;
        let (first_high, first_low) = first.multiply(MULTIPLIERS[0]);
        let (third_high, third_low) = third.multiply(MULTIPLIERS[1]);
        words = [
            second.xor(third_high).xor_constant(key[0]),
            third_low,
            fourth.xor(first_high).xor_constant(key[1]),
            first_low,
        ];
        key = [key[0].wrapping_add(KEY_INCREMENTS[0]), key[1].wrapping_add(KEY_INCREMENTS[1])];
    }
    words
}

/// Numbers made of each of the four words of the blocks of whole tiles, in the order of their elements.
pub(super) fn in_tiles(rows: [Tensor<1>; 4]) -> Tensor<1> {
    let [blocks] = rows[0].dims();
    let rows = rows.map(|row| row.reshape([blocks / TILE_BLOCKS, 1, TILE_BLOCKS]));
    Tensor::cat(rows.to_vec(), 1).reshape([4 * blocks])
}
