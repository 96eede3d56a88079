//! The checks on a whole configuration, in the reference's order and words.

use aees_control::{Axis, ContextMode, MethodSettings, StructuredControlMode, parse_candidates, python_float};

use super::error::ConfigError;
use super::fields::{Initialization, LabelNoiseType, Range, RunConfig, SchedulerName, TaskName};
use super::value::CandidateList;

impl RunConfig {
    /// Checks every range and every pair of settings that must fit each other.
    ///
    /// # Errors
    /// The first thing that is wrong, with the reference's message where it has one.
    pub fn validate(&self) -> Result<(), ConfigError> {
        for field in Self::fields().iter().filter(|field| field.tasks.include(self.task)) {
            if let Some(number) = self.number(field.key)
                && let Some(rule) = field.range.broken_by(number)
            {
                return Err(ConfigError::Invalid(format!("--{} must be {rule}.", field.key.replace('_', "-"))));
            }
            // The reference compares the two clip ends and the two noise settings right after their ranges.
            match field.key {
                "reward_clip_max" => self.check_reward()?,
                "label_noise_rate" => self.check_label_noise()?,
                "model_dim" => self.check_model()?,
                _ => {}
            }
        }
        check_candidates(Axis::Lr, &self.lr_candidates)?;
        check_candidates(Axis::Noise, &self.noise_candidates)?;
        if self.control_mode.is_open_loop() {
            self.check_open_loop()?;
        }
        if self.warmup_epochs > 0 && self.lr_scheduler != SchedulerName::WarmupLinear {
            // The reference ignores it in silence, and a user believes in a warm-up that never happens.
            return Err(ConfigError::Invalid(format!(
                "--warmup-epochs {} has no effect with --lr-scheduler {}: use warmup_linear.",
                self.warmup_epochs,
                self.lr_scheduler.name()
            )));
        }
        Ok(())
    }

    /// What the settings of the reward need of each other, in the words of the flags.
    fn check_reward(&self) -> Result<(), ConfigError> {
        let Err(error) = self.method.reward().check() else {
            return Ok(());
        };
        let rows = MethodSettings::reward_and_context_rows();
        let flag = |text: String, key: &str| text.replace(key, &format!("--{}", key.replace('_', "-")));
        Err(ConfigError::Invalid(rows.iter().fold(error.to_string(), |text, row| flag(text, row.key))))
    }

    fn check_label_noise(&self) -> Result<(), ConfigError> {
        if self.task == TaskName::AgNews {
            if self.label_noise_rate < 1.0 {
                return Ok(());
            }
            return Err(ConfigError::Invalid("--label-noise-rate must be in [0.0, 1.0).".into()));
        }
        if self.label_noise_type == LabelNoiseType::None && self.label_noise_rate != 0.0 {
            return Err(ConfigError::Invalid("--label-noise-rate must be 0.0 when --label-noise-type is none.".into()));
        }
        Ok(())
    }

    /// What the text models' settings need of each other.
    fn check_model(&self) -> Result<(), ConfigError> {
        let sized = self.model_layers.is_some() || self.model_dim.is_some();
        let synthetic = self.data == "synthetic" && self.tokenizer.is_none();
        if self.init == Some(Initialization::Pretrained) && sized {
            return Err(ConfigError::Invalid(
                "--model-layers and --model-dim change the model, and its pretrained weights no longer fit: \
                 use --init random."
                    .into(),
            ));
        }
        if self.init == Some(Initialization::Pretrained) && synthetic {
            return Err(ConfigError::Invalid(
                "--data synthetic has a vocabulary of its own, which no pretrained weights fit: use --init random, or \
                 name a --tokenizer."
                    .into(),
            ));
        }
        match self.model_dim {
            Some(dim) if dim > 64 && dim % 64 != 0 => {
                Err(ConfigError::Invalid("--model-dim must be a multiple of 64, or below 64.".into()))
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
        let required = [
            (self.lr_scheduler == SchedulerName::None, "--lr-scheduler none."),
            (self.method.context_mode == ContextMode::None, "--context-mode none."),
            (
                self.method.structured_control_mode == StructuredControlMode::Independent,
                "--structured-control-mode independent.",
            ),
            (candidates > 1, "at least two candidates in --lr-candidates or --noise-candidates."),
        ];
        match required.iter().find(|(met, _)| !met) {
            None => Ok(()),
            Some((_, what)) => Err(ConfigError::Invalid(format!("Open-loop attribution controls require {what}"))),
        }
    }
}

/// The parser of the flags checks the values too, in the words of the reference's runners.
fn check_candidates(axis: Axis, list: &CandidateList) -> Result<(), ConfigError> {
    let texts: Vec<String> = list.0.iter().map(|value| python_float::repr(*value)).collect();
    let checked = parse_candidates(axis, &texts.join(","));
    checked.map(|_| ()).map_err(|error| ConfigError::Invalid(error.to_string()))
}

impl Range {
    /// What the number should have been, if it is outside.
    fn broken_by(self, number: f64) -> Option<&'static str> {
        // Written so that NaN is outside every range.
        let (holds, rule) = match self {
            Self::Any => (!number.is_nan(), "a number"),
            Self::Positive => (number > 0.0, "positive"),
            Self::NonNegative => (number >= 0.0, "non-negative"),
            Self::PositiveWhenGiven => (number > 0.0, "positive when provided"),
            Self::Unit => ((0.0..=1.0).contains(&number), "in [0, 1]"),
            Self::Fraction => (number > 0.0 && number <= 1.0, "in (0, 1]"),
            Self::BelowOne => ((0.0..1.0).contains(&number), "in [0, 1)"),
        };
        match (holds, number.is_finite()) {
            (false, _) => Some(rule),
            (true, false) => Some("finite"),
            (true, true) => None,
        }
    }
}
