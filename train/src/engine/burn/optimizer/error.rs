//! What can go wrong in an optimizer step or in restoring its state. None of it depends on the values of the numbers:
//! a diverged run gives non-finite parameters and norms, and it is the loop that decides what that means.

use burn::tensor::DType;

use crate::optimizer::SlotMismatch;

/// An optimizer was used with a module or a state that it cannot work on. Parameters go by PyTorch's names.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum OptimizerError {
    /// The optimizer works in single precision only.
    #[error("parameter {parameter} is of type {found:?}; the optimizer updates F32 parameters only")]
    ParameterType {
        /// The parameter.
        parameter: String,
        /// Its element type.
        found: DType,
    },
    /// A gradient does not belong to its parameter.
    #[error("the gradient of parameter {parameter} has {found:?} elements of F32, expected {expected}")]
    Gradient {
        /// The parameter.
        parameter: String,
        /// Number of elements of the parameter.
        expected: usize,
        /// Number of elements of the gradient; none if it is not of type F32.
        found: Option<usize>,
    },
    /// The module is not the one that the optimizer was made for.
    #[error(
        "the optimizer was made for a parameter {parameter} of shape {expected:?}, the module's has {found} elements"
    )]
    OtherModule {
        /// The parameter.
        parameter: String,
        /// Its shape.
        expected: Vec<usize>,
        /// Number of elements of what was found in its place.
        found: usize,
    },
    /// A restored state has slots of another module or update rule, or too few of them.
    #[error(transparent)]
    State(#[from] SlotMismatch),
    /// A tensor could not be read back from its device.
    #[error("the device failed while the optimizer read {what}: {message}")]
    Device {
        /// What was being read.
        what: &'static str,
        /// The device's words.
        message: String,
    },
}
