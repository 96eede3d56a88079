//! The data sets of the tasks on the Hugging Face hub: which repository, which folder, which splits.
//!
//! The hub keeps a split in one parquet table or several (`SPLIT-00000-of-00002.parquet`, ...), so the listing of the
//! repository says which files there are. Reading them is the business of each task.

use std::path::PathBuf;

use crate::hub::{DownloadProgress, Hub, HubError, RepoId};

/// The branch that is asked for.
const REVISION: &str = "main";

/// A data set on the hub.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct HubDataset {
    /// The repository.
    pub id: &'static str,
    /// The folder of the tables in it.
    pub folder: &'static str,
    /// The splits that are wanted.
    pub splits: [&'static str; 2],
}

/// The hub, and who is told about downloads.
pub struct HubAccess<'a> {
    /// The client.
    pub hub: &'a Hub,
    /// Who is told.
    pub progress: &'a mut dyn DownloadProgress,
}

/// The tables of a data set on this machine.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HubSnapshot {
    /// The commit that they are of.
    pub commit: String,
    /// The folder that they lie in.
    pub folder: PathBuf,
    /// The tables, by split and number.
    pub files: Vec<PathBuf>,
}

impl HubDataset {
    /// Brings the tables of all splits into the cache, unless they are there.
    ///
    /// # Errors
    /// When a table is neither in the cache nor to be had.
    pub fn fetch(&self, access: &mut HubAccess<'_>) -> std::result::Result<HubSnapshot, HubError> {
        let HubAccess { hub, progress } = access;
        let repo = RepoId::dataset(self.id)?;
        let listing = hub.list(&repo, REVISION, *progress)?;
        let mut files = Vec::new();
        for split in self.splits {
            let start = format!("{}/{split}-", self.folder);
            let tables = listing.files.iter().map(String::as_str);
            let mut tables: Vec<&str> =
                tables.filter(|path| path.starts_with(&start) && path.ends_with(".parquet")).collect();
            let only = format!("{start}00000-of-00001.parquet");
            if tables.is_empty() {
                // Asking for the usual name gives the error that names what is missing.
                tables.push(&only);
            }
            // A cache that stands in for the hub may hold some tables only; asking for all of them finds that out.
            for path in all_of(&start, &tables) {
                files.push(hub.file(&repo, &listing.commit, &path, *progress)?.path);
            }
        }
        hub.remember(&repo, REVISION, &listing.commit)?;
        let folder = files.first().and_then(|file| file.parent()).map(PathBuf::from).unwrap_or_default();
        Ok(HubSnapshot { commit: listing.commit, folder, files })
    }
}

/// The tables that belong together, by what their names say: `train-00000-of-00002.parquet` stands for two.
fn all_of(start: &str, tables: &[&str]) -> Vec<String> {
    let count = |table: &&str| table.strip_prefix(start)?.strip_suffix(".parquet")?.split_once("-of-")?.1.parse().ok();
    match tables.iter().find_map(count) {
        // More than there can be would be a name of another kind.
        Some(count @ 1..100_000_u32) => {
            (0..count).map(|number| format!("{start}{number:05}-of-{count:05}.parquet")).collect()
        }
        _ => tables.iter().map(|table| (*table).to_owned()).collect(),
    }
}

#[cfg(test)]
mod tests {
    use super::all_of;

    #[test]
    fn one_table_of_several_stands_for_all() {
        let both = ["data/train-00000-of-00002.parquet", "data/train-00001-of-00002.parquet"];
        assert_eq!(all_of("data/train-", &both[1..]), both);
        assert_eq!(all_of("data/train-", &both), both);
        assert_eq!(all_of("data/train-", &["data/train-all.parquet"]), ["data/train-all.parquet"]);
    }
}
