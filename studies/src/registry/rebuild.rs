//! Makes the registry again from what lies on disk: bytes are the truth, and the file is their index.
//!
//! The new file is made whole beside the old one, the old one gets another name, and one rename puts the new one in its
//! place. What only the registry knew is lost: events, attempts and their costs, withdrawals, and why a run without a
//! result has none. Such runs are pending again, and go on from their checkpoints.

use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::time::Duration;

use aees_run::artifact::{FileError, if_there};
use rusqlite::{Connection, ErrorCode, OpenFlags, params};

use super::accept::accept;
use super::current_run::CurrentRun;
use super::file_system::probe_file_system;
use super::migrations::with_suffix;
use super::open::{OpenOptions, folder_of, refuse_network};
use super::operator::{Audit, revoke};
use super::plan::{create_run, enter_study, number};
use super::system_clock;
use super::{Completion, PlannedRun, Reader, Registry, RegistryError, RegistryResult, StudySpec};

/// What a run's directory, and the studies' resolved files, tell of it.
#[derive(Clone, Debug)]
pub struct RunOnDisk {
    /// What it is.
    pub run: PlannedRun,
    /// Its result, if it published one.
    pub result: Option<Completion>,
    /// Why that is not believed: it is entered, and withdrawn in the same breath.
    pub doubt: Option<String>,
    /// Its places in studies.
    pub memberships: Vec<MemberOnDisk>,
}

/// A run's place in a study.
#[derive(Clone, Debug)]
pub struct MemberOnDisk {
    /// The study's name.
    pub study: String,
    /// The place.
    pub index: u64,
    /// The case of the study.
    pub case: Option<String>,
    /// What its axes are set to, as JSON.
    pub axes_json: String,
    /// What it is compared within, in a study that prunes.
    pub race: Option<String>,
    /// Whether the study still lists it; a number is its run's for ever.
    pub listed: bool,
}

/// What a rebuild made.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Rebuilt {
    /// Studies.
    pub studies: u64,
    /// Runs.
    pub runs: u64,
    /// Runs with a result.
    pub done: u64,
    /// The older file's new name, if there was one.
    pub kept: Option<PathBuf>,
}

/// Makes the registry at `path` again. Until it is whole, the older file stays where it is.
///
/// # Errors
/// A network file system; a file that another process has open; a membership of a study that is not among `studies`.
pub fn rebuild(
    path: &Path,
    studies: impl IntoIterator<Item = StudySpec>,
    runs: impl IntoIterator<Item = RunOnDisk>,
) -> RegistryResult<Rebuilt> {
    refuse_network(path, probe_file_system)?;
    refuse_if_in_use(path)?;
    let fresh = with_suffix(path, &format!(".rebuild-{}", std::process::id()));
    let made = make(&fresh, studies, runs).and_then(|rebuilt| {
        // Looked at again: making it may have taken long.
        refuse_if_in_use(path)?;
        let kept = set_aside(path)?;
        renamed(&fresh, path)?;
        sync_folder(path)?;
        Ok(Rebuilt { kept, ..rebuilt })
    });
    if made.is_err() {
        // What is left of a new file that did not become the registry; the error that stopped it says more.
        for suffix in ["", "-wal", "-shm"] {
            let _ = fs::remove_file(with_suffix(&fresh, suffix));
        }
    }
    made
}

fn make(
    fresh: &Path,
    studies: impl IntoIterator<Item = StudySpec>,
    runs: impl IntoIterator<Item = RunOnDisk>,
) -> RegistryResult<Rebuilt> {
    let mut registry = Registry::open_with(fresh, OpenOptions::default())?;
    let mut rebuilt = Rebuilt::default();
    registry.write(|transaction, now| {
        for study in studies {
            let (study_id, _) = enter_study(transaction, &study, now)?;
            super::judge::begin_anew(transaction, study_id, None, now)?;
            rebuilt.studies += 1;
        }
        for facts in runs {
            rebuilt.done += u64::from(facts.result.is_some() && facts.doubt.is_none());
            rebuilt.runs += 1;
            enter(transaction, &facts, now)?;
        }
        Ok(())
    })?;
    // One file, so that one rename moves all of it.
    let Registry { reader: Reader { connection, .. } } = registry;
    let mode = connection.query_row("PRAGMA journal_mode = DELETE", [], |row| row.get::<_, String>(0));
    mode.map_err(|error| RegistryError::from(error).at(fresh))?;
    connection.close().map_err(|(_, error)| RegistryError::from(error).at(fresh))?;
    Ok(rebuilt)
}

fn enter(connection: &Connection, facts: &RunOnDisk, now: i64) -> RegistryResult<()> {
    const ACTOR: &str = "registry rebuild";
    let run_no = create_run(connection, &facts.run, ACTOR, now)?;
    for place in &facts.memberships {
        let study_id = super::studies::exact(connection, &place.study)?;
        let index = number(connection, study_id, run_no, place.index)?;
        if !place.listed {
            continue;
        }
        connection
            .prepare_cached(
                "INSERT INTO study_runs (study_id, run_no, idx, case_name, axes_json, reused, state, added_at, race)
                 VALUES (?1, ?2, ?3, ?4, ?5, 0, 'pending', ?6, ?7)",
            )?
            .execute(params![study_id, run_no, index, place.case, place.axes_json, now, place.race])?;
    }
    if let Some(result) = &facts.result {
        let current_run = CurrentRun::read(connection, &facts.run.run_id)?;
        accept(connection, &current_run, result, ("adopted", ACTOR), now)?;
        if let Some(doubt) = &facts.doubt {
            revoke(connection, &current_run, ("changed", &Audit { actor: ACTOR, reason: doubt }), now)?;
        }
    } else if facts.memberships.iter().all(|place| !place.listed) {
        connection.execute(
            "UPDATE runs SET state = 'superseded', updated_at = ?2, event_kind = 'superseded', actor = ?3 WHERE run_no = ?1",
            params![run_no, now, ACTOR],
        )?;
    }
    Ok(())
}

/// Another process that has the file open would go on writing to the one that was set aside.
fn refuse_if_in_use(path: &Path) -> RegistryResult<()> {
    if !path.exists() {
        return Ok(());
    }
    let alone = || -> rusqlite::Result<()> {
        let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
        let connection = Connection::open_with_flags(path, flags)?;
        connection.busy_timeout(Duration::from_millis(200))?;
        // In this mode SQLite locks the file itself, which fails while anybody else has it open.
        connection.execute_batch("PRAGMA locking_mode = EXCLUSIVE; BEGIN EXCLUSIVE; ROLLBACK")
    };
    match alone() {
        Err(error) if error.sqlite_error_code() == Some(ErrorCode::DatabaseBusy) => {
            Err(RegistryError::InUse { path: path.to_owned() })
        }
        // A file so damaged that it cannot be locked is what a rebuild is for.
        _ => Ok(()),
    }
}

/// Gives the older file, with its log, another name. It also keeps its own until the new one takes it over.
fn set_aside(path: &Path) -> RegistryResult<Option<PathBuf>> {
    if !path.exists() {
        // A log without its file would be taken for the new file's.
        for suffix in ["-wal", "-shm"] {
            removed(&with_suffix(path, suffix))?;
        }
        return Ok(None);
    }
    let kept = with_suffix(path, &format!(".before-rebuild-{}", system_clock()));
    let log = with_suffix(path, "-wal");
    if log.exists() {
        renamed(&log, &with_suffix(&kept, "-wal"))?;
    }
    removed(&with_suffix(path, "-shm"))?;
    if fs::hard_link(path, &kept).is_err() {
        // A file system without hard links: for a moment there is no registry, and both files are there to be found.
        renamed(path, &kept)?;
    }
    Ok(Some(kept))
}

fn renamed(from: &Path, to: &Path) -> Result<(), FileError> {
    fs::rename(from, to).map_err(FileError::at("rename", from))
}

fn removed(path: &Path) -> Result<(), FileError> {
    if_there(fs::remove_file(path)).map(drop).map_err(FileError::at("remove", path))
}

fn sync_folder(path: &Path) -> Result<(), FileError> {
    let folder = folder_of(path);
    File::open(folder).and_then(|folder| folder.sync_all()).map_err(FileError::at("sync", folder))
}
