//! Any of the controllers, as one value that can be saved and restored.

use serde::{Deserialize, Serialize};

use super::{
    BucketedContextual, BucketedSnapshot, ControllerError, DiscountedUcb, PrecomputedSchedule, PrecomputedSnapshot,
    RandomController, RandomSnapshot, UcbSnapshot, UcbStatistics,
};

/// One of the controllers.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub enum Controller {
    /// Discounted UCB.
    DiscountedUcb(DiscountedUcb),
    /// Discounted UCB for each context.
    Bucketed(BucketedContextual),
    /// Uniformly random arms.
    Random(RandomController),
    /// Arms that were fixed before training.
    Precomputed(PrecomputedSchedule),
}

/// A copy of a controller's state for logs.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(untagged)]
pub enum ControllerSnapshot {
    /// Of [`DiscountedUcb`].
    DiscountedUcb(UcbSnapshot),
    /// Of [`BucketedContextual`].
    Bucketed(BucketedSnapshot),
    /// Of [`RandomController`].
    Random(RandomSnapshot),
    /// Of [`PrecomputedSchedule`].
    Precomputed(PrecomputedSnapshot),
}

impl Controller {
    /// Number of arms.
    pub fn n_arms(&self) -> usize {
        match self {
            Self::DiscountedUcb(controller) => controller.statistics().n_arms(),
            Self::Bucketed(controller) => controller.n_arms(),
            Self::Random(controller) => controller.n_arms(),
            Self::Precomputed(controller) => controller.n_arms(),
        }
    }

    /// The name of the kind in logs.
    pub fn type_name(&self) -> &'static str {
        match self {
            Self::DiscountedUcb(_) => "DiscountedUCBController",
            Self::Bucketed(_) => "BucketedContextualController",
            Self::Random(_) => "RandomController",
            Self::Precomputed(_) => "PrecomputedScheduleController",
        }
    }

    /// Tells a contextual controller where training stands; the others take no notice.
    pub fn set_context(&mut self, bucket: &str) -> Result<(), ControllerError> {
        match self {
            Self::Bucketed(controller) => controller.set_context(bucket),
            _ => Ok(()),
        }
    }

    /// Picks an arm.
    pub fn select(&mut self) -> Result<usize, ControllerError> {
        match self {
            Self::DiscountedUcb(controller) => Ok(controller.select()),
            Self::Bucketed(controller) => controller.select(),
            Self::Random(controller) => Ok(controller.select()),
            Self::Precomputed(controller) => controller.select(),
        }
    }

    /// Feeds back the reward of an arm.
    pub fn update(&mut self, arm: usize, reward: f64) -> Result<(), ControllerError> {
        match self {
            Self::DiscountedUcb(controller) => controller.update(arm, reward),
            Self::Bucketed(controller) => controller.update(arm, reward),
            Self::Random(controller) => controller.update(arm, reward),
            Self::Precomputed(controller) => {
                controller.update();
                Ok(())
            }
        }
    }

    /// What a learning controller has seen (of a contextual one: in all contexts together), without a copy.
    pub fn statistics(&self) -> Option<&UcbStatistics> {
        match self {
            Self::DiscountedUcb(controller) => Some(controller.statistics()),
            Self::Bucketed(controller) => Some(controller.global_prior()),
            Self::Random(_) | Self::Precomputed(_) => None,
        }
    }

    /// A copy of the state for logs.
    pub fn snapshot(&self) -> ControllerSnapshot {
        match self {
            Self::DiscountedUcb(controller) => ControllerSnapshot::DiscountedUcb(controller.snapshot()),
            Self::Bucketed(controller) => ControllerSnapshot::Bucketed(controller.snapshot()),
            Self::Random(controller) => ControllerSnapshot::Random(controller.snapshot()),
            Self::Precomputed(controller) => ControllerSnapshot::Precomputed(controller.snapshot()),
        }
    }

    /// Whether a restored controller is sound and has this number of arms.
    pub(crate) fn fits(&self, n_arms: usize) -> bool {
        match self {
            Self::DiscountedUcb(controller) => controller.statistics().fits(n_arms),
            Self::Bucketed(controller) => controller.fits(n_arms),
            Self::Random(controller) => controller.n_arms() == n_arms,
            Self::Precomputed(controller) => {
                controller.n_arms() == n_arms && controller.arms().iter().all(|&arm| arm < n_arms)
            }
        }
    }
}
