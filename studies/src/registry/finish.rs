//! What the owner of a run may say about it while it has no result: still here, failed, put off, stopped.
//!
//! Every statement names the claim's epoch. When it finds no row, the run belongs to somebody else by now and the
//! worker is told so; only what its attempt used is still written down, since that was spent all the same.

use std::time::Duration;

use rusqlite::{Transaction, params};
use serde_json::json;

use super::claim::Moment;
use super::current_run::{CurrentRun, record_usage};
use super::usage::stored;
use super::{Claim, Registry, RegistryResult, RunState, Usage};

/// Longest error text that is kept, in characters.
const ERROR_LENGTH: usize = 4_000;

/// A sign of life of a claimed run.
#[derive(Clone, Debug)]
pub struct Heartbeat<'a> {
    /// The claim.
    pub claim: &'a Claim,
    /// What to show of it while it runs, as JSON; `None` keeps what was shown.
    pub progress: Option<String>,
}

/// The end of an attempt that gave no result.
#[derive(Clone, Debug)]
pub struct FailedAttempt {
    /// The failure's class: `oom`, `io`, ...
    pub class: String,
    /// What it said. Cut to 4000 characters; the end is kept, where the reason usually is.
    pub error: String,
    /// Equal for failures that have the same cause.
    pub fingerprint: Option<String>,
    /// What comes next.
    pub next: AfterFailure,
}

/// What comes after a failure.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AfterFailure {
    /// Nothing, until somebody asks for a retry.
    Final,
    /// Another attempt, not before this time. Uses one retry.
    RetryAt(i64),
}

/// A move out of running, as the claim's owner asks for it.
pub(super) struct Ending<'a> {
    state: RunState,
    kind: &'static str,
    class: Option<&'a str>,
    error: Option<String>,
    fingerprint: Option<&'a str>,
    not_before: Option<i64>,
    retries: i64,
    payload: Option<String>,
}

impl Ending<'_> {
    pub(super) fn new(state: RunState, kind: &'static str, payload: Option<String>) -> Self {
        Self { state, kind, class: None, error: None, fingerprint: None, not_before: None, retries: 0, payload }
    }
}

impl Registry {
    /// Renews leases. Gives the claims that are lost: they are no longer their worker's, whose work on them must stop, and
    /// whose results will be refused.
    ///
    /// A heartbeat that a loss of power takes back does no harm, so it does not wait for the disk.
    pub fn heartbeat<'a>(&mut self, beats: &[Heartbeat<'a>], lease: Duration) -> RegistryResult<Vec<&'a Claim>> {
        let uptime = self.options.uptime.clone();
        self.write_unsynced(|transaction, wall| {
            let (lease_until, lease_uptime) = Moment { wall, uptime: uptime() }.lease_end(lease);
            let mut lost = Vec::new();
            for Heartbeat { claim, progress } in beats {
                let mut renew = transaction.prepare_cached(
                    "UPDATE runs SET lease_until = ?3, lease_uptime = ?5, progress = coalesce(?4, progress)
                     WHERE run_id = ?1 AND epoch = ?2 AND state = 'running'",
                )?;
                if renew.execute(params![claim.run_id, claim.epoch, lease_until, progress, lease_uptime])? == 0 {
                    lost.push(*claim);
                }
            }
            Ok(lost)
        })
    }

    /// The attempt failed.
    pub fn fail(&mut self, claim: &Claim, failure: &FailedAttempt, usage: &Usage) -> RegistryResult<()> {
        let (state, kind, not_before, retries) = match failure.next {
            AfterFailure::Final => (RunState::Failed, "failed", None, 0),
            AfterFailure::RetryAt(time) => (RunState::Deferred, "retry_scheduled", Some(time), 1),
        };
        let payload = json!({"class": failure.class, "not_before": not_before, "fingerprint": failure.fingerprint});
        let ending = Ending {
            class: Some(&failure.class),
            error: Some(last_characters(&failure.error, ERROR_LENGTH)),
            fingerprint: failure.fingerprint.as_deref(),
            not_before,
            retries,
            ..Ending::new(state, kind, Some(payload.to_string()))
        };
        self.end(claim, &ending, usage)
    }

    /// Puts the run off, which is no failure and uses no retry.
    pub fn defer(&mut self, claim: &Claim, not_before: i64, why: &str, usage: &Usage) -> RegistryResult<()> {
        let payload = json!({"why": why, "not_before": not_before}).to_string();
        let ending =
            Ending { not_before: Some(not_before), ..Ending::new(RunState::Deferred, "deferred", Some(payload)) };
        self.end(claim, &ending, usage)
    }

    /// The attempt was stopped with work left; its checkpoints stand.
    pub fn interrupt(&mut self, claim: &Claim, why: &str, usage: &Usage) -> RegistryResult<()> {
        let payload = json!({"why": why}).to_string();
        self.end(claim, &Ending::new(RunState::Interrupted, "interrupted", Some(payload)), usage)
    }

    /// The attempt's worker was killed, by nobody who was asked to. It counts as [lost](Claim::lost_attempts).
    pub fn killed(&mut self, claim: &Claim, why: &str, usage: &Usage) -> RegistryResult<()> {
        let payload = json!({"why": why}).to_string();
        self.end(claim, &Ending::new(RunState::Interrupted, "killed", Some(payload)), usage)
    }

    /// Gives the run back before any step was made.
    pub fn release(&mut self, claim: &Claim) -> RegistryResult<()> {
        self.end(claim, &Ending::new(RunState::Pending, "released", None), &Usage::default())
    }

    fn end(&mut self, claim: &Claim, ending: &Ending<'_>, usage: &Usage) -> RegistryResult<()> {
        self.write(|transaction, now| end(transaction, claim, ending, usage, now))?
    }
}

/// Ends an attempt. Outer errors undo everything; inner ones are answers, and what was written beside them stays.
pub(super) fn end(
    transaction: &Transaction<'_>,
    claim: &Claim,
    ending: &Ending<'_>,
    usage: &Usage,
    now: i64,
) -> RegistryResult<RegistryResult<()>> {
    let Claim { run_id, epoch, worker, .. } = claim;
    let Ending { state, kind, class, error, fingerprint, not_before, retries, payload } = ending;
    let current_run = CurrentRun::read(transaction, run_id)?;
    record_usage(transaction, &current_run, *epoch, usage)?;
    if class.is_some() {
        transaction.execute(
            "UPDATE attempts SET class = ?3, error = ?4, fingerprint = ?5
             WHERE run_no = ?1 AND epoch = ?2 AND class IS NULL",
            params![current_run.run_no, epoch, class, error, fingerprint],
        )?;
    }
    if !current_run.held_by(claim) {
        return Ok(Err(current_run.fenced_out(claim)));
    }
    let wall = stored(usage.wall_ms.unwrap_or(0));
    transaction.execute(
        "UPDATE runs SET state = ?3, lease_until = NULL, not_before = ?4, class = ?5, error = ?6, fingerprint = ?7,
             retries_used = retries_used + ?8, wall_ms = wall_ms + ?9, updated_at = ?10, event_kind = ?11, actor = ?12,
             payload = ?13
         WHERE run_id = ?1 AND epoch = ?2 AND state = 'running'",
        params![run_id, epoch, state, not_before, class, error, fingerprint, retries, wall, now, kind, worker, payload],
    )?;
    Ok(Ok(()))
}

fn last_characters(text: &str, most: usize) -> String {
    let skipped = text.chars().count().saturating_sub(most);
    text.chars().skip(skipped).collect()
}
