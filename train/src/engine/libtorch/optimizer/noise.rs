//! The noise of [`crate::optimizer`] as tensor operations, for all parameters at once: the same Philox words, bit for bit, and the
//! same normal numbers up to rounding.

use std::f64::consts::TAU;

use aees_models::libtorch::{NetworkTensors, Placed};
use tch::{Kind, Tensor};

use crate::engine::libtorch::philox::{in_tiles, philox4x32};
use crate::optimizer::{TILE, TILE_BLOCKS, key_words};

/// Words in a full turn, and in the unit interval.
const WORDS: f64 = 4_294_967_296.0;

/// The noise of all parameters of a network, whose memory begins each at a tile.
pub(super) struct DeviceNoise {
    key: [u32; 2],
    /// The low and the high word of the step, one element each.
    step: [Tensor; 2],
    /// Block and parameter of each Philox counter.
    blocks: Tensor,
    parameters: Tensor,
    /// 1 for the elements of parameters and 0 between them.
    real: Tensor,
}

impl DeviceNoise {
    pub(super) fn new(seed: u64, tensors: &NetworkTensors) -> Self {
        let device = tensors.flat().device();
        let (mut blocks, mut parameters, mut real) = (Vec::new(), Vec::new(), Vec::new());
        for (number, Placed { place, .. }) in (0_i32..).zip(tensors.parameters()) {
            let tiles = place.len().div_ceil(TILE);
            blocks.extend((0..).take(tiles * TILE_BLOCKS).map(|block: i32| block));
            parameters.resize(blocks.len(), number);
            real.resize(place.end, 1_u8);
            real.resize(place.start + tiles * TILE, 0);
        }
        let upload = |values: &[i32]| Tensor::from_slice(values).to_device(device);
        Self {
            key: key_words(seed),
            step: [0, 1].map(|_| Tensor::zeros([1], (Kind::Int64, device))),
            blocks: upload(&blocks),
            parameters: upload(&parameters),
            real: Tensor::from_slice(&real).to_device(device),
        }
    }

    /// Tells it the step.
    pub(super) fn stage(&mut self, step: u64) {
        for (word, value) in self.step.iter_mut().zip([step as u32, (step >> 32) as u32]) {
            let _ = word.fill_(i64::from(value));
        }
    }

    /// The standard normal numbers of that step.
    pub(super) fn draw(&self) -> Tensor {
        let words = |integers: &Tensor| integers.to_kind(Kind::Int64);
        let [low, high] = &self.step;
        let counter = [words(&self.blocks), words(&self.parameters), low.shallow_clone(), high.shallow_clone()];
        let [first, second, third, fourth] = philox4x32(counter, self.key);
        let [a, b] = normal_pair(&first, &second);
        let [c, d] = normal_pair(&third, &fourth);
        in_tiles([a, b, c, d]) * &self.real
    }
}

/// The Box-Muller transform, as the host does it: the middle of the first word's cell in (0, 1] gives the radius, the second word
/// the angle.
fn normal_pair(radius: &Tensor, angle: &Tensor) -> [Tensor; 2] {
    let single = |words: &Tensor, offset: f64, factor: f64| {
        ((words.to_kind(Kind::Double) + offset) * factor).to_kind(Kind::Float)
    };
    let radius = (single(radius, 0.5, 1.0 / WORDS).log() * -2.0).sqrt();
    let angle = single(angle, 0.0, TAU / WORDS);
    [&radius * angle.cos(), radius * angle.sin()]
}
