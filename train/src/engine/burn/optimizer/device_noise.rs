//! The noise of [`crate::optimizer`] as tensor operations: the same Philox words, bit for bit, and the same normal numbers
//! up to rounding. All parameters are drawn at once: some 1,000 operations in all, not per parameter.

use std::ops::Range;

use burn::Tensor;
use burn::tensor::{DType, Device, Int};

use super::control_block::ControlBlock;
use super::tensors::VisitedTensor;
use crate::engine::burn::philox::{Word, in_tiles, philox4x32};
use crate::optimizer::{COSINE, SINE, TILE, TILE_BLOCKS, WORD_TO_ANGLE, WORD_TO_UNIT, key_words};

/// The noise of all parameters of a module. The numbers of each start a tile.
#[derive(Debug)]
pub(super) struct DeviceNoise {
    key: [u32; 2],
    /// Of each tensor of the module: its first number and how many it has.
    spans: Vec<(usize, usize)>,
    /// Place in `parameters()` and number of tiles of each parameter.
    tiles: Vec<(u32, usize)>,
    /// Block and parameter of each Philox counter, once they are on the device.
    counters: Option<[Word; 2]>,
}

impl DeviceNoise {
    pub(super) fn new(seed: u64, tensors: &[VisitedTensor]) -> Self {
        let (mut spans, mut tiles, mut next) = (Vec::new(), Vec::new(), 0);
        for VisitedTensor { info, number } in tensors {
            spans.push((next, info.elements()));
            if let Some(number) = number {
                let count = info.elements().div_ceil(TILE);
                tiles.push((*number, count));
                next += count * TILE;
            }
        }
        Self { key: key_words(seed), spans, tiles, counters: None }
    }

    /// The elements of a tensor in the tensor of all numbers.
    pub(super) fn range(&self, tensor: usize) -> Range<usize> {
        let (start, elements) = self.spans[tensor];
        start..start + elements
    }

    /// The standard normal numbers of the step in the control block, for all parameters, flat.
    pub(super) fn draw(&mut self, control: &ControlBlock, device: &Device) -> Tensor<1> {
        let tiles = &self.tiles;
        let [block, parameter] = self.counters.get_or_insert_with(|| counters(tiles, device)).clone();
        let [step_low, step_high] = control.step();
        let [first, second, third, fourth] = philox4x32([block, parameter, step_low, step_high], self.key);
        let (a, b) = normal_pair(first, second);
        let (c, d) = normal_pair(third, fourth);
        in_tiles([a, b, c, d])
    }
}

fn counters(tiles: &[(u32, usize)], device: &Device) -> [Word; 2] {
    let (mut blocks, mut parameters) = (Vec::new(), Vec::new());
    for &(parameter, tiles) in tiles {
        blocks.extend(0..(tiles * TILE_BLOCKS) as u32);
        parameters.resize(blocks.len(), parameter);
    }
    [Word::upload(&blocks, device), Word::upload(&parameters, device)]
}

/// `normal_pair` of [`crate::optimizer`] on tensors.
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
