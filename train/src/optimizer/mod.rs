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
//! deviation `s` is added to the raw gradient before anything else; with `s = 0` none is drawn. Where gradients are clipped, they are
//! before noise is added, and their norm costs one pass more over the gradients.
//!
//! - [`OptimizerConfig`] is what does not change in a run; [`StepControl`] is what changes from step to step.
//! - [`NoiseKey`] is the noise, which has no state: it is a function of seed, parameter, step and element.
//! - [`SlotKind`] is what is kept of a parameter from step to step.
//!
//! This module is what all engines have in common: the rules, their scalars, the noise, and the pass over plain memory. It
//! leaves to the engines how a model's parameters and gradients are had, and to the loop schedules and candidates.

mod chunk;
mod clip;
mod config;
mod gradient;
mod host;
mod noise;
mod norm_epsilon;
mod normal;
mod rule;
mod saved_slots;
mod slot;

pub use config::{OptimizerConfig, OptimizerKind, StepControl};
pub use noise::NoiseKey;
pub use saved_slots::SlotMismatch;
pub use slot::SlotKind;

pub(crate) use chunk::Noise;
pub(crate) use clip::{add_gradient, clip_factor, sum_of_squares};
pub(crate) use gradient::Gradient;
pub(crate) use host::ParameterUpdate;
#[cfg(any(feature = "gpu", feature = "libtorch"))]
pub(crate) use noise::key_words;
pub(crate) use noise::{TILE, TILE_BLOCKS};
#[cfg(any(feature = "gpu", feature = "libtorch"))]
pub(crate) use norm_epsilon::NORM_EPSILON;
#[cfg(feature = "gpu")]
pub(crate) use normal::{COSINE, LN_2, LOGARITHM, SINE, WORD_TO_ANGLE, WORD_TO_UNIT};
pub(crate) use rule::StepRule;
pub(crate) use saved_slots::slots_in_order;
