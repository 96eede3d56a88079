//! Where a task's data comes from: the value of `--data`.

use std::fmt;
use std::path::PathBuf;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

/// The value of `--data`.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(from = "String", into = "String")]
pub enum DataSource {
    /// Local files under the data root, then whatever the task knows to look for next.
    #[default]
    Auto,
    /// This file or folder.
    Path(PathBuf),
    /// Data made on the spot, the same on every machine.
    Synthetic,
}

impl From<String> for DataSource {
    fn from(text: String) -> Self {
        match text.as_str() {
            "auto" => Self::Auto,
            "synthetic" => Self::Synthetic,
            _ => Self::Path(text.into()),
        }
    }
}

impl From<DataSource> for String {
    fn from(source: DataSource) -> Self {
        source.to_string()
    }
}

impl FromStr for DataSource {
    type Err = std::convert::Infallible;

    /// `auto`, `synthetic`, anything else is a path. Write `./auto` for a folder of that name.
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        Ok(text.to_owned().into())
    }
}

impl fmt::Display for DataSource {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Auto => formatter.write_str("auto"),
            Self::Path(path) => path.display().fmt(formatter),
            Self::Synthetic => formatter.write_str("synthetic"),
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
