//! What can go wrong between a path and a data set, with the place where it went wrong and what to do about it.
//!
//! Paths inside an archive are written as `ARCHIVE/MEMBER`.

use std::fmt;
use std::path::{Path, PathBuf};

use crate::hub::HubError;

/// The result of anything that reads or builds a data set.
pub type DataResult<T> = std::result::Result<T, DataError>;

/// Why a data set could not be read or built.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum DataError {
    /// `--data auto` found nothing: for which task, and where it looked.
    #[error("{0}; give their place with --data PATH, or use --data synthetic")]
    NothingFound(String),
    /// The path that was asked for does not exist.
    #[error("{}: no such file or folder", .0.display())]
    MissingPath(PathBuf),
    /// The operating system refused to read a file or folder.
    #[error("{path}: cannot be read: {1}", path = .0.display())]
    Read(PathBuf, #[source] std::io::Error),
    /// A file or folder that is not what it should be, and how it differs.
    #[error("{path}: {1}", path = .0.display())]
    Unusable(PathBuf, String),
    /// A row of a file that is not what it should be, and how it differs.
    #[error("{path}, {1}: {2}", path = .0.display())]
    UnusableRow(PathBuf, RowPlace, String),
    /// Two files that cannot both be the data: which, and why.
    #[error("{0}")]
    Conflict(String),
    /// A limit, hold-out or label noise that the task or its examples cannot have.
    #[error("{0}")]
    Setting(String),
    /// A file that was refused, of a task whose files should be something else.
    #[error("{0}")]
    Refused(Box<DataError>, String),
    /// The hub or its cache.
    #[error(transparent)]
    Hub(Box<HubError>),
}

/// Where a row stands in its file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RowPlace {
    /// The line on which the row begins, from 1, the header counted.
    Line(u64),
    /// The row of a binary table, from 0.
    Record(usize),
}

impl fmt::Display for RowPlace {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Line(line) => write!(formatter, "line {line}"),
            Self::Record(record) => write!(formatter, "record {record}"),
        }
    }
}

impl DataError {
    /// What the user can do about it.
    pub fn help(&self) -> Option<String> {
        match self {
            Self::NothingFound(_) | Self::MissingPath(_) => Some("`--data synthetic` needs no files at all".into()),
            Self::Refused(_, expected) => Some(expected.clone()),
            Self::Hub(error) => error.help(),
            _ => None,
        }
    }

    /// Names the command that fetches what is not in the hub's cache; other errors stay as they are.
    #[must_use]
    pub fn fetched_by(self, command: impl Into<String>) -> Self {
        match self {
            Self::Hub(error) => error.fetched_by(command).into(),
            other => other,
        }
    }

    /// Says what layout a refused file should have had, and how to get such files; other errors stay as they are.
    pub(crate) fn expecting(self, layouts: &str, task: &str) -> Self {
        match self {
            Self::NothingFound(_) | Self::Setting(_) | Self::Refused(..) | Self::Hub(_) => self,
            refused => {
                let instead = if matches!(refused, Self::MissingPath(_)) {
                    "`--data synthetic` needs no files at all; "
                } else {
                    ""
                };
                let advice = format!(
                    "{instead}expected is {layouts}; `aees data fetch {task}` brings such files, and --data auto finds them \
                     there"
                );
                Self::Refused(Box::new(refused), advice)
            }
        }
    }

    pub(crate) fn unusable(path: &Path, reason: impl Into<String>) -> Self {
        Self::Unusable(path.to_owned(), reason.into())
    }

    /// A compressed stream, archive, pickle, table or image that contradicts itself. `layer` says which.
    pub(crate) fn damaged(path: &Path, layer: &str, reason: impl fmt::Display) -> Self {
        Self::unusable(path, format!("damaged {layer}: {reason}"))
    }

    /// A file without a single record.
    pub(crate) fn no_records(path: &Path) -> Self {
        Self::unusable(path, "holds no records")
    }

    pub(crate) fn in_row(path: &Path, place: RowPlace, reason: impl Into<String>) -> Self {
        Self::UnusableRow(path.to_owned(), place, reason.into())
    }
}

impl From<HubError> for DataError {
    fn from(error: HubError) -> Self {
        Self::Hub(Box::new(error))
    }
}

/// Paths in a sentence.
pub(crate) fn list<'a>(paths: impl IntoIterator<Item = &'a PathBuf>) -> String {
    let shown: Vec<String> = paths.into_iter().map(|path| path.display().to_string()).collect();
    shown.join(", ")
}

/// The first names of a long list: a message must fit on a screen.
pub(crate) fn names<S: AsRef<str>>(found: &[S]) -> String {
    const SHOWN: usize = 12;
    let shown: Vec<&str> = found.iter().take(SHOWN).map(AsRef::as_ref).collect();
    match found.len() {
        0 => "nothing".to_owned(),
        count if count <= SHOWN => shown.join(", "),
        count => format!("{}, and {} more", shown.join(", "), count - SHOWN),
    }
}
