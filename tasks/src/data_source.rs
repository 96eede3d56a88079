//! Where a task's data comes from: the value of `--data`.

use std::fmt;
use std::path::{Path, PathBuf};

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

impl fmt::Display for DataOrigin {
    /// The file, the folder that all files lie in, or the repository with its commit.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Files { files, .. } => write!(f, "{}", place(files).display()),
            Self::Hub { repository, revision, .. } => {
                write!(f, "{repository}@{}", revision.get(..12).unwrap_or(revision))
            }
            Self::Synthetic { .. } => f.write_str("synthetic"),
        }
    }
}

fn place(files: &[PathBuf]) -> &Path {
    let Some((first, others)) = files.split_first() else { return Path::new("") };
    let holds_all = |folder: &&Path| others.iter().all(|file| file.starts_with(folder));
    let place = first.ancestors().find(holds_all).unwrap_or(first);
    // They lie in the folder where the program runs.
    if place.as_os_str().is_empty() { Path::new(".") } else { place }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_origin_is_told_as_the_place_that_holds_all_of_it() {
        let files = |names: &[&str]| {
            DataOrigin::Files { layout: "binary", files: names.iter().map(PathBuf::from).collect() }.to_string()
        };
        assert_eq!(files(&["data/cifar100/train.bin", "data/cifar100/test.bin"]), "data/cifar100");
        assert_eq!(files(&["a/data/train.bin", "a/data-2/test.bin"]), "a");
        assert_eq!(files(&["cifar-100-python.tar.gz"]), "cifar-100-python.tar.gz");
        assert_eq!(files(&["train.bin", "test.bin"]), ".");
        let hub =
            DataOrigin::Hub { repository: "uoft-cs/cifar100".into(), revision: "a".repeat(40), files: Vec::new() };
        assert_eq!(hub.to_string(), "uoft-cs/cifar100@aaaaaaaaaaaa");
    }
}
