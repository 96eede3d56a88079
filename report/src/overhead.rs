//! What a method costs in time, by the protocol of the reference: steady epochs, repeats, percent over the plain baseline.
//!
//! The time of a run is the mean of its epochs without the first, which pays for what is done once; evaluation is part of
//! an epoch. A run of one epoch has only that one, and says so. Every result is a repeat of its group, also several of one
//! seed. Groups are compared with the plain baseline of the same task and optimizer, and of the same work: model, batch,
//! data and machine, so that nothing else is taken for overhead. Diverged runs count: their epochs took their time as well.
//!
//! The interval of the percentage is Student's, of the logarithm of the ratio: the two groups' relative variances add up
//! (first order), and the degrees of freedom are Welch's and Satterthwaite's. It is the spread over repeats, which on a
//! busy machine is smaller than the spread over days.

mod text;

use std::collections::BTreeMap;
use std::path::PathBuf;

use aees_run::settings::{Cost, RunConfig};

use super::statistics::{LEVEL, Summary, t_quantile};
use super::{Method, RunRecord};

pub use text::{csv, json, markdown};

/// What makes two runs the same work, beside task, optimizer and the settings of which the table says so.
const WORK: [&str; 4] = ["model_name", "init", "gradient_accumulation_steps", "num_workers"];

/// What of a run's provenance tells one machine from another. Not the name of the host: a container has a new one each time.
const MACHINE: [&str; 5] = ["device_name", "current_device_name", "cpu_model", "device", "backend"];

/// Which axes a method controls.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Controlled {
    /// None: the plain optimizer, with or without a schedule.
    Nothing,
    /// Controllers without a choice.
    Fixed,
    /// The learning rate.
    Rate,
    /// The noise.
    Noise,
    /// Both.
    Both,
}

/// What a group runs.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Configuration {
    /// What is controlled.
    pub controlled: Controlled,
    /// By whom.
    pub method: Method,
    /// The schedule; `none` for none.
    pub scheduler: String,
}

impl Configuration {
    /// Of a run.
    pub fn of(run: &RunRecord) -> Self {
        let controlled = match (run.method, run.lr_candidates.len() > 1, run.noise_candidates.len() > 1) {
            (Method::Baseline, ..) => Controlled::Nothing,
            (_, true, true) => Controlled::Both,
            (_, true, false) => Controlled::Rate,
            (_, false, true) => Controlled::Noise,
            (_, false, false) => Controlled::Fixed,
        };
        Self { controlled, method: run.method, scheduler: run.scheduler.clone() }
    }

    /// The reference's word: `baseline_none`, `aees_lr_only_cosine`.
    pub fn word(&self) -> String {
        let who = match self.method {
            Method::Baseline => return format!("baseline_{}", self.scheduler),
            Method::Fixed => return format!("fixed_{}", self.scheduler),
            Method::Adaptive => "aees",
            Method::Random => "random",
            Method::UniformRandom => "uniform_random",
            Method::FrequencyMatched => "frequency_matched",
        };
        let what = match self.controlled {
            Controlled::Rate => "lr_only",
            Controlled::Noise => "noise_only",
            Controlled::Both => "both",
            Controlled::Nothing | Controlled::Fixed => "fixed",
        };
        format!("{who}_{what}_{}", self.scheduler)
    }

    /// For people: `AEES-LR + cosine`.
    pub fn label(&self) -> String {
        let who = match self.method {
            Method::Baseline => "Baseline",
            Method::Fixed => "Fixed",
            Method::Adaptive => "AEES",
            Method::Random => "Random",
            Method::UniformRandom => "Uniform random",
            Method::FrequencyMatched => "Frequency-matched",
        };
        let what = match self.controlled {
            Controlled::Nothing | Controlled::Fixed => "",
            Controlled::Rate => "-LR",
            Controlled::Noise => "-Noise",
            Controlled::Both => "-Dual",
        };
        let scheduler = if self.scheduler == "none" { String::new() } else { format!(" + {}", self.scheduler) };
        format!("{who}{what}{scheduler}")
    }

    fn is_plain(&self) -> bool {
        self.method == Method::Baseline && self.scheduler == "none"
    }
}

/// How much more time than the plain baseline, in percent.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Overhead {
    /// 100 (ratio of the means - 1).
    pub percent: f64,
    /// Its 95 % interval; none when a side has one repeat only.
    pub interval: Option<(f64, f64)>,
}

/// A group of repeats.
#[derive(Debug, Clone)]
pub struct OverheadRow {
    /// The task.
    pub task: String,
    /// The optimizer.
    pub optimizer: String,
    /// What of the work is not the same in all rows of its task and optimizer; empty when all of it is.
    pub work: String,
    /// What is run.
    pub configuration: Configuration,
    /// Steady seconds of an epoch, over repeats.
    pub seconds_per_epoch: Summary,
    /// Minutes of a whole run, over the repeats that tell it.
    pub wall_minutes: Option<Summary>,
    /// Seconds of a step of a whole run, the first epoch and the set-up included.
    pub seconds_per_step: Option<Summary>,
    /// Steps a second of a whole run.
    pub steps_per_second: Option<Summary>,
    /// Estimated TFLOP a second of a whole run.
    pub tflops_per_second: Option<Summary>,
    /// Over the plain baseline; none when that is not there.
    pub overhead: Option<Overhead>,
    /// Epochs of its runs; the first one's where they differ.
    pub total_epochs: usize,
    /// Steps of its runs; the first one's where they differ.
    pub total_steps: u64,
    /// Repeats with one epoch only, whose time includes what is done once.
    pub unsteady: usize,
    /// The files.
    pub paths: Vec<PathBuf>,
}

/// Steady seconds of an epoch: the mean without the first. None when no epoch's time is known.
pub fn steady_seconds(run: &RunRecord) -> Option<f64> {
    let steady = match run.epoch_seconds.as_slice() {
        [] => return None,
        [only] => std::slice::from_ref(only),
        [_, steady @ ..] => steady,
    };
    let mean = steady.iter().sum::<f64>() / steady.len() as f64;
    (mean.is_finite() && mean > 0.0).then_some(mean)
}

/// One row for each task, optimizer, work and configuration that has a time, baselines first.
pub fn rows(runs: &[RunRecord]) -> Vec<OverheadRow> {
    type Key = (String, String, Vec<(String, String)>);
    let mut groups: BTreeMap<Key, BTreeMap<Configuration, Vec<&RunRecord>>> = BTreeMap::new();
    for run in runs.iter().filter(|run| steady_seconds(run).is_some()) {
        let key = (run.task.clone(), run.optimizer.clone(), work(run));
        groups.entry(key).or_default().entry(Configuration::of(run)).or_default().push(run);
    }
    let works: Vec<Key> = groups.keys().cloned().collect();
    let mut rows = Vec::new();
    for (key, configurations) in groups {
        let others: Vec<&Key> = works.iter().filter(|other| other.0 == key.0 && other.1 == key.1).collect();
        let differs = |(name, value): &&(String, String)| {
            others.iter().any(|other| !other.2.iter().any(|(its, also)| its == name && also == value))
        };
        let words: Vec<String> = key.2.iter().filter(differs).map(|(name, value)| format!("{name}={value}")).collect();
        let plain = configurations.iter().find(|(configuration, _)| configuration.is_plain());
        let plain = plain.and_then(|(_, runs)| Summary::of(&times(runs)));
        for (configuration, runs) in configurations {
            let made = row(&key.0, &key.1, &words.join(" "), configuration, &runs, plain.as_ref());
            rows.extend(made);
        }
    }
    rows
}

fn times(runs: &[&RunRecord]) -> Vec<f64> {
    runs.iter().filter_map(|run| steady_seconds(run)).collect()
}

/// What the run worked on and where, by name.
fn work(run: &RunRecord) -> Vec<(String, String)> {
    let known = RunConfig::settings().iter().filter(|setting| matches!(setting.cost, Cost::Epoch | Cost::Machine));
    let keys = known.map(|setting| setting.key).chain(WORK);
    let settings = keys.filter_map(|key| Some((key.to_owned(), run.config.get(key)?.to_string())));
    let machine = run.provenance.iter().filter(|(name, _)| MACHINE.contains(&name.as_str())).cloned();
    let mut work: Vec<(String, String)> = settings.filter(|(_, value)| value != "null").chain(machine).collect();
    work.sort();
    work.dedup();
    work
}

fn row(
    task: &str,
    optimizer: &str,
    work: &str,
    configuration: Configuration,
    runs: &[&RunRecord],
    plain: Option<&Summary>,
) -> Option<OverheadRow> {
    let seconds = Summary::of(&times(runs))?;
    let spread = |number: &dyn Fn(&RunRecord) -> Option<f64>| {
        let values: Vec<f64> = runs.iter().filter_map(|run| number(run)).filter(|value| value.is_finite()).collect();
        Summary::of(&values)
    };
    let wall = |run: &RunRecord| run.wall_seconds.filter(|seconds| *seconds > 0.0);
    let steps = |run: &RunRecord| (run.total_steps > 0).then_some(run.total_steps as f64);
    let overhead = plain.map(|plain| {
        if configuration.is_plain() { Overhead { percent: 0.0, interval: None } } else { overhead(&seconds, plain) }
    });
    Some(OverheadRow {
        task: task.to_owned(),
        optimizer: optimizer.to_owned(),
        work: work.to_owned(),
        overhead,
        seconds_per_epoch: seconds,
        wall_minutes: spread(&|run| Some(wall(run)? / 60.0)),
        seconds_per_step: spread(&|run| Some(wall(run)? / steps(run)?)),
        steps_per_second: spread(&|run| Some(steps(run)? / wall(run)?)),
        tflops_per_second: spread(&|run| Some(run.estimated_flops? / 1e12 / wall(run)?)),
        total_epochs: runs.first()?.epoch_seconds.len(),
        total_steps: runs.first()?.total_steps,
        unsteady: runs.iter().filter(|run| run.epoch_seconds.len() < 2).count(),
        paths: runs.iter().map(|run| run.path.clone()).collect(),
        configuration,
    })
}

/// Percent of one time over another, with its interval.
/// What some times are over those of the plain baseline; none without any of either.
pub fn over_plain(times: &[f64], plain: &[f64]) -> Option<Overhead> {
    Some(overhead(&Summary::of(times)?, &Summary::of(plain)?))
}

fn overhead(time: &Summary, plain: &Summary) -> Overhead {
    let ratio = time.mean / plain.mean;
    // Relative variance of a mean, and its part of the degrees of freedom.
    let part = |spread: &Summary| {
        let variance = (spread.sd? / spread.mean).powi(2) / spread.n as f64;
        Some((variance, variance.powi(2) / (spread.n as f64 - 1.0)))
    };
    let interval = part(time).zip(part(plain)).map(|((one, one_part), (other, other_part))| {
        let variance = one + other;
        if variance == 0.0 {
            return (ratio, ratio);
        }
        let half = t_quantile(LEVEL, variance.powi(2) / (one_part + other_part)) * variance.sqrt();
        (ratio * (-half).exp(), ratio * half.exp())
    });
    let percent = |ratio: f64| 100.0 * (ratio - 1.0);
    Overhead { percent: percent(ratio), interval: interval.map(|(low, high)| (percent(low), percent(high))) }
}

#[cfg(test)]
mod tests;
