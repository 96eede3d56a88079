//! Opens and closes episodes, and tells the controllers what came of them.

use std::mem;

use serde::{Deserialize, Serialize};

use super::{EpisodeError, EpisodeRecord, OpenEpisode, Selection};
use crate::candidate::{Candidate, CandidateSet};
use crate::context::{Context, ContextBucket};
use crate::controller::{Controller, ControllerError};
use crate::list::choice;
use crate::reward::{EpisodeLosses, Reward};

/// Room for losses is reserved up to this many steps; longer episodes grow it as they go.
const RESERVED_LOSSES: usize = 1 << 16;

choice! {
    /// How the noise axis depends on the learning-rate axis.
    pub enum StructuredControlMode = "structured_control_mode" {
        /// One noise controller.
        Independent = "independent", "One controller for each axis.";
        /// One noise controller for each multiplier.
        Conditional = "conditional", "One noise controller for each learning-rate arm.";
    }
}

/// Who picks the noise level.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub enum NoiseControl {
    /// Nobody: there is one level.
    Constant,
    /// One controller.
    Single(Controller),
    /// The controller of the multiplier that was picked, in the order of the multipliers.
    PerLr(Vec<Controller>),
}

impl NoiseControl {
    /// The controllers, in order.
    pub fn controllers(&self) -> &[Controller] {
        match self {
            Self::Constant => &[],
            Self::Single(controller) => std::slice::from_ref(controller),
            Self::PerLr(controllers) => controllers,
        }
    }

    fn for_lr(&mut self, lr_index: usize) -> Option<&mut Controller> {
        match self {
            Self::Constant => None,
            Self::Single(controller) => Some(controller),
            Self::PerLr(controllers) => controllers.get_mut(lr_index),
        }
    }
}

/// The settings of an episode manager.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct EpisodeSettings {
    /// Steps of an episode; at least 1.
    pub episode_length: usize,
    /// How the noise axis depends on the learning-rate axis.
    pub structured_control_mode: StructuredControlMode,
    /// Contexts.
    pub context: Context,
    /// Weight of the newest loss in the smoothed loss, in (0, 1].
    pub ema_alpha: f64,
    /// Rewards. Without them every episode earns 0: open-loop runs.
    pub reward: Option<Reward>,
}

/// Runs the episodes of a training run.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct EpisodeManager {
    candidates: CandidateSet,
    settings: EpisodeSettings,
    lr_controller: Option<Controller>,
    noise_control: NoiseControl,
    state: State,
    next_episode_index: u64,
    records: Vec<EpisodeRecord>,
    /// The memory of the last episode's losses, empty, for the next episode.
    #[serde(skip)]
    spare: Vec<f64>,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
enum State {
    Closed,
    Open(OpenEpisode),
}

impl EpisodeManager {
    /// A manager without episodes. The controllers must fit the candidates: none for an axis with one candidate, else one
    /// controller with an arm for each, or in conditional mode one noise controller for each of several multipliers.
    pub fn new(
        candidates: CandidateSet,
        settings: EpisodeSettings,
        lr_controller: Option<Controller>,
        noise_control: NoiseControl,
    ) -> Result<Self, EpisodeError> {
        let manager = Self {
            candidates,
            settings,
            lr_controller,
            noise_control,
            state: State::Closed,
            next_episode_index: 0,
            records: Vec::new(),
            spare: Vec::new(),
        };
        manager.validate()?;
        Ok(manager)
    }

    /// The candidates of both axes.
    pub fn candidates(&self) -> &CandidateSet {
        &self.candidates
    }

    /// The settings.
    pub fn settings(&self) -> &EpisodeSettings {
        &self.settings
    }

    /// The controller of the learning-rate axis, if it has a choice.
    pub fn lr_controller(&self) -> Option<&Controller> {
        self.lr_controller.as_ref()
    }

    /// The controllers of the noise axis.
    pub fn noise_control(&self) -> &NoiseControl {
        &self.noise_control
    }

    /// The closed episodes, in order.
    pub fn records(&self) -> &[EpisodeRecord] {
        &self.records
    }

    /// The open episode, if there is one.
    #[inline]
    pub fn open_episode(&self) -> Option<&OpenEpisode> {
        match &self.state {
            State::Closed => None,
            State::Open(episode) => Some(episode),
        }
    }

    /// The candidate of the open episode; opens one at this step if none is open.
    #[inline]
    pub fn open(&mut self, global_step: u64) -> Result<Candidate, EpisodeError> {
        match &self.state {
            State::Open(episode) => Ok(episode.selection.candidate),
            State::Closed => self.begin(global_step),
        }
    }

    fn begin(&mut self, global_step: u64) -> Result<Candidate, EpisodeError> {
        let selection = self.select()?;
        let mut losses = mem::take(&mut self.spare);
        losses.reserve(self.settings.episode_length.min(RESERVED_LOSSES));
        self.state = State::Open(OpenEpisode {
            episode_index: self.next_episode_index,
            selection,
            start_step: global_step,
            losses,
            loss_sum: 0.0,
            update_norm_sum: 0.0,
            update_norm_count: 0,
        });
        self.next_episode_index += 1;
        Ok(selection.candidate)
    }

    fn select(&mut self) -> Result<Selection, EpisodeError> {
        let bucket = self.settings.context.resolve(self.records.iter().rev().map(|record| record.loss_end));
        let lr_index = self.lr_controller.as_mut().map_or(Ok(0), |controller| pick(controller, bucket))?;
        let noise_index = self.noise_control.for_lr(lr_index).map_or(Ok(0), |controller| pick(controller, bucket))?;
        let candidate =
            self.candidates.get(lr_index, noise_index).ok_or(EpisodeError::Damaged("an arm has no candidate"))?;
        Ok(Selection { lr_index, noise_index, candidate, context_bucket: bucket })
    }

    /// Records a completed step, and closes the episode if it was the last one.
    ///
    /// A loss or norm that is not finite is refused and changes nothing: the episode stays open and goes on with the next
    /// finite loss. If the reward of the full episode cannot be computed, the episode is dropped, without an update or
    /// a record.
    #[inline]
    pub fn record(&mut self, loss: f64, update_norm: Option<f64>) -> Result<Option<&EpisodeRecord>, EpisodeError> {
        let State::Open(episode) = &mut self.state else {
            return Err(EpisodeError::NotOpen);
        };
        episode.push(loss, update_norm)?;
        if episode.losses.len() < self.settings.episode_length {
            return Ok(None);
        }
        self.close()
    }

    /// Records completed steps of the open episode at once, as a loop does that learns its losses late; closes the episode
    /// if the last of them was its last. The result is that of [`Self::record`] on one after the other.
    ///
    /// `update_norms` has one norm for each loss, or none. More steps than the episode has left, and a value that is not
    /// finite, are refused and change nothing.
    pub fn record_steps(
        &mut self,
        losses: &[f64],
        update_norms: &[f64],
    ) -> Result<Option<&EpisodeRecord>, EpisodeError> {
        let left = self.steps_left();
        let State::Open(episode) = &mut self.state else {
            return Err(EpisodeError::NotOpen);
        };
        if losses.len() > left {
            return Err(EpisodeError::TooManySteps { steps: losses.len(), left });
        }
        if !update_norms.is_empty() && update_norms.len() != losses.len() {
            return Err(EpisodeError::UnequalLists { losses: losses.len(), update_norms: update_norms.len() });
        }
        episode.extend(losses, update_norms)?;
        if losses.len() < left { Ok(None) } else { self.close() }
    }

    /// Closes the open episode early. One without completed steps is dropped.
    pub fn finalize(&mut self) -> Result<Option<&EpisodeRecord>, EpisodeError> {
        self.close()
    }

    fn close(&mut self) -> Result<Option<&EpisodeRecord>, EpisodeError> {
        let State::Open(mut episode) = mem::replace(&mut self.state, State::Closed) else {
            return Ok(None);
        };
        let outcome = self.settle(&episode);
        episode.losses.clear();
        self.spare = episode.losses;
        match outcome? {
            Some(record) => self.records.push(record),
            None => return Ok(None),
        }
        Ok(self.records.last())
    }

    /// Rewards an episode and tells the controllers; none if it has no completed step.
    fn settle(&mut self, episode: &OpenEpisode) -> Result<Option<EpisodeRecord>, EpisodeError> {
        let (Some(&loss_start), Some(&loss_end)) = (episode.losses.first(), episode.losses.last()) else {
            return Ok(None);
        };
        let steps = episode.losses.len();
        let losses = EpisodeLosses::checked(&episode.losses, episode.loss_sum);
        let (ema_loss_end, breakdown) = match &self.settings.reward {
            Some(reward) => {
                let (ema_end, breakdown) = reward.of_episode(losses, self.settings.ema_alpha);
                (ema_end, Some(breakdown?))
            }
            None => (losses.ema_end(self.settings.ema_alpha), None),
        };
        let reward = breakdown.map_or(0.0, |breakdown| breakdown.reward_final_clipped);
        let Selection { lr_index, noise_index, .. } = episode.selection;
        if let Some(controller) = &mut self.lr_controller {
            controller.update(lr_index, reward)?;
        }
        if let Some(controller) = self.noise_control.for_lr(lr_index) {
            controller.update(noise_index, reward)?;
        }
        Ok(Some(EpisodeRecord {
            episode_index: episode.episode_index,
            mode_id: lr_index * self.candidates.noise().len() + noise_index,
            selection: episode.selection,
            start_step: episode.start_step,
            end_step: episode.start_step.saturating_add(steps as u64 - 1),
            steps,
            loss_start,
            loss_end,
            // The smoothing starts anew in each episode, at its first loss.
            ema_loss_start: loss_start,
            ema_loss_end,
            reward,
            breakdown,
            mean_update_norm: episode.mean_update_norm(),
        }))
    }

    /// Steps until the open episode closes; 0 when none is open.
    pub fn steps_left(&self) -> usize {
        self.open_episode().map_or(0, |episode| self.settings.episode_length.saturating_sub(episode.losses.len()))
    }

    /// Checks a new or restored manager, in the reference's order.
    pub(crate) fn validate(&self) -> Result<(), EpisodeError> {
        let settings = &self.settings;
        if settings.episode_length == 0 {
            return Err(EpisodeError::EpisodeLength);
        }
        settings.context.check()?;
        self.validate_controllers()?;
        if !(settings.ema_alpha > 0.0 && settings.ema_alpha <= 1.0) {
            return Err(EpisodeError::Alpha);
        }
        if let Some(reward) = &settings.reward {
            reward.check()?;
        }
        self.validate_open_episode()
    }

    fn validate_controllers(&self) -> Result<(), EpisodeError> {
        let (lr_count, noise_count) = (self.candidates.lr().len(), self.candidates.noise().len());
        match (lr_count, &self.lr_controller) {
            (1, None) => {}
            (1, Some(_)) => return Err(EpisodeError::ConstantLrControlled),
            (_, None) => return Err(EpisodeError::LrControllerMissing),
            (_, Some(controller)) => check_arms("lr", controller, lr_count)?,
        }
        let conditional = self.settings.structured_control_mode == StructuredControlMode::Conditional;
        match &self.noise_control {
            NoiseControl::Constant if noise_count == 1 => {}
            _ if noise_count == 1 => return Err(EpisodeError::ConstantNoiseControlled),
            NoiseControl::Single(_) if !conditional || lr_count == 1 => {}
            _ if !conditional => return Err(EpisodeError::IndependentNoise),
            _ if lr_count == 1 => return Err(EpisodeError::ConditionalConstantLr),
            NoiseControl::PerLr(controllers) if controllers.len() == lr_count => {}
            NoiseControl::PerLr(_) => return Err(EpisodeError::ConditionalNoiseCount),
            _ => return Err(EpisodeError::ConditionalNoise),
        }
        self.noise_control.controllers().iter().try_for_each(|controller| check_arms("noise", controller, noise_count))
    }

    fn validate_open_episode(&self) -> Result<(), EpisodeError> {
        let Some(episode) = self.open_episode() else {
            return Ok(());
        };
        let Selection { lr_index, noise_index, candidate, .. } = episode.selection;
        if self.candidates.get(lr_index, noise_index) != Some(candidate) {
            return Err(EpisodeError::Damaged("the open episode's candidate is not the one of its arms"));
        }
        if episode.losses.len() >= self.settings.episode_length {
            return Err(EpisodeError::Damaged("the open episode is full"));
        }
        Ok(())
    }
}

fn pick(controller: &mut Controller, bucket: Option<ContextBucket>) -> Result<usize, ControllerError> {
    if let Some(bucket) = bucket {
        controller.set_context(bucket.name())?;
    }
    controller.select()
}

fn check_arms(axis: &'static str, controller: &Controller, candidates: usize) -> Result<(), EpisodeError> {
    if controller.n_arms() != candidates {
        return Err(EpisodeError::ArmCount { axis, arms: controller.n_arms(), candidates });
    }
    if controller.fits(candidates) { Ok(()) } else { Err(EpisodeError::Damaged("a controller contradicts itself")) }
}
