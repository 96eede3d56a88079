//! How trials are chosen from a space: points in a unit cube, one coordinate for each thing that varies.
//!
//! What a coordinate means (a learning rate on a logarithm's scale, the third of four optimizers) is the caller's. All three
//! methods are functions and keep nothing: a trial follows from the seed, its number and, for [`tpe`], what earlier trials
//! gave. So a list of trials is the same after any interruption, on every machine.
//!
//! * [`Draw`]: independent uniform numbers by a generator that counts.
//! * [`sobol`]: Sobol's sequence, which fills the cube evenly.
//! * [`tpe`]: the tree-structured Parzen estimator, which learns from results.

mod directions;
mod draw;
mod normal;
pub mod sobol;
pub mod tpe;

pub use self::draw::Draw;
pub(crate) use self::draw::part;
pub(crate) use self::normal::probability as normal_probability;
pub use self::normal::quantile as normal_quantile;
