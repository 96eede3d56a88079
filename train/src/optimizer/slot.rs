//! What an optimizer keeps of each parameter from step to step.

use super::OptimizerKind;

/// What a slot holds. The names are PyTorch's keys.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
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
}
