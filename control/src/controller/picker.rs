//! What every controller of an axis does, whether it learns or not.

use super::bandit::ArmEstimate;
use super::{ColumnName, ControllerError, ControllerHistory};

/// Picks an arm for each episode.
pub trait ArmPicker {
    /// Number of arms.
    fn n_arms(&self) -> usize;

    /// The kind of controller in logs.
    fn type_name(&self) -> &'static str;

    /// Tells a contextual controller where training stands; the others take no notice.
    fn set_context(&mut self, _name: &str) -> Result<(), ControllerError> {
        Ok(())
    }

    /// Picks an arm.
    fn select(&mut self) -> Result<usize, ControllerError>;

    /// The probability with which it picks an arm now, if it weighs rewards by it; 1 if it does not. Asked between a pick and
    /// what is learned next.
    fn propensity(&self, _arm: usize) -> f64 {
        1.0
    }

    /// Feeds back the reward of an arm that was picked with this probability.
    fn learn(&mut self, arm: usize, reward: f64, propensity: f64) -> Result<(), ControllerError>;

    /// What it thinks of an arm, if it picks by estimates; in contexts, what all of them have taught.
    fn estimate(&self, _arm: usize) -> Option<ArmEstimate> {
        None
    }

    /// Feeds back the reward of the arm that was picked last.
    fn update(&mut self, arm: usize, reward: f64) -> Result<(), ControllerError> {
        self.learn(arm, reward, self.propensity(arm))
    }

    /// Whether a restored controller is sound and has this number of arms.
    fn fits(&self, n_arms: usize) -> bool;

    /// The names of its contexts; none if it has none.
    fn contexts(&self) -> Vec<&str> {
        Vec::new()
    }

    /// The columns of its log; none if it learns nothing.
    fn columns(&self) -> Vec<ColumnName> {
        Vec::new()
    }

    /// An empty history of it.
    fn new_history(&self) -> ControllerHistory {
        ControllerHistory::default()
    }

    /// Keeps what it has learned by now.
    fn remember(&self, _history: &mut ControllerHistory) {}
}
