//! What a checkpoint keeps of an optimizer.

use burn::tensor::TensorData;
use serde::{Deserialize, Serialize};

use super::OptimizerKind;

/// What a slot holds. The names are PyTorch's keys.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum SlotKind {
    /// SGD's momentum buffer.
    Momentum,
    /// AdamW's running mean of the gradient.
    ExpAvg,
    /// AdamW's running mean of the squared gradient.
    ExpAvgSq,
}

impl SlotKind {
    /// The slots that a rule keeps for each parameter.
    pub fn of(kind: &OptimizerKind) -> &'static [Self] {
        match kind {
            OptimizerKind::AdamW { .. } => &[Self::ExpAvg, Self::ExpAvgSq],
            OptimizerKind::Sgd { momentum } if *momentum == 0.0 => &[],
            OptimizerKind::Sgd { .. } => &[Self::Momentum],
        }
    }

    /// `momentum`, `exp_avg` or `exp_avg_sq`.
    pub fn name(self) -> &'static str {
        match self {
            Self::Momentum => "momentum",
            Self::ExpAvg => "exp_avg",
            Self::ExpAvgSq => "exp_avg_sq",
        }
    }

    /// The slot of that name.
    pub fn from_name(name: &str) -> Option<Self> {
        [Self::Momentum, Self::ExpAvg, Self::ExpAvgSq].into_iter().find(|kind| kind.name() == name)
    }
}

/// One slot of one parameter.
#[derive(Clone, Debug, PartialEq)]
pub struct Slot {
    /// Position of the parameter among all float parameters, in the module's visiting order, from 0. Parameters that
    /// are never trained (frozen ones, BatchNorm's running statistics) have a position too, and no slots.
    pub parameter: usize,
    /// What the slot holds.
    pub kind: SlotKind,
    /// Its values: `f32`, one dimension, in the parameter's row-major order.
    pub data: TensorData,
}

/// Everything that an optimizer carries from step to step.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct OptimizerState {
    /// Steps taken; AdamW's bias corrections depend on it.
    pub step_count: u64,
    /// In the order of parameters, and for each in the order of [`SlotKind::of`].
    pub slots: Vec<Slot>,
}
