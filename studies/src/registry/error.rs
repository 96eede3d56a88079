//! What can go wrong with the registry: what, where, and what to do next.

use std::path::{Path, PathBuf};

use aees_run::artifact::FileError;
use rusqlite::ErrorCode;

use super::{ConfigId, RunId, RunState};

/// A question or a move that the registry could not do.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
#[allow(missing_docs, reason = "the messages say what the fields are")]
pub enum RegistryError {
    /// There is no file to read.
    #[error("there is no registry at {}", path.display())]
    Missing { path: PathBuf },
    /// An SQLite file of some other program.
    #[error("{} is a database, but not a registry of this program", path.display())]
    NotARegistry { path: PathBuf },
    /// Written by a newer program: it can be read, not written.
    #[error("the registry {} has version {found}; this program writes version {known} and can only read it", path.display())]
    Newer { path: PathBuf, found: i64, known: i64 },
    /// The file is damaged.
    #[error("the registry {} is damaged: {detail}", path.display())]
    Corrupt { path: PathBuf, detail: String },
    /// Locks do not hold there, so two workers could own one run.
    #[error("the registry {} is on a network file system ({file_system}), where its locks do not hold", path.display())]
    NetworkFileSystem { path: PathBuf, file_system: &'static str },
    /// Others held the lock for longer than anybody should.
    #[error("the registry {} stayed locked by another process for 30 seconds", path.display())]
    Busy { path: PathBuf },
    /// A rebuild needs the file for itself.
    #[error("the registry {} is in use by another process", path.display())]
    InUse { path: PathBuf },
    /// A file could not be read, written or renamed.
    #[error(transparent)]
    File(#[from] FileError),
    /// Anything else SQLite says.
    #[error("the registry {}: {source}", path.display())]
    Sqlite { path: PathBuf, source: rusqlite::Error },
    /// Not 64 lower-case hexadecimal digits.
    #[error("`{text}` is not an id: 64 lower-case hexadecimal digits are needed")]
    NotAnId { text: String },
    /// No study is called so.
    #[error("no study matches `{name}`")]
    UnknownStudy { name: String, suggestions: Vec<String> },
    /// Several studies begin so.
    #[error("`{name}` is the beginning of several studies: {}", candidates.join(", "))]
    AmbiguousStudy { name: String, candidates: Vec<String> },
    /// No run is called so.
    #[error("no run matches `{name}`")]
    UnknownRun { name: String },
    /// Several runs begin so.
    #[error("`{name}` is the beginning of several runs: {}", candidates.iter().map(RunId::short).collect::<Vec<_>>().join(", "))]
    AmbiguousRun { name: String, candidates: Vec<RunId> },
    /// Neither an id prefix nor `study:index`.
    #[error("`{name}` does not name a run")]
    NotARunName { name: String },
    /// Two runs claim the same setting and seed, or one id is a prefix clash.
    #[error("run {run_id} has the setting {config_id} and the seed {seed} of another run")]
    IdentityClash { run_id: RunId, config_id: ConfigId, seed: u64 },
    /// One study lists a run twice.
    #[error("the study lists run {run_id} twice, as {first} and {second}")]
    DuplicateMember { run_id: RunId, first: u64, second: u64 },
    /// The claim is no longer the run's: it expired and was taken over, or the run was cancelled.
    #[error(
        "run {run_id} is no longer this worker's: it was claimed at epoch {epoch} and is now {state} at epoch {now}"
    )]
    FencedOut { run_id: RunId, epoch: i64, now: i64, state: RunState },
    /// A second result of a done run differs from the first. The first stays.
    #[error("run {run_id} is done with result {}, and now gave {}: the first stays", digits(accepted), digits(offered))]
    Nondeterminism { run_id: RunId, accepted: String, offered: String },
    /// There is no such move.
    #[error("run {run_id} is {from} and cannot become {to}")]
    IllegalMove { run_id: RunId, from: RunState, to: RunState },
}

fn digits(digest: &str) -> &str {
    digest.get(..16).unwrap_or(digest)
}

impl RegistryError {
    /// What a user can do about it.
    pub fn help(&self) -> Option<String> {
        Some(match self {
            Self::Missing { .. } => "run `aees sweep run STUDY.yaml` first, or give `--registry PATH`".into(),
            Self::NotARegistry { .. } => "give the path of another file with `--registry PATH`".into(),
            Self::Newer { .. } => {
                "use the newer program; `aees sweep status` and `aees runs ls` work with this one".into()
            }
            Self::Corrupt { .. } => {
                "run `aees registry rebuild`: it keeps the damaged file and makes the registry again from the run \
                 directories"
                    .into()
            }
            Self::NetworkFileSystem { .. } => {
                "give `--registry PATH` with a path on a local disk; results can stay where they are".into()
            }
            Self::Busy { .. } | Self::InUse { .. } => {
                "wait for the other process or stop it; `aees runs bg list` shows what runs in the background".into()
            }
            Self::UnknownStudy { suggestions, .. } if suggestions.is_empty() => "there is no study yet".into(),
            Self::UnknownStudy { suggestions, .. } => format!("studies: {}", suggestions.join(", ")),
            Self::AmbiguousStudy { name, .. } => format!("give the full name, or `{name}*` for all of them"),
            Self::UnknownRun { .. } => "`aees runs ls` shows the runs".into(),
            Self::AmbiguousRun { .. } => "give more digits".into(),
            Self::NotARunName { .. } => "give at least 4 digits of its id, or `study:index`".into(),
            Self::IllegalMove { to: RunState::Done, from: RunState::Cancelled | RunState::Invalid, .. } => {
                "`aees runs retry` makes it pending first".into()
            }
            _ => return None,
        })
    }

    /// Takes it for no error that the run is no longer this worker's. False then.
    ///
    /// # Errors
    /// Any other failure.
    pub fn unless_fenced_out(told: Result<(), Self>) -> Result<bool, Self> {
        match told {
            Err(Self::FencedOut { .. }) => Ok(false),
            told => told.map(|()| true),
        }
    }

    /// Says which file it was, and gives SQLite's codes the name that a user knows.
    pub(super) fn at(self, path: &Path) -> Self {
        let Self::Sqlite { source, .. } = self else { return self };
        let path = path.to_owned();
        match source.sqlite_error_code() {
            Some(ErrorCode::DatabaseCorrupt | ErrorCode::NotADatabase) => {
                Self::Corrupt { path, detail: source.to_string() }
            }
            Some(ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked) => Self::Busy { path },
            _ => Self::Sqlite { path, source },
        }
    }
}

impl From<rusqlite::Error> for RegistryError {
    /// Where the file is, is added by whoever knows: see `at`.
    fn from(source: rusqlite::Error) -> Self {
        Self::Sqlite { path: PathBuf::new(), source }
    }
}
