//! The random control: a uniformly random arm for each episode, whatever the rewards.

use serde::{Deserialize, Serialize};

use super::ControllerError;
use super::statistics::check_feedback;
use crate::rng::PythonRandom;

/// Picks arms uniformly at random and learns nothing.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct RandomController {
    n_arms: usize,
    random_seed: Option<i64>,
    random: PythonRandom,
}

/// A copy of a [`RandomController`]'s settings under the reference's field names.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RandomSnapshot {
    /// Number of arms.
    pub n_arms: usize,
    /// The seed, if there is one.
    pub random_seed: Option<i64>,
}

impl RandomController {
    /// Without a seed the picks cannot be reproduced.
    pub fn new(n_arms: usize, random_seed: Option<i64>) -> Result<Self, ControllerError> {
        if n_arms == 0 {
            return Err(ControllerError::NoArms);
        }
        Ok(Self { n_arms, random_seed, random: PythonRandom::from_optional_seed(random_seed) })
    }

    /// Number of arms.
    pub fn n_arms(&self) -> usize {
        self.n_arms
    }

    /// Picks an arm.
    pub fn select(&mut self) -> usize {
        self.random.randrange(self.n_arms)
    }

    /// Checks the feedback, as a learning controller would, and forgets it.
    pub fn update(&mut self, arm: usize, reward: f64) -> Result<(), ControllerError> {
        check_feedback(self.n_arms, arm, reward)
    }

    /// A copy of the settings for logs.
    pub fn snapshot(&self) -> RandomSnapshot {
        RandomSnapshot { n_arms: self.n_arms, random_seed: self.random_seed }
    }
}
