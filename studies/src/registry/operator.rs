//! What people ask for. Each move is audited: its event says who and why.

use rusqlite::{Connection, Transaction, params};
use serde_json::json;

use super::current_run::CurrentRun;
use super::rows::rows;
use super::{Registry, RegistryError, RegistryResult, RunId, RunState};

/// Who asked for a move, and why.
#[derive(Clone, Copy, Debug)]
pub struct Audit<'a> {
    /// Who: a user at a machine, or a command.
    pub actor: &'a str,
    /// Why.
    pub reason: &'a str,
}

impl Audit<'_> {
    fn payload(&self) -> String {
        json!({"reason": self.reason}).to_string()
    }
}

/// What came of a move that was asked for several runs.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Moved {
    /// Runs that moved.
    pub changed: Vec<RunId>,
    /// Runs that could not, and where they are.
    pub refused: Vec<(RunId, RunState)>,
}

impl Registry {
    /// Makes failed, cancelled, invalid, interrupted and deferred runs pending, with all their retries. One that a study stopped at
    /// a rung goes to its end then.
    ///
    /// # Errors
    /// When one of the runs does not exist; nothing is changed then.
    pub fn retry(&mut self, runs: &[RunId], audit: &Audit<'_>) -> RegistryResult<Moved> {
        use RunState::{Cancelled, Deferred, Failed, Interrupted, Invalid};
        self.move_all(runs, &[Failed, Cancelled, Invalid, Interrupted, Deferred], |transaction, current_run, now| {
            transaction.execute(
                "UPDATE runs SET state = 'pending', not_before = NULL, retries_used = 0, class = NULL, error = NULL,
                     fingerprint = NULL, updated_at = ?2, event_kind = 'retried', actor = ?3, payload = ?4
                 WHERE run_no = ?1",
                params![current_run.run_no, now, audit.actor, audit.payload()],
            )?;
            // Whoever takes a run up that a study stopped wants it whole.
            transaction.execute(
                "UPDATE study_runs SET kept = 1, verdict = NULL WHERE run_no = ?1 AND verdict IS NOT NULL",
                [current_run.run_no],
            )?;
            Ok(true)
        })
    }

    /// Takes runs out. A running one is fenced out: its worker learns so from its next heartbeat.
    ///
    /// # Errors
    /// When one of the runs does not exist; nothing is changed then.
    pub fn cancel(&mut self, runs: &[RunId], audit: &Audit<'_>) -> RegistryResult<Moved> {
        use RunState::{Deferred, Failed, Interrupted, Pending, Running};
        self.move_all(runs, &[Pending, Running, Interrupted, Deferred, Failed], |transaction, current_run, now| {
            transaction.execute(
                "UPDATE runs SET state = 'cancelled', lease_until = NULL, not_before = NULL, updated_at = ?2,
                     event_kind = 'cancelled', actor = ?3, payload = ?4
                 WHERE run_no = ?1",
                params![current_run.run_no, now, audit.actor, audit.payload()],
            )?;
            Ok(true)
        })
    }

    /// Withdraws the results of done runs. The events keep their digests and numbers. The caller first moves
    /// `result.json` away, or it would be found and adopted after a retry.
    ///
    /// # Errors
    /// When one of the runs does not exist; nothing is changed then.
    pub fn invalidate(&mut self, runs: &[RunId], audit: &Audit<'_>) -> RegistryResult<Moved> {
        self.move_all(runs, &[RunState::Done], |transaction, current_run, now| {
            revoke(transaction, current_run, ("invalidated", audit), now)?;
            Ok(true)
        })
    }

    /// Takes runs out of a study's results and claims, without touching the runs. Runs that are no members are refused.
    pub fn withdraw(&mut self, study: &str, runs: &[RunId], audit: &Audit<'_>) -> RegistryResult<Moved> {
        self.set_withdrawn(study, runs, (true, "withdrawn"), audit)
    }

    /// Takes withdrawn runs back in. Runs that are not withdrawn are refused.
    pub fn restore(&mut self, study: &str, runs: &[RunId], audit: &Audit<'_>) -> RegistryResult<Moved> {
        self.set_withdrawn(study, runs, (false, "restored"), audit)
    }

    fn set_withdrawn(
        &mut self,
        study: &str,
        runs: &[RunId],
        (withdrawn, kind): (bool, &str),
        audit: &Audit<'_>,
    ) -> RegistryResult<Moved> {
        self.move_all(runs, &RunState::ALL, |transaction, current_run, now| {
            let study_id = super::studies::exact(transaction, study)?;
            let changed = transaction.execute(
                "UPDATE study_runs SET withdrawn = ?3 WHERE study_id = ?1 AND run_no = ?2 AND withdrawn <> ?3",
                params![study_id, current_run.run_no, withdrawn],
            )?;
            if changed > 0 {
                transaction.execute(
                    "INSERT INTO events (at, kind, run_no, study_id, actor, payload) VALUES (?1, ?2, ?3, ?4, ?5, ?6)",
                    params![now, kind, current_run.run_no, study_id, audit.actor, audit.payload()],
                )?;
            }
            Ok(changed > 0)
        })
    }

    /// Stops the wait for a worker that is known to be dead: its run is interrupted at once and can be claimed. Gives
    /// false when the run has moved on since.
    pub fn interrupt_dead(&mut self, run_id: &RunId, epoch: i64, audit: &Audit<'_>) -> RegistryResult<bool> {
        self.write(|transaction, now| {
            let changed = transaction.execute(
                "UPDATE runs SET state = 'interrupted', lease_until = NULL, updated_at = ?3, event_kind = 'worker_dead',
                     actor = ?4, payload = ?5
                 WHERE run_id = ?1 AND epoch = ?2 AND state = 'running'",
                params![run_id, epoch, now, audit.actor, audit.payload()],
            )?;
            Ok(changed > 0)
        })
    }

    /// Moves those of the runs that are in one of these states, and for which the attempt succeeds.
    fn move_all(
        &mut self,
        runs: &[RunId],
        from: &[RunState],
        mut attempt: impl FnMut(&Transaction<'_>, &CurrentRun, i64) -> RegistryResult<bool>,
    ) -> RegistryResult<Moved> {
        self.write(|transaction, now| {
            let mut moved = Moved::default();
            for run_id in runs {
                let current_run = CurrentRun::read(transaction, run_id)?;
                if from.contains(&current_run.state) && attempt(transaction, &current_run, now)? {
                    moved.changed.push(run_id.clone());
                } else {
                    moved.refused.push((run_id.clone(), current_run.state));
                }
            }
            Ok(moved)
        })
    }
}

/// Moves a done run to invalid. What its row loses is kept by the event.
pub(super) fn revoke(
    transaction: &Connection,
    current_run: &CurrentRun,
    (kind, audit): (&str, &Audit<'_>),
    now: i64,
) -> Result<(), RegistryError> {
    let accepted = "SELECT outcome, result_sha, accepted_epoch FROM runs WHERE run_no = ?1";
    let accepted = transaction.query_row(accepted, [current_run.run_no], |row| {
        let (outcome, sha, epoch): (String, String, Option<i64>) = row.try_into()?;
        Ok(json!({"outcome": outcome, "result_sha": sha, "accepted_epoch": epoch}))
    })?;
    let metrics = "SELECT name, measure, value FROM metrics WHERE run_no = ?1";
    let metrics: Vec<(String, String, Option<f64>)> =
        rows(transaction, metrics, [current_run.run_no], |row| row.try_into())?;
    let payload = json!({"reason": audit.reason, "accepted": accepted, "metrics": metrics}).to_string();
    transaction.execute(
        "UPDATE runs SET state = 'invalid', outcome = NULL, result_sha = NULL, accepted_epoch = NULL, updated_at = ?2,
             event_kind = ?3, actor = ?4, payload = ?5
         WHERE run_no = ?1",
        params![current_run.run_no, now, kind, audit.actor, payload],
    )?;
    transaction.execute("DELETE FROM metrics WHERE run_no = ?1", [current_run.run_no])?;
    Ok(())
}
