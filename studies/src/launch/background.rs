//! Launches in the background: this program again, cut loose from the terminal, and what became of it.
//!
//! A launch has a folder below `launches/` of the root: `launch.json`, who it is, written by the launched process itself
//! once it leads its own session; `log.txt`, what it prints; `ended.json`, its exit code, its last act. Nothing else is
//! believed: whether it runs is asked of the kernel, by number, start time and boot, so a killed launch is known as such and
//! a recycled number or another boot is never taken for it.
//!
//! Its processes are found by three marks (see [`family`]), because each of them alone can be lost: parents die, programs
//! start sessions of their own, programs clear their environment.

mod family;
mod follow;
mod record;
mod start;
mod stop;
#[cfg(test)]
mod tests;

use std::io;
use std::path::PathBuf;
use std::time::{SystemTime, UNIX_EPOCH};

use aees_run::artifact::FileError;

pub use self::family::Family;
pub use self::follow::{Followed, follow};
pub use self::record::{Launch, LaunchRecord, LaunchState, find_launches, read_launches};
pub use self::start::{become_detached, launch_detached};
pub use self::stop::{Stopped, Waiting, stop};

/// What can go wrong with a launch.
#[derive(Debug, thiserror::Error)]
pub enum LaunchError {
    /// A record or a log could not be written or read.
    #[error(transparent)]
    File(#[from] FileError),
    /// The program could not be started.
    #[error("cannot start this program in the background: {0}")]
    Start(io::Error),
    /// It could not leave the terminal's session.
    #[error("cannot start a session for the launch: {0}")]
    Session(io::Error),
    /// It ended, or said nothing, before it was on its own.
    #[error("the launch did not start: {reason}; the end of its log:\n{log_end}")]
    NotStarted {
        /// What was seen.
        reason: String,
        /// The last lines that it printed.
        log_end: String,
    },
    /// No launch and no study has this name.
    #[error("no launch or study {name}")]
    Unknown {
        /// What was asked for.
        name: String,
        /// The newest launches.
        known: Vec<String>,
    },
    /// A process of another user, most likely.
    #[error("cannot stop process {pid}: {source}")]
    Signal {
        /// The process.
        pid: u32,
        /// Why not.
        source: io::Error,
    },
    /// Processes that outlived a kill.
    #[error("still there after they were killed: {processes}")]
    Survivors {
        /// Their numbers and names.
        processes: String,
    },
}

impl LaunchError {
    /// What the user can do about it.
    pub fn help(&self) -> Option<String> {
        match self {
            Self::File(error) if error.source.kind() == io::ErrorKind::PermissionDenied => {
                Some("check who owns the folder, or name another with --root".into())
            }
            Self::File(error) if error.source.kind() == io::ErrorKind::StorageFull => {
                Some("the disk is full: free some space and try again".into())
            }
            Self::Session(_) => Some("launches are started by `aees sweep run --bg`, not by hand".into()),
            Self::Unknown { known, .. } if known.is_empty() => {
                Some("there is no launch below this root; name another with --root".into())
            }
            Self::Unknown { known, .. } => {
                Some(format!("the newest are {}; `aees runs bg list --all` shows all", known.join(", ")))
            }
            Self::Signal { .. } => Some("try as the user that started the launch".into()),
            Self::Survivors { .. } => {
                Some("they wait for a device or a disk inside the kernel; try again later".into())
            }
            Self::File(_) | Self::Start(_) | Self::NotStarted { .. } => None,
        }
    }
}

/// Where the parts of a launch lie in its folder.
struct Files(PathBuf);

impl Files {
    fn record(&self) -> PathBuf {
        self.0.join("launch.json")
    }

    fn log(&self) -> PathBuf {
        self.0.join("log.txt")
    }

    fn ended(&self) -> PathBuf {
        self.0.join("ended.json")
    }
}

/// Milliseconds UTC of now.
fn now() -> i64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    i64::try_from(since.as_millis()).unwrap_or(i64::MAX)
}
