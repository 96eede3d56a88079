//! Where a task's data comes from: the value of `--data`.

use std::path::PathBuf;

use serde::Serialize;

/// The value of `--data`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum DataSource {
    /// Local files under the data root, then whatever the task knows to look for next.
    Auto,
    /// This file or folder.
    Path(PathBuf),
    /// Data made on the spot, the same on every machine.
    Synthetic,
}

impl From<&str> for DataSource {
    /// `auto`, `synthetic`, anything else is a path. Write `./auto` for a folder of that name.
    fn from(text: &str) -> Self {
        match text {
            "auto" => Self::Auto,
            "synthetic" => Self::Synthetic,
            _ => Self::Path(text.into()),
        }
    }
}

/// What was read in the end, for logs and for `aees data`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub enum DataOrigin {
    /// Files in one layout.
    Files {
        /// `binary`, `python`, `parquet`, `tsv` or `csv`.
        layout: &'static str,
        /// The files of both splits, train first, in the order in which they were joined.
        files: Vec<PathBuf>,
    },
    /// Tables of the Hugging Face hub, from its cache.
    Hub {
        /// The repository, `OWNER/NAME`.
        repository: String,
        /// The commit.
        revision: String,
        /// The files of both splits, train first.
        files: Vec<PathBuf>,
    },
    /// Made on the spot.
    Synthetic {
        /// The generator's seed.
        seed: u64,
    },
}
