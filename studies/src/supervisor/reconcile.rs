//! Before anything runs: what the disk knows and the registry does not, and the other way round.
//!
//! A worker may have died between publishing a result and telling of it; a supervisor may have died with runs claimed; a
//! folder may have been deleted.

use aees_run::artifact::FileError;

use crate::disk::{Root, completion_of};
use crate::error::SweepError;
use crate::process::{ProcessIdentity, hostname};
use crate::registry::{Audit, Registry, RegistryError, RunFilter, RunState};

/// What was put right.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Reconciled {
    /// Results that were found on disk.
    pub adopted: usize,
    /// Runs whose worker is dead.
    pub interrupted: usize,
    /// Done runs whose result is gone, by id.
    pub vanished: Vec<String>,
    /// Results that cannot be used, with the reason.
    pub damaged: Vec<String>,
}

/// Brings the runs of a study in line with their folders.
pub fn reconcile(registry: &mut Registry, root: &Root, study: &str) -> Result<Reconciled, SweepError> {
    let mut reconciled = Reconciled::default();
    let host = hostname();
    let audit = Audit { actor: "reconcile", reason: "its worker is dead" };
    for row in registry.running(Some(study))? {
        let worker = &row.worker;
        let here = worker.host == host;
        let process =
            ProcessIdentity { pid: worker.pid, start_ticks: worker.start_ticks, boot_id: worker.boot_id.clone() };
        // A worker of another machine is judged by its lease alone.
        if here && !process.is_alive() && registry.interrupt_dead(&row.run_id, row.epoch, &audit)? {
            reconciled.interrupted += 1;
        }
    }
    let filter = RunFilter { study: Some(study.to_owned()), ..RunFilter::default() };
    for row in registry.runs(&filter)? {
        let folder = root.run(&row.run_id);
        let published = folder.join("result.json");
        let there = published.try_exists().map_err(FileError::at("look for", &published))?;
        match row.state {
            RunState::Done if !there => {
                let audit = Audit { actor: "reconcile", reason: "its result is gone from the disk" };
                registry.vanished(&row.run_id, &audit)?;
                reconciled.vanished.push(row.run_id.to_string());
            }
            RunState::Pending | RunState::Interrupted | RunState::Deferred | RunState::Failed if there => {
                match completion_of(&folder) {
                    Ok(Some(found)) => match registry.adopt(&row.run_id, &found, "reconcile") {
                        Ok(_) => reconciled.adopted += 1,
                        // Somebody claimed it in between.
                        Err(RegistryError::IllegalMove { .. }) => {}
                        Err(error) => return Err(error.into()),
                    },
                    Ok(None) => {}
                    Err(error) => reconciled.damaged.push(error.to_string()),
                }
            }
            _ => {}
        }
    }
    Ok(reconciled)
}
