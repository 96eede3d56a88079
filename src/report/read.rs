//! Reads results. (being written)

use std::path::PathBuf;

use super::RunRecord;

/// Where results are looked for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Source {
    /// A study of the registry: its folder of results and its name.
    Study {
        /// The root of results.
        root: PathBuf,
        /// The registry.
        registry: PathBuf,
        /// The study.
        name: String,
    },
    /// A folder, searched through and through.
    Folder(PathBuf),
    /// One file.
    File(PathBuf),
}

/// A file that was passed over.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Skipped {
    /// The file.
    pub path: PathBuf,
    /// Why.
    pub reason: String,
}

/// Results, and what was passed over.
#[derive(Debug, Clone, Default)]
pub struct ResultSet {
    /// The results, by path.
    pub runs: Vec<RunRecord>,
    /// What was passed over.
    pub skipped: Vec<Skipped>,
    /// What a reader should know: two results for one seed, and the like.
    pub warnings: Vec<String>,
}

/// Why nothing can be read.
#[derive(Debug, thiserror::Error)]
pub enum ReadError {
    /// Nothing there.
    #[error("{}: no results", path.display())]
    Nothing {
        /// Where.
        path: PathBuf,
    },
}

impl ResultSet {
    /// Reads all results of some sources.
    ///
    /// # Errors
    /// A source that is not there or has no result at all.
    pub fn read(_sources: &[Source]) -> Result<Self, ReadError> {
        Ok(Self::default())
    }
}
