//! Which text tasks there are.

use super::format::TextFormat;
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
    #[must_use]
    pub fn name(self) -> &'static str {
        self.facts().name
    }

    /// The data set on the hub.
    #[must_use]
    pub fn hub(self) -> HubDataset {
        self.format().hub
    }

    pub(super) fn facts(self) -> &'static DatasetInfo {
        &self.format().facts
    }

    pub(super) fn format(self) -> &'static TextFormat {
        match self {
            Self::Sst2 => &sst2::FORMAT,
            Self::AgNews => &agnews::FORMAT,
        }
    }
}
