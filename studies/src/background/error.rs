//! What can go wrong with a launch in the background, and what to do about it.

use std::io;

use aees_run::artifact::FileError;

/// What can go wrong with a launch.
#[derive(Debug, thiserror::Error)]
#[allow(missing_docs, reason = "the messages say what the fields are")]
pub enum BackgroundError {
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
    NotStarted { reason: String, log_end: String },
    /// No launch and no study has this name; the newest launches.
    #[error("no launch or study {name}")]
    Unknown { name: String, known: Vec<String> },
    /// A process of another user, most likely.
    #[error("cannot stop process {pid}: {source}")]
    Signal { pid: u32, source: io::Error },
    /// Processes that outlived a kill.
    #[error("still there after they were killed: {processes}")]
    Survivors { processes: String },
}

impl BackgroundError {
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
