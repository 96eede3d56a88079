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

use crate::names::{NameStyle, controlled, method_name, reference_word};
use crate::record::{Control, ControlledAxes, RunRecord};
use crate::statistics::{LEVEL, MeanSd, mean, t_quantile};

pub use text::{csv, json, markdown};

/// What makes two runs the same work, beside task, optimizer and the settings of which the table says so.
const WORK: [&str; 4] = ["model_name", "init", "gradient_accumulation_steps", "num_workers"];

/// What of a run's provenance tells one machine from another. Not the name of the host: a container has a new one each time.
const MACHINE: [&str; 5] = ["device_name", "current_device_name", "cpu_model", "device", "backend"];

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
    pub task: String,
    pub optimizer: String,
    /// What of the work is not the same in all rows of its task and optimizer; empty when all of it is.
    pub work: String,
    /// The method as people write it: `AEES-LR + cosine`.
    pub label: String,
    /// The reference's word for it: `aees_lr_only_cosine`.
    pub word: String,
    /// Whether it is the plain baseline.
    pub plain: bool,
    /// Steady seconds of an epoch, over repeats.
    pub seconds_per_epoch: MeanSd,
    /// Minutes of a whole run, over the repeats that tell it.
    pub wall_minutes: Option<MeanSd>,
    /// Seconds of a step of a whole run, the first epoch and the set-up included.
    pub seconds_per_step: Option<MeanSd>,
    /// Steps a second of a whole run.
    pub steps_per_second: Option<MeanSd>,
    /// Estimated TFLOP a second of a whole run.
    pub tflops_per_second: Option<MeanSd>,
    /// Over the plain baseline; none when that is not there.
    pub overhead: Option<Overhead>,
    /// Epochs of its runs; the first one's where they differ.
    pub total_epochs: usize,
    /// Steps of its runs; the first one's where they differ.
    pub total_steps: u64,
    /// Repeats with one epoch only, whose time includes what is done once.
    pub unsteady: usize,
    pub paths: Vec<PathBuf>,
}

/// Steady seconds of an epoch: the mean without the first. None when no epoch's time is known.
pub fn steady_seconds(run: &RunRecord) -> Option<f64> {
    let steady = match run.epoch_seconds.as_slice() {
        [] => return None,
        [only] => std::slice::from_ref(only),
        [_, steady @ ..] => steady,
    };
    mean(steady).filter(|mean| mean.is_finite() && *mean > 0.0)
}

/// What repeats have in common: the controlled axes, who picks, and the schedule. The values that are fixed cost no time.
type Configuration = (ControlledAxes, Control, String);

fn configuration(run: &RunRecord) -> Configuration {
    (controlled(run), run.control, run.scheduler.clone())
}

fn is_plain(run: &RunRecord) -> bool {
    run.control == Control::Baseline && run.scheduler == "none"
}

/// One row for each task, optimizer, work and configuration that has a time, baselines first.
pub fn rows(runs: &[RunRecord]) -> Vec<OverheadRow> {
    type Key = (String, String, Vec<(String, String)>);
    let mut groups: BTreeMap<Key, BTreeMap<Configuration, Vec<&RunRecord>>> = BTreeMap::new();
    for run in runs.iter().filter(|run| steady_seconds(run).is_some()) {
        let key = (run.task.clone(), run.optimizer.clone(), work(run));
        groups.entry(key).or_default().entry(configuration(run)).or_default().push(run);
    }
    let works: Vec<Key> = groups.keys().cloned().collect();
    let mut rows = Vec::new();
    for (key, configurations) in groups {
        let others: Vec<&Key> = works.iter().filter(|other| other.0 == key.0 && other.1 == key.1).collect();
        let differs = |(name, value): &&(String, String)| {
            others.iter().any(|other| !other.2.iter().any(|(its, also)| its == name && also == value))
        };
        let words: Vec<String> = key.2.iter().filter(differs).map(|(name, value)| format!("{name}={value}")).collect();
        let plain = configurations.values().find(|runs| is_plain(runs[0]));
        let plain = plain.and_then(|runs| MeanSd::of(&times(runs)));
        rows.extend(configurations.values().filter_map(|runs| row(&words.join(" "), runs, plain.as_ref())));
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

fn row(work: &str, runs: &[&RunRecord], plain: Option<&MeanSd>) -> Option<OverheadRow> {
    let first = runs.first()?;
    let seconds = MeanSd::of(&times(runs))?;
    let spread = |number: &dyn Fn(&RunRecord) -> Option<f64>| {
        let values: Vec<f64> = runs.iter().filter_map(|run| number(run)).filter(|value| value.is_finite()).collect();
        MeanSd::of(&values)
    };
    let wall = |run: &RunRecord| run.wall_seconds.filter(|seconds| *seconds > 0.0);
    let steps = |run: &RunRecord| (run.total_steps > 0).then_some(run.total_steps as f64);
    let overhead =
        plain.map(
            |plain| {
                if is_plain(first) { Overhead { percent: 0.0, interval: None } } else { overhead(&seconds, plain) }
            },
        );
    Some(OverheadRow {
        task: first.task.clone(),
        optimizer: first.optimizer.clone(),
        label: method_name(first, NameStyle::Overhead).text,
        word: reference_word(first),
        plain: is_plain(first),
        work: work.to_owned(),
        overhead,
        seconds_per_epoch: seconds,
        wall_minutes: spread(&|run| Some(wall(run)? / 60.0)),
        seconds_per_step: spread(&|run| Some(wall(run)? / steps(run)?)),
        steps_per_second: spread(&|run| Some(steps(run)? / wall(run)?)),
        tflops_per_second: spread(&|run| Some(run.estimated_flops? / 1e12 / wall(run)?)),
        total_epochs: first.epoch_seconds.len(),
        total_steps: first.total_steps,
        unsteady: runs.iter().filter(|run| run.epoch_seconds.len() < 2).count(),
        paths: runs.iter().map(|run| run.path.clone()).collect(),
    })
}

/// What some times are over those of the plain baseline; none without any of either.
pub fn over_plain(times: &[f64], plain: &[f64]) -> Option<Overhead> {
    Some(overhead(&MeanSd::of(times)?, &MeanSd::of(plain)?))
}

/// Percent of one time over another, with its interval.
fn overhead(time: &MeanSd, plain: &MeanSd) -> Overhead {
    let ratio = time.mean / plain.mean;
    // Relative variance of a mean, and its part of the degrees of freedom.
    let part = |spread: &MeanSd| {
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
