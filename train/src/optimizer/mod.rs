//! The optimizer step of AEES: learning-rate multiplier, gradient noise, AdamW or SGD, and the norm of the update, in
//! one pass over the parameters.
//!
//! The Python reference takes four passes: it clones every parameter, draws noise tensor by tensor, steps a PyTorch
//! optimizer, and subtracts the clone, reading one number per tensor back from the device. Here each element of a
//! parameter is read once and written once, and the noise of that element and its share of the norm are computed while
//! it is at hand.
//!
//! What a step computes is PyTorch's: AdamW with decoupled weight decay (Loshchilov and Hutter, "Decoupled Weight Decay
//! Regularization", ICLR 2019) or SGD with momentum, all parameters in one group. The multiplier `m` scales the learning
//! rate for this step only, and so AdamW's decay too; SGD's momentum buffer keeps unscaled gradients. Noise of standard
//! deviation `s` is added to the raw gradient before anything else; with `s = 0` none is drawn.
//!
//! - [`Optimizer`] takes a module and its gradients and gives the module after the step.
//! - [`StepControl`] is what changes from step to step; [`OptimizerConfig`] is what does not.
//! - [`SquaredNorm`] is the step's update norm, left where it was computed, so that a step reads nothing back.
//! - [`OptimizerState`] is what a checkpoint keeps. The noise has no state: it is a function of seed, parameter, step
//!   and element.
//!
//! This module leaves to others: schedules and candidates (they arrive in [`StepControl`]), loss, backward, and files.

#![forbid(unsafe_code)]

mod chunk;
mod config;
mod control_block;
mod device;
mod device_noise;
mod error;
mod host;
mod noise;
mod norm;
mod normal;
mod rule;
mod state;
mod step;

pub use config::{OptimizerConfig, OptimizerKind, StepControl};
pub use error::OptimizerError;
pub use norm::SquaredNorm;
pub use state::{OptimizerState, Slot, SlotKind};
pub use step::{Optimizer, Placement};
