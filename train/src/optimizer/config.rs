//! What an optimizer is told once, and what it is told at every step.

use serde::{Deserialize, Serialize};

/// The update rule. Names, defaults and meaning are PyTorch's.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum OptimizerKind {
    /// Adam with decoupled weight decay (`torch.optim.AdamW`, without `amsgrad`).
    AdamW {
        /// Decay of the running mean of the gradient.
        beta1: f64,
        /// Decay of the running mean of the squared gradient.
        beta2: f64,
        /// Added to the denominator, after the square root and the bias correction.
        epsilon: f64,
    },
    /// Stochastic gradient descent (`torch.optim.SGD`, dampening 0, no Nesterov).
    Sgd {
        /// Decay of the momentum buffer; with 0 there is no buffer.
        momentum: f64,
    },
}

impl OptimizerKind {
    /// AdamW with PyTorch's defaults: betas 0.9 and 0.999, epsilon 1e-8.
    pub const ADAMW: Self = Self::AdamW { beta1: 0.9, beta2: 0.999, epsilon: 1e-8 };
}

/// What stays the same for a whole run.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct OptimizerConfig {
    /// The update rule.
    pub kind: OptimizerKind,
    /// Weight decay: decoupled and scaled by the learning rate for AdamW, added to the gradient for SGD.
    pub weight_decay: f64,
    /// The largest norm that the gradients of all parameters together may have; larger ones are scaled down to it, before
    /// noise is added (`torch.nn.utils.clip_grad_norm_`). None leaves them as they are.
    pub max_gradient_norm: Option<f64>,
}

/// What one step is told.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct StepControl {
    /// The scheduled learning rate, before the multiplier.
    pub learning_rate: f64,
    /// The candidate's learning-rate multiplier `m`.
    pub multiplier: f64,
    /// The candidate's gradient-noise standard deviation `s`; with 0 no noise is drawn.
    pub noise_std: f64,
    /// The run's optimizer step, from 0. It keys the noise, so a resumed run draws what the first one would have drawn.
    pub step: u64,
}

impl StepControl {
    /// A step of the plain optimizer: multiplier 1, no noise.
    pub fn plain(learning_rate: f64, step: u64) -> Self {
        Self { learning_rate, multiplier: 1.0, noise_std: 0.0, step }
    }
}
