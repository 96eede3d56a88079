//! The known keys of a map in a study file: each read by its name, the others reported with the nearest known one.

use std::str::FromStr;

use aees_run::nearest::nearest;

use super::error::{StudyError, StudyProblem};
use super::keys::{self, StudyKey};
use super::yaml::{Kind, YamlEntry, YamlNode};

/// A map whose keys are known.
pub(super) struct YamlFields<'file> {
    node: &'file YamlNode,
    entries: &'file [YamlEntry],
    within: &'static str,
    errors: &'file mut Vec<StudyError>,
}

impl<'file> YamlFields<'file> {
    /// The map of a node; anything else, and every unknown key, is reported.
    pub(super) fn of(
        node: &'file YamlNode,
        within: &'static str,
        known: &'static [StudyKey],
        errors: &'file mut Vec<StudyError>,
    ) -> Option<Self> {
        Self::with_names(node, within, &keys::names(&[known]), errors)
    }

    /// The same with keys that are no table's.
    pub(super) fn with_names(
        node: &'file YamlNode,
        within: &'static str,
        known: &[&'static str],
        errors: &'file mut Vec<StudyError>,
    ) -> Option<Self> {
        let Kind::Map(entries) = &node.kind else {
            errors.push(wrong(node, &format!("`{within}`"), "a map"));
            return None;
        };
        refuse_unknown(entries, within, known, errors);
        Some(Self { node, entries, within, errors })
    }

    pub(super) fn get(&self, key: &str) -> Option<&'file YamlNode> {
        self.entries.iter().find(|entry| entry.key == key).map(|entry| &entry.value)
    }

    pub(super) fn text(&mut self, key: &str) -> Option<String> {
        self.parse(key, "a text", |text| Some(text.to_owned()))
    }

    /// Reads the scalar of a key; what does not parse is reported.
    pub(super) fn parse<T>(&mut self, key: &str, expected: &str, parse: impl Fn(&str) -> Option<T>) -> Option<T> {
        let node = self.get(key)?;
        let parsed = node.text().and_then(parse);
        if parsed.is_none() {
            self.errors.push(wrong(node, &format!("`{key}` in {}", self.within), expected));
        }
        parsed
    }

    pub(super) fn count<T: FromStr + PartialOrd + Default>(&mut self, key: &str) -> Option<T> {
        self.parse(key, "a whole number above 0", |text| text.parse().ok().filter(|count| *count > T::default()))
    }

    /// Reads one of some words, and what it stands for.
    pub(super) fn word<T: Copy>(&mut self, key: &str, words: &[(&str, T)]) -> Option<T> {
        let find = |text: &str| words.iter().find(|(name, _)| *name == text).map(|(_, value)| *value);
        self.parse(key, &alternatives(words), find)
    }

    pub(super) fn missing(&mut self, key: &'static str, reason: &'static str) {
        self.errors.push(missing(self.node, key, reason));
    }

    pub(super) fn errors(&mut self) -> &mut Vec<StudyError> {
        self.errors
    }
}

/// `one, another or a third`.
pub(super) fn alternatives<T>(words: &[(&str, T)]) -> String {
    let names: Vec<&str> = words.iter().map(|(name, _)| *name).collect();
    match names.as_slice() {
        [first @ .., last] if !first.is_empty() => format!("{} or {last}", first.join(", ")),
        _ => names.concat(),
    }
}

/// Reports every key that is not known.
pub(super) fn refuse_unknown(
    entries: &[YamlEntry],
    within: &str,
    known: &[&'static str],
    errors: &mut Vec<StudyError>,
) {
    for entry in entries.iter().filter(|entry| !known.contains(&entry.key.as_str())) {
        let nearest = nearest(&entry.key, known.iter().copied()).map(str::to_owned);
        let problem = StudyProblem::UnknownKey { key: entry.key.clone(), within: within.to_owned(), nearest };
        errors.push(StudyError::at(&entry.place, problem));
    }
}

/// A value of another kind than expected.
pub(super) fn wrong(node: &YamlNode, what: &str, expected: &str) -> StudyError {
    let problem = StudyProblem::Wrong { what: what.to_owned(), expected: expected.to_owned(), found: node.what() };
    StudyError::at(&node.place, problem)
}

/// A missing key of a map.
pub(super) fn missing(node: &YamlNode, key: &'static str, reason: &'static str) -> StudyError {
    StudyError::at(&node.place, StudyProblem::Missing { key, reason })
}
