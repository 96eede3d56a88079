//! Which text tasks there are, and how their files look.

use crate::hub_data::HubDataset;
use crate::register::TaskEntry;

/// A task that classifies sentences.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum TextTask {
    /// Sentiment of phrases: 2 classes.
    Sst2,
    /// Topics of news: 4 classes.
    AgNews,
}

impl TextTask {
    /// All text tasks.
    pub const ALL: [Self; 2] = [Self::Sst2, Self::AgNews];

    /// The task in the register of tasks.
    #[must_use]
    pub fn entry(self) -> &'static TaskEntry {
        self.format().entry
    }

    /// The text task of that name.
    #[must_use]
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|task| task.entry().name == name)
    }

    /// The data set on the hub.
    #[must_use]
    pub fn hub(self) -> HubDataset {
        self.format().hub
    }

    pub(crate) fn format(self) -> &'static TextFormat {
        match self {
            Self::Sst2 => &crate::sst2::FORMAT,
            Self::AgNews => &crate::agnews::FORMAT,
        }
    }
}

/// How a task's files look.
#[derive(Debug)]
pub(crate) struct TextFormat {
    pub(crate) entry: &'static TaskEntry,
    /// The names that the task's folder may have, lower case.
    pub(crate) folders: &'static [&'static str],
    /// The column of the text in the hub's tables and in TSV files. The label's is `label`.
    pub(crate) text_column: &'static str,
    /// The layout of plain-text files.
    pub(crate) table: TextTable,
    /// The second file that the task needs.
    pub(crate) evaluated: EvaluatedFile,
    /// The hub's table, for messages where another task's file should be.
    pub(crate) hub_table: &'static str,
    /// The data set on the hub.
    pub(crate) hub: HubDataset,
    /// The layouts, for messages.
    pub(crate) layouts: &'static str,
}

/// A layout of plain-text files.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum TextTable {
    /// GLUE's: a header, tabs, no quotes, labels from 0.
    Tsv,
    /// AG News': class, title, description, in quotes; classes from 1.
    Csv,
}

/// The file beside the train file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum EvaluatedFile {
    /// `dev` or `validation`, evaluated after each epoch.
    Validation,
    /// `test`; the validation split is held out of the train file.
    Test,
}

impl EvaluatedFile {
    /// For messages.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Validation => "dev or validation",
            Self::Test => "test",
        }
    }

    /// The words of file names.
    pub(crate) fn words(self) -> &'static [&'static str] {
        match self {
            Self::Validation => &["dev", "validation", "valid", "val"],
            Self::Test => &["test"],
        }
    }
}
