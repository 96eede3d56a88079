//! The one number of clipping that kernels share with the host; they can be compiled without the rest.

/// Added to the norm of the gradients before it divides, by PyTorch.
pub(crate) const NORM_EPSILON: f64 = 1e-6;
