//! Random numbers that are a pure function of (seed, purpose, index), never of what was drawn before.
//!
//! Each use of randomness opens its own ChaCha8 stream whose 256-bit key is built from the words themselves, with no
//! hashing and no global generator. So an epoch's order does not change when label noise is switched on, batch 17 can be
//! made without batches 0 to 16, and a run that resumes draws what it would have drawn. ChaCha8 (D. J. Bernstein, "ChaCha,
//! a variant of Salsa20", 2008) is named, and shuffles and bounded draws are written here, so the values do not move
//! when a library does.
//!
//! The reference's own draws (label noise) are not made here: they are CPython's, see [`crate::label_noise`].

use aees_control::rng::bounded;
use chacha20::ChaCha8Rng;
use rand_core::{Infallible, Rng, SeedableRng, TryRng};

/// The last word of every key: this scheme's name and version, so that other users of ChaCha8 never share a stream.
const KEY_DOMAIN: u64 = u64::from_le_bytes(*b"aeeskey1");

/// What a stream is for. The numbers are part of the results: never change or reuse one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[repr(u64)]
pub enum StreamPurpose {
    /// The order of the training examples; index: epoch.
    EpochOrder = 1,
    /// Crops and flips; index: epoch.
    Augmentation = 2,
    /// Which examples `--val-split` holds out; index: class.
    ValidationSplit = 3,
    /// A model's first parameters; index: parameter.
    InitialParameters = 4,
    /// Gradient noise; index: chosen by the engine.
    GradientNoise = 5,
    /// The patterns of a synthetic class or superclass; index: class.
    SyntheticPattern = 6,
    /// A synthetic training example; index: example.
    SyntheticTrain = 7,
    /// A synthetic test example; index: example.
    SyntheticTest = 8,
    /// Dropout masks; index: step.
    Dropout = 9,
    /// The order of an epoch's batches of similar lengths; index: epoch.
    BatchOrder = 10,
}

/// One stream of random numbers. Implements [`rand_core::Rng`], so rand and `rand_distr` can sample from it.
#[derive(Debug)]
pub struct KeyedRng(ChaCha8Rng);

/// Opens the stream of (seed, purpose, index) at its beginning.
///
/// ```
/// use aees_tasks::{StreamPurpose, stream};
/// let mut first = stream(7, StreamPurpose::EpochOrder, 0);
/// let mut again = stream(7, StreamPurpose::EpochOrder, 0);
/// assert_eq!(first.below(1000), again.below(1000));
/// ```
pub fn stream(seed: u64, purpose: StreamPurpose, index: u64) -> KeyedRng {
    let mut key = [0; 32];
    for (bytes, word) in key.chunks_exact_mut(8).zip([seed, purpose as u64, index, KEY_DOMAIN]) {
        bytes.copy_from_slice(&word.to_le_bytes());
    }
    KeyedRng(ChaCha8Rng::from_seed(key))
}

impl KeyedRng {
    /// A whole number in `0..bound`, without bias.
    ///
    /// # Panics
    /// If `bound` is 0.
    #[inline]
    pub fn below(&mut self, bound: u32) -> u32 {
        assert!(bound > 0, "a draw below 0");
        bounded(bound, || self.0.next_u32())
    }

    /// A number in [0, 1), a multiple of 2^-24.
    #[inline]
    pub fn unit(&mut self) -> f32 {
        (self.0.next_u32() >> 8) as f32 * (1.0 / 16_777_216.0)
    }

    /// A number in [low, high).
    #[inline]
    pub fn between(&mut self, low: f32, high: f32) -> f32 {
        low + (high - low) * self.unit()
    }

    /// Fisher-Yates from the last position down.
    pub fn shuffle<T>(&mut self, items: &mut [T]) {
        for last in (1..items.len()).rev() {
            // More than 2^32 examples do not occur: indices are u32 everywhere in this crate.
            let other = self.below(last as u32 + 1) as usize;
            items.swap(last, other);
        }
    }
}

impl TryRng for KeyedRng {
    type Error = Infallible;

    fn try_next_u32(&mut self) -> Result<u32, Infallible> {
        Ok(self.0.next_u32())
    }

    fn try_next_u64(&mut self) -> Result<u64, Infallible> {
        Ok(self.0.next_u64())
    }

    fn try_fill_bytes(&mut self, dst: &mut [u8]) -> Result<(), Infallible> {
        self.0.fill_bytes(dst);
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn streams_differ_in_every_word_of_the_key() {
        let first = |seed, purpose, index| stream(seed, purpose, index).next_u64();
        let base = first(0, StreamPurpose::EpochOrder, 0);
        assert_eq!(base, first(0, StreamPurpose::EpochOrder, 0));
        assert_ne!(base, first(1, StreamPurpose::EpochOrder, 0));
        assert_ne!(base, first(0, StreamPurpose::Augmentation, 0));
        assert_ne!(base, first(0, StreamPurpose::EpochOrder, 1));
    }

    #[test]
    fn values_are_those_of_the_first_release() {
        let mut rng = stream(42, StreamPurpose::EpochOrder, 3);
        let draws: Vec<u32> = (0..6).map(|_| rng.below(1000)).collect();
        assert_eq!(draws, [854, 956, 161, 193, 234, 744]);
        let mut items: Vec<u32> = (0..8).collect();
        stream(42, StreamPurpose::EpochOrder, 3).shuffle(&mut items);
        assert_eq!(items, [3, 1, 2, 4, 5, 0, 7, 6]);
    }

    #[test]
    fn bounded_draws_are_even() {
        let mut rng = stream(0, StreamPurpose::Augmentation, 0);
        let mut counts = [0_u32; 162];
        for _ in 0..162_000 {
            counts[rng.below(162) as usize] += 1;
        }
        let chi_square: f64 = counts.iter().map(|&count| (f64::from(count) - 1000.0).powi(2) / 1000.0).sum();
        // 161 degrees of freedom: mean 161, standard deviation 18.
        assert!((90.0..250.0).contains(&chi_square), "{chi_square}");
    }
}
