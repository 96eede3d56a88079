//! The seam's suite, burn's optimizer, and TensorBoard's own reader.

#![allow(clippy::unwrap_used, reason = "a panic is the report of a test, in its functions, too")]

mod burn;
mod engine;
mod tensorboard;
