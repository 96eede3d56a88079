//! The optimizer step on burn's modules.
//!
//! [`Optimizer`] takes a module and its gradients and gives the module after the step. On the CPU it works on the parameters'
//! own memory; elsewhere it is one kernel for as many parameters as a launch can bind. [`SquaredNorm`] is the step's update norm, left where it was computed, so
//! that a step reads nothing back.

#[cfg(feature = "gpu")]
mod device;
mod error;
#[cfg(feature = "gpu")]
mod fused;
mod host;
mod norm;
mod step;
mod tensors;

pub use error::OptimizerError;
pub use norm::SquaredNorm;
pub use step::Optimizer;
