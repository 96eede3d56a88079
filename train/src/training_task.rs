//! What the loop asks of a task. The loop is the same for all tasks; what differs stands behind this trait.

use aees_tasks::EpochPlan;

use crate::engine::Split;

/// A task as the training loop sees it: sizes, orders, labels and costs, no tensors.
pub trait TrainingTask {
    /// Examples in the training split.
    fn train_examples(&self) -> usize;

    /// The order and augmentation of an epoch: a pure function of (seed, epoch).
    fn plan_epoch(&self, epoch: u64) -> EpochPlan;

    /// The split that is evaluated after each epoch.
    fn evaluated_split(&self) -> Split;

    /// The right classes of a split. For the training split these are the labels it trains on, noisy ones included.
    fn labels(&self, split: Split) -> &[u32];

    /// The factor of the base learning rate for an epoch and a step, both from 0.
    fn learning_rate_factor(&self, epoch: u64, step: u64) -> f64;

    /// Estimated FLOP of a training step on a batch, by the reference's constant.
    fn train_flops(&self, examples: &[u32]) -> f64;

    /// Estimated FLOP of an evaluation of a split, by the reference's constant.
    fn eval_flops(&self, split: Split) -> f64;
}
