//! How studies stand, and what they gave.

use std::collections::HashMap;

use rusqlite::{Connection, OptionalExtension};

use super::rows::rows;
use super::{Metric, Reader, RegistryResult, RunId, RunState, StateCounts};

/// How a study stands.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct StudyStatus {
    /// Its name.
    pub name: String,
    /// Its task.
    pub task: String,
    /// Digest of its resolved specification.
    pub spec_sha: String,
    /// When it was first planned.
    pub created_at: i64,
    /// When its specification last changed.
    pub updated_at: i64,
    /// Its members by state, without the withdrawn ones.
    pub counts: StateCounts,
    /// How many of the done ones diverged.
    pub diverged: u64,
    /// Members that were withdrawn.
    pub withdrawn: u64,
    /// Attempts at its members.
    pub attempts: u64,
    /// Retries that are used up.
    pub retries: u64,
    /// Wall time of done members whose time is known, all attempts together, in milliseconds.
    pub done_wall_ms: u64,
    /// How many done members that is.
    pub done_timed: u64,
}

impl StudyStatus {
    /// Whether every member that counts is done, or was pruned.
    pub fn is_complete(&self) -> bool {
        self.counts.get(RunState::Done) + self.counts.get(RunState::Pruned) == self.counts.total()
    }

    /// Members that are still to be done.
    pub fn remaining(&self) -> u64 {
        self.counts.open()
    }

    /// What a done member took on average, in milliseconds.
    pub fn mean_wall_ms(&self) -> Option<f64> {
        (self.done_timed > 0).then(|| self.done_wall_ms as f64 / self.done_timed as f64)
    }
}

impl Reader {
    /// How the studies stand that the names mean, or all studies: an exact name, the beginning of one name, or a
    /// pattern with `*`, `?` and `[...]`.
    ///
    /// # Errors
    /// A name that means no study, with suggestions, or the beginning of several.
    pub fn status(&self, studies: &[&str]) -> RegistryResult<Vec<StudyStatus>> {
        self.read(|connection| {
            let chosen = super::studies::matching(connection, studies)?;
            chosen.into_iter().map(|(study_id, _)| status(connection, study_id)).collect()
        })
    }

    /// The resolved specification of the study with exactly this name, as JSON.
    ///
    /// # Errors
    /// A name that means no study, with suggestions.
    pub fn study_spec(&self, study: &str) -> RegistryResult<String> {
        self.read(|connection| {
            let study_id = super::studies::exact(connection, study)?;
            let find = "SELECT spec_json FROM studies WHERE study_id = ?1";
            Ok(connection.query_row(find, [study_id], |row| row.get(0))?)
        })
    }

    /// The digest of a study's specification and runs; none when the registry does not know the study.
    pub fn spec_sha(&self, study: &str) -> RegistryResult<Option<String>> {
        self.read(|connection| {
            let find = "SELECT spec_sha FROM studies WHERE name = ?1";
            Ok(connection.query_row(find, [study], |row| row.get(0)).optional()?)
        })
    }

    /// The members of a study that are not over.
    ///
    /// # Errors
    /// A name that means no study, with suggestions.
    pub fn open_members(&self, study: &str) -> RegistryResult<Vec<RunId>> {
        let sql = "SELECT r.run_id FROM study_runs m JOIN runs r ON r.run_no = m.run_no
            WHERE m.study_id = ?1 AND m.withdrawn IN (0, 1)
              AND m.state IN ('pending', 'running', 'interrupted', 'paused', 'deferred')";
        self.rows_of_study(study, sql, |row| row.get(0))
    }

    /// What a study gave: the summary numbers of each member that is done and not withdrawn, by name and measure; one that was
    /// not finite is NaN.
    ///
    /// # Errors
    /// A name that means no study, with suggestions.
    pub fn metrics(&self, study: &str) -> RegistryResult<HashMap<RunId, Vec<Metric>>> {
        self.read(|connection| {
            let study_id = super::studies::exact(connection, study)?;
            let mut query = connection.prepare_cached(
                "SELECT r.run_id, x.name, x.measure, x.value
                 FROM study_runs m JOIN runs r ON r.run_no = m.run_no JOIN metrics x ON x.run_no = m.run_no
                 WHERE m.study_id = ?1 AND m.withdrawn = 0 AND m.state = 'done' ORDER BY x.run_no, x.name, x.measure",
            )?;
            let mut rows = query.query([study_id])?;
            let mut metrics: HashMap<RunId, Vec<Metric>> = HashMap::new();
            while let Some(row) = rows.next()? {
                metrics.entry(row.get(0)?).or_default().push(Metric::from_row(row, 1)?);
            }
            Ok(metrics)
        })
    }
}

/// A member of a study and the result that was accepted of it, as far as a look at its folder needs them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MemberResult {
    /// The run.
    pub run_id: RunId,
    /// Where it is.
    pub state: RunState,
    /// Digest of its result, if it is done.
    pub result_sha: Option<String>,
    /// What the file looked like when it was last read.
    pub result_stat: Option<String>,
}

impl Reader {
    /// Gives every member of a study, without holding them all.
    ///
    /// # Errors
    /// A name that means no study, with suggestions.
    pub fn member_results(&self, study: &str, mut each: impl FnMut(MemberResult)) -> RegistryResult<()> {
        self.read(|connection| {
            let study_id = super::studies::exact(connection, study)?;
            let mut query = connection.prepare_cached(
                "SELECT r.run_id, r.state, r.result_sha, r.result_stat
                 FROM study_runs m JOIN runs r ON r.run_no = m.run_no WHERE m.study_id = ?1",
            )?;
            let mut rows = query.query([study_id])?;
            while let Some(row) = rows.next()? {
                let (run_id, state) = (row.get(0)?, row.get(1)?);
                each(MemberResult { run_id, state, result_sha: row.get(2)?, result_stat: row.get(3)? });
            }
            Ok(())
        })
    }

    /// The digests of all accepted results; none for a run whose result was withdrawn.
    pub fn accepted_results(&self) -> RegistryResult<HashMap<RunId, Option<String>>> {
        self.read(|connection| {
            let sql = "SELECT run_id, result_sha FROM runs WHERE state IN ('done', 'invalid')";
            rows(connection, sql, [], |row| row.try_into())
        })
    }
}

fn status(connection: &Connection, study_id: i64) -> RegistryResult<StudyStatus> {
    let find = "SELECT name, task, spec_sha, created_at, updated_at FROM studies WHERE study_id = ?1";
    let mut status = connection.query_row(find, [study_id], |row| {
        Ok(StudyStatus {
            name: row.get(0)?,
            task: row.get(1)?,
            spec_sha: row.get(2)?,
            created_at: row.get(3)?,
            updated_at: row.get(4)?,
            ..StudyStatus::default()
        })
    })?;
    let mut query = connection.prepare_cached(
        "SELECT m.withdrawn, m.state, count(*), sum(r.attempts), sum(r.retries_used), sum(r.wall_ms), sum(r.wall_ms > 0),
             sum(coalesce(r.outcome = 'diverged', 0))
         FROM study_runs m JOIN runs r ON r.run_no = m.run_no WHERE m.study_id = ?1 GROUP BY m.withdrawn, m.state",
    )?;
    let mut rows = query.query([study_id])?;
    while let Some(row) = rows.next()? {
        if row.get(0)? {
            status.withdrawn += row.get::<_, u64>(2)?;
            continue;
        }
        let state: RunState = row.get(1)?;
        status.counts.add(state, row.get(2)?);
        status.attempts += row.get::<_, u64>(3)?;
        status.retries += row.get::<_, u64>(4)?;
        if state == RunState::Done {
            (status.done_wall_ms, status.done_timed, status.diverged) = (row.get(5)?, row.get(6)?, row.get(7)?);
        }
    }
    Ok(status)
}
