//! Where results are looked for, what was listed there, and why nothing can be read.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use aees_studies::study::StatedPurpose;

/// Where results are looked for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ReportSource {
    /// A study of the registry: its folder of results and its name.
    Study {
        /// The root of results.
        root: PathBuf,
        registry: PathBuf,
        name: String,
    },
    /// A loop: its folder of results and its name.
    Loop {
        /// The root of results.
        root: PathBuf,
        name: String,
    },
    /// A folder, searched through and through.
    Folder(PathBuf),
    /// One file.
    File(PathBuf),
}

/// A file that was passed over.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct SkippedFile {
    pub path: PathBuf,
    pub reason: String,
    /// Whether it is a result that cannot be used, and not something else that lies among results.
    pub damaged: bool,
}

/// Why one file is passed over.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct FileRefusal {
    pub(super) reason: String,
    /// See [`SkippedFile::damaged`].
    pub(super) damaged: bool,
}

impl FileRefusal {
    /// Something that is no result.
    pub(super) fn foreign(reason: impl Into<String>) -> Self {
        Self { reason: reason.into(), damaged: false }
    }
}

/// A result that cannot be used.
impl From<String> for FileRefusal {
    fn from(reason: String) -> Self {
        Self { reason, damaged: true }
    }
}

impl ReportSource {
    /// What the user named.
    pub fn path(&self) -> PathBuf {
        match self {
            Self::Study { name, .. } | Self::Loop { name, .. } => name.into(),
            Self::Folder(path) | Self::File(path) => path.clone(),
        }
    }
}

/// Why nothing can be read.
#[derive(Debug, thiserror::Error)]
pub enum ReadError {
    /// None of the sources has a result.
    #[error("{}: no results{}", path.display(), passed_over(skipped))]
    Nothing {
        path: PathBuf,
        /// What was there instead.
        skipped: Vec<SkippedFile>,
    },
    /// A source that is not there.
    #[error("{} is not there", path.display())]
    Missing { path: PathBuf },
    /// A word that names no study, no folder and no file.
    #[error("`{name}` is no study of {}, and no file or folder", registry.display())]
    UnknownStudy {
        name: String,
        /// The registry that was asked.
        registry: PathBuf,
        /// The studies there are.
        known: Vec<String>,
    },
    /// A study's own files cannot be read.
    #[error("study {name}: {reason}")]
    Study {
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

fn passed_over(skipped: &[SkippedFile]) -> String {
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
pub(super) struct Listing {
    pub(super) files: Vec<PathBuf>,
    pub(super) skipped: Vec<SkippedFile>,
    pub(super) warnings: Vec<String>,
    /// The cases of a study that files are the results of.
    pub(super) cases: BTreeMap<PathBuf, String>,
    /// What studies say that the runs of files are for; none where one says nothing, or another thing than the others.
    pub(super) purposes: BTreeMap<PathBuf, Option<StatedPurpose>>,
    /// Those of studies.
    pub(super) seeds: Option<BTreeSet<i64>>,
}

impl Listing {
    pub(super) fn expect(&mut self, seeds: impl Iterator<Item = u64>) {
        self.seeds.get_or_insert_default().extend(seeds.map(u64::cast_signed));
    }

    /// The result of a run that is a case of a study.
    pub(super) fn result(&mut self, path: PathBuf, case: Option<String>) {
        self.cases.extend(case.map(|case| (path.clone(), case)));
        self.files.push(path);
    }

    /// What one more study says that a run is for.
    pub(super) fn purpose(&mut self, path: PathBuf, said: Option<StatedPurpose>) {
        let known = self.purposes.entry(path).or_insert(said);
        *known = known.filter(|known| Some(*known) == said);
    }

    pub(super) fn skip(&mut self, path: &Path, reason: impl Into<String>) {
        self.skipped.push(SkippedFile { path: path.to_owned(), reason: reason.into(), damaged: false });
    }
}
