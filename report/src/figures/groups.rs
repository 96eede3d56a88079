//! Runs as figures need them: by what they were trained on, then by what they are, each with a name and a look.

use super::data::Cell;
use std::collections::{BTreeMap, BTreeSet};

use super::figure::{Entry, Sample};
use super::palette::LOOKS;
use crate::{Method, NoiseSetting, RunRecord};

/// Everything that there is to draw.
pub(super) struct Study<'a> {
    pub(super) settings: Vec<Setting<'a>>,
    /// Groups that lack something, in words; drawn only when that is allowed.
    pub(super) incomplete: Vec<String>,
}

/// Runs that may stand in one panel: same task, label noise and optimizer.
#[derive(Clone)]
pub(super) struct Setting<'a> {
    pub(super) task: String,
    pub(super) noise: String,
    pub(super) optimizer: String,
    pub(super) conditions: Vec<Condition<'a>>,
}

impl Setting<'_> {
    /// Where one of its conditions stands, as the first cells of a row of data.
    pub(super) fn cells(&self, condition: &Condition<'_>) -> [Cell; 4] {
        [&self.task, &self.noise, &self.optimizer, &condition.label].map(Cell::from)
    }
}

/// Runs that differ in their seeds only.
#[derive(Clone)]
pub(super) struct Condition<'a> {
    pub(super) label: String,
    pub(super) look: usize,
    pub(super) runs: Vec<&'a RunRecord>,
}

impl<'a> Study<'a> {
    pub(super) fn of(runs: &'a [RunRecord], allow_partial: bool) -> Self {
        let mut by_setting: BTreeMap<(&str, String, &str), BTreeMap<String, Vec<&RunRecord>>> = BTreeMap::new();
        let mut runs_in_order: Vec<&RunRecord> = runs.iter().collect();
        runs_in_order.sort_by(|one, other| (one.seed, &one.path).cmp(&(other.seed, &other.path)));
        for run in runs_in_order {
            let key = (run.task.as_str(), run.noise_label(), run.optimizer.as_str());
            by_setting.entry(key).or_default().entry(run.setting()).or_default().push(run);
        }
        let by_axes = method_labels_collide(runs);
        let mut looks = Looks::default();
        let mut study = Self { settings: Vec::new(), incomplete: Vec::new() };
        for ((task, noise, optimizer), groups) in by_setting {
            let mut conditions = named(groups, by_axes);
            conditions.iter_mut().for_each(|condition| condition.look = looks.of(condition));
            let mut setting = Setting { task: task.into(), noise, optimizer: optimizer.into(), conditions };
            study.incomplete.extend(setting.leave_out_incomplete(allow_partial));
            if !setting.conditions.is_empty() {
                study.settings.push(setting);
            }
        }
        study
    }

    /// Settings by task and label noise, whose panels stand together; conditions at most `most` to a panel.
    pub(super) fn together(&self, most: usize) -> Vec<Vec<Setting<'a>>> {
        let mut groups: Vec<Vec<Setting<'a>>> = Vec::new();
        for setting in &self.settings {
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

impl<'a> Setting<'a> {
    /// `CIFAR-100, 40 % symmetric label noise`.
    pub(super) fn title(&self) -> String {
        let Some(run) = self.conditions.first().and_then(|condition| condition.runs.first()) else {
            return String::new();
        };
        let task = match self.task.as_str() {
            "cifar100" => "CIFAR-100",
            "sst2" => "SST-2",
            "agnews" => "AG News",
            "command" => return "Runs of a program".into(),
            other => other,
        };
        let percent = |rate: f64| (rate * 1e9).round() / 1e7;
        let noise = match run.label_noise {
            NoiseSetting::Clean => "clean labels".into(),
            NoiseSetting::Symmetric(rate) => format!("{} % symmetric label noise", percent(rate)),
            NoiseSetting::Asymmetric(rate) => format!("{} % asymmetric label noise", percent(rate)),
        };
        format!("{task}, {noise}")
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
        let part = |conditions: &[Condition<'a>]| Self { conditions: conditions.to_vec(), ..self.clone() };
        self.conditions.chunks(most).map(part).collect()
    }

    /// This setting with some of its conditions; none when none is left.
    pub(super) fn only(&self, wanted: impl Fn(&Condition<'a>) -> bool) -> Option<Self> {
        let conditions: Vec<_> = self.conditions.iter().filter(|condition| wanted(condition)).cloned().collect();
        (!conditions.is_empty()).then(|| Self { conditions, ..self.clone() })
    }

    /// Says which conditions lack seeds or epochs, and takes them out unless they may stay.
    fn leave_out_incomplete(&mut self, allow_partial: bool) -> Vec<String> {
        let seeds: BTreeSet<i64> = self.conditions.iter().flat_map(|it| it.runs.iter().map(|run| run.seed)).collect();
        let title = self.full_title();
        let mut said = Vec::new();
        self.conditions.retain(|condition| match condition.lacking(&seeds) {
            None => true,
            Some(lacking) => {
                said.push(format!("{title}: {}: {lacking}", condition.label));
                allow_partial
            }
        });
        said
    }
}

impl Condition<'_> {
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

/// The legend of lines and markers: every condition once, with the number of its runs.
pub(super) fn legend(settings: &[Setting<'_>], sample: impl Fn(usize) -> Sample) -> Vec<Entry> {
    let mut seen: Vec<(String, usize, BTreeSet<usize>)> = Vec::new();
    for condition in settings.iter().flat_map(|setting| &setting.conditions) {
        let n = condition.runs.len();
        match seen.iter_mut().find(|(label, ..)| *label == condition.label) {
            Some((_, _, counts)) => drop(counts.insert(n)),
            None => seen.push((condition.label.clone(), condition.look, BTreeSet::from([n]))),
        }
    }
    let entry = |(label, look, counts): (String, usize, BTreeSet<usize>)| {
        let counts: Vec<String> = counts.iter().map(usize::to_string).collect();
        Entry::new(format!("{label} (n = {})", counts.join(" or ")), sample(look))
    };
    seen.into_iter().map(entry).collect()
}

/// Whether runs that only differ in the axes that they control would get one name.
fn method_labels_collide(runs: &[RunRecord]) -> bool {
    let mut axes: BTreeMap<(String, String), BTreeSet<String>> = BTreeMap::new();
    for run in runs {
        axes.entry((run.task.clone(), run.method_label())).or_default().insert(run.axes_label());
    }
    axes.values().any(|labels| labels.len() > 1)
}

/// What runs are, as one text, and the runs.
type Grouped<'a> = (String, Vec<&'a RunRecord>);

/// Groups with names; those that would share one get what tells them apart.
fn named(groups: BTreeMap<String, Vec<&RunRecord>>, by_axes: bool) -> Vec<Condition<'_>> {
    // The panel names the optimizer; so the plain run has one name, and one look, under all of them.
    let base = |run: &RunRecord| {
        let label = if by_axes { run.axes_label() } else { run.method_label() };
        let plain =
            label.strip_prefix(&run.optimizer).filter(|_| run.task != "command" && run.method == Method::Baseline);
        plain.map_or_else(|| label.clone(), |schedule| format!("Plain{schedule}"))
    };
    let mut by_label: BTreeMap<(usize, String), Vec<Grouped<'_>>> = BTreeMap::new();
    for (setting, runs) in groups {
        by_label.entry((rank(runs[0]), base(runs[0]))).or_default().push((setting, runs));
    }
    let mut conditions = Vec::new();
    for ((_, label), groups) in by_label {
        let differing = differing_keys(groups.iter().map(|(setting, _)| setting.as_str()));
        let mut named: Vec<(Vec<String>, Condition<'_>)> = Vec::new();
        for (setting, runs) in groups {
            let values: Vec<String> = differing.iter().map(|key| value_of(&setting, key).to_owned()).collect();
            let told: Vec<String> =
                differing.iter().zip(&values).map(|(key, value)| format!("{key} {value}")).collect();
            let plain = label.replace(" x", " ×").replace("sigma", "σ");
            let label =
                [plain, told.join(", ")].into_iter().filter(|part| !part.is_empty()).collect::<Vec<_>>().join(", ");
            named.push((values, Condition { label, look: 0, runs }));
        }
        named.sort_by(|one, other| by_number(&one.0, &other.0));
        conditions.extend(named.into_iter().map(|(_, condition)| condition));
    }
    conditions
}

/// Orders values as numbers where they are numbers.
pub(super) fn by_number(one: &[String], other: &[String]) -> std::cmp::Ordering {
    let pairs = one.iter().zip(other).map(|(one, other)| match (one.parse::<f64>(), other.parse::<f64>()) {
        (Ok(one), Ok(other)) => one.total_cmp(&other),
        _ => one.cmp(other),
    });
    pairs.fold(std::cmp::Ordering::Equal, std::cmp::Ordering::then)
}

/// Plain runs first, then fixed ones, then those that somebody picks for; without a schedule first.
fn rank(run: &RunRecord) -> usize {
    let method = match run.method {
        Method::Baseline if run.fixed_multiplier().is_none_or(|multiplier| multiplier == 1.0) => 0,
        Method::Baseline | Method::Fixed => 1,
        Method::Random => 2,
        Method::UniformRandom => 3,
        Method::FrequencyMatched => 4,
        Method::Adaptive => 5,
    };
    method * 2 + usize::from(run.scheduler != "none")
}

fn differing_keys<'s>(settings: impl Iterator<Item = &'s str> + Clone) -> Vec<String> {
    let mut values: BTreeMap<&str, BTreeSet<&str>> = BTreeMap::new();
    for setting in settings.clone() {
        for (key, _) in setting.split(' ').filter_map(|pair| pair.split_once('=')) {
            values.entry(key).or_default();
        }
    }
    for (key, seen) in &mut values {
        seen.extend(settings.clone().map(|setting| value_of(setting, key)));
    }
    values.into_iter().filter(|(_, seen)| seen.len() > 1).map(|(key, _)| key.to_owned()).collect()
}

fn value_of<'s>(setting: &'s str, key: &str) -> &'s str {
    let mut pairs = setting.split(' ').filter_map(|pair| pair.split_once('='));
    pairs.find(|(name, _)| *name == key).map_or("not set", |(_, value)| value)
}

/// Gives every label a look of its own while there are enough, and the reference's colours where it has one.
#[derive(Default)]
struct Looks {
    given: Vec<(String, usize)>,
}

impl Looks {
    fn of(&mut self, condition: &Condition<'_>) -> usize {
        if let Some((_, look)) = self.given.iter().find(|(label, _)| *label == condition.label) {
            return *look;
        }
        let scheduled = condition.runs.first().is_some_and(|run| run.scheduler != "none");
        let wanted = match condition.runs.first().map_or(Method::Fixed, |run| run.method) {
            Method::Baseline if !scheduled => 0,
            Method::Baseline => 1,
            Method::Adaptive if scheduled => 3,
            Method::Adaptive if condition.runs.iter().any(|run| run.noise_candidates.len() > 1) => 5,
            Method::Adaptive => 2,
            _ => 4,
        };
        let free = |look: &usize| self.given.iter().all(|(_, given)| given != look);
        let look = std::iter::once(wanted).chain([4, 5, 6, 7, 1, 3, 2, 0]).find(free);
        let look = look.unwrap_or(LOOKS + self.given.len() % (LOOKS - 1));
        self.given.push((condition.label.clone(), look));
        look
    }
}
