//! Experiments: runs that are repeats of each other, and what may be compared with what.
//!
//! A run has a [`Problem`] (what is to be solved), a [`Method`] (how: everything else that decides the result), a seed and a
//! [`Purpose`]. Runs are pooled only within one problem and one method, whatever their files are called; methods are compared
//! only within one problem. Tables, figures, the search for the best, overhead and the page all start from [`experiments`].

use std::collections::{BTreeMap, BTreeSet};

use aees_studies::study::StatedPurpose;

use crate::attributes::{Attributes, Detail, distinguishing};
use crate::names::{MethodName, NameStyle, method_name, task_title};
use crate::record::{Control, ControlledAxes, RunRecord};

/// What is to be solved: task, data, label noise, model and its size, batch size, epochs, protocol of evaluation, precision.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Problem(pub Attributes);

/// How it is solved: who picks from what by which reward, optimizer, base learning rate, schedule.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Method(pub Attributes);

/// What runs were made for: told by their study, or else by what differs between them, and never by the names of files.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Purpose {
    /// To be averaged over seeds.
    Accuracy,
    /// To be timed. Without a study's word: all experiments on the problem have one seed, and some ran it several times.
    Timing,
    /// To see what one part of a method does, by another value of it: a row of the table of that part.
    Ablation(VariedPart),
}

/// A part of a method that is varied in a table of its own.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum VariedPart {
    /// The penalty on unsteady losses.
    Penalty,
    /// The context of a bandit.
    Context,
    /// The rate of a plain optimizer, where no bandit works on it.
    Rate,
    /// The noise on the gradients. Only a study's word tells it from one more axis.
    Noise,
    /// Another one, by a study's word.
    Other,
}

impl VariedPart {
    /// What it is called.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Penalty => "penalty",
            Self::Context => "context",
            Self::Rate => "rate",
            Self::Noise => "noise",
            Self::Other => "others",
        }
    }

    /// The setting; empty where it is not known.
    pub fn key(self) -> &'static str {
        match self {
            Self::Penalty => "reward_instability_lambda",
            Self::Context => "context_mode",
            Self::Rate => "lr",
            Self::Noise => "noise_candidates",
            Self::Other => "",
        }
    }
}

/// Runs that differ in nothing but their seeds, or not even in those.
#[derive(Debug, Clone)]
pub struct Experiment<'a> {
    pub problem: Problem,
    pub method: Method,
    pub purpose: Purpose,
    /// What its method is called: with the axes that it controls, where methods of its problem differ in those.
    pub name: MethodName,
    /// Problem and method together.
    pub attributes: Attributes,
    /// The different results of each seed: one, unless something is wrong.
    pub results: BTreeMap<i64, Vec<&'a RunRecord>>,
    /// The runs that diverged, one for each seed that has no result.
    pub diverged: BTreeMap<i64, &'a RunRecord>,
    /// Files that hold the result of another file once more.
    pub copies: usize,
    /// Every run that took time of its own, by seed and path, diverged ones and repeats of a seed among them.
    pub timed: Vec<&'a RunRecord>,
    example: &'a RunRecord,
}

impl<'a> Experiment<'a> {
    fn new(attributes: Attributes, mut runs: Vec<&'a RunRecord>) -> Option<Self> {
        runs.sort_by(|one, other| (one.seed, &one.path).cmp(&(other.seed, &other.path)));
        let (problem, method) = (Problem(attributes.clone().of_problem()), Method(attributes.clone().of_method()));
        let mut experiment = Self {
            purpose: Purpose::Accuracy,
            name: method_name(runs.first()?, NameStyle::Short),
            results: BTreeMap::new(),
            diverged: BTreeMap::new(),
            copies: 0,
            timed: Vec::new(),
            example: runs.first()?,
            problem,
            method,
            attributes,
        };
        for run in runs {
            experiment.add(run);
        }
        let results = &experiment.results;
        experiment.diverged.retain(|seed, _| !results.contains_key(seed));
        Some(experiment)
    }

    fn add(&mut self, run: &'a RunRecord) {
        let same_time = |other: &&RunRecord| other.seed == run.seed && other.epoch_seconds == run.epoch_seconds;
        if !run.epoch_seconds.is_empty() && !self.timed.iter().any(same_time) {
            self.timed.push(run);
        }
        if run.diverged_at.is_some() {
            self.diverged.entry(run.seed).or_insert(run);
            return;
        }
        let results = self.results.entry(run.seed).or_default();
        if results.iter().any(|other| same_result(other, run)) {
            self.copies += 1;
        } else {
            results.push(run);
        }
    }

    /// One of its runs, for what is the same in all of them.
    pub fn example(&self) -> &'a RunRecord {
        self.example
    }

    /// Its seeds, also those that diverged.
    pub fn seeds(&self) -> BTreeSet<i64> {
        self.results.keys().chain(self.diverged.keys()).copied().collect()
    }

    /// One run for each seed: the first of different results, and those that diverged.
    pub fn runs(&self) -> Vec<&'a RunRecord> {
        let mut runs: Vec<&RunRecord> = self.results.values().filter_map(|results| results.first().copied()).collect();
        runs.extend(self.diverged.values().copied());
        runs.sort_by_key(|run| run.seed);
        runs
    }

    /// What its study says that it is for; none where its runs are of studies that say different things, or nothing.
    pub(crate) fn stated(&self) -> Option<StatedPurpose> {
        let mut said = self.results.values().flatten().chain(self.diverged.values()).map(|run| run.purpose);
        let first = said.next()??;
        said.all(|other| other == Some(first)).then_some(first)
    }

    /// Whether a seed was run more than once, each time in a time of its own.
    pub(crate) fn has_repeats(&self) -> bool {
        self.timed.len() > self.seeds().len()
    }
}

/// Whether two files hold the same training: all its curves, or those that there are with the same times to the last bit.
fn same_result(one: &RunRecord, other: &RunRecord) -> bool {
    let bits = |values: &[f64]| values.iter().map(|value| value.to_bits()).collect::<Vec<_>>();
    let same = |of: fn(&RunRecord) -> &[f64]| bits(of(one)) == bits(of(other));
    let whole = !one.val_accuracies.is_empty() && !one.train_losses.is_empty();
    let timed = !one.epoch_seconds.is_empty() && same(|run| &run.epoch_seconds);
    // A program tells a result, and the whole time alone.
    let told = !one.metrics.is_empty() && one.wall_seconds.is_some() && one.wall_seconds == other.wall_seconds;
    let same_numbers = same(|run| &run.val_accuracies) && same(|run| &run.train_losses) && one.metrics == other.metrics;
    (whole || timed || told) && same_numbers
}

/// The experiments that some runs are of, by what they are.
pub fn experiments<'a>(runs: impl IntoIterator<Item = &'a RunRecord>) -> Vec<Experiment<'a>> {
    experiments_apart_from(runs, &[])
}

/// The same where some keys are known not to matter: the epochs of runs that stop at their peak.
pub(crate) fn experiments_apart_from<'a>(
    runs: impl IntoIterator<Item = &'a RunRecord>,
    keys: &[&str],
) -> Vec<Experiment<'a>> {
    let mut groups: BTreeMap<Attributes, Vec<&RunRecord>> = BTreeMap::new();
    for run in runs {
        groups.entry(Attributes::of(run).without(keys)).or_default().push(run);
    }
    let groups = groups.into_iter().filter_map(|(attributes, runs)| Experiment::new(attributes, runs));
    let mut experiments: Vec<Experiment<'_>> = groups.collect();
    let purposes: Vec<Purpose> = experiments.iter().map(|one| purpose(one, &experiments)).collect();
    experiments.iter_mut().zip(purposes).for_each(|(experiment, purpose)| experiment.purpose = purpose);
    name_by_axes(&mut experiments);
    experiments
}

/// Where methods of a problem control different axes, all names tell theirs.
fn name_by_axes(experiments: &mut [Experiment<'_>]) {
    let mut axes: BTreeMap<(&Problem, Control), BTreeSet<ControlledAxes>> = BTreeMap::new();
    for one in experiments.iter() {
        axes.entry((&one.problem, one.example().control)).or_default().insert(one.example().axes());
    }
    let several: BTreeSet<Problem> =
        axes.into_iter().filter(|(_, axes)| axes.len() > 1).map(|((problem, _), _)| problem.clone()).collect();
    for one in experiments.iter_mut().filter(|one| several.contains(&one.problem)) {
        one.name = method_name(one.example(), NameStyle::WithAxes);
    }
}

fn purpose(one: &Experiment<'_>, all: &[Experiment<'_>]) -> Purpose {
    let mut peers: Vec<&Experiment<'_>> = all.iter().filter(|other| other.problem == one.problem).collect();
    match one.stated() {
        Some(StatedPurpose::Accuracy) => return Purpose::Accuracy,
        Some(StatedPurpose::Timing) => return Purpose::Timing,
        Some(StatedPurpose::Ablation) => {
            let parts = [VariedPart::Penalty, VariedPart::Context, VariedPart::Noise, VariedPart::Rate];
            let of_rate = |part| part != VariedPart::Rate || one.example().control == Control::Baseline;
            let part = parts.into_iter().find(|part| of_rate(*part) && twins(one, *part, &peers).next().is_some());
            return Purpose::Ablation(part.unwrap_or(VariedPart::Other));
        }
        None => {}
    }
    // What a study calls something else is no usual method.
    peers.retain(|other| !matches!(other.stated(), Some(StatedPurpose::Timing | StatedPurpose::Ablation)));
    let seeds: BTreeSet<i64> = peers.iter().flat_map(|other| other.seeds()).collect();
    if seeds.len() == 1 && peers.iter().any(|other| other.has_repeats()) {
        return Purpose::Timing;
    }
    let run = one.example();
    peers.retain(|other| other.example().control == Control::Adaptive && other.example().optimizer == run.optimizer);
    let adaptive = peers;
    match run.control {
        Control::Adaptive => {
            let varied =
                [VariedPart::Penalty, VariedPart::Context].into_iter().find(|part| is_varied(one, *part, &adaptive));
            varied.map_or(Purpose::Accuracy, Purpose::Ablation)
        }
        // A rate that no bandit works on was run to find a better constant one.
        _ if run.is_plain() && !adaptive.is_empty() => {
            let used = adaptive.iter().any(|other| other.example().lr == run.lr);
            if used { Purpose::Accuracy } else { Purpose::Ablation(VariedPart::Rate) }
        }
        _ => Purpose::Accuracy,
    }
}

/// Whether a method is another one but for one part, in which it has the value that fewer of the problem's methods have; of
/// two values as common, the default is the usual one.
fn is_varied(one: &Experiment<'_>, part: VariedPart, adaptive: &[&Experiment<'_>]) -> bool {
    let others: BTreeSet<String> = twins(one, part, adaptive).map(|other| value_of(other, part)).collect();
    let common = |value: &str| adaptive.iter().filter(|other| value_of(other, part) == value).count();
    let usual = |value: &str| (common(value), matches!(value, "0" | "none" | ""));
    others.iter().any(|other| usual(other) > usual(&value_of(one, part)))
}

/// The methods that are the same but for one part.
fn twins<'e, 'a>(
    one: &'e Experiment<'a>,
    part: VariedPart,
    others: &'e [&'e Experiment<'a>],
) -> impl Iterator<Item = &'e Experiment<'a>> {
    let alike =
        move |other: &Experiment<'_>| differing(&one.method, &other.method).iter().all(|key| belongs_to(part, key));
    others.iter().copied().filter(move |other| value_of(other, part) != value_of(one, part) && alike(other))
}

fn value_of(one: &Experiment<'_>, part: VariedPart) -> String {
    match part {
        VariedPart::Context => one.example().context_mode.clone(),
        _ => one.attributes.text(part.key()).unwrap_or_default(),
    }
}

/// The settings that only matter in a context go with it, and how two axes are picked goes with the second.
fn belongs_to(part: VariedPart, key: &str) -> bool {
    key == part.key()
        || match part {
            VariedPart::Context => key.starts_with("context") || key.starts_with("prior"),
            VariedPart::Noise => key == "structured_control_mode",
            _ => false,
        }
}

/// The keys in which two methods differ though both have them.
pub fn differing(one: &Method, other: &Method) -> Vec<String> {
    distinguishing([&one.0, &other.0], Detail::Enough)
}

/// How unlike two methods are: whether somebody else picks, then in how many keys they differ.
pub(crate) fn unlikeness(one: &Method, other: &Method) -> (bool, usize) {
    let picks = |method: &Method| method.0.json("control_mode").map(str::to_owned);
    (picks(one) != picks(other), differing(one, other).len())
}

/// What a reader must know before anything else: that some of the runs are of different data.
pub fn about_data<'e, 'a: 'e>(experiments: impl IntoIterator<Item = &'e Experiment<'a>>) -> Vec<String> {
    let mut by_task: BTreeMap<&str, BTreeMap<String, usize>> = BTreeMap::new();
    for experiment in experiments {
        let data = experiment.problem.0.text("data").unwrap_or_else(|| "not recorded".into());
        *by_task.entry(&experiment.example().task).or_default().entry(data).or_default() += experiment.timed.len();
    }
    let several = by_task.into_iter().filter(|(_, data)| data.len() > 1);
    let told = several.map(|(task, data)| {
        let data: Vec<String> = data.into_iter().map(|(data, runs)| format!("{data} ({runs} runs)")).collect();
        format!("the runs of {} are of different data, and are kept apart: {}", task_title(task), data.join("; "))
    });
    told.collect()
}
