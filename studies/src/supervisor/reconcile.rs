//! Before anything runs: what the disk knows and the registry does not, and the other way round.
//!
//! A worker may have died between publishing a result and telling of it; a supervisor may have died with runs claimed; a
//! folder may have been deleted, and a result may have been changed by hand.

use crate::disk::{Root, completion_of, result_stat};
use crate::error::SweepError;
use crate::process::Liveness;
use crate::registry::{Audit, LostResult, MemberResult, Registry, RegistryError, RunState};

/// What was put right.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Reconciled {
    /// Results that were found on disk.
    pub adopted: usize,
    /// Runs whose worker is dead.
    pub interrupted: usize,
    /// Done runs whose result is gone, by id.
    pub vanished: Vec<String>,
    /// Done runs whose result is not the one that was accepted, by id.
    pub changed: Vec<String>,
    /// Results that cannot be used, with the reason.
    pub damaged: Vec<String>,
}

/// Brings the runs of a study in line with their folders.
pub fn reconcile(registry: &mut Registry, root: &Root, study: &str) -> Result<Reconciled, SweepError> {
    let mut reconciled = Reconciled::default();
    let audit = Audit { actor: "reconcile", reason: "its worker is dead" };
    for row in registry.running(Some(study))? {
        // A worker that cannot be seen from here is judged by its lease alone.
        let dead = row.worker.liveness() == Liveness::Dead;
        if dead && registry.interrupt_dead(&row.run_id, row.epoch, &audit)? {
            reconciled.interrupted += 1;
        }
    }
    let mut unusual = Vec::new();
    registry.member_results(study, |member| {
        // An error comes again below, where it is told.
        let found = result_stat(&root.run(&member.run_id)).unwrap_or(None);
        let usual = match member.state {
            RunState::Done => found.is_some() && found == member.result_stat,
            RunState::Pending | RunState::Interrupted | RunState::Deferred | RunState::Failed => found.is_none(),
            _ => true,
        };
        if !usual {
            unusual.push(member);
        }
    })?;
    let mut seen = Vec::new();
    for member in unusual {
        let found = completion_of(&root.run(&member.run_id));
        if member.state != RunState::Done {
            match found {
                Ok(Some(found)) => match registry.adopt(&member.run_id, &found, "reconcile") {
                    Ok(_) => reconciled.adopted += 1,
                    // Somebody claimed it in between.
                    Err(RegistryError::IllegalMove { .. }) => {}
                    Err(error) => return Err(error.into()),
                },
                Ok(None) => {}
                Err(error) => reconciled.damaged.push(error.to_string()),
            }
            continue;
        }
        match found {
            Ok(Some(found)) if Some(&found.result_sha) == member.result_sha.as_ref() => {
                seen.extend(found.result_stat.map(|stat| (member.run_id, stat)));
            }
            Ok(None) => {
                lose(registry, &member, LostResult::Vanished, "its result is gone from the disk")?;
                reconciled.vanished.push(member.run_id.to_string());
            }
            Ok(Some(_)) | Err(_) => {
                lose(registry, &member, LostResult::Changed, "its result is not the one that was accepted")?;
                reconciled.changed.push(member.run_id.to_string());
            }
        }
    }
    registry.remember_result_stats(&seen)?;
    Ok(reconciled)
}

fn lose(registry: &mut Registry, member: &MemberResult, how: LostResult, reason: &str) -> Result<(), SweepError> {
    match registry.lost_result(&member.run_id, how, &Audit { actor: "reconcile", reason }) {
        // Somebody was faster.
        Ok(()) | Err(RegistryError::IllegalMove { .. }) => Ok(()),
        Err(error) => Err(error.into()),
    }
}
