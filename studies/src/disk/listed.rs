//! What lies in a folder.

use std::fs;
use std::path::{Path, PathBuf};

use aees_run::artifact::{FileError, if_there};

/// What lies in a folder, in order; nothing if it is not there.
pub(crate) fn listed(folder: &Path) -> Result<Vec<PathBuf>, FileError> {
    let entries = if_there(fs::read_dir(folder)).map_err(FileError::at("list", folder))?;
    let paths = entries.into_iter().flatten().map(|entry| entry.map(|entry| entry.path()));
    let mut paths = paths.collect::<Result<Vec<_>, _>>().map_err(FileError::at("list", folder))?;
    paths.sort();
    Ok(paths)
}
