//! Errors of many combinations, each told once with the number of those that have it.

use std::collections::HashMap;

use super::error::{Affected, StudyError};

/// Combinations that are named for an error; the others are counted.
const SHOWN: usize = 3;

/// Errors of combinations, equal ones merged.
#[derive(Default)]
pub(super) struct MergedErrors {
    pub(super) errors: Vec<StudyError>,
    index: HashMap<String, usize>,
}

impl MergedErrors {
    /// These errors, to which those of combinations are added.
    pub(super) fn of(errors: Vec<StudyError>) -> Self {
        let index = errors.iter().enumerate().map(|(index, error)| (key(error), index)).collect();
        Self { errors, index }
    }

    /// Adds an error of one combination.
    pub(super) fn add(&mut self, error: StudyError, label: impl FnOnce() -> String) {
        let index = self.insert(error);
        let none = Affected { count: 0, total: 0, first: Vec::new() };
        let affected = self.errors[index].affected.get_or_insert(none);
        affected.count += 1;
        if affected.first.len() < SHOWN {
            affected.first.push(label());
        }
    }

    /// Adds an error that was merged before.
    pub(super) fn merge(&mut self, error: StudyError) {
        let affected = error.affected.clone();
        let index = self.insert(error);
        self.errors[index].affected = affected;
    }

    fn insert(&mut self, error: StudyError) -> usize {
        *self.index.entry(key(&error)).or_insert_with(|| {
            self.errors.push(error);
            self.errors.len() - 1
        })
    }

    /// The errors, each with the number of combinations that there are.
    pub(super) fn finish(mut self, total: usize) -> Vec<StudyError> {
        for error in &mut self.errors {
            if let Some(affected) = &mut error.affected {
                affected.total = total;
            }
        }
        self.errors
    }
}

fn key(error: &StudyError) -> String {
    format!("{}{}", error.place, error.problem)
}
