//! The optimizer step on burn's modules.
//!
//! [`Optimizer`] takes a module and its gradients and gives the module after the step. On the CPU it works on the parameters'
//! own memory; elsewhere it is one kernel for as many parameters as a launch can bind. [`StepNorms`] are left where they were computed, so
//! that a step reads nothing back.

#[cfg(feature = "gpu")]
mod device;
mod error;
#[cfg(feature = "gpu")]
mod fused;
mod host;
mod host_gradients;
mod norm;
mod step;
mod tensors;

pub use error::OptimizerError;
pub use norm::{SquaredNorm, StepNorms};
pub use step::Optimizer;
