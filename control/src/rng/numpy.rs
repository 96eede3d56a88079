//! NumPy's `default_rng`: PCG64 (PCG XSL-RR 128/64, O'Neill 2014) behind NumPy's bounded integers and permutations.

use serde::{Deserialize, Serialize};
use thiserror::Error;

use super::seed_sequence;

const MULTIPLIER: u128 = (2_549_297_995_355_413_924 << 64) | 4_865_540_595_714_422_341;

/// A generator that gives the same numbers as NumPy's `default_rng(seed)`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "SavedState", into = "SavedState")]
pub struct NumpyGenerator {
    state: u128,
    increment: u128,
    /// The unused high half of the last 64-bit output that was taken for 32 bits.
    buffered: Option<u32>,
}

/// 128-bit numbers as two words each, high word first: not every format knows wider integers.
#[derive(Clone, Serialize, Deserialize)]
struct SavedState {
    state: [u64; 2],
    increment: [u64; 2],
    buffered: Option<u32>,
}

/// A saved state whose increment is even, which PCG64 cannot have.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error("the increment in a saved PCG64 state must be odd")]
pub struct NumpyStateError;

impl NumpyGenerator {
    /// The generator of `numpy.random.default_rng(seed)`.
    pub fn new(seed: u64) -> Self {
        let [state_high, state_low, sequence_high, sequence_low] = seed_sequence::expand(seed);
        let sequence = join([sequence_high, sequence_low]);
        let mut generator = Self { state: 0, increment: (sequence << 1) | 1, buffered: None };
        generator.step();
        generator.state = generator.state.wrapping_add(join([state_high, state_low]));
        generator.step();
        generator
    }

    fn step(&mut self) {
        self.state = self.state.wrapping_mul(MULTIPLIER).wrapping_add(self.increment);
    }

    /// The next 64-bit output.
    pub fn next_u64(&mut self) -> u64 {
        self.step();
        let folded = (self.state >> 64) as u64 ^ self.state as u64;
        folded.rotate_right((self.state >> 122) as u32)
    }

    /// The next 32 bits: the low half of an output, then its high half.
    pub fn next_u32(&mut self) -> u32 {
        if let Some(high) = self.buffered.take() {
            return high;
        }
        let output = self.next_u64();
        self.buffered = Some((output >> 32) as u32);
        output as u32
    }

    /// `random()`: a uniform float in `[0, 1)` of 53 random bits.
    pub fn random(&mut self) -> f64 {
        (self.next_u64() >> 11) as f64 * (1.0 / 9_007_199_254_740_992.0)
    }

    /// `integers(0, bound)`: a uniform integer by Lemire's multiplication (2019). Bounds 0 and 1 give 0 and draw nothing.
    pub fn integers(&mut self, bound: u64) -> u64 {
        const WORD: u64 = 1 << 32;
        match bound {
            0 | 1 => 0,
            2..WORD => u64::from(bounded(bound as u32, || self.next_u32())),
            WORD => u64::from(self.next_u32()),
            _ => self.bounded_u64(bound),
        }
    }

    fn bounded_u64(&mut self, bound: u64) -> u64 {
        let mut product = u128::from(self.next_u64()) * u128::from(bound);
        if (product as u64) < bound {
            let threshold = bound.wrapping_neg() % bound;
            while (product as u64) < threshold {
                product = u128::from(self.next_u64()) * u128::from(bound);
            }
        }
        (product >> 64) as u64
    }

    /// `permutation(length)`: the numbers `0..length` in random order.
    pub fn permutation(&mut self, length: usize) -> Vec<usize> {
        let mut order: Vec<usize> = (0..length).collect();
        self.shuffle(&mut order);
        order
    }

    /// `shuffle(items)`.
    pub fn shuffle<T>(&mut self, items: &mut [T]) {
        for i in (1..items.len()).rev() {
            let j = self.at_most(i as u64) as usize;
            items.swap(i, j);
        }
    }

    /// A uniform integer in `0..=limit` by masked rejection, which is what NumPy shuffles with.
    fn at_most(&mut self, limit: u64) -> u64 {
        let mask = u64::MAX >> limit.leading_zeros().min(63);
        loop {
            let bits = if limit <= u64::from(u32::MAX) { u64::from(self.next_u32()) } else { self.next_u64() };
            if bits & mask <= limit {
                return bits & mask;
            }
        }
    }
}

/// A whole number in `0..bound`, without bias (Lemire, "Fast random integer generation in an interval", 2019), of uniform
/// words. `bound` is not 0.
#[inline]
pub fn bounded(bound: u32, mut next: impl FnMut() -> u32) -> u32 {
    let mut product = u64::from(next()) * u64::from(bound);
    if (product as u32) < bound {
        let threshold = bound.wrapping_neg() % bound;
        while (product as u32) < threshold {
            product = u64::from(next()) * u64::from(bound);
        }
    }
    (product >> 32) as u32
}

fn join([high, low]: [u64; 2]) -> u128 {
    (u128::from(high) << 64) | u128::from(low)
}

fn split(value: u128) -> [u64; 2] {
    [(value >> 64) as u64, value as u64]
}

impl From<NumpyGenerator> for SavedState {
    fn from(generator: NumpyGenerator) -> Self {
        Self { state: split(generator.state), increment: split(generator.increment), buffered: generator.buffered }
    }
}

impl TryFrom<SavedState> for NumpyGenerator {
    type Error = NumpyStateError;

    fn try_from(saved: SavedState) -> Result<Self, Self::Error> {
        let increment = join(saved.increment);
        if increment & 1 == 0 {
            return Err(NumpyStateError);
        }
        Ok(Self { state: join(saved.state), increment, buffered: saved.buffered })
    }
}
