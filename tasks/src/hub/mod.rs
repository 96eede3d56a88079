//! Files from the Hugging Face hub, through the cache that Python's `huggingface_hub` uses.
//!
//! [`Hub::file`] gives a path on disk for (repository, revision, path), from the cache where it can. The rules for when
//! the hub is asked are Python's: never for a commit that is in the cache, always for a branch or tag (its newest commit
//! may have moved), and when the hub cannot be reached the cache's version is used with a warning. What Python's client
//! leaves undone is done here: interrupted downloads are resumed, what arrives is checked against its checksum, `Retry-After`
//! is obeyed for every cause. What lies in the cache was checked when it came; its size is compared where the hub tells it.
//!
//! Names, folders and URLs come from the `hf-hub` crate where it has them; its own downloads know neither `Retry-After`,
//! checksums nor offline mode, so the wire (`transport`) is ours. Offline there is no `Transport` and so nothing that
//! could open a socket. Which files a task or model needs, and drawing progress bars, is left to others.
//!
//! Sources: `huggingface_hub` 2.4 (`file_download.py`, `constants.py`); <https://huggingface.co/docs/hub/api>.

mod address;
mod cache;
mod checksum;
mod download;
mod error;
mod event;
mod listing;
mod refusal;
mod repository;
mod retry;
mod settings;
mod token;
mod transport;

use std::path::PathBuf;

pub use checksum::sha256_of_file;
pub use error::HubError;
pub use event::{DownloadEvent, DownloadProgress};
pub use listing::RepoListing;
pub use repository::{HubPath, RepoId, RepoKind};
pub use retry::RetryPolicy;
pub use settings::{HubOptions, HubSettings, HubTimeouts};
pub use token::Token;

use cache::{CachedRepo, length_of};
use download::Download;
use refusal::refused;
use repository::is_commit;
use retry::RetryState;
use transport::{Metadata, Refusal, RequestError, Transport};

/// A client of the hub and its cache.
pub struct Hub {
    settings: HubSettings,
    access: Access,
}

enum Access {
    Offline,
    Online(Box<Transport>),
}

/// A file of the hub on this machine, whole and checked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HubFile {
    /// Where it lies: `CACHE/models--OWNER--NAME/snapshots/COMMIT/PATH`.
    pub path: PathBuf,
    /// The commit that it belongs to. Asking for further files with this as their revision gives files that fit.
    pub commit: String,
    /// The hub's name of its content; none for a copy in a cache without links.
    pub etag: Option<String>,
    /// Bytes.
    pub size: u64,
    /// It was there already.
    pub from_cache: bool,
}

/// What the caches have of one file.
enum Lookup {
    Missing,
    /// The hub said once that there is no such file.
    Absent,
    Found(HubFile),
}

impl Hub {
    /// A client. Fails for an endpoint that is no URL and for unusable certificates; offline neither is looked at.
    pub fn new(settings: HubSettings) -> Result<Self, HubError> {
        let access =
            if settings.offline { Access::Offline } else { Access::Online(Box::new(Transport::new(&settings)?)) };
        Ok(Self { settings, access })
    }

    /// What it was made with.
    pub fn settings(&self) -> &HubSettings {
        &self.settings
    }

    /// A file, from the cache or else from the hub. `revision` is a branch, a tag or a commit; `path` has `/` between its
    /// parts.
    ///
    /// # Errors
    ///
    /// [`HubError::NotCached`] offline, [`HubError::FileNotFound`] where the hub has no such file; any other for what
    /// keeps an existing file from arriving whole.
    pub fn file(
        &self,
        repo: &RepoId,
        revision: &str,
        path: &str,
        progress: &mut dyn DownloadProgress,
    ) -> Result<HubFile, HubError> {
        let file = HubPath::new(repo, revision, path)?;
        match &self.access {
            Access::Offline => self.offline_file(&file),
            Access::Online(transport) => Online { hub: self, transport, file: &file, progress }.file(),
        }
    }

    fn offline_file(&self, file: &HubPath) -> Result<HubFile, HubError> {
        match self.look_up(file, None, None) {
            Lookup::Found(found) => Ok(found),
            Lookup::Absent => Err(HubError::FileNotFound(Box::new(file.clone()))),
            Lookup::Missing => Err(self.not_cached(file)),
        }
    }

    fn not_cached(&self, file: &HubPath) -> HubError {
        HubError::not_cached(format!("{file} is not"), file.repo(), &self.cache_folders())
    }

    /// Looks into all caches, the one that is written first; for the commit that is given, or else the one that each
    /// cache remembers for the revision. A file of another size than `size` is not whole, and passed over.
    fn look_up(&self, file: &HubPath, commit: Option<&str>, size: Option<u64>) -> Lookup {
        let mut lookup = Lookup::Missing;
        for repo in self.caches(file.repo()) {
            let Some(commit) = commit.map(str::to_owned).or_else(|| repo.commit_of(file.revision())) else { continue };
            match repo.find(&commit, file.path()) {
                Some(found) if size.is_none_or(|size| size == found.size) => return Lookup::Found(found),
                Some(_) => {}
                None if repo.is_marked_absent(&commit, file.path()) => lookup = Lookup::Absent,
                None => {}
            }
        }
        lookup
    }

    fn main_cache(&self, repo: &RepoId) -> CachedRepo {
        CachedRepo::new(&self.settings.cache, repo)
    }

    fn caches<'a>(&'a self, repo: &'a RepoId) -> impl Iterator<Item = CachedRepo> + 'a {
        let folders = std::iter::once(&self.settings.cache).chain(&self.settings.more_caches);
        folders.map(|folder| CachedRepo::new(folder, repo))
    }

    fn cache_folders(&self) -> Vec<PathBuf> {
        let more = self.settings.more_caches.iter().filter(|folder| folder.is_dir());
        std::iter::once(&self.settings.cache).chain(more).cloned().collect()
    }
}

/// One file that the hub may be asked for.
struct Online<'a> {
    hub: &'a Hub,
    transport: &'a Transport,
    file: &'a HubPath,
    progress: &'a mut dyn DownloadProgress,
}

impl Online<'_> {
    fn file(mut self) -> Result<HubFile, HubError> {
        let cached = match self.hub.look_up(self.file, None, None) {
            // What a commit has can never change.
            Lookup::Found(found) if is_commit(self.file.revision()) => return Ok(found),
            Lookup::Absent if is_commit(self.file.revision()) => {
                return Err(HubError::FileNotFound(Box::new(self.file.clone())));
            }
            Lookup::Found(found) => Some(found),
            _ => None,
        };
        let Some(metadata) = self.metadata(cached.as_ref())? else {
            // The hub could not be asked.
            return cached.ok_or_else(|| self.hub.not_cached(self.file));
        };
        match self.hub.look_up(self.file, Some(&metadata.commit), metadata.size) {
            Lookup::Found(found) => {
                // Best effort: the cache may be one that cannot be written.
                let _ = self.hub.main_cache(self.file.repo()).write_reference(self.file.revision(), &metadata.commit);
                Ok(found)
            }
            Lookup::Missing | Lookup::Absent => self.fetch(&metadata),
        }
    }

    /// What the hub tells about the file now. None: it cannot be asked, and the cache has to do. As Python, only one try
    /// is made then.
    fn metadata(&mut self, cached: Option<&HubFile>) -> Result<Option<Metadata>, HubError> {
        let url = self.transport.endpoint().file_url(self.file, self.file.revision());
        let mut retries = RetryState::new(self.hub.settings.retry);
        loop {
            let error = match self.transport.metadata(&url) {
                Ok(metadata) => return Ok(Some(metadata)),
                Err(RequestError::Temporary(failure)) if cached.is_none() => {
                    retries.pause(failure, self.progress)?;
                    continue;
                }
                Err(RequestError::Temporary(failure)) => retries.give_up(failure),
                Err(RequestError::Refused(refusal)) => {
                    self.remember_absence(&refusal);
                    refused(refusal, self.file)
                }
                Err(RequestError::Fatal(error)) => error,
            };
            // A file or revision that is gone is gone; all else may be the network's or the token's fault.
            let certain = matches!(error, HubError::FileNotFound(_) | HubError::RevisionNotFound(..));
            if cached.is_none() || certain {
                return Err(error);
            }
            let event = DownloadEvent::UsingCache { path: self.file.path().to_owned(), reason: error.to_string() };
            self.progress.event(&event);
            return Ok(None);
        }
    }

    fn remember_absence(&self, refusal: &Refusal) {
        if let (Some("EntryNotFound"), Some(commit)) = (refusal.code.as_deref(), refusal.commit.as_deref()) {
            let repo = self.hub.main_cache(self.file.repo());
            repo.mark_absent(commit, self.file.path());
            // Python moves the reference here. Moved without a file of that commit, it would hide those of the old one
            // from an offline run; so only a reference that does not exist yet is made.
            if repo.commit_of(self.file.revision()).is_none() {
                let _ = repo.write_reference(self.file.revision(), commit);
            }
        }
    }

    /// Brings the blob into the cache, if it is not there for another commit already, and links it.
    fn fetch(&mut self, metadata: &Metadata) -> Result<HubFile, HubError> {
        let repo = self.hub.main_cache(self.file.repo());
        let blob = repo.blob(&metadata.etag);
        repo.prepare(&metadata.etag)?;
        let lock = repo.lock(&metadata.etag, self.file.path(), self.progress)?;
        // Looked at under the lock: another process may have brought it meanwhile.
        let length = length_of(&blob);
        let there = length.is_some_and(|length| metadata.size.is_none_or(|size| size == length));
        if !there {
            if length.is_some() {
                // Its name comes with the new content, so nobody misses the old.
                self.progress.event(&DownloadEvent::Discarded { path: blob.clone() });
            }
            let (transport, policy, file) = (self.transport, self.hub.settings.retry, self.file);
            Download { transport, policy, file, metadata, blob }.run(self.progress)?;
        }
        let found = repo.link(&metadata.etag, &metadata.commit, self.file.path())?;
        // After the file, so that the reference never leads away from a commit that is there to one that is not.
        repo.write_reference(self.file.revision(), &metadata.commit)?;
        drop(lock);
        Ok(HubFile { from_cache: there, ..found })
    }
}
