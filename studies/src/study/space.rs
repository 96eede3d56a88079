//! The space of a search: what each coordinate of a trial stands for, and what a study's axes make of it.
//!
//! How trials are chosen is [`crate::search`]'s. A random search draws each axis by its own name, so that nothing shifts when
//! an axis is added; the other methods give points, whose coordinates are numbered in the order of the file.

use serde::Serialize;
use serde_json::{Number, Value};

use crate::search::{Draw, normal_probability, normal_quantile, part};

/// A trial of a search.
#[derive(Clone, Copy, Debug)]
pub(super) enum Trial<'a> {
    /// Drawn by name.
    Drawn {
        /// The seed of the search.
        seed: u64,
        /// Its number.
        number: u64,
    },
    /// A point of the unit cube.
    Point(&'a [f64]),
}

/// What a trial has for one thing that varies.
#[derive(Clone, Copy, Debug)]
pub(super) enum Coordinate {
    Drawn(Draw),
    Place(f64),
}

impl Trial<'_> {
    /// What it has for the thing of this number and name.
    pub(super) fn coordinate(self, dimension: usize, name: &str) -> Coordinate {
        match self {
            Self::Drawn { seed, number } => Coordinate::Drawn(Draw::new(seed, number, name)),
            Self::Point(point) => Coordinate::Place(point.get(dimension).copied().unwrap_or(0.5)),
        }
    }
}

impl Coordinate {
    fn place(self) -> f64 {
        match self {
            Self::Drawn(Draw(first, _)) => first,
            Self::Place(place) => place,
        }
    }

    /// One of so many.
    pub(super) fn index(self, count: usize) -> usize {
        part(self.place(), count)
    }
}

/// What a random search draws an axis from. As data it is what a study file writes.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
#[serde(rename_all = "lowercase")]
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
    /// The ends between which its values lie; none of a normal distribution.
    pub(super) fn ends(self) -> Option<(f64, f64)> {
        match self {
            Self::Uniform { from, to } | Self::LogUniform { from, to } => Some((from, to)),
            Self::RandInt { from, to } => Some((from as f64, to as f64)),
            Self::Normal { .. } => None,
        }
    }

    /// The coordinate that a value has; none outside of the ends.
    pub(super) fn coordinate_of(self, value: f64) -> Option<f64> {
        let coordinate = match self {
            Self::Uniform { from, to } => (value - from) / (to - from),
            Self::LogUniform { from, to } => (value.ln() - from.ln()) / (to.ln() - from.ln()),
            Self::Normal { mean, std } => normal_probability((value - mean) / std),
            Self::RandInt { from, to } => (value - from as f64 + 0.5) / (to as f64 - from as f64 + 1.0),
        };
        // A value that was rounded may lie a hair outside.
        (-1e-9..=1.0 + 1e-9).contains(&coordinate).then(|| coordinate.clamp(0.0, 1.0))
    }

    pub(super) fn value(self, coordinate: Coordinate) -> Value {
        let first = coordinate.place();
        let number = match self {
            Self::Uniform { from, to } => from + (to - from) * first,
            Self::LogUniform { from, to } => (from.ln() + (to.ln() - from.ln()) * first).exp(),
            Self::Normal { mean, std } => {
                let Coordinate::Drawn(Draw(first, second)) = coordinate else {
                    return float(mean + std * normal_quantile(first));
                };
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
