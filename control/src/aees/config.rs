//! The settings of a run, and the controllers that follow from them.

use serde::{Deserialize, Serialize};

use super::AeesError;
use crate::candidate::CandidateSet;
use crate::context::Context;
use crate::controller::{BanditConfig, Controller, ControllerError, PrecomputedSchedule, RandomController};
use crate::episode::{EpisodeError, EpisodeManager, EpisodeSettings, NoiseControl, StructuredControlMode};
use crate::open_loop::OpenLoopPlan;
use crate::reward::Reward;

/// The first noise controller's seed is the run's seed plus this.
const NOISE_SEED_OFFSET: i64 = 101;

/// Who picks the arms.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum ArmPolicy {
    /// Bandits that learn from rewards.
    Bandit(BanditConfig),
    /// Chance, one independent draw for each episode and axis.
    Random,
    /// A sequence of candidates that was drawn before training.
    OpenLoop(OpenLoopPlan),
}

impl Default for ArmPolicy {
    fn default() -> Self {
        Self::Bandit(BanditConfig::default())
    }
}

/// All settings of a run. The defaults are the reference's `AEES` class; with one candidate on each axis nothing is
/// controlled.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct AeesConfig {
    /// Learning-rate multipliers: positive, finite, all different.
    pub lr_candidates: Vec<f64>,
    /// Noise levels: finite, not negative, all different.
    pub noise_candidates: Vec<f64>,
    /// Optimizer steps of an episode; at least 1.
    pub episode_length: usize,
    /// Who picks the arms.
    pub policy: ArmPolicy,
    /// How the noise axis depends on the learning-rate axis.
    pub structured_control_mode: StructuredControlMode,
    /// Contexts.
    pub context: Context,
    /// Rewards; not used by open-loop runs.
    pub reward: Reward,
    /// Episodes whose mean reward an arm is told: its own, and those that follow it; at least 1.
    pub credit_episodes: usize,
    /// Weight of the newest loss in the smoothed loss, in (0, 1].
    pub ema_alpha: f64,
    /// Seed of all controllers; without one the run cannot be reproduced.
    pub seed: Option<i64>,
}

impl Default for AeesConfig {
    fn default() -> Self {
        Self {
            lr_candidates: vec![1.0],
            noise_candidates: vec![0.0],
            episode_length: 100,
            policy: ArmPolicy::default(),
            structured_control_mode: StructuredControlMode::Independent,
            context: Context::default(),
            reward: Reward::default(),
            credit_episodes: 1,
            ema_alpha: 0.1,
            seed: None,
        }
    }
}

impl AeesConfig {
    /// Builds the controllers and the manager around them, or says which setting is wrong.
    pub(super) fn build(&self) -> Result<EpisodeManager, AeesError> {
        let candidates = CandidateSet::new(&self.lr_candidates, &self.noise_candidates)?;
        self.reward.check().map_err(EpisodeError::from)?;
        let settings = EpisodeSettings {
            episode_length: self.episode_length,
            structured_control_mode: self.structured_control_mode,
            context: self.context,
            ema_alpha: self.ema_alpha,
            credit_episodes: self.credit_episodes,
            reward: (!matches!(self.policy, ArmPolicy::OpenLoop(_))).then_some(self.reward),
        };
        let (lr_controller, noise_control) = match &self.policy {
            ArmPolicy::OpenLoop(plan) => self.open_loop(plan, &candidates)?,
            policy => {
                if let ArmPolicy::Bandit(bandit) = policy {
                    // Also where no controller is built: a wrong setting should not wait for the first sweep that uses it.
                    bandit.check_ranges().map_err(ControllerError::from)?;
                }
                self.closed_loop(candidates.lr().len(), candidates.noise().len())?
            }
        };
        Ok(EpisodeManager::new(candidates, settings, lr_controller, noise_control)?)
    }

    /// A sequence of candidates as one sequence for each axis that has a choice.
    fn open_loop(
        &self,
        plan: &OpenLoopPlan,
        candidates: &CandidateSet,
    ) -> Result<(Option<Controller>, NoiseControl), AeesError> {
        if self.context != Context::default() {
            return Err(AeesError::OpenLoop("context_mode none"));
        }
        if self.structured_control_mode != StructuredControlMode::Independent {
            return Err(AeesError::OpenLoop("structured_control_mode independent"));
        }
        let (lr_count, noise_count) = (candidates.lr().len(), candidates.noise().len());
        if lr_count * noise_count == 1 {
            return Err(AeesError::OpenLoop("at least two candidates"));
        }
        let arms = PrecomputedSchedule::new(lr_count * noise_count, plan.arms.clone())?;
        let axis = |n_arms: usize, arm: fn(usize, usize) -> usize| {
            let arms = arms.arms().iter().map(|&candidate| arm(candidate, noise_count)).collect();
            Ok::<_, AeesError>(Controller::Precomputed(PrecomputedSchedule::new(n_arms, arms)?))
        };
        let lr_controller = (lr_count > 1).then(|| axis(lr_count, |candidate, noise| candidate / noise)).transpose()?;
        if noise_count == 1 {
            return Ok((lr_controller, NoiseControl::Constant));
        }
        Ok((lr_controller, NoiseControl::Single(axis(noise_count, |candidate, noise| candidate % noise)?)))
    }

    /// Controllers that pick when an episode opens. One candidate is a constant in every mode; the reference's runners build
    /// a list of nothing for it in conditional mode and then crash.
    fn closed_loop(
        &self,
        lr_count: usize,
        noise_count: usize,
    ) -> Result<(Option<Controller>, NoiseControl), AeesError> {
        let lr_controller = (lr_count > 1).then(|| self.controller(lr_count, self.seed)).transpose()?;
        if noise_count == 1 {
            return Ok((lr_controller, NoiseControl::Constant));
        }
        if self.structured_control_mode == StructuredControlMode::Independent || lr_count == 1 {
            let controller = self.controller(noise_count, self.noise_seed(0)?)?;
            return Ok((lr_controller, NoiseControl::Single(controller)));
        }
        let for_lr = |lr_index| self.controller(noise_count, self.noise_seed(lr_index)?);
        Ok((lr_controller, NoiseControl::PerLr((0..lr_count).map(for_lr).collect::<Result<_, _>>()?)))
    }

    fn noise_seed(&self, lr_index: usize) -> Result<Option<i64>, AeesError> {
        let Some(seed) = self.seed else {
            return Ok(None);
        };
        let derived = seed.checked_add(NOISE_SEED_OFFSET).and_then(|base| base.checked_add(lr_index as i64));
        derived.map(Some).ok_or(AeesError::Seed(seed))
    }

    fn controller(&self, n_arms: usize, seed: Option<i64>) -> Result<Controller, AeesError> {
        Ok(match &self.policy {
            ArmPolicy::Bandit(bandit) => bandit.controller(n_arms, self.context.buckets(), seed)?,
            _ => Controller::Random(RandomController::new(n_arms, seed)?),
        })
    }
}
