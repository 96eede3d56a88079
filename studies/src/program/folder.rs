//! The folder of a run: its lock, what a dead worker left in it, and whether its result is published.

use std::fs::{self, File, TryLockError};
use std::io;
use std::path::{Path, PathBuf};
use std::thread;
use std::time::{Duration, Instant};

use aees_run::artifact::FileError;
use rustix::io::{FdFlags, fcntl_setfd};
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::{Step, failed};
use crate::process::{Descendants, ProcessIdentity, boot_id};

/// The published result.
const RESULT: &str = "result.json";

/// The task of all foreign programs.
pub(super) const TASK_NAME: &str = "command";

/// Where a `result.json` goes that a program put there.
const FOREIGN_RESULT: &str = "result.from-program.json";

/// A locked folder. The lock goes with the last handle to its file, a program's and its descendants' among them.
#[derive(Debug)]
pub(super) struct RunFolder {
    path: PathBuf,
    run_id: String,
    lock: File,
}

/// What was found in a folder.
#[derive(Debug)]
pub(super) enum Entered {
    /// Nobody works in it, and there is no result.
    Locked(RunFolder),
    /// The run's result is there.
    Published,
    /// Another process works in it.
    Busy,
}

/// `program.json`: whose program has the lock, so that it can be ended when its worker is dead.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct ProgramRecord {
    /// The program, the first of its process group.
    pub(super) program: ProcessIdentity,
    /// The process that watches the program.
    pub(super) worker: ProcessIdentity,
    /// What the program and its descendants have in their environments.
    pub(super) marks: Vec<String>,
}

impl RunFolder {
    /// Makes the folder if need be and locks it, after ending the program of a dead worker, for which it waits `patience`.
    pub(super) fn enter(path: &Path, run_id: &str, patience: Duration) -> Step<Entered> {
        let path = std::path::absolute(path).map_err(FileError::at("find", path))?;
        if is_published(&path, run_id) {
            return Ok(Entered::Published);
        }
        fs::create_dir_all(&path).map_err(FileError::at("make", &path))?;
        let Some(lock) = lock_or_end_orphan(&path, patience)? else { return Ok(Entered::Busy) };
        let folder = Self { path, run_id: run_id.to_owned(), lock };
        // A stale record would let others end our program for a dead worker's.
        folder.forget_program();
        // It may have been published while we came to the lock.
        if is_published(&folder.path, run_id) {
            return Ok(Entered::Published);
        }
        folder.set_aside_foreign_result()?;
        remove_leftovers(&folder.path);
        Ok(Entered::Locked(folder))
    }

    /// The folder, absolute.
    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    /// A file in the folder.
    pub(super) fn file(&self, name: &str) -> PathBuf {
        self.path.join(name)
    }

    /// The published result.
    pub(super) fn result(&self) -> PathBuf {
        self.file(RESULT)
    }

    /// Whether programs that are started now inherit the lock.
    pub(super) fn let_inherit(&self, inherit: bool) -> Step<()> {
        let flags = if inherit { FdFlags::empty() } else { FdFlags::CLOEXEC };
        fcntl_setfd(&self.lock, flags)
            .map_err(|error| failed("io", format!("cannot hand the lock of {}: {error}", self.path.display()), None))
    }

    /// Writes who works here. Only of use until the next boot, so it is not made durable.
    pub(super) fn record_program(&self, record: &ProgramRecord) -> io::Result<()> {
        fs::write(record_path(&self.path), serde_json::to_vec(record)?)
    }

    /// Removes the record; best effort, because the next process removes it too.
    pub(super) fn forget_program(&self) {
        let _ = fs::remove_file(record_path(&self.path));
    }

    /// Renames a `result.json` that is not ours: its presence would tell that the run is published.
    pub(super) fn set_aside_foreign_result(&self) -> Step<()> {
        let result = self.result();
        if is_published(&self.path, &self.run_id) {
            return Ok(());
        }
        match fs::rename(&result, self.file(FOREIGN_RESULT)) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => Err(FileError::at("rename", &result)(error))?,
            _ => Ok(()),
        }
    }
}

/// Whether a `result.json` is there that this module wrote for this run. Programs like that name too.
fn is_published(path: &Path, run_id: &str) -> bool {
    let text = fs::read(path.join(RESULT)).unwrap_or_default();
    let result: Value = serde_json::from_slice(&text).unwrap_or_default();
    result["run_id"] == run_id && result["task_name"] == TASK_NAME
}

fn record_path(path: &Path) -> PathBuf {
    path.join("program.json")
}

/// The lock; none when a living worker, or a process that cannot be ended, has it.
fn lock_or_end_orphan(path: &Path, patience: Duration) -> Result<Option<File>, FileError> {
    let lock_path = path.join("run.lock");
    let lock = File::create(&lock_path).map_err(FileError::at("write", &lock_path))?;
    let since = Instant::now();
    loop {
        match lock.try_lock() {
            Ok(()) => return Ok(Some(lock)),
            Err(TryLockError::Error(source)) => return Err(FileError::at("lock", &lock_path)(source)),
            Err(TryLockError::WouldBlock) => {}
        }
        // Read anew each time: the lock may have gone to a living worker meanwhile.
        match holder(path) {
            Some(record) if !is_orphan(&record) => return Ok(None),
            Some(record) => Descendants::new(&record.program, record.marks).kill(),
            // Somebody begins or ends just now.
            None => {}
        }
        if since.elapsed() > patience {
            return Ok(None);
        }
        thread::sleep(Duration::from_millis(10));
    }
}

/// Whose program works in a folder; none also while the record is being written.
fn holder(path: &Path) -> Option<ProgramRecord> {
    serde_json::from_slice(&fs::read(record_path(path)).ok()?).ok()
}

/// Whether a program's worker is dead. The holder of a lock who is of another boot is on another machine.
fn is_orphan(record: &ProgramRecord) -> bool {
    record.worker.boot_id == boot_id() && !record.worker.is_alive()
}

/// Removes what writes that were cut off left.
fn remove_leftovers(path: &Path) {
    for entry in fs::read_dir(path).into_iter().flatten().flatten() {
        let name = entry.file_name();
        let name = name.to_string_lossy();
        // As `write_atomically` names them, for the files that are written so. A program's own are its own.
        if name.ends_with(".tmp") && (name.starts_with(".result.json.") || name.starts_with(".identity.json.")) {
            let _ = fs::remove_file(entry.path());
        }
    }
}
