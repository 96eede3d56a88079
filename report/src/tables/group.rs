//! Runs that stand in one row: gathered by what they are, counted, and refused where they are not what they seem.
//!
//! A row needs all the runs that are expected of it. One that has fewer, two different results for one seed, or a run that
//! diverged, is left out and named, unless the options say otherwise; nothing is averaged silently.

use std::collections::{BTreeMap, BTreeSet};

use super::options::{DuplicateRule, TableOptions};
use super::quantity::Quantity;
use super::table::Cell;
use crate::attributes::{Attributes, Detail, distinguishing};
use crate::names::MethodName;
use crate::record::RunRecord;
use crate::statistics::{MeanSd, mean};

/// The runs of one row.
#[derive(Debug, Clone)]
pub(super) struct Group<'a> {
    pub(super) section: String,
    pub(super) label: String,
    /// The settings that it pools: one, but in the general table.
    pub(super) settings: Vec<Runs<'a>>,
}

impl Group<'_> {
    /// In how many settings two rows differ.
    pub(super) fn differences(&self, other: &Self) -> usize {
        distinguishing(self.settings.iter().chain(&other.settings).map(|runs| &runs.attributes), Detail::Enough).len()
    }

    /// How it is called in notes.
    fn name(&self) -> String {
        if self.section.is_empty() { self.label.clone() } else { format!("{}, {}", self.section, self.label) }
    }

    /// The runs that diverged, one note each.
    pub(super) fn diverged(&self) -> Vec<String> {
        self.settings.iter().flat_map(|runs| runs.diverged(&self.name())).collect()
    }
}

/// The runs of one setting, by seed.
#[derive(Debug, Clone)]
pub(super) struct Runs<'a> {
    pub(super) attributes: Attributes,
    pub(super) seeds: BTreeMap<i64, Vec<&'a RunRecord>>,
    diverged: Vec<&'a RunRecord>,
    /// Files that hold the result of another file once more.
    copies: usize,
}

impl<'a> Runs<'a> {
    fn new(attributes: Attributes) -> Self {
        Self { attributes, seeds: BTreeMap::new(), diverged: Vec::new(), copies: 0 }
    }

    fn add(&mut self, run: &'a RunRecord) {
        if run.diverged_at.is_some() {
            self.diverged.push(run);
            return;
        }
        let results = self.seeds.entry(run.seed).or_default();
        if results.iter().any(|other| same_result(other, run)) {
            self.copies += 1;
        } else {
            results.push(run);
        }
    }

    /// The runs that diverged, one note each, under the name of their row.
    fn diverged(&self, name: &str) -> Vec<String> {
        let note = |run: &&RunRecord| {
            let (seed, step) = (run.seed, run.diverged_at.unwrap_or_default());
            format!("{name}: seed {seed} diverged at step {step} and does not count: {}", run.path.display())
        };
        self.diverged.iter().map(note).collect()
    }
}

/// Whether two files hold the same training, epoch for epoch.
fn same_result(one: &RunRecord, other: &RunRecord) -> bool {
    let whole = !one.val_accuracies.is_empty() && !one.train_losses.is_empty();
    whole && one.val_accuracies == other.val_accuracies && one.train_losses == other.train_losses
}

/// Where a run stands: its section and its row, each with its rank in the order of the table.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct RowPlace {
    section: (usize, String),
    label: (usize, String),
}

impl RowPlace {
    pub(super) fn new(section: (usize, String), label: (usize, impl Into<String>)) -> Self {
        Self { section, label: (label.0, label.1.into()) }
    }

    /// The row of a method.
    pub(super) fn of(section: (usize, String), method: MethodName) -> Self {
        Self { section, label: (method.rank, method.text) }
    }
}

/// Gathers runs by their place and, within it, by their setting, without some keys. Several settings under one label get
/// rows of their own, which tell in what they differ.
pub(super) fn gather<'a>(
    runs: impl IntoIterator<Item = &'a RunRecord>,
    without: &[&str],
    place: impl Fn(&RunRecord) -> Option<RowPlace>,
) -> Vec<Group<'a>> {
    let mut places: BTreeMap<RowPlace, BTreeMap<Attributes, Runs<'a>>> = BTreeMap::new();
    for run in runs {
        let Some(place) = place(run) else { continue };
        let attributes = Attributes::of(run).without(without);
        let settings = places.entry(place).or_default();
        settings.entry(attributes.clone()).or_insert_with(|| Runs::new(attributes)).add(run);
    }
    places.into_iter().flat_map(|(place, settings)| rows(place, settings.into_values().collect())).collect()
}

fn rows(place: RowPlace, settings: Vec<Runs<'_>>) -> Vec<Group<'_>> {
    let keys = distinguishing(settings.iter().map(|runs| &runs.attributes), Detail::Enough);
    let named = settings.into_iter().map(|runs| {
        let mut label = place.label.1.clone();
        if !keys.is_empty() {
            label += &format!(" ({})", runs.attributes.words(&keys));
        }
        Group { section: place.section.1.clone(), label, settings: vec![runs] }
    });
    named.collect()
}

/// Gathers runs that share a label into one row, whatever their settings.
pub(super) fn pool<'a>(
    runs: impl IntoIterator<Item = &'a RunRecord>,
    label: impl Fn(&RunRecord) -> String,
) -> Vec<Group<'a>> {
    let mut groups: Vec<Group<'a>> = Vec::new();
    for run in runs {
        let (label, attributes) = (label(run), Attributes::of(run));
        let at = groups.iter().position(|group| group.label == label).unwrap_or_else(|| {
            groups.push(Group { section: String::new(), label, settings: Vec::new() });
            groups.len() - 1
        });
        let settings = &mut groups[at].settings;
        let at = settings.iter().position(|runs| runs.attributes == attributes).unwrap_or_else(|| {
            settings.push(Runs::new(attributes));
            settings.len() - 1
        });
        settings[at].add(run);
    }
    groups
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
    /// How many are asked for, or else the seeds of the study, or else what most settings have; of two numbers that are as
    /// common, the larger.
    pub(super) fn of(groups: &[Group<'_>], options: &TableOptions) -> Self {
        let planned: Option<BTreeSet<i64>> =
            options.expected_seeds.as_ref().map(|seeds| seeds.iter().copied().collect());
        let settings = || groups.iter().flat_map(|group| &group.settings);
        let found = || {
            let seeds = settings().flat_map(|runs| runs.seeds.keys().chain(runs.diverged.iter().map(|run| &run.seed)));
            seeds.copied().collect()
        };
        match (options.expect_n, planned) {
            (None, Some(planned)) => Self::Seeds(planned),
            (Some(n), planned) => Self::Count { n, known: planned.unwrap_or_else(found) },
            (None, None) => {
                let mut counts: BTreeMap<usize, usize> = BTreeMap::new();
                settings().for_each(|runs| *counts.entry(runs.seeds.len().max(1)).or_default() += 1);
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

    /// The seeds that a setting lacks: those of the study; of a number, the known ones first, then the smallest unused ones.
    fn missing(&self, runs: &Runs<'_>) -> Vec<i64> {
        let lacks = |seed: &i64| !runs.seeds.contains_key(seed);
        match self {
            Self::Seeds(seeds) => seeds.iter().copied().filter(lacks).collect(),
            Self::Count { n, known } => {
                let unused = (0..).filter(|seed| !known.contains(seed));
                let lacking = n.saturating_sub(runs.seeds.len());
                known.iter().copied().chain(unused).filter(lacks).take(lacking).collect()
            }
        }
    }
}

/// A row after the rules: the runs that count, and what is to be said.
#[derive(Debug, Clone)]
pub(super) struct Counted<'a> {
    pub(super) section: String,
    pub(super) label: String,
    /// By setting and seed; several runs only where duplicates are averaged.
    runs: BTreeMap<(usize, i64), Vec<&'a RunRecord>>,
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
            notes: Vec::new(),
            epoch: None,
        };
        for (index, runs) in group.settings.iter().enumerate() {
            counted.check_count(runs, expected, options);
            counted.check_copies(runs);
            for (seed, results) in &runs.seeds {
                let kept = counted.choose(*seed, results, options.duplicates);
                counted.runs.insert((index, *seed), kept);
            }
        }
        counted.epoch = counted.common_epoch();
        counted
    }

    fn name(&self) -> String {
        if self.section.is_empty() { self.label.clone() } else { format!("{}, {}", self.section, self.label) }
    }

    fn check_count(&mut self, runs: &Runs<'_>, expected: &Expectation, options: &TableOptions) {
        let name = self.name();
        self.notes.extend(runs.diverged(&name));
        let missing = expected.missing(runs);
        if missing.is_empty() {
            return;
        }
        self.mark = "†";
        self.shown &= options.allow_partial && !runs.seeds.is_empty();
        let seeds: Vec<String> = missing.iter().map(i64::to_string).collect();
        let plural = if missing.len() == 1 { "seed" } else { "seeds" };
        let n = expected.n();
        let have = n.saturating_sub(missing.len());
        let mut note = format!("† {name}: {have} of {n} runs; missing {plural} {}", seeds.join(", "));
        let commands: Vec<String> = missing.iter().filter_map(|seed| runs.attributes.command(*seed)).collect();
        if commands.is_empty() {
            note += "; run its study again";
        }
        self.notes.push(note);
        self.notes.extend(commands.into_iter().map(|command| format!("`{command}`")));
    }

    fn check_copies(&mut self, runs: &Runs<'_>) {
        if runs.copies > 0 {
            let (name, copies) = (self.name(), runs.copies);
            let files = if copies == 1 { "1 file holds" } else { &format!("{copies} files hold") };
            self.notes.push(format!("{name}: {files} a result that another file holds, too, and counts once"));
        }
    }

    fn choose(&mut self, seed: i64, results: &[&'a RunRecord], rule: DuplicateRule) -> Vec<&'a RunRecord> {
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
        let (name, count, files) = (self.name(), results.len(), files.join(" and "));
        self.notes.push(format!("‡ {name}: seed {seed} has {count} different results, {files}: {done}"));
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

    /// The values by setting and seed; empty when the row is left out. A run without a number is not among them.
    pub(super) fn values(&self, quantity: &Quantity) -> BTreeMap<(usize, i64), f64> {
        let of = |results: &Vec<&RunRecord>| -> Option<f64> {
            let values: Option<Vec<f64>> = results.iter().map(|run| quantity.of(run, self.epoch)).collect();
            mean(&values?)
        };
        let all = self.runs.iter().filter(|_| self.shown);
        all.filter_map(|(key, results)| Some((*key, of(results)?))).collect()
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
        let lacking = || self.runs.iter().filter(|(key, _)| !have.contains_key(key)).flat_map(|(_, runs)| runs);
        let files = || lacking().map(|run| run.path.display().to_string()).collect::<Vec<_>>().join(", ");
        partial.then(|| format!("† {}: no {quantity} in {}", self.name(), files()))
    }
}
