//! The checkpoints of runs that are done: large, and of no use to them any more.

use std::fs;
use std::path::{Path, PathBuf};

use aees_run::artifact::FileError;

/// SavedCheckpoints in a run's folder.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct SavedCheckpoints {
    /// The files.
    pub files: Vec<PathBuf>,
    /// Their sizes together.
    pub bytes: u64,
}

impl SavedCheckpoints {
    /// Those of a training run's folder; the best one only where it is asked for. What a foreign program keeps is its own.
    pub fn of(run_directory: &Path, best_too: bool) -> Self {
        let mut found = Self::default();
        if !run_directory.join("config.yaml").is_file() {
            return found;
        }
        for entry in fs::read_dir(run_directory.join("checkpoints")).into_iter().flatten().flatten() {
            let path = entry.path();
            let is_checkpoint = path.extension().is_some_and(|ending| ending == "safetensors");
            let is_best = path.file_name().is_some_and(|name| name == "best.safetensors");
            if let Ok(metadata) = entry.metadata()
                && metadata.is_file()
                && is_checkpoint
                && (best_too || !is_best)
            {
                found.files.push(path);
                found.bytes += metadata.len();
            }
        }
        found.files.sort();
        found
    }

    /// Removes them.
    ///
    /// # Errors
    /// The first file that cannot be removed.
    pub fn remove(&self) -> Result<(), FileError> {
        self.files.iter().try_for_each(|path| fs::remove_file(path).map_err(FileError::at("remove", path)))
    }
}
