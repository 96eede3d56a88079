//! What a bandit needs of a random number generator.

use std::fmt::Debug;
use std::hash::{BuildHasher, RandomState};

use serde::{Serialize, de::DeserializeOwned};

use super::{NumpyGenerator, PythonRandom};

/// A generator that a bandit draws from. Its whole state is saved and restored.
pub trait Generator: Debug + Clone + PartialEq + Serialize + DeserializeOwned {
    /// The generator of a seed; without one, a generator that nobody can reproduce.
    fn from_optional_seed(seed: Option<i128>) -> Self;

    /// A uniform integer below a positive bound.
    fn randrange(&mut self, bound: usize) -> usize;
}

impl Generator for PythonRandom {
    fn from_optional_seed(seed: Option<i128>) -> Self {
        seed.map_or_else(Self::from_entropy, Self::new)
    }

    fn randrange(&mut self, bound: usize) -> usize {
        self.below(bound as u64) as usize
    }
}

impl Generator for NumpyGenerator {
    fn from_optional_seed(seed: Option<i128>) -> Self {
        // Negative seeds wrap around: each has a stream of its own.
        seed.map_or_else(|| Self::new(RandomState::new().hash_one(0u8)), |seed| Self::new(seed as u64))
    }

    fn randrange(&mut self, bound: usize) -> usize {
        self.integers(bound as u64) as usize
    }
}
