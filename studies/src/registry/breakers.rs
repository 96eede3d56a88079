//! What a launcher asks before it goes on: does everything fail, does one cause fail everywhere, how long will it take.

use rusqlite::params;

use super::rows::rows;
use super::{Reader, RegistryResult, RunId};

/// How many past runs an estimate looks at.
const PAST_RUNS: i64 = 101;

/// Failed members of a study that have the same cause.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FailureGroup {
    /// The failures' class.
    pub class: String,
    /// What tells the cause, if it is known.
    pub fingerprint: Option<String>,
    /// How many runs.
    pub runs: u64,
    /// How many settings.
    pub configs: u64,
    /// One of the runs.
    pub example: RunId,
    /// What it said.
    pub error: Option<String>,
}

impl Reader {
    /// How many of a study's attempts failed in a row at the end, counting at most `most` and only attempts that ended
    /// after the event `since`: a study that is resumed begins anew. A completed or adopted run ends the row;
    /// interruptions, deferrals and cancellations neither count nor end it.
    pub fn consecutive_failures(&self, study: &str, since: i64, most: u64) -> RegistryResult<u64> {
        self.read(|connection| {
            let study_id = super::studies::exact(connection, study)?;
            let mut query = connection.prepare_cached(
                "SELECT a.ending IN ('failed', 'retry_scheduled') FROM attempts a INDEXED BY attempts_by_end
                 WHERE a.end_seq > ?2 AND a.ending IN ('failed', 'retry_scheduled', 'completed', 'adopted')
                   AND EXISTS (SELECT 1 FROM study_runs m WHERE m.study_id = ?1 AND m.run_no = a.run_no)
                 ORDER BY a.end_seq DESC",
            )?;
            let mut rows = query.query(params![study_id, since])?;
            let mut failures = 0;
            while failures < most {
                match rows.next()? {
                    Some(row) if row.get(0)? => failures += 1,
                    _ => break,
                }
            }
            Ok(failures)
        })
    }

    /// On how many of a study's settings attempts failed with this fingerprint after the event `since`.
    pub fn configs_failing_with(&self, study: &str, fingerprint: &str, since: i64) -> RegistryResult<u64> {
        self.read(|connection| {
            let study_id = super::studies::exact(connection, study)?;
            let mut query = connection.prepare_cached(
                "SELECT count(DISTINCT r.config_id) FROM attempts a JOIN runs r ON r.run_no = a.run_no
                 WHERE a.fingerprint = ?2 AND a.end_seq > ?3
                   AND EXISTS (SELECT 1 FROM study_runs m WHERE m.study_id = ?1 AND m.run_no = a.run_no)",
            )?;
            Ok(query.query_row(params![study_id, fingerprint, since], |row| row.get(0))?)
        })
    }

    /// The failed members of a study, by cause, most frequent first.
    pub fn failures(&self, study: &str) -> RegistryResult<Vec<FailureGroup>> {
        // With min(), SQLite takes the other columns from the row of the minimum.
        let sql = "SELECT r.class, r.fingerprint, count(*), count(DISTINCT r.config_id), min(m.idx), r.run_id, r.error
            FROM study_runs m JOIN runs r ON r.run_no = m.run_no
            WHERE m.study_id = ?1 AND m.withdrawn = 0 AND m.state = 'failed'
            GROUP BY r.class, r.fingerprint ORDER BY count(*) DESC, min(m.idx)";
        self.rows_of_study(study, sql, |row| {
            Ok(FailureGroup {
                class: row.get(0)?,
                fingerprint: row.get(1)?,
                runs: row.get(2)?,
                configs: row.get(3)?,
                example: row.get(5)?,
                error: row.get(6)?,
            })
        })
    }

    /// The median wall time in milliseconds of the last done runs of a shape, and how many there were. `None` if no run
    /// of this shape was timed.
    pub fn past_wall_ms(&self, shape_sig: &str) -> RegistryResult<Option<(u64, usize)>> {
        self.read(|connection| {
            let sql = "SELECT r.wall_ms FROM configs c JOIN runs r ON r.config_id = c.config_id
                WHERE c.shape_sig = ?1 AND r.state = 'done' AND r.wall_ms > 0 ORDER BY c.rowid DESC LIMIT ?2";
            let mut times: Vec<u64> = rows(connection, sql, params![shape_sig, PAST_RUNS], |row| row.get(0))?;
            times.sort_unstable();
            Ok(times.get(times.len() / 2).map(|median| (*median, times.len())))
        })
    }
}
