//! Claims: how a run gets exactly one owner.
//!
//! One transaction looks at the [queue](RunQueue) and takes what is next, so two workers cannot see the same run free. A claim raises
//! the run's epoch; whoever held it before can from then on change nothing.

use std::time::Duration;

use rusqlite::{Connection, Row, Transaction, params};
use serde_json::json;

use super::queue::TURNS;
use super::rows::rows;
use super::rule::{next_rung, rule};
use super::{ConfigId, Reader, Registry, RegistryResult, RunId, RunQueue, RunState};
use crate::process::{Liveness, ProcessIdentity};

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
    /// Attempts whose worker died, was killed or went silent. A run that kills its workers has many.
    pub lost_attempts: u32,
    /// Attempts that ended with a rate limit.
    pub deferrals: u32,
    /// Where it is to stop for a comparison, in a study that prunes.
    pub rung: Option<u64>,
    pub(super) run_no: i64,
    pub(super) worker: String,
}

impl Claim {
    fn from_row(row: &Row<'_>, worker: &str) -> rusqlite::Result<Self> {
        Ok(Self {
            run_no: row.get(0)?,
            run_id: row.get(1)?,
            config_id: row.get(2)?,
            seed: row.get::<_, i64>(3)?.cast_unsigned(),
            epoch: row.get::<_, i64>(4)? + 1,
            attempt_no: row.get::<_, u32>(5)? + 1,
            previous_state: row.get(6)?,
            retries_used: row.get(7)?,
            lost_attempts: 0,
            deferrals: 0,
            rung: None,
            worker: worker.to_owned(),
        })
    }
}

/// The two clocks of a moment: what people read, and what leases count on.
#[derive(Clone, Copy)]
pub(super) struct Moment {
    /// Milliseconds UTC.
    pub(super) wall: i64,
    /// Milliseconds since the boot, suspended ones included.
    pub(super) uptime: i64,
}

impl Moment {
    /// Columns of a lease that begins now.
    pub(super) fn lease_end(self, lease: Duration) -> (i64, i64) {
        let lease = i64::try_from(lease.as_millis()).unwrap_or(i64::MAX);
        (self.wall.saturating_add(lease), self.uptime.saturating_add(lease))
    }
}

impl Registry {
    /// Claims up to `most` runs: expired leases first, then deferred runs that are due, interrupted ones, pending ones.
    /// Each claim lasts for `lease` from now; [`Registry::heartbeat`] renews it. A run whose process lives is nobody else's.
    ///
    /// A claim that a loss of power takes back does no harm, since who made it is gone too, so it does not wait for the disk.
    pub fn claim(
        &mut self,
        process: &ProcessIdentity,
        queue: &mut RunQueue,
        most: usize,
        lease: Duration,
    ) -> RegistryResult<Vec<Claim>> {
        let (uptime, awake) = (self.options.uptime.clone(), self.options.awake.clone());
        self.write_unsynced(|transaction, wall| {
            let now = Moment { wall, uptime: uptime() };
            queue.refresh(transaction)?;
            let mut claims = Vec::new();
            for state in TURNS {
                let due: Vec<i64> = match state {
                    // Each is looked at once in a lease.
                    RunState::Running => queue.turn(state, now.uptime).collect(),
                    _ => queue.turn(state, wall).take(most - claims.len()).collect(),
                };
                for run_no in due {
                    if state == RunState::Running {
                        let holder = Holder::of(transaction, run_no)?;
                        if holder.is_batch_system() {
                            queue.leave_to_batch_system(run_no);
                            continue;
                        }
                        let is_gone = holder.is_gone(now)
                            && (!holder.may_wake_up() || queue.is_silent(run_no, holder.lease_until, awake()));
                        if claims.len() == most || !is_gone {
                            let left = holder.lease_left(now);
                            queue.look_again(run_no, now.uptime + if left < 0 { LOOK_AGAIN } else { left + 1 });
                            continue;
                        }
                    }
                    claims.push(take(transaction, run_no, process, lease, now)?);
                }
            }
            if let Some(rule) = rule(transaction, queue.study_id)?.filter(|_| !claims.is_empty()) {
                for claim in &mut claims {
                    claim.rung = next_rung(transaction, queue.study_id, claim.run_no, &rule)?;
                }
            }
            Ok(claims)
        })
    }
}

impl Reader {
    /// The claims that a process, or a launch, holds.
    pub fn claims_of(&self, holder: &ProcessIdentity) -> RegistryResult<Vec<Claim>> {
        self.read(|connection| {
            // As a claim is read before it is made: with the epoch and the number of attempts before it.
            let sql =
                "SELECT r.run_no, r.run_id, r.config_id, r.seed, r.epoch - 1, r.attempts - 1, r.state, r.retries_used
                FROM runs r JOIN attempts a ON a.run_no = r.run_no AND a.epoch = r.epoch
                WHERE r.state = 'running' AND a.host = ?1 AND a.boot_id = ?2 AND a.pid_namespace = ?3 AND a.pid = ?4
                    AND a.start_ticks = ?5 ORDER BY r.run_no";
            let ProcessIdentity { host, boot_id, pid_namespace, pid, start_ticks } = holder;
            let worker = holder.to_string();
            let process = params![host, boot_id, pid_namespace, pid, start_ticks];
            rows(connection, sql, process, |row| Claim::from_row(row, &worker))
        })
    }
}

/// How soon a run is looked at again whose lease has ended and whose process lives, in milliseconds.
const LOOK_AGAIN: i64 = 1_000;

/// The process of an attempt, from its columns `host, boot_id, pid_namespace, pid, start_ticks` on.
pub(super) fn attempt_process(row: &Row<'_>, first: usize) -> rusqlite::Result<ProcessIdentity> {
    Ok(ProcessIdentity {
        host: row.get(first)?,
        boot_id: row.get(first + 1)?,
        pid_namespace: row.get(first + 2)?,
        pid: row.get(first + 3)?,
        start_ticks: row.get(first + 4)?,
    })
}

/// Who holds a running run, and until when.
pub(super) struct Holder {
    process: Option<ProcessIdentity>,
    lease_until: i64,
    lease_uptime: Option<i64>,
}

impl Holder {
    pub(super) fn of(connection: &Connection, run_no: i64) -> RegistryResult<Self> {
        let mut find = connection.prepare_cached(
            "SELECT a.host, a.boot_id, a.pid_namespace, a.pid, a.start_ticks, r.lease_until, r.lease_uptime
             FROM runs r LEFT JOIN attempts a ON a.run_no = r.run_no AND a.epoch = r.epoch WHERE r.run_no = ?1",
        )?;
        Ok(find.query_row([run_no], |row| {
            // Without an attempt, somebody moved the run by hand.
            let process = row.get::<_, Option<String>>(0)?.map(|_| attempt_process(row, 0)).transpose()?;
            let lease_until = row.get::<_, Option<i64>>(5)?.unwrap_or(i64::MIN);
            Ok(Self { process, lease_until, lease_uptime: row.get(6)? })
        })?)
    }

    /// Whether a launch at a batch system has it: only what asks that system takes it back.
    fn is_batch_system(&self) -> bool {
        self.process.as_ref().is_some_and(|process| process.launch().is_some())
    }

    /// Milliseconds until the lease ends, below 0 when it has ended.
    pub(super) fn lease_left(&self, now: Moment) -> i64 {
        let same_boot = self.process.as_ref().is_some_and(ProcessIdentity::is_of_this_boot);
        match self.lease_uptime {
            Some(end) if same_boot => end.saturating_sub(now.uptime),
            _ => self.lease_until.saturating_sub(now.wall),
        }
    }

    /// Whether its run may be taken: the lease has ended, and the process is not seen to live.
    pub(super) fn is_gone(&self, now: Moment) -> bool {
        let alive = || self.process.as_ref().is_some_and(|process| process.liveness() == Liveness::Alive);
        self.lease_left(now) < 0 && !alive()
    }

    /// Whether it may be of this machine, and cannot be seen: a suspend of the machine ends its lease, and it gives its sign
    /// of life a moment after others are awake.
    fn may_wake_up(&self) -> bool {
        self.process
            .as_ref()
            .is_some_and(|process| process.is_of_this_boot() && process.liveness() == Liveness::Unknown)
    }
}

/// Moves a run to running and opens its attempt.
fn take(
    transaction: &Transaction<'_>,
    run_no: i64,
    process: &ProcessIdentity,
    lease: Duration,
    now: Moment,
) -> RegistryResult<Claim> {
    let worker = process.to_string();
    let mut find = transaction.prepare_cached(
        "SELECT run_no, run_id, config_id, seed, epoch, attempts, state, retries_used FROM runs WHERE run_no = ?1",
    )?;
    let mut claim = find.query_row([run_no], |row| Claim::from_row(row, &worker))?;
    let taken_over = claim.previous_state == RunState::Running;
    let (kind, payload) = if taken_over {
        // Without a process, somebody moved the run by hand.
        let holder = Holder::of(transaction, run_no)?.process;
        let holder = holder.map_or_else(|| "unknown".to_owned(), |process| process.to_string());
        ("lease_expired", Some(json!({"previous_worker": holder}).to_string()))
    } else {
        ("claimed", None)
    };
    let (lease_until, lease_uptime) = now.lease_end(lease);
    let mut update = transaction.prepare_cached(
        "UPDATE runs SET state = 'running', epoch = ?2, lease_until = ?3, lease_uptime = ?8, not_before = NULL,
             attempts = attempts + 1, class = NULL, error = NULL, fingerprint = NULL, progress = NULL, updated_at = ?4,
             event_kind = ?5, actor = ?6, payload = ?7
         WHERE run_no = ?1",
    )?;
    update.execute(params![run_no, claim.epoch, lease_until, now.wall, kind, worker, payload, lease_uptime])?;
    let mut attempt = transaction.prepare_cached(
        "INSERT INTO attempts (run_no, epoch, attempt_no, host, pid, start_ticks, boot_id, pid_namespace, started_at)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9)",
    )?;
    let ProcessIdentity { host, boot_id, pid_namespace, pid, start_ticks } = process;
    let (epoch, number, began) = (claim.epoch, claim.attempt_no, now.wall);
    attempt.execute(params![run_no, epoch, number, host, pid, start_ticks, boot_id, pid_namespace, began])?;
    if claim.attempt_no > 1 {
        let mut earlier = transaction.prepare_cached(
            "SELECT coalesce(sum(ending IN ('lease_expired', 'worker_dead', 'killed')), 0),
                 coalesce(sum(ending = 'deferred'), 0) FROM attempts WHERE run_no = ?1",
        )?;
        (claim.lost_attempts, claim.deferrals) = earlier.query_row([run_no], |row| Ok((row.get(0)?, row.get(1)?)))?;
    }
    Ok(claim)
}
