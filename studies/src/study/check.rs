//! The checks on what a study sets: each value by itself, and every combination as a whole.

use std::collections::HashSet;

use aees_run::settings::{ConfigError, KeepCheckpoints, Place, Role, RunConfig};

use super::axis::AxisValues;
use super::command::CommandSpec;
use super::definition::{Search, Study, StudyTask};
use super::error::{StudyError, StudyProblem};
use super::secrets::{self, secret_word};
use super::settings::{Assignment, Dialect, Settings, setting_name};

/// Checks every value that the file or one of its bases gives, used or not.
pub(super) fn assignments(study: &mut Study, errors: &mut Vec<StudyError>) {
    reserved(study, errors);
    let mut seen = HashSet::new();
    let dialect = study.dialect;
    let configs = study.configs.iter_mut().flat_map(|(_, assignments)| assignments);
    for assignment in study.base.iter_mut().chain(configs).chain(study.root.assignments_mut()) {
        let error = value(dialect, assignment);
        assignment.faulty = error.is_some();
        errors.extend(error.filter(|error| seen.insert(error.to_string())));
    }
    if study.search == Search::Grid && study.loop_block.is_none() {
        for axis in study.root.all_axes().iter().filter(|axis| matches!(axis.candidates, AxisValues::Drawn(_))) {
            let reason = "a distribution needs a search: `search: {method: random, n: ...}`, or sobol or tpe".into();
            errors.push(StudyError::at(&axis.place, StudyProblem::Axis { key: axis.keys.join(", "), reason }));
        }
    }
}

/// Type and range of one value.
pub(super) fn value(dialect: Dialect, assignment: &Assignment) -> Option<StudyError> {
    let task = dialect.task?;
    let mut alone = Settings::Train(Box::new(RunConfig::new(task)));
    if let Err(error) = alone.apply(assignment) {
        return Some(type_error(error));
    }
    let Settings::Train(config) = alone else { return None };
    let error = config.validate().err()?;
    // What the value has wrong together with a default is for the combinations to say.
    let key = assignment.key();
    (error.keys() == [setting_name(&key)])
        .then(|| StudyError::at(&assignment.place, StudyProblem::Setting { error, others: Vec::new() }))
}

/// What a study decides itself, or a secret: no proposal sets it.
pub(super) fn not_to_propose(task: &StudyTask, assignment: &Assignment) -> Option<StudyError> {
    let key = assignment.path[0].as_str();
    let instead = match task {
        StudyTask::Train(_) => RunConfig::setting(setting_name(key)).and_then(|setting| setting.instead_in_studies),
        StudyTask::Command(_) => ["seed", "run_dir"].contains(&key).then_some("the loop decides it"),
    };
    let problem = |instead| StudyProblem::Reserved { key: key.to_owned(), instead };
    instead
        .map(|instead| StudyError::at(&assignment.place, problem(instead)))
        .or_else(|| secrets::in_assignment(assignment))
}

/// Settings that a study decides itself.
fn reserved(study: &Study, errors: &mut Vec<StudyError>) {
    const SEEDS: &str = "use `seeds`";
    const RUN_DIR: &str = "the program finds its folder by the place {run_dir}";
    let settings = RunConfig::settings().iter();
    let words: Vec<(&str, &'static str, bool)> = match study.task {
        // A single-run file may be a base, and names its seed.
        StudyTask::Train(_) => settings
            .filter_map(|setting| Some((setting.key, setting.instead_in_studies?, setting.role == Role::Seed)))
            .collect(),
        StudyTask::Command(_) => vec![("seed", SEEDS, false), ("run_dir", RUN_DIR, false)],
    };
    let axes = study.root.all_axes();
    let drawn = axes.iter().filter(|axis| matches!(axis.candidates, AxisValues::Drawn(_)));
    let assigned = study.assignments().map(|assignment| (&assignment.path, &assignment.place));
    let places = assigned.chain(drawn.flat_map(|axis| axis.paths.iter().map(|path| (path, &axis.place))));
    let mut seen = Vec::new();
    for (number, (path, place)) in places.enumerate() {
        let in_base = number < study.base.len();
        let word = words.iter().find(|(key, _, allowed_in_base)| path[0] == *key && !(in_base && *allowed_in_base));
        let word = word.map(|(key, instead, _)| (*key, *instead));
        // An axis is told once, not for each of its values.
        if let Some((key, instead)) = word.or_else(|| path.iter().find_map(|word| secret_word(word)))
            && !seen.contains(&key)
        {
            seen.push(key);
            errors.push(StudyError::at(place, StudyProblem::Reserved { key: key.to_owned(), instead }));
        }
    }
}

pub(super) fn type_error(error: ConfigError) -> StudyError {
    StudyError::at(&Place::Resolved, StudyProblem::Setting { error, others: Vec::new() })
}

/// What is wrong with a whole training configuration, in this study.
pub(super) fn whole(study: &Study, config: &RunConfig) -> Option<ConfigError> {
    config.validate().err().or_else(|| nothing_to_go_on_from(study, config))
}

/// A run that waits at a rung waits with a checkpoint.
fn nothing_to_go_on_from(study: &Study, config: &RunConfig) -> Option<ConfigError> {
    let keeps_none = config.keep_checkpoints == KeepCheckpoints::None;
    (keeps_none && study.policy.prune.is_some()).then(|| ConfigError::Conflict {
        keys: vec!["keep_checkpoints"],
        message:
            "--keep-checkpoints none does not go with `prune`: a run that stops at a rung goes on from its checkpoint."
                .into(),
    })
}

/// What a whole training configuration has wrong, at the places of the settings that it is said of. Of settings
/// whose own value was left out nothing is said.
pub(super) fn at_its_settings(error: ConfigError, task: &Place, places: &[&Assignment]) -> Option<StudyError> {
    let left_out = |key: &&'static str| places.iter().any(|each| each.faulty && setting_name(&each.key()) == *key);
    if error.keys().iter().any(left_out) {
        return None;
    }
    let place_of = |key: &str| {
        let last = places.iter().rev().find(|assignment| setting_name(&assignment.key()) == key)?;
        Some((key.to_owned(), last.place.clone()))
    };
    let mut named = error.keys().iter().filter_map(|key| place_of(key));
    let place = named.next().map_or_else(|| task.clone(), |(_, place)| place);
    let others = named.collect();
    Some(StudyError::at(&place, StudyProblem::Setting { error, others }))
}

/// What a configuration of a foreign program leaves open in its arguments, and settings that it has by two names.
pub(super) fn command(spec: &CommandSpec, settings: &Settings, place: &Place) -> Vec<StudyError> {
    let Settings::Command(config) = settings else { return Vec::new() };
    let mut errors = Vec::new();
    for template in spec.templates() {
        for key in spec.unfilled(template, config) {
            let problem = StudyProblem::Placeholder { argument: template.source(), key: key.to_owned() };
            errors.push(StudyError::at(template.place(), problem));
        }
    }
    if let Some((new, old)) = spec.doubled(config) {
        errors.push(StudyError::at(place, StudyProblem::Doubled { new: new.to_owned(), old: old.to_owned() }));
    }
    errors
}
