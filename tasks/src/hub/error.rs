//! What can go wrong between a name on the hub and a file on disk, and what a user can do about it.
//!
//! No message holds a token, a user name or password, or a URL's query, where CDNs put signatures.

use std::path::PathBuf;

use super::repository::{HubPath, RepoId};

/// Why a file of the hub is not there.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum HubError {
    /// A repository, revision or path that cannot be one.
    #[error("{name:?} is no {what}: {why}")]
    BadName {
        /// What it should have been.
        what: &'static str,
        /// As it was given.
        name: String,
        /// The rule that it breaks.
        why: &'static str,
    },
    /// The address of the hub is not one.
    #[error("{endpoint:?} is no address of a hub: {why}")]
    BadEndpoint {
        /// As it was given, without what may be a password.
        endpoint: String,
        /// What is wrong with it.
        why: &'static str,
    },
    /// The token holds characters that no token has.
    #[error("the Hugging Face token in {origin} holds white space or characters outside ASCII")]
    BadToken {
        /// `--hf-token`, the environment variable or the file.
        origin: String,
    },
    /// The certificates of `SSL_CERT_FILE` are unusable.
    #[error("{}: no PEM certificates: {why}", path.display())]
    BadCertificates {
        /// The file.
        path: PathBuf,
        /// What is wrong.
        why: String,
    },
    /// No network is allowed, and the cache does not have the file. Callers add the command that fetches it.
    #[error("{file} is not in the cache ({}), and the network is not to be used", folders(caches))]
    NotCached {
        /// The file.
        file: Box<HubPath>,
        /// The cache folders that were looked into.
        caches: Vec<PathBuf>,
    },
    /// No network is allowed, and the cache knows no file of the repository at that revision.
    #[error("no file of {repo} at {revision} is in the cache ({}), and the network is not to be used", folders(caches))]
    NothingCached {
        /// The repository.
        repo: RepoId,
        /// Branch, tag or commit.
        revision: String,
        /// The cache folders that were looked into.
        caches: Vec<PathBuf>,
    },
    /// Every try failed.
    #[error("{url}: {why} ({tries} {}, {waited_s:.0} s)", if *tries == 1 { "try" } else { "tries" })]
    Unreachable {
        /// What was asked, without query.
        url: String,
        /// What the last try ran into.
        why: String,
        /// How often it was tried.
        tries: u32,
        /// From the first try to the last, in seconds.
        waited_s: f64,
    },
    /// The repository is private, or the token is not valid (any more).
    #[error("{url}: the hub asks for a valid token ({status}); {}", token_sentence(*token_sent))]
    Unauthorized {
        /// What was asked, without query.
        url: String,
        /// 401 or 403.
        status: u16,
        /// Was a token sent?
        token_sent: bool,
    },
    /// The repository's owner must first let the user in.
    #[error("{repo} is gated: its owner gives access to named users only; {}", token_sentence(*token_sent))]
    Gated {
        /// The repository.
        repo: RepoId,
        /// Was a token sent?
        token_sent: bool,
    },
    /// No such repository, or a private one that this user may not see: the hub does not tell them apart.
    #[error("the hub knows no {repo}, or it is private; {}", token_sentence(*token_sent))]
    RepoNotFound {
        /// The repository.
        repo: RepoId,
        /// Was a token sent?
        token_sent: bool,
    },
    /// The repository has no such branch, tag or commit.
    #[error("{repo} has no revision {revision}")]
    RevisionNotFound {
        /// The repository.
        repo: RepoId,
        /// Branch, tag or commit.
        revision: String,
    },
    /// The repository has no such file.
    #[error("there is no {file}")]
    FileNotFound {
        /// The file.
        file: Box<HubPath>,
    },
    /// An answer that no retry will better.
    #[error("{url}: the hub answers {status}{}", message.as_ref().map(|text| format!(": {text}")).unwrap_or_default())]
    Refused {
        /// What was asked, without query.
        url: String,
        /// The HTTP status.
        status: u16,
        /// The hub's own words.
        message: Option<String>,
    },
    /// An answer that a hub would not give: a login page of a network, a server that is no hub.
    #[error("{url}: the answer is not a hub's: {why}")]
    NotAHub {
        /// What was asked, without query.
        url: String,
        /// What is missing or wrong.
        why: String,
    },
    /// What was downloaded, twice, or lies in the cache is not what the hub says it is.
    #[error("{file}: checksum {found}, expected {expected} ({}){}", path.display(),
        if *downloaded { "; it was downloaded twice and removed" } else { "" })]
    Checksum {
        /// The file.
        file: Box<HubPath>,
        /// Where it lies or lay.
        path: PathBuf,
        /// The hub's checksum, hex.
        expected: String,
        /// The file's own, hex.
        found: String,
        /// Fresh from the hub, or found in the cache?
        downloaded: bool,
    },
    /// The cache cannot be read or written.
    #[error("{}: {action} failed: {source}", path.display())]
    Io {
        /// The file or folder.
        path: PathBuf,
        /// What was done to it.
        action: &'static str,
        /// What the operating system said.
        source: std::io::Error,
    },
    /// [`DownloadProgress::cancelled`](super::DownloadProgress::cancelled) said so.
    #[error("the download was interrupted; what has arrived is kept, and the next one goes on from there")]
    Cancelled,
}

impl HubError {
    /// What to do next, where a user can do something.
    pub fn help(&self) -> Option<String> {
        Some(match self {
            Self::BadEndpoint { .. } => "HF_ENDPOINT takes https://HOST[:PORT][/PATH]; without it, \
                                         https://huggingface.co is asked"
                .to_owned(),
            Self::Unreachable { .. } | Self::NotAHub { .. } => {
                "check the network, HTTPS_PROXY, SSL_CERT_FILE and HF_ENDPOINT; or go on offline: run the same command on a machine \
                 with a network, copy its cache folder here (--cache-dir or HF_HOME) and add --local-files-only, or \
                 give local files with --data PATH"
                    .to_owned()
            }
            Self::Unauthorized { token_sent: true, .. } => {
                "make a new token at https://huggingface.co/settings/tokens and set HF_TOKEN".to_owned()
            }
            Self::Unauthorized { .. } | Self::RepoNotFound { token_sent: false, .. } => {
                "check the name; a private repository needs HF_TOKEN".to_owned()
            }
            Self::RepoNotFound { .. } => "check the name, and that the token's owner may read it".to_owned(),
            Self::Gated { repo, token_sent } => {
                let folder = repo.repo().url();
                let token = if *token_sent { "" } else { " and set HF_TOKEN" };
                format!("ask for access at https://huggingface.co/{folder}{token}")
            }
            Self::Checksum { downloaded: false, path, .. } => {
                format!("delete {} and fetch it again with a network", path.display())
            }
            Self::Checksum { .. } => "something between here and the hub changes what it sends: check HTTPS_PROXY and \
                                      HF_ENDPOINT"
                .to_owned(),
            Self::Io { source, .. } if source.kind() == std::io::ErrorKind::StorageFull => {
                "make room, or choose another folder with --cache-dir or HF_HOME; the next try goes on where this one \
                 stopped"
                    .to_owned()
            }
            Self::Io { source, .. } if source.kind() == std::io::ErrorKind::PermissionDenied => {
                "choose a folder that you may write to with --cache-dir or HF_HOME".to_owned()
            }
            Self::BadToken { .. } => "a token is one word that begins with hf_".to_owned(),
            _ => return None,
        })
    }

    /// The file does not exist on the hub (as opposed to: it could not be fetched). Callers that know another name
    /// for the same thing go on with that.
    pub fn is_file_not_found(&self) -> bool {
        matches!(self, Self::FileNotFound { .. })
    }
}

/// For `map_err`: an error of the operating system with its place.
pub(super) fn io_error(path: impl Into<PathBuf>, action: &'static str) -> impl FnOnce(std::io::Error) -> HubError {
    let path = path.into();
    move |source| HubError::Io { path, action, source }
}

fn folders(paths: &[PathBuf]) -> String {
    let names: Vec<String> = paths.iter().map(|path| path.display().to_string()).collect();
    names.join(", ")
}

fn token_sentence(token_sent: bool) -> &'static str {
    if token_sent { "a token was sent" } else { "no token was sent" }
}
