//! The seam's suite, burn's optimizer, runs driven from outside, and TensorBoard's own reader.

#![allow(clippy::unwrap_used, reason = "a panic is the report of a test, in its functions, too")]

mod burn;
mod drive;
mod engine;
#[path = "../../tests/support/require.rs"]
mod require;
mod tensorboard;
