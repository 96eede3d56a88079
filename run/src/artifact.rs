//! Files that matter, written so that they are there whole or not at all: temporary name in the same folder, sync, rename.

use std::fs::{self, File};
use std::hash::{BuildHasher, RandomState};
use std::io::{self, BufWriter, Write};
use std::path::{Path, PathBuf};
use std::sync::LazyLock;
use std::sync::atomic::{AtomicU64, Ordering};

/// A file that could not be written or read, with its path.
#[allow(missing_docs, reason = "a field's name says it")]
#[derive(Debug, thiserror::Error)]
#[error("cannot {action} {path}: {source}", path = path.display())]
pub struct FileError {
    pub action: &'static str,
    pub path: PathBuf,
    pub source: io::Error,
}

impl FileError {
    /// Names the action and the file of an [`io::Error`].
    pub fn at(action: &'static str, path: &Path) -> impl FnOnce(io::Error) -> Self {
        let path = path.to_owned();
        move |source| Self { action, path, source }
    }

    /// Whether there is no room to write.
    pub fn is_disk_full(&self) -> bool {
        matches!(self.source.kind(), io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded)
    }

    /// What the user can do about it.
    pub fn help(&self) -> Option<String> {
        match self.source.kind() {
            io::ErrorKind::PermissionDenied => Some("check who owns it and its folder, or name another".into()),
            io::ErrorKind::NotADirectory => Some("a folder in this path is a file: name another".into()),
            io::ErrorKind::AlreadyExists if self.action == "make" => Some("it is a file: name a folder".into()),
            _ if self.is_disk_full() => Some("the disk is full: free some space, then run the command again".into()),
            _ => None,
        }
    }
}

/// What an operation on a file or folder gave; none where there is none.
///
/// # Errors
/// Any other failure.
pub fn if_there<T>(done: io::Result<T>) -> io::Result<Option<T>> {
    match done {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        done => done.map(Some),
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

/// Writes `path`, whose folder must be there. Whatever stood there is untouched until the rename; a failed write leaves
/// nothing. A write that a kill cut off leaves `.NAME.<process>-<writer>-<number>.tmp` beside it.
///
/// # Errors
/// Any failure of the file system.
pub fn write_whole(path: &Path, content: impl FnOnce(&mut dyn Write) -> io::Result<()>) -> io::Result<()> {
    let temporary = temporary_name(path);
    let result = write_and_sync(&temporary, content).and_then(|()| fs::rename(&temporary, path));
    if result.is_err() {
        // The first error is the one to report; this only tidies up.
        let _ = fs::remove_file(&temporary);
    }
    result?;
    sync_folder_of(path);
    Ok(())
}

/// Makes a rename in the folder of `path` durable. Not every file system can; the file's own bytes are safe either way.
pub fn sync_folder_of(path: &Path) {
    if let Some(folder) = path.parent().and_then(|folder| File::open(folder).ok()) {
        let _ = folder.sync_all();
    }
}

/// A name that no finished file has and no other writer uses, in this process or another, on this host or another that
/// shares the folder: process numbers repeat between hosts and containers, a writer's random number does not.
fn temporary_name(path: &Path) -> PathBuf {
    static WRITES: AtomicU64 = AtomicU64::new(0);
    static WRITER: LazyLock<u64> = LazyLock::new(|| RandomState::new().hash_one(std::process::id()));
    let name = path.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
    let write = WRITES.fetch_add(1, Ordering::Relaxed);
    path.with_file_name(format!(".{name}.{}-{:016x}-{write}.tmp", std::process::id(), *WRITER))
}

fn write_and_sync(path: &Path, content: impl FnOnce(&mut dyn Write) -> io::Result<()>) -> io::Result<()> {
    let mut writer = BufWriter::with_capacity(1 << 20, File::create(path)?);
    content(&mut writer)?;
    writer.into_inner().map_err(io::IntoInnerError::into_error)?.sync_all()
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
        assert!(error.help().unwrap().contains("disk is full"));
        assert_eq!(fs::read(&path).unwrap(), b"old");
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1);
    }
}
