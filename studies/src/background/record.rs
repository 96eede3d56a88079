//! Who a launch is and what became of it, as its folder and the kernel tell.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::time::UNIX_EPOCH;

use aees_run::artifact::{FileError, if_there};
use serde::{Deserialize, Serialize, de::DeserializeOwned};

use super::error::BackgroundError;
use crate::disk::{Root, log_end, write_json};
use crate::process::{Family, Liveness, ProcessIdentity};
use crate::registry::system_clock;

/// Bytes from the end of a log in which its last lines are looked for.
pub(super) const LOG_END: u64 = 8 * 1024;

/// The parts of a launch in its folder.
pub(super) const RECORD: &str = "launch.json";
pub(super) const LOG: &str = "log.txt";
pub(super) const ENDED: &str = "ended.json";

/// Who a launch is: `launch.json`, written once by the launched process.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct LaunchRecord {
    /// The name of its folder: study, date and four random digits.
    pub id: String,
    /// The study, or what else it was launched for.
    pub label: String,
    /// What the program was asked to do.
    pub arguments: Vec<String>,
    /// Where.
    pub working_directory: PathBuf,
    /// The launched process.
    pub process: ProcessIdentity,
    /// Its session: its own number.
    pub session: u32,
    /// What its environment has, and that of all processes that it starts: `AEES_LAUNCH=` and its folder.
    pub mark: String,
    /// Milliseconds UTC.
    pub started_at: i64,
    /// The version of the program.
    pub version: String,
}

/// How a launch ended: `ended.json`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct EndRecord {
    pub(super) exit_code: u8,
    pub(super) at: i64,
}

/// What became of a launch.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LaunchState {
    /// Its process is alive.
    Running,
    /// It ended with this code, at this time.
    Ended {
        /// 137 when it had to be killed.
        exit_code: u8,
        /// Milliseconds UTC.
        at: i64,
    },
    /// It is gone and had no time to say why: killed, or the machine was started anew.
    Died,
}

/// A launch on disk.
#[derive(Debug, Clone)]
pub struct Launch {
    /// Who it is.
    pub record: LaunchRecord,
    directory: PathBuf,
}

impl Launch {
    /// What is true now.
    pub fn state(&self) -> LaunchState {
        // In this order: a process that ends between the two questions has left its last word.
        let dead = self.record.process.liveness() == Liveness::Dead;
        match read_json::<EndRecord>(&self.directory.join(ENDED)) {
            Ok(end) => LaunchState::Ended { exit_code: end.exit_code, at: end.at },
            Err(_) if dead => LaunchState::Died,
            Err(_) => LaunchState::Running,
        }
    }

    /// How long it ran or has been running, in milliseconds. One that died did so after it last printed something.
    pub fn milliseconds(&self, state: LaunchState) -> i64 {
        let until = match state {
            LaunchState::Running => system_clock(),
            LaunchState::Ended { at, .. } => at,
            LaunchState::Died => last_change(&self.log()).unwrap_or(self.record.started_at),
        };
        (until - self.record.started_at).max(0)
    }

    /// Its log.
    pub fn log(&self) -> PathBuf {
        self.directory.join(LOG)
    }

    /// The last line of its log that says something; empty when there is none.
    pub fn last_line(&self) -> String {
        let end = log_end(&self.log(), LOG_END);
        let line = end.lines().rev().map(readable).find(|line| !line.is_empty());
        line.unwrap_or_default()
    }

    /// Says how it ended, unless it did so itself.
    pub(super) fn record_end_if_silent(&self, exit_code: u8) -> Result<(), BackgroundError> {
        if self.state() != LaunchState::Died {
            return Ok(());
        }
        Ok(write_json(&self.directory.join(ENDED), &EndRecord { exit_code, at: system_clock() })?)
    }

    /// Its process and everything that it started.
    pub fn family(&self) -> Family {
        let LaunchRecord { process, session, mark, .. } = &self.record;
        Family::new(process.clone(), Some(*session), vec![mark.clone()])
    }
}

/// All launches below a root, oldest first, and what is wrong with records that cannot be read.
///
/// # Errors
/// When the folder of launches cannot be read. A missing one has no launches.
pub fn read_launches(root: &Root) -> Result<(Vec<Launch>, Vec<String>), BackgroundError> {
    let folder = root.launches();
    let entries = if_there(fs::read_dir(&folder)).map_err(FileError::at("read", &folder))?;
    let (mut launches, mut damaged) = (Vec::new(), Vec::new());
    for entry in entries.into_iter().flatten() {
        let directory = entry.map_err(FileError::at("read", &folder))?.path();
        match read_launch(&directory) {
            Ok(launch) => launches.push(launch),
            // It is about to start, or never did.
            Err(error) if error.kind() == io::ErrorKind::NotFound => {}
            Err(error) => damaged.push(format!("{}: {error}", directory.join(RECORD).display())),
        }
    }
    launches.sort_by_cached_key(|launch| (launch.record.started_at, launch.record.id.clone()));
    Ok((launches, damaged))
}

/// The launch of a folder.
pub(super) fn read_launch(directory: &Path) -> io::Result<Launch> {
    Ok(Launch { record: read_json(&directory.join(RECORD))?, directory: directory.to_owned() })
}

/// The launches that a name means: `all`, an id, a study, or the beginning of an id.
///
/// # Errors
/// When it means none.
pub fn find_launches(root: &Root, name: &str) -> Result<Vec<Launch>, BackgroundError> {
    let (launches, _) = read_launches(root)?;
    if name == "all" {
        return Ok(launches);
    }
    let known = launches.iter().rev().take(3).map(|launch| launch.record.id.clone()).collect();
    let meanings: [fn(&LaunchRecord, &str) -> bool; 3] = [
        |record, name| record.id == name,
        |record, name| record.label == name,
        |record, name| record.id.starts_with(name),
    ];
    meanings
        .iter()
        .map(|means| launches.iter().filter(|launch| means(&launch.record, name)).cloned().collect::<Vec<_>>())
        .find(|found| !found.is_empty())
        .ok_or_else(|| BackgroundError::Unknown { name: name.to_owned(), known })
}

fn read_json<T: DeserializeOwned>(path: &Path) -> io::Result<T> {
    serde_json::from_str(&fs::read_to_string(path)?).map_err(io::Error::from)
}

fn last_change(path: &Path) -> Option<i64> {
    let since = fs::metadata(path).ok()?.modified().ok()?.duration_since(UNIX_EPOCH).ok()?;
    i64::try_from(since.as_millis()).ok()
}

/// A line as a terminal would show it in the end: what came after the last return of the carriage, without controls.
fn readable(line: &str) -> String {
    let shown = line.trim_end().rsplit('\r').next().unwrap_or_default();
    let mut text = String::new();
    let mut characters = shown.chars();
    while let Some(character) = characters.next() {
        if character == '\x1b' {
            // Colours and cursor moves end with a letter.
            characters.by_ref().find(char::is_ascii_alphabetic);
        } else if !character.is_control() {
            text.push(character);
        }
    }
    text.trim().to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_of_a_progress_bar_is_its_last_state() {
        assert_eq!(readable("10 %\r\x1b[2K\x1b[1;31m20 %\x1b[0m "), "20 %");
        assert_eq!(readable("plain: a [bracket]"), "plain: a [bracket]");
    }
}
