//! What a task says of its runs: a line for each thing that happened, in a file that only it writes.
//!
//! A run's folder tells whether it is done. That it failed, how often, and that it ran out of time is told here, for the task
//! itself when it begins again and for who collects.

use std::collections::HashMap;
use std::fs::{self, File, OpenOptions};
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use aees_run::artifact::{FileError, if_there};
use serde::{Deserialize, Serialize};

use crate::disk::listed;
use crate::registry::system_clock;

/// What happened to a run.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum TaskNote {
    /// Its worker was started.
    Began,
    /// Its result is published.
    Done,
    /// It failed, and is tried again.
    TriedAgain(FailureNote),
    /// It failed for good.
    Failed(FailureNote),
    /// The task's time was over before it was.
    OutOfTime,
    /// It was stopped, and this task does not take it up again.
    Stopped {
        /// Why.
        why: String,
    },
}

/// A failure.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct FailureNote {
    pub(super) class: String,
    pub(super) message: String,
}

#[derive(Serialize, Deserialize)]
struct JournalLine {
    at: i64,
    run: String,
    note: TaskNote,
}

/// What a run's lines come to.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct RunNotes {
    /// Workers that were started.
    pub(super) began: u32,
    /// Failures after which it was tried again.
    pub(super) retries: u32,
    /// How often its task's time was over.
    pub(super) out_of_time: u32,
    /// The last line.
    pub(super) last: Option<TaskNote>,
}

impl RunNotes {
    fn take(&mut self, note: TaskNote) {
        match note {
            TaskNote::Began => self.began += 1,
            TaskNote::TriedAgain(_) => self.retries += 1,
            TaskNote::OutOfTime => self.out_of_time += 1,
            TaskNote::Done | TaskNote::Failed(_) | TaskNote::Stopped { .. } => {}
        }
        self.last = Some(note);
    }

    /// Whether a worker had it when its task was last heard of.
    pub(super) fn is_open(&self) -> bool {
        matches!(self.last, Some(TaskNote::Began))
    }
}

/// A task's journal, open for its next lines.
pub(super) struct Journal {
    path: PathBuf,
    file: File,
    notes: HashMap<String, RunNotes>,
}

impl Journal {
    /// Opens a task's journal, with what it said before.
    pub(super) fn open(path: &Path) -> Result<Self, FileError> {
        let mut notes = HashMap::new();
        read_into(path, &mut notes)?;
        let mut file = OpenOptions::new().create(true).append(true).open(path).map_err(FileError::at("write", path))?;
        // Whatever a kill cut off ends here.
        if fs::read(path).is_ok_and(|text| text.last().is_some_and(|last| *last != b'\n')) {
            file.write_all(b"\n").map_err(FileError::at("write", path))?;
        }
        Ok(Self { path: path.to_owned(), file, notes })
    }

    /// What was said of a run.
    pub(super) fn of(&self, run: &str) -> RunNotes {
        self.notes.get(run).cloned().unwrap_or_default()
    }

    /// Adds a line.
    pub(super) fn add(&mut self, run: &str, note: TaskNote) -> Result<(), FileError> {
        let line = JournalLine { at: system_clock(), run: run.to_owned(), note };
        let written = serde_json::to_vec(&line).map_err(io::Error::from).and_then(|mut text| {
            text.push(b'\n');
            self.file.write_all(&text).and_then(|()| self.file.sync_data())
        });
        written.map_err(FileError::at("write", &self.path))?;
        self.notes.entry(line.run).or_default().take(line.note);
        Ok(())
    }
}

/// What all journals of a launch say of its runs.
pub(super) fn read_journals(folder: &Path) -> Result<HashMap<String, RunNotes>, FileError> {
    let mut notes = HashMap::new();
    listed(folder)?.iter().try_for_each(|path| read_into(path, &mut notes))?;
    Ok(notes)
}

/// A line that a kill cut off says nothing.
fn read_into(path: &Path, notes: &mut HashMap<String, RunNotes>) -> Result<(), FileError> {
    let text = if_there(fs::read_to_string(path)).map_err(FileError::at("read", path))?.unwrap_or_default();
    for line in text.lines().filter_map(|line| serde_json::from_str::<JournalLine>(line).ok()) {
        notes.entry(line.run).or_default().take(line.note);
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_that_was_cut_off_is_no_line_and_spoils_no_other() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("1-0.jsonl");
        let mut journal = Journal::open(&path).unwrap();
        journal.add("a", TaskNote::Began).unwrap();
        drop(journal);
        let whole = fs::read(&path).unwrap();
        fs::write(&path, [&whole[..], b"{\"at\":3,\"ru"].concat()).unwrap();
        let mut journal = Journal::open(&path).unwrap();
        assert_eq!(journal.of("a").began, 1);
        journal.add("a", TaskNote::OutOfTime).unwrap();
        let notes = read_journals(folder.path()).unwrap();
        assert_eq!((notes["a"].began, notes["a"].out_of_time, notes["a"].is_open()), (1, 1, false));
    }
}
