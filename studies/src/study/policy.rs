//! The parts of a study that say how it is run and judged, and nothing about what its runs compute: metric, budget,
//! retries, breakers. None of them is part of an identity.

use std::cmp::Ordering;
use std::collections::BTreeMap;
use std::fmt;
use std::time::Duration;

use aees_run::nearest::nearest;
use aees_run::result::METRICS;
use serde::{Deserialize, Serialize};

use super::error::{StudyError, StudyProblem};
use super::fields::{YamlFields, wrong};
use super::keys;
use super::yaml::YamlNode;

/// What a study is judged by. As data it is the text that it is shown as.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(into = "String", from = "String")]
pub struct Objective {
    /// The name of the metric in results.
    pub name: String,
    /// Whether more or less of it is better.
    pub goal: Goal,
    /// Which value of a run counts.
    pub measure: Measure,
}

impl fmt::Display for Objective {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{} ({} {})", self.name, self.goal.name(), self.measure)
    }
}

impl Objective {
    /// Reads what `Display` writes, `val_accuracy (max final)`; what is left out of the brackets is `max` and `final`.
    pub fn parse(text: &str) -> Self {
        let (name, rest) = text.rsplit_once(" (").unwrap_or((text, ""));
        let words = || rest.trim_end_matches(')').split_whitespace();
        let goal = if words().any(|word| word == Goal::Min.name()) { Goal::Min } else { Goal::Max };
        // A measure may end with a bracket of its own.
        let measure = words().find_map(|word| Measure::parse(word).or_else(|| Measure::parse(&format!("{word})"))));
        Self { name: name.to_owned(), goal, measure: measure.unwrap_or(Measure::Final) }
    }
}

impl From<Objective> for String {
    fn from(objective: Objective) -> Self {
        objective.to_string()
    }
}

impl From<String> for Objective {
    fn from(text: String) -> Self {
        Self::parse(&text)
    }
}

/// Which direction is better.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Goal {
    /// More.
    Max,
    /// Less.
    Min,
}

/// Which value of a run's curve counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Measure {
    /// The mean of the whole curve.
    Auc,
    /// The last value.
    Final,
    /// The best value.
    Best,
    /// The mean of the last n values.
    LastK(u64),
}

/// What stops a study that does not say it: so many failures in a row, so many configurations with the same failure.
pub(crate) const USUAL_BREAKERS: (u64, u64) = (10, 3);

pub(super) fn metric(mut fields: YamlFields<'_>) -> Option<Objective> {
    let name = fields.text("name");
    let goal = fields.word("goal", &[("max", Goal::Max), ("min", Goal::Min)]);
    let measure = fields.parse("measure", "auc, final, best or last_k(n)", Measure::parse);
    if name.is_none() {
        fields.missing("name", "which number of the results counts");
    }
    Some(Objective { name: name?, goal: goal.unwrap_or(Goal::Max), measure: measure.unwrap_or(Measure::Final) })
}

/// A metric that no training run has.
pub(super) fn unknown_metric(objective: &Objective, node: &YamlNode) -> Option<StudyError> {
    let name = &objective.name;
    (!METRICS.contains(&name.as_str())).then(|| {
        let nearest = nearest(name, METRICS).map(str::to_owned);
        StudyError::at(&node.place, StudyProblem::UnknownMetric { name: name.clone(), nearest })
    })
}

/// The hours of the study, its runs, and the seconds of a run.
pub(super) fn budget(mut fields: YamlFields<'_>) -> (Option<f64>, Option<u64>, Option<f64>) {
    let hours = |text: &str| text.parse::<f64>().ok().filter(|hours| *hours > 0.0 && *hours <= MOST_HOURS);
    let hours = fields.parse("max_hours", "a number above 0, at most 876000 (a hundred years)", hours);
    let runs = fields.count("max_runs");
    (hours, runs, fields.parse("per_run_timeout", DURATION, duration).map(|time| time.as_secs_f64()))
}

/// Retries by failure class; none for as often as it takes.
pub(super) fn retry(node: &YamlNode, errors: &mut Vec<StudyError>) -> BTreeMap<String, Option<u32>> {
    let Some(mut fields) = YamlFields::with_names(node, "retry", &keys::FAILURE_CLASSES, errors) else {
        return BTreeMap::new();
    };
    let times = |text: &str| if text == "inf" { Some(None) } else { text.parse().ok().map(Some) };
    let class = |class: &str| Some((class.to_owned(), fields.parse(class, "a number of retries or inf", times)?));
    keys::FAILURE_CLASSES.iter().copied().filter_map(class).collect()
}

/// As [`USUAL_BREAKERS`].
pub(super) fn breakers(mut fields: YamlFields<'_>) -> (u64, u64) {
    let (consecutive, alike) = USUAL_BREAKERS;
    let consecutive = fields.count("consecutive").unwrap_or(consecutive);
    (consecutive, fields.count("same_fingerprint").unwrap_or(alike))
}

/// The longest time that a study may give to something: a hundred years.
pub const MOST_HOURS: f64 = 876_000.0;

/// What a duration looks like.
pub(super) const DURATION: &str = "a time such as 90s, 5min or 2h";

/// `90` and `90s` are seconds; `5min` and `5m` minutes, `2h` hours.
pub(super) fn duration(text: &str) -> Option<Duration> {
    let split = text.find(|character: char| character.is_ascii_alphabetic()).unwrap_or(text.len());
    let (number, unit) = text.split_at(split);
    let seconds = match unit {
        "" | "s" => 1.0,
        "m" | "min" => 60.0,
        "h" => 3600.0,
        "d" => 86_400.0,
        _ => return None,
    };
    let number: f64 = number.trim().parse().ok().filter(|number: &f64| *number > 0.0)?;
    let time = Duration::try_from_secs_f64(number * seconds).ok()?;
    (!time.is_zero() && time.as_secs_f64() <= MOST_HOURS * 3600.0).then_some(time)
}

/// A text, whatever it looks like.
pub(super) fn note(node: &YamlNode, errors: &mut Vec<StudyError>) -> Option<String> {
    if node.text().is_none() {
        errors.push(wrong(node, "`note`", "a text"));
    }
    node.text().map(str::to_owned)
}

/// A command of the user: a line for the shell, or the words of one.
pub(super) fn hook(node: &YamlNode, key: &str, errors: &mut Vec<StudyError>) -> Option<Vec<String>> {
    let words = node.text().map(|line| vec!["sh", "-c", line]).or_else(|| node.texts());
    let words = words.filter(|words| words.first().is_some_and(|program| !program.is_empty()));
    if words.is_none() {
        errors.push(wrong(node, &format!("`{key}`"), "a line for the shell, or a list of words"));
    }
    Some(words?.into_iter().map(str::to_owned).collect())
}

impl Goal {
    /// `max` or `min`.
    pub fn name(self) -> &'static str {
        match self {
            Self::Max => "max",
            Self::Min => "min",
        }
    }

    /// A number that is less, the better the value is: the value itself, or its negative.
    pub fn loss(self, value: f64) -> f64 {
        match self {
            Self::Max => -value,
            Self::Min => value,
        }
    }

    /// Sorts better values before worse ones.
    pub fn order(self, one: f64, other: f64) -> Ordering {
        self.loss(one).total_cmp(&self.loss(other))
    }

    /// The best of some values; NaN is never it where there is a number.
    pub fn best(self, values: impl Iterator<Item = f64>) -> Option<f64> {
        values.reduce(match self {
            Self::Max => f64::max,
            Self::Min => f64::min,
        })
    }

    /// The other direction.
    pub fn opposite(self) -> Self {
        match self {
            Self::Max => Self::Min,
            Self::Min => Self::Max,
        }
    }
}

impl Measure {
    /// How many values at the end of a curve count; none if all do.
    pub fn counts_last(self) -> Option<usize> {
        match self {
            Self::Final => Some(1),
            Self::LastK(count) => Some(usize::try_from(count).unwrap_or(usize::MAX)),
            Self::Best | Self::Auc => None,
        }
    }

    /// What the values of a curve that count come to: the best of them, or their mean.
    pub fn of(self, values: &[f64], goal: Goal) -> Option<f64> {
        match self {
            Self::Best => goal.best(values.iter().copied()),
            _ => (!values.is_empty()).then(|| values.iter().sum::<f64>() / values.len() as f64),
        }
    }

    /// Reads `final`, `best`, `auc` or `last_k(n)`.
    pub fn parse(text: &str) -> Option<Self> {
        match text {
            "auc" => Some(Measure::Auc),
            "final" => Some(Measure::Final),
            "best" => Some(Measure::Best),
            _ => {
                let count = text.strip_prefix("last_k(")?.strip_suffix(')')?;
                count.trim().parse().ok().filter(|count| *count > 0).map(Measure::LastK)
            }
        }
    }
}

impl fmt::Display for Measure {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Auc => formatter.write_str("auc"),
            Self::Final => formatter.write_str("final"),
            Self::Best => formatter.write_str("best"),
            Self::LastK(count) => write!(formatter, "last_k({count})"),
        }
    }
}
