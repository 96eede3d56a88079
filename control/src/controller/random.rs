//! The random control: a uniformly random arm for each episode, whatever the rewards.

use serde::{Deserialize, Serialize};

use super::bandit::check_feedback;
use super::{ArmPicker, ControllerError};
use crate::rng::{Generator, PythonRandom};

/// Picks arms uniformly at random and learns nothing.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct RandomController {
    n_arms: usize,
    random: PythonRandom,
}

impl RandomController {
    /// Without a seed the picks cannot be reproduced.
    pub fn new(n_arms: usize, seed: Option<i64>) -> Result<Self, ControllerError> {
        if n_arms == 0 {
            return Err(ControllerError::NoArms);
        }
        Ok(Self { n_arms, random: PythonRandom::from_optional_seed(seed.map(i128::from)) })
    }
}

impl ArmPicker for RandomController {
    fn n_arms(&self) -> usize {
        self.n_arms
    }

    fn type_name(&self) -> &'static str {
        "RandomController"
    }

    fn select(&mut self) -> Result<usize, ControllerError> {
        Ok(self.random.randrange(self.n_arms))
    }

    /// Checks the feedback, as a learning controller would, and forgets it.
    fn learn(&mut self, arm: usize, reward: f64, _propensity: f64) -> Result<(), ControllerError> {
        check_feedback(self.n_arms, arm, reward)
    }

    fn fits(&self, n_arms: usize) -> bool {
        self.n_arms == n_arms
    }
}
