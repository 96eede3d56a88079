//! A run of the method: the value that a training loop holds.

use serde::{Deserialize, Serialize};

use super::config::{AeesConfig, ArmPolicy};
use super::controller_logs::{AxisLog, ControllerLogs, Labelled, OPEN_LOOP_NOTE, RANDOM_NOTE};
use super::error::AeesError;
use crate::candidate::{Axis, Candidate};
use crate::controller::{Controller, ControllerHistory};
use crate::episode::{EpisodeLogs, EpisodeManager, EpisodeRecord, NoiseControl};
use crate::python_float;

/// Adaptive Episodic Exploration Scheduling: hands out a candidate for each episode and learns from its losses.
///
/// The loop calls [`Self::open`] before a step, trains with the candidate, and [`Self::record`] after it. Losses may also
/// be recorded late, in step order, up to [`Self::steps_left`] at a time, since nothing is decided inside an episode.
///
/// The whole state, random numbers and a half-recorded episode included, can be cloned, saved and restored with serde,
/// and then continues to the bit. (As JSON: with serde_json's feature `float_roundtrip`.)
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(try_from = "Parts")]
pub struct Aees {
    config: AeesConfig,
    manager: EpisodeManager,
    lr_history: Option<ControllerHistory>,
    noise_histories: Vec<ControllerHistory>,
}

/// What was saved, before it is known to be sound.
#[derive(Deserialize)]
struct Parts {
    config: AeesConfig,
    manager: EpisodeManager,
    lr_history: Option<ControllerHistory>,
    noise_histories: Vec<ControllerHistory>,
}

impl Aees {
    /// Builds the controllers that these settings ask for, or says which setting is wrong.
    pub fn new(config: AeesConfig) -> Result<Self, AeesError> {
        let manager = config.build()?;
        let lr_history = manager.lr_controller().map(|controller| controller.new_history());
        let noise_controllers = manager.noise_control().controllers().iter();
        let noise_histories = noise_controllers.map(|controller| controller.new_history()).collect();
        Ok(Self { config, manager, lr_history, noise_histories })
    }

    /// The settings.
    pub fn config(&self) -> &AeesConfig {
        &self.config
    }

    /// The candidate to train with. Begins an episode at this step if none is open; inside an episode it is always the same.
    #[inline]
    pub fn open(&mut self, global_step: u64) -> Result<Candidate, AeesError> {
        Ok(self.manager.open(global_step)?)
    }

    /// Records the loss of a completed step, measured before its update, and the norm of the update where it is known.
    /// Gives the episode that this step closed, if it did.
    ///
    /// A loss or norm that is not finite is refused without a trace: the episode stays open and the run goes on with the
    /// next finite loss. If an episode's reward cannot be computed (negative or overflowing losses) that episode is dropped
    /// and the next one can be opened.
    #[inline]
    pub fn record(&mut self, loss: f64, update_norm: Option<f64>) -> Result<Option<&EpisodeRecord>, AeesError> {
        let closed = self.manager.record(loss, update_norm)?.is_some();
        Ok(if closed { self.remember() } else { None })
    }

    /// Records completed steps of the open episode at once, at most [`Self::steps_left`] of them, with one update norm for
    /// each or none. The same as [`Self::record`] on one after the other, several times as fast.
    pub fn record_steps(&mut self, losses: &[f64], update_norms: &[f64]) -> Result<Option<&EpisodeRecord>, AeesError> {
        let closed = self.manager.record_steps(losses, update_norms)?.is_some();
        Ok(if closed { self.remember() } else { None })
    }

    /// Whether the loss of the probe batch is wanted before this step, of which the last `pending` before it are done and not
    /// yet recorded. `ends` says that no step follows. Only a reward that asks for a probe wants it.
    pub fn probe_is_due(&self, step: u64, pending: usize, ends: bool) -> bool {
        self.manager.probe_is_due(step, pending, ends)
    }

    /// Takes the loss of the probe batch, measured before this step. It must be finite.
    pub fn record_probe(&mut self, loss: f64, step: u64) {
        self.manager.record_probe(loss, step);
    }

    /// Ends training: closes an episode that has begun, as if it were full, and gives it. One without steps is dropped.
    pub fn finalize(&mut self) -> Result<Option<&EpisodeRecord>, AeesError> {
        let closed = self.manager.finalize()?.is_some();
        Ok(if closed { self.remember() } else { None })
    }

    /// After an episode: every controller is remembered, whether it took part or not.
    fn remember(&mut self) -> Option<&EpisodeRecord> {
        if let (Some(history), Some(controller)) = (&mut self.lr_history, self.manager.lr_controller()) {
            controller.remember(history);
        }
        for (history, controller) in self.noise_histories.iter_mut().zip(self.manager.noise_control().controllers()) {
            controller.remember(history);
        }
        self.manager.records().last()
    }

    /// Whether an episode is open.
    pub fn is_open(&self) -> bool {
        self.manager.open_episode().is_some()
    }

    /// The candidate of the open episode.
    #[inline]
    pub fn current(&self) -> Option<Candidate> {
        self.manager.open_episode().map(|episode| episode.selection().candidate)
    }

    /// Steps until the open episode closes; 0 when none is open.
    pub fn steps_left(&self) -> usize {
        self.manager.steps_left()
    }

    /// The closed episodes, in order.
    pub fn episodes(&self) -> &[EpisodeRecord] {
        self.manager.records()
    }

    /// The episodes and controllers underneath.
    pub fn manager(&self) -> &EpisodeManager {
        &self.manager
    }

    /// All candidates of the run, the learning-rate axis outermost.
    pub fn candidates(&self) -> impl Iterator<Item = Candidate> + '_ {
        self.manager.candidates().product()
    }

    /// The episode logs of a result file.
    pub fn episode_logs(&self) -> EpisodeLogs {
        EpisodeLogs::from_records(self.episodes(), !self.config.context.buckets().is_empty())
    }

    /// The controller logs of a result file.
    pub fn controller_logs(&self) -> ControllerLogs {
        let noise_values = self.manager.candidates().values(Axis::Noise);
        let mut noise_controller_logs = None;
        let mut noise_controller_logs_by_lr = None;
        match (self.manager.noise_control(), self.noise_histories.first()) {
            (NoiseControl::PerLr(controllers), _) => {
                let lr_values = self.manager.candidates().values(Axis::Lr);
                let logs = lr_values.iter().zip(controllers.iter().zip(&self.noise_histories));
                let log = |(&lr, (controller, history)): (&f64, (_, _))| {
                    let log = AxisLog::controlled(Axis::Noise, noise_values.clone(), controller, history);
                    (python_float::repr(lr), AxisLog { conditioned_on_lr_value: Some(lr), ..log })
                };
                noise_controller_logs_by_lr = Some(Labelled(logs.map(log).collect()));
            }
            (NoiseControl::Single(controller), Some(history)) => {
                noise_controller_logs = Some(AxisLog::controlled(Axis::Noise, noise_values, controller, history));
            }
            _ => noise_controller_logs = Some(AxisLog::fixed(Axis::Noise, noise_values)),
        }
        ControllerLogs {
            structured_control_mode: self.config.structured_control_mode.name(),
            context_mode: self.config.context.choice().name(),
            logged_episode_count: self.episodes().len(),
            lr_controller_logs: self.lr_log(),
            noise_controller_logs,
            noise_controller_logs_by_lr,
            non_contextual_random_note: (self.config.policy == ArmPolicy::Random).then_some(RANDOM_NOTE),
            open_loop_note: matches!(self.config.policy, ArmPolicy::OpenLoop(_)).then_some(OPEN_LOOP_NOTE),
        }
    }

    fn lr_log(&self) -> AxisLog {
        let values = self.manager.candidates().values(Axis::Lr);
        match (self.manager.lr_controller(), &self.lr_history) {
            (Some(controller), Some(history)) => AxisLog::controlled(Axis::Lr, values, controller, history),
            _ => AxisLog::fixed(Axis::Lr, values),
        }
    }

    /// Which axes are controlled and which are constant, in the words with which a run begins:
    /// `lr_multiplier=[0.5, 1.0, 2.0]` and `noise_std=0.0`, or `<none>`.
    pub fn axis_lines(&self) -> (String, String) {
        let mut lists: (Vec<String>, Vec<String>) = Default::default();
        for (axis, name) in [(Axis::Lr, "lr_multiplier"), (Axis::Noise, "noise_std")] {
            let values = self.manager.candidates().values(axis);
            let texts: Vec<String> = values.iter().map(|&value| python_float::repr(value)).collect();
            match texts.as_slice() {
                [single] => lists.1.push(format!("{name}={single}")),
                _ => lists.0.push(format!("{name}=[{}]", texts.join(", "))),
            }
        }
        let line = |list: Vec<String>| if list.is_empty() { "<none>".to_owned() } else { list.join(", ") };
        (line(lists.0), line(lists.1))
    }
}

impl TryFrom<Parts> for Aees {
    type Error = AeesError;

    fn try_from(parts: Parts) -> Result<Self, Self::Error> {
        let Parts { config, manager, lr_history, noise_histories } = parts;
        let fresh = config.build()?;
        if fresh.settings() != manager.settings() || fresh.candidates() != manager.candidates() {
            return Err(AeesError::Damaged("the episodes do not follow from the settings"));
        }
        manager.validate()?;
        let expected = controllers(&fresh);
        let found = controllers(&manager);
        let kind = |controller: &&Controller| (controller.type_name(), controller.contexts().len());
        if !expected.iter().map(kind).eq(found.iter().map(kind)) {
            return Err(AeesError::Damaged("the controllers do not follow from the settings"));
        }
        let episodes = manager.records().len();
        let histories: Vec<&ControllerHistory> = lr_history.iter().chain(&noise_histories).collect();
        let fits = lr_history.is_some() == manager.lr_controller().is_some()
            && histories.len() == found.len()
            && histories.iter().zip(&expected).all(|(history, fresh)| history.fits(&fresh.new_history(), episodes));
        if !fits {
            return Err(AeesError::Damaged("the histories do not follow from the episodes"));
        }
        Ok(Self { config, manager, lr_history, noise_histories })
    }
}

fn controllers(manager: &EpisodeManager) -> Vec<&Controller> {
    manager.lr_controller().into_iter().chain(manager.noise_control().controllers()).collect()
}
