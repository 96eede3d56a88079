//! The folders that fill up by themselves: the hub's cache, data of runs, compiled kernels. How large they are, and how to
//! make them smaller.

use std::fs;
use std::path::{Path, PathBuf};

use aees_train::engine::engines;
use indicatif::{HumanBytes, HumanCount};
use serde_json::json;

use super::diagnosis::Diagnosis;

/// Files that are counted at most, so that a huge cache on a slow disk does not hold up the answer.
const MOST_FILES: u64 = 200_000;

/// The folders that runs read and fill by default.
const FOLDERS: [(&str, &str); 2] = [("data", "data"), ("results", "results")];

pub(super) fn diagnoses(hub: Option<&Path>) -> Vec<Diagnosis> {
    let hub = hub.map(|folder| ("hub cache".to_owned(), folder.to_owned()));
    let own = FOLDERS.iter().map(|(subject, folder)| ((*subject).to_owned(), PathBuf::from(folder)));
    let kernels = engines().iter().flat_map(|engine| {
        let folders = engine.caches().into_iter();
        folders.map(|folder| (format!("kernels of {}", engine.name()), folder))
    });
    hub.into_iter().chain(own).chain(kernels).map(|(subject, folder)| diagnosis(subject, &folder)).collect()
}

fn diagnosis(subject: String, folder: &Path) -> Diagnosis {
    let shown = folder.display();
    let size = match Size::of(folder) {
        Ok(Some(size)) => size,
        Ok(None) => {
            let facts = json!({"folder": folder, "bytes": 0, "files": 0});
            return Diagnosis::fine(subject, format!("{shown}: not there yet")).with(facts);
        }
        Err(error) => {
            let text = format!("{shown} cannot be read: {error}");
            return Diagnosis::wrong(subject, text, "give this user the right to read it, or name another folder");
        }
    };
    let Size { bytes, files, whole } = size;
    let at_least = if whole { "" } else { "at least " };
    let s = if files == 1 { "" } else { "s" };
    let text = format!("{shown}: {at_least}{} in {} file{s}", HumanBytes(bytes), HumanCount(files));
    Diagnosis::fine(subject, text).with(json!({"folder": folder, "bytes": bytes, "files": files, "whole": whole}))
}

/// What a folder holds. Links are not followed: the hub's cache has each file once, and many links to it.
struct Size {
    bytes: u64,
    files: u64,
    /// Whether all of it was counted.
    whole: bool,
}

impl Size {
    /// None if there is no such folder. What cannot be read below it is not counted.
    fn of(folder: &Path) -> std::io::Result<Option<Self>> {
        let entries = match fs::read_dir(folder) {
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(None),
            entries => entries?,
        };
        let mut size = Self { bytes: 0, files: 0, whole: true };
        let mut left: Vec<fs::ReadDir> = vec![entries];
        while let Some(mut entries) = left.pop() {
            while let Some(entry) = entries.next() {
                let Some((entry, about)) = entry.ok().and_then(|entry| Some((entry.path(), entry.metadata().ok()?)))
                else {
                    size.whole = false;
                    continue;
                };
                if size.files >= MOST_FILES {
                    size.whole = false;
                    return Ok(Some(size));
                }
                if about.is_file() {
                    size.files += 1;
                    size.bytes = size.bytes.saturating_add(about.len());
                } else if about.is_dir() {
                    match fs::read_dir(entry) {
                        Ok(inner) => {
                            left.push(entries);
                            entries = inner;
                        }
                        Err(_) => size.whole = false,
                    }
                }
            }
        }
        Ok(Some(size))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn files_are_counted_once_and_links_not_at_all() {
        let folder = tempfile::tempdir().unwrap();
        fs::create_dir_all(folder.path().join("a/b")).unwrap();
        fs::write(folder.path().join("a/b/blob"), [0; 70]).unwrap();
        fs::write(folder.path().join("top"), [0; 30]).unwrap();
        #[cfg(unix)]
        std::os::unix::fs::symlink(folder.path(), folder.path().join("a/round")).unwrap();
        let size = Size::of(folder.path()).unwrap().unwrap();
        assert_eq!((size.bytes, size.files, size.whole), (100, 2, true));
        assert!(Size::of(&folder.path().join("none")).unwrap().is_none());
        assert!(Size::of(&folder.path().join("top")).is_err());
    }
}
