//! Runs as figures need them: by what they were trained on, then by what they are, each with a name and a look.

use std::collections::{BTreeMap, BTreeSet};

use serde::Serialize;

use super::figure::{LegendEntry, Sample};
use super::palette::{Ink, LOOKS, Theme, dashes};
use crate::attributes::{Attributes, Detail, by_number, distinguishing};
use crate::csv::Field;
use crate::names::{MethodName, NameStyle, fixed_multiplier, method_name, task_title};
use crate::record::{LabelNoiseAccuracies, Method, RunRecord};

/// Everything that there is to draw.
pub(super) struct FigureRuns<'a> {
    pub(super) groups: Vec<PanelRuns<'a>>,
    /// Groups that lack something, in words; drawn only when that is allowed.
    pub(super) incomplete: Vec<String>,
}

/// Runs that may stand in one panel: same task, label noise and optimizer.
#[derive(Clone)]
pub(super) struct PanelRuns<'a> {
    pub(super) task: String,
    pub(super) noise: String,
    pub(super) optimizer: String,
    pub(super) series: Vec<Series<'a>>,
}

impl PanelRuns<'_> {
    /// Where one of its series stands, as the first cells of a row of data.
    pub(super) fn cells(&self, series: &Series<'_>) -> [Field; 4] {
        [&self.task, &self.noise, &self.optimizer, &series.label].map(Field::from)
    }
}

/// Runs that differ in their seeds only.
#[derive(Clone)]
pub(super) struct Series<'a> {
    pub(super) label: String,
    pub(super) look: usize,
    pub(super) runs: Vec<&'a RunRecord>,
}

impl<'a> FigureRuns<'a> {
    /// All runs, by what they are. `looks` has the looks that were given already.
    pub(super) fn of(runs: &'a [RunRecord], allow_partial: bool, looks: &mut Looks) -> Self {
        Self::grouped(runs.iter(), &[], allow_partial, looks)
    }

    /// The runs whose training set was counted at the peak. Those that were trained again and ended there differ in where
    /// that was, and belong together all the same.
    pub(super) fn at_peaks(runs: &'a [RunRecord], allow_partial: bool, looks: &mut Looks) -> Self {
        let measured = runs.iter().filter(|run| at_peak(run).is_some());
        Self::grouped(measured, &["epochs", "scheduler_t_max"], allow_partial, looks)
    }

    fn grouped(
        runs: impl Iterator<Item = &'a RunRecord>,
        ignored: &[&str],
        allow_partial: bool,
        looks: &mut Looks,
    ) -> Self {
        let mut by_group: BTreeMap<(&str, String, &str), BTreeMap<Attributes, Vec<&RunRecord>>> = BTreeMap::new();
        let mut runs_in_order: Vec<&RunRecord> = runs.collect();
        runs_in_order.sort_by(|one, other| (one.seed, &one.path).cmp(&(other.seed, &other.path)));
        let by_axes = short_names_collide(&runs_in_order);
        for run in runs_in_order {
            let key = (run.task.as_str(), run.label_noise.label(), run.optimizer.as_str());
            by_group.entry(key).or_default().entry(Attributes::of(run).without(ignored)).or_default().push(run);
        }
        let mut study = Self { groups: Vec::new(), incomplete: Vec::new() };
        for ((task, noise, optimizer), groups) in by_group {
            let mut series = named(groups, by_axes);
            series.iter_mut().for_each(|series| series.look = looks.of(series));
            let mut setting = PanelRuns { task: task.into(), noise, optimizer: optimizer.into(), series };
            let whole_lengths = ignored.is_empty();
            study.incomplete.extend(setting.leave_out_incomplete(whole_lengths, allow_partial));
            if !setting.series.is_empty() {
                study.groups.push(setting);
            }
        }
        study
    }

    /// Settings by task and label noise, whose panels stand together; series at most `most` to a panel.
    pub(super) fn together(&self, most: usize) -> Vec<Vec<PanelRuns<'a>>> {
        let mut groups: Vec<Vec<PanelRuns<'a>>> = Vec::new();
        for setting in &self.groups {
            let parts = setting.parts(most);
            match groups.last_mut() {
                Some(group) if group[0].task == setting.task && group[0].noise == setting.noise => group.extend(parts),
                _ => groups.push(parts),
            }
        }
        // A figure of more panels does not fit on a page.
        groups.into_iter().flat_map(|group| group.chunks(3).map(<[_]>::to_vec).collect::<Vec<_>>()).collect()
    }
}

impl<'a> PanelRuns<'a> {
    /// `CIFAR-100, 40 % symmetric label noise`.
    pub(super) fn title(&self) -> String {
        let Some(run) = self.series.first().and_then(|series| series.runs.first()) else {
            return String::new();
        };
        match self.task.as_str() {
            "command" => "Runs of a program".into(),
            task => format!("{}, {}", task_title(task), run.label_noise.title()),
        }
    }

    /// The same with the optimizer.
    pub(super) fn full_title(&self) -> String {
        if self.task == "command" { self.title() } else { format!("{}, {}", self.title(), self.optimizer) }
    }

    /// What a panel is called: in a figure of several only what differs, which is the optimizer.
    pub(super) fn panel_title(&self, alone: bool) -> String {
        if alone || self.optimizer.is_empty() { self.full_title() } else { self.optimizer.clone() }
    }

    /// The plain optimizer at its base rate without a schedule.
    pub(super) fn plain_baseline(&self) -> Option<&Series<'_>> {
        let is_plain = |run: &&RunRecord| {
            let at_its_rate = fixed_multiplier(run).is_none_or(|multiplier| multiplier == 1.0);
            run.method == Method::Baseline && run.scheduler == "none" && at_its_rate
        };
        self.series.iter().find(|series| series.runs.iter().all(is_plain))
    }

    /// For the names of files.
    pub(super) fn slug(&self) -> String {
        if self.task == "command" { "command".into() } else { format!("{}-{}", self.task, self.noise) }
    }

    fn parts(&self, most: usize) -> Vec<Self> {
        let part = |series: &[Series<'a>]| Self { series: series.to_vec(), ..self.clone() };
        self.series.chunks(most).map(part).collect()
    }

    /// This setting with some of its series; none when none is left.
    pub(super) fn only(&self, wanted: impl Fn(&Series<'a>) -> bool) -> Option<Self> {
        let series: Vec<_> = self.series.iter().filter(|series| wanted(series)).cloned().collect();
        (!series.is_empty()).then(|| Self { series, ..self.clone() })
    }

    /// Says which series lack seeds or epochs, and takes them out unless they may stay.
    fn leave_out_incomplete(&mut self, whole_lengths: bool, allow_partial: bool) -> Vec<String> {
        let seeds: BTreeSet<i64> = self.series.iter().flat_map(|it| it.runs.iter().map(|run| run.seed)).collect();
        let title = self.full_title();
        let mut said = Vec::new();
        self.series.retain_mut(|series| {
            let twice = series.leave_out_copies();
            let Some(lacking) = series.lacking(&seeds, whole_lengths, twice) else { return true };
            said.push(format!("{title}: {}: {lacking}", series.label));
            allow_partial
        });
        said
    }
}

impl Series<'_> {
    /// The label with the number of runs.
    pub(super) fn label_with_n(&self) -> String {
        format!("{} (n = {})", self.label, self.runs.len())
    }

    /// Keeps one result for each seed, the first; gives the seeds whose results differ.
    fn leave_out_copies(&mut self) -> Vec<i64> {
        let mut kept: Vec<&RunRecord> = Vec::new();
        let mut differing = Vec::new();
        for run in &self.runs {
            match kept.iter().find(|other| other.seed == run.seed) {
                None => kept.push(run),
                Some(other) if same_numbers(other, run) => {}
                Some(_) => differing.push(run.seed),
            }
        }
        self.runs = kept;
        differing.dedup();
        differing
    }

    fn lacking(&self, seeds: &BTreeSet<i64>, whole_lengths: bool, twice: Vec<i64>) -> Option<String> {
        let own: BTreeSet<i64> = self.runs.iter().map(|run| run.seed).collect();
        let missing: Vec<String> = seeds.difference(&own).map(i64::to_string).collect();
        let longest = self.runs.iter().map(|run| run.val_accuracies.len()).max().unwrap_or(0);
        let mut parts: Vec<String> =
            twice.into_iter().map(|seed| format!("seed {seed} has several results that differ")).collect();
        if !missing.is_empty() {
            parts.push(format!("lacks seed {}", missing.join(", ")));
        }
        for run in &self.runs {
            if let Some(step) = run.diverged_at {
                parts.push(format!("seed {} diverged at step {step}", run.seed));
            } else if whole_lengths && run.val_accuracies.len() < longest {
                parts.push(format!("seed {} has {} of {longest} epochs", run.seed, run.val_accuracies.len()));
            }
        }
        (!parts.is_empty()).then(|| parts.join("; "))
    }
}

/// How a run is called and drawn, in every figure and on the page.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct RunLook {
    /// Its method.
    pub label: String,
    /// The colour on white, and on a dark ground.
    pub light: &'static str,
    pub dark: &'static str,
    /// Dashes and gaps, as SVG has them; empty for a solid line.
    pub dashes: &'static str,
}

/// The looks of runs, in their order; where several groups are drawn, the label says which. A copy of a run has none.
pub fn run_looks(runs: &[RunRecord]) -> Vec<Option<RunLook>> {
    let study = FigureRuns::of(runs, true, &mut Looks::default());
    let several = study.groups.len() > 1;
    let mut looks = vec![None; runs.len()];
    for group in &study.groups {
        for series in &group.series {
            let label =
                if several { format!("{}: {}", group.full_title(), series.label) } else { series.label.clone() };
            let colour = |theme: Theme| theme.colour(Ink::Series(series.look));
            let look =
                RunLook { label, light: colour(Theme::Light), dark: colour(Theme::Dark), dashes: dashes(series.look) };
            for run in &series.runs {
                if let Some(at) = runs.iter().position(|other| std::ptr::eq(other, *run)) {
                    looks[at] = Some(look.clone());
                }
            }
        }
    }
    looks
}

/// Whether two results are one: a copy tells nothing new.
fn same_numbers(one: &RunRecord, other: &RunRecord) -> bool {
    let bits = |values: &[f64]| values.iter().map(|value| value.to_bits()).collect::<Vec<_>>();
    bits(&one.val_accuracies) == bits(&other.val_accuracies)
        && one.metrics == other.metrics
        && bits(&one.epoch_seconds) == bits(&other.epoch_seconds)
}

/// Accuracies on the parts of the training set at the peak; of a run that ended at its peak those at the end.
pub(super) fn at_peak(run: &RunRecord) -> Option<LabelNoiseAccuracies> {
    let ended_at_peak = run.peak_epoch() == Some(run.val_accuracies.len());
    run.best_subsets.or(run.subsets.filter(|_| ended_at_peak))
}

/// The legend of lines and markers: every series once, with the number of its runs.
pub(super) fn legend(settings: &[PanelRuns<'_>], sample: impl Fn(usize) -> Sample) -> Vec<LegendEntry> {
    let mut seen: Vec<(String, usize, BTreeSet<usize>)> = Vec::new();
    for series in settings.iter().flat_map(|setting| &setting.series) {
        let n = series.runs.len();
        match seen.iter_mut().find(|(label, ..)| *label == series.label) {
            Some((_, _, counts)) => drop(counts.insert(n)),
            None => seen.push((series.label.clone(), series.look, BTreeSet::from([n]))),
        }
    }
    let entry = |(label, look, counts): (String, usize, BTreeSet<usize>)| {
        let counts: Vec<String> = counts.iter().map(usize::to_string).collect();
        LegendEntry::new(format!("{label} (n = {})", counts.join(" or ")), sample(look))
    };
    seen.into_iter().map(entry).collect()
}

/// Whether runs that only differ in the axes that they control would get one name.
fn short_names_collide(runs: &[&RunRecord]) -> bool {
    let mut axes: BTreeMap<(&str, String), BTreeSet<String>> = BTreeMap::new();
    for run in runs {
        let short = method_name(run, NameStyle::Short).text;
        axes.entry((&run.task, short)).or_default().insert(method_name(run, NameStyle::WithAxes).text);
    }
    axes.values().any(|names| names.len() > 1)
}

/// Groups with names; those that would share one get what tells them apart.
fn named(groups: BTreeMap<Attributes, Vec<&RunRecord>>, axes: bool) -> Vec<Series<'_>> {
    let mut by_name: BTreeMap<MethodName, Vec<(Attributes, Vec<&RunRecord>)>> = BTreeMap::new();
    for (attributes, runs) in groups {
        by_name.entry(method_name(runs[0], NameStyle::Panel { axes })).or_default().push((attributes, runs));
    }
    let mut series = Vec::new();
    for (name, groups) in by_name {
        let keys = distinguishing(groups.iter().map(|(attributes, _)| attributes), Detail::Full);
        let mut named: Vec<(Vec<String>, Series<'_>)> = Vec::new();
        for (attributes, runs) in groups {
            let values = keys.iter().map(|key| attributes.text(key).unwrap_or_default()).collect();
            let parts = [name.text.clone(), attributes.words(&keys)];
            let label = parts.into_iter().filter(|part| !part.is_empty()).collect::<Vec<_>>().join(", ");
            named.push((values, Series { label, look: 0, runs }));
        }
        named.sort_by(|one, other| by_number(&one.0, &other.0));
        series.extend(named.into_iter().map(|(_, series)| series));
    }
    series
}

/// Gives every label a look of its own while there are enough, and the reference's colours where it has one.
#[derive(Default)]
pub(super) struct Looks {
    given: Vec<(String, usize)>,
}

impl Looks {
    fn of(&mut self, series: &Series<'_>) -> usize {
        if let Some((_, look)) = self.given.iter().find(|(label, _)| *label == series.label) {
            return *look;
        }
        let scheduled = series.runs.first().is_some_and(|run| run.scheduler != "none");
        let wanted = match series.runs.first().map_or(Method::Fixed, |run| run.method) {
            Method::Baseline if !scheduled => 0,
            Method::Baseline => 1,
            Method::Adaptive if scheduled => 3,
            Method::Adaptive if series.runs.iter().any(|run| run.noise_candidates.len() > 1) => 5,
            Method::Adaptive => 2,
            _ => 4,
        };
        let free = |look: &usize| self.given.iter().all(|(_, given)| given != look);
        let look = std::iter::once(wanted).chain([4, 5, 6, 7, 1, 3, 2, 0]).chain(LOOKS..).find(free).unwrap_or(wanted);
        self.given.push((series.label.clone(), look));
        look
    }
}
