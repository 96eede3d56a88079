//! Runs as figures need them: by what they were trained on, then by what they are, each with a name and a look.

use std::collections::{BTreeMap, BTreeSet};

use super::figure::{LegendEntry, Sample};
use super::palette::LOOKS;
use crate::attributes::{Detail, distinguishing};
use crate::csv::Field;
use crate::experiment::{Experiment, Problem, Purpose, experiments, experiments_apart_from};
use crate::fields::by_number;
use crate::names::{MethodName, NameStyle, method_name, task_title};
use crate::record::{Control, RunRecord};

/// Everything that there is to draw.
pub(super) struct FigureRuns<'a> {
    pub(super) records: &'a [RunRecord],
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
    /// What tells its problem from others of the task and the label noise, in words; empty when there is none.
    pub(super) problem: String,
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
    /// One for each seed.
    pub(super) runs: Vec<&'a RunRecord>,
    /// Every run that took time of its own, repeats of a seed among them.
    pub(super) timed: Vec<&'a RunRecord>,
}

impl<'a> FigureRuns<'a> {
    pub(super) fn of(runs: &'a [RunRecord], allow_partial: bool) -> Self {
        let all = experiments(runs);
        let untimed = |one: &Experiment<'_>| one.purpose != Purpose::Timing;
        let only_timed = !all.iter().any(untimed);
        let shown = all.into_iter().filter(|one| only_timed || untimed(one)).collect();
        Self::of_experiments(runs, shown, allow_partial)
    }

    /// The same where some keys are known not to matter.
    pub(super) fn apart_from(runs: &'a [RunRecord], keys: &[&str], allow_partial: bool) -> Self {
        Self::of_experiments(runs, experiments_apart_from(runs, keys), allow_partial)
    }

    pub(super) fn of_experiments(
        records: &'a [RunRecord],
        experiments: Vec<Experiment<'a>>,
        allow_partial: bool,
    ) -> Self {
        // By what stands together first: label noise and optimizer. A panel holds one problem.
        let mut panels: BTreeMap<(String, String, String, Problem), Vec<Experiment<'_>>> = BTreeMap::new();
        for experiment in experiments {
            let run = experiment.example();
            let key = (run.task.clone(), run.label_noise.label(), run.optimizer.clone());
            panels.entry((key.0, key.1, key.2, experiment.problem.clone())).or_default().push(experiment);
        }
        let told: Vec<String> = panels
            .keys()
            .map(|(task, noise, _, problem)| {
                let others = panels.keys().filter(|other| (&other.0, &other.1) == (task, noise));
                problem.0.words(&distinguishing(others.map(|(.., other)| &other.0), Detail::Enough))
            })
            .collect();
        let by_axes = short_names_collide(records);
        let mut looks = Looks::default();
        let mut study = Self { records, groups: Vec::new(), incomplete: Vec::new() };
        for (((task, noise, optimizer, _), experiments), problem) in panels.into_iter().zip(told) {
            let mut series = named(experiments, by_axes);
            series.iter_mut().for_each(|series| series.look = looks.of(series));
            let mut setting = PanelRuns { task, noise, optimizer, problem, series };
            study.incomplete.extend(setting.leave_out_incomplete(allow_partial));
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
                Some(group) if group[0].title() == setting.title() => group.extend(parts),
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
            task => {
                let problem = if self.problem.is_empty() { String::new() } else { format!(", {}", self.problem) };
                format!("{}, {}{problem}", task_title(task), run.label_noise.title())
            }
        }
    }

    /// The same with the optimizer.
    pub(super) fn full_title(&self) -> String {
        if self.task == "command" { self.title() } else { format!("{}, {}", self.title(), self.optimizer) }
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
    fn leave_out_incomplete(&mut self, allow_partial: bool) -> Vec<String> {
        let seeds: BTreeSet<i64> = self.series.iter().flat_map(|it| it.runs.iter().map(|run| run.seed)).collect();
        let title = self.full_title();
        let mut said = Vec::new();
        self.series.retain(|series| match series.lacking(&seeds) {
            None => true,
            Some(lacking) => {
                said.push(format!("{title}: {}: {lacking}", series.label));
                allow_partial
            }
        });
        said
    }
}

impl Series<'_> {
    /// The label with the number of runs.
    pub(super) fn label_with_n(&self) -> String {
        format!("{} (n = {})", self.label, self.runs.len())
    }

    fn lacking(&self, seeds: &BTreeSet<i64>) -> Option<String> {
        let own: BTreeSet<i64> = self.runs.iter().map(|run| run.seed).collect();
        let missing: Vec<String> = seeds.difference(&own).map(i64::to_string).collect();
        let longest = self.runs.iter().map(|run| run.val_accuracies.len()).max().unwrap_or(0);
        let mut parts = Vec::new();
        if !missing.is_empty() {
            parts.push(format!("lacks seed {}", missing.join(", ")));
        }
        for run in &self.runs {
            if let Some(step) = run.diverged_at {
                parts.push(format!("seed {} diverged at step {step}", run.seed));
            } else if run.val_accuracies.len() < longest {
                parts.push(format!("seed {} has {} of {longest} epochs", run.seed, run.val_accuracies.len()));
            }
        }
        (!parts.is_empty()).then(|| parts.join("; "))
    }
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
fn short_names_collide(runs: &[RunRecord]) -> bool {
    let mut axes: BTreeMap<(&str, String), BTreeSet<String>> = BTreeMap::new();
    for run in runs {
        let short = method_name(run, NameStyle::Short).text;
        axes.entry((&run.task, short)).or_default().insert(method_name(run, NameStyle::WithAxes).text);
    }
    axes.values().any(|names| names.len() > 1)
}

/// Experiments with names; those that would share one get what tells them apart.
fn named(experiments: Vec<Experiment<'_>>, axes: bool) -> Vec<Series<'_>> {
    let mut by_name: BTreeMap<MethodName, Vec<Experiment<'_>>> = BTreeMap::new();
    for experiment in experiments {
        by_name.entry(method_name(experiment.example(), NameStyle::Panel { axes })).or_default().push(experiment);
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
            let (runs, timed) = (experiment.runs(), experiment.timed);
            named.push((values, Series { label, look: 0, runs, timed }));
        }
        named.sort_by(|one, other| by_number(&one.0, &other.0));
        series.extend(named.into_iter().map(|(_, series)| series));
    }
    series
}

/// Gives every label a look of its own while there are enough, and the reference's colours where it has one.
#[derive(Default)]
struct Looks {
    given: Vec<(String, usize)>,
}

impl Looks {
    fn of(&mut self, series: &Series<'_>) -> usize {
        if let Some((_, look)) = self.given.iter().find(|(label, _)| *label == series.label) {
            return *look;
        }
        let scheduled = series.runs.first().is_some_and(|run| run.scheduler != "none");
        let wanted = match series.runs.first().map_or(Control::Fixed, |run| run.control) {
            Control::Baseline if !scheduled => 0,
            Control::Baseline => 1,
            Control::Adaptive if scheduled => 3,
            Control::Adaptive if series.runs.iter().any(|run| run.noise_candidates.len() > 1) => 5,
            Control::Adaptive => 2,
            _ => 4,
        };
        let free = |look: &usize| self.given.iter().all(|(_, given)| given != look);
        let look = std::iter::once(wanted).chain([4, 5, 6, 7, 1, 3, 2, 0]).find(free);
        let look = look.unwrap_or(LOOKS + self.given.len() % (LOOKS - 1));
        self.given.push((series.label.clone(), look));
        look
    }
}
