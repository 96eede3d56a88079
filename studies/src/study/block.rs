//! Blocks: what a study sets and varies, and its cases, which are blocks again. Also their enumeration: the product of
//! the axes in the order of the file, cases last, last axis fastest.

use std::borrow::Cow;

use aees_run::settings::Place;
use serde::Deserialize;
use serde_json::Value;

use super::axis::{AxisValue, AxisValues, SweepAxis, check_collisions, sweep_axes, zip_axis};
use super::error::{StudyError, StudyProblem};
use super::fields::{missing, refuse_unknown, wrong};
use super::keys;
use super::purpose::{self, StatedPurpose, StatedPurposes};
use super::settings::{Assignment, Dialect, collide};
use super::space::Trial;
use super::yaml::{Kind, YamlEntry, YamlNode};
use crate::search::tpe::SearchDimension;

/// The order of the combinations.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Order {
    /// Axes as in the file, the last one fastest.
    File,
    /// The axes of `sweep` by name, the last one fastest.
    Sorted,
    /// Axes as in the file, the first one fastest.
    FirstFastest,
}

/// A block: the study's own, or a case.
#[derive(Clone, Debug, Default)]
pub(super) struct Block {
    pub(super) set: Vec<Assignment>,
    pub(super) axes: Vec<SweepAxis>,
    pub(super) cases: Vec<(String, Block)>,
    purpose: Option<StatedPurpose>,
}

/// One combination: what to apply, in order, and how to call it.
#[derive(Clone, Debug, Default)]
pub(super) struct Combination<'study> {
    /// The number of the configuration under it, of a study with several.
    pub(super) config: Option<usize>,
    pub(super) assignments: Vec<Cow<'study, [Assignment]>>,
    pub(super) axes: Vec<(&'study str, Cow<'study, Value>)>,
    pub(super) case: Vec<&'study str>,
}

impl Block {
    /// A block that only sets something.
    pub(super) fn setting(set: Vec<Assignment>) -> Self {
        Self { set, ..Self::default() }
    }

    /// Reads `set`, `sweep`, `zip`, `cases` and `purpose` of a map; its other keys are the caller's.
    pub(super) fn read(entries: &[YamlEntry], dialect: Dialect, order: Order, errors: &mut Vec<StudyError>) -> Self {
        let get = |key: &str| entries.iter().find(|entry| entry.key == key).map(|entry| &entry.value);
        let mut block = Self::default();
        if let Some(entries) = get("set").and_then(|node| map(node, "set", errors)) {
            block.set = dialect.assignments(entries, errors);
        }
        if let Some(entries) = get("sweep").and_then(|node| map(node, "sweep", errors)) {
            block.axes = sweep_axes(entries, dialect, errors);
            if order == Order::Sorted {
                block.axes.sort_by(|one, other| one.keys.cmp(&other.keys));
            }
        }
        if let Some(node) = get("zip") {
            block.read_zips(node, dialect, errors);
        }
        check_collisions(&block.axes, errors);
        if let Some(node) = get("cases") {
            block.read_cases(node, dialect, order, errors);
        }
        if let Some(node) = get("purpose") {
            block.purpose = node.text().and_then(|text| StatedPurpose::deserialize(Value::from(text)).ok());
            if block.purpose.is_none() {
                errors.push(wrong(node, "`purpose`", "accuracy, timing or ablation"));
            }
        }
        block.refuse_set_and_varied(errors);
        block
    }

    /// What the runs are for, as the block and its cases say.
    pub(super) fn purposes(&self) -> StatedPurposes {
        let own = self.purpose.map(|purpose| (purpose::STUDY.to_owned(), purpose));
        let inner = self.cases.iter().flat_map(|(case, block)| {
            block.purposes().0.into_iter().map(move |(name, purpose)| match name.as_str() {
                purpose::STUDY => (case.clone(), purpose),
                name => (format!("{case}/{name}"), purpose),
            })
        });
        StatedPurposes(own.into_iter().chain(inner).collect())
    }

    /// An axis whose setting is also set beside it, or set or varied in a case: its values would silently mean nothing.
    fn refuse_set_and_varied(&self, errors: &mut Vec<StudyError>) {
        let inner = self.cases.iter().flat_map(|(_, case)| case.paths());
        let own = self.set.iter().map(|assignment| (&assignment.path, &assignment.place));
        let mut told: Vec<&[String]> = Vec::new();
        for (path, place) in own.chain(inner) {
            let axis = self.axes.iter().find(|axis| axis.paths.iter().any(|axis_path| collide(axis_path, path)));
            if let Some(axis) = axis.filter(|_| !told.contains(&path.as_slice())) {
                told.push(path);
                let problem = StudyProblem::SetAndVaried { key: path.join("."), axis: axis.place.clone() };
                errors.push(StudyError::at(place, problem));
            }
        }
    }

    /// What the block and its cases set or vary, each with its place.
    fn paths(&self) -> Vec<(&Vec<String>, &Place)> {
        let set = self.set.iter().map(|assignment| (&assignment.path, &assignment.place));
        let varied = self.axes.iter().flat_map(|axis| axis.paths.iter().map(|path| (path, &axis.place)));
        set.chain(varied).chain(self.cases.iter().flat_map(|(_, case)| case.paths())).collect()
    }

    fn read_zips(&mut self, node: &YamlNode, dialect: Dialect, errors: &mut Vec<StudyError>) {
        // One group may stand without its dash.
        for group in node.one_or_more() {
            let Some(entries) = map(group, "a group of zip", errors) else { continue };
            if entries.is_empty() {
                errors.push(StudyError::at(&group.place, StudyProblem::EmptyAxis { key: "zip".into() }));
                continue;
            }
            self.axes.extend(zip_axis(entries, dialect, &group.place, errors));
        }
    }

    fn read_cases(&mut self, node: &YamlNode, dialect: Dialect, order: Order, errors: &mut Vec<StudyError>) {
        let Kind::List(cases) = &node.kind else {
            errors.push(wrong(node, "`cases`", "a list of blocks with a name"));
            return;
        };
        if cases.is_empty() {
            errors.push(StudyError::at(&node.place, StudyProblem::EmptyAxis { key: "cases".into() }));
        }
        for case in cases {
            let Some(entries) = map(case, "a case", errors) else { continue };
            let known = keys::names(&[keys::CASE, keys::BLOCK]);
            refuse_unknown(entries, "a case", &known, errors);
            let block = Self::read(entries, dialect, order, errors);
            let name = entries.iter().find(|entry| entry.key == "name");
            match name.map(|entry| (entry, entry.value.text())) {
                None => errors.push(missing(case, "name", "a case is shown and chosen by its name")),
                Some((entry, Some(name))) if is_name(name) => {
                    if self.cases.iter().any(|(known, _)| known == name) {
                        let what = format!("the case name `{name}`");
                        errors.push(wrong(&entry.value, &what, "unique among its neighbours"));
                    }
                    self.cases.push((name.to_owned(), block));
                }
                Some((entry, _)) => {
                    errors.push(wrong(&entry.value, "the name of a case", "letters, digits, `_`, `-` and `.`"));
                }
            }
        }
    }

    /// The number of combinations of a grid.
    pub(super) fn count(&self) -> u128 {
        let own = self.axes.iter().fold(1_u128, |count, axis| count.saturating_mul(axis.len() as u128));
        let cases = self.cases.iter().fold(0_u128, |count, (_, case)| count.saturating_add(case.count()));
        if self.cases.is_empty() { own } else { own.saturating_mul(cases) }
    }

    /// All combinations of the grid.
    pub(super) fn grid(&self, order: Order) -> Vec<Combination<'_>> {
        let mut grid = vec![Combination::setting(&self.set)];
        for axis in &self.axes {
            grid = product(&grid, &Combination::along(axis), order);
        }
        if self.cases.is_empty() { grid } else { product(&grid, &self.case_combinations(order), order) }
    }

    fn case_combinations(&self, order: Order) -> Vec<Combination<'_>> {
        let mut all = Vec::new();
        for (name, case) in &self.cases {
            for mut combination in case.grid(order) {
                combination.case.insert(0, name);
                all.push(combination);
            }
        }
        all
    }

    /// What a search chooses in the block and its cases, in the order of the file: axes, which case, then inside each.
    pub(super) fn dimensions(&self) -> Vec<SearchDimension> {
        let mut dimensions: Vec<SearchDimension> = self.axes.iter().map(SweepAxis::dimension).collect();
        if !self.cases.is_empty() {
            dimensions.push(SearchDimension::Choice(self.cases.len()));
            dimensions.extend(self.cases.iter().flat_map(|(_, case)| case.dimensions()));
        }
        dimensions
    }

    /// Which case a trial takes, and the number of the first thing inside it.
    fn case_of(&self, trial: Trial<'_>, first: usize) -> Option<(usize, usize)> {
        if self.cases.is_empty() {
            return None;
        }
        let names: Vec<&str> = self.cases.iter().map(|(name, _)| name.as_str()).collect();
        let own = first + self.axes.len();
        let chosen = trial.coordinate(own, &format!("cases {}", names.join(","))).index(self.cases.len());
        let before: usize = self.cases[..chosen].iter().map(|(_, case)| case.dimensions().len()).sum();
        Some((chosen, own + 1 + before))
    }

    /// The combination of one trial of a search. The block's things are numbered from `first` on.
    pub(super) fn combination(&self, trial: Trial<'_>, first: usize) -> Combination<'_> {
        let mut combination = Combination::setting(&self.set);
        for (index, axis) in self.axes.iter().enumerate() {
            let AxisValue { shown, assignments } = axis.candidate(trial, first + index);
            combination.assignments.push(Cow::Owned(assignments));
            combination.axes.extend(axis.keys.iter().map(String::as_str).zip(shown.into_iter().map(Cow::Owned)));
        }
        if let Some((chosen, inside)) = self.case_of(trial, first) {
            let (name, case) = &self.cases[chosen];
            combination.case.push(name);
            combination.append(case.combination(trial, inside));
        }
        combination
    }

    /// The numbers of the things that a trial has: not those inside other cases.
    pub(super) fn taken(&self, trial: Trial<'_>, first: usize) -> Vec<usize> {
        let mut taken: Vec<usize> = (first..first + self.axes.len()).collect();
        if let Some((chosen, inside)) = self.case_of(trial, first) {
            taken.push(first + self.axes.len());
            taken.extend(self.cases[chosen].1.taken(trial, inside));
        }
        taken
    }

    /// Every assignment of the block and its cases.
    pub(super) fn assignments(&self) -> Vec<&Assignment> {
        let listed = self.axes.iter().filter_map(|axis| match &axis.candidates {
            AxisValues::Listed(listed) => Some(listed),
            AxisValues::Drawn(_) => None,
        });
        let of_axes = listed.flatten().flat_map(|candidate| &candidate.assignments);
        let of_cases = self.cases.iter().flat_map(|(_, case)| case.assignments());
        self.set.iter().chain(of_axes).chain(of_cases).collect()
    }

    /// The same, to be changed.
    pub(super) fn assignments_mut(&mut self) -> Vec<&mut Assignment> {
        let listed = self.axes.iter_mut().filter_map(|axis| match &mut axis.candidates {
            AxisValues::Listed(listed) => Some(listed),
            AxisValues::Drawn(_) => None,
        });
        let of_axes = listed.flatten().flat_map(|candidate| &mut candidate.assignments);
        let of_cases = self.cases.iter_mut().flat_map(|(_, case)| case.assignments_mut());
        self.set.iter_mut().chain(of_axes).chain(of_cases).collect()
    }

    /// Every axis of the block and its cases.
    pub(super) fn all_axes(&self) -> Vec<&SweepAxis> {
        self.axes.iter().chain(self.cases.iter().flat_map(|(_, case)| case.all_axes())).collect()
    }

    /// The paths of all cases: `ours`, `ours/large`.
    pub(super) fn case_paths(&self) -> Vec<String> {
        let mut paths = Vec::new();
        for (name, case) in &self.cases {
            paths.push(name.clone());
            paths.extend(case.case_paths().into_iter().map(|inner| format!("{name}/{inner}")));
        }
        paths
    }
}

impl<'study> Combination<'study> {
    fn setting(set: &'study [Assignment]) -> Self {
        Self { assignments: vec![Cow::Borrowed(set)], ..Self::default() }
    }

    /// One for each candidate of an axis.
    fn along(axis: &'study SweepAxis) -> Vec<Self> {
        let AxisValues::Listed(listed) = &axis.candidates else { return vec![Self::default()] };
        let keys = || axis.keys.iter().map(String::as_str);
        let shown = |candidate: &'study AxisValue| candidate.shown.iter().map(Cow::Borrowed);
        let one =
            |candidate| Self { axes: keys().zip(shown(candidate)).collect(), ..Self::setting(&candidate.assignments) };
        listed.iter().map(one).collect()
    }

    fn append(&mut self, inner: Self) {
        self.assignments.extend(inner.assignments);
        self.axes.extend(inner.axes);
        self.case.extend(inner.case);
    }
}

/// Each of the first with each of the others. What comes of two does not depend on the order, so that precedence is the same in
/// all of them.
pub(super) fn product<'study>(
    first: &[Combination<'study>],
    others: &[Combination<'study>],
    order: Order,
) -> Vec<Combination<'study>> {
    let both = |one: &Combination<'study>, other: &Combination<'study>| {
        let mut both = one.clone();
        both.append(other.clone());
        both
    };
    match order {
        Order::FirstFastest => others.iter().flat_map(|other| first.iter().map(move |one| both(one, other))).collect(),
        _ => first.iter().flat_map(|one| others.iter().map(move |other| both(one, other))).collect(),
    }
}

/// Whether a case can be called so: the name goes into paths and filters.
fn is_name(name: &str) -> bool {
    !name.is_empty()
        && name.chars().all(|character| character.is_alphanumeric() || matches!(character, '_' | '-' | '.'))
}

fn map<'file>(node: &'file YamlNode, what: &str, errors: &mut Vec<StudyError>) -> Option<&'file [YamlEntry]> {
    match &node.kind {
        Kind::Map(entries) => Some(entries),
        _ => {
            errors.push(wrong(node, what, "a map"));
            None
        }
    }
}
