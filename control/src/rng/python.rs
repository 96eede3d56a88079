//! CPython's `random.Random`: the Mersenne Twister MT19937 (Matsumoto and Nishimura, 1998) with Python's seeding and
//! Python's ways to turn outputs into indices, shuffles and samples (the `random` module of CPython 3.11).

use std::collections::HashSet;
use std::collections::hash_map::RandomState;
use std::fmt;
use std::hash::BuildHasher;

use serde::{Deserialize, Serialize};
use thiserror::Error;

const STATE_WORDS: usize = 624;
const SHIFT_WORDS: usize = 397;
const TWIST: u32 = 0x9908_b0df;
const UPPER_BIT: u32 = 0x8000_0000;
const LOWER_BITS: u32 = 0x7fff_ffff;

/// A generator that gives the same numbers as CPython's `random.Random` with the same integer seed.
///
/// It is saved as 625 words, the 624 of the twister and then the position, which is also what Python's `getstate()`
/// shows.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "Vec<u32>", into = "Vec<u32>")]
pub struct PythonRandom {
    words: Box<[u32; STATE_WORDS]>,
    position: usize,
}

/// A saved generator state that no generator can have.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum PythonStateError {
    /// The state is not 624 words and a position.
    #[error("a saved Mersenne Twister state has 625 words, but this one has {0}")]
    Length(usize),
    /// The position lies behind the last word.
    #[error("the position in a saved Mersenne Twister state is at most 624, but this one is {0}")]
    Position(u32),
    /// A twister whose words are all zero stays at zero.
    #[error("a saved Mersenne Twister state must not be all zeros")]
    Zero,
}

/// A sample that is larger than its population.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error("Sample larger than population or is negative")]
pub struct SampleError;

impl PythonRandom {
    /// The generator of `random.Random(seed)`. As in Python, the sign of the seed does not matter.
    pub fn new(seed: impl Into<i128>) -> Self {
        let mut rest = seed.into().unsigned_abs();
        let mut key = Vec::with_capacity(4);
        loop {
            key.push((rest & 0xffff_ffff) as u32);
            rest >>= 32;
            if rest == 0 {
                return Self::from_key(&key);
            }
        }
    }

    /// A generator that nobody can reproduce, as `random.Random(None)`.
    pub fn from_entropy() -> Self {
        // The standard library seeds its hash maps from the operating system: enough for a run without a seed, and no
        // dependency.
        let mut key = Vec::with_capacity(8);
        for part in 0u8..4 {
            let word = RandomState::new().hash_one(part);
            key.extend([word as u32, (word >> 32) as u32]);
        }
        Self::from_key(&key)
    }

    fn from_key(key: &[u32]) -> Self {
        let mut words = Box::new([0u32; STATE_WORDS]);
        words[0] = 19_650_218;
        for i in 1..STATE_WORDS {
            words[i] = mixed(words[i - 1]).wrapping_mul(1_812_433_253).wrapping_add(i as u32);
        }
        let (mut i, mut j) = (1, 0);
        for _ in 0..STATE_WORDS.max(key.len()) {
            let spread = mixed(words[i - 1]).wrapping_mul(1_664_525);
            words[i] = (words[i] ^ spread).wrapping_add(key[j]).wrapping_add(j as u32);
            i = next_word(&mut words, i);
            j = (j + 1) % key.len();
        }
        for _ in 1..STATE_WORDS {
            let spread = mixed(words[i - 1]).wrapping_mul(1_566_083_941);
            words[i] = (words[i] ^ spread).wrapping_sub(i as u32);
            i = next_word(&mut words, i);
        }
        words[0] = UPPER_BIT;
        Self { words, position: STATE_WORDS }
    }

    /// The next 32-bit output.
    pub fn next_u32(&mut self) -> u32 {
        if self.position >= STATE_WORDS {
            self.twist();
        }
        let mut output = self.words[self.position];
        self.position += 1;
        output ^= output >> 11;
        output ^= (output << 7) & 0x9d2c_5680;
        output ^= (output << 15) & 0xefc6_0000;
        output ^ (output >> 18)
    }

    fn twist(&mut self) {
        let words = &mut self.words;
        for i in 0..STATE_WORDS {
            let joined = (words[i] & UPPER_BIT) | (words[(i + 1) % STATE_WORDS] & LOWER_BITS);
            let twisted = if joined & 1 == 1 { TWIST } else { 0 };
            words[i] = words[(i + SHIFT_WORDS) % STATE_WORDS] ^ (joined >> 1) ^ twisted;
        }
        self.position = 0;
    }

    /// `getrandbits(bits)`: an integer of that many random bits. Zero bits give 0 and draw nothing; more than 64 count as 64.
    pub fn getrandbits(&mut self, bits: u32) -> u64 {
        match bits {
            0 => 0,
            1..=32 => u64::from(self.next_u32() >> (32 - bits)),
            _ => {
                let low = u64::from(self.next_u32());
                let high = u64::from(self.next_u32() >> (64 - bits.min(64)));
                low | (high << 32)
            }
        }
    }

    /// A uniform integer in `0..bound`, by rejection.
    ///
    /// A bound of 1 draws too, a random number of times, as Python does: leaving that out would shift every later draw.
    /// A bound of 0 gives 0 and draws nothing.
    pub fn below(&mut self, bound: u64) -> u64 {
        if bound == 0 {
            return 0;
        }
        let bits = u64::BITS - bound.leading_zeros();
        loop {
            let value = self.getrandbits(bits);
            if value < bound {
                return value;
            }
        }
    }

    /// `randrange(bound)`.
    pub fn randrange(&mut self, bound: usize) -> usize {
        self.below(bound as u64) as usize
    }

    /// `random()`: a uniform float in `[0, 1)` of 53 random bits.
    pub fn random(&mut self) -> f64 {
        let high = f64::from(self.next_u32() >> 5);
        let low = f64::from(self.next_u32() >> 6);
        (high * 67_108_864.0 + low) * (1.0 / 9_007_199_254_740_992.0)
    }

    /// `shuffle(items)`.
    pub fn shuffle<T>(&mut self, items: &mut [T]) {
        for i in (1..items.len()).rev() {
            let j = self.randrange(i + 1);
            items.swap(i, j);
        }
    }

    /// `sample(range(population), count)`: distinct indices in the order of their draws.
    ///
    /// Small populations are drawn from a pool, large ones by remembering what was drawn; which of the two decides the
    /// numbers, so the threshold is Python's.
    pub fn sample(&mut self, population: usize, count: usize) -> Result<Vec<usize>, SampleError> {
        if count > population {
            return Err(SampleError);
        }
        let mut chosen = Vec::with_capacity(count);
        if population <= pool_threshold(count) {
            let mut pool: Vec<usize> = (0..population).collect();
            for i in 0..count {
                let j = self.randrange(population - i);
                chosen.push(pool[j]);
                pool[j] = pool[population - i - 1];
            }
        } else {
            let mut seen = HashSet::with_capacity(count);
            while chosen.len() < count {
                let j = self.randrange(population);
                if seen.insert(j) {
                    chosen.push(j);
                }
            }
        }
        Ok(chosen)
    }
}

fn mixed(word: u32) -> u32 {
    word ^ (word >> 30)
}

/// The word after `i`; behind the last one comes word 1, with word 0 taking the last one's value.
fn next_word(words: &mut [u32; STATE_WORDS], i: usize) -> usize {
    if i + 1 < STATE_WORDS {
        return i + 1;
    }
    words[0] = words[STATE_WORDS - 1];
    1
}

/// The largest population that Python samples from a pool: 21, and for more than five draws also the first power of
/// four that reaches three times their number.
fn pool_threshold(count: usize) -> usize {
    if count <= 5 {
        return 21;
    }
    let mut power = 4usize;
    while power < count.saturating_mul(3) {
        power = power.saturating_mul(4);
    }
    power.saturating_add(21)
}

impl From<PythonRandom> for Vec<u32> {
    fn from(random: PythonRandom) -> Self {
        let mut state = random.words.to_vec();
        state.push(random.position as u32);
        state
    }
}

impl TryFrom<Vec<u32>> for PythonRandom {
    type Error = PythonStateError;

    fn try_from(state: Vec<u32>) -> Result<Self, Self::Error> {
        let Some((&position, words)) = state.split_last().filter(|(_, words)| words.len() == STATE_WORDS) else {
            return Err(PythonStateError::Length(state.len()));
        };
        if position as usize > STATE_WORDS {
            return Err(PythonStateError::Position(position));
        }
        if words.iter().all(|&word| word == 0) {
            return Err(PythonStateError::Zero);
        }
        let mut boxed = Box::new([0; STATE_WORDS]);
        boxed.copy_from_slice(words);
        Ok(Self { words: boxed, position: position as usize })
    }
}

impl fmt::Debug for PythonRandom {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        // 624 words help nobody.
        formatter.debug_struct("PythonRandom").field("position", &self.position).finish_non_exhaustive()
    }
}
