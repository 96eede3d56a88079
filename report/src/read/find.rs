//! Which files of a folder may be results.
//!
//! In a run's own folder that is `result.json` and nothing else; in any other folder it is every file. Hidden files, and
//! folders of checkpoints and TensorBoard, are never looked into.

use std::collections::HashSet;
use std::fs;
use std::path::{Path, PathBuf};

use super::source::{Listing, ReadError};
use super::study;

/// Files that only a run's own folder has.
const SIGNS_OF_A_RUN: [&str; 2] = ["config.yaml", "identity.json"];

/// Folders that hold no results.
const WITHOUT_RESULTS: [&str; 2] = ["checkpoints", "tensorboard"];

/// What lies beside a registry and is not a run.
const BESIDE_A_REGISTRY: [&str; 7] =
    ["registry.db", "registry.db-shm", "registry.db-wal", "registry.lock", "studies", "loops", "launches"];

/// All files of a folder that may be results.
pub(super) fn folder(path: &Path, listing: &mut Listing) -> Result<(), ReadError> {
    if !path.is_dir() {
        return Err(ReadError::Missing { path: path.to_owned() });
    }
    let before = (listing.files.len(), listing.skipped.len());
    search(path, listing, &mut HashSet::new());
    if before == (listing.files.len(), listing.skipped.len()) {
        listing.skip(path, "the folder is empty");
    }
    Ok(())
}

fn search(folder: &Path, listing: &mut Listing, visited: &mut HashSet<PathBuf>) {
    // A link may lead back to a folder above.
    if !visited.insert(fs::canonicalize(folder).unwrap_or_else(|_| folder.to_owned())) {
        return;
    }
    let listed = fs::read_dir(folder).and_then(Iterator::collect::<Result<Vec<_>, _>>);
    let entries = match listed {
        Ok(entries) => entries,
        Err(error) => return listing.skip(folder, format!("cannot be listed: {error}")),
    };
    let mut paths: Vec<PathBuf> =
        entries.iter().map(fs::DirEntry::path).filter(|path| !name_of(path).starts_with('.')).collect();
    paths.sort();
    let has = |name: &str| paths.iter().any(|path| name_of(path) == name);
    let has_registry = has("registry.db");
    if SIGNS_OF_A_RUN.into_iter().any(has) {
        match has("result.json") {
            true => listing.files.push(folder.join("result.json")),
            false => listing.skip(folder, "no result.json: the run is not done"),
        }
        return;
    }
    if has("studies") {
        study::purposes(folder, listing);
    }
    for path in paths {
        let name = name_of(&path);
        if has_registry && BESIDE_A_REGISTRY.contains(&&*name) {
            continue;
        }
        if !path.is_dir() {
            listing.files.push(path);
        } else if !WITHOUT_RESULTS.contains(&&*name) {
            search(&path, listing, visited);
        }
    }
}

fn name_of(path: &Path) -> String {
    path.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default()
}
