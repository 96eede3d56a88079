//! Brings the registry in line with run directories: results it does not know of, and results that are gone.

use super::accept::{accept, compare_with_accepted, offer};
use super::current_run::CurrentRun;
use super::operator::{Audit, revoke};
use super::{Accepted, Completion, Registry, RegistryError, Result, RunId, RunState};

impl Registry {
    /// Accepts a result that was published and never told, since its worker died between the two.
    ///
    /// A run that is running under a lease that has not ended is its worker's; after that the result is adopted and the
    /// worker fenced out.
    ///
    /// # Errors
    /// [`RegistryError::IllegalMove`] from cancelled, superseded and invalid, and from running under a live lease;
    /// [`RegistryError::Nondeterminism`] when the run is done with another result.
    pub fn adopt(&mut self, run_id: &RunId, found: &Completion, actor: &str) -> Result<Accepted> {
        self.write(|transaction, now| {
            let current_run = CurrentRun::read(transaction, run_id)?;
            let adoptable = match current_run.state {
                RunState::Pending | RunState::Interrupted | RunState::Deferred | RunState::Failed => true,
                RunState::Running => current_run.lease_until.is_some_and(|lease| lease < now),
                RunState::Done => {
                    return compare_with_accepted(
                        transaction,
                        &current_run,
                        &found.result_sha,
                        (current_run.epoch, actor),
                        now,
                    );
                }
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

    /// The directory of a done run is gone. The run becomes invalid, and the event keeps its digest and its numbers.
    ///
    /// It does not run again by itself: results that vanish are a reason to look before computing. `retry` runs it
    /// again.
    ///
    /// # Errors
    /// [`RegistryError::IllegalMove`] when the run is not done.
    pub fn vanished(&mut self, run_id: &RunId, audit: &Audit<'_>) -> Result<()> {
        self.write(|transaction, now| {
            let current_run = CurrentRun::read(transaction, run_id)?;
            if current_run.state == RunState::Done {
                revoke(transaction, &current_run, ("vanished", audit), now)
            } else {
                let run_id = run_id.clone();
                Err(RegistryError::IllegalMove { run_id, from: current_run.state, to: RunState::Invalid })
            }
        })
    }
}
