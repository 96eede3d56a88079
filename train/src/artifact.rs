//! Files that matter, written so that they are there whole or not at all.

use std::fs;
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use aees_tasks::write_whole;

/// A file that could not be written or read, with its path.
#[derive(Debug, thiserror::Error)]
#[error("cannot {action} {path}: {source}", path = path.display())]
pub struct FileError {
    /// What was tried: `write`, `read`, ...
    pub action: &'static str,
    /// The file.
    pub path: PathBuf,
    /// Why it failed.
    pub source: io::Error,
}

impl FileError {
    /// Names the action and the file of an [`io::Error`].
    pub fn at(action: &'static str, path: &Path) -> impl FnOnce(io::Error) -> Self {
        let path = path.to_owned();
        move |source| Self { action, path, source }
    }

    /// What the user can do about it.
    pub fn help(&self) -> Option<String> {
        match self.source.kind() {
            io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => Some(
                "the disk is full: free some space, then continue with --resume; earlier checkpoints are untouched"
                    .into(),
            ),
            io::ErrorKind::PermissionDenied => {
                Some("check who owns the folder, or choose another with --run-dir".into())
            }
            _ => None,
        }
    }
}

/// Writes a file under a temporary name in the same folder, syncs it and renames it over `path`.
///
/// Whatever stood at `path` is untouched until the rename; a failed write leaves nothing behind.
///
/// # Errors
/// Any failure of the file system, with the path.
pub fn write_atomically(path: &Path, write: impl FnOnce(&mut dyn Write) -> io::Result<()>) -> Result<(), FileError> {
    write_whole(path, write).map_err(FileError::at("write", path))
}

/// Whether a name is that of a write that was cut off by a kill.
pub(crate) fn is_leftover(name: &str) -> bool {
    name.starts_with('.') && name.ends_with(".tmp")
}

/// Removes what writes that were cut off left in a folder. Only for a folder that no other process writes into.
pub(crate) fn remove_leftovers(folder: &Path) {
    for entry in fs::read_dir(folder).into_iter().flatten().flatten() {
        if is_leftover(&entry.file_name().to_string_lossy()) {
            // It takes up space and harms nobody: not worth an error.
            let _ = fs::remove_file(entry.path());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_failed_write_keeps_the_old_file_and_leaves_no_other() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("result.json");
        write_atomically(&path, |out| out.write_all(b"old")).unwrap();
        let error = write_atomically(&path, |out| {
            out.write_all(b"half of the n")?;
            Err(io::Error::from(io::ErrorKind::StorageFull))
        })
        .unwrap_err();
        assert!(error.to_string().contains("result.json"), "{error}");
        assert!(error.help().unwrap().contains("--resume"));
        assert_eq!(fs::read(&path).unwrap(), b"old");
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1);
    }
}
