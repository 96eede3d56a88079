//! Brings the registry in line with run directories: results it does not know of, and results that are gone.

use rusqlite::params;

use super::accept::{accept, compare_with_accepted, offer};
use super::claim::{Holder, Moment};
use super::current_run::CurrentRun;
use super::operator::{Audit, revoke};
use super::{Accepted, Completion, Registry, RegistryError, RegistryResult, RunId, RunState};
use crate::named::named;

impl Registry {
    /// Accepts a result that was published and never told, since its worker died between the two.
    ///
    /// A run that is running under a lease that has not ended is its worker's; after that the result is adopted and the
    /// worker fenced out.
    ///
    /// # Errors
    /// [`RegistryError::IllegalMove`] from cancelled, superseded and invalid, and from running under a live lease;
    /// [`RegistryError::Nondeterminism`] when the run is done with another result.
    pub fn adopt(&mut self, run_id: &RunId, found: &Completion, actor: &str) -> RegistryResult<Accepted> {
        let uptime = self.options.uptime.clone();
        self.write(|transaction, now| {
            let current_run = CurrentRun::read(transaction, run_id)?;
            let moment = Moment { wall: now, uptime: uptime() };
            let adoptable = match current_run.state {
                RunState::Pending | RunState::Interrupted | RunState::Deferred | RunState::Failed => true,
                RunState::Running => Holder::of(transaction, current_run.run_no)?.is_gone(moment),
                RunState::Done => {
                    return compare_with_accepted(
                        transaction,
                        &current_run,
                        &found.result_sha,
                        (current_run.epoch, actor),
                        now,
                    );
                }
                // Those of a study are not those of a run.
                RunState::Paused | RunState::Pruned => false,
                RunState::Cancelled | RunState::Superseded | RunState::Invalid => false,
            };
            if !adoptable {
                let run_id = run_id.clone();
                return Err(RegistryError::IllegalMove { run_id, from: current_run.state, to: RunState::Done });
            }
            offer(transaction, &current_run, current_run.epoch, found)?;
            accept(transaction, &current_run, found, ("adopted", actor), now)?;
            Ok(Ok(Accepted::First))
        })?
    }

    /// The accepted result of a done run is no longer what is on the disk: it is gone (`vanished`), or another (`changed`).
    /// The run becomes invalid, and the event keeps its digest and its numbers.
    ///
    /// It does not run again by itself: results that vanish are a reason to look before computing. `retry` runs it
    /// again.
    ///
    /// # Errors
    /// [`RegistryError::IllegalMove`] when the run is not done.
    pub fn lost_result(&mut self, run_id: &RunId, how: LostResult, audit: &Audit<'_>) -> RegistryResult<()> {
        self.write(|transaction, now| {
            let current_run = CurrentRun::read(transaction, run_id)?;
            if current_run.state == RunState::Done {
                revoke(transaction, &current_run, (how.name(), audit), now)
            } else {
                let run_id = run_id.clone();
                Err(RegistryError::IllegalMove { run_id, from: current_run.state, to: RunState::Invalid })
            }
        })
    }

    /// Remembers what the files of accepted results look like, so that they need not be read again.
    pub fn remember_result_stats(&mut self, seen: &[(RunId, String)]) -> RegistryResult<()> {
        self.write_unsynced(|transaction, _| {
            let mut update = transaction.prepare_cached("UPDATE runs SET result_stat = ?2 WHERE run_id = ?1")?;
            seen.iter().try_for_each(|(run, stat)| Ok(update.execute(params![run, stat]).map(drop)?))
        })
    }
}

named! {
    /// What became of an accepted result.
    LostResult {
        /// There is no file.
        Vanished = "vanished",
        /// The file is not the one that was accepted.
        Changed = "changed",
    }
}
