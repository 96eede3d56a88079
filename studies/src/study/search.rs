//! Random search with a generator that counts instead of remembering.
//!
//! A draw is a hash of (seed of the search, trial, path), so trial k has the same values however many trials there are,
//! in whichever order they are drawn, and whatever other axes the study has.

use aees_run::identity::Id;
use serde_json::{Number, Value, json};

/// The two 53-bit uniform numbers in [0, 1) of one trial and path.
#[derive(Clone, Copy, Debug)]
pub(super) struct Draw(f64, f64);

impl Draw {
    pub(super) fn new(seed: u64, trial: u64, path: &str) -> Self {
        let key = json!({"search": 1, "seed": seed, "trial": trial, "path": path});
        // Whole numbers and text always have a canonical form.
        let digits = Id::of(&key).map(|id| id.full().to_owned()).unwrap_or_default();
        let uniform = |range: std::ops::Range<usize>| {
            let bits = digits.get(range).and_then(|digits| u64::from_str_radix(digits, 16).ok()).unwrap_or_default();
            (bits >> 11) as f64 / (1_u64 << 53) as f64
        };
        Self(uniform(0..16), uniform(16..32))
    }

    /// An index below `count`.
    pub(super) fn index(self, count: usize) -> usize {
        ((self.0 * count as f64) as usize).min(count.saturating_sub(1))
    }
}

/// What a random search draws an axis from.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Distribution {
    /// Any number from `from` up to `to`.
    Uniform { from: f64, to: f64 },
    /// The same for the logarithm.
    LogUniform { from: f64, to: f64 },
    /// A normal distribution.
    Normal { mean: f64, std: f64 },
    /// Any whole number from `from` to `to`, both included.
    RandInt { from: i64, to: i64 },
}

impl Distribution {
    pub(super) fn sample(self, draw: Draw) -> Value {
        let Draw(first, second) = draw;
        let number = match self {
            Self::Uniform { from, to } => from + (to - from) * first,
            Self::LogUniform { from, to } => (from.ln() + (to.ln() - from.ln()) * first).exp(),
            Self::Normal { mean, std } => {
                // Box and Muller, 1958; 1 - first is never 0.
                let radius = (-2.0 * (1.0 - first).ln()).sqrt();
                mean + std * radius * (std::f64::consts::TAU * second).cos()
            }
            Self::RandInt { from, to } => {
                let width = (to as i128 - from as i128 + 1) as f64;
                let offset = ((first * width) as i128).min(to as i128 - from as i128);
                return Value::from((from as i128 + offset) as i64);
            }
        };
        float(number)
    }
}

/// A float of 12 significant digits: what a computation gives on every machine, whatever its logarithm's last bit.
pub(super) fn float(number: f64) -> Value {
    let rounded = format!("{number:.11e}").parse().unwrap_or(number);
    Number::from_f64(rounded).map_or(Value::Null, Value::Number)
}
