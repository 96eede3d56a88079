//! What a file says and the rest of it contradicts, and comparing to the last bit.

use std::fmt;

use aees_control::python_float;
use serde_json::Value;

/// Where in a run something differs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RecordPart {
    /// In the record as a whole: its headline numbers, its settings, what is logged of its controllers.
    Whole,
    /// In what was drawn before training.
    BeforeTraining,
    /// In an episode, counted from 1.
    Episode(usize),
}

/// One thing that does not follow from the rest of a record.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Difference {
    pub place: RecordPart,
    /// What it is, as in `reward` or `value estimate of lr arm 0.5`.
    pub what: String,
    /// What the file says.
    pub recorded: String,
    /// What comes out.
    pub recomputed: String,
}

impl fmt::Display for Difference {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { place, what, recorded, recomputed } = self;
        match place {
            RecordPart::Whole => {
                return write!(formatter, "{what} is {recorded} in the file, and {recomputed} by the rest of it");
            }
            RecordPart::BeforeTraining => formatter.write_str("before training")?,
            RecordPart::Episode(episode) => write!(formatter, "episode {episode}")?,
        }
        write!(formatter, ": {what} is {recorded} in the file and {recomputed} by replay")
    }
}

impl Difference {
    /// The difference of two things that are shown as they are; none when they are equal.
    pub(crate) fn between<T: PartialEq + fmt::Display>(
        place: RecordPart,
        what: impl Into<String>,
        recorded: &T,
        recomputed: &T,
    ) -> Option<Self> {
        (recorded != recomputed).then(|| Self {
            place,
            what: what.into(),
            recorded: recorded.to_string(),
            recomputed: recomputed.to_string(),
        })
    }

    /// The difference of two numbers, by their bits.
    pub(crate) fn of_numbers(
        place: RecordPart,
        what: impl Into<String>,
        recorded: Option<f64>,
        recomputed: f64,
    ) -> Option<Self> {
        if recorded.is_some_and(|recorded| recorded.to_bits() == recomputed.to_bits()) {
            return None;
        }
        Some(Self {
            place,
            what: what.into(),
            recorded: recorded.map_or("null".into(), python_float::repr),
            recomputed: python_float::repr(recomputed),
        })
    }

    /// The same for a number of a JSON document; null where it has none.
    pub(crate) fn of_value(
        place: RecordPart,
        what: impl Into<String>,
        recorded: Option<&Value>,
        recomputed: Option<f64>,
    ) -> Option<Self> {
        let recorded = recorded.filter(|value| !value.is_null());
        match (recorded, recomputed) {
            (None, None) => None,
            (recorded, Some(recomputed)) => Self::of_numbers(place, what, recorded.and_then(Value::as_f64), recomputed),
            (Some(recorded), None) => {
                Some(Self { place, what: what.into(), recorded: recorded.to_string(), recomputed: "null".into() })
            }
        }
    }

    /// The first difference of two JSON values, with the way to it. Numbers are equal when they are the same number,
    /// however they are written; an object may have more keys than are expected of it.
    pub(crate) fn of_json(place: RecordPart, what: &str, recorded: Option<&Value>, recomputed: &Value) -> Option<Self> {
        let whole =
            |recorded: String, recomputed: String| Some(Self { place, what: what.to_owned(), recorded, recomputed });
        match (recorded.unwrap_or(&Value::Null), recomputed) {
            (Value::Number(recorded), Value::Number(recomputed)) if recorded.as_f64() == recomputed.as_f64() => None,
            (recorded, recomputed) if recorded == recomputed => None,
            (Value::Array(recorded), Value::Array(recomputed)) if recorded.len() == recomputed.len() => {
                let mut entries = recorded.iter().zip(recomputed).enumerate();
                entries.find_map(|(index, (recorded, recomputed))| {
                    Self::of_json(place, &format!("{what}[{index}]"), Some(recorded), recomputed)
                })
            }
            (Value::Array(recorded), Value::Array(recomputed)) if recorded.len().max(recomputed.len()) > LONG => {
                whole(format!("a list of {}", recorded.len()), format!("a list of {}", recomputed.len()))
            }
            (Value::Object(recorded), Value::Object(recomputed)) => {
                let mut entries = recomputed.iter();
                entries.find_map(|(key, expected)| {
                    Self::of_json(place, &format!("{what}.{key}"), recorded.get(key), expected)
                })
            }
            (recorded, recomputed) => whole(recorded.to_string(), recomputed.to_string()),
        }
    }
}

/// Lists longer than this are not shown.
const LONG: usize = 8;
