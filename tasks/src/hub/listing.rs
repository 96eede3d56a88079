//! Which files a repository has: for data sets whose shards are named by their number.

use serde_json::Value;

use super::error::HubError;
use super::event::{DownloadEvent, DownloadProgress};
use super::refusal::repository_refused;
use super::repository::{RepoId, check_commit, check_path, check_revision, is_commit};
use super::retry::{RetryState, TemporaryError};
use super::transport::{RequestError, Transport};
use super::{Access, Hub};

/// Far above any listing; a server that sends without end is stopped here.
const MOST_BYTES: u64 = 64 << 20;

/// A repository's files at a commit.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RepoListing {
    /// The commit that the revision stood for.
    pub commit: String,
    /// Their paths, with `/` between the parts, sorted. Those of the cache, which need not be all, where the hub could not
    /// be asked.
    pub files: Vec<String>,
}

impl Hub {
    /// The files of a repository. Offline, or when the hub cannot be reached, those that the cache has.
    ///
    /// # Errors
    ///
    /// [`HubError::NotCached`] offline without any file in the cache; else as [`Hub::file`].
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
            (Access::Offline, None) => {
                let what = format!("no file of {repo} at {revision} is");
                Err(HubError::not_cached(what, repo, &self.cache_folders()))
            }
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
                    Some(listing) if !matches!(error, HubError::RevisionNotFound(..) | HubError::Cancelled) => {
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
        check_commit(commit)?;
        // Known already, perhaps by a cache that is only read.
        if self.caches(repo).find_map(|cache| cache.commit_of(revision)).as_deref() == Some(commit) {
            return Ok(());
        }
        self.main_cache(repo).write_reference(revision, commit)
    }

    fn cached_listing(&self, repo: &RepoId, revision: &str) -> Option<RepoListing> {
        self.caches(repo).find_map(|cache| {
            let commit = cache.commit_of(revision)?;
            let files = cache.files(&commit);
            (!files.is_empty()).then_some(RepoListing { commit, files })
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
        let mut retries = RetryState::new(self.settings.retry);
        loop {
            match body(transport, &url) {
                Ok(text) => return parse(&text).map_err(|why| HubError::not_a_hub(&url, &why)),
                Err(RequestError::Temporary(failure)) if may_retry => retries.pause(failure, progress)?,
                Err(RequestError::Temporary(failure)) => return Err(retries.give_up(failure)),
                Err(RequestError::Refused(refusal)) => return Err(repository_refused(refusal, repo, revision)),
                Err(RequestError::Fatal(error)) => return Err(error),
            }
        }
    }
}

fn body(transport: &Transport, url: &str) -> Result<Vec<u8>, RequestError> {
    let response = transport.get(url, None)?;
    response.into_body().into_with_config().limit(MOST_BYTES).read_to_vec().map_err(|error| {
        let why = format!("the connection broke off: {error}");
        RequestError::Temporary(TemporaryError { url: url.to_owned(), why, answered: true, retry_after: None })
    })
}

fn parse(text: &[u8]) -> Result<RepoListing, String> {
    let value: Value = serde_json::from_slice(text).map_err(|error| format!("no JSON: {error}"))?;
    let commit = value["sha"].as_str().filter(|commit| is_commit(commit)).ok_or("no commit in the field sha")?;
    let siblings = value["siblings"].as_array().ok_or("no list in the field siblings")?;
    // A path that would leave its folder could not be asked for either.
    let paths = siblings.iter().filter_map(|entry| entry["rfilename"].as_str()).filter(|path| check_path(path).is_ok());
    let mut files: Vec<String> = paths.map(str::to_owned).collect();
    files.sort();
    Ok(RepoListing { commit: commit.to_owned(), files })
}
