//! How a run ended.

use serde::{Deserialize, Serialize};

/// How a run ended.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "status", rename_all = "snake_case")]
pub enum Outcome {
    /// All epochs were done.
    Ok,
    /// The loss, the gradient or the update it led to stopped being a finite number.
    Diverged {
        /// The global step, from 0, at which it happened.
        step: u64,
        /// What it was: `loss`, `gradient_norm` or `update_norm`.
        quantity: String,
        /// The value as text: `NaN`, `inf` or `-inf`, which JSON numbers cannot say.
        value: String,
    },
}

impl Outcome {
    /// One word.
    pub fn name(&self) -> &'static str {
        match self {
            Self::Ok => "ok",
            Self::Diverged { .. } => "diverged",
        }
    }
}
