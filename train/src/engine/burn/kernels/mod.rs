//! Kernels of our own, for every GPU that CubeCL drives, and how one becomes an operation of burn's stream.
//!
//! The files of kernels hold device code alone: what they are launched with is with their users.

pub(super) mod crop;
pub(super) mod mask;
pub(super) mod normal;
pub(super) mod operation;
pub(super) mod tokens;
pub(super) mod update;
