//! The block `runtime_metrics` of a RunResult: rates, epoch times, hardware, and what AEES itself did.
//!
//! It is computed from the rest of the RunResult when that is saved, by the rules of the reference (its experiments'
//! `build_runtime_metrics`), so it can also be computed for the reference's own files, old and new: a key that is
//! absent or of the wrong type gives null, nothing fails. The input is therefore JSON and not our own types.
//!
//! Three rules run through everything. A number is not a boolean, and an integer is not a float with a zero fraction. A
//! list with one bad item is null as a whole. A ratio with a null part or a zero denominator is null.
//!
//! Steady state, that is epochs without the first, is left to the overhead table.

mod axes;
mod build;
mod field;
mod hardware;
mod statistics;

pub use build::runtime_metrics;
pub use hardware::HardwareFields;
pub use statistics::{mean, population_deviation};
