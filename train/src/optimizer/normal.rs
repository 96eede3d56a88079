//! Two random words to two standard normal numbers: the Box-Muller transform, in single precision and without calls.
//!
//! Logarithm, sine and cosine are polynomials (Moshier's Cephes library, `logf.c` and `sinf.c`), so that a loop over this
//! function has no branch and no call and the compiler turns it into vector instructions. Only additions, multiplications,
//! square roots and bit operations are used, none of them fused, so every instruction set gives the same bits.
//!
//! Source: Box and Muller, "A Note on the Generation of Random Normal Deviates", 1958.

use std::f32::consts::FRAC_1_SQRT_2;

/// 2^-32, the width of one word's cell on the unit interval.
pub(crate) const WORD_TO_UNIT: f32 = 1.0 / 4_294_967_296.0;

/// One turn divided by 2^32: a word, read as a signed number, times this is an angle.
pub(crate) const WORD_TO_ANGLE: f32 = (std::f64::consts::TAU / 4_294_967_296.0) as f32;

/// Coefficients of `sin(x)` on an eighth of a turn, from x^7 down to x^3.
pub(crate) const SINE: [f32; 3] = [-1.951_529_6e-4, 8.332_161e-3, -1.666_665_5e-1];

/// Coefficients of `cos(x)` on an eighth of a turn, from x^8 down to x^4.
pub(crate) const COSINE: [f32; 3] = [2.443_315_7e-5, -1.388_731_6e-3, 4.166_664_6e-2];

/// Coefficients of `ln(1 + x)` around 0, from x^11 down to x^3.
pub(crate) const LOGARITHM: [f32; 9] = [
    7.037_683_6e-2,
    -1.151_461e-1,
    1.167_699_9e-1,
    -1.242_014_1e-1,
    1.424_932_3e-1,
    -1.666_805_8e-1,
    2.000_071_5e-1,
    -2.499_999_4e-1,
    3.333_333e-1,
];

/// ln 2 in two parts; the first has few bits, so that its product with an exponent is exact.
pub(crate) const LN_2: [f32; 2] = [0.693_359_4, -2.121_944_4e-4];

/// Two independent standard normal numbers from two independent uniform words.
///
/// The first word gives the radius. All 32 bits count, so the largest radius is sqrt(-2 ln 2^-33) = 6.76.
#[inline(always)]
pub(super) fn normal_pair(radius_word: u32, angle_word: u32) -> (f32, f32) {
    let radius = (-2.0 * logarithm(unit_interval(radius_word))).sqrt();
    let (cosine, sine) = direction(angle_word);
    (radius * cosine, radius * sine)
}

/// The middle of the word's cell in (0, 1], rounded once: the two halves convert exactly on every machine.
#[inline(always)]
fn unit_interval(word: u32) -> f32 {
    let high = (word >> 16) as i32 as f32;
    let low = (word & 0xffff) as i32 as f32;
    (high * 65536.0 + (low + 0.5)) * WORD_TO_UNIT
}

/// Natural logarithm of a normal number in (0, 1].
#[inline(always)]
fn logarithm(value: f32) -> f32 {
    // value = mantissa * 2^exponent with the mantissa between sqrt(1/2) and sqrt(2), where the polynomial is good.
    let bits = value.to_bits();
    let exponent = (bits.wrapping_sub(FRAC_1_SQRT_2.to_bits()) as i32) >> 23;
    let mantissa = f32::from_bits(bits.wrapping_sub((exponent << 23) as u32));
    let exponent = exponent as f32;
    let x = mantissa - 1.0;
    let square = x * x;
    let mut sum = LOGARITHM[0];
    for coefficient in &LOGARITHM[1..] {
        sum = sum * x + coefficient;
    }
    let tail = sum * x * square + exponent * LN_2[1] - 0.5 * square;
    x + tail + exponent * LN_2[0]
}

/// Cosine and sine of the word's fraction of a full turn.
#[inline(always)]
fn direction(word: u32) -> (f32, f32) {
    // The nearest quarter turn, and what is left: at most an eighth of a turn to either side.
    let quarter = word.wrapping_add(1 << 29) >> 30;
    let angle = word.wrapping_sub(quarter << 30) as i32 as f32 * WORD_TO_ANGLE;
    let square = angle * angle;
    let sine = ((SINE[0] * square + SINE[1]) * square + SINE[2]) * square * angle + angle;
    let cosine = ((COSINE[0] * square + COSINE[1]) * square + COSINE[2]) * square * square - 0.5 * square + 1.0;
    let odd = quarter & 1 == 1;
    let (turned_cosine, turned_sine) = if odd { (sine, cosine) } else { (cosine, sine) };
    let cosine_sign = ((quarter + 1) & 2) << 30;
    let sine_sign = (quarter & 2) << 30;
    (f32::from_bits(turned_cosine.to_bits() ^ cosine_sign), f32::from_bits(turned_sine.to_bits() ^ sine_sign))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Words over the whole range, with the ends and the quarter-turn borders.
    fn words() -> impl Iterator<Item = u32> {
        let borders = [0, 1, 2, u32::MAX, u32::MAX - 1].into_iter().chain((0..8u32).flat_map(|eighth| {
            let border = eighth << 29;
            [border.wrapping_sub(1), border, border + 1]
        }));
        borders.chain((0..200_000u32).map(|index| index.wrapping_mul(0x9E37_79B9)))
    }

    #[test]
    fn logarithm_is_within_two_units_of_the_last_place() {
        for word in words() {
            let value = unit_interval(word);
            assert!(value > 0.0 && value <= 1.0);
            let exact = f64::from(value).ln();
            let error = (f64::from(logarithm(value)) - exact).abs();
            assert!(error <= 2.4e-7 * exact.abs() + 1e-12, "ln({value}): off by {error}");
        }
    }

    #[test]
    fn direction_is_on_the_unit_circle_at_the_right_angle() {
        for word in words() {
            let (cosine, sine) = direction(word);
            let angle = f64::from(word) / 4_294_967_296.0 * std::f64::consts::TAU;
            assert!((f64::from(cosine) - angle.cos()).abs() < 2e-7, "cos of {word:#x}");
            assert!((f64::from(sine) - angle.sin()).abs() < 2e-7, "sin of {word:#x}");
        }
    }

    #[test]
    fn the_largest_radius_is_beyond_six_sigma() {
        let (first, _) = normal_pair(0, 0);
        assert!((f64::from(first) - (66.0 * std::f64::consts::LN_2).sqrt()).abs() < 1e-5, "{first}");
        let (zero, _) = normal_pair(u32::MAX, 0);
        assert_eq!(zero.abs(), 0.0);
    }
}
