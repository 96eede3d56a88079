//! From a study to its settings: every combination built, checked, told apart from its duplicates, and numbered.

use std::borrow::Cow;
use std::collections::HashMap;

use aees_run::settings::Place;
use serde_json::Value;

use super::block::{Combination, product};
use super::check::{self, type_error};
use super::definition::{Search, Study, StudyTask};
use super::error::{StudyError, StudyErrors, StudyProblem, right};
use super::expansion::{Expansion, Overrides, SeedSlot, StudyConfig};
use super::filter::Filter;
use super::identity::config_key;
use super::merged_errors::MergedErrors;
use super::secrets;
use super::settings::{Assignment, Operation, Settings, setting_name};
use super::space::Trial;
use super::yaml::read_value;

/// More combinations than can be looked at while a user waits.
const MAX_COMBINATIONS: u128 = 1_000_000;

impl Study {
    /// Expands the study: its combinations in order, each checked, times its seeds, filtered.
    ///
    /// # Errors
    /// Everything that is wrong with the overrides and with any combination.
    pub fn expand(&self, overrides: &Overrides) -> Result<Expansion, StudyErrors> {
        let mut errors = Vec::new();
        let filter = Filter::parse(self, overrides, &mut errors);
        let expander = Expander::new(self, overrides, &mut errors);
        StudyErrors::refuse(errors)?;
        let mut expansion = expander.settings()?;
        self.check_runs(expansion.settings.len() as u128)?;
        for (position, setting) in expansion.settings.iter_mut().enumerate() {
            let first = position * self.seeds.len();
            let slots = self.seeds.iter().enumerate();
            setting.seeds = slots.map(|(offset, seed)| SeedSlot { seed: *seed, index: first + offset }).collect();
        }
        filter.apply(&mut expansion);
        Ok(expansion)
    }

    /// Refuses more runs than can be looked at.
    fn check_runs(&self, settings: u128) -> Result<(), StudyErrors> {
        let seeds = self.seeds.len();
        let runs = settings.saturating_mul(seeds as u128);
        if runs <= MAX_COMBINATIONS {
            return Ok(());
        }
        let problem = StudyProblem::TooManyRuns { settings, seeds, runs, limit: MAX_COMBINATIONS };
        Err(StudyError::at(&self.task_place, problem).into())
    }
}

/// Builds every combination of the study for what is wrong with it.
pub(super) fn check_combinations(study: &Study, errors: &mut Vec<StudyError>) {
    let Err(found) = Expander::new(study, &Overrides::default(), errors).settings() else { return };
    let mut merged = MergedErrors::of(std::mem::take(errors));
    found.0.into_iter().for_each(|error| merged.merge(error));
    *errors = merged.errors;
}

/// Builds the settings of a study.
struct Expander<'study> {
    study: &'study Study,
    overrides: Vec<Assignment>,
}

impl<'study> Expander<'study> {
    fn new(study: &'study Study, overrides: &Overrides, errors: &mut Vec<StudyError>) -> Self {
        let checked = |text: &String| {
            let assignment = assignment(study, text)?;
            let wrong = check::value(study.dialect, &assignment).or_else(|| secrets::in_assignment(&assignment));
            wrong.map_or(Ok(assignment), Err)
        };
        Self { study, overrides: right(overrides.set.iter().map(checked), errors) }
    }

    /// The settings without their seeds, and without filters.
    fn settings(&self) -> Result<Expansion, StudyErrors> {
        let study = self.study;
        let combinations = self.combinations()?;
        let starts = self.starts();
        let mut report = MergedErrors::default();
        let mut hits = vec![0_usize; study.exclude.len()];
        let mut seen: HashMap<String, usize> = HashMap::with_capacity(combinations.len());
        let mut expansion = Expansion::default();
        for (number, combination) in combinations.iter().enumerate() {
            let (mut setting, mut errors) = self.build(&starts, combination);
            if let Some(rule) = study.exclude.iter().position(|rule| rule.matches(&setting.settings)) {
                hits[rule] += 1;
                expansion.excluded += 1;
                expansion.became.push(None);
                continue;
            }
            errors.extend(self.check(&setting.settings, combination));
            for error in errors {
                report.add(error, || format!("#{number} {}", setting.label()));
            }
            setting.index = expansion.settings.len();
            let index = *seen.entry(config_key(&study.task, &setting.settings)).or_insert(setting.index);
            expansion.became.push(Some(index));
            if index == setting.index {
                expansion.settings.push(setting);
            } else {
                expansion.duplicates += 1;
            }
        }
        StudyErrors::refuse(report.finish(combinations.len()))?;
        let unused = study.exclude.iter().zip(hits).filter(|(_, hits)| *hits == 0);
        expansion
            .warnings
            .extend(unused.map(|(rule, _)| format!("{}this rule of `exclude` matches nothing", rule.place)));
        Ok(expansion)
    }

    /// The combinations in order.
    fn combinations(&self) -> Result<Vec<Combination<'study>>, StudyErrors> {
        let study = self.study;
        let count = match study.search {
            Search::Grid => study.root.count().saturating_mul(study.configs.len().max(1) as u128),
            search => u128::from(search.trials()),
        };
        if count > MAX_COMBINATIONS {
            let problem = StudyProblem::TooMany { count, limit: MAX_COMBINATIONS };
            return Err(StudyError::at(&study.task_place, problem).into());
        }
        if study.exclude.is_empty() {
            study.check_runs(count)?;
        }
        if let Search::Random { trials, seed } = study.search {
            let trial = |number| study.trial(Trial::Drawn { seed, number });
            return Ok((0..trials).map(trial).collect());
        }
        if study.search != Search::Grid {
            return Ok(study.trials().iter().map(|point| study.trial(Trial::Point(point))).collect());
        }
        let config = |config| Combination { config: Some(config), ..Combination::default() };
        let configs: Vec<Combination<'_>> = (0..study.configs.len()).map(config).collect();
        let grid = study.root.grid(study.order);
        Ok(if configs.is_empty() { grid } else { product(&configs, &grid, study.order) })
    }

    /// The base under each configuration. What is wrong with its values was told when the file was read.
    fn starts(&self) -> Vec<Settings> {
        let start = |more: &[Assignment]| {
            let mut settings = Settings::new(self.study.dialect);
            for assignment in self.study.base.iter().chain(more).filter(|assignment| !assignment.faulty) {
                // What cannot be applied is faulty.
                let _ = settings.apply(assignment);
            }
            settings
        };
        match self.study.configs.as_slice() {
            [] => vec![start(&[])],
            configs => configs.iter().map(|(_, more)| start(more)).collect(),
        }
    }

    /// What a combination comes to, without its seeds, and what of it cannot be applied.
    fn build(&self, starts: &[Settings], combination: &Combination<'_>) -> (StudyConfig, Vec<StudyError>) {
        let (mut settings, mut errors) = (starts[combination.config.unwrap_or(0)].clone(), Vec::new());
        let mut faulty: Vec<&Assignment> = Vec::new();
        for assignment in combination.assignments.iter().flat_map(|some| some.iter()).chain(&self.overrides) {
            if assignment.faulty {
                errors.extend(check::value(self.study.dialect, assignment));
                faulty.push(assignment);
            } else {
                // Values that a random search draws are seen here for the first time.
                errors.extend(settings.apply(assignment).err().map(type_error));
            }
        }
        let mut axes: Vec<(String, Value)> = Vec::new();
        if let Some(config) = combination.config {
            axes.push(("configs".into(), Value::String(self.study.configs[config].0.clone())));
        }
        for (key, shown) in &combination.axes {
            let used = settings.get(key).filter(|_| !faulty.iter().any(|assignment| assignment.key() == *key));
            let value = used.unwrap_or_else(|| Cow::clone(shown).into_owned());
            match axes.iter_mut().find(|(known, _)| setting_name(known) == setting_name(key)) {
                Some((_, there)) => *there = value,
                None => axes.push(((*key).to_owned(), value)),
            }
        }
        let case = combination.case.iter().map(|name| (*name).to_owned()).collect();
        (StudyConfig { index: 0, case, axes, settings, seeds: Vec::new() }, errors)
    }

    /// What is wrong with a combination as a whole.
    fn check(&self, settings: &Settings, combination: &Combination<'_>) -> Vec<StudyError> {
        match (&self.study.task, settings) {
            (StudyTask::Train(_), Settings::Train(run)) => {
                let Some(error) = check::whole(self.study, run) else { return Vec::new() };
                let more = combination.config.map_or(&[][..], |config| &self.study.configs[config].1);
                let inner = combination.assignments.iter().flat_map(|some| some.iter());
                let all: Vec<&Assignment> =
                    self.study.base.iter().chain(more).chain(inner).chain(&self.overrides).collect();
                check::at_its_settings(error, &self.study.task_place, &all).into_iter().collect()
            }
            (StudyTask::Command(spec), settings) => check::command(spec, settings, &self.study.task_place),
            (StudyTask::Train(_), Settings::Command(_)) => Vec::new(),
        }
    }
}

/// `-o key=value`.
fn assignment(study: &Study, text: &str) -> Result<Assignment, StudyError> {
    let place = Place::Flag("override".into());
    let Some((key, written)) = text.split_once('=').filter(|(key, _)| !key.trim().is_empty()) else {
        let (what, found) = ("--override".into(), format!("`{text}`"));
        let problem = StudyProblem::Wrong { what, expected: "key=value".into(), found };
        return Err(StudyError::at(&Place::Resolved, problem));
    };
    let key = key.trim();
    if key == "seed" {
        let instead = "use --seeds to choose among the study's seeds";
        return Err(StudyError::at(&place, StudyProblem::Reserved { key: key.to_owned(), instead }));
    }
    let value = match &study.task {
        StudyTask::Train(_) => Value::String(written.trim().to_owned()),
        StudyTask::Command(_) => read_value(written, &place)?.resolved()?,
    };
    Ok(Assignment::new(study.dialect.path(key), value, Operation::Replace, &place))
}
