//! The update of one element, as PyTorch's `adamw.py` and `sgd.py` write it, and the scalars of one step.
//!
//! Scalars are computed in double precision, as Python does, and rounded once to single precision, as PyTorch does when
//! it multiplies a tensor by a number.

use super::{OptimizerConfig, OptimizerKind, StepControl};

/// An update rule with its scalars for one step; `SLOTS` values per element are kept from step to step.
pub(crate) trait Rule<const SLOTS: usize>: Copy + Sync {
    /// The element and its slots after the step.
    fn element(self, parameter: f32, gradient: f32, slots: [f32; SLOTS]) -> (f32, [f32; SLOTS]);
}

/// AdamW; its slots are the running means of the gradient and of its square.
#[derive(Clone, Copy, Debug)]
pub(crate) struct AdamW {
    /// What weight decay leaves of a parameter: 1 - lr * weight decay.
    pub decay: f32,
    /// 1 - beta1.
    pub mean_weight: f32,
    /// beta2.
    pub square_decay: f32,
    /// 1 - beta2.
    pub square_weight: f32,
    /// lr / (1 - beta1^t).
    pub step_size: f32,
    /// sqrt(1 - beta2^t).
    pub square_correction: f32,
    /// Keeps the denominator from 0.
    pub epsilon: f32,
}

impl Rule<2> for AdamW {
    #[inline(always)]
    fn element(self, parameter: f32, gradient: f32, [mean, square]: [f32; 2]) -> (f32, [f32; 2]) {
        let decayed = parameter * self.decay;
        let mean = mean + self.mean_weight * (gradient - mean);
        let square = square * self.square_decay + self.square_weight * (gradient * gradient);
        let denominator = square.sqrt() / self.square_correction + self.epsilon;
        (decayed - self.step_size * mean / denominator, [mean, square])
    }
}

/// Stochastic gradient descent without momentum.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Sgd {
    /// Scheduled learning rate times multiplier.
    pub learning_rate: f32,
    /// Share of the parameter that is added to its gradient.
    pub weight_decay: f32,
}

impl Rule<0> for Sgd {
    #[inline(always)]
    fn element(self, parameter: f32, gradient: f32, _: [f32; 0]) -> (f32, [f32; 0]) {
        (parameter - self.learning_rate * (gradient + self.weight_decay * parameter), [])
    }
}

/// Stochastic gradient descent with momentum; its slot is the sum of unscaled, decaying gradients.
///
/// PyTorch starts the buffer as a copy of the first gradient. Starting at zero gives the same: momentum * 0 + gradient.
#[derive(Clone, Copy, Debug)]
pub(crate) struct MomentumSgd {
    /// Learning rate and weight decay.
    pub plain: Sgd,
    /// Decay of the buffer.
    pub momentum: f32,
}

impl Rule<1> for MomentumSgd {
    #[inline(always)]
    fn element(self, parameter: f32, gradient: f32, [buffer]: [f32; 1]) -> (f32, [f32; 1]) {
        let decayed = gradient + self.plain.weight_decay * parameter;
        let buffer = self.momentum * buffer + decayed;
        (parameter - self.plain.learning_rate * buffer, [buffer])
    }
}

/// The rule that a configuration asks for, with one step's scalars.
#[derive(Clone, Copy, Debug)]
pub(crate) enum StepRule {
    /// Two slots.
    AdamW(AdamW),
    /// One slot.
    Momentum(MomentumSgd),
    /// No slot.
    Sgd(Sgd),
}

impl StepRule {
    /// The scalars of the optimizer's step number `count`, from 1.
    pub(crate) fn new(config: &OptimizerConfig, control: &StepControl, count: u64) -> Self {
        let learning_rate = control.learning_rate * control.multiplier;
        match config.kind {
            OptimizerKind::AdamW { beta1, beta2, epsilon } => {
                // Past 2^31 steps both powers have long been 0.
                let exponent = i32::try_from(count).unwrap_or(i32::MAX);
                Self::AdamW(AdamW {
                    decay: (1.0 - learning_rate * config.weight_decay) as f32,
                    mean_weight: (1.0 - beta1) as f32,
                    square_decay: beta2 as f32,
                    square_weight: (1.0 - beta2) as f32,
                    step_size: (learning_rate / (1.0 - beta1.powi(exponent))) as f32,
                    square_correction: (1.0 - beta2.powi(exponent)).sqrt() as f32,
                    epsilon: epsilon as f32,
                })
            }
            OptimizerKind::Sgd { momentum } => {
                let plain = Sgd { learning_rate: learning_rate as f32, weight_decay: config.weight_decay as f32 };
                if momentum == 0.0 {
                    Self::Sgd(plain)
                } else {
                    Self::Momentum(MomentumSgd { plain, momentum: momentum as f32 })
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const CONTROL: StepControl = StepControl { learning_rate: 0.1, multiplier: 2.0, noise_std: 0.0, step: 0 };

    /// The reference's own check: lr 0.1, m = 2, weight decay 0.5, p = 1, gradient 0.
    #[test]
    fn the_multiplier_scales_adamw_decay() {
        let config = OptimizerConfig { kind: OptimizerKind::ADAMW, weight_decay: 0.5, max_gradient_norm: None };
        let StepRule::AdamW(rule) = StepRule::new(&config, &CONTROL, 1) else { panic!("AdamW") };
        assert_eq!(rule.element(1.0, 0.0, [0.0, 0.0]), (0.9, [0.0, 0.0]));
    }

    /// The first AdamW step is lr * m against the sign of the gradient, whatever its size.
    #[test]
    fn the_first_adamw_step_has_the_length_of_the_learning_rate() {
        let config = OptimizerConfig { kind: OptimizerKind::ADAMW, weight_decay: 0.0, max_gradient_norm: None };
        let StepRule::AdamW(rule) = StepRule::new(&config, &CONTROL, 1) else { panic!("AdamW") };
        for gradient in [3.0, -0.001, 1e4] {
            let (parameter, _) = rule.element(1.0, gradient, [0.0, 0.0]);
            assert!((1.0 - parameter - 0.2 * gradient.signum()).abs() < 1e-5, "{gradient}: {parameter}");
        }
    }

    /// g + wd p = 2.5; the buffer keeps it unscaled: 2.5, then 0.5 * 2.5 + (1 + 0.5 * 0.5) = 2.5; steps of 0.2 * buffer.
    #[test]
    fn the_momentum_buffer_holds_unscaled_gradients() {
        let config =
            OptimizerConfig { kind: OptimizerKind::Sgd { momentum: 0.5 }, weight_decay: 0.5, max_gradient_norm: None };
        let StepRule::Momentum(rule) = StepRule::new(&config, &CONTROL, 1) else { panic!("momentum") };
        let (parameter, slots) = rule.element(1.0, 2.0, [0.0]);
        assert_eq!((parameter, slots), (0.5, [2.5]));
        assert_eq!(rule.element(parameter, 1.0, slots), (0.0, [2.5]));
    }

    #[test]
    fn momentum_0_has_no_buffer() {
        let config =
            OptimizerConfig { kind: OptimizerKind::Sgd { momentum: 0.0 }, weight_decay: 0.5, max_gradient_norm: None };
        let StepRule::Sgd(rule) = StepRule::new(&config, &CONTROL, 1) else { panic!("plain") };
        assert_eq!(rule.element(1.0, 2.0, []), (0.5, []));
    }
}
