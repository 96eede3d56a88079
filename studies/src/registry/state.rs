//! Where a run can be, and how a done run ended.

use rusqlite::ToSql;
use rusqlite::types::{FromSql, FromSqlError, FromSqlResult, ToSqlOutput, ValueRef};

use crate::named::{UnknownName, named};

macro_rules! stored_by_name {
    ($type:ident) => {
        impl ToSql for $type {
            fn to_sql(&self) -> rusqlite::Result<ToSqlOutput<'_>> {
                self.name().to_sql()
            }
        }

        impl FromSql for $type {
            fn column_result(value: ValueRef<'_>) -> FromSqlResult<Self> {
                value.as_str()?.parse().map_err(|error: UnknownName| FromSqlError::Other(Box::new(error)))
            }
        }
    };
}

stored_by_name!(RunState);
stored_by_name!(OutcomeKind);

named! {
    /// Where a run is. The legal moves are rows of the table `transitions`.
    RunState {
        /// Can be claimed.
        Pending = "pending",
        /// Claimed: a worker holds its lease.
        Running = "running",
        /// Stopped with work left; can be claimed.
        Interrupted = "interrupted",
        /// Of a study that prunes: it waits at a rung. In other studies it can be claimed.
        Paused = "paused",
        /// Of a study that prunes: others did better, and it stopped at a rung. In other studies it can be claimed.
        Pruned = "pruned",
        /// Put off until a certain time: rate limit, or back-off before a retry.
        Deferred = "deferred",
        /// Failed, and not tried again unless somebody asks.
        Failed = "failed",
        /// A result was accepted.
        Done = "done",
        /// Taken out by an operator.
        Cancelled = "cancelled",
        /// No study refers to it any more.
        Superseded = "superseded",
        /// Its result was withdrawn: by an operator, or because its directory vanished.
        Invalid = "invalid",
    }
}

named! {
    /// How a done run ended.
    OutcomeKind {
        /// With its metrics.
        Ok = "ok",
        /// The loss left the numbers; that is a result too.
        Diverged = "diverged",
    }
}

impl RunState {
    /// Whether it waits for something that this program does by itself.
    pub fn is_open(self) -> bool {
        matches!(self, Self::Pending | Self::Running | Self::Interrupted | Self::Paused | Self::Deferred)
    }
}

/// How many runs are in each state.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct StateCounts([u64; RunState::ALL.len()]);

impl StateCounts {
    /// Runs in a state.
    pub fn get(&self, state: RunState) -> u64 {
        self.0[state as usize]
    }

    /// Runs in all states.
    pub fn total(&self) -> u64 {
        self.0.iter().sum()
    }

    /// Runs that are not over.
    pub fn open(&self) -> u64 {
        self.iter().filter(|(state, _)| state.is_open()).map(|(_, count)| count).sum()
    }

    /// States that hold runs, in the order of display.
    pub fn iter(&self) -> impl Iterator<Item = (RunState, u64)> {
        RunState::ALL.into_iter().zip(self.0).filter(|(_, count)| *count > 0)
    }

    pub(crate) fn add(&mut self, state: RunState, count: u64) {
        self.0[state as usize] += count;
    }

    pub(super) fn remove(&mut self, state: RunState, count: u64) {
        self.0[state as usize] = self.0[state as usize].saturating_sub(count);
    }
}
