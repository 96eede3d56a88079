//! Runs: by name, by filter, and those that are running now.

use std::collections::HashMap;

use rusqlite::types::Value as SqlValue;
use rusqlite::{Connection, OptionalExtension, Row, params, params_from_iter};

use super::claim::{Holder, Moment, attempt_process};
use super::rows::rows;
use super::{ConfigId, OutcomeKind, Reader, RegistryError, RegistryResult, RunId, RunState};
use crate::process::ProcessIdentity;

/// Fewest digits of an id that may stand for it.
const SHORTEST_PREFIX: usize = 4;

/// How many candidates a message shows.
const CANDIDATES: usize = 5;

/// Which runs to list. Empty parts let everything pass.
#[derive(Clone, Debug, Default)]
pub struct RunFilter {
    /// Members of the study with exactly this name, by index.
    pub study: Option<String>,
    /// In one of these states.
    pub states: Vec<RunState>,
    /// For each axis one of these values, as they are written in JSON (strings without quotes). Numbers compare as
    /// numbers.
    pub axes: Vec<(String, Vec<String>)>,
    /// At most so many.
    pub limit: Option<usize>,
}

/// A run, as a list shows it.
#[derive(Clone, Debug, PartialEq)]
pub struct RunRow {
    /// The run.
    pub run_id: RunId,
    /// Its setting.
    pub config_id: ConfigId,
    /// Its seed.
    pub seed: u64,
    /// Its task.
    pub task: String,
    /// Where it is.
    pub state: RunState,
    /// How it ended, if it is done.
    pub outcome: Option<OutcomeKind>,
    /// Class of the last failure, if it failed or waits for a retry.
    pub class: Option<String>,
    /// What that failure said.
    pub error: Option<String>,
    /// Equal for failures that have the same cause.
    pub fingerprint: Option<String>,
    /// The fencing token of its last claim; 0 if it was never claimed.
    pub epoch: i64,
    /// Claims so far.
    pub attempts: u32,
    /// Retries that are used up.
    pub retries_used: u32,
    /// When its lease ends, if it is running.
    pub lease_until: Option<i64>,
    /// When it can be claimed, if it is deferred.
    pub not_before: Option<i64>,
    /// Digest of its result, if it is done.
    pub result_sha: Option<String>,
    /// Wall time of all its attempts, in milliseconds.
    pub wall_ms: u64,
    /// When it was planned.
    pub created_at: i64,
    /// When it last moved.
    pub updated_at: i64,
    /// Its place in the study that was asked for.
    pub index: Option<u64>,
    /// Its case in that study.
    pub case: Option<String>,
    /// What its axes are set to in that study, as JSON.
    pub axes_json: Option<String>,
    /// Whether it was taken out of that study's results and claims.
    pub withdrawn: bool,
}

/// A run that is running now.
#[derive(Clone, Debug, PartialEq)]
pub struct RunningRow {
    /// The run.
    pub run_id: RunId,
    /// Its place in the study that was asked for.
    pub index: Option<u64>,
    /// The fencing token of its claim.
    pub epoch: i64,
    /// 1 for the first attempt.
    pub attempt_no: u32,
    /// Who holds it.
    pub worker: ProcessIdentity,
    /// When it was claimed.
    pub started_at: i64,
    /// When its lease ends, in milliseconds UTC as they were at the last heartbeat.
    pub lease_until: i64,
    /// Milliseconds until then, whatever became of the clock since; below 0 when it has ended.
    pub lease_left: i64,
    /// The last heartbeat's JSON.
    pub progress: Option<String>,
}

/// Where a run is when no study is asked for: stopped at a rung only if no study goes on with it.
const STATE: &str = "CASE r.state WHEN 'interrupted'
    THEN coalesce((SELECT min(s.state) FROM study_runs s WHERE s.run_no = r.run_no), r.state) ELSE r.state END";

/// The columns of a [`RunRow`] before those of its place in a study; where the run is comes from `state`.
fn columns(state: &str) -> String {
    format!(
        "r.run_id, r.config_id, r.seed, c.task, {state}, r.outcome, r.class, r.error, r.fingerprint, r.epoch, r.attempts,
         r.retries_used, r.lease_until, r.not_before, r.result_sha, r.wall_ms, r.created_at, r.updated_at"
    )
}

impl RunRow {
    fn from_row(row: &Row<'_>) -> rusqlite::Result<Self> {
        Ok(Self {
            run_id: row.get(0)?,
            config_id: row.get(1)?,
            seed: row.get::<_, i64>(2)?.cast_unsigned(),
            task: row.get(3)?,
            state: row.get(4)?,
            outcome: row.get(5)?,
            class: row.get(6)?,
            error: row.get(7)?,
            fingerprint: row.get(8)?,
            epoch: row.get(9)?,
            attempts: row.get(10)?,
            retries_used: row.get(11)?,
            lease_until: row.get(12)?,
            not_before: row.get(13)?,
            result_sha: row.get(14)?,
            wall_ms: row.get(15)?,
            created_at: row.get(16)?,
            updated_at: row.get(17)?,
            index: row.get(18)?,
            case: row.get(19)?,
            axes_json: row.get(20)?,
            withdrawn: row.get::<_, Option<bool>>(21)?.unwrap_or_default(),
        })
    }
}

impl Reader {
    /// Where these runs are, in a study if it lists them; a run that the registry does not know is left out.
    pub fn states<'a>(
        &self,
        study: &str,
        runs: impl IntoIterator<Item = &'a RunId>,
    ) -> RegistryResult<HashMap<RunId, RunState>> {
        self.read(|connection| {
            let mut find = connection.prepare_cached(
                "SELECT coalesce(m.state, r.state) FROM runs r LEFT JOIN study_runs m
                     ON m.run_no = r.run_no AND m.study_id = (SELECT study_id FROM studies WHERE name = ?2)
                 WHERE r.run_id = ?1",
            )?;
            let mut states = HashMap::new();
            for run in runs {
                if let Some(state) = find.query_row(params![run, study], |row| row.get(0)).optional()? {
                    states.insert(run.clone(), state);
                }
            }
            Ok(states)
        })
    }

    /// Runs that pass a filter: by index in a study, otherwise by age.
    ///
    /// # Errors
    /// When the filter names a study that does not exist.
    pub fn runs(&self, filter: &RunFilter) -> RegistryResult<Vec<RunRow>> {
        self.read(|connection| {
            let (sql, values) = question(connection, filter)?;
            let mut query = connection.prepare(&sql)?;
            let rows = query.query_map(params_from_iter(values), RunRow::from_row)?;
            Ok(rows.collect::<Result<_, _>>()?)
        })
    }

    /// The run that `name` means: at least 4 digits of its id, or `study:index`.
    ///
    /// # Errors
    /// When no run or several are meant.
    pub fn run(&self, name: &str) -> RegistryResult<RunRow> {
        self.read(|connection| {
            let (run_no, study_id) = named(connection, name)?;
            row(connection, run_no, study_id)
        })
    }

    /// The runs that are running, in one study or in all.
    pub fn running(&self, study: Option<&str>) -> RegistryResult<Vec<RunningRow>> {
        self.read(|connection| {
            let columns = "r.run_id, a.epoch, a.attempt_no, a.host, a.boot_id, a.pid_namespace, a.pid, a.start_ticks,
                a.started_at, r.lease_until, r.progress, r.run_no";
            let now = self.moment();
            let attempt = "JOIN attempts a ON a.run_no = r.run_no AND a.epoch = r.epoch";
            let study_id = study.map(|study| super::studies::exact(connection, study)).transpose()?;
            let sql = match study_id {
                None => {
                    format!("SELECT {columns}, NULL FROM runs r {attempt} WHERE r.state = 'running' ORDER BY r.run_no")
                }
                Some(_) => format!(
                    "SELECT {columns}, m.idx FROM study_runs m JOIN runs r ON r.run_no = m.run_no {attempt}
                     WHERE m.study_id = ?1 AND m.withdrawn IN (0, 1) AND m.state = 'running' ORDER BY m.idx"
                ),
            };
            let mut query = connection.prepare_cached(&sql)?;
            query.query_and_then(params_from_iter(study_id), |row| running_row(row, connection, now))?.collect()
        })
    }
}

fn running_row(row: &Row<'_>, connection: &Connection, now: Moment) -> RegistryResult<RunningRow> {
    Ok(RunningRow {
        run_id: row.get(0)?,
        epoch: row.get(1)?,
        attempt_no: row.get(2)?,
        worker: attempt_process(row, 3)?,
        started_at: row.get(8)?,
        lease_until: row.get(9)?,
        lease_left: Holder::of(connection, row.get(11)?)?.lease_left(now),
        progress: row.get(10)?,
        index: row.get(12)?,
    })
}

/// The SQL of a filter and its values.
fn question(connection: &Connection, filter: &RunFilter) -> RegistryResult<(String, Vec<SqlValue>)> {
    let config = "JOIN configs c ON c.config_id = r.config_id";
    let mut values: Vec<SqlValue> = Vec::new();
    let mut conditions: Vec<String> = Vec::new();
    let states = filter.states.iter().map(|state| format!("'{state}'")).collect::<Vec<_>>().join(", ");
    let (mut sql, order) = if let Some(study) = &filter.study {
        values.push(super::studies::exact(connection, study)?.into());
        conditions.push("m.study_id = ?".into());
        if !states.is_empty() {
            // Both values of `withdrawn`, so that the index of states serves.
            conditions.push(format!("m.withdrawn IN (0, 1) AND m.state IN ({states})"));
        }
        conditions.extend(axis_conditions(filter, &mut values));
        let from = format!("FROM study_runs m JOIN runs r ON r.run_no = m.run_no {config}");
        (format!("SELECT {}, m.idx, m.case_name, m.axes_json, m.withdrawn {from}", columns("m.state")), "m.idx")
    } else {
        if !states.is_empty() {
            conditions.push(format!("{STATE} IN ({states})"));
        }
        let axes = axis_conditions(filter, &mut values);
        if !axes.is_empty() {
            let all = axes.join(" AND ");
            conditions.push(format!("EXISTS (SELECT 1 FROM study_runs m WHERE m.run_no = r.run_no AND {all})"));
        }
        (format!("SELECT {}, NULL, NULL, NULL, NULL FROM runs r {config}", columns(STATE)), "r.run_no")
    };
    if !conditions.is_empty() {
        sql += &format!(" WHERE {}", conditions.join(" AND "));
    }
    sql += &format!(" ORDER BY {order} LIMIT ?");
    values.push(filter.limit.map_or(-1, |limit| i64::try_from(limit).unwrap_or(i64::MAX)).into());
    Ok((sql, values))
}

/// One condition for each axis, and their values in order.
fn axis_conditions(filter: &RunFilter, values: &mut Vec<SqlValue>) -> Vec<String> {
    let axis = |(key, wanted): &(String, Vec<String>)| {
        values.push(key.clone().into());
        let mut ways = Vec::new();
        for value in wanted {
            if let Ok(number) = value.parse::<f64>() {
                ways.push("(a.type IN ('integer', 'real') AND a.value = ?)");
                values.push(number.into());
            }
            ways.push("(a.type = 'text' AND a.value = ?)");
            values.push(value.clone().into());
            ways.push("(a.type IN ('true', 'false', 'null') AND a.type = ?)");
            values.push(value.clone().into());
        }
        let ways = if ways.is_empty() { "false".to_owned() } else { ways.join(" OR ") };
        format!("EXISTS (SELECT 1 FROM json_each(m.axes_json) a WHERE a.key = ? AND ({ways}))")
    };
    filter.axes.iter().map(axis).collect()
}

/// The number of the run that `name` means, and the study if it names one.
pub(super) fn named(connection: &Connection, name: &str) -> RegistryResult<(i64, Option<i64>)> {
    if let Some((study, index)) = name.rsplit_once(':') {
        let index: i64 = index.parse().map_err(|_| RegistryError::NotARunName { name: name.to_owned() })?;
        let study_id = super::studies::exact(connection, study)?;
        let find = "SELECT run_no FROM study_numbers WHERE study_id = ?1 AND idx = ?2";
        let found = connection.prepare_cached(find)?.query_row([study_id, index], |row| row.get(0)).optional()?;
        let run_no = found.ok_or_else(|| RegistryError::UnknownRun { name: name.to_owned() })?;
        return Ok((run_no, Some(study_id)));
    }
    if name.len() < SHORTEST_PREFIX || !name.bytes().all(|digit| matches!(digit, b'0'..=b'9' | b'a'..=b'f')) {
        return Err(RegistryError::NotARunName { name: name.to_owned() });
    }
    // 'g' follows the last digit.
    let sql = "SELECT run_no, run_id FROM runs WHERE run_id >= ?1 AND run_id < ?1 || 'g' ORDER BY run_id LIMIT ?2";
    let found: Vec<(i64, RunId)> = rows(connection, sql, params![name, CANDIDATES as i64], |row| row.try_into())?;
    match found.as_slice() {
        [] => Err(RegistryError::UnknownRun { name: name.to_owned() }),
        [(run_no, _)] => Ok((*run_no, None)),
        _ => Err(RegistryError::AmbiguousRun {
            name: name.to_owned(),
            candidates: found.into_iter().map(|(_, run_id)| run_id).collect(),
        }),
    }
}

pub(super) fn row(connection: &Connection, run_no: i64, study_id: Option<i64>) -> RegistryResult<RunRow> {
    let sql = format!(
        "SELECT {}, m.idx, m.case_name, m.axes_json, m.withdrawn FROM runs r JOIN configs c ON c.config_id = r.config_id
         LEFT JOIN study_runs m ON m.run_no = r.run_no AND m.study_id = ?2 WHERE r.run_no = ?1",
        columns(&format!("coalesce(m.state, {STATE})"))
    );
    Ok(connection.prepare_cached(&sql)?.query_row(params![run_no, study_id], RunRow::from_row)?)
}
