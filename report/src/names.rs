//! What runs are called: methods, learning-rate multipliers, label noise. Every table, figure and page asks here.
//!
//! The thesis names one method differently in different places (`AEES + Cosine` in the tables of clean labels, `Cosine +
//! AEES` in the noisy ones). A [`NameStyle`] says which place it is; the words themselves stand here once.

use crate::attributes::{Attributes, Detail, distinguishing};
use crate::number::{percent, shortest};
use crate::record::{Control, ControlledAxes, NoiseSetting, RunRecord};

/// The plain optimizer, where a table names optimizers by itself.
pub(crate) const BASELINE: &str = "Baseline";
/// The bandit on a flat learning rate.
pub(crate) const AEES: &str = "AEES";
/// Multipliers drawn uniformly before training.
pub(crate) const UNIFORM: &str = "Uniform random";
/// Multipliers with the frequencies of other seeds, in random order.
pub(crate) const MATCHED: &str = "Frequency-matched";

/// Where a name stands.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum NameStyle {
    /// The file's own word.
    AsWritten,
    /// `AdamW + cosine`, `AEES`, `Fixed x0.5`, `Fixed sigma 0.005`, `Random`.
    Short,
    /// The same with the axes that are controlled: `AEES-LR`, `AEES-Dual + warmup-linear`.
    WithAxes,
    /// In a panel that names the optimizer: `Plain + cosine`, `Fixed ×0.5`; with the controlled axes or without.
    Panel {
        /// Whether the axes are told.
        axes: bool,
    },
    /// The thesis' tables of clean CIFAR-100: `AEES + Cosine`, `AdamW`.
    CleanTable,
    /// Its noisy tables: `Cosine + AEES`, `Baseline`.
    NoisyTable,
    /// Its tables of the text tasks: `AEES-Dual + warmup-linear`, `Random σ`.
    TextTable,
    /// What costs time: `Baseline`, `AEES-LR + cosine`, whatever values are fixed.
    Overhead,
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
    let (rank, method) = without_schedule(run, style);
    let scheduler = match run.scheduler.as_str() {
        "none" | "" => return MethodName { rank: rank * RANKS_OF_SCHEDULES, text: method },
        scheduler => scheduler,
    };
    let dashed = scheduler.replace('_', "-");
    let titled = match scheduler {
        "cosine" => "Cosine",
        "linear" => "Linear",
        other => other,
    };
    // Some tables group by method, some by schedule.
    let (rank, text) = match style {
        NameStyle::AsWritten => (rank, method),
        NameStyle::NoisyTable if run.control == Control::Baseline => (2 * RANKS_OF_SCHEDULES, titled.to_owned()),
        NameStyle::NoisyTable => ((rank + 2) * RANKS_OF_SCHEDULES, format!("{titled} + {method}")),
        NameStyle::CleanTable => {
            let at = ["cosine", "linear"].iter().position(|known| *known == scheduler).unwrap_or(2);
            (rank * RANKS_OF_SCHEDULES + 1 + at, format!("{method} + {titled}"))
        }
        NameStyle::TextTable => {
            let schedule = if scheduler == "warmup_linear" { 20 } else { 40 };
            let schedule_name = if scheduler == "warmup_linear" { &dashed } else { scheduler };
            ((rank + schedule) * RANKS_OF_SCHEDULES, format!("{method} + {schedule_name}"))
        }
        _ => (rank * RANKS_OF_SCHEDULES + 1, format!("{method} + {dashed}")),
    };
    MethodName { rank, text }
}

/// Room for the schedules of a method between it and the next.
const RANKS_OF_SCHEDULES: usize = 4;

fn without_schedule(run: &RunRecord, style: NameStyle) -> (usize, String) {
    match style {
        NameStyle::AsWritten => (0, run.method_name.clone()),
        NameStyle::Short => (rank(run), general(run, false, ("x", "sigma"))),
        NameStyle::WithAxes => (rank(run), general(run, true, ("x", "sigma"))),
        NameStyle::Panel { axes } => {
            let name = general(run, axes, ("×", "σ"));
            let plain = run.task != "command" && run.control == Control::Baseline && name == run.optimizer;
            (rank(run), if plain { "Plain".into() } else { name })
        }
        NameStyle::CleanTable if run.control == Control::Baseline => (0, run.optimizer.clone()),
        NameStyle::CleanTable | NameStyle::NoisyTable => cifar(run),
        NameStyle::TextTable => of_text_task(run),
        NameStyle::Overhead => (rank(run), format!("{}{}", known(run), suffix(controlled(run)))),
    }
}

/// Plain runs first, then fixed ones, then those that somebody picks for.
fn rank(run: &RunRecord) -> usize {
    match run.control {
        Control::Baseline => 0,
        Control::Fixed => 1,
        Control::Random => 2,
        Control::UniformRandom => 3,
        Control::FrequencyMatched => 4,
        Control::Adaptive => 5,
    }
}

/// Who picks. The bandit of the thesis is AEES; another one says which.
fn known(run: &RunRecord) -> String {
    match run.control {
        Control::Baseline => BASELINE.into(),
        Control::Fixed => "Fixed".into(),
        Control::Adaptive => match run.config.get("controller").and_then(serde_json::Value::as_str) {
            None | Some("ducb") => AEES.into(),
            Some("thompson") => format!("{AEES} Thompson"),
            Some(other) => format!("{AEES} {}", other.to_uppercase()),
        },
        Control::Random => "Random".into(),
        Control::UniformRandom => UNIFORM.into(),
        Control::FrequencyMatched => MATCHED.into(),
    }
}

/// The axes on which something is picked; a plain optimizer picks nothing, whatever candidates its file names.
pub(crate) fn controlled(run: &RunRecord) -> ControlledAxes {
    if run.control == Control::Baseline { ControlledAxes::None } else { run.axes() }
}

fn suffix(axes: ControlledAxes) -> &'static str {
    match axes {
        ControlledAxes::None => "",
        ControlledAxes::Lr => "-LR",
        ControlledAxes::Noise => "-Noise",
        ControlledAxes::Dual => "-Dual",
    }
}

/// For any task: what is fixed by its values, the others by who picks. `signs` are those of a multiplier and of noise.
fn general(run: &RunRecord, axes: bool, signs: (&str, &str)) -> String {
    match run.control {
        Control::Baseline if run.task == "command" => run.method_name.clone(),
        Control::Baseline => run.optimizer.clone(),
        Control::Fixed => fixed(run, signs).unwrap_or_else(|| format!("Fixed {}1", signs.0)),
        Control::Adaptive | Control::Random if axes => format!("{}{}", known(run), suffix(run.axes())),
        _ => known(run),
    }
}

/// What is fixed and not neutral.
fn fixed(run: &RunRecord, (times, noise): (&str, &str)) -> Option<String> {
    let of_rate = fixed_multiplier(run).filter(|multiplier| *multiplier != 1.0);
    let of_noise = run.noise_candidates.first().filter(|sigma| **sigma > 0.0);
    let of_rate = of_rate.map(|multiplier| format!("{times}{multiplier}"));
    let of_noise = of_noise.map(|sigma| format!("{noise} {}", shortest(*sigma)));
    let parts: Vec<String> = of_rate.into_iter().chain(of_noise).collect();
    (!parts.is_empty()).then(|| format!("Fixed {}", parts.join(", ")))
}

/// The tables of CIFAR-100, with multipliers as the thesis prints them.
fn cifar(run: &RunRecord) -> (usize, String) {
    let quiet = run.noise_candidates.iter().all(|noise| *noise == 0.0);
    match (run.control, fixed_multiplier(run)) {
        (Control::Fixed, Some(multiplier)) if quiet => (10, format!("Fixed ×{multiplier:?}")),
        (Control::Fixed, _) => (11, "Fixed noise".into()),
        (Control::Baseline, _) => (0, BASELINE.into()),
        (Control::Adaptive, _) => (1, known(run)),
        (Control::Random, _) => (12, known(run)),
        (Control::UniformRandom, _) => (13, known(run)),
        (Control::FrequencyMatched, _) => (14, known(run)),
    }
}

/// The tables of the text tasks, with the controlled axes.
fn of_text_task(run: &RunRecord) -> (usize, String) {
    // A run without a choice stands with those of both axes.
    let (at, axis) = match run.axes() {
        ControlledAxes::Lr => (0, "-LR"),
        ControlledAxes::Noise => (1, "-Noise"),
        ControlledAxes::Dual | ControlledAxes::None => (2, "-Dual"),
    };
    match run.control {
        Control::Baseline => (0, "AdamW".to_owned()),
        Control::Adaptive => (1 + at, format!("{}{axis}", known(run))),
        Control::Fixed => (4, fixed(run, ("×", "σ")).unwrap_or_else(|| "Fixed σ 0".into())),
        Control::Random if run.axes() == ControlledAxes::Noise => (6, "Random σ".into()),
        Control::Random => (6, format!("Random{axis}")),
        Control::UniformRandom => (7, UNIFORM.into()),
        Control::FrequencyMatched => (8, MATCHED.into()),
    }
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
        match self {
            Self::Clean => "clean".into(),
            Self::Symmetric(rate) => format!("symmetric {rate}"),
            Self::Asymmetric(rate) => format!("asymmetric {rate}"),
        }
    }

    /// `40 % symmetric label noise`.
    pub(crate) fn title(self) -> String {
        match self {
            Self::Clean => "clean labels".into(),
            Self::Symmetric(rate) => format!("{} % symmetric label noise", percent(rate)),
            Self::Asymmetric(rate) => format!("{} % asymmetric label noise", percent(rate)),
        }
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
