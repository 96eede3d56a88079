//! Claims: how a run gets exactly one owner.
//!
//! One transaction looks for claimable runs and takes them, so two workers cannot see the same run free. A claim raises
//! the run's epoch; whoever held it before can from then on change nothing.

use std::fmt;
use std::time::Duration;

use rusqlite::{OptionalExtension, Row, Transaction, params};
use serde_json::json;

use super::selection::{Selection, Source};
use super::{ConfigId, Registry, Result, RunId, RunState};

/// A process that works on runs. Start and boot tell it from a later process with the same number.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WorkerId {
    /// Name of its machine.
    pub host: String,
    /// Its process number.
    pub pid: u32,
    /// When it started, in clock ticks since the machine booted.
    pub start_ticks: u64,
    /// Names the machine's boot.
    pub boot_id: String,
}

impl fmt::Display for WorkerId {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{}:{}", self.host, self.pid)
    }
}

/// The right to work on a run, until its lease ends.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Claim {
    /// The run.
    pub run_id: RunId,
    /// Its setting.
    pub config_id: ConfigId,
    /// Its seed.
    pub seed: u64,
    /// The fencing token.
    pub epoch: i64,
    /// 1 for the first attempt at this run.
    pub attempt_no: u32,
    /// Where the run was: [`RunState::Running`] means that an expired lease was taken over.
    pub previous_state: RunState,
    /// Retries that failures of this run have used.
    pub retries_used: u32,
    /// Attempts whose worker died or went silent. A run that kills its workers has many.
    pub lost_attempts: u32,
    /// The class of the failure that a retry follows.
    pub last_class: Option<String>,
    pub(super) worker: String,
}

/// A run found claimable.
struct Candidate {
    run_no: i64,
    claim: Claim,
}

impl Candidate {
    const COLUMNS: &str =
        "r.run_no, r.run_id, r.config_id, r.seed, r.epoch, r.attempts, r.state, r.retries_used, r.class";

    fn from_row(row: &Row<'_>, worker: &str) -> rusqlite::Result<Self> {
        let claim = Claim {
            run_id: row.get(1)?,
            config_id: row.get(2)?,
            seed: row.get::<_, i64>(3)?.cast_unsigned(),
            epoch: row.get::<_, i64>(4)? + 1,
            attempt_no: row.get::<_, u32>(5)? + 1,
            previous_state: row.get(6)?,
            retries_used: row.get(7)?,
            lost_attempts: 0,
            last_class: row.get(8)?,
            worker: worker.to_owned(),
        };
        Ok(Self { run_no: row.get(0)?, claim })
    }
}

/// What is taken first, and when it may be. `?3` is the time.
const TURNS: [(RunState, &str); 4] = [
    (RunState::Running, "r.lease_until < ?3"),
    (RunState::Deferred, "r.not_before <= ?3"),
    (RunState::Interrupted, "true"),
    (RunState::Pending, "true"),
];

impl Registry {
    /// Claims up to `most` runs: expired leases first, then deferred runs that are due, interrupted ones, pending ones.
    /// Each claim lasts for `lease` from now; [`Registry::heartbeat`] renews it.
    pub fn claim(
        &mut self,
        worker: &WorkerId,
        selection: &Selection,
        most: usize,
        lease: Duration,
    ) -> Result<Vec<Claim>> {
        self.write(|transaction, now| {
            let mut claims = Vec::new();
            for (state, due) in TURNS {
                let free = most - claims.len();
                if free > 0 {
                    for mut candidate in candidates(transaction, selection, (state, due), (now, free), worker)? {
                        take(transaction, &mut candidate, worker, lease, now)?;
                        claims.push(candidate.claim);
                    }
                }
            }
            Ok(claims)
        })
    }
}

fn candidates(
    transaction: &Transaction<'_>,
    selection: &Selection,
    (state, due): (RunState, &str),
    (now, most): (i64, usize),
    worker: &WorkerId,
) -> Result<Vec<Candidate>> {
    let columns = Candidate::COLUMNS;
    let free = format!("{due} AND r.run_id NOT IN (SELECT value FROM json_each(?4))");
    let sql = match &selection.source {
        Source::Study(_) => format!(
            "SELECT {columns} FROM study_runs m JOIN runs r ON r.run_no = m.run_no
             WHERE m.study_id = ?1 AND m.withdrawn = 0 AND m.state = ?2 AND {free} ORDER BY m.idx LIMIT ?5"
        ),
        Source::Runs(_) => format!(
            "SELECT {columns} FROM json_each(?1) s CROSS JOIN runs r ON r.run_no = s.value
             WHERE r.state = ?2 AND {free} ORDER BY s.key LIMIT ?5"
        ),
    };
    let worker = worker.to_string();
    let mut query = transaction.prepare_cached(&sql)?;
    let most = i64::try_from(most).unwrap_or(i64::MAX);
    let read = |row: &Row<'_>| Candidate::from_row(row, &worker);
    let found = match &selection.source {
        Source::Study(study) => query.query_map(params![study, state, now, selection.excluded, most], read)?,
        Source::Runs(numbers) => query.query_map(params![numbers, state, now, selection.excluded, most], read)?,
    };
    Ok(found.collect::<Result<_, _>>()?)
}

/// Moves a candidate to running and opens its attempt.
fn take(
    transaction: &Transaction<'_>,
    candidate: &mut Candidate,
    worker: &WorkerId,
    lease: Duration,
    now: i64,
) -> Result<()> {
    let Candidate { run_no, claim } = candidate;
    let run_no = *run_no;
    let taken_over = claim.previous_state == RunState::Running;
    let (kind, payload) = if taken_over {
        ("lease_expired", Some(json!({"previous_worker": holder(transaction, run_no, claim.epoch - 1)?}).to_string()))
    } else {
        ("claimed", None)
    };
    let mut update = transaction.prepare_cached(
        "UPDATE runs SET state = 'running', epoch = ?2, lease_until = ?3, not_before = NULL, attempts = attempts + 1,
             class = NULL, error = NULL, fingerprint = NULL, progress = NULL, updated_at = ?4, event_kind = ?5, actor = ?6,
             payload = ?7
         WHERE run_no = ?1",
    )?;
    update.execute(params![run_no, claim.epoch, lease_end(now, lease), now, kind, claim.worker, payload])?;
    let mut attempt = transaction.prepare_cached(
        "INSERT INTO attempts (run_no, epoch, attempt_no, host, pid, start_ticks, boot_id, started_at)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)",
    )?;
    let ticks = super::usage::stored(worker.start_ticks);
    attempt.execute(params![
        run_no,
        claim.epoch,
        claim.attempt_no,
        worker.host,
        worker.pid,
        ticks,
        worker.boot_id,
        now
    ])?;
    if claim.attempt_no > 1 {
        let mut lost = transaction.prepare_cached(
            "SELECT count(*) FROM attempts WHERE run_no = ?1 AND ending IN ('lease_expired', 'worker_dead')",
        )?;
        claim.lost_attempts = lost.query_row([run_no], |row| row.get(0))?;
    }
    Ok(())
}

/// The worker of an attempt, as events name it.
fn holder(transaction: &Transaction<'_>, run_no: i64, epoch: i64) -> Result<String> {
    let find = "SELECT host || ':' || pid FROM attempts WHERE run_no = ?1 AND epoch = ?2";
    let found = transaction.prepare_cached(find)?.query_row([run_no, epoch], |row| row.get(0)).optional()?;
    // Somebody moved the run by hand.
    Ok(found.unwrap_or_else(|| "unknown".to_owned()))
}

pub(super) fn lease_end(now: i64, lease: Duration) -> i64 {
    now.saturating_add(i64::try_from(lease.as_millis()).unwrap_or(i64::MAX))
}
