//! The networks against their originals in PyTorch and transformers, and their own promises.

#![allow(clippy::unwrap_used, reason = "a panic is the report of a test, in its functions, too")]

mod bf16;
mod damaged_files;
#[path = "../../tests/support/mutation.rs"]
mod mutation;
mod resnet18;
mod text;

use aees_models::{NamedTensors, TensorInfo};

/// All bits of all tensors, in order, in one word.
fn mixed(tensors: &[TensorInfo], values: &NamedTensors) -> u64 {
    let words = tensors.iter().flat_map(|info| &values[&info.name].values).map(|value| u64::from(value.to_bits()));
    words.fold(0, |sum: u64, word| sum.rotate_left(5) ^ word.wrapping_mul(0x9E37_79B9_7F4A_7C15))
}
