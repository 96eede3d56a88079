//! What does not come out again, and comparing to the last bit.

use std::fmt;

use aees_control::python_float;
use serde_json::Value;

/// The first thing that a replay did not reproduce.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Difference {
    /// The episode, from 1; none for what was drawn before training.
    pub episode: Option<usize>,
    /// What it is, as in `reward` or `value estimate of lr arm 0.5`.
    pub what: String,
    /// What the file says.
    pub recorded: String,
    /// What comes out.
    pub recomputed: String,
}

impl fmt::Display for Difference {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.episode {
            Some(episode) => write!(formatter, "episode {episode}")?,
            None => write!(formatter, "before training")?,
        }
        write!(formatter, ": {} is {} in the file and {} by replay", self.what, self.recorded, self.recomputed)
    }
}

impl Difference {
    /// The difference of two things that are shown as they are; none when they are equal.
    pub(super) fn between<T: PartialEq + fmt::Display>(
        index: usize,
        what: impl Into<String>,
        recorded: &T,
        recomputed: &T,
    ) -> Option<Self> {
        (recorded != recomputed).then(|| Self {
            episode: Some(index + 1),
            what: what.into(),
            recorded: recorded.to_string(),
            recomputed: recomputed.to_string(),
        })
    }

    /// The difference of two numbers, by their bits.
    pub(super) fn of_numbers(
        index: usize,
        what: impl Into<String>,
        recorded: Option<f64>,
        recomputed: f64,
    ) -> Option<Self> {
        if recorded.is_some_and(|recorded| recorded.to_bits() == recomputed.to_bits()) {
            return None;
        }
        Some(Self {
            episode: Some(index + 1),
            what: what.into(),
            recorded: recorded.map_or("null".into(), python_float::repr),
            recomputed: python_float::repr(recomputed),
        })
    }

    /// The same for a number of a JSON document; null where it has none.
    pub(super) fn of_value(
        index: usize,
        what: impl Into<String>,
        recorded: Option<&Value>,
        recomputed: Option<f64>,
    ) -> Option<Self> {
        let recorded = recorded.filter(|value| !value.is_null());
        match (recorded, recomputed) {
            (None, None) => None,
            (recorded, Some(recomputed)) => Self::of_numbers(index, what, recorded.and_then(Value::as_f64), recomputed),
            (Some(recorded), None) => Some(Self {
                episode: Some(index + 1),
                what: what.into(),
                recorded: recorded.to_string(),
                recomputed: "null".into(),
            }),
        }
    }
}
