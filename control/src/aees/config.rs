//! The settings of a run, and the controllers that follow from them.

use serde::{Deserialize, Serialize};

use super::AeesError;
use crate::candidate::CandidateSet;
use crate::controller::{
    BucketedContextual, Controller, DiscountedUcb, PrecomputedSchedule, RandomController, UcbConfig,
};
use crate::episode::{
    ContextConfig, ContextMode, EpisodeManager, EpisodeSettings, NoiseControl, RewardRule, StructuredControlMode,
    TrendBucket,
};
use crate::open_loop::OpenLoopPlan;
use crate::reward::RewardConfig;

/// The first noise controller's seed is the run's seed plus this.
const NOISE_SEED_OFFSET: i64 = 101;

/// Who picks the arms.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum ControlMode {
    /// Bandits that learn from rewards.
    #[default]
    Adaptive,
    /// Chance, one independent draw for each episode and axis.
    Random,
    /// A learning-rate schedule that was drawn before training.
    OpenLoop(OpenLoopPlan),
}

impl ControlMode {
    /// `adaptive`, `random`, `uniform-random` or `frequency-matched`.
    pub fn name(&self) -> &'static str {
        match self {
            Self::Adaptive => "adaptive",
            Self::Random => "random",
            Self::OpenLoop(plan) => plan.policy.name(),
        }
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
    pub control_mode: ControlMode,
    /// How the noise axis depends on the learning-rate axis.
    pub structured_control_mode: StructuredControlMode,
    /// Contexts.
    pub context: ContextConfig,
    /// Rewards; not used by open-loop runs.
    pub reward: RewardConfig,
    /// Weight of the newest loss in the smoothed loss, in (0, 1].
    pub ema_alpha: f64,
    /// The bandits.
    pub ucb: UcbConfig,
    /// Seed of all controllers; without one the run cannot be reproduced.
    pub seed: Option<i64>,
}

impl Default for AeesConfig {
    fn default() -> Self {
        Self {
            lr_candidates: vec![1.0],
            noise_candidates: vec![0.0],
            episode_length: 100,
            control_mode: ControlMode::Adaptive,
            structured_control_mode: StructuredControlMode::Independent,
            context: ContextConfig::default(),
            reward: RewardConfig::default(),
            ema_alpha: 0.1,
            ucb: UcbConfig::default(),
            seed: None,
        }
    }
}

impl AeesConfig {
    /// Builds the controllers and the manager around them, or says which setting is wrong.
    pub(super) fn build(&self) -> Result<EpisodeManager, AeesError> {
        let candidates = CandidateSet::new(&self.lr_candidates, &self.noise_candidates)?;
        self.check_open_loop(&candidates)?;
        let reward = match self.control_mode {
            ControlMode::OpenLoop(_) => RewardRule::Zero,
            _ => RewardRule::LossImprovement(self.reward),
        };
        self.reward.validate().map_err(crate::episode::EpisodeError::from)?;
        // Also where no controller is built: a wrong setting should not wait for the first sweep that uses it.
        self.ucb.validate()?;
        let settings = EpisodeSettings {
            episode_length: self.episode_length,
            structured_control_mode: self.structured_control_mode,
            context: self.context,
            ema_alpha: self.ema_alpha,
            reward,
        };
        let lr_controller = self.lr_controller(candidates.lr().len())?;
        let noise_control = self.noise_control(candidates.lr().len(), candidates.noise().len())?;
        Ok(EpisodeManager::new(candidates, settings, lr_controller, noise_control)?)
    }

    fn check_open_loop(&self, candidates: &CandidateSet) -> Result<(), AeesError> {
        let ControlMode::OpenLoop(_) = self.control_mode else {
            return Ok(());
        };
        if self.context.mode != ContextMode::None {
            return Err(AeesError::OpenLoop("context_mode none"));
        }
        if self.structured_control_mode != StructuredControlMode::Independent {
            return Err(AeesError::OpenLoop("structured_control_mode independent"));
        }
        if candidates.lr().len() == 1 {
            return Err(AeesError::OpenLoop("at least two lr_candidates"));
        }
        if candidates.noise().len() > 1 {
            return Err(AeesError::OpenLoop("exactly one value in noise_candidates"));
        }
        Ok(())
    }

    fn lr_controller(&self, n_arms: usize) -> Result<Option<Controller>, AeesError> {
        match &self.control_mode {
            _ if n_arms == 1 => Ok(None),
            ControlMode::OpenLoop(plan) => {
                Ok(Some(Controller::Precomputed(PrecomputedSchedule::new(n_arms, plan.arms.clone())?)))
            }
            _ => self.controller(n_arms, self.seed).map(Some),
        }
    }

    /// One candidate is a constant in every mode. The reference's runners build a list of nothing for it in conditional
    /// mode and then crash.
    fn noise_control(&self, lr_count: usize, noise_count: usize) -> Result<NoiseControl, AeesError> {
        if noise_count == 1 {
            return Ok(NoiseControl::Constant);
        }
        if self.structured_control_mode == StructuredControlMode::Independent || lr_count == 1 {
            return Ok(NoiseControl::Single(self.controller(noise_count, self.noise_seed(0)?)?));
        }
        let for_lr = |lr_index| self.controller(noise_count, self.noise_seed(lr_index)?);
        Ok(NoiseControl::PerLr((0..lr_count).map(for_lr).collect::<Result<_, _>>()?))
    }

    fn noise_seed(&self, lr_index: usize) -> Result<Option<i64>, AeesError> {
        let Some(seed) = self.seed else {
            return Ok(None);
        };
        let derived = seed.checked_add(NOISE_SEED_OFFSET).and_then(|base| base.checked_add(lr_index as i64));
        derived.map(Some).ok_or(AeesError::Seed(seed))
    }

    fn controller(&self, n_arms: usize, seed: Option<i64>) -> Result<Controller, AeesError> {
        if self.control_mode == ControlMode::Random {
            return Ok(Controller::Random(RandomController::new(n_arms, seed)?));
        }
        Ok(match self.context.mode {
            ContextMode::None => Controller::DiscountedUcb(DiscountedUcb::new(n_arms, self.ucb, seed)?),
            ContextMode::Trend => {
                Controller::Bucketed(BucketedContextual::new(n_arms, &TrendBucket::NAMES, self.ucb, seed, true)?)
            }
        })
    }
}
