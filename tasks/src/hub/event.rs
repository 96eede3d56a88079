//! What the hub client tells while it works. Drawing is left to the program.

use std::path::PathBuf;
use std::time::Duration;

/// Something that happened between asking for a file and having it.
#[allow(missing_docs, reason = "a field's name says it")]
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum DownloadEvent {
    /// The bytes of a file begin to arrive. Comes again with a new `resumed_at` when a download is taken up once more.
    Started { path: String, size: Option<u64>, resumed_at: u64 },
    /// This many more bytes are on disk.
    Advanced { bytes: u64 },
    /// The file is whole, checked and in the cache.
    Finished { path: String, size: u64 },
    /// Something failed that may pass; the next try comes after a pause.
    Retrying { after: Duration, why: String },
    /// The hub could not be asked, so the version in the cache is used, which may not be the newest.
    UsingCache { path: String, reason: String },
    /// A file in the cache is not as long as the hub says: it is downloaded again.
    Discarded { path: PathBuf },
    /// Another process downloads the same file; this one waits for it.
    Waiting { path: String },
}

/// Who is told about a download.
pub trait DownloadProgress {
    /// Something happened.
    fn event(&mut self, event: &DownloadEvent);

    /// Asked between two chunks and while waiting: `true` ends the download with [`HubError::Cancelled`]. What has
    /// arrived is kept for the next time.
    ///
    /// [`HubError::Cancelled`]: super::HubError::Cancelled
    fn cancelled(&mut self) -> bool {
        false
    }
}

/// Tells nobody.
impl DownloadProgress for () {
    fn event(&mut self, _event: &DownloadEvent) {}
}

/// Keeps every event.
impl DownloadProgress for Vec<DownloadEvent> {
    fn event(&mut self, event: &DownloadEvent) {
        self.push(event.clone());
    }
}
