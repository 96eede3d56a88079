//! Why a file of a run or of a study cannot be used.

use std::path::{Path, PathBuf};

use aees_run::artifact::FileError;

/// A file that cannot be believed.
#[derive(Debug, thiserror::Error)]
pub enum RecordError {
    /// It cannot be read or written.
    #[error(transparent)]
    File(#[from] FileError),
    /// It is not what it should be.
    #[error("{} is damaged: {reason}", path.display())]
    #[allow(missing_docs)]
    Damaged { path: PathBuf, reason: String },
}

impl RecordError {
    pub(crate) fn damaged(path: &Path, reason: impl ToString) -> Self {
        Self::Damaged { path: path.to_owned(), reason: reason.to_string() }
    }

    /// What is wrong, without the file's name.
    pub(super) fn reason(&self) -> String {
        match self {
            Self::File(error) => error.source.to_string(),
            Self::Damaged { reason, .. } => format!("it is damaged: {reason}"),
        }
    }
}
