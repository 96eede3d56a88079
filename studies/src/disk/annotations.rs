//! Tags and notes of runs: words of the user, beside the registry and no part of any result.
//!
//! All of them are in one file, `annotations.json`, so that a list of many runs reads one file. A change reads it, changes it
//! and writes it whole, under a lock.

use std::collections::{BTreeMap, BTreeSet};
use std::fs::File;
use std::io;
use std::path::PathBuf;

use aees_run::artifact::{FileError, write_atomically};
use serde::{Deserialize, Serialize};

use super::error::RecordError;
use super::records::read_json_if_any;
use super::root::Root;
use crate::registry::RunId;

/// What a user says of a run.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Annotation {
    /// Words to find it by.
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    pub tags: BTreeSet<String>,
    /// What it is about.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub note: Option<String>,
}

impl Annotation {
    /// The tags in a line.
    pub fn tags_told(&self) -> String {
        self.tags.iter().map(String::as_str).collect::<Vec<_>>().join(" ")
    }
}

/// What a user says of all runs, by their full ids.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Annotations(BTreeMap<String, Annotation>);

impl Annotations {
    /// What is said of a run.
    pub fn of(&self, run: &RunId) -> Annotation {
        self.0.get(run.full()).cloned().unwrap_or_default()
    }

    /// Reads them; none where nothing was ever said.
    ///
    /// # Errors
    /// When the file is damaged.
    pub fn read(root: &Root) -> Result<Self, RecordError> {
        Ok(read_json_if_any(&path(root))?.unwrap_or_default())
    }

    /// Changes what is said of some runs, and gives what is said now.
    ///
    /// # Errors
    /// When the file is damaged or cannot be written.
    pub fn change(root: &Root, runs: &[RunId], change: impl Fn(&mut Annotation)) -> Result<Self, RecordError> {
        let path = path(root);
        let lock_path = path.with_extension("lock");
        let lock = File::create(&lock_path).map_err(FileError::at("write", &lock_path))?;
        lock.lock().map_err(FileError::at("lock", &lock_path))?;
        let mut all = Self::read(root)?;
        for run in runs {
            let annotation = all.0.entry(run.full().to_owned()).or_default();
            change(annotation);
            if *annotation == Annotation::default() {
                all.0.remove(run.full());
            }
        }
        let text = serde_json::to_vec_pretty(&all).map_err(|error| FileError::at("write", &path)(error.into()))?;
        write_atomically(&path, |out| io::Write::write_all(out, &text))?;
        Ok(all)
    }
}

fn path(root: &Root) -> PathBuf {
    root.path().join("annotations.json")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn changes_from_many_sides_are_all_there() {
        let folder = tempfile::tempdir().unwrap();
        let root = Root::new(folder.path());
        let run: RunId = "ab".repeat(32).parse().unwrap();
        std::thread::scope(|scope| {
            for side in 0..8 {
                let (root, run) = (&root, std::slice::from_ref(&run));
                scope.spawn(move || {
                    let add = |annotation: &mut Annotation| {
                        annotation.tags.insert(format!("t{side}"));
                    };
                    Annotations::change(root, run, add).unwrap();
                });
            }
        });
        assert_eq!(Annotations::read(&root).unwrap().of(&run).tags.len(), 8);
        let gone = Annotations::change(&root, &[run], |annotation| annotation.tags.clear()).unwrap();
        assert_eq!(gone, Annotations::default());
    }
}
