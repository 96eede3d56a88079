//! The checks on a whole configuration, in the reference's order and words.

use std::num::NonZeroUsize;

use aees_control::schedule::ScheduleKind;
use aees_control::{Axis, ContextMode, MethodSettings, StructuredControlMode, parse_candidates, python_float};

use super::RunConfig;
use super::choices::{Initialization, LabelNoiseType, TaskName};
use super::error::ConfigError;
use super::info::{SettingInfo, flag};
use super::keep_checkpoints::KeepCheckpoints;
use super::value::CandidateList;

impl RunConfig {
    /// Checks that the settings fit each other; each alone is within its range.
    ///
    /// # Errors
    /// The first thing that is wrong, with the reference's message where it has one.
    pub fn validate(&self) -> Result<(), ConfigError> {
        self.check_neighbours(Self::settings())?;
        check_candidates(Axis::Lr, "lr_candidates", &self.lr_candidates)?;
        check_candidates(Axis::Noise, "noise_candidates", &self.noise_candidates)?;
        if self.control_mode.is_open_loop() {
            self.check_open_loop()?;
        }
        if let (Some(every), KeepCheckpoints::None) = (self.checkpoint_every, self.keep_checkpoints) {
            let message = format!(
                "--checkpoint-every {every} has no effect with --keep-checkpoints none: leave one of them out."
            );
            return Err(ConfigError::conflict(&["checkpoint_every", "keep_checkpoints"], message));
        }
        if self.warmup_epochs > 0 && self.lr_scheduler != ScheduleKind::WarmupLinear {
            // The reference ignores it in silence, and a user believes in a warm-up that never happens.
            let message = format!(
                "--warmup-epochs {} has no effect with --lr-scheduler {}: use warmup_linear.",
                self.warmup_epochs,
                self.lr_scheduler.name()
            );
            return Err(ConfigError::conflict(&["warmup_epochs", "lr_scheduler"], message));
        }
        Ok(())
    }

    /// The settings that the reference compares among the checks of ranges, right after their own.
    pub(super) fn check_neighbours(&self, settings: &[SettingInfo]) -> Result<(), ConfigError> {
        settings.iter().filter(|setting| setting.tasks.include(self.task)).try_for_each(|setting| match setting.key {
            "reward_clip_max" => self.check_reward(),
            "label_noise_rate" => self.check_label_noise(),
            "model_dim" => self.check_model(),
            _ => Ok(()),
        })
    }

    /// What the settings of the reward need of each other, in the words of the flags.
    fn check_reward(&self) -> Result<(), ConfigError> {
        let Err(error) = self.method.reward().check() else {
            return Ok(());
        };
        let (mut keys, mut message) = (Vec::new(), error.to_string());
        for row in MethodSettings::reward_and_context_rows() {
            if message.contains(row.key) {
                keys.push(row.key);
                message = message.replace(row.key, &flag(row.key));
            }
        }
        Err(ConfigError::Conflict { keys, message })
    }

    fn check_label_noise(&self) -> Result<(), ConfigError> {
        if self.task == TaskName::AgNews {
            if self.label_noise_rate.get() < 1.0 {
                return Ok(());
            }
            return Err(ConfigError::conflict(&["label_noise_rate"], "--label-noise-rate must be in [0.0, 1.0)."));
        }
        if self.label_noise_type == LabelNoiseType::None && self.label_noise_rate.get() != 0.0 {
            let message = "--label-noise-rate must be 0.0 when --label-noise-type is none.";
            return Err(ConfigError::conflict(&["label_noise_rate", "label_noise_type"], message));
        }
        Ok(())
    }

    /// What the text models' settings need of each other.
    fn check_model(&self) -> Result<(), ConfigError> {
        let sized = self.model_layers.is_some() || self.model_dim.is_some();
        let synthetic = self.data == "synthetic" && self.tokenizer.is_none();
        if self.init == Some(Initialization::Pretrained) && sized {
            return Err(ConfigError::conflict(
                &["model_layers", "model_dim", "init"],
                "--model-layers and --model-dim change the model, and its pretrained weights no longer fit: \
                 use --init random.",
            ));
        }
        if self.init == Some(Initialization::Pretrained) && synthetic {
            return Err(ConfigError::conflict(
                &["data", "init", "tokenizer"],
                "--data synthetic has a vocabulary of its own, which no pretrained weights fit: use --init random, or \
                 name a --tokenizer.",
            ));
        }
        match self.model_dim.map(NonZeroUsize::get) {
            Some(dim) if dim > 64 && dim % 64 != 0 => {
                Err(ConfigError::conflict(&["model_dim"], "--model-dim must be a multiple of 64, or below 64."))
            }
            _ => Ok(()),
        }
    }

    /// Where the first parameters come from: as set, or by the kind of data.
    pub fn initialization(&self) -> Initialization {
        let sized = self.model_layers.is_some() || self.model_dim.is_some();
        match self.init {
            Some(initialization) => initialization,
            None if sized || self.data == "synthetic" => Initialization::Random,
            None => Initialization::Pretrained,
        }
    }

    fn check_open_loop(&self) -> Result<(), ConfigError> {
        let candidates = self.lr_candidates.0.len() * self.noise_candidates.0.len();
        let required: [(bool, &[&str], &str); 4] = [
            (self.lr_scheduler == ScheduleKind::None, &["lr_scheduler"], "--lr-scheduler none."),
            (self.method.context_mode == ContextMode::None, &["context_mode"], "--context-mode none."),
            (
                self.method.structured_control_mode == StructuredControlMode::Independent,
                &["structured_control_mode"],
                "--structured-control-mode independent.",
            ),
            (
                candidates > 1,
                &["lr_candidates", "noise_candidates"],
                "at least two candidates in --lr-candidates or --noise-candidates.",
            ),
        ];
        match required.iter().find(|(met, ..)| !met) {
            None => Ok(()),
            Some((_, keys, what)) => {
                Err(ConfigError::conflict(keys, format!("Open-loop attribution controls require {what}")))
            }
        }
    }
}

/// The parser of the flags checks the values too, in the words of the reference's runners.
fn check_candidates(axis: Axis, key: &'static str, list: &CandidateList) -> Result<(), ConfigError> {
    let texts: Vec<String> = list.0.iter().map(|value| python_float::repr(*value)).collect();
    let checked = parse_candidates(axis, &texts.join(","));
    checked.map(|_| ()).map_err(|error| ConfigError::conflict(&[key], error.to_string()))
}
