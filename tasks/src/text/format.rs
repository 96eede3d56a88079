//! How the files of a text task look.

use std::path::Path;

use crate::dataset_info::DatasetInfo;
use crate::error::{DataError, RowPlace, names};
use crate::hub_data::HubDataset;

/// How a task's files look.
#[derive(Debug)]
pub(super) struct TextFormat {
    pub(super) dataset: DatasetInfo,
    /// The column of the text in the hub's tables and in TSV files. The label's is `label`.
    pub(super) text_column: &'static str,
    /// The layout of plain-text files.
    pub(super) layout: FileLayout,
    /// The second file that the task needs.
    pub(super) evaluated: EvaluatedFile,
    /// The hub's table, for messages where another task's file should be.
    pub(super) hub_table: &'static str,
    pub(super) hub: HubDataset,
    /// The layouts, for messages.
    pub(super) layouts: &'static str,
}

/// A layout of plain-text files.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum FileLayout {
    /// GLUE's: a header, tabs, no quotes, labels from 0.
    Tsv,
    /// AG News': class, title, description, in quotes; classes from 1.
    Csv,
}

/// The file beside the train file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum EvaluatedFile {
    /// `dev` or `validation`, evaluated after each epoch.
    Validation,
    /// `test`; the validation split is held out of the train file.
    Test,
}

impl EvaluatedFile {
    /// For messages.
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Validation => "dev or validation",
            Self::Test => "test",
        }
    }

    /// The words of file names.
    pub(super) fn words(self) -> &'static [&'static str] {
        match self {
            Self::Validation => &["dev", "validation", "valid", "val"],
            Self::Test => &["test"],
        }
    }
}

impl TextFormat {
    /// A file of another task.
    pub(super) fn other_task(&self, path: &Path, found: &str) -> DataError {
        DataError::unusable(path, format!("looks like {found}, expected {}", self.layouts))
    }
}

/// A header without a column that the task needs. `hint` says what the file may be.
pub(super) fn missing_column<S: AsRef<str>>(path: &Path, column: &str, found: &[S], hint: &str) -> DataError {
    let reason = format!("no column \"{column}\"; the header has {}{hint}", names(found));
    DataError::in_row(path, RowPlace::Line(1), reason)
}

/// A row with more or fewer fields than the others.
pub(super) fn wrong_field_count(
    path: &Path,
    place: RowPlace,
    expected: usize,
    found: usize,
    layout: &str,
) -> DataError {
    DataError::in_row(path, place, format!("{found} fields, expected {expected} ({layout})"))
}
