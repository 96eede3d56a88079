//! Runs as figures need them: by what they were trained on, then by what they are, each with a name and a look.

use std::collections::{BTreeMap, BTreeSet};

use serde::Serialize;

use super::figure::{LegendEntry, Sample};
use super::looks::Looks;
use super::palette::{Ink, LOOKS, Theme, dashes};
use crate::attributes::{Detail, distinguishing};
use crate::csv::{Csv, Field};
use crate::experiment::{
    Experiment, Method, Problem, Purpose, VariedPart, differing, experiments, experiments_apart_from, unlikeness,
};
use crate::fields::by_number;
use crate::names::{MethodName, task_title};
use crate::peak::is_trained_again;
use crate::record::RunRecord;

/// Everything that there is to draw.
pub(super) struct FigureRuns<'a> {
    pub(super) records: &'a [RunRecord],
    pub(super) groups: Vec<PanelRuns<'a>>,
    /// Groups that lack something, in words; drawn only when that is allowed.
    pub(super) incomplete: Vec<String>,
}

/// Runs that may stand in one panel: same task, label noise and optimizer, for accuracy or an ablation of the same part.
#[derive(Clone)]
pub(super) struct PanelRuns<'a> {
    pub(super) task: String,
    pub(super) noise: String,
    pub(super) optimizer: String,
    /// What tells its problem from others of the task and the label noise, in words; empty when there is none.
    pub(super) problem: String,
    /// What is varied, beside the method that it is varied in.
    ablation: Option<VariedPart>,
    pub(super) series: Vec<Series<'a>>,
}

/// Data about series: where each stands, then these columns.
pub(super) fn series_csv(columns: &[&str]) -> Csv {
    Csv::new(&[&["task", "label_noise", "optimizer", "condition"], columns].concat())
}

impl PanelRuns<'_> {
    /// A row of [`series_csv`].
    pub(super) fn tell<const N: usize>(&self, csv: &mut Csv, series: &Series<'_>, fields: [Field; N]) {
        let place = [&self.task, &self.noise, &self.optimizer, &series.label].map(Field::from);
        csv.row(place.into_iter().chain(fields));
    }
}

/// Runs that differ in their seeds only.
#[derive(Clone)]
pub(super) struct Series<'a> {
    pub(super) label: String,
    pub(super) look: usize,
    /// One for each seed.
    pub(super) runs: Vec<&'a RunRecord>,
    /// Every run that took time of its own, repeats of a seed among them.
    pub(super) timed: Vec<&'a RunRecord>,
    /// The seeds that have several results, which differ.
    differing: Vec<i64>,
    method: Method,
}

impl<'a> FigureRuns<'a> {
    /// All runs, by what they are, but for what was made to be timed and for runs that were trained again up to their peak, where
    /// there are others. `looks` has the looks that were given already.
    pub(super) fn of(runs: &'a [RunRecord], allow_partial: bool, looks: &mut Looks) -> Self {
        let all = experiments(runs);
        let of_its_own = |one: &Experiment<'_>| one.purpose != Purpose::Timing && !is_trained_again(one.example());
        let none = !all.iter().any(of_its_own);
        let shown = all.into_iter().filter(|one| none || of_its_own(one)).collect();
        Self::of_experiments(runs, shown, allow_partial, looks)
    }

    /// The same where some keys are known not to matter. Runs may then differ in their epochs.
    pub(super) fn apart_from(runs: &'a [RunRecord], keys: &[&str], allow_partial: bool, looks: &mut Looks) -> Self {
        let whole_lengths = !keys.contains(&"epochs");
        Self::grouped(runs, experiments_apart_from(runs, keys), whole_lengths, allow_partial, looks)
    }

    pub(super) fn of_experiments(
        records: &'a [RunRecord],
        experiments: Vec<Experiment<'a>>,
        allow_partial: bool,
        looks: &mut Looks,
    ) -> Self {
        Self::grouped(records, experiments, true, allow_partial, looks)
    }

    fn grouped(
        records: &'a [RunRecord],
        experiments: Vec<Experiment<'a>>,
        whole_lengths: bool,
        allow_partial: bool,
        looks: &mut Looks,
    ) -> Self {
        let mut problems: BTreeMap<(String, String, String, Problem), Vec<Experiment<'_>>> = BTreeMap::new();
        for experiment in experiments {
            let run = experiment.example();
            let key = (run.task.clone(), run.label_noise.label(), run.optimizer.clone());
            problems.entry((key.0, key.1, key.2, experiment.problem.clone())).or_default().push(experiment);
        }
        // By what stands together first: label noise, and what is varied. A panel holds one problem.
        let mut panels = BTreeMap::new();
        for ((task, noise, optimizer, problem), experiments) in problems {
            for (ablation, series) in by_ablation(experiments) {
                panels.insert((task.clone(), noise.clone(), ablation, optimizer.clone(), problem.clone()), series);
            }
        }
        // The first looks are for what is no ablation.
        for of_ablations in [false, true] {
            let panels = panels.iter_mut().filter(|(key, _)| key.2.is_some() == of_ablations);
            for series in panels.flat_map(|(_, series)| series) {
                series.look = series.runs.first().map_or(0, |run| looks.of(&series.label, run));
            }
        }
        let told = panels.keys().map(|(task, noise, .., problem)| {
            let others = panels.keys().filter(|other| (&other.0, &other.1) == (task, noise));
            problem.0.words(&distinguishing(others.map(|(.., other)| &other.0), Detail::Enough))
        });
        let told: Vec<String> = told.collect();
        let mut study = Self { records, groups: Vec::new(), incomplete: Vec::new() };
        for (((task, noise, ablation, optimizer, _), series), problem) in panels.into_iter().zip(told) {
            let mut setting = PanelRuns { task, noise, optimizer, problem, ablation, series };
            study.incomplete.extend(setting.leave_out_incomplete(whole_lengths, allow_partial));
            if !setting.series.is_empty() {
                study.groups.push(setting);
            }
        }
        study
    }

    /// Settings by task and label noise, whose panels stand together; series at most `most` to a panel, and of those the ones that
    /// are wanted.
    pub(super) fn together(&self, most: usize, wanted: impl Fn(&Series<'a>) -> bool) -> Vec<Vec<PanelRuns<'a>>> {
        let mut groups: Vec<Vec<PanelRuns<'a>>> = Vec::new();
        for setting in &self.groups {
            let part = |series: &[Series<'a>]| PanelRuns { series: series.to_vec(), ..setting.clone() };
            let parts = setting.series.chunks(most).map(part);
            match groups.last_mut() {
                Some(group) if group[0].title() == setting.title() => group.extend(parts),
                _ => groups.push(parts.collect()),
            }
        }
        // A figure of more panels does not fit on a page.
        let pages = groups.iter().flat_map(|group| group.chunks(3));
        let pages = pages.map(|page| page.iter().filter_map(|panel| panel.only(&wanted)).collect::<Vec<_>>());
        pages.filter(|page| !page.is_empty()).collect()
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
            task => {
                let problem = if self.problem.is_empty() { String::new() } else { format!(", {}", self.problem) };
                let ablation = self.ablation.map(|part| format!(", ablation: {}", part.name())).unwrap_or_default();
                format!("{}, {}{problem}{ablation}", task_title(task), run.label_noise.title())
            }
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

    /// The plain baseline that a series is compared with: of several, such as those of a sweep of rates, the one that is most
    /// like it; of a plain one itself.
    pub(super) fn baseline_of(&self, series: &Series<'_>) -> Option<&Series<'a>> {
        let plain = self.series.iter().filter(|other| other.is_plain());
        plain.min_by_key(|other| differing(&other.method, &series.method).len())
    }

    /// For the names of files.
    pub(super) fn slug(&self) -> String {
        let ablation = self.ablation.map(|part| format!("-{}", part.name())).unwrap_or_default();
        if self.task == "command" { "command".into() } else { format!("{}-{}{ablation}", self.task, self.noise) }
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
        self.series.retain(|series| {
            let Some(lacking) = series.lacking(&seeds, whole_lengths) else { return true };
            said.push(format!("{title}: {}: {lacking}", series.label));
            allow_partial
        });
        said
    }
}

impl<'a> Series<'a> {
    fn of(experiment: Experiment<'a>, label: String) -> Self {
        // What was run to be timed has repeats of its seed, which need not be equal.
        let several = experiment.results.iter().filter(|(_, results)| results.len() > 1);
        let differing = match experiment.purpose {
            Purpose::Timing => Vec::new(),
            _ => several.map(|(seed, _)| *seed).collect(),
        };
        let (runs, timed, method) = (experiment.runs(), experiment.timed, experiment.method);
        Self { label, look: 0, runs, timed, differing, method }
    }

    /// The label with the number of runs.
    pub(super) fn label_with_n(&self) -> String {
        with_count(&self.label, self.runs.len())
    }

    /// Whether it is the plain optimizer without a schedule.
    fn is_plain(&self) -> bool {
        self.runs.iter().all(|run| run.is_plain())
    }

    /// Whether it differs from a baseline in who picks and in the schedule at the most, so that they may be compared.
    pub(super) fn is_another_than(&self, baseline: &Series<'_>) -> bool {
        let keys = differing(&self.method, &baseline.method);
        !keys.is_empty() && keys.iter().all(|key| matches!(key.as_str(), "control_mode" | "lr_scheduler"))
    }

    fn lacking(&self, seeds: &BTreeSet<i64>, whole_lengths: bool) -> Option<String> {
        let own: BTreeSet<i64> = self.runs.iter().map(|run| run.seed).collect();
        let missing: Vec<String> = seeds.difference(&own).map(i64::to_string).collect();
        let longest = self.runs.iter().map(|run| run.val_accuracies.len()).max().unwrap_or(0);
        let mut parts: Vec<String> =
            self.differing.iter().map(|seed| format!("seed {seed} has several results that differ")).collect();
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

impl RunLook {
    fn of(label: String, look: usize) -> Self {
        let colour = |theme: Theme| theme.colour(Ink::Series(look));
        Self { label, light: colour(Theme::Light), dark: colour(Theme::Dark), dashes: dashes(look) }
    }
}

/// Every look once, for lines that are no results yet. Grey, which is for baselines, comes late.
pub(crate) fn all_looks() -> Vec<RunLook> {
    (1..LOOKS * LOOKS).map(|look| RunLook::of(String::new(), look)).collect()
}

/// The looks of runs, in their order; where several groups are drawn, the label says which. A copy of a run has none.
pub fn run_looks(runs: &[RunRecord]) -> Vec<Option<RunLook>> {
    let mut given = Looks::default();
    // As the figures give them, before the runs that only tables of times show.
    FigureRuns::of(runs, true, &mut given);
    let study = FigureRuns::of_experiments(runs, experiments(runs), true, &mut given);
    let several = study.groups.len() > 1;
    let mut looks = vec![None; runs.len()];
    for group in &study.groups {
        for series in &group.series {
            let label =
                if several { format!("{}: {}", group.full_title(), series.label) } else { series.label.clone() };
            let look = RunLook::of(label, series.look);
            for run in &series.runs {
                if let Some(at) = runs.iter().position(|other| std::ptr::eq(other, *run)) {
                    looks[at].get_or_insert_with(|| look.clone());
                }
            }
        }
    }
    looks
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
        LegendEntry::new(with_count(&label, counts.join(" or ")), sample(look))
    };
    seen.into_iter().map(entry).collect()
}

/// A label with a number of runs, which is not broken from itself.
pub(super) fn with_count(label: &str, count: impl std::fmt::Display) -> String {
    format!("{label} (n\u{a0}=\u{a0}{count})").replace(" or ", "\u{a0}or\u{a0}")
}

/// The experiments of a problem with names: first those that are no ablation, then those of each part, with the method that is
/// varied before them. Where there are ablations alone, nothing tells them apart.
fn by_ablation(experiments: Vec<Experiment<'_>>) -> BTreeMap<Option<VariedPart>, Vec<Series<'_>>> {
    let part = |one: &Experiment<'_>| if let Purpose::Ablation(part) = one.purpose { Some(part) } else { None };
    let (ablations, usual): (Vec<_>, Vec<_>) = experiments.into_iter().partition(|one| part(one).is_some());
    if usual.is_empty() {
        return BTreeMap::from([(None, named(ablations))]);
    }
    let usual = named(usual);
    let mut panels: BTreeMap<_, Vec<Series<'_>>> = BTreeMap::new();
    for experiment in ablations {
        let like = |series: &&Series<'_>| unlikeness(&series.method, &experiment.method);
        let Some(varied) = usual.iter().min_by_key(like) else { continue };
        let panel = panels.entry(part(&experiment)).or_default();
        if panel.iter().all(|series| series.label != varied.label) {
            panel.push(varied.clone());
        }
        let name = &experiment.name.text;
        let told = [Detail::Enough, Detail::Full].map(|detail| {
            let keys = distinguishing([&varied.method.0, &experiment.method.0], detail);
            format!("{name}, {}", experiment.method.0.words(&keys))
        });
        let taken = |label: &&String| usual.iter().chain(panel.iter()).all(|series| series.label != **label);
        let label = [name].into_iter().chain(&told).find(taken).unwrap_or(&told[1]).clone();
        panel.push(Series::of(experiment, label));
    }
    panels.insert(None, usual);
    panels
}

/// Experiments with names; those that would share one get what tells them apart.
fn named(experiments: Vec<Experiment<'_>>) -> Vec<Series<'_>> {
    let mut by_name: BTreeMap<MethodName, Vec<Experiment<'_>>> = BTreeMap::new();
    for experiment in experiments {
        by_name.entry(experiment.name.clone()).or_default().push(experiment);
    }
    let mut series = Vec::new();
    for (name, experiments) in by_name {
        let keys = distinguishing(experiments.iter().map(|one| &one.method.0), Detail::Enough);
        let mut named: Vec<(Vec<String>, Series<'_>)> = Vec::new();
        for experiment in experiments {
            let method = &experiment.method.0;
            let values = keys.iter().map(|key| method.text(key).unwrap_or_default()).collect();
            let parts = [name.text.clone(), method.words(&keys)];
            let label = parts.into_iter().filter(|part| !part.is_empty()).collect::<Vec<_>>().join(", ");
            named.push((values, Series::of(experiment, label)));
        }
        named.sort_by(|one, other| by_number(&one.0, &other.0));
        series.extend(named.into_iter().map(|(_, series)| series));
    }
    series
}
