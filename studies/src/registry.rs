//! The registry: which runs exist, where each of them is, and how it came to be there. One SQLite file.
//!
//! A run is a value: its id is a hash of what decides its result. Studies refer to runs; the same run in two studies is
//! one row and runs once. A worker owns a run through a [`Claim`]: a lease that it renews, and an epoch that is one
//! higher with each claim. Every write of a worker names its epoch, so a worker that was given up for dead and wakes
//! again changes nothing. The first accepted result stays; nothing here ever picks the better of two.
//!
//! What must hold whoever writes is said by constraints and triggers in `schema_v1.sql` and its successors: legal moves as data, one event
//! in the same statement as each change, immutable results, append-only events. The code on top only asks for moves.
//!
//! Left to others: what a run is (ids, identities and axes come in as values), starting and watching processes, reading
//! run directories, and every word a user sees beside the messages of [`RegistryError`].
//!
//! [`Reader`] answers questions; [`Registry`] is a reader that may also write. Times are integer milliseconds UTC from
//! one injectable clock; they are shown, compared with leases, and never order anything: order is `seq`.

mod accept;
mod adopt;
mod breakers;
mod claim;
mod connection;
mod costs;
mod current_run;
mod data_fingerprints;
mod error;
mod file_system;
mod finish;
mod history;
mod ids;
mod judge;
mod migrations;
mod open;
mod operator;
mod plan;
mod queue;
mod rebuild;
mod rows;
mod rule;
mod rungs;
mod runs;
mod state;
mod status;
mod studies;
mod usage;

#[cfg(test)]
mod crash_tests;

pub(crate) use aees_run::times::now as system_clock;

pub use self::accept::{Accepted, Completion};
pub use self::adopt::LostResult;
pub use self::breakers::FailureGroup;
pub use self::claim::Claim;
pub use self::connection::{Reader, Registry};
pub use self::costs::CostRow;
pub use self::error::RegistryError;
pub use self::file_system::{FileSystem, FileSystemProbe, probe_file_system};
pub use self::finish::{AfterFailure, FailedAttempt, Heartbeat};
pub use self::history::{AttemptRow, EventRow, Membership, Why};
pub use self::ids::{ConfigId, RunId};
pub use self::judge::{Judged, RungCurve};
pub use self::open::{Clock, OpenOptions, Uptime};
pub use self::operator::{Audit, Moved};
pub use self::plan::{Leaving, Member, PlanChanges, PlannedRun, StudySpec};
pub use self::queue::RunQueue;
pub use self::rebuild::{MemberOnDisk, Rebuilt, RunOnDisk, rebuild};
pub use self::rungs::{RungReplay, RungRow};
pub use self::runs::{RunFilter, RunRow, RunningRow};
pub use self::state::{OutcomeKind, RunState, StateCounts};
pub use self::status::{MemberResult, StudyStatus};
pub use self::usage::{Metric, Usage};

/// What every question to the registry may fail with.
pub type RegistryResult<T> = Result<T, RegistryError>;
