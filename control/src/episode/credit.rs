//! Which episodes are told what at the end of an episode: each its own reward, or the mean of its own and of those that follow
//! it, so that an arm answers for what it leaves behind.
//!
//! The mean over n episodes is the n-step return of reinforcement learning (Sutton and Barto, 2018, section 7.1) without a value to
//! go on from, divided by n so that rewards keep their size. An arm is told when the last of its n episodes has ended; the last
//! n - 1 episodes of a run teach nothing.

use std::collections::VecDeque;

use serde::{Deserialize, Serialize};

use super::Selection;
use crate::controller::{Controller, ControllerError};

/// Room for waiting episodes is reserved up to this many.
const RESERVED: usize = 1 << 10;

/// Episodes that ended and whose return is not complete.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Credit {
    /// Episodes of a return, at least 1.
    episodes: usize,
    waiting: VecDeque<OwedReturn>,
}

/// An episode that waits for those that follow it.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
struct OwedReturn {
    selection: Selection,
    /// The probabilities with which its arms were picked.
    lr_propensity: f64,
    noise_propensity: f64,
    /// Sum of the rewards so far.
    sum: f64,
}

/// Each episode is told its own reward, as in the reference.
impl Default for Credit {
    fn default() -> Self {
        Self::new(1)
    }
}

impl Credit {
    /// Returns over this many episodes.
    pub fn new(episodes: usize) -> Self {
        let episodes = episodes.max(1);
        Self { episodes, waiting: VecDeque::with_capacity(episodes.min(RESERVED)) }
    }

    /// An episode ended, whose arms were picked since the last call: tells the controllers the return that is complete with it, if
    /// one is. `noise` is no controller, one, or one for each multiplier.
    pub fn settle(
        &mut self,
        selection: Selection,
        reward: f64,
        lr: Option<&mut Controller>,
        noise: &mut [Controller],
    ) -> Result<(), ControllerError> {
        let of_noise = |selection: &Selection, count: usize| if count > 1 { selection.lr_index } else { 0 };
        let noise_count = noise.len();
        let lr_propensity = lr.as_ref().map_or(1.0, |controller| controller.propensity(selection.lr_index));
        let noise_controller = noise.get(of_noise(&selection, noise_count));
        let noise_propensity = noise_controller.map_or(1.0, |controller| controller.propensity(selection.noise_index));
        self.waiting.iter_mut().for_each(|waiting| waiting.sum += reward);
        self.waiting.push_back(OwedReturn { selection, lr_propensity, noise_propensity, sum: reward });
        if self.waiting.len() < self.episodes {
            return Ok(());
        }
        let Some(told) = self.waiting.pop_front() else { return Ok(()) };
        let (selection, mean) = (told.selection, told.sum / self.episodes as f64);
        if let Some(controller) = lr {
            tell(controller, &selection, selection.lr_index, mean, told.lr_propensity)?;
        }
        if let Some(controller) = noise.get_mut(of_noise(&selection, noise_count)) {
            tell(controller, &selection, selection.noise_index, mean, told.noise_propensity)?;
        }
        Ok(())
    }

    /// Whether a restored one belongs to these settings and candidates.
    pub(super) fn fits(&self, episodes: usize, lr_count: usize, noise_count: usize) -> bool {
        let sound = |waiting: &OwedReturn| {
            let Selection { lr_index, noise_index, .. } = waiting.selection;
            let probability = |value: f64| value > 0.0 && value <= 1.0;
            lr_index < lr_count
                && noise_index < noise_count
                && waiting.sum.is_finite()
                && probability(waiting.lr_propensity)
                && probability(waiting.noise_propensity)
        };
        self.episodes == episodes && self.waiting.len() < episodes.max(1) && self.waiting.iter().all(sound)
    }
}

/// Tells a controller the return of an arm, in the context in which it was picked.
fn tell(
    controller: &mut Controller,
    selection: &Selection,
    arm: usize,
    value: f64,
    propensity: f64,
) -> Result<(), ControllerError> {
    if let Some(bucket) = selection.context_bucket {
        controller.set_context(bucket.name())?;
    }
    controller.learn(arm, value, propensity)
}
