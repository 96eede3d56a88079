//! What an episode can be run with: learning-rate multipliers, noise levels, and their product.
//!
//! A value that would break a run cannot be constructed: a multiplier is positive and finite, a noise level is finite and
//! not negative, a list holds at least one value and none twice. Names and the accepted text are the reference's
//! (pulseopt 0.3.0), except that `nan` and `inf` are refused.

use serde::{Deserialize, Serialize};
use thiserror::Error;

use crate::python_float;

/// Which of the two controlled quantities a list of candidates belongs to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Axis {
    /// The learning-rate multiplier.
    Lr,
    /// The standard deviation of the gradient noise.
    Noise,
}

impl Axis {
    /// The name of the axis in logs: `lr` or `noise`.
    pub fn name(self) -> &'static str {
        match self {
            Self::Lr => "lr",
            Self::Noise => "noise",
        }
    }

    /// The name of the list of its candidates: `lr_candidates` or `noise_candidates`.
    pub fn field(self) -> &'static str {
        match self {
            Self::Lr => "lr_candidates",
            Self::Noise => "noise_candidates",
        }
    }

    fn bound(self) -> &'static str {
        match self {
            Self::Lr => "positive",
            Self::Noise => "non-negative",
        }
    }

    fn admits(self, value: f64) -> bool {
        match self {
            Self::Lr => value > 0.0,
            Self::Noise => value >= 0.0,
        }
    }
}

/// A candidate value or list that cannot be used.
#[allow(missing_docs, reason = "a field's name says it")]
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum CandidateError {
    /// The list is empty.
    #[error("{} must contain at least one value.", .0.field())]
    Empty(Axis),
    /// A piece of the text is not a number.
    #[error("Invalid value '{text}' in {}.", .axis.field())]
    NotANumber { axis: Axis, text: String },
    /// A value is `nan` or infinite. The reference accepts it and then trains on it.
    #[error("Invalid value '{text}' in {}: it must be finite.", .axis.field())]
    NotFinite { axis: Axis, text: String },
    /// A piece of the text is a number outside the range of its axis.
    #[error("{} values must be {}.", .0.field(), .0.bound())]
    TextOutOfRange(Axis),
    /// A given value is outside the range of its axis.
    #[error("{} values must all be {}.", .0.field(), .0.bound())]
    ValueOutOfRange(Axis),
    /// A value stands twice in its list.
    #[error("{} contains a duplicate value: {text}.", .axis.field())]
    Duplicate { axis: Axis, text: String },
    /// A single multiplier is not positive, or not finite.
    #[error("lr_multiplier must be positive.")]
    LrMultiplier,
    /// A single noise level is negative, or not finite.
    #[error("noise_std must be non-negative.")]
    NoiseStd,
}

/// A learning-rate multiplier: positive and finite.
#[derive(Debug, Clone, Copy, PartialEq, PartialOrd, Serialize, Deserialize)]
#[serde(try_from = "f64")]
pub struct LrMultiplier(f64);

impl LrMultiplier {
    /// Checks the value.
    pub fn new(value: f64) -> Result<Self, CandidateError> {
        if value.is_finite() && Axis::Lr.admits(value) { Ok(Self(value)) } else { Err(CandidateError::LrMultiplier) }
    }

    /// The multiplier as a plain number.
    pub fn get(self) -> f64 {
        self.0
    }
}

/// The standard deviation of gradient noise: finite and not negative.
#[derive(Debug, Clone, Copy, PartialEq, PartialOrd, Serialize, Deserialize)]
#[serde(try_from = "f64")]
pub struct NoiseStd(f64);

impl NoiseStd {
    /// Checks the value.
    pub fn new(value: f64) -> Result<Self, CandidateError> {
        if value.is_finite() && Axis::Noise.admits(value) { Ok(Self(value)) } else { Err(CandidateError::NoiseStd) }
    }

    /// The standard deviation as a plain number.
    pub fn get(self) -> f64 {
        self.0
    }
}

impl TryFrom<f64> for LrMultiplier {
    type Error = CandidateError;

    fn try_from(value: f64) -> Result<Self, Self::Error> {
        Self::new(value)
    }
}

impl TryFrom<f64> for NoiseStd {
    type Error = CandidateError;

    fn try_from(value: f64) -> Result<Self, Self::Error> {
        Self::new(value)
    }
}

/// What one episode runs with: a plain value, handed to every optimizer step and never written into shared state.
///
/// It is saved as the reference's candidate definition, `{name, lr_multiplier, noise_std}`; the name follows from the
/// values and is not read back.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(from = "Definition", into = "Definition")]
pub struct Candidate {
    /// Multiplies the scheduled learning rate.
    pub lr_multiplier: LrMultiplier,
    /// Standard deviation of the noise that is added to every gradient element.
    pub noise_std: NoiseStd,
}

impl Candidate {
    /// The name in logs, such as `lr0p5_n0`: both values in `%.12g`, with `m` for minus and `p` for the point.
    pub fn name(&self) -> String {
        format!("lr{}_n{}", name_part(self.lr_multiplier.get()), name_part(self.noise_std.get()))
    }
}

fn name_part(value: f64) -> String {
    python_float::general(value, 12).replace('-', "m").replace('.', "p")
}

#[derive(Clone, Serialize, Deserialize)]
struct Definition {
    #[serde(default)]
    name: String,
    lr_multiplier: LrMultiplier,
    noise_std: NoiseStd,
}

impl From<Candidate> for Definition {
    fn from(candidate: Candidate) -> Self {
        Self { name: candidate.name(), lr_multiplier: candidate.lr_multiplier, noise_std: candidate.noise_std }
    }
}

impl From<Definition> for Candidate {
    fn from(definition: Definition) -> Self {
        Self { lr_multiplier: definition.lr_multiplier, noise_std: definition.noise_std }
    }
}

/// The candidates of a run: both axes, checked.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(try_from = "CandidateLists")]
pub struct CandidateSet {
    lr: Vec<LrMultiplier>,
    noise: Vec<NoiseStd>,
}

#[derive(Deserialize)]
struct CandidateLists {
    lr: Vec<f64>,
    noise: Vec<f64>,
}

impl CandidateSet {
    /// Checks both lists. Their order is kept: it numbers the arms.
    pub fn new(lr: &[f64], noise: &[f64]) -> Result<Self, CandidateError> {
        check_values(Axis::Lr, lr)?;
        check_values(Axis::Noise, noise)?;
        Ok(Self {
            lr: lr.iter().copied().map(LrMultiplier).collect(),
            noise: noise.iter().copied().map(NoiseStd).collect(),
        })
    }

    /// The multipliers, in arm order.
    pub fn lr(&self) -> &[LrMultiplier] {
        &self.lr
    }

    /// The noise levels, in arm order.
    pub fn noise(&self) -> &[NoiseStd] {
        &self.noise
    }

    /// The values of one axis as plain numbers, in arm order.
    pub fn values(&self, axis: Axis) -> Vec<f64> {
        match axis {
            Axis::Lr => self.lr.iter().map(|value| value.get()).collect(),
            Axis::Noise => self.noise.iter().map(|value| value.get()).collect(),
        }
    }

    /// The candidate at a pair of arms, if both exist.
    pub fn get(&self, lr_index: usize, noise_index: usize) -> Option<Candidate> {
        Some(Candidate { lr_multiplier: *self.lr.get(lr_index)?, noise_std: *self.noise.get(noise_index)? })
    }

    /// All candidates, the learning-rate axis outermost.
    pub fn product(&self) -> impl Iterator<Item = Candidate> + '_ {
        self.lr
            .iter()
            .flat_map(|&lr_multiplier| self.noise.iter().map(move |&noise_std| Candidate { lr_multiplier, noise_std }))
    }
}

impl TryFrom<CandidateLists> for CandidateSet {
    type Error = CandidateError;

    fn try_from(lists: CandidateLists) -> Result<Self, Self::Error> {
        Self::new(&lists.lr, &lists.noise)
    }
}

/// Reads a comma-separated list of candidates, such as `0.5,1.0,2.0`.
///
/// Pieces are stripped, empty ones skipped, numbers are read as Python reads them; `nan` and infinities are refused.
pub fn parse_candidates(axis: Axis, text: &str) -> Result<Vec<f64>, CandidateError> {
    let mut values = Vec::new();
    let pieces = text.split(',').map(|piece| piece.trim_matches(python_float::is_python_space));
    for piece in pieces.filter(|piece| !piece.is_empty()) {
        let value =
            python_float::parse(piece).ok_or_else(|| CandidateError::NotANumber { axis, text: piece.to_owned() })?;
        if !value.is_finite() {
            return Err(CandidateError::NotFinite { axis, text: piece.to_owned() });
        }
        if !axis.admits(value) {
            return Err(CandidateError::TextOutOfRange(axis));
        }
        if values.contains(&value) {
            return Err(CandidateError::Duplicate { axis, text: python_float::repr(value) });
        }
        values.push(value);
    }
    if values.is_empty() { Err(CandidateError::Empty(axis)) } else { Ok(values) }
}

fn check_values(axis: Axis, values: &[f64]) -> Result<(), CandidateError> {
    if values.is_empty() {
        return Err(CandidateError::Empty(axis));
    }
    for (i, &value) in values.iter().enumerate() {
        if !value.is_finite() {
            return Err(CandidateError::NotFinite { axis, text: python_float::repr(value) });
        }
        if !axis.admits(value) {
            return Err(CandidateError::ValueOutOfRange(axis));
        }
        if values[..i].contains(&value) {
            return Err(CandidateError::Duplicate { axis, text: python_float::repr(value) });
        }
    }
    Ok(())
}
