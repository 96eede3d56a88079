//! The seam's suite, burn's optimizer, a run driven from outside, and TensorBoard's own reader.

#![allow(clippy::unwrap_used, reason = "a panic is the report of a test, in its functions, too")]

mod burn;
mod drive;
mod engine;
mod tensorboard;
