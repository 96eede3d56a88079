//! Processes of this machine: which is which, who belongs to whom, and signals that reach nobody else.

mod family;
mod group;
mod identity;
mod out_of_memory;

pub use self::family::Family;
pub(crate) use self::group::{Descendants, adopt_orphans, signal_group};
pub(crate) use self::identity::boot_id;
pub use self::identity::{ProcessIdentity, RunningProcess, hostname, running_processes};
pub(crate) use self::out_of_memory::out_of_memory_kills;
