//! `prune`: which runs a study stops before their end because others do better, by what they are compared, and where.
//!
//! Successive halving (Jamieson and Talwalkar 2016) and its asynchronous form ASHA (Li et al. 2020). What is compared are
//! settings: all seeds of one together, or each seed by itself. What a rung decides is [`crate::prune`]'s.

use aees_run::nearest::nearest;
use aees_run::result::{EPISODE_CURVES, EPOCH_CURVES};
use aees_run::settings::{RunConfig, TaskName};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::error::{StudyError, StudyProblem};
use super::expansion::{StudyConfig, shown};
use super::fields::{YamlFields, missing, wrong};
use super::keys;
use super::policy::{self, Objective};
use super::rules::{KnownKeys, known};
use super::settings::at_path;
use super::yaml::{Kind, YamlNode};

/// How a study stops what does not pay.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct PruneRule {
    /// When a rung decides.
    pub method: PruneMethod,
    /// What runs are compared by.
    pub metric: Objective,
    /// What the rungs count.
    pub by: ProgressUnit,
    /// The first rung: before it, no run is stopped.
    pub grace: u64,
    /// One setting in so many goes on, and rungs grow by it.
    pub factor: u64,
    /// The rungs, where the study names them.
    pub rungs: Option<Vec<u64>>,
    /// Whether a setting's seeds are one.
    pub seeds: SeedComparison,
    /// Only settings that agree in these are compared; `case` is the study's.
    pub per: Vec<String>,
}

/// When a rung decides.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum PruneMethod {
    /// At once, by those that came so far.
    Asha,
    /// When all are there.
    Halving,
}

/// What the progress of a run is counted in.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ProgressUnit {
    /// Epochs.
    Epoch,
    /// Steps.
    Step,
}

/// What becomes of the seeds of a setting.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum SeedComparison {
    /// Their mean counts, and they go on or stop together.
    Mean,
    /// Each is compared with the same seed of other settings.
    Each,
}

/// Where a run stops for a comparison: at its first line of `metrics.jsonl` that has the metric and is so far.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct StopAt {
    /// The metric.
    pub metric: String,
    /// What is counted.
    pub by: ProgressUnit,
    /// How far.
    pub at: u64,
}

impl PruneMethod {
    const ALL: [(&str, Self); 2] = [("asha", Self::Asha), ("halving", Self::Halving)];

    /// `asha` or `halving`.
    pub fn name(self) -> &'static str {
        if self == Self::Asha { "asha" } else { "halving" }
    }
}

impl ProgressUnit {
    const ALL: [(&str, Self); 2] = [("epoch", Self::Epoch), ("step", Self::Step)];

    /// `epoch` or `step`: the key in `metrics.jsonl`.
    pub fn name(self) -> &'static str {
        if self == Self::Epoch { "epoch" } else { "step" }
    }
}

impl StopAt {
    /// Whether a line of `metrics.jsonl` is so far, and has the metric.
    pub fn is_reached_by(&self, line: &Map<String, Value>) -> bool {
        let position = line.get(self.by.name()).and_then(Value::as_f64);
        position.is_some_and(|position| position >= self.at as f64) && curve_value(line, &self.metric).is_some()
    }
}

/// The value of a metric on a line of `metrics.jsonl`: none when the line has no such number, and an inner none for a number that
/// is not finite.
pub(crate) fn curve_value(line: &Map<String, Value>, name: &str) -> Option<Option<f64>> {
    let own = line.get("metrics").and_then(Value::as_object);
    let found = own.into_iter().chain([line]).find_map(|map| at_path(map, name))?;
    let found = found.get("final").unwrap_or(found);
    (found.is_number() || found.is_null()).then(|| found.as_f64().filter(|value| value.is_finite()))
}

impl PruneRule {
    /// The rung with this number, from 0; none when there are no more.
    pub fn rung(&self, number: u32) -> Option<u64> {
        match &self.rungs {
            Some(rungs) => rungs.get(number as usize).copied(),
            None => self.factor.checked_pow(number)?.checked_mul(self.grace),
        }
    }

    /// All rungs, in order.
    pub fn ladder(&self) -> impl Iterator<Item = u64> + '_ {
        (0..).map_while(|number| self.rung(number))
    }

    /// Where a run stops that is to be compared at a rung.
    pub fn stop_at(&self, at: u64) -> StopAt {
        StopAt { metric: self.metric.name.clone(), by: self.by, at }
    }

    /// What a run is compared within, as text; empty where all runs of the study are.
    pub(crate) fn race(&self, config: &StudyConfig, seed: i64) -> String {
        let of_key = |key: &String| {
            let value = config.settings.get(key);
            let value = if key == "case" { config.case.join("/") } else { value.as_ref().map_or("none".into(), shown) };
            format!("{key}={value}")
        };
        let seed = (self.seeds == SeedComparison::Each).then(|| format!("seed={seed}"));
        self.per.iter().map(of_key).chain(seed).collect::<Vec<_>>().join(" ")
    }

    /// Reads `prune` of a study that is otherwise known.
    pub(super) fn read(
        node: &YamlNode,
        of_study: Option<&Objective>,
        study: &KnownKeys<'_>,
        errors: &mut Vec<StudyError>,
    ) -> Option<Self> {
        let before = errors.len();
        let mut fields = YamlFields::of(node, "prune", keys::PRUNE, errors)?;
        let method = fields.word("method", &PruneMethod::ALL).unwrap_or(PruneMethod::Asha);
        let typed_unit = fields.word("by", &ProgressUnit::ALL);
        let seeds = [("mean", SeedComparison::Mean), ("each", SeedComparison::Each)];
        let seeds = fields.word("seeds", &seeds).unwrap_or(SeedComparison::Mean);
        let grace = fields.count("grace").unwrap_or(1);
        let from_2 = |text: &str| text.parse().ok().filter(|count| *count > 1);
        let factor = fields.parse("factor", "a whole number from 2 on", from_2).unwrap_or(3);
        let rungs = fields.get("rungs").map(|node| rungs(node, fields.errors()));
        if let (Some(node), Some(_)) = (fields.get("grace"), &rungs) {
            fields.errors().push(wrong(node, "`grace` in prune", "left out where `rungs` names the rungs"));
        }
        let metric = match fields.get("metric") {
            Some(node) => YamlFields::of(node, "metric", keys::METRIC, fields.errors()).and_then(policy::metric),
            None => of_study.cloned(),
        };
        if metric.is_none() && fields.get("metric").is_none() {
            let reason = "what runs are compared by; in `prune`, or of the study";
            fields.errors().push(missing(node, "metric", reason));
        }
        let train = study.dialect.task;
        let by = unit(&mut fields, node, metric.as_ref(), typed_unit, train);
        let per = match fields.get("per") {
            Some(node) => agreement(node, study, fields.errors()),
            None => train.map(|task| problem_settings(task, study)).unwrap_or_default(),
        };
        let rule = Self { method, metric: metric?, by, grace, factor, rungs, seeds, per };
        (errors.len() == before).then_some(rule)
    }
}

fn rungs(node: &YamlNode, errors: &mut Vec<StudyError>) -> Vec<u64> {
    let numbers = |texts: Vec<&str>| texts.into_iter().map(|text| text.parse().ok()).collect::<Option<Vec<u64>>>();
    let rungs = node.texts().and_then(numbers).unwrap_or_default();
    if rungs.is_empty() || rungs[0] == 0 || !rungs.is_sorted_by(|one, next| one < next) {
        let expected = "a list of whole numbers above 0, each larger than the one before";
        errors.push(wrong(node, "`rungs` in prune", expected));
    }
    rungs
}

/// What rungs count. A training run's numbers come with each epoch, or with each episode.
fn unit(
    fields: &mut YamlFields<'_>,
    prune: &YamlNode,
    metric: Option<&Objective>,
    typed: Option<ProgressUnit>,
    train: Option<TaskName>,
) -> ProgressUnit {
    let (Some(metric), Some(_)) = (metric, train) else { return typed.unwrap_or(ProgressUnit::Step) };
    let name = metric.name.as_str();
    if EPOCH_CURVES.contains(&name) {
        return typed.unwrap_or(ProgressUnit::Epoch);
    }
    if !EPISODE_CURVES.contains(&name) {
        let nearest = nearest(name, EPOCH_CURVES.into_iter().chain(EPISODE_CURVES)).map(str::to_owned);
        let place = &fields.get("metric").unwrap_or(prune).place;
        fields.errors().push(StudyError::at(place, StudyProblem::NoCurve { name: name.to_owned(), nearest }));
    } else if let (Some(ProgressUnit::Epoch), Some(node)) = (typed, fields.get("by")) {
        let expected = format!("step: `{name}` is told with each episode");
        fields.errors().push(wrong(node, "`by` in prune", &expected));
    }
    ProgressUnit::Step
}

fn agreement(node: &YamlNode, study: &KnownKeys<'_>, errors: &mut Vec<StudyError>) -> Vec<String> {
    let Kind::List(items) = &node.kind else {
        errors.push(wrong(node, "`per` in prune", "a list of settings, or [] to compare all"));
        return Vec::new();
    };
    let mut keys = Vec::new();
    for item in items {
        let Some(key) = item.text() else {
            errors.push(wrong(item, "a setting in `per`", "a text"));
            continue;
        };
        if key != "case" {
            errors.extend(known(study, key, &item.place).err());
        }
        keys.push(key.to_owned());
    }
    keys
}

/// What of a training run is the problem and not its solution, as far as the study sets it.
fn problem_settings(task: TaskName, study: &KnownKeys<'_>) -> Vec<String> {
    let settings = RunConfig::settings_of(task).filter(|setting| setting.of_problem);
    let is_set = |key: &&str| study.paths.iter().any(|path| path.first().is_some_and(|first| first == key));
    settings.map(|setting| setting.key).filter(is_set).map(str::to_owned).collect()
}
