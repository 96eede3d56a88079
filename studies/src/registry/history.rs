//! How a run came to be where it is.

use rusqlite::{Connection, Row};

use super::claim::attempt_process;
use super::rows::rows;
use super::{Metric, Reader, RegistryResult, RunId, RunRow, RunState, Usage};
use crate::process::ProcessIdentity;

/// Everything the registry knows of a run.
#[derive(Clone, Debug, PartialEq)]
pub struct Why {
    /// The run.
    pub run: RunRow,
    /// What its setting's id is the hash of, as JSON.
    pub identity_json: String,
    /// Its shape signature.
    pub shape_sig: String,
    /// Studies that list it, oldest first.
    pub memberships: Vec<Membership>,
    /// Its claims, in order.
    pub attempts: Vec<AttemptRow>,
    /// Its events, in order.
    pub events: Vec<EventRow>,
    /// Its summary numbers, if it is done; one that was not finite is NaN.
    pub metrics: Vec<Metric>,
}

/// A run's place in a study.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Membership {
    /// The study.
    pub study: String,
    /// The place.
    pub index: u64,
    /// The case of the study.
    pub case: Option<String>,
    /// What its axes are set to, as JSON.
    pub axes_json: String,
    /// The run was done before the study asked for it.
    pub reused: bool,
    /// Taken out of the study's results.
    pub withdrawn: bool,
    /// When the study first listed it.
    pub added_at: i64,
}

/// A claim and what became of it.
#[derive(Clone, Debug, PartialEq)]
pub struct AttemptRow {
    /// The fencing token.
    pub epoch: i64,
    /// 1 for the first.
    pub attempt_no: u32,
    /// Who held it.
    pub worker: ProcessIdentity,
    /// When it was claimed.
    pub started_at: i64,
    /// When it ended.
    pub ended_at: Option<i64>,
    /// The kind of the event that ended it: `completed`, `failed`, `lease_expired`, ...
    pub ending: Option<String>,
    /// Class of its failure.
    pub class: Option<String>,
    /// What the failure said.
    pub error: Option<String>,
    /// Equal for failures that have the same cause.
    pub fingerprint: Option<String>,
    /// Digest of the result it offered, accepted or not.
    pub result_sha: Option<String>,
    /// What it used.
    pub usage: Usage,
}

/// An event. A move has a `to`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EventRow {
    /// Its place in the order of all events.
    pub seq: i64,
    /// When, for people; it orders nothing.
    pub at: i64,
    /// What happened: `planned`, `claimed`, `completed`, ...
    pub kind: String,
    /// The run, unless it is a study's event.
    pub run_id: Option<RunId>,
    /// The study, if the event is about one.
    pub study: Option<String>,
    /// Where the run was.
    pub from: Option<RunState>,
    /// Where it went.
    pub to: Option<RunState>,
    /// The run's epoch after the event.
    pub epoch: Option<i64>,
    /// Who did it.
    pub actor: Option<String>,
    /// More about it, as JSON.
    pub payload: Option<String>,
}

const EVENTS: &str = "SELECT e.seq, e.at, e.kind, r.run_id, s.name, e.src, e.dst, e.epoch, e.actor, e.payload
    FROM events e LEFT JOIN runs r ON r.run_no = e.run_no LEFT JOIN studies s ON s.study_id = e.study_id";

const METRICS: &str = "SELECT name, measure, value FROM metrics WHERE run_no = ?1 ORDER BY name, measure";

impl Reader {
    /// Tells how the run came to be where it is. `name` is read as by [`Reader::run`].
    ///
    /// # Errors
    /// When no run or several are meant.
    pub fn why(&self, name: &str) -> RegistryResult<Why> {
        self.read(|connection| {
            let (run_no, study_id) = super::runs::named(connection, name)?;
            let config = "SELECT identity_json, shape_sig FROM configs
                WHERE config_id = (SELECT config_id FROM runs WHERE run_no = ?1)";
            let (identity_json, shape_sig) =
                connection.query_row(config, [run_no], |row| Ok((row.get(0)?, row.get(1)?)))?;
            Ok(Why {
                run: super::runs::row(connection, run_no, study_id)?,
                identity_json,
                shape_sig,
                memberships: memberships(connection, run_no)?,
                attempts: attempts(connection, run_no)?,
                events: rows(connection, &format!("{EVENTS} WHERE e.run_no = ?1 ORDER BY e.seq"), [run_no], event)?,
                metrics: rows(connection, METRICS, [run_no], |row| Metric::from_row(row, 0))?,
            })
        })
    }

    /// The last event's place in the order; 0 if there is none.
    pub fn last_seq(&self) -> RegistryResult<i64> {
        self.read(|connection| {
            Ok(connection.query_row("SELECT coalesce(max(seq), 0) FROM events", [], |row| row.get(0))?)
        })
    }
}

fn event(row: &Row<'_>) -> rusqlite::Result<EventRow> {
    Ok(EventRow {
        seq: row.get(0)?,
        at: row.get(1)?,
        kind: row.get(2)?,
        run_id: row.get(3)?,
        study: row.get(4)?,
        from: row.get(5)?,
        to: row.get(6)?,
        epoch: row.get(7)?,
        actor: row.get(8)?,
        payload: row.get(9)?,
    })
}

fn memberships(connection: &Connection, run_no: i64) -> RegistryResult<Vec<Membership>> {
    let sql = "SELECT s.name, m.idx, m.case_name, m.axes_json, m.reused, m.withdrawn, m.added_at
        FROM study_runs m JOIN studies s ON s.study_id = m.study_id WHERE m.run_no = ?1 ORDER BY s.study_id";
    rows(connection, sql, [run_no], |row| {
        Ok(Membership {
            study: row.get(0)?,
            index: row.get(1)?,
            case: row.get(2)?,
            axes_json: row.get(3)?,
            reused: row.get(4)?,
            withdrawn: row.get(5)?,
            added_at: row.get(6)?,
        })
    })
}

fn attempts(connection: &Connection, run_no: i64) -> RegistryResult<Vec<AttemptRow>> {
    let sql = format!(
        "SELECT epoch, attempt_no, host, boot_id, pid_namespace, pid, start_ticks, started_at, ended_at, ending, class, error,
             fingerprint, result_sha, {} FROM attempts WHERE run_no = ?1 ORDER BY epoch",
        Usage::COLUMNS
    );
    rows(connection, &sql, [run_no], |row| {
        Ok(AttemptRow {
            epoch: row.get(0)?,
            attempt_no: row.get(1)?,
            worker: attempt_process(row, 2)?,
            started_at: row.get(7)?,
            ended_at: row.get(8)?,
            ending: row.get(9)?,
            class: row.get(10)?,
            error: row.get(11)?,
            fingerprint: row.get(12)?,
            result_sha: row.get(13)?,
            usage: Usage::from_row(row, 14)?,
        })
    })
}
