//! The optimizer step on burn's modules.
//!
//! [`Optimizer`] takes a module and its gradients and gives the module after the step. On the CPU it works on the parameters'
//! own memory; elsewhere it is tensor operations. [`SquaredNorm`] is the step's update norm, left where it was computed, so
//! that a step reads nothing back.

mod control_block;
mod device;
mod device_noise;
mod error;
mod host;
mod norm;
mod step;
mod tensors;

pub use error::OptimizerError;
pub use norm::SquaredNorm;
pub use step::{Optimizer, Placement};
