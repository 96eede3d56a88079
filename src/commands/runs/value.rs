//! What a list can show, sort and filter by: a word for each thing that is known of a run.

use std::cell::RefCell;
use std::cmp::Ordering;
use std::collections::HashMap;

use aees_run::nearest::nearest;
use aees_run::settings::{RunConfig, TaskName};
use aees_studies::disk::{Annotations, Root, split_metric};
use aees_studies::registry::{Metric, Reader, RunRow};
use serde_json::Value;

use super::listing::Listed;
use super::show::fields;
use super::{parsed, seed};
use crate::failure::Failure;
use crate::table::{GridCell, first_line};

/// How to find something that every run has, or can have.
type OfEveryRun = fn(&Values<'_>, &Listed) -> Known;

/// What every run has, by its word.
const WORDS: [(&str, OfEveryRun); 18] = [
    ("run", |_, listed| Known::text(listed.run.run_id.short())),
    ("run_id", |_, listed| Known::text(listed.run.run_id.full())),
    ("config_id", |_, listed| Known::text(listed.run.config_id.full())),
    ("study", |_, listed| Known::text(listed.study.as_deref())),
    ("index", |_, listed| listed.run.index.map_or(Known::Missing, |index| Known::Number(index as f64))),
    ("place", |_, listed| Known::text(listed.place().as_str())),
    ("case", |_, listed| Known::text(listed.run.case.as_deref())),
    ("task", |_, listed| Known::text(listed.run.task.as_str())),
    ("seed", |_, listed| Known::Number(seed(&listed.run) as f64)),
    ("state", |_, listed| Known::text(listed.run.state.name())),
    ("outcome", |_, listed| listed.run.outcome.map_or(Known::Missing, |outcome| Known::text(outcome.name()))),
    ("class", |_, listed| Known::text(listed.run.class.as_deref())),
    ("error", |_, listed| Known::text(listed.run.error.as_deref().map(first_line).as_deref())),
    ("attempts", |_, listed| Known::Number(f64::from(listed.run.attempts))),
    ("seconds", |_, Listed { run, .. }| match run.wall_ms {
        0 => Known::Missing,
        wall_ms => Known::Number(wall_ms as f64 / 1e3),
    }),
    ("tags", |values, listed| Known::text(values.annotations.of(&listed.run.run_id).tags_told().as_str())),
    ("note", |values, listed| Known::text(values.annotations.of(&listed.run.run_id).note.as_deref())),
    ("directory", |values, listed| Known::text(&*values.root.run(&listed.run.run_id).to_string_lossy())),
];

/// Something known of a run.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Known {
    Number(f64),
    Text(String),
    Missing,
}

/// The things that are known of runs.
pub(super) struct Values<'a> {
    reader: &'a Reader,
    root: &'a Root,
    annotations: &'a Annotations,
    /// All settings of a configuration, read when one is asked for.
    settings: RefCell<HashMap<String, HashMap<String, String>>>,
}

impl<'a> Values<'a> {
    pub(super) fn new(reader: &'a Reader, root: &'a Root, annotations: &'a Annotations) -> Self {
        Self { reader, root, annotations, settings: RefCell::new(HashMap::new()) }
    }

    /// What a run has under a word: one of every run's, an axis, a metric, or a setting.
    pub(super) fn of(&self, listed: &Listed, word: &str) -> Known {
        if let Some((_, find)) = WORDS.iter().find(|(known, _)| *known == word) {
            return find(self, listed);
        }
        let axes = listed.run.axes_json.as_deref().map(parsed).unwrap_or_default();
        if let Some((_, value)) = fields(&axes).into_iter().find(|(key, _)| key == word) {
            return Known::from_text(value);
        }
        match metric(listed, word) {
            Some(value) => Known::Number(value),
            None => self.setting(&listed.run, word),
        }
    }

    /// A setting that is no axis; those of training runs that are not said are at their default.
    fn setting(&self, run: &RunRow, word: &str) -> Known {
        let mut known = self.settings.borrow_mut();
        let settings = known.entry(run.config_id.full().to_owned()).or_insert_with(|| {
            let identity = self.reader.why(run.run_id.full()).map(|why| parsed(&why.identity_json)).unwrap_or_default();
            let task = TaskName::ALL.into_iter().find(|task| task.name() == run.task);
            let defaults = task.map(|task| Value::Object(RunConfig::new(task).to_map())).unwrap_or_default();
            fields(&defaults).into_iter().chain(fields(&identity["config"])).collect()
        });
        settings.get(word).cloned().map_or(Known::Missing, Known::from_text)
    }

    /// Refuses a word that nothing in a list has.
    pub(super) fn check(&self, listed: &[Listed], word: &str) -> Result<(), Failure> {
        // What a study is judged by is known before any of its runs is done.
        let judged = |each: &Listed| each.metric.as_deref() == Some(split_metric(word).0);
        let has = |each: &Listed| judged(each) || self.of(each, word) != Known::Missing;
        let words = WORDS.map(|(known, _)| known);
        if words.contains(&word) || listed.is_empty() || listed.iter().any(has) {
            return Ok(());
        }
        let first = listed.first().map(|each| each.run.axes_json.as_deref().map(parsed).unwrap_or_default());
        let axes: Vec<String> = fields(&first.unwrap_or_default()).into_iter().map(|(key, _)| key).collect();
        let metrics = listed.iter().flat_map(|each| &each.metrics).map(|metric| metric.name.as_str());
        let near = words.into_iter().chain(axes.iter().map(String::as_str)).chain(metrics);
        let help = match nearest(word, near) {
            Some(near) => format!("did you mean `{near}`?"),
            None => format!("name an axis, a metric, a setting, or one of {}", words.join(", ")),
        };
        Err(Failure::with_help(format!("none of these runs has `{word}`"), help))
    }
}

/// A number of a run's result: `best_val_accuracy`, or the best, else the last one, of `val_accuracy`.
fn metric(listed: &Listed, word: &str) -> Option<f64> {
    let said = |metric: &&Metric| {
        word.strip_prefix(metric.measure.as_str()).and_then(|rest| rest.strip_prefix('_')) == Some(metric.name.as_str())
    };
    let said = listed.metrics.iter().find(said).map(|metric| metric.value);
    said.or_else(|| listed.number(word, "best")).or_else(|| listed.number(word, "final"))
}

impl Known {
    fn from_text(text: String) -> Self {
        text.parse().map_or(Self::Text(text), Self::Number)
    }

    /// A name, which is no number even if it is made of digits. What there is nothing to say of is missing.
    fn text<'t>(text: impl Into<Option<&'t str>>) -> Self {
        text.into().filter(|text| !text.is_empty()).map_or(Self::Missing, |text| Self::Text(text.to_owned()))
    }

    /// Whether it is more or less than others: what is missing is not, nor what is no number.
    pub(super) fn has_rank(&self) -> bool {
        !matches!(self, Self::Missing) && !matches!(self, Self::Number(number) if number.is_nan())
    }

    /// Smaller first, numbers before texts, what is missing last.
    pub(super) fn order(&self, other: &Self) -> Ordering {
        match (self, other) {
            (Self::Number(one), Self::Number(other)) => one.total_cmp(other),
            (Self::Text(one), Self::Text(other)) => one.cmp(other),
            (Self::Missing, Self::Missing) => Ordering::Equal,
            (Self::Missing, _) | (Self::Text(_), Self::Number(_)) => Ordering::Greater,
            (_, Self::Missing) | (Self::Number(_), Self::Text(_)) => Ordering::Less,
        }
    }

    /// For a table of people, in a column of this name.
    pub(super) fn cell(&self, name: &str) -> GridCell {
        match self {
            Self::Number(value) => GridCell::metric(name, Some(*value)),
            Self::Text(text) => first_line(text).into(),
            Self::Missing => String::new().into(),
        }
    }

    /// With all its digits, for programs.
    pub(super) fn exact(&self) -> String {
        match self {
            Self::Number(value) if value.fract() == 0.0 && value.abs() < 1e15 => (*value as i64).to_string(),
            Self::Number(value) => {
                serde_json::Number::from_f64(*value).map_or_else(|| value.to_string(), |number| number.to_string())
            }
            Self::Text(text) => text.clone(),
            Self::Missing => String::new(),
        }
    }
}
