//! Rows: each is one experiment, counted, and refused where it is not what it seems.
//!
//! A row needs all the runs that are expected of it. One that has fewer, two different results for one seed, or a run that
//! diverged, is left out and named, unless the options say otherwise; nothing is averaged silently.

use std::collections::{BTreeMap, BTreeSet};

use super::options::{DuplicateRule, TableOptions};
use super::table::Cell;
use crate::attributes::{command, words};
use crate::experiment::{Experiment, Method, Problem};
use crate::names::{MethodName, tell_apart};
use crate::quantity::Quantity;
use crate::record::RunRecord;
use crate::statistics::{MeanSd, mean};

/// An experiment as a row of a table.
#[derive(Debug, Clone)]
pub(super) struct Group<'a> {
    pub(super) section: String,
    /// The name with what tells it from others of that name.
    pub(super) label: String,
    /// The name alone.
    pub(super) name: String,
    pub(super) experiment: Experiment<'a>,
}

impl Group<'_> {
    pub(super) fn run(&self) -> &RunRecord {
        self.experiment.example()
    }

    /// How it is called in notes.
    pub(super) fn title(&self) -> String {
        title(&self.section, &self.label)
    }

    /// The runs that diverged, one note each.
    pub(super) fn diverged(&self) -> Vec<String> {
        let title = self.title();
        let note = |run: &&RunRecord| {
            let (seed, step) = (run.seed, run.diverged_at.unwrap_or_default());
            format!("{title}: seed {seed} diverged at step {step} and does not count: {}", run.path.display())
        };
        self.experiment.diverged.values().map(note).collect()
    }
}

fn title(section: &str, label: &str) -> String {
    if section.is_empty() { label.to_owned() } else { format!("{section}, {label}") }
}

/// Where an experiment stands: its section and its row, each with its rank in the order of the table.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Heading {
    pub(super) section: (usize, String),
    pub(super) name: MethodName,
}

impl Heading {
    pub(super) fn new(section: (usize, String), (rank, text): (usize, impl Into<String>)) -> Self {
        Self { section, name: MethodName { rank, text: text.into() } }
    }
}

/// Puts experiments into rows. A section holds one problem: where there are several, each has a section of its own, which
/// tells in what it differs; several methods of one name tell in what they differ behind the name.
pub(super) fn gather<'a>(
    experiments: impl IntoIterator<Item = Experiment<'a>>,
    heading: impl Fn(&Experiment<'a>) -> Option<Heading>,
) -> Vec<Group<'a>> {
    type Rows<'a> = BTreeMap<MethodName, Vec<Experiment<'a>>>;
    let mut sections: BTreeMap<(usize, String), BTreeMap<Problem, Rows<'a>>> = BTreeMap::new();
    for experiment in experiments {
        let Some(Heading { section, name }) = heading(&experiment) else { continue };
        let problems = sections.entry(section).or_default();
        problems.entry(experiment.problem.clone()).or_default().entry(name).or_default().push(experiment);
    }
    let mut groups = Vec::new();
    for ((_, section), problems) in sections {
        let told = tell_apart(problems.keys().map(|problem| &problem.0));
        for (told, rows) in told.into_iter().zip(problems.into_values()) {
            let parts = [section.as_str(), told.as_str()].into_iter().filter(|part| !part.is_empty());
            let section = parts.collect::<Vec<_>>().join("; ");
            groups.extend(rows.into_iter().flat_map(|(name, experiments)| named(&section, &name.text, experiments)));
        }
    }
    groups
}

fn named<'a>(section: &str, name: &str, experiments: Vec<Experiment<'a>>) -> Vec<Group<'a>> {
    let told = tell_apart(experiments.iter().map(|experiment| &experiment.method.0));
    let group = |(experiment, told): (Experiment<'a>, String)| {
        let label = if told.is_empty() { name.to_owned() } else { format!("{name} ({told})") };
        Group { section: section.to_owned(), label, name: name.to_owned(), experiment }
    };
    experiments.into_iter().zip(told).map(group).collect()
}

/// In what two methods differ, in words; nothing where they have no setting in common.
pub(super) fn difference(keys: &[String], one: &Method, other: &Method) -> String {
    let told = |key: &String| {
        let of = |method: &Method| method.0.text(key).unwrap_or_else(|| "not set".into());
        format!("{} {} against {}", words(key), of(one), of(other))
    };
    keys.iter().map(told).collect::<Vec<_>>().join(", ")
}

/// How many runs a setting should have, and with which seeds.
#[derive(Debug, Clone)]
pub(super) enum Expectation {
    /// These: those of a study.
    Seeds(BTreeSet<i64>),
    /// A number of them, of whatever seeds.
    Count {
        /// How many.
        n: usize,
        /// Seeds that are known, from a study or from other settings.
        known: BTreeSet<i64>,
    },
}

impl Expectation {
    /// How many are asked for, or else the seeds of the study, or else what most rows have; of two numbers that are as
    /// common, the larger.
    pub(super) fn of(groups: &[Group<'_>], options: &TableOptions) -> Self {
        let planned: Option<BTreeSet<i64>> =
            options.expected_seeds.as_ref().map(|seeds| seeds.iter().copied().collect());
        let found = || groups.iter().flat_map(|group| group.experiment.seeds()).collect();
        match (options.expect_n, planned) {
            (None, Some(planned)) => Self::Seeds(planned),
            (Some(n), planned) => Self::Count { n, known: planned.unwrap_or_else(found) },
            (None, None) => {
                let mut counts: BTreeMap<usize, usize> = BTreeMap::new();
                groups.iter().for_each(|group| *counts.entry(group.experiment.seeds().len().max(1)).or_default() += 1);
                let n = counts.into_iter().max_by_key(|(n, times)| (*times, *n)).map_or(1, |(n, _)| n);
                Self::Count { n, known: found() }
            }
        }
    }

    /// How many there should be.
    fn n(&self) -> usize {
        match self {
            Self::Seeds(seeds) => seeds.len(),
            Self::Count { n, .. } => *n,
        }
    }

    /// The seeds that were not run: those of the study; of a number, the known ones first, then the smallest unused ones. A
    /// seed that diverged was run.
    fn missing(&self, have: &BTreeSet<i64>) -> Vec<i64> {
        let lacks = |seed: &i64| !have.contains(seed);
        match self {
            Self::Seeds(seeds) => seeds.iter().copied().filter(lacks).collect(),
            Self::Count { n, known } => {
                let unused = (0..).filter(|seed| !known.contains(seed));
                known.iter().copied().chain(unused).filter(lacks).take(n.saturating_sub(have.len())).collect()
            }
        }
    }
}

/// A row after the rules: the runs that count, and what is to be said.
#[derive(Debug, Clone)]
pub(super) struct Counted<'a> {
    pub(super) section: String,
    pub(super) label: String,
    /// By seed; several runs only where duplicates are averaged.
    runs: BTreeMap<i64, Vec<&'a RunRecord>>,
    /// Whether numbers may be shown.
    shown: bool,
    /// `†`, `‡` or nothing.
    pub(super) mark: &'static str,
    pub(super) notes: Vec<String>,
    epoch: Option<usize>,
}

impl<'a> Counted<'a> {
    /// Applies the rules.
    pub(super) fn new(group: &Group<'a>, expected: &Expectation, options: &TableOptions) -> Self {
        let mut counted = Self {
            section: group.section.clone(),
            label: group.label.clone(),
            runs: BTreeMap::new(),
            shown: true,
            mark: "",
            notes: group.diverged(),
            epoch: None,
        };
        counted.check_count(group, expected, options);
        let (title, copies) = (group.title(), group.experiment.copies);
        if copies > 0 {
            let files = if copies == 1 { "1 file holds" } else { &format!("{copies} files hold") };
            counted.notes.push(format!("{title}: {files} a result that another file holds, too, and counts once"));
        }
        for (seed, results) in &group.experiment.results {
            let kept = counted.choose(&title, *seed, results, options.duplicates);
            counted.runs.insert(*seed, kept);
        }
        counted.epoch = counted.common_epoch();
        counted
    }

    fn check_count(&mut self, group: &Group<'_>, expected: &Expectation, options: &TableOptions) {
        let experiment = &group.experiment;
        let missing = expected.missing(&experiment.seeds());
        let n = expected.n();
        let wanted = |seed: &&i64| !matches!(expected, Expectation::Seeds(seeds) if !seeds.contains(seed));
        let diverged: Vec<String> = experiment.diverged.keys().filter(wanted).map(i64::to_string).collect();
        if missing.is_empty() && (diverged.is_empty() || experiment.results.len() >= n) {
            return;
        }
        self.mark = "†";
        self.shown &= options.allow_partial && !experiment.results.is_empty();
        let seeds =
            |seeds: &[String]| format!("{} {}", if seeds.len() == 1 { "seed" } else { "seeds" }, seeds.join(", "));
        let lacking: Vec<String> = missing.iter().map(i64::to_string).collect();
        let told = [("missing", lacking), ("diverged", diverged)].into_iter().filter(|(_, of)| !of.is_empty());
        let told: Vec<String> = told.map(|(what, of)| format!("{what} {}", seeds(&of))).collect();
        let have = n.saturating_sub(missing.len() + experiment.diverged.len());
        let mut note = format!("† {}: {have} of {n} runs; {}", group.title(), told.join("; "));
        let commands: Vec<String> = missing.iter().filter_map(|seed| command(group.run(), *seed)).collect();
        if commands.is_empty() && !missing.is_empty() {
            note += "; run its study again";
        }
        self.notes.push(note);
        self.notes.extend(commands.into_iter().map(|command| format!("`{command}`")));
    }

    fn choose(&mut self, title: &str, seed: i64, results: &[&'a RunRecord], rule: DuplicateRule) -> Vec<&'a RunRecord> {
        if results.len() < 2 {
            return results.to_vec();
        }
        let files: Vec<String> = results.iter().map(|run| run.path.display().to_string()).collect();
        let (kept, done) = match rule {
            DuplicateRule::Refuse => {
                self.shown = false;
                self.mark = "‡";
                (results.to_vec(), "the row is left out; --duplicates first, last or mean settles it")
            }
            DuplicateRule::First => (results[..1].to_vec(), "the first counts"),
            DuplicateRule::Last => (results[results.len() - 1..].to_vec(), "the last counts"),
            DuplicateRule::Mean => (results.to_vec(), "their mean counts"),
        };
        let (count, files) = (results.len(), files.join(" and "));
        self.notes.push(format!("‡ {title}: seed {seed} has {count} different results, {files}: {done}"));
        kept
    }

    /// The epoch of the best mean curve, from 1, over the epochs that all runs have; the first of equals.
    fn common_epoch(&self) -> Option<usize> {
        let curves: Vec<&[f64]> = self.runs.values().flatten().map(|run| run.val_accuracies.as_slice()).collect();
        let length = curves.iter().map(|curve| curve.len()).min()?;
        let sum = |epoch: usize| curves.iter().map(|curve| curve[epoch]).sum::<f64>();
        let best = (0..length).map(sum).fold(f64::NEG_INFINITY, f64::max);
        (0..length).find(|epoch| sum(*epoch) == best).map(|index| index + 1)
    }

    /// How many runs count.
    pub(super) fn n(&self) -> usize {
        self.runs.len()
    }

    /// The values by seed; empty when the row is left out. A run without a number is not among them.
    pub(super) fn values(&self, quantity: &Quantity) -> BTreeMap<i64, f64> {
        let of = |results: &Vec<&RunRecord>| -> Option<f64> {
            let values: Option<Vec<f64>> = results.iter().map(|run| quantity.of(run, self.epoch)).collect();
            mean(&values?)
        };
        let all = self.runs.iter().filter(|_| self.shown);
        all.filter_map(|(seed, results)| Some((*seed, of(results)?))).collect()
    }

    /// The cell of a quantity. Runs that lack the number leave it out, unless partial rows are allowed.
    pub(super) fn cell(&self, quantity: &Quantity, options: &TableOptions) -> Cell {
        let values: Vec<f64> = self.values(quantity).into_values().collect();
        let whole = values.len() == self.runs.len();
        match MeanSd::of(&values) {
            Some(summary) if whole || options.allow_partial => {
                let mark = if whole && self.mark != "†" { String::new() } else { format!(" (n = {})†", summary.n) };
                Cell::Number { value: summary.mean, sd: summary.sd, mark }
            }
            _ => Cell::Missing(self.mark.to_owned()),
        }
    }

    /// What is to be said about numbers that some of its runs lack.
    pub(super) fn lacks(&self, quantity: &Quantity) -> Option<String> {
        let have = self.values(quantity);
        let partial = self.shown && !have.is_empty() && have.len() < self.runs.len();
        let lacking = || self.runs.iter().filter(|(seed, _)| !have.contains_key(seed)).flat_map(|(_, runs)| runs);
        let files = || lacking().map(|run| run.path.display().to_string()).collect::<Vec<_>>().join(", ");
        partial.then(|| format!("† {}: no {quantity} in {}", title(&self.section, &self.label), files()))
    }
}
