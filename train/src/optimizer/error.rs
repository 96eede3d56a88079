//! What can go wrong in an optimizer step or in restoring its state. None of it depends on the values of the numbers:
//! a diverged run gives non-finite parameters and norms, and it is the loop that decides what that means.

use burn::tensor::DType;

/// An optimizer was used with a module or a state that it cannot work on.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum OptimizerError {
    /// The optimizer works in single precision only.
    #[error("parameter {parameter} is of type {found:?}; the optimizer updates F32 parameters only")]
    ParameterType {
        /// Position of the parameter in the module's visiting order.
        parameter: usize,
        /// Its element type.
        found: DType,
    },
    /// A gradient does not belong to its parameter.
    #[error("the gradient of parameter {parameter} has {found:?} elements of F32, expected {expected}")]
    Gradient {
        /// Position of the parameter in the module's visiting order.
        parameter: usize,
        /// Number of elements of the parameter.
        expected: usize,
        /// Number of elements of the gradient; none if it is not of type F32.
        found: Option<usize>,
    },
    /// The module is not the one that the optimizer's slots were made for.
    #[error("the optimizer's {slot} for parameter {parameter} has {found} elements, the parameter has {expected}")]
    SlotLength {
        /// Position of the parameter in the module's visiting order.
        parameter: usize,
        /// The slot's name.
        slot: &'static str,
        /// Number of elements of the parameter.
        expected: usize,
        /// Number of elements of the slot.
        found: usize,
    },
    /// A restored state has slots of another update rule, too few of them, or of another type than F32.
    #[error("the optimizer state for parameter {parameter} does not fit: {problem}")]
    State {
        /// Position of the parameter in the module's visiting order.
        parameter: usize,
        /// What does not fit.
        problem: String,
    },
    /// A tensor could not be read back from its device.
    #[error("the device failed while the optimizer read {what}: {message}")]
    Device {
        /// What was being read.
        what: &'static str,
        /// The device's words.
        message: String,
    },
}
