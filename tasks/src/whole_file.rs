//! A file that is there whole or not at all: temporary name in the same folder, sync, rename.

use std::fs::{self, File};
use std::io::{self, BufWriter, Write};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};

/// Writes `path`, whose folder must be there. Whatever stood there is untouched until the rename; a failed write leaves
/// nothing. A write that a kill cut off leaves `.NAME.<process>-<number>.tmp` beside it.
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

/// A name that no finished file has and no other writer uses, in this process or another.
fn temporary_name(path: &Path) -> PathBuf {
    static WRITES: AtomicU64 = AtomicU64::new(0);
    let name = path.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
    let write = WRITES.fetch_add(1, Ordering::Relaxed);
    path.with_file_name(format!(".{name}.{}-{write}.tmp", std::process::id()))
}

fn write_and_sync(path: &Path, content: impl FnOnce(&mut dyn Write) -> io::Result<()>) -> io::Result<()> {
    let mut writer = BufWriter::with_capacity(1 << 20, File::create(path)?);
    content(&mut writer)?;
    writer.into_inner().map_err(io::IntoInnerError::into_error)?.sync_all()
}
