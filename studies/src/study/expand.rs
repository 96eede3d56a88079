//! From a study to its settings: every combination built, checked, told apart from its duplicates, and numbered.

use std::borrow::Cow;
use std::collections::HashMap;

use aees_run::settings::Place;
use serde_json::Value;

use super::block::{Combination, Order};
use super::check::{self, type_error};
use super::definition::{Search, Study, StudyTask};
use super::error::{StudyError, StudyErrors, StudyProblem};
use super::expansion::{Duplicate, Expansion, Overrides, SeedSlot, StudyConfig, label};
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
        let filter = Filter::parse(self, overrides);
        let expander = Expander::new(self, overrides);
        let (filter, expander) = match (filter, expander) {
            (Ok(filter), Ok(expander)) => (filter, expander),
            (filter, expander) => {
                let of_filter = filter.err().into_iter().flatten();
                return Err(StudyErrors(
                    of_filter.chain(expander.err().into_iter().flat_map(|errors| errors.0)).collect(),
                ));
            }
        };
        let mut expansion = expander.settings()?;
        self.check_runs(expansion.settings.len() as u128)?;
        for (position, setting) in expansion.settings.iter_mut().enumerate() {
            let first = position * self.seeds.len();
            let slots = self.seeds.iter().enumerate();
            setting.seeds = slots.map(|(offset, seed)| SeedSlot { seed: *seed, index: first + offset }).collect();
        }
        expansion.all_settings = expansion.settings.len();
        expansion.all_runs = expansion.all_settings * self.seeds.len();
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
    let found = Expander::new(study, &Overrides::default()).and_then(|expander| expander.settings().map(|_| ()));
    let Err(found) = found else { return };
    let mut merged = MergedErrors::of(std::mem::take(errors));
    found.0.into_iter().for_each(|error| merged.merge(error));
    *errors = merged.into_errors();
}

/// Builds the settings of a study.
struct Expander<'study> {
    study: &'study Study,
    overrides: Vec<Assignment>,
}

/// A combination as it came out.
struct Combined {
    settings: Settings,
    axes: Vec<(String, Value)>,
}

impl<'study> Expander<'study> {
    fn new(study: &'study Study, overrides: &Overrides) -> Result<Self, StudyErrors> {
        let parsed = overrides.set.iter().map(|text| assignment(study, text));
        let (mut assignments, mut errors) = (Vec::new(), Vec::new());
        for parsed in parsed {
            match parsed {
                Ok(assignment) => {
                    match check::value(study.dialect, &assignment).or_else(|| secrets::in_assignment(&assignment)) {
                        Some(error) => errors.push(error),
                        None => assignments.push(assignment),
                    }
                }
                Err(error) => errors.push(error),
            }
        }
        if errors.is_empty() { Ok(Self { study, overrides: assignments }) } else { Err(StudyErrors(errors)) }
    }

    /// The settings without their seeds, and without filters.
    fn settings(&self) -> Result<Expansion, StudyErrors> {
        let study = self.study;
        let combinations = self.combinations()?;
        let starts = self.starts();
        let mut report = MergedErrors::default();
        let mut hits = vec![0_usize; study.exclude.len()];
        let mut seen: HashMap<String, usize> = HashMap::with_capacity(combinations.len());
        let mut expansion = Expansion {
            settings: Vec::with_capacity(combinations.len()),
            all_settings: 0,
            all_runs: 0,
            duplicates: Vec::new(),
            excluded: 0,
            warnings: Vec::new(),
            became: Vec::with_capacity(combinations.len()),
        };
        for (number, (config, combination)) in combinations.iter().enumerate() {
            let (combined, mut errors) = self.build(*config, &starts, combination);
            if let Some(rule) = study.exclude.iter().position(|rule| rule.matches(&combined.settings)) {
                hits[rule] += 1;
                expansion.excluded += 1;
                expansion.became.push(None);
                continue;
            }
            errors.extend(self.check(&combined.settings, *config, combination));
            let axes = || combined.axes.iter().map(|(key, value)| (key.as_str(), value));
            for error in errors {
                report.add(error, || format!("#{number} {}", label(&combination.case, axes())));
            }
            let key = config_key(&study.task, &combined.settings);
            if let Some(of) = seen.get(&key) {
                expansion.became.push(Some(*of));
                expansion.duplicates.push(Duplicate { label: label(&combination.case, axes()), of: *of });
                continue;
            }
            let index = expansion.settings.len();
            seen.insert(key, index);
            expansion.became.push(Some(index));
            let case = combination.case.iter().map(|name| (*name).to_owned()).collect();
            expansion.settings.push(StudyConfig {
                index,
                case,
                axes: combined.axes,
                settings: combined.settings,
                seeds: Vec::new(),
            });
        }
        let errors = report.finish(combinations.len());
        if !errors.is_empty() {
            return Err(StudyErrors(errors));
        }
        let unused = study.exclude.iter().zip(hits).filter(|(_, hits)| *hits == 0);
        expansion
            .warnings
            .extend(unused.map(|(rule, _)| format!("{}this rule of `exclude` matches nothing", rule.place)));
        Ok(expansion)
    }

    /// The combinations in order, each with the index of its configuration.
    fn combinations(&self) -> Result<Vec<(Option<usize>, Combination<'study>)>, StudyErrors> {
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
        let configs: Vec<Option<usize>> =
            if study.configs.is_empty() { vec![None] } else { (0..study.configs.len()).map(Some).collect() };
        let grid = study.root.grid(study.order);
        Ok(if study.order == Order::FirstFastest {
            grid.into_iter().flat_map(|inner| configs.iter().map(move |config| (*config, inner.clone()))).collect()
        } else {
            let inner = |config: &Option<usize>| {
                let config = *config;
                grid.iter().map(move |inner| (config, inner.clone()))
            };
            configs.iter().flat_map(inner).collect()
        })
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

    fn build(
        &self,
        config: Option<usize>,
        starts: &[Settings],
        combination: &Combination<'_>,
    ) -> (Combined, Vec<StudyError>) {
        let (mut settings, mut errors) = (starts[config.unwrap_or(0)].clone(), Vec::new());
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
        if let Some(config) = config {
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
        (Combined { settings, axes }, errors)
    }

    /// What is wrong with a combination as a whole.
    fn check(&self, settings: &Settings, config: Option<usize>, combination: &Combination<'_>) -> Vec<StudyError> {
        match (&self.study.task, settings) {
            (StudyTask::Train(_), Settings::Train(run)) => {
                if check::whole(self.study, run).is_none() {
                    return Vec::new();
                }
                let more = config.map_or(&[][..], |config| &self.study.configs[config].1);
                let inner = combination.assignments.iter().flat_map(|some| some.iter());
                let all: Vec<&Assignment> =
                    self.study.base.iter().chain(more).chain(inner).chain(&self.overrides).collect();
                check::training(self.study, run, &all).into_iter().collect()
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
    Ok(Assignment { path: study.dialect.path(key), value, operation: Operation::Replace, place, faulty: false })
}
