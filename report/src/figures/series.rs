//! Runs as figures need them: by what they were trained on, then by what they are, each with a name and a look.

use std::collections::{BTreeMap, BTreeSet};

use super::figure::{LegendEntry, Sample};
use super::palette::LOOKS;
use crate::attributes::{Attributes, Detail, distinguishing};
use crate::fields::by_number;
use crate::csv::Field;
use crate::names::{MethodName, NameStyle, method_name, task_title};
use crate::record::{Control, RunRecord};

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
    pub(super) fn of(runs: &'a [RunRecord], allow_partial: bool) -> Self {
        let mut by_group: BTreeMap<(&str, String, &str), BTreeMap<Attributes, Vec<&RunRecord>>> = BTreeMap::new();
        let mut runs_in_order: Vec<&RunRecord> = runs.iter().collect();
        runs_in_order.sort_by(|one, other| (one.seed, &one.path).cmp(&(other.seed, &other.path)));
        for run in runs_in_order {
            let key = (run.task.as_str(), run.label_noise.label(), run.optimizer.as_str());
            by_group.entry(key).or_default().entry(Attributes::of(run)).or_default().push(run);
        }
        let by_axes = short_names_collide(runs);
        let mut looks = Looks::default();
        let mut study = Self { groups: Vec::new(), incomplete: Vec::new() };
        for ((task, noise, optimizer), groups) in by_group {
            let mut series = named(groups, by_axes);
            series.iter_mut().for_each(|series| series.look = looks.of(series));
            let mut setting = PanelRuns { task: task.into(), noise, optimizer: optimizer.into(), series };
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
