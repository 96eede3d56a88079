//! Opens and closes episodes, and tells the controllers what came of them.

use std::mem;

use serde::{Deserialize, Serialize};

use super::credit::Credit;
use super::{EpisodeError, EpisodeRecord, OpenEpisode, Selection};
use crate::candidate::{Candidate, CandidateSet};
use crate::context::{Context, ContextBucket};
use crate::controller::{Controller, ControllerError};
use crate::list::choice;
use crate::reward::{EpisodeLosses, ProbeLosses, Reward};
use crate::settings::SettingError;

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

    /// The same, to tell them something.
    pub fn controllers_mut(&mut self) -> &mut [Controller] {
        match self {
            Self::Constant => &mut [],
            Self::Single(controller) => std::slice::from_mut(controller),
            Self::PerLr(controllers) => controllers,
        }
    }

    fn for_lr(&mut self, lr_index: usize) -> Option<&mut Controller> {
        let index = if let Self::PerLr(_) = self { lr_index } else { 0 };
        self.controllers_mut().get_mut(index)
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
    /// Episodes whose mean reward an arm is told: its own, and those that follow it; at least 1.
    #[serde(default = "own_reward_only")]
    pub credit_episodes: usize,
}

fn own_reward_only() -> usize {
    1
}

/// The loss of the probe batch, and the step before which it was measured.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
struct Probe {
    loss: f64,
    step: u64,
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
    #[serde(default)]
    credit: Credit,
    /// The newest measurement of the probe batch.
    #[serde(default)]
    probe: Option<Probe>,
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
            credit: Credit::new(settings.credit_episodes),
            probe: None,
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
            probe_before: self.probe.filter(|probe| probe.step == global_step).map(|probe| probe.loss),
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

    /// Whether the loss of the probe batch is wanted before this step, of which the last `pending` before it are done and not
    /// yet recorded: before the first episode, and after the last step of each. `ends` says that no step follows.
    pub fn probe_is_due(&self, step: u64, pending: usize, ends: bool) -> bool {
        let wanted = self.settings.reward.as_ref().and_then(Reward::probe_examples).is_some();
        let known = self.probe.is_some_and(|probe| probe.step == step);
        let at_a_boundary = match &self.state {
            State::Closed => true,
            State::Open(_) => ends || self.steps_left() <= pending,
        };
        wanted && !known && at_a_boundary
    }

    /// Takes the loss of the probe batch, measured before this step.
    pub fn record_probe(&mut self, loss: f64, step: u64) {
        self.probe = Some(Probe { loss, step });
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
        self.finalize()
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
        if losses.len() < left { Ok(None) } else { self.finalize() }
    }

    /// Closes the open episode, also early. One without completed steps is dropped.
    pub fn finalize(&mut self) -> Result<Option<&EpisodeRecord>, EpisodeError> {
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

    /// Rewards an episode and tells the controllers; none if it has no completed step, or lacks its probe.
    fn settle(&mut self, episode: &OpenEpisode) -> Result<Option<EpisodeRecord>, EpisodeError> {
        let (Some(&loss_start), Some(&loss_end)) = (episode.losses.first(), episode.losses.last()) else {
            return Ok(None);
        };
        let steps = episode.losses.len();
        let after = self.probe.filter(|probe| probe.step == episode.end_step()).map(|probe| probe.loss);
        let probe = episode.probe_before.zip(after).map(|(before, after)| ProbeLosses { before, after });
        let losses = EpisodeLosses::checked(&episode.losses, episode.loss_sum).with_probe(probe);
        let (ema_loss_end, breakdown) = match &self.settings.reward {
            // A run that ends in the middle of an episode, because it diverged, has measured nothing.
            Some(reward) if reward.probe_examples().is_some() && probe.is_none() => return Ok(None),
            Some(reward) => {
                let (ema_end, breakdown) = reward.of_episode(losses, self.settings.ema_alpha);
                (ema_end, Some(breakdown?))
            }
            None => (losses.ema_end(self.settings.ema_alpha), None),
        };
        let reward = breakdown.map_or(0.0, |breakdown| breakdown.reward_final_clipped);
        let Selection { lr_index, noise_index, .. } = episode.selection;
        let noise = self.noise_control.controllers_mut();
        self.credit.settle(episode.selection, reward, self.lr_controller.as_mut(), noise)?;
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
            probe,
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
        settings.context.check_ranges()?;
        if settings.credit_episodes == 0 {
            return Err(EpisodeError::Setting(SettingError { key: "credit_episodes", rule: "positive" }));
        }
        self.validate_controllers()?;
        if !(settings.ema_alpha > 0.0 && settings.ema_alpha <= 1.0) {
            return Err(EpisodeError::Alpha);
        }
        if let Some(reward) = &settings.reward {
            reward.check()?;
        }
        if !self.credit.fits(settings.credit_episodes, self.candidates.lr().len(), self.candidates.noise().len()) {
            return Err(EpisodeError::Damaged("the episodes that wait for credit do not follow from the settings"));
        }
        let probes = self.probe.iter().map(|probe| probe.loss);
        if !probes.chain(self.open_episode().and_then(|episode| episode.probe_before)).all(f64::is_finite) {
            return Err(EpisodeError::Damaged("a probe loss is not finite"));
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
