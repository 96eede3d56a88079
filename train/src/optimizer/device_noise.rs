//! The noise of [`super::noise`] as tensor operations: the same Philox words, bit for bit, and the same normal numbers up
//! to rounding.
//!
//! Device integers are 32 bits wide and signed, so a word is kept as two tensors of 16 bits each and multiplied as on
//! paper. All parameters are drawn at once: some 1,000 operations in all, not per parameter.

use burn::Tensor;
use burn::module::{Module, ModuleVisitor, Param};
use burn::tensor::{DType, Device, Int, TensorData};

use super::control_block::ControlBlock;
use super::noise::{TILE, TILE_BLOCKS, key_words};
use super::normal::{COSINE, SINE, WORD_TO_ANGLE, WORD_TO_UNIT};
use crate::philox::{KEY_INCREMENTS, MULTIPLIERS, ROUNDS};

/// Which parameters get noise, and where each one's numbers start. Each starts a tile.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct NoiseLayout {
    /// For each float parameter in visiting order: its first tile and its number of elements, 0 for an untrained one.
    spans: Vec<(usize, usize)>,
    tiles: usize,
}

impl NoiseLayout {
    /// The layout of a module's trained parameters.
    pub(super) fn of<M: Module>(module: &M) -> Self {
        let mut layout = Self::default();
        module.visit(&mut layout);
        layout
    }

    /// The elements of a parameter in the tensor of all numbers.
    pub(super) fn range(&self, parameter: usize) -> std::ops::Range<usize> {
        let (first_tile, elements) = self.spans[parameter];
        first_tile * TILE..first_tile * TILE + elements
    }
}

impl ModuleVisitor for NoiseLayout {
    fn visit_float<const D: usize>(&mut self, param: &Param<Tensor<D>>) {
        let elements = if param.is_require_grad() { param.lazy_shape().num_elements() } else { 0 };
        self.spans.push((self.tiles, elements));
        self.tiles += elements.div_ceil(TILE);
    }
}

/// The counters of a layout, uploaded once, and the key.
#[derive(Debug)]
pub(super) struct DeviceNoise {
    key: [u32; 2],
    counters: Option<(NoiseLayout, [Word; 2])>,
}

impl DeviceNoise {
    pub(super) fn new(seed: u64) -> Self {
        Self { key: key_words(seed), counters: None }
    }

    /// The standard normal numbers of the step in the control block, for all parameters of the layout, flat.
    pub(super) fn draw(&mut self, layout: &NoiseLayout, control: &ControlBlock, device: &Device) -> Tensor<1> {
        let [block, parameter] = self.counters(layout, device);
        let step = [0, 2].map(|piece| Word { low: control.step_piece(piece), high: control.step_piece(piece + 1) });
        let [step_low, step_high] = step;
        let words = philox4x32([block, parameter, step_low, step_high], self.key);
        let [first, second, third, fourth] = words;
        let (a, b) = normal_pair(first, second);
        let (c, d) = normal_pair(third, fourth);
        let rows = [a, b, c, d].map(|row| row.reshape([layout.tiles, 1, TILE_BLOCKS]));
        Tensor::cat(rows.to_vec(), 1).reshape([layout.tiles * TILE])
    }

    fn counters(&mut self, layout: &NoiseLayout, device: &Device) -> [Word; 2] {
        if let Some((known, counters)) = &self.counters
            && known == layout
        {
            return counters.clone();
        }
        let blocks = layout.tiles * TILE_BLOCKS;
        let mut block_words = Vec::with_capacity(blocks);
        let mut parameter_words = Vec::with_capacity(blocks);
        for (parameter, (_, elements)) in layout.spans.iter().enumerate() {
            let blocks = elements.div_ceil(TILE) * TILE_BLOCKS;
            block_words.extend(0..blocks as u32);
            parameter_words.extend(std::iter::repeat_n(parameter as u32, blocks));
        }
        let counters = [Word::upload(&block_words, device), Word::upload(&parameter_words, device)];
        self.counters = Some((layout.clone(), counters.clone()));
        counters
    }
}

/// Words of 32 bits, in halves: both tensors hold numbers from 0 to 65535.
#[derive(Clone, Debug)]
struct Word {
    low: Tensor<1, Int>,
    high: Tensor<1, Int>,
}

impl Word {
    fn upload(words: &[u32], device: &Device) -> Self {
        let half = |shift: u32| {
            let values: Vec<i32> = words.iter().map(|word| (word >> shift & 0xffff) as i32).collect();
            let length = values.len();
            Tensor::from_data(TensorData::new(values, [length]), (device, DType::I32))
        };
        Self { low: half(0), high: half(16) }
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
fn philox4x32(counter: [Word; 4], key: [u32; 2]) -> [Word; 4] {
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

/// [`super::normal::normal_pair`] on tensors.
fn normal_pair(radius: Word, angle: Word) -> (Tensor<1>, Tensor<1>) {
    let radius = (negative_logarithm(radius) * 2.0).sqrt();
    let (cosine, sine) = direction(angle);
    (radius.clone() * cosine, radius * sine)
}

/// Minus the natural logarithm of the middle of the word's cell in (0, 1].
///
/// Near 1 a device's logarithm may have an absolute error only (WGSL allows 2^-21), so the power series is taken there.
fn negative_logarithm(word: Word) -> Tensor<1> {
    let unit = (float(word.high) * 65536.0 + (float(word.low) + 0.5)) * WORD_TO_UNIT;
    let rest = unit.clone().neg() + 1.0;
    let near_one = rest.clone().lower_elem(1.0 / 32.0);
    let mut series = rest.clone() * (1.0 / 6.0);
    for denominator in [5.0, 4.0, 3.0, 2.0] {
        series = (series + 1.0 / denominator) * rest.clone();
    }
    let series = (series + 1.0) * rest;
    unit.log().neg().mask_where(near_one, series)
}

/// Cosine and sine of the word's fraction of a full turn.
fn direction(word: Word) -> (Tensor<1>, Tensor<1>) {
    let quarter = (word.high.clone() + 8192).bitwise_right_shift_scalar(14);
    let rest = word.high - quarter.clone().bitwise_left_shift_scalar(14);
    let angle = (float(rest) * 65536.0 + float(word.low)) * WORD_TO_ANGLE;
    let square = angle.clone() * angle.clone();
    let sine = polynomial(SINE, &square) * square.clone() * angle.clone() + angle;
    let cosine = polynomial(COSINE, &square) * square.clone() * square.clone() - square * 0.5 + 1.0;
    let odd = quarter.clone().bitwise_and_scalar(1).equal_elem(1);
    let turned_cosine = cosine.clone().mask_where(odd.clone(), sine.clone());
    let turned_sine = sine.mask_where(odd, cosine);
    let cosine_sign = float((quarter.clone() + 1).bitwise_and_scalar(2)).neg() + 1.0;
    let sine_sign = float(quarter.bitwise_and_scalar(2)).neg() + 1.0;
    (turned_cosine * cosine_sign, turned_sine * sine_sign)
}

fn polynomial(coefficients: [f32; 3], x: &Tensor<1>) -> Tensor<1> {
    (x.clone() * coefficients[0] + coefficients[1]) * x.clone() + coefficients[2]
}

fn float(integers: Tensor<1, Int>) -> Tensor<1> {
    integers.float().cast(DType::F32)
}
