//! Where the parts of a loop lie in its folder, and who works in it.

use std::fs::{self, File, TryLockError};
use std::io::{Read, Write};
use std::path::{Path, PathBuf};

use aees_run::artifact::FileError;

use super::error::LoopError;
use crate::disk::Root;
use crate::process::ProcessIdentity;

/// The folder of a loop.
#[derive(Clone, Debug)]
pub struct LoopFolder {
    name: String,
    path: PathBuf,
}

impl LoopFolder {
    /// The folder of a name; nothing is made.
    pub fn new(root: &Root, name: &str) -> Self {
        Self { name: name.to_owned(), path: root.loops().join(name) }
    }

    /// The folder of a loop that is there.
    ///
    /// # Errors
    /// When there is none of the name, with those that there are.
    pub fn find(root: &Root, name: &str) -> Result<Self, LoopError> {
        let folder = Self::new(root, name);
        match folder.state().is_file() {
            true => Ok(folder),
            false => Err(LoopError::Unknown { name: name.to_owned(), known: Self::all(root) }),
        }
    }

    /// The names of all loops below a root.
    pub fn all(root: &Root) -> Vec<String> {
        let entries = fs::read_dir(root.loops()).into_iter().flatten().flatten();
        let folders = entries.filter(|entry| entry.path().join("state.json").is_file());
        let mut names: Vec<String> = folders.map(|entry| entry.file_name().to_string_lossy().into_owned()).collect();
        names.sort();
        names
    }

    /// The loop's name.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The folder itself.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Everything that the loop goes on from.
    pub fn state(&self) -> PathBuf {
        self.path.join("state.json")
    }

    /// A line for each iteration.
    pub fn history(&self) -> PathBuf {
        self.path.join("history.jsonl")
    }

    /// The same as a table.
    pub fn results(&self) -> PathBuf {
        self.path.join("results.tsv")
    }

    /// Where a person writes the next proposal.
    pub fn next_proposal(&self) -> PathBuf {
        self.path.join("next_proposal.json")
    }

    /// What `--proposal-file` named, until it is used.
    pub(super) fn queued_proposal(&self) -> PathBuf {
        self.path.join("queued_proposal.json")
    }

    /// Where a proposal is kept that was used.
    pub(super) fn consumed(&self, iteration: u64, asked: u64, source: &str) -> PathBuf {
        let again = if asked > 0 { format!("-{asked}") } else { String::new() };
        self.path.join("consumed_proposals").join(format!("iter_{iteration:04}{again}.{source}.json"))
    }

    /// What is kept of an iteration.
    pub fn iteration(&self, number: u64) -> PathBuf {
        self.path.join("iterations").join(format!("{number:04}"))
    }

    /// The study that compares a candidate with the incumbent.
    pub fn study(&self, iteration: u64) -> String {
        format!("{}-{iteration:04}", self.name)
    }

    /// The study of an incumbent on fresh seeds, which began at an iteration.
    pub fn incumbent_study(&self, iteration: u64) -> String {
        format!("{}-incumbent-{iteration:04}", self.name)
    }

    pub(super) fn make(&self) -> Result<(), FileError> {
        fs::create_dir_all(&self.path).map_err(FileError::at("make", &self.path))
    }

    fn lock_path(&self) -> PathBuf {
        self.path.join("loop.lock")
    }

    /// Takes the folder for this process.
    ///
    /// # Errors
    /// When another process works in it.
    pub fn lock(&self) -> Result<LoopLock, LoopError> {
        self.make()?;
        let path = self.lock_path();
        let options = File::options().read(true).write(true).create(true).truncate(false).open(&path);
        let mut file = options.map_err(FileError::at("write", &path))?;
        match file.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => {
                let by = self.holder().map(|process| process.pid);
                return Err(LoopError::Busy { name: self.name.clone(), by });
            }
            Err(TryLockError::Error(source)) => return Err(FileError::at("lock", &path)(source).into()),
        }
        let own = serde_json::to_vec(&ProcessIdentity::own()).unwrap_or_default();
        let written = file.set_len(0).and_then(|()| file.write_all(&own));
        written.map_err(FileError::at("write", &path))?;
        Ok(LoopLock { _file: file })
    }

    /// The process that works in the folder; none where nobody does.
    pub fn holder(&self) -> Option<ProcessIdentity> {
        let mut file = File::open(self.lock_path()).ok()?;
        if file.try_lock_shared().is_ok() {
            return None;
        }
        let mut text = Vec::new();
        file.read_to_end(&mut text).ok()?;
        serde_json::from_slice(&text).ok()
    }
}

/// The right to work in a folder. It goes with the process, however that ends.
#[derive(Debug)]
pub struct LoopLock {
    _file: File,
}
