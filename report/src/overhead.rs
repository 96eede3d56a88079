//! What a method costs in time, by the protocol of the reference: steady epochs, repeats, percent over the plain baseline.
//!
//! The time of a run is the mean of its epochs without the first, which pays for what is done once; evaluation is part of
//! an epoch. A run of one epoch has only that one, and says so. Several results of one seed are its repeats; where a study says
//! that runs are for timing, or where some have repeats, other problems were not made to be timed and are left out. Methods are
//! compared with the plain baseline of the same problem and optimizer on the same machine, so that nothing else is taken for
//! overhead. Diverged runs count: their epochs took their time as well.
//!
//! The interval of the percentage is Student's, of the logarithm of the ratio: the two groups' relative variances add up
//! (first order), and the degrees of freedom are Welch's and Satterthwaite's. It is the spread over repeats, which on a
//! busy machine is smaller than the spread over days.

mod text;

use std::collections::BTreeMap;
use std::path::PathBuf;

use aees_run::settings::{Cost, RunConfig};
use aees_studies::study::StatedPurpose;

use crate::attributes::{Detail, distinguishing};
use crate::experiment::{Experiment, Problem, differing, experiments};
use crate::names::reference_word;
use crate::record::RunRecord;
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

/// Where a time was taken: what was worked on, by which optimizer, on which machine.
type Site = (String, String, Vec<(String, String)>);

/// The experiments on problems of which some were made to be timed; where none were, all of them.
pub(crate) fn timed<'a>(experiments: &[Experiment<'a>]) -> Vec<Experiment<'a>> {
    let problems: Vec<&Problem> = made_to_be_timed(experiments).map(|one| &one.problem).collect();
    let chosen = experiments.iter().filter(|one| problems.is_empty() || problems.contains(&&one.problem));
    chosen.cloned().collect()
}

/// Those that a study says are for timing, or that were repeated.
pub(crate) fn made_to_be_timed<'e, 'a>(experiments: &'e [Experiment<'a>]) -> impl Iterator<Item = &'e Experiment<'a>> {
    experiments.iter().filter(|one| one.has_repeats() || one.stated() == Some(StatedPurpose::Timing))
}

/// One row for each experiment that has a time, and for each machine that it ran on; baselines first.
pub fn rows(runs: &[RunRecord]) -> Vec<OverheadRow> {
    let experiments = timed(&experiments(runs));
    let mut groups: BTreeMap<Site, Vec<(&Experiment<'_>, Vec<&RunRecord>)>> = BTreeMap::new();
    for experiment in &experiments {
        let mut places: BTreeMap<Site, Vec<&RunRecord>> = BTreeMap::new();
        for run in experiment.timed.iter().filter(|run| steady_seconds(run).is_some()) {
            let place = (run.task.clone(), run.optimizer.clone(), work(experiment, run));
            places.entry(place).or_default().push(run);
        }
        for (place, runs) in places {
            groups.entry(place).or_default().push((experiment, runs));
        }
    }
    let works: Vec<Site> = groups.keys().cloned().collect();
    let mut rows = Vec::new();
    for (key, mut methods) in groups {
        let others: Vec<&Site> = works.iter().filter(|other| other.0 == key.0 && other.1 == key.1).collect();
        let differs = |(name, value): &&(String, String)| {
            others.iter().any(|other| !other.2.iter().any(|(its, also)| its == name && also == value))
        };
        let told: Vec<String> = key.2.iter().filter(differs).map(|(name, value)| format!("{name}={value}")).collect();
        methods.sort_by_key(|(one, _)| one.name.clone());
        for (one, runs) in &methods {
            let plain = methods.iter().filter(|(other, _)| other.example().is_plain());
            let plain = plain.min_by_key(|(other, _)| differing(&one.method, &other.method).len());
            let twins = methods.iter().map(|(other, _)| other).filter(|other| other.name == one.name);
            let keys = distinguishing(twins.map(|other| &other.method.0), Detail::Enough);
            let label = match one.method.0.words(&keys) {
                told if told.is_empty() => one.name.text.clone(),
                told => format!("{} ({told})", one.name.text),
            };
            let plain = plain.map(|(_, runs)| times(runs));
            rows.extend(row(&told.join(" "), label, runs, plain.as_deref()));
        }
    }
    rows
}

/// One time for each seed, the mean over its repeats; or for each repeat, where all are of one seed.
pub(crate) fn times(runs: &[&RunRecord]) -> Vec<f64> {
    let mut by_seed: BTreeMap<i64, Vec<f64>> = BTreeMap::new();
    for run in runs {
        by_seed.entry(run.seed).or_default().extend(steady_seconds(run));
    }
    match by_seed.len() {
        1 => by_seed.into_values().flatten().collect(),
        _ => by_seed.values().filter_map(|repeats| mean(repeats)).collect(),
    }
}

/// What the run worked on and where, by name.
fn work(experiment: &Experiment<'_>, run: &RunRecord) -> Vec<(String, String)> {
    let machine = RunConfig::settings().iter().filter(|setting| setting.cost == Cost::Machine);
    let keys = machine.map(|setting| setting.key).chain(WORK);
    let settings = keys.filter_map(|key| Some((key.to_owned(), run.config.get(key)?.to_string())));
    let machine = run.provenance.iter().filter(|(name, _)| MACHINE.contains(&name.as_str())).cloned();
    let problem = experiment.problem.0.pairs();
    let mut work: Vec<(String, String)> =
        problem.chain(settings.filter(|(_, value)| value != "null")).chain(machine).collect();
    work.sort();
    work.dedup();
    work
}

fn row(work: &str, label: String, runs: &[&RunRecord], plain: Option<&[f64]>) -> Option<OverheadRow> {
    let first = runs.first()?;
    let plain = plain.and_then(MeanSd::of);
    let seconds = MeanSd::of(&times(runs))?;
    let spread = |number: &dyn Fn(&RunRecord) -> Option<f64>| {
        let values: Vec<f64> = runs.iter().filter_map(|run| number(run)).filter(|value| value.is_finite()).collect();
        MeanSd::of(&values)
    };
    let wall = |run: &RunRecord| run.wall_seconds.filter(|seconds| *seconds > 0.0);
    let steps = |run: &RunRecord| (run.total_steps > 0).then_some(run.total_steps as f64);
    let overhead = plain.map(|plain| match first.is_plain() {
        true => Overhead { percent: 0.0, interval: None },
        false => overhead(&seconds, &plain),
    });
    Some(OverheadRow {
        task: first.task.clone(),
        optimizer: first.optimizer.clone(),
        label,
        word: reference_word(first),
        plain: first.is_plain(),
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
