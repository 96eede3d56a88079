//! [`crate::philox`] and the normal numbers of [`crate::optimizer`], element by element, on a device: the same words bit for
//! bit, and the same numbers up to rounding.

use cubecl::prelude::*;

use crate::optimizer::{COSINE, LN_2, LOGARITHM, SINE, WORD_TO_ANGLE, WORD_TO_UNIT};
use crate::philox::{KEY_INCREMENTS, MULTIPLIERS, ROUNDS};

/// Four random words.
#[derive(CubeType, Clone, Copy)]
pub(crate) struct PhiloxWords {
    pub(crate) first: u32,
    pub(crate) second: u32,
    pub(crate) third: u32,
    pub(crate) fourth: u32,
}

/// The words of a counter under a key.
#[cube]
pub(crate) fn philox4x32(counter: PhiloxWords, key_low: u32, key_high: u32) -> PhiloxWords {
    let mut words = counter;
    let mut low = key_low;
    let mut high = key_high;
    #[unroll]
    for _ in 0..ROUNDS {
        let first_high = u32::mul_hi(comptime!(MULTIPLIERS[0]), words.first);
        let first_low = comptime!(MULTIPLIERS[0]) * words.first;
        let third_high = u32::mul_hi(comptime!(MULTIPLIERS[1]), words.third);
        let third_low = comptime!(MULTIPLIERS[1]) * words.third;
        words.first = words.second ^ third_high ^ low;
        words.second = third_low;
        words.third = words.fourth ^ first_high ^ high;
        words.fourth = first_low;
        low += comptime!(KEY_INCREMENTS[0]);
        high += comptime!(KEY_INCREMENTS[1]);
    }
    words
}

/// Two normal numbers.
#[derive(CubeType, Clone, Copy)]
pub(crate) struct NormalPair {
    pub(crate) cosine: f32,
    pub(crate) sine: f32,
}

/// Two independent standard normal numbers from two independent words.
#[cube]
pub(crate) fn normal_pair(radius_word: u32, angle_word: u32) -> NormalPair {
    let high = f32::cast_from(radius_word >> 16u32);
    let low = f32::cast_from(radius_word & 0xffffu32);
    let unit = (high * 65536.0f32 + (low + 0.5f32)) * WORD_TO_UNIT;
    let radius = f32::sqrt(-2.0f32 * logarithm(unit));

    // The nearest quarter turn, and what is left: at most an eighth of a turn to either side.
    let quarter = (angle_word + 0x2000_0000u32) >> 30u32;
    let angle = f32::cast_from(i32::reinterpret(angle_word - (quarter << 30u32))) * WORD_TO_ANGLE;
    let square = angle * angle;
    let sine =
        ((comptime!(SINE[0]) * square + comptime!(SINE[1])) * square + comptime!(SINE[2])) * square * angle + angle;
    let cosine =
        ((comptime!(COSINE[0]) * square + comptime!(COSINE[1])) * square + comptime!(COSINE[2])) * square * square
            - 0.5f32 * square
            + 1.0f32;
    let odd = (quarter & 1u32) == 1u32;
    let turned_cosine = select(odd, sine, cosine);
    let turned_sine = select(odd, cosine, sine);
    let cosine_sign = 1.0f32 - f32::cast_from((quarter + 1u32) & 2u32);
    let sine_sign = 1.0f32 - f32::cast_from(quarter & 2u32);
    NormalPair { cosine: radius * turned_cosine * cosine_sign, sine: radius * turned_sine * sine_sign }
}

/// Natural logarithm of a normal number in (0, 1]. A device's own may have an absolute error only near 1 (WGSL allows 2^-21).
#[cube]
fn logarithm(value: f32) -> f32 {
    // value = mantissa * 2^exponent with the mantissa between sqrt(1/2) and sqrt(2), where the polynomial is good.
    let bits = u32::reinterpret(value);
    let exponent = i32::reinterpret(bits - 0x3f35_04f3u32) >> 23i32;
    let mantissa = f32::reinterpret(bits - u32::reinterpret(exponent << 23i32));
    let exponent = f32::cast_from(exponent);
    let x = mantissa - 1.0f32;
    let square = x * x;
    let mut sum = x * comptime!(LOGARITHM[0]) + comptime!(LOGARITHM[1]);
    #[unroll]
    for index in 2..9usize {
        sum = sum * x + comptime!(LOGARITHM[index]);
    }
    let tail = sum * x * square + exponent * comptime!(LN_2[1]) - 0.5f32 * square;
    x + tail + exponent * comptime!(LN_2[0])
}
