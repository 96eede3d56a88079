//! What runs are called: methods, learning-rate multipliers, label noise. Every table, figure and page asks here.
//!
//! The thesis has several names for one method (`AEES + Cosine`, `Cosine + AEES`); here each has one, with a schedule behind it.

use aees_control::ControllerName;

use crate::attributes::{Attributes, Detail, distinguishing};
use crate::number::{percent, shortest};
use crate::record::{Control, ControlledAxes, NoiseSetting, RunRecord};

/// How much a name tells.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum NameStyle {
    /// The file's own word.
    AsWritten,
    /// `Baseline + cosine`, `AEES`, `AEES-Noise`, `Fixed ×0.5`, `Fixed σ 0.005`, `Random`.
    Short,
    /// The same with the axes that are controlled also where that is the multiplier alone: `AEES-LR`.
    WithAxes,
}

/// A method's name, with its rank in the order of tables and figures.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct MethodName {
    /// Small ones stand first.
    pub rank: usize,
    pub text: String,
}

/// The name of a run's method.
pub fn method_name(run: &RunRecord, style: NameStyle) -> MethodName {
    let method = match style {
        NameStyle::AsWritten => return MethodName { rank: 0, text: run.method_name.clone() },
        NameStyle::Short if run.axes() == ControlledAxes::Lr => without_schedule(run, ""),
        NameStyle::Short | NameStyle::WithAxes => without_schedule(run, suffix(run.axes())),
    };
    let text = match run.scheduler.as_str() {
        "none" | "" => method,
        scheduler => format!("{method} + {}", scheduler.replace('_', "-")),
    };
    MethodName { rank: rank(run), text }
}

/// Plain runs first, then those of a bandit, then fixed and random ones; each without a schedule before those with one.
fn rank(run: &RunRecord) -> usize {
    // A plain optimizer picks nothing, whatever candidates its file names.
    let axes = if run.control == Control::Baseline { 0 } else { run.axes() as usize };
    let schedule = ["none", "cosine", "linear"].iter().position(|known| *known == run.scheduler).unwrap_or(3);
    (run.control as usize * 4 + axes) * 4 + schedule
}

fn suffix(axes: ControlledAxes) -> &'static str {
    match axes {
        ControlledAxes::None => "",
        ControlledAxes::Lr => "-LR",
        ControlledAxes::Noise => "-Noise",
        ControlledAxes::Dual => "-Dual",
    }
}

/// What is fixed by its values, the others by who picks. A bandit that is not the thesis' says which it is.
fn without_schedule(run: &RunRecord, axes: &str) -> String {
    match run.control {
        Control::Baseline if run.task == "command" => run.method_name.clone(),
        Control::Baseline => "Baseline".into(),
        Control::Fixed => fixed(run),
        Control::Adaptive => match run.config.get("controller").and_then(serde_json::Value::as_str) {
            None => format!("AEES{axes}"),
            Some(word) => match word.parse::<ControllerName>() {
                Ok(thesis) if thesis == ControllerName::default() => format!("AEES{axes}"),
                Ok(controller) => format!("AEES{axes} {}", controller.title()),
                Err(_) => format!("AEES{axes} {word}"),
            },
        },
        Control::Random => format!("Random{axes}"),
        Control::UniformRandom => "Uniform random".into(),
        Control::FrequencyMatched => "Frequency-matched".into(),
    }
}

/// What is fixed and not neutral.
fn fixed(run: &RunRecord) -> String {
    let of_rate = fixed_multiplier(run).filter(|multiplier| *multiplier != 1.0);
    let of_noise = run.noise_candidates.first().filter(|sigma| **sigma > 0.0);
    let of_rate = of_rate.map(|multiplier| format!("×{}", shortest(multiplier)));
    let of_noise = of_noise.map(|sigma| format!("σ {}", shortest(*sigma)));
    let parts: Vec<String> = of_rate.into_iter().chain(of_noise).collect();
    if parts.is_empty() { "Fixed ×1".into() } else { format!("Fixed {}", parts.join(", ")) }
}

/// The reference's word in the CSV of the overhead: `baseline_none`, `aees_lr_only_cosine`.
pub fn reference_word(run: &RunRecord) -> String {
    let who = match run.control {
        Control::Baseline => return format!("baseline_{}", run.scheduler),
        Control::Fixed => return format!("fixed_{}", run.scheduler),
        Control::Adaptive => "aees",
        Control::Random => "random",
        Control::UniformRandom => "uniform_random",
        Control::FrequencyMatched => "frequency_matched",
    };
    let what = match run.axes() {
        ControlledAxes::Lr => "lr_only",
        ControlledAxes::Noise => "noise_only",
        ControlledAxes::Dual => "both",
        ControlledAxes::None => "fixed",
    };
    format!("{who}_{what}_{}", run.scheduler)
}

/// The constant multiplier of a run: that of its single candidate, which a plain optimizer does not have.
pub fn fixed_multiplier(run: &RunRecord) -> Option<f64> {
    match (run.control, run.lr_candidates.as_slice()) {
        (Control::Fixed, [single]) => Some(*single),
        _ => None,
    }
}

/// What tells each of some attributes from the others, as words: `lr 0.001`. Nothing for a single one.
pub(crate) fn tell_apart<'a>(all: impl IntoIterator<Item = &'a Attributes> + Clone) -> Vec<String> {
    let keys = distinguishing(all.clone(), Detail::Enough);
    all.into_iter().map(|attributes| attributes.words(&keys)).collect()
}

/// A task as people write it.
pub(crate) fn task_title(task: &str) -> &str {
    match task {
        "cifar100" => "CIFAR-100",
        "sst2" => "SST-2",
        "agnews" => "AG News",
        other => other,
    }
}

impl NoiseSetting {
    /// `clean`, `sym40`, `asym20`.
    pub fn label(self) -> String {
        match self {
            Self::Clean => "clean".into(),
            Self::Symmetric(rate) => format!("sym{}", percent(rate)),
            Self::Asymmetric(rate) => format!("asym{}", percent(rate)),
        }
    }

    /// `clean`, `symmetric 0.4`.
    pub(crate) fn words(self) -> String {
        self.kind().map_or_else(|| "clean".into(), |(kind, rate)| format!("{kind} {rate}"))
    }

    /// `40 % symmetric label noise`.
    pub(crate) fn title(self) -> String {
        let noisy = |(kind, rate)| format!("{} % {kind} label noise", percent(rate));
        self.kind().map_or_else(|| "clean labels".into(), noisy)
    }

    /// Its place in tables: clean, asymmetric, symmetric, by rate.
    pub(crate) fn rank(self) -> usize {
        match self {
            Self::Clean => 0,
            Self::Asymmetric(rate) => 100 + (rate * 1000.0) as usize,
            Self::Symmetric(rate) => 2000 + (rate * 1000.0) as usize,
        }
    }
}
