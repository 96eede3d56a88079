//! From the configuration of a run to its controllers.

use aees_control::open_loop::{OpenLoopError, OpenLoopPlan, episode_count, pooled_frequencies};
use aees_control::{Aees, AeesConfig, AeesError, ArmPolicy};

use crate::frequency_source::{FrequencySource, TraceError};
use aees_run::settings::{ControlMode, RunConfig};

/// The schedule seed of the open-loop modes is this plus the run's seed, unless one is given.
const SCHEDULE_SEED_OFFSET: u64 = 10_000;

/// Why the controllers of a run cannot be made.
#[derive(Debug, thiserror::Error)]
pub enum ControllerSetupError {
    /// A setting the controllers refuse.
    #[error(transparent)]
    Aees(#[from] AeesError),
    /// A schedule that cannot be drawn.
    #[error(transparent)]
    OpenLoop(#[from] OpenLoopError),
    /// The runs that frequency-matched copies from cannot be used.
    #[error(transparent)]
    Trace(#[from] TraceError),
}

/// The precomputed schedule of an open-loop run, and the runs that its frequencies came from.
#[derive(Clone, Debug, PartialEq)]
pub struct Schedule {
    /// The arms and how they were drawn.
    pub plan: OpenLoopPlan,
    /// The runs behind `frequency-matched`; empty for `uniform-random`.
    pub sources: Vec<FrequencySource>,
}

/// Draws the schedule of an open-loop mode; none for the other modes.
///
/// # Errors
/// When the adaptive runs that frequency-matched needs are missing or unlike this one.
pub fn schedule(config: &RunConfig, total_steps: u64) -> Result<Option<Schedule>, ControllerSetupError> {
    if !config.control_mode.is_open_loop() {
        return Ok(None);
    }
    let episodes = episode_count(total_steps, config.episode_steps()) as usize;
    let seed = schedule_seed(config).unwrap_or_default();
    let candidates = config.lr_candidates.0.len() * config.noise_candidates.0.len();
    if config.control_mode == ControlMode::UniformRandom {
        let plan = OpenLoopPlan::uniform_random(seed, episodes, candidates)?;
        return Ok(Some(Schedule { plan, sources: Vec::new() }));
    }
    let sources = FrequencySource::find_all(config)?;
    let runs: Vec<&[usize]> = sources.iter().map(|source| source.arms.as_slice()).collect();
    let plan = OpenLoopPlan::frequency_matched(seed, episodes, &pooled_frequencies(&runs, candidates)?)?;
    Ok(Some(Schedule { plan, sources }))
}

/// The seed of the schedule of an open-loop mode.
pub fn schedule_seed(config: &RunConfig) -> Option<u64> {
    let seed = config.schedule_seed.map_or(SCHEDULE_SEED_OFFSET + config.seed, i64::unsigned_abs);
    config.control_mode.is_open_loop().then_some(seed)
}

/// The controllers of a run; none for a baseline.
///
/// # Errors
/// A setting the controllers refuse; a checked configuration has none.
pub fn controllers(config: &RunConfig, schedule: Option<&Schedule>) -> Result<Option<Aees>, ControllerSetupError> {
    let policy = match (config.control_mode, schedule) {
        (ControlMode::Baseline, _) => return Ok(None),
        (_, Some(schedule)) => ArmPolicy::OpenLoop(schedule.plan.clone()),
        (ControlMode::Random, None) => ArmPolicy::Random,
        (_, None) => ArmPolicy::Bandit(config.method.bandit()),
    };
    let aees = Aees::new(AeesConfig {
        lr_candidates: config.lr_candidates.0.clone(),
        noise_candidates: config.noise_candidates.0.clone(),
        episode_length: config.episode_length.get(),
        policy,
        structured_control_mode: config.method.structured_control_mode,
        context: config.method.context(),
        reward: config.method.reward(),
        credit_episodes: config.method.credit_episodes(),
        ema_alpha: config.method.ema_alpha(),
        seed: Some(config.seed.cast_signed()),
    })?;
    Ok(Some(aees))
}
