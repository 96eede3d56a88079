//! What can go wrong between a name on the hub and a file on disk, and what a user can do about it.
//!
//! No message holds a token, a user name or password, or a URL's query, where CDNs put signatures.

use std::io::{self, ErrorKind};
use std::path::{Path, PathBuf};

use super::repository::{BadName, HubPath, RepoId, RepoKind};

const TRY_OFFLINE: &str = "check the network, HTTPS_PROXY, SSL_CERT_FILE and HF_ENDPOINT; or go on offline: run the same command on a machine \
     with a network, copy its cache folder here (--cache-dir or HF_HOME) and add --local-files-only, or give local files \
     with --data PATH";

/// Why a file of the hub is not there. What a caller can only show is [`HubError::Failed`].
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum HubError {
    /// No network is allowed, and the cache does not have what is asked for.
    #[error("{what} in the cache ({folders}), and the network is not to be used")]
    #[allow(missing_docs, reason = "the message names them")]
    NotCached { what: String, kind: RepoKind, folders: String, command: Option<String> },
    /// The repository has no such file.
    #[error("there is no {0}")]
    FileNotFound(Box<HubPath>),
    /// The repository has no such branch, tag or commit.
    #[error("{0} has no revision {1}")]
    RevisionNotFound(RepoId, String),
    /// A repository, revision or path that cannot be one.
    #[error(transparent)]
    BadName(#[from] BadName),
    /// [`DownloadProgress::cancelled`](super::DownloadProgress::cancelled) said so.
    #[error("the download was interrupted; what has arrived is kept, and the next one goes on from there")]
    Cancelled,
    /// The cache cannot be read or written: which file, what was done to it, what the operating system said.
    #[error("{path}: {1} failed: {2}", path = .0.display())]
    Io(PathBuf, &'static str, #[source] io::Error),
    /// Anything else, and what to do next, where a user can do something.
    #[error("{0}")]
    Failed(String, Option<String>),
}

impl HubError {
    /// What to do next, where a user can do something.
    pub fn help(&self) -> Option<String> {
        match self {
            Self::NotCached { kind, command, .. } => {
                let command = match command {
                    Some(command) => format!("run `{command}` first, where there is a network"),
                    None => "fetch it once with a network (without --local-files-only and HF_HUB_OFFLINE)".to_owned(),
                };
                let instead = if *kind == RepoKind::Dataset { ", or use --data PATH or --data synthetic" } else { "" };
                Some(format!(
                    "{command}; or copy a cache folder that has it and name it with --cache-dir or HF_HOME{instead}"
                ))
            }
            Self::Io(_, _, source) => match source.kind() {
                ErrorKind::StorageFull => Some(
                    "make room, or choose another folder with --cache-dir or HF_HOME; the next try goes on where this \
                     one stopped"
                        .to_owned(),
                ),
                ErrorKind::PermissionDenied => {
                    Some("choose a folder that you may write to with --cache-dir or HF_HOME".to_owned())
                }
                _ => None,
            },
            Self::Failed(_, help) => help.clone(),
            _ => None,
        }
    }

    /// The file does not exist on the hub (as opposed to: it could not be fetched). Callers that know another name
    /// for the same thing go on with that.
    pub fn is_file_not_found(&self) -> bool {
        matches!(self, Self::FileNotFound(_))
    }

    /// Names the command that fetches what is not in the cache; other errors stay as they are.
    #[must_use]
    pub fn fetched_by(mut self, fetch: impl Into<String>) -> Self {
        if let Self::NotCached { command, .. } = &mut self {
            *command = Some(fetch.into());
        }
        self
    }

    /// `what` is the beginning of the sentence: `FILE is not`.
    pub(super) fn not_cached(what: String, repo: &RepoId, caches: &[PathBuf]) -> Self {
        let folders: Vec<String> = caches.iter().map(|path| path.display().to_string()).collect();
        Self::NotCached { what, kind: repo.kind(), folders: folders.join(", "), command: None }
    }

    /// The address of the hub is not one. `endpoint` is without what may be a password.
    pub(super) fn bad_endpoint(endpoint: &str, why: &str) -> Self {
        let help = "HF_ENDPOINT takes https://HOST[:PORT][/PATH]; without it, https://huggingface.co is asked";
        Self::failed(format!("{endpoint:?} is no address of a hub: {why}"), help)
    }

    pub(super) fn bad_certificates(path: &Path, why: &str) -> Self {
        Self::Failed(format!("{}: no PEM certificates: {why}", path.display()), None)
    }

    /// Every try failed.
    pub(super) fn unreachable(url: &str, why: &str, tries: u32, seconds: f64) -> Self {
        let count = if tries == 1 { "try" } else { "tries" };
        Self::failed(format!("{url}: {why} ({tries} {count}, {seconds:.0} s)"), TRY_OFFLINE)
    }

    /// An answer that a hub would not give: a login page of a network, a server that is no hub.
    pub(super) fn not_a_hub(url: &str, why: &str) -> Self {
        Self::failed(format!("{url}: the answer is not a hub's: {why}"), TRY_OFFLINE)
    }

    pub(super) fn failed(message: String, help: &str) -> Self {
        Self::Failed(message, Some(help.to_owned()))
    }
}

/// For `map_err`: an error of the operating system with its place.
pub(super) fn io_error(path: impl Into<PathBuf>, action: &'static str) -> impl FnOnce(io::Error) -> HubError {
    let path = path.into();
    move |source| HubError::Io(path, action, source)
}
