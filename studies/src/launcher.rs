//! The seam between the supervisor, which decides which runs are due, and what brings them to where they train.
//!
//! A launcher is one file here. It knows jobs and no registry: whose run it is, whether it is tried again and what its end
//! means for the study are the [supervisor](crate::supervisor)'s.

mod local;
mod occupancy;
mod slot;
mod worker;

use std::time::Duration;

use serde_json::Value;

use crate::job::{Ended, Job};

pub use self::local::LocalProcesses;
pub use self::slot::Slot;

/// Brings runs to where they train, and says what becomes of them.
pub trait Launcher {
    /// How many runs it would take now.
    fn free(&self) -> usize;

    /// Takes a run. The ticket is the run's name in all that follows. It may begin later, if it is to be alone.
    fn submit(&mut self, job: Job) -> Ticket;

    /// What has happened since the last call. Waits for something to happen, but not longer than `patience`.
    ///
    /// An update that [is the last](Update) of its run is given once, when nothing of the run is left.
    fn poll(&mut self, patience: Duration) -> Vec<(Ticket, Update)>;

    /// Asks a run to write a checkpoint and end. That it did so is among the updates, sooner or later.
    fn stop(&mut self, ticket: Ticket);

    /// Ends a run at once, with everything that it started.
    fn kill(&mut self, ticket: Ticket);
}

/// A submitted run, until its last update.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Ticket(pub u64);

/// What happened to a run.
#[derive(Clone, Debug, PartialEq)]
pub enum Update {
    /// It begins now, on this device; what to show of it before it says anything itself.
    Began(Value),
    /// How far it is, for a live table.
    Progress(Value),
    /// It ended and said how, or its end tells. The last update.
    Ended(Ended),
    /// It is gone, and that says nothing about the run: its process was killed, its machine went away. The last update.
    Lost(String),
}
