//! Axes: the settings that vary, and how their candidates are written.
//!
//! A literal list, or a map with one of `choice`, `range`, `linspace`, `logspace`, or, for a random search, one of the
//! distributions `uniform`, `loguniform`, `normal`, `randint`.

use aees_run::nearest::nearest;
use aees_run::settings::Place;
use serde_json::Value;

use super::error::{StudyError, StudyProblem, right};
use super::settings::{Assignment, Dialect, Operation, collide};
use super::space::{Distribution, Trial, float};
use super::yaml::{Kind, YamlEntry, YamlNode, number};
use crate::search::tpe::SearchDimension;

pub(super) const FORMS: [&str; 8] =
    ["choice", "range", "linspace", "logspace", "uniform", "loguniform", "normal", "randint"];
/// More points than one axis of any study has.
const MAX_POINTS: f64 = 1e6;

/// One value of an axis: what it is called, and what it sets.
#[derive(Clone, Debug)]
pub(super) struct AxisValue {
    /// The value of each key of the axis, for tables.
    pub(super) shown: Vec<Value>,
    pub(super) assignments: Vec<Assignment>,
}

/// Where the candidates of an axis come from.
#[derive(Clone, Debug)]
pub(super) enum AxisValues {
    Listed(Vec<AxisValue>),
    Drawn(Distribution),
}

/// Settings that vary together.
#[derive(Clone, Debug)]
pub(super) struct SweepAxis {
    /// The keys it sets, as written: one, or those of a zip group.
    pub(super) keys: Vec<String>,
    pub(super) paths: Vec<Vec<String>>,
    pub(super) place: Place,
    pub(super) candidates: AxisValues,
}

impl SweepAxis {
    /// How many candidates a grid has of it.
    pub(super) fn len(&self) -> usize {
        match &self.candidates {
            AxisValues::Listed(listed) => listed.len(),
            AxisValues::Drawn(_) => 1,
        }
    }

    /// How a search that learns sees it.
    pub(super) fn dimension(&self) -> SearchDimension {
        match &self.candidates {
            AxisValues::Listed(listed) => SearchDimension::Choice(listed.len()),
            AxisValues::Drawn(_) => SearchDimension::Scale,
        }
    }

    /// What it is, for who compares two studies.
    pub(super) fn form(&self) -> Value {
        match &self.candidates {
            AxisValues::Listed(listed) => listed.iter().map(|value| Value::from(value.shown.clone())).collect(),
            AxisValues::Drawn(distribution) => format!("{distribution:?}").into(),
        }
    }

    /// The candidate of a trial.
    pub(super) fn candidate(&self, trial: Trial<'_>, dimension: usize) -> AxisValue {
        let coordinate = trial.coordinate(dimension, &self.keys.join(","));
        match &self.candidates {
            AxisValues::Listed(listed) => listed[coordinate.index(listed.len())].clone(),
            AxisValues::Drawn(distribution) => {
                let value = distribution.value(coordinate);
                let assignment =
                    |path: &Vec<String>| Assignment::new(path.clone(), value.clone(), Operation::Merge, &self.place);
                AxisValue { assignments: self.paths.iter().map(assignment).collect(), shown: vec![value] }
            }
        }
    }
}

/// The axes of a `sweep`.
pub(super) fn sweep_axes(entries: &[YamlEntry], dialect: Dialect, errors: &mut Vec<StudyError>) -> Vec<SweepAxis> {
    let axis = |entry: &YamlEntry| {
        let (keys, paths) = (vec![entry.key.clone()], vec![dialect.path(&entry.key)]);
        Ok(SweepAxis { keys, paths, place: entry.place.clone(), candidates: candidates(entry, "sweep", dialect)? })
    };
    right(entries.iter().map(axis), errors)
}

/// The axis of one `zip` group.
pub(super) fn zip_axis(
    entries: &[YamlEntry],
    dialect: Dialect,
    place: &Place,
    errors: &mut Vec<StudyError>,
) -> Option<SweepAxis> {
    let column = |entry: &YamlEntry| match candidates(entry, "zip", dialect)? {
        AxisValues::Listed(listed) => Ok(listed),
        AxisValues::Drawn(_) => Err(axis_error(entry, "a distribution cannot be coupled; write a list")),
    };
    let columns = right(entries.iter().map(column), errors);
    if columns.len() < entries.len() {
        return None;
    }
    let length = columns.first().map_or(0, Vec::len);
    if columns.iter().any(|column| column.len() != length) {
        let lengths = entries.iter().zip(&columns).map(|(entry, column)| (entry.key.clone(), column.len()));
        errors.push(StudyError::at(place, StudyProblem::UnequalZip { lengths: lengths.collect() }));
        return None;
    }
    let row = |index: usize| AxisValue {
        shown: columns.iter().flat_map(|column| column[index].shown.clone()).collect(),
        assignments: columns.iter().flat_map(|column| column[index].assignments.clone()).collect(),
    };
    Some(SweepAxis {
        keys: entries.iter().map(|entry| entry.key.clone()).collect(),
        paths: entries.iter().map(|entry| dialect.path(&entry.key)).collect(),
        place: place.clone(),
        candidates: AxisValues::Listed((0..length).map(row).collect()),
    })
}

/// Two axes of one block that set the same path, or a path and what holds it.
pub(super) fn check_collisions(axes: &[SweepAxis], errors: &mut Vec<StudyError>) {
    let all: Vec<(&String, &Vec<String>, &Place)> = axes
        .iter()
        .flat_map(|axis| axis.keys.iter().zip(&axis.paths).map(|(key, path)| (key, path, &axis.place)))
        .collect();
    for (index, (key, path, place)) in all.iter().enumerate() {
        if let Some((other, _, first)) = all[..index].iter().find(|(_, earlier, _)| collide(earlier, path)) {
            let problem =
                StudyProblem::AxesCollide { key: (*key).clone(), other: (*other).clone(), first: (*first).clone() };
            errors.push(StudyError::at(place, problem));
        }
    }
}

fn candidates(entry: &YamlEntry, within: &'static str, dialect: Dialect) -> Result<AxisValues, StudyError> {
    match &entry.value.kind {
        Kind::Scalar { .. } => {
            let problem = StudyProblem::ScalarInSweep { key: entry.key.clone(), within };
            Err(StudyError::at(&entry.value.place, problem))
        }
        Kind::List(items) => {
            if let Some(map) = items.iter().find(|item| matches!(item.kind, Kind::Map(_))) {
                let reason = "a map among the candidates needs `{choice: [...]}`".into();
                return Err(StudyError::at(&map.place, StudyProblem::Axis { key: entry.key.clone(), reason }));
            }
            listed(entry, items, dialect)
        }
        Kind::Map(form) => match form.as_slice() {
            [only] if only.key == "choice" => match &only.value.kind {
                Kind::List(items) => listed(entry, items, dialect),
                _ => Err(axis_error(entry, "`choice` needs a list")),
            },
            [only] if FORMS.contains(&only.key.as_str()) => computed(entry, only, dialect),
            _ => Err(unknown_form(entry, form)),
        },
    }
}

fn unknown_form(entry: &YamlEntry, form: &[YamlEntry]) -> StudyError {
    let unknown = form.iter().find(|part| !FORMS.contains(&part.key.as_str()));
    let Some(unknown) = unknown else { return axis_error(entry, "exactly one form describes an axis") };
    let hint = match nearest(&unknown.key, FORMS) {
        Some(form) => format!("; did you mean `{form}`?"),
        None => format!("; for a nested setting write `{}.{}`", entry.key, unknown.key),
    };
    let reason = format!("`{}` is none of {}{hint}", unknown.key, FORMS.join(", "));
    StudyError::at(&unknown.place, StudyProblem::Axis { key: entry.key.clone(), reason })
}

fn listed(entry: &YamlEntry, items: &[YamlNode], dialect: Dialect) -> Result<AxisValues, StudyError> {
    if items.is_empty() {
        return Err(StudyError::at(&entry.value.place, StudyProblem::EmptyAxis { key: entry.key.clone() }));
    }
    let candidate = |item: &YamlNode| {
        let (mut assignments, mut errors) = (Vec::new(), Vec::new());
        dialect.flatten(dialect.path(&entry.key), item, &mut assignments, &mut errors);
        match errors.into_iter().next() {
            Some(error) => Err(error),
            None => Ok(AxisValue { shown: vec![dialect.value(item)?], assignments }),
        }
    };
    Ok(AxisValues::Listed(items.iter().map(candidate).collect::<Result<_, _>>()?))
}

fn computed(entry: &YamlEntry, form: &YamlEntry, dialect: Dialect) -> Result<AxisValues, StudyError> {
    let values = match form.key.as_str() {
        "range" => range(entry, form)?,
        "linspace" | "logspace" => spaced(entry, form)?,
        _ => return distribution(entry, form).map(AxisValues::Drawn),
    };
    let candidate = |value: Value| {
        let path = dialect.path(&entry.key);
        let assignment = Assignment::new(path, value.clone(), Operation::Merge, &entry.value.place);
        AxisValue { assignments: vec![assignment], shown: vec![value] }
    };
    Ok(AxisValues::Listed(values.into_iter().map(candidate).collect()))
}

/// `{from, to, step}`, both ends included; value i is from + i * step.
fn range(entry: &YamlEntry, form: &YamlEntry) -> Result<Vec<Value>, StudyError> {
    let [from, to, step] = numbers(entry, form, ["from", "to", "step"])?;
    let count = ((to.value - from.value) / step.value + 1e-9).floor() + 1.0;
    if step.value == 0.0 || count.is_nan() || count > MAX_POINTS {
        return Err(axis_error(entry, "`range` needs a step other than 0 and at most a million values"));
    }
    if count < 1.0 {
        return Err(StudyError::at(&form.place, StudyProblem::EmptyAxis { key: entry.key.clone() }));
    }
    // With both ends within 53 bits no sum overflows.
    let whole = to.value.abs() < 2_f64.powi(53);
    let values = (0..count as u64).map(|index| match (from.integer, step.integer) {
        (Some(from), Some(step)) if whole => Value::from(from + index as i64 * step),
        _ => float(from.value + index as f64 * step.value),
    });
    Ok(values.collect())
}

/// `{from, to, n}`: n points at equal distances, or of equal ratios. Whole numbers when both ends are written as such
/// and every point is whole.
fn spaced(entry: &YamlEntry, form: &YamlEntry) -> Result<Vec<Value>, StudyError> {
    let [from, to, n] = numbers(entry, form, ["from", "to", "n"])?;
    let logarithmic = form.key == "logspace";
    let count = n.integer.filter(|count| (1..=MAX_POINTS as i64).contains(count));
    let Some(count) = count else { return Err(axis_error(entry, "`n` must be a whole number from 1 to a million")) };
    if logarithmic && (from.value <= 0.0 || to.value <= 0.0) {
        return Err(axis_error(entry, "the ends of `logspace` are values, and must be above 0"));
    }
    let point = |index: i64| match index {
        0 => float(from.value),
        last if last == count - 1 => float(to.value),
        _ => {
            let share = index as f64 / (count - 1) as f64;
            if logarithmic {
                float((from.value.ln() + (to.value.ln() - from.value.ln()) * share).exp())
            } else {
                float(from.value + (to.value - from.value) * share)
            }
        }
    };
    let points: Vec<Value> = (0..count).map(point).collect();
    let whole = |value: &Value| value.as_f64().filter(|number| number.fract() == 0.0 && number.abs() < 2_f64.powi(53));
    if from.integer.is_some() && to.integer.is_some() && points.iter().all(|point| whole(point).is_some()) {
        return Ok(points.iter().filter_map(whole).map(|number| Value::from(number as i64)).collect());
    }
    Ok(points)
}

fn distribution(entry: &YamlEntry, form: &YamlEntry) -> Result<Distribution, StudyError> {
    if form.key == "normal" {
        let [mean, std] = numbers(entry, form, ["mean", "std"])?;
        if std.value <= 0.0 {
            return Err(axis_error(entry, "`std` must be above 0"));
        }
        return Ok(Distribution::Normal { mean: mean.value, std: std.value });
    }
    let [from, to] = numbers(entry, form, ["from", "to"])?;
    if from.value >= to.value {
        return Err(axis_error(entry, "`from` must be below `to`"));
    }
    match (form.key.as_str(), from.integer, to.integer) {
        ("randint", Some(from), Some(to)) => Ok(Distribution::RandInt { from, to }),
        ("randint", ..) => Err(axis_error(entry, "the ends of `randint` must be whole numbers")),
        ("loguniform", ..) if from.value <= 0.0 => Err(axis_error(entry, "the ends of `loguniform` must be above 0")),
        ("loguniform", ..) => Ok(Distribution::LogUniform { from: from.value, to: to.value }),
        _ => Ok(Distribution::Uniform { from: from.value, to: to.value }),
    }
}

/// A number as written: an integer, if it is one.
struct Written {
    value: f64,
    integer: Option<i64>,
}

/// The numbers of a form, which has exactly these keys.
fn numbers<const N: usize>(entry: &YamlEntry, form: &YamlEntry, keys: [&str; N]) -> Result<[Written; N], StudyError> {
    let expected = || axis_error(entry, &format!("`{}` needs {{{}}}, all numbers", form.key, keys.join(", ")));
    let Kind::Map(parts) = &form.value.kind else { return Err(expected()) };
    if parts.len() != N {
        return Err(expected());
    }
    let mut written = Vec::new();
    for key in keys {
        let part = parts.iter().find(|part| part.key == key).ok_or_else(expected)?;
        let number = part.value.text().and_then(number).ok_or_else(expected)?;
        // Exact as a float and far from overflow, so that `from + i * step` is too.
        let integer = number.as_i64().filter(|integer| integer.unsigned_abs() < 1 << 53);
        written.push(Written { value: number.as_f64().ok_or_else(expected)?, integer });
    }
    written.try_into().map_err(|_| expected())
}

fn axis_error(entry: &YamlEntry, reason: &str) -> StudyError {
    StudyError::at(&entry.value.place, StudyProblem::Axis { key: entry.key.clone(), reason: reason.to_owned() })
}
