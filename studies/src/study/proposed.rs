//! A loop's study with settings that were proposed: its start, what a proposal may change, and the small studies that compare.
//!
//! A patch is a map of settings with their values, as JSON. The ranges of `sweep` are the space of the built-in proposer, and
//! bounds for everybody.

use aees_run::settings::{Place, RunConfig};
use serde_json::{Map, Value};

use super::axis::{AxisValues, SweepAxis};
use super::block::Block;
use super::check;
use super::definition::Study;
use super::error::{StudyError, StudyErrors, StudyProblem};
use super::expansion::shown;
use super::settings::{Assignment, Dialect, Operation, Settings, same, setting_name};
use super::space::Trial;
use crate::search::tpe::SearchDimension;

impl Study {
    /// The study without what varies: the settings that a loop begins with.
    pub(super) fn at_start(&self) -> Self {
        let root = Block::setting(self.root.set.clone());
        Self { root, loop_block: None, seeds: vec![0], ..self.clone() }
    }

    /// A study of a few settings, each the start with a patch and a name, on some seeds.
    pub fn of_patches(&self, name: &str, patches: &[(&str, &Map<String, Value>)], seeds: &[i64]) -> Self {
        let case = |(name, patch): &(&str, &Map<String, Value>)| {
            ((*name).to_owned(), Block::setting(assignments(self.dialect, patch)))
        };
        let mut study = Self { name: name.to_owned(), seeds: seeds.to_vec(), ..self.at_start() };
        study.root.cases = patches.iter().map(case).collect();
        study
    }

    /// What is wrong with a patch before anything is known of what it is applied to: keys, types and ranges.
    ///
    /// # Errors
    /// Everything that is wrong.
    pub fn check_patch(&self, patch: &Map<String, Value>) -> Result<(), StudyErrors> {
        let mut errors = Vec::new();
        for assignment in assignments(self.dialect, patch) {
            let error = check::not_to_propose(&self.task, &assignment)
                .or_else(|| check::value(self.dialect, &assignment))
                .or_else(|| self.not_free(&assignment));
            errors.extend(error);
        }
        StudyErrors::refuse(errors)
    }

    /// A patch with one key for each value, each by its one name.
    pub(crate) fn flat_patch(&self, patch: &Map<String, Value>) -> Map<String, Value> {
        let named = |assignment: Assignment| (setting_name(&assignment.key()).to_owned(), assignment.value);
        assignments(self.dialect, patch).into_iter().map(named).collect()
    }

    /// Why the loop's file leaves no room for a value.
    fn not_free(&self, assignment: &Assignment) -> Option<StudyError> {
        let key = assignment.key();
        let name = setting_name(&key);
        let refuse = |problem: StudyProblem| Some(StudyError::at(&assignment.place, problem));
        let fixed = self.loop_block.iter().flat_map(|block| &block.fixed);
        if fixed.map(|fixed| setting_name(fixed)).any(|fixed| fixed == name) {
            return refuse(StudyProblem::KeptFixed { key });
        }
        let Some(axis) = self.root.axes.iter().find(|axis| setting_name(&axis.keys[0]) == name) else {
            let of_problem =
                self.dialect.task.is_some() && RunConfig::setting(name).is_some_and(|info| info.of_problem);
            return if of_problem { refuse(StudyProblem::OfProblem { key }) } else { None };
        };
        let value = self.typed(name, assignment);
        if coordinate(axis, &value).is_some() {
            return None;
        }
        refuse(StudyProblem::OutsideRange { key, value: value.to_string(), range: range_text(axis) })
    }

    /// A value as its setting understands it.
    fn typed(&self, key: &str, assignment: &Assignment) -> Value {
        let mut settings = Settings::new(self.dialect);
        let applied = settings.apply(assignment).ok();
        applied.and_then(|()| settings.get(key)).unwrap_or_else(|| assignment.value.clone())
    }

    /// What a proposer chooses: the keys of `sweep`, and how each looks.
    pub(crate) fn space(&self) -> Vec<SearchDimension> {
        self.root.axes.iter().map(SweepAxis::dimension).collect()
    }

    /// The ranges, for programs that propose: each key with its form.
    pub fn ranges(&self) -> Map<String, Value> {
        let form = |axis: &SweepAxis| match &axis.candidates {
            AxisValues::Listed(listed) => {
                let values: Vec<Value> = listed.iter().flat_map(|value| value.shown.clone()).collect();
                serde_json::json!({"choice": values})
            }
            AxisValues::Drawn(distribution) => serde_json::json!(distribution),
        };
        self.root.axes.iter().map(|axis| (axis.keys[0].clone(), form(axis))).collect()
    }

    /// The patch that a point of the space stands for.
    pub(crate) fn patch_at(&self, point: &[f64]) -> Map<String, Value> {
        let trial = Trial::Point(point);
        let value = |(dimension, axis): (usize, &SweepAxis)| {
            let value = axis.candidate(trial, dimension).shown.into_iter().next().unwrap_or_default();
            (axis.keys[0].clone(), value)
        };
        self.root.axes.iter().enumerate().map(value).collect()
    }

    /// Where settings lie in the space; none for a value that is outside of its range.
    pub(crate) fn point_of(&self, settings: &Settings) -> Vec<Option<f64>> {
        let of_axis = |axis: &SweepAxis| coordinate(axis, &settings.get(&axis.keys[0])?);
        self.root.axes.iter().map(of_axis).collect()
    }
}

/// The assignments of a patch; maps of a foreign program are taken apart.
fn assignments(dialect: Dialect, patch: &Map<String, Value>) -> Vec<Assignment> {
    let mut found = Vec::new();
    patch.iter().for_each(|(key, value)| flatten(dialect, dialect.path(key), value, &mut found));
    found
}

fn flatten(dialect: Dialect, path: Vec<String>, value: &Value, found: &mut Vec<Assignment>) {
    match value {
        Value::Object(map) if dialect.task.is_none() && !map.is_empty() => {
            for (key, value) in map {
                let path = path.iter().cloned().chain([key.clone()]).collect();
                flatten(dialect, path, value, found);
            }
        }
        value => found.push(Assignment::new(path, value.clone(), Operation::Replace, &Place::Resolved)),
    }
}

/// The coordinate of a value on an axis; none if it is none of its values.
fn coordinate(axis: &SweepAxis, value: &Value) -> Option<f64> {
    match &axis.candidates {
        AxisValues::Drawn(distribution) => distribution.coordinate_of(value.as_f64()?),
        AxisValues::Listed(listed) => {
            let is_it = |candidate: &Value| {
                let number =
                    |value: &Value| value.as_str().and_then(|text| text.parse::<f64>().ok()).or(value.as_f64());
                same(candidate, value)
                    || number(candidate).zip(number(value)).is_some_and(|(one, other)| one == other)
                    || shown(candidate) == shown(value)
            };
            let index = listed.iter().position(|candidate| candidate.shown.iter().any(is_it))?;
            Some((index as f64 + 0.5) / listed.len() as f64)
        }
    }
}

fn range_text(axis: &SweepAxis) -> String {
    match &axis.candidates {
        AxisValues::Listed(listed) => {
            let values: Vec<String> = listed.iter().flat_map(|value| &value.shown).map(shown).collect();
            values.join(", ")
        }
        AxisValues::Drawn(distribution) => {
            distribution.ends().map_or_else(String::new, |(from, to)| format!("{from} to {to}"))
        }
    }
}
