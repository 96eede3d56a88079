//! Results: the first accepted one stays, whatever comes later and however good it is.

use rusqlite::{Connection, Transaction, params};
use serde_json::json;

use super::current_run::{CurrentRun, record_usage};
use super::usage::stored;
use super::{Claim, Metric, OutcomeKind, Registry, RegistryError, RegistryResult, RunState, Usage};

/// The end of a run that gave a result.
#[derive(Clone, Debug)]
pub struct Completion {
    /// How it ended.
    pub outcome: OutcomeKind,
    /// Digest of the published result.
    pub result_sha: String,
    /// What its file looked like when it was read, to see by a look whether it is still that.
    pub result_stat: Option<String>,
    /// Its summary numbers.
    pub metrics: Vec<Metric>,
    /// What the attempt used.
    pub usage: Usage,
}

/// Whether a result was news.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Accepted {
    /// It is the run's result from now on.
    First,
    /// The run has this very result already.
    Already,
}

impl Registry {
    /// Accepts the result of a claimed run. The first accepted result stays; saying the same again is no error.
    ///
    /// # Errors
    /// [`RegistryError::FencedOut`]; [`RegistryError::Nondeterminism`] when the run is done with another result, which
    /// is written down as an event.
    pub fn complete(&mut self, claim: &Claim, completion: &Completion) -> RegistryResult<Accepted> {
        self.write(|transaction, now| complete(transaction, claim, completion, now))?
    }

    /// Accepts several results in one transaction. One that is refused does not touch the others.
    ///
    /// # Errors
    /// Those of the file; each result has its own, as in [`Registry::complete`].
    pub fn complete_all(&mut self, results: &[(&Claim, &Completion)]) -> RegistryResult<Vec<RegistryResult<Accepted>>> {
        self.write(|transaction, now| {
            results.iter().map(|(claim, completion)| complete(transaction, claim, completion, now)).collect()
        })
    }
}

fn complete(
    transaction: &Transaction<'_>,
    claim: &Claim,
    completion: &Completion,
    now: i64,
) -> RegistryResult<RegistryResult<Accepted>> {
    let current_run = CurrentRun::read(transaction, &claim.run_id)?;
    offer(transaction, &current_run, claim.epoch, completion)?;
    if current_run.state == RunState::Done {
        return compare_with_accepted(
            transaction,
            &current_run,
            &completion.result_sha,
            (claim.epoch, &claim.worker),
            now,
        );
    }
    if !current_run.held_by(claim) {
        return Ok(Err(current_run.fenced_out(claim)));
    }
    accept(transaction, &current_run, completion, ("completed", &claim.worker), now)?;
    Ok(Ok(Accepted::First))
}

/// Writes down what an attempt used and gave, whether or not it is accepted.
pub(super) fn offer(
    transaction: &Connection,
    current_run: &CurrentRun,
    epoch: i64,
    offered: &Completion,
) -> RegistryResult<()> {
    record_usage(transaction, current_run, epoch, &offered.usage)?;
    transaction
        .prepare_cached("UPDATE attempts SET result_sha = ?3 WHERE run_no = ?1 AND epoch = ?2 AND result_sha IS NULL")?
        .execute(params![current_run.run_no, epoch, offered.result_sha])?;
    Ok(())
}

/// Makes a run done. Its metrics come first: those of a done run cannot change.
pub(super) fn accept(
    transaction: &Connection,
    current_run: &CurrentRun,
    completion: &Completion,
    (kind, actor): (&str, &str),
    now: i64,
) -> RegistryResult<()> {
    let CurrentRun { run_no, epoch, .. } = current_run;
    let Completion { outcome, result_sha, result_stat, metrics, usage } = completion;
    for metric in metrics {
        let mut insert = transaction.prepare_cached(
            "INSERT INTO metrics (run_no, name, measure, value) VALUES (?1, ?2, ?3, ?4)
             ON CONFLICT (run_no, name, measure) DO UPDATE SET value = excluded.value",
        )?;
        let value = Some(metric.value).filter(|value| value.is_finite());
        insert.execute(params![run_no, metric.name, metric.measure, value])?;
    }
    let payload = json!({"outcome": outcome.name(), "result_sha": result_sha}).to_string();
    let mut update = transaction.prepare_cached(
        "UPDATE runs SET state = 'done', outcome = ?3, result_sha = ?4, result_stat = ?10, accepted_epoch = epoch, lease_until = NULL,
             not_before = NULL, class = NULL, error = NULL, fingerprint = NULL, wall_ms = wall_ms + ?5, updated_at = ?6,
             event_kind = ?7, actor = ?8, payload = ?9
         WHERE run_no = ?1 AND epoch = ?2",
    )?;
    let wall = stored(usage.wall_ms.unwrap_or(0));
    update.execute(params![run_no, epoch, outcome, result_sha, wall, now, kind, actor, payload, result_stat])?;
    Ok(())
}

/// A second result of a done run: the same one is fine, another is written down and refused.
pub(super) fn compare_with_accepted(
    transaction: &Connection,
    current_run: &CurrentRun,
    offered: &str,
    (epoch, actor): (i64, &str),
    now: i64,
) -> RegistryResult<RegistryResult<Accepted>> {
    let accepted = current_run.result_sha.clone().unwrap_or_default();
    if accepted == offered {
        return Ok(Ok(Accepted::Already));
    }
    let payload = json!({"accepted": accepted, "offered": offered}).to_string();
    transaction.execute(
        "INSERT INTO events (at, kind, run_no, epoch, actor, payload) VALUES (?1, 'nondeterminism', ?2, ?3, ?4, ?5)",
        params![now, current_run.run_no, epoch, actor, payload],
    )?;
    Ok(Err(RegistryError::Nondeterminism { run_id: current_run.run_id.clone(), accepted, offered: offered.to_owned() }))
}
