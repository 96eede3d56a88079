//! A generator that counts instead of remembering.
//!
//! A draw is a hash of (seed of the search, trial, path), so trial k has the same values however many trials there are,
//! in whichever order they are drawn, and whatever else varies.

use aees_run::identity::Id;
use serde_json::json;

/// The two 53-bit uniform numbers in [0, 1) of one trial and path.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Draw(pub f64, pub f64);

impl Draw {
    /// The numbers of a trial and a path.
    pub fn new(seed: u64, trial: u64, path: &str) -> Self {
        let key = json!({"search": 1, "seed": seed, "trial": trial, "path": path});
        // Whole numbers and text always have a canonical form.
        let digits = Id::of(&key).map(|id| id.full().to_owned()).unwrap_or_default();
        let uniform = |range: std::ops::Range<usize>| {
            let bits = digits.get(range).and_then(|digits| u64::from_str_radix(digits, 16).ok()).unwrap_or_default();
            (bits >> 11) as f64 / (1_u64 << 53) as f64
        };
        Self(uniform(0..16), uniform(16..32))
    }
}

/// The one of `count` equal parts of [0, 1) in which a coordinate lies.
pub(crate) fn part(coordinate: f64, count: usize) -> usize {
    ((coordinate * count as f64) as usize).min(count.saturating_sub(1))
}
