//! Which files a repository has: for data sets whose shards are named by their number.

use serde_json::Value;

use super::checksum::Checksum;
use super::error::HubError;
use super::event::{DownloadEvent, DownloadProgress};
use super::repository::{RepoId, check_path, check_revision, is_commit};
use super::retry::{Retries, Temporary};
use super::transport::{Failure, Refusal, Transport};
use super::{Access, Hub};

/// Far above any listing; a server that sends without end is stopped here.
const MOST_BYTES: u64 = 64 << 20;

/// A repository's files at a commit.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RepoListing {
    /// The commit that the revision stood for.
    pub commit: String,
    /// Sorted by path.
    pub files: Vec<RepoFile>,
    /// The files are those of the cache, which need not be all, because the hub could not be asked.
    pub from_cache: bool,
}

/// One file of a listing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RepoFile {
    /// With `/` between its parts.
    pub path: String,
    /// Bytes, where the hub tells it.
    pub size: Option<u64>,
    /// The hub's checksum, where it tells it.
    pub checksum: Option<Checksum>,
}

impl Hub {
    /// The files of a repository. Offline, or when the hub cannot be reached, those that the cache has.
    ///
    /// # Errors
    ///
    /// [`HubError::NothingCached`] offline without any file in the cache; else as [`Hub::file`].
    pub fn list(
        &self,
        repo: &RepoId,
        revision: &str,
        progress: &mut dyn DownloadProgress,
    ) -> Result<RepoListing, HubError> {
        check_revision(revision)?;
        let cached = self.cached_listing(repo, revision);
        match (&self.access, cached) {
            (Access::Offline, Some(listing)) => Ok(listing),
            (Access::Offline, None) => Err(HubError::NothingCached {
                repo: repo.clone(),
                revision: revision.to_owned(),
                caches: self.cache_folders(),
            }),
            (Access::Online(transport), cached) => {
                let error = match self.ask_for_listing(transport, repo, revision, cached.is_none(), progress) {
                    Ok(listing) => {
                        // A first listing is remembered at once: no older files can be hidden by it.
                        if self.main_cache(repo).commit_of(revision).is_none() {
                            let _ = self.remember(repo, revision, &listing.commit);
                        }
                        return Ok(listing);
                    }
                    Err(error) => error,
                };
                match cached {
                    Some(listing) if !matches!(error, HubError::RevisionNotFound { .. } | HubError::Cancelled) => {
                        let path = repo.to_string();
                        progress.event(&DownloadEvent::UsingCache { path, reason: error.to_string() });
                        Ok(listing)
                    }
                    _ => Err(error),
                }
            }
        }
    }

    /// Notes in the cache that a branch stands for a commit now, so that an offline run finds that commit's files. For
    /// callers that take the commit from a listing: to be called when all the files that they want are there, because
    /// offline it hides those of an older commit. [`Hub::file`] does it by itself when it is asked for a branch.
    ///
    /// # Errors
    ///
    /// A wrong name, or a cache that cannot be written.
    pub fn remember(&self, repo: &RepoId, revision: &str, commit: &str) -> Result<(), HubError> {
        check_revision(revision)?;
        if !is_commit(commit) {
            return Err(HubError::BadName { what: "commit", name: commit.to_owned(), why: "it has 40 hex digits" });
        }
        // Known already, perhaps by a cache that is only read.
        if self.caches(repo).find_map(|cache| cache.commit_of(revision)).as_deref() == Some(commit) {
            return Ok(());
        }
        self.main_cache(repo).write_reference(revision, commit)
    }

    fn cached_listing(&self, repo: &RepoId, revision: &str) -> Option<RepoListing> {
        self.caches(repo).find_map(|cache| {
            let commit = cache.commit_of(revision)?;
            let files = cache.files(&commit).into_iter();
            let files: Vec<_> = files.map(|(path, size)| RepoFile { path, size: Some(size), checksum: None }).collect();
            (!files.is_empty()).then_some(RepoListing { commit, files, from_cache: true })
        })
    }

    fn ask_for_listing(
        &self,
        transport: &Transport,
        repo: &RepoId,
        revision: &str,
        may_retry: bool,
        progress: &mut dyn DownloadProgress,
    ) -> Result<RepoListing, HubError> {
        let url = transport.endpoint().listing_url(repo, revision);
        let mut retries = Retries::new(self.settings.retry);
        loop {
            match body(transport, &url) {
                Ok(text) => return parse(&text).map_err(|why| HubError::NotAHub { url, why }),
                Err(Failure::Temporary(failure)) if may_retry => retries.pause(failure, progress)?,
                Err(Failure::Temporary(failure)) => return Err(retries.give_up(failure)),
                Err(Failure::Refused(refusal)) => return Err(refused(refusal, repo, revision)),
                Err(Failure::Fatal(error)) => return Err(error),
            }
        }
    }
}

fn body(transport: &Transport, url: &str) -> Result<Vec<u8>, Failure> {
    let response = transport.get(url, None)?;
    response.into_body().into_with_config().limit(MOST_BYTES).read_to_vec().map_err(|error| {
        let why = format!("the connection broke off: {error}");
        Failure::Temporary(Temporary { url: url.to_owned(), why, answered: true, retry_after: None })
    })
}

fn parse(text: &[u8]) -> Result<RepoListing, String> {
    let value: Value = serde_json::from_slice(text).map_err(|error| format!("no JSON: {error}"))?;
    let commit = value["sha"].as_str().filter(|commit| is_commit(commit)).ok_or("no commit in the field sha")?;
    let siblings = value["siblings"].as_array().ok_or("no list in the field siblings")?;
    let mut files: Vec<RepoFile> = siblings.iter().filter_map(file).collect();
    files.sort_by(|left, right| left.path.cmp(&right.path));
    Ok(RepoListing { commit: commit.to_owned(), files, from_cache: false })
}

/// One entry; none for a path that could not be asked for either, because it would leave its folder.
fn file(entry: &Value) -> Option<RepoFile> {
    let path = entry["rfilename"].as_str().filter(|path| check_path(path).is_ok())?;
    let checksum = entry["lfs"]["sha256"].as_str().or_else(|| entry["blobId"].as_str());
    let size = entry["lfs"]["size"].as_u64().or_else(|| entry["size"].as_u64());
    Some(RepoFile { path: path.to_owned(), size, checksum: checksum.and_then(Checksum::from_etag) })
}

/// A refusal that is not about one file.
pub(super) fn refused(refusal: Refusal, repo: &RepoId, revision: &str) -> HubError {
    let token_sent = refusal.token_sent;
    let invalid_token = refusal.message.as_deref() == Some("Invalid credentials in Authorization header");
    match (refusal.code.as_deref(), refusal.status) {
        (Some("RevisionNotFound"), _) => {
            HubError::RevisionNotFound { repo: repo.clone(), revision: revision.to_owned() }
        }
        (Some("GatedRepo"), _) => HubError::Gated { repo: repo.clone(), token_sent },
        (Some("RepoNotFound"), _) if !invalid_token => HubError::RepoNotFound { repo: repo.clone(), token_sent },
        (_, 404 | 410) => HubError::RepoNotFound { repo: repo.clone(), token_sent },
        (_, status @ (401 | 403)) => HubError::Unauthorized { url: refusal.url, status, token_sent },
        (_, status) => HubError::Refused { url: refusal.url, status, message: refusal.message },
    }
}
