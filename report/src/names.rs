//! What runs are called: methods, learning-rate multipliers, label noise. Every table, figure and page asks here.
//!
//! The thesis names one method differently in different places (`AEES + Cosine` in the tables of clean labels, `Cosine +
//! AEES` in the noisy ones). A [`NameStyle`] says which place it is; the words themselves stand here once.

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
    CleanTable {
        /// The rate that multipliers refer to.
        base_lr: f64,
    },
    /// Its noisy tables: `Cosine + AEES`, `Baseline`.
    NoisyTable {
        /// The rate that multipliers refer to.
        base_lr: f64,
    },
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
        NameStyle::NoisyTable { .. } if run.control == Control::Baseline => (2 * RANKS_OF_SCHEDULES, titled.to_owned()),
        NameStyle::NoisyTable { .. } => ((rank + 2) * RANKS_OF_SCHEDULES, format!("{titled} + {method}")),
        NameStyle::CleanTable { .. } => {
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
        NameStyle::CleanTable { base_lr } => match cifar(run, base_lr) {
            (rank, name) if run.control == Control::Baseline && name == BASELINE => (rank, run.optimizer.clone()),
            other => other,
        },
        NameStyle::NoisyTable { base_lr } => cifar(run, base_lr),
        NameStyle::TextTable => of_text_task(run),
        NameStyle::Overhead => (rank(run), format!("{}{}", known(run.control), suffix(controlled(run)))),
    }
}

/// Plain runs first, then fixed ones, then those that somebody picks for.
fn rank(run: &RunRecord) -> usize {
    match run.control {
        Control::Baseline if fixed_multiplier(run).is_none_or(|multiplier| multiplier == 1.0) => 0,
        Control::Baseline | Control::Fixed => 1,
        Control::Random => 2,
        Control::UniformRandom => 3,
        Control::FrequencyMatched => 4,
        Control::Adaptive => 5,
    }
}

/// The names of the methods.
fn known(control: Control) -> &'static str {
    match control {
        Control::Baseline => BASELINE,
        Control::Fixed => "Fixed",
        Control::Adaptive => AEES,
        Control::Random => "Random",
        Control::UniformRandom => UNIFORM,
        Control::FrequencyMatched => MATCHED,
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
        Control::Baseline | Control::Fixed => {
            let multiplier = fixed_multiplier(run).filter(|multiplier| *multiplier != 1.0);
            let sigma = run.noise_candidates.first().copied();
            let sigma = sigma.filter(|sigma| run.control == Control::Fixed && *sigma > 0.0);
            match fixed(multiplier, sigma, signs) {
                Some(name) => name,
                None if run.control == Control::Fixed => format!("Fixed {}1", signs.0),
                None if run.task == "command" => run.method_name.clone(),
                None => run.optimizer.clone(),
            }
        }
        Control::Adaptive | Control::Random if axes => format!("{}{}", known(run.control), suffix(run.axes())),
        method => known(method).into(),
    }
}

fn fixed(multiplier: Option<f64>, sigma: Option<f64>, (times, noise): (&str, &str)) -> Option<String> {
    let of_rate = multiplier.map(|multiplier| format!("{times}{multiplier}"));
    let of_noise = sigma.map(|sigma| format!("{noise} {}", shortest(sigma)));
    let parts: Vec<String> = of_rate.into_iter().chain(of_noise).collect();
    (!parts.is_empty()).then(|| format!("Fixed {}", parts.join(", ")))
}

/// The tables of CIFAR-100, with multipliers as the reference's fixed runs have them.
fn cifar(run: &RunRecord, base_lr: f64) -> (usize, String) {
    match (run.control, table_multiplier(run, base_lr)) {
        (_, Some(multiplier)) => (10, format!("Fixed ×{multiplier:?}")),
        (Control::Baseline, None) => (0, BASELINE.into()),
        (Control::Adaptive, None) => (1, AEES.into()),
        (Control::Fixed, None) => (11, "Fixed noise".into()),
        (Control::Random, None) => (12, known(run.control).into()),
        (Control::UniformRandom, None) => (13, UNIFORM.into()),
        (Control::FrequencyMatched, None) => (14, MATCHED.into()),
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
        Control::Adaptive => (1 + at, format!("{AEES}{axis}")),
        Control::Fixed => {
            let of = |values: &[f64], neutral: f64| values.first().copied().filter(|value| *value != neutral);
            let (multiplier, sigma) = (of(&run.lr_candidates, 1.0), of(&run.noise_candidates, 0.0));
            let name = fixed(multiplier, sigma, ("×", "σ"));
            (4, name.unwrap_or_else(|| "Fixed σ 0".into()))
        }
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

/// The learning rate that is published for a run's task and optimizer.
pub(crate) fn published_lr(run: &RunRecord) -> Option<f64> {
    match (run.task.as_str(), run.optimizer.as_str()) {
        ("cifar100", "SGD") => Some(0.1),
        ("cifar100", "AdamW") => Some(1e-3),
        ("sst2" | "agnews", _) => Some(5e-5),
        _ => None,
    }
}

/// The constant factor on the published learning rate of the task: that of a run with one candidate, and that of a plain
/// run whose `--lr` is another than the published one. The reference's fixed multipliers under label noise are such runs.
/// None when somebody picks, or no rate is published for the task.
pub fn fixed_multiplier(run: &RunRecord) -> Option<f64> {
    multiplier_of(run, published_lr(run)?)
}

/// The same on any other learning rate.
fn multiplier_of(run: &RunRecord, base_lr: f64) -> Option<f64> {
    let of_candidate = match (run.control, run.lr_candidates.as_slice()) {
        (Control::Baseline, _) => 1.0,
        (_, [single]) => *single,
        _ => return None,
    };
    let factor = of_candidate * run.lr / base_lr;
    // 0.002 / 0.001 is not exactly 2.
    Some((factor * 1e9).round() / 1e9)
}

/// The fixed multiplier that a row of the CIFAR tables is named after: that of a controller with one candidate, or of a
/// plain optimizer at a multiple of the base rate, as the reference made them. None for a plain optimizer at the base rate,
/// and where something else is fixed. A section gives its own base rate, because its adaptive runs may have another one than
/// the published.
pub(crate) fn table_multiplier(run: &RunRecord, base_lr: f64) -> Option<f64> {
    let multiplier = multiplier_of(run, base_lr);
    match run.control {
        Control::Baseline if run.scheduler == "none" => multiplier.filter(|multiplier| *multiplier != 1.0),
        Control::Fixed if run.noise_candidates.iter().all(|noise| *noise == 0.0) => multiplier,
        _ => None,
    }
}

/// The base rate that multipliers refer to: that of the adaptive runs of this optimizer, or else the published one.
pub(crate) fn base_lr(runs: &[&RunRecord], optimizer: &str) -> f64 {
    let of_optimizer = || runs.iter().filter(|run| run.optimizer == optimizer);
    let adaptive = of_optimizer().find(|run| run.control == Control::Adaptive).map(|run| run.lr);
    adaptive.or_else(|| of_optimizer().find_map(|run| published_lr(run))).unwrap_or(1e-3)
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
