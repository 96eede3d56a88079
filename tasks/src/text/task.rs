//! Which text tasks there are.

use aees_run::settings::TaskName;

use super::format::{EvaluatedFile, TextFormat};
use super::{agnews, sst2};
use crate::dataset_info::DatasetInfo;
use crate::hub_data::HubDataset;

/// A task that classifies sentences.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum TextTask {
    /// Sentiment of phrases: 2 classes.
    Sst2,
    /// Topics of news: 4 classes.
    AgNews,
}

/// One of a task's two files.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum TaskFile {
    /// The training file.
    Train,
    /// The development or test file.
    Evaluated,
}

impl TextTask {
    /// All text tasks.
    pub const ALL: [Self; 2] = [Self::Sst2, Self::AgNews];

    /// The name on the command line.
    pub fn name(self) -> &'static str {
        self.dataset().name
    }

    /// The data set on the hub.
    pub fn hub(self) -> HubDataset {
        self.format().hub
    }

    /// The text task of this name; none for images.
    pub fn of(task: TaskName) -> Option<Self> {
        Self::ALL.into_iter().find(|text| text.task() == task)
    }

    /// The task.
    pub fn task(self) -> TaskName {
        match self {
            Self::Sst2 => TaskName::Sst2,
            Self::AgNews => TaskName::AgNews,
        }
    }

    /// What is known of its data set.
    pub fn dataset(self) -> &'static DatasetInfo {
        &self.format().dataset
    }

    /// Whether the validation split is held out of the training file.
    pub(crate) fn holds_out(self) -> bool {
        self.format().evaluated == EvaluatedFile::Test
    }

    pub(super) fn format(self) -> &'static TextFormat {
        match self {
            Self::Sst2 => &sst2::FORMAT,
            Self::AgNews => &agnews::FORMAT,
        }
    }
}
