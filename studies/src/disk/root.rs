//! Where things lie below the folder of results.

use std::path::{Path, PathBuf};

use crate::registry::RunId;

/// The folder that holds the registry, the studies and their runs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Root(PathBuf);

impl Root {
    /// A root; nothing is made.
    pub fn new(path: impl Into<PathBuf>) -> Self {
        Self(path.into())
    }

    /// The folder itself.
    pub fn path(&self) -> &Path {
        &self.0
    }

    /// The registry's file.
    pub fn registry(&self) -> PathBuf {
        self.0.join("registry.db")
    }

    /// All runs, below folders named by the first two digits of their ids.
    pub fn runs(&self) -> PathBuf {
        self.0.join("runs")
    }

    /// The folder of a run.
    pub fn run(&self, run: &RunId) -> PathBuf {
        let id = run.to_string();
        self.runs().join(&id[..2]).join(&id)
    }

    /// All studies.
    pub fn studies(&self) -> PathBuf {
        self.0.join("studies")
    }

    /// The folder of a study: its file and what it was resolved to.
    pub fn study(&self, name: &str) -> PathBuf {
        self.studies().join(name)
    }

    /// All loops.
    pub fn loops(&self) -> PathBuf {
        self.0.join("loops")
    }

    /// The records and logs of launches in the background.
    pub fn launches(&self) -> PathBuf {
        self.0.join("launches")
    }
}
