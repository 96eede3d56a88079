//! What the settings of a study start from: files, maps in place, and files that have a base themselves.

use std::path::{Path, PathBuf};

use aees_run::settings::Place;

use super::error::{StudyError, StudyProblem};
use super::fields::wrong;
use super::secrets;
use super::settings::{Assignment, Dialect};
use super::yaml::{Kind, YamlEntry, YamlNode, read_map};

/// More files than the bases of any study are; bases of bases could otherwise be read exponentially often.
const MAX_FILES: usize = 1000;

/// Reads bases, relative to the files that name them.
pub(super) struct BaseReader<'study> {
    dialect: Dialect,
    errors: &'study mut Vec<StudyError>,
    /// The files being read, from the study on.
    open: Vec<PathBuf>,
    read: usize,
}

impl<'study> BaseReader<'study> {
    pub(super) fn new(study: &Path, dialect: Dialect, errors: &'study mut Vec<StudyError>) -> Self {
        Self { dialect, errors, open: vec![study.to_owned()], read: 0 }
    }

    /// The assignments of a base: a path, a map, or a list of both, the later over the earlier.
    pub(super) fn read(&mut self, node: &YamlNode) -> Vec<Assignment> {
        match &node.kind {
            Kind::List(items) => items.iter().flat_map(|item| self.read(item)).collect(),
            Kind::Map(entries) => self.dialect.assignments(entries, self.errors),
            Kind::Scalar { .. } => match node.text() {
                Some(path) => self.file(path, &node.place),
                None => {
                    self.errors.push(wrong(node, "a base", "a path or a map"));
                    Vec::new()
                }
            },
        }
    }

    fn file(&mut self, written: &str, place: &Place) -> Vec<Assignment> {
        let folder = self.open.last().and_then(|path| path.parent()).unwrap_or(Path::new(""));
        let path = folder.join(written);
        if let Some(first) = self.open.iter().position(|open| same_file(open, &path)) {
            let chain = self.open[first..].iter().cloned().chain([path]).collect();
            self.errors.push(StudyError::at(place, StudyProblem::BaseCycle { chain }));
            return Vec::new();
        }
        self.read += 1;
        if self.read > MAX_FILES {
            self.errors.push(StudyError::at(place, StudyProblem::TooManyValues { limit: MAX_FILES }));
            return Vec::new();
        }
        let entries = match read_map(&path) {
            Ok(entries) => entries,
            Err(mut errors) => {
                // A file that is not there is the fault of who names it.
                for error in errors.iter_mut().filter(|error| matches!(*error.problem, StudyProblem::Read { .. })) {
                    error.place = place.clone();
                }
                self.errors.append(&mut errors);
                return Vec::new();
            }
        };
        self.errors.extend(secrets::in_entries(&entries));
        self.open.push(path);
        let mut assignments = Vec::new();
        if let Some(base) = entries.iter().find(|entry| entry.key == "base") {
            assignments = self.read(&base.value);
        }
        self.check_task(&entries);
        let own: Vec<YamlEntry> = entries.into_iter().filter(|entry| !self.is_about_the_file(&entry.key)).collect();
        assignments.extend(self.dialect.assignments(&own, self.errors));
        self.open.pop();
        assignments
    }

    /// A single-run file names its task; the configuration of a foreign program may use the word as it likes.
    fn is_about_the_file(&self, key: &str) -> bool {
        key == "base" || (key == "task" && self.dialect.task.is_some())
    }

    fn check_task(&mut self, entries: &[YamlEntry]) {
        let Some(task) = self.dialect.task else { return };
        let Some(named) = entries.iter().find(|entry| entry.key == "task") else { return };
        if named.value.text() != Some(task.name()) {
            let problem = StudyProblem::OtherTask { found: named.value.what(), task: task.name().to_owned() };
            self.errors.push(StudyError::at(&named.value.place, problem));
        }
    }
}

fn same_file(one: &Path, other: &Path) -> bool {
    one == other || matches!((one.canonicalize(), other.canonicalize()), (Ok(one), Ok(other)) if one == other)
}
