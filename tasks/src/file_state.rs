//! What is known of files without reading them, and files as memory.

use std::fs::{self, File};
use std::io;
use std::path::Path;
use std::time::UNIX_EPOCH;

use bytes::Bytes;
use memmap2::Mmap;
use serde_json::{Value, json};

/// Adds names, sizes and times of a file, or of all files so deep below a folder, in the order of their names. None when
/// one cannot be looked at.
pub fn file_states(path: &Path, depth: usize, files: &mut Vec<Value>) -> Option<()> {
    let metadata = fs::metadata(path).ok()?;
    if !metadata.is_dir() {
        let changed = metadata.modified().ok()?.duration_since(UNIX_EPOCH).ok()?;
        files.push(json!([path, metadata.len(), changed.as_nanos().to_string()]));
        return Some(());
    }
    let mut entries: Vec<_> = fs::read_dir(path).ok()?.flatten().map(|entry| entry.path()).collect();
    entries.sort();
    for entry in entries {
        if depth > 0 || !entry.is_dir() {
            file_states(&entry, depth.saturating_sub(1), files)?;
        }
    }
    Some(())
}

/// Maps a file of ours: one that is never changed once it has its name.
pub(crate) fn map_file(path: &Path) -> io::Result<Bytes> {
    let file = File::open(path)?;
    if file.metadata()?.len() == 0 {
        // An empty file cannot be mapped everywhere.
        return Ok(Bytes::new());
    }
    // SAFETY: the mapping is only read, and files of ours are never changed once they have their name: a new one comes by
    // rename, which leaves the mapped one as it was.
    #[allow(unsafe_code, reason = "a mapping cannot be had without it")]
    let map = unsafe { Mmap::map(&file) }?;
    Ok(Bytes::from_owner(map))
}
