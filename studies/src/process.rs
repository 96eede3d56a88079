//! Processes of this machine: which is which, who belongs to whom, and signals that reach nobody else.

mod family;
mod group;
mod identity;
mod out_of_memory;

pub use self::family::Family;
pub(crate) use self::family::{WORKER_MARK, end_program_of, worker_mark};
pub(crate) use self::group::{Descendants, adopt_orphans, signal_group};
pub(crate) use self::identity::boot_id;
#[cfg(test)]
pub(crate) use self::identity::running_processes;
pub use self::identity::{Liveness, ProcessIdentity, RunningProcess, hostname};
pub(crate) use self::out_of_memory::out_of_memory_kills;
