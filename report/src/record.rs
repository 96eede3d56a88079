//! One result, as reports see it: typed, and free of what no report needs.
//!
//! What a run is beside its seed is [`crate::attributes`]' to say, and what it is called [`crate::names`]'.

use std::path::PathBuf;

use aees_control::Axis;
use aees_studies::study::StatedPurpose;

use crate::difference::Difference;

/// What wrote a result.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum Layout {
    /// This program.
    #[default]
    Aees,
    /// The reference's runners with `runtime_metrics`.
    ReferenceNew,
    /// The reference's runners before that.
    ReferenceOld,
}

/// Who picked multiplier and noise, in the order of tables. Told from settings and logs, not from names.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Default)]
pub enum Control {
    /// The plain optimizer.
    #[default]
    Baseline,
    /// The bandit.
    Adaptive,
    /// Controllers with one candidate on each axis: a fixed multiplier or fixed noise.
    Fixed,
    /// A draw for each episode.
    Random,
    /// A uniform sequence drawn before training.
    UniformRandom,
    /// A sequence with the frequencies of other seeds' adaptive runs.
    FrequencyMatched,
}

impl Control {
    /// The control mode that makes such a run. Where each axis has one candidate it does not matter who picks it.
    pub(crate) fn control_mode(self) -> &'static str {
        match self {
            Self::Baseline => "baseline",
            Self::Adaptive => "adaptive",
            Self::Fixed | Self::Random => "random",
            Self::UniformRandom => "uniform-random",
            Self::FrequencyMatched => "frequency-matched",
        }
    }
}

/// Which axes have something to pick from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum ControlledAxes {
    /// Neither.
    None,
    /// The learning-rate multiplier.
    Lr,
    Noise,
    /// Both.
    Dual,
}

/// How training labels were corrupted.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub enum NoiseSetting {
    /// Not at all.
    #[default]
    Clean,
    /// To any other class, at this rate.
    Symmetric(f64),
    /// To the next class of the superclass, at this rate.
    Asymmetric(f64),
}

impl NoiseSetting {
    /// The setting's word for it, and the rate; none where labels are clean.
    pub(crate) fn kind(self) -> Option<(&'static str, f64)> {
        match self {
            Self::Clean => None,
            Self::Symmetric(rate) => Some(("symmetric", rate)),
            Self::Asymmetric(rate) => Some(("asymmetric", rate)),
        }
    }
}

/// Accuracies on parts of the noisy training set, as fractions.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct LabelNoiseAccuracies {
    /// All training examples against the labels trained on.
    pub all: f64,
    /// Those whose label is true.
    pub clean: f64,
    /// The corrupted ones against their wrong labels.
    pub corrupted_vs_noisy: f64,
    /// The corrupted ones against their true labels.
    pub corrupted_vs_clean: f64,
}

/// The closed episodes of a run, one entry each.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Episodes {
    /// The last step of each, from 0.
    pub end_steps: Vec<u64>,
    pub lr_values: Vec<f64>,
    /// The noise's standard deviations.
    pub noise_values: Vec<f64>,
    pub rewards: Vec<f64>,
    /// The mean norms of the updates; NaN where none was logged.
    pub update_norms: Vec<f64>,
}

impl Episodes {
    /// What was picked on an axis.
    pub(crate) fn picked(&self, axis: Axis) -> &[f64] {
        match axis {
            Axis::Lr => &self.lr_values,
            Axis::Noise => &self.noise_values,
        }
    }
}

/// One run's result.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct RunRecord {
    pub path: PathBuf,
    /// What wrote it.
    pub layout: Layout,
    /// The run's full id; the reference has none.
    pub run_id: Option<String>,
    /// `cifar100`, `sst2`, `agnews` or `command`.
    pub task: String,
    /// The method's name as the file has it.
    pub method_name: String,
    pub control: Control,
    pub seed: i64,
    /// The optimizer; `AdamW` for the text tasks.
    pub optimizer: String,
    /// The learning-rate schedule: `none`, `cosine`, `linear`, `warmup_linear`.
    pub scheduler: String,
    /// The base learning rate.
    pub lr: f64,
    /// Multipliers to pick from.
    pub lr_candidates: Vec<f64>,
    /// Noise to pick from.
    pub noise_candidates: Vec<f64>,
    /// Steps of an episode.
    pub episode_length: u64,
    /// `none` or `trend`.
    pub context_mode: String,
    /// Weight of the penalty on unsteady losses.
    pub instability_lambda: f64,
    pub label_noise: NoiseSetting,
    /// All settings of the file's `config`, without arrays of more than 64 entries and without nested diagnostics.
    pub config: serde_json::Map<String, serde_json::Value>,
    /// Mean training loss of each epoch.
    pub train_losses: Vec<f64>,
    /// Training accuracy of each epoch, a fraction.
    pub train_accuracies: Vec<f64>,
    /// Evaluation accuracy of each epoch, a fraction.
    pub val_accuracies: Vec<f64>,
    /// Seconds of each epoch, evaluation included.
    pub epoch_seconds: Vec<f64>,
    /// Estimated TFLOP of each epoch.
    pub epoch_tflops: Vec<f64>,
    /// The best evaluation accuracy; NaN for a program that does not tell one.
    pub best_val_accuracy: f64,
    /// The last evaluation accuracy; none when no epoch was finished.
    pub final_val_accuracy: Option<f64>,
    /// Seconds of the whole run.
    pub wall_seconds: Option<f64>,
    /// Estimated FLOP of the whole run.
    pub estimated_flops: Option<f64>,
    /// Optimizer steps.
    pub total_steps: u64,
    /// Its episodes; none for baselines.
    pub episodes: Option<Episodes>,
    /// What was memorised of the label noise, at the end.
    pub subsets: Option<LabelNoiseAccuracies>,
    /// The same at the best epoch.
    pub best_subsets: Option<LabelNoiseAccuracies>,
    /// The step at which the run diverged.
    pub diverged_at: Option<u64>,
    /// Numbers of a `command` run, by name.
    pub metrics: Vec<(String, f64)>,
    /// What a `command` run told step by step before its result, by name.
    pub curves: std::collections::BTreeMap<String, Vec<f64>>,
    /// Steps and TFLOP a second and the like, from `runtime_metrics`, by name.
    pub runtime: Vec<(String, f64)>,
    /// Digests of what the run was made of, by name: `data`, `model`, `tokenizer`, `weights`; as far as the file tells them.
    pub inputs: Vec<(String, String)>,
    /// The case of the study that asked for it.
    pub case: Option<String>,
    /// What the studies that asked for it say that it is for, if all say the same.
    pub purpose: Option<StatedPurpose>,
    /// The machine and the versions, as the file tells them, in words.
    pub provenance: Vec<(String, String)>,
    /// When and by which command and build it was made, and what else ran: what differs from run to run on one machine.
    pub circumstances: Vec<(String, String)>,
    /// What the file says of itself and its own curves contradict.
    pub contradictions: Vec<Difference>,
}

impl RunRecord {
    /// Which axes have something to pick from.
    pub fn axes(&self) -> ControlledAxes {
        match (self.lr_candidates.len() > 1, self.noise_candidates.len() > 1) {
            (false, false) => ControlledAxes::None,
            (true, false) => ControlledAxes::Lr,
            (false, true) => ControlledAxes::Noise,
            (true, true) => ControlledAxes::Dual,
        }
    }

    /// What there is to pick from on an axis.
    pub(crate) fn candidates(&self, axis: Axis) -> &[f64] {
        match axis {
            Axis::Lr => &self.lr_candidates,
            Axis::Noise => &self.noise_candidates,
        }
    }

    /// Whether it is the plain optimizer without a schedule.
    pub(crate) fn is_plain(&self) -> bool {
        self.control == Control::Baseline && self.scheduler == "none"
    }

    /// What its file contradicts, each with its path.
    pub(crate) fn warnings(&self) -> impl Iterator<Item = String> {
        self.contradictions.iter().map(|contradiction| format!("{}: {contradiction}", self.path.display()))
    }

    /// The epoch of the best accuracy, from 1: the first one that has it. None when no epoch was finished.
    pub fn peak_epoch(&self) -> Option<usize> {
        let best = self.val_accuracies.iter().copied().fold(f64::NEG_INFINITY, f64::max);
        self.val_accuracies.iter().position(|accuracy| *accuracy == best).map(|index| index + 1)
    }
}
