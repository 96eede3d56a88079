//! Reads results: of studies, of folders, of single files; ours, and the reference's two kinds.
//!
//! A file is known by what is in it, never by its name: the reference's archives have results without a file extension
//! beside logs and other programs' files. Every key of a result may be absent. What cannot be used is passed over and
//! listed with its reason; what is odd but usable is kept, with a warning.
//!
//! [`find`] says which files to look at, [`document`] reads one, [`understand`] makes a [`RunRecord`] of it.

mod document;
mod find;
mod study;
#[cfg(test)]
mod tests;
mod understand;

use std::collections::{BTreeMap, BTreeSet, HashSet};
use std::fs;
use std::path::{Path, PathBuf};

use rayon::prelude::*;

use super::RunRecord;

/// No result is so large; such a file is not even opened.
const LARGEST_RESULT: u64 = 256 << 20;

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
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
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
    /// What was passed over, by path.
    pub skipped: Vec<Skipped>,
    /// What a reader should know: two results for one seed, and the like.
    pub warnings: Vec<String>,
    /// The seeds that the studies among the sources were planned with, whatever became of the runs, in order. None when no
    /// source is a study.
    pub expected_seeds: Option<Vec<i64>>,
}

/// Results that say they are the same run: one setting, one seed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Duplicates {
    /// The setting, as [`RunRecord::setting`] tells it.
    pub setting: String,
    /// The seed.
    pub seed: i64,
    /// Where they stand in [`ResultSet::runs`]; at least two.
    pub indices: Vec<usize>,
}

/// Why nothing can be read.
#[derive(Debug, thiserror::Error)]
pub enum ReadError {
    /// None of the sources has a result.
    #[error("{}: no results{}", path.display(), passed_over(skipped))]
    Nothing {
        /// The first source.
        path: PathBuf,
        /// What was there instead.
        skipped: Vec<Skipped>,
    },
    /// A source that is not there.
    #[error("{} is not there", path.display())]
    Missing {
        /// The source.
        path: PathBuf,
    },
    /// A word that names no study, no folder and no file.
    #[error("`{name}` is no study of {}, and no file or folder", registry.display())]
    UnknownStudy {
        /// The word.
        name: String,
        /// The registry that was asked.
        registry: PathBuf,
        /// The studies there are.
        known: Vec<String>,
    },
    /// A study's own files cannot be read.
    #[error("study {name}: {reason}")]
    Study {
        /// The study.
        name: String,
        /// What is wrong.
        reason: String,
    },
}

impl ReadError {
    /// What the user can do about it.
    pub fn help(&self) -> Option<String> {
        match self {
            Self::Nothing { .. } => {
                Some("give a study, a folder with run folders or RunResult files, or a file".into())
            }
            Self::UnknownStudy { known, .. } if known.is_empty() => Some("`aees sweep` makes studies".into()),
            Self::UnknownStudy { known, .. } => Some(format!("studies: {}", known.join(", "))),
            Self::Missing { .. } | Self::Study { .. } => None,
        }
    }
}

fn passed_over(skipped: &[Skipped]) -> String {
    match skipped {
        [] => String::new(),
        [only] => format!("; passed over {}: {}", only.path.display(), only.reason),
        [first, ..] => {
            format!("; {} passed over, the first {}: {}", skipped.len(), first.path.display(), first.reason)
        }
    }
}

/// Files to read, and what is known already.
#[derive(Debug, Default)]
struct Found {
    files: Vec<PathBuf>,
    skipped: Vec<Skipped>,
    warnings: Vec<String>,
    /// Those of studies.
    seeds: Option<BTreeSet<i64>>,
}

impl Found {
    fn expect(&mut self, seeds: impl Iterator<Item = u64>) {
        self.seeds.get_or_insert_default().extend(seeds.map(u64::cast_signed));
    }

    fn skip(&mut self, path: &Path, reason: impl Into<String>) {
        self.skipped.push(Skipped { path: path.to_owned(), reason: reason.into() });
    }
}

impl ResultSet {
    /// Reads all results of some sources. A file that several of them name is read once.
    ///
    /// # Errors
    /// A source that is not there, or no result in any of them.
    pub fn read(sources: &[Source]) -> Result<Self, ReadError> {
        let mut found = Found::default();
        for source in sources {
            match source {
                Source::Study { root, registry, name } => study::find(root, registry, name, &mut found)?,
                Source::Folder(path) => find::folder(path, &mut found)?,
                Source::File(path) if !path.exists() => return Err(ReadError::Missing { path: path.clone() }),
                Source::File(path) => found.files.push(path.clone()),
            }
        }
        let mut set = Self::of_files(found);
        if set.runs.is_empty() {
            let path = sources.first().map(Source::path).unwrap_or_default();
            return Err(ReadError::Nothing { path, skipped: set.skipped });
        }
        for twice in set.duplicates() {
            let paths = twice.indices.iter().map(|index| set.runs[*index].path.display().to_string());
            let paths = paths.collect::<Vec<_>>().join(", ");
            let count = twice.indices.len();
            set.warnings.push(format!("{count} results for seed {} of one setting: {paths}", twice.seed));
        }
        Ok(set)
    }

    fn of_files(found: Found) -> Self {
        let Found { mut files, mut skipped, mut warnings, seeds } = found;
        let mut seen = HashSet::new();
        files.sort();
        files.retain(|path| seen.insert(fs::canonicalize(path).unwrap_or_else(|_| path.clone())));
        let outcomes: Vec<_> = files.par_iter().map(|path| (path, read_file(path))).collect();
        let mut runs = Vec::with_capacity(outcomes.len());
        for (path, outcome) in outcomes {
            match outcome {
                Ok((run, about_it)) => {
                    warnings.extend(about_it.into_iter().map(|warning| format!("{}: {warning}", path.display())));
                    runs.push(run);
                }
                Err(reason) => skipped.push(Skipped { path: path.clone(), reason }),
            }
        }
        skipped.sort();
        Self { runs, skipped, warnings, expected_seeds: seeds.map(|seeds| seeds.into_iter().collect()) }
    }

    /// Results of one seed of one setting, wherever they were found. All of them are in [`ResultSet::runs`]: which counts is
    /// for whoever reads them to say, and to tell.
    pub fn duplicates(&self) -> Vec<Duplicates> {
        let mut groups: BTreeMap<(String, i64), Vec<usize>> = BTreeMap::new();
        for (index, run) in self.runs.iter().enumerate() {
            groups.entry((run.setting(), run.seed)).or_default().push(index);
        }
        let several = groups.into_iter().filter(|(_, indices)| indices.len() > 1);
        several.map(|((setting, seed), indices)| Duplicates { setting, seed, indices }).collect()
    }
}

impl Source {
    /// What the user named.
    pub fn path(&self) -> PathBuf {
        match self {
            Self::Study { name, .. } => name.into(),
            Self::Folder(path) | Self::File(path) => path.clone(),
        }
    }
}

/// One result, with what is odd about it, or why it is none.
fn read_file(path: &Path) -> Result<(RunRecord, Vec<String>), String> {
    understand::understand(path, document::parse(&bytes_of(path)?)?)
}

/// One result and its bytes, as JSON: null in the place of Python's NaN. For those who need what a record does not keep.
pub(super) fn read_with(path: &Path) -> Result<(RunRecord, Vec<u8>), String> {
    let bytes = bytes_of(path)?;
    let (run, _) = understand::understand(path, document::parse(&bytes)?)?;
    Ok((run, aees_run::json::without_words(&bytes).unwrap_or(bytes)))
}

fn bytes_of(path: &Path) -> Result<Vec<u8>, String> {
    let size = fs::metadata(path).map_err(|error| format!("cannot be read: {error}"))?.len();
    if size > LARGEST_RESULT {
        return Err(format!("{} MiB are too much for a result", size >> 20));
    }
    document::looks_like_json(path)?;
    fs::read(path).map_err(|error| format!("cannot be read: {error}"))
}
