//! What is kept of an episode once it is closed.

use serde::{Deserialize, Serialize};

use crate::candidate::Candidate;
use crate::context::ContextBucket;
use crate::reward::{ProbeLosses, RewardBreakdown};

/// The arms of an episode and what they stand for.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Selection {
    /// Arm of the learning-rate axis.
    pub lr_index: usize,
    /// Arm of the noise axis.
    pub noise_index: usize,
    /// The values of both arms.
    pub candidate: Candidate,
    /// The context in which they were picked, where there are contexts.
    pub context_bucket: Option<ContextBucket>,
}

/// A closed episode. Losses are those of the training steps, before each step's update.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct EpisodeRecord {
    /// Number of the episode, from 0. Dropped episodes leave gaps.
    pub episode_index: u64,
    /// Number of the candidate in the product: the learning-rate arm times the noise candidates, plus the noise arm.
    pub mode_id: usize,
    /// What was picked.
    pub selection: Selection,
    /// First step.
    pub start_step: u64,
    /// Last step, inclusive.
    pub end_step: u64,
    /// Completed steps.
    pub steps: usize,
    /// Loss of the first step.
    pub loss_start: f64,
    /// Loss of the last step.
    pub loss_end: f64,
    /// Smoothed loss at the first step.
    pub ema_loss_start: f64,
    /// Smoothed loss at the last step.
    pub ema_loss_end: f64,
    /// What it earned; what the controllers are told follows from it and, where credit reaches further, from those after it.
    pub reward: f64,
    /// How the reward came about; none in open-loop runs, whose reward is always 0.
    pub breakdown: Option<RewardBreakdown>,
    /// Mean norm of the parameter updates, over the steps that reported one.
    pub mean_update_norm: Option<f64>,
    /// Losses of the probe batch, where the reward asks for one.
    #[serde(default)]
    pub probe: Option<ProbeLosses>,
}
