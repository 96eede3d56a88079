//! Kernels of our own, for every GPU that CubeCL drives, and how one becomes an operation of burn's stream.
//!
//! The files of kernels hold device code alone: what they are launched with is with their users.

pub(super) mod crop;
#[cfg(all(test, feature = "cuda-source"))]
mod cuda_source;
pub(super) mod mask;
pub(super) mod normal;
pub(super) mod operation;
pub(super) mod update;
