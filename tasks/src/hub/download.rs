//! One blob from the hub to the disk: resumed where it stopped, measured, checked while it arrives, and only then given
//! its name.
//!
//! What has arrived lies in `ETAG.incomplete`, so it belongs to one content for ever: a file that changed on the hub has
//! another ETag. A part that turns out to be unusable is removed and made anew, never cut in place: should two processes
//! get past a lock that does not lock, neither can shorten what the other has already renamed.

use std::fs::{self, File, OpenOptions};
use std::io::{ErrorKind, Read, Write};
use std::path::{Path, PathBuf};

use aees_run::artifact::sync_folder_of;
use ureq::Body;
use ureq::http::Response;

use super::checksum::Hasher;
use super::error::{HubError, io_error};
use super::event::{DownloadEvent, DownloadProgress};
use super::refusal::refused;
use super::repository::HubPath;
use super::retry::{RetryPolicy, RetryState, TemporaryError};
use super::transport::{ByteRange, Metadata, RequestError, Transport};

/// A try that brought this much counts as a success that was cut short, not as one more failure.
const PROGRESS_BYTES: u64 = 1 << 20;

const CHUNK_BYTES: usize = 1 << 17;

/// One blob to be fetched.
pub(super) struct Download<'a> {
    pub(super) transport: &'a Transport,
    pub(super) policy: RetryPolicy,
    pub(super) file: &'a HubPath,
    pub(super) metadata: &'a Metadata,
    /// Where it is to lie.
    pub(super) blob: PathBuf,
}

impl Download<'_> {
    /// The caller holds the blob's lock.
    pub(super) fn run(&self, progress: &mut dyn DownloadProgress) -> Result<(), HubError> {
        let etag = &self.metadata.etag;
        let mut partial = Partial::open(self.blob.with_file_name(format!("{etag}.incomplete")), etag)?;
        if let Err(error) = self.fill(&mut partial, progress) {
            if partial.length == 0 {
                // Nothing to go on from; that it cannot be removed harms nobody.
                let _ = partial.remove();
            }
            return Err(error);
        }
        let (path, size) = (self.file.path().to_owned(), partial.length);
        partial.install(&self.blob)?;
        progress.event(&DownloadEvent::Finished { path, size });
        Ok(())
    }

    fn fill(&self, partial: &mut Partial, progress: &mut dyn DownloadProgress) -> Result<(), HubError> {
        let etag = &self.metadata.etag;
        let mut retries = RetryState::new(self.policy);
        let mut damaged_before = false;
        loop {
            let before = partial.length;
            let outcome = self.request(partial, progress);
            if partial.length >= before + PROGRESS_BYTES {
                retries.progressed();
            }
            match outcome {
                Ok(()) => {}
                Err(RequestError::Temporary(failure)) => {
                    retries.pause(failure, progress)?;
                    continue;
                }
                Err(RequestError::Refused(refusal)) => return Err(refused(refusal, self.file)),
                Err(RequestError::Fatal(error)) => return Err(error),
            }
            let Some(found) = partial.hasher.finish().filter(|found| found != etag) else { return Ok(()) };
            self.restart(partial)?;
            if damaged_before {
                let (file, blob) = (self.file, self.blob.display());
                return Err(HubError::failed(
                    format!("{file}: checksum {found}, expected {etag} ({blob}); it was downloaded twice and removed"),
                    "something between here and the hub changes what it sends: check HTTPS_PROXY and HF_ENDPOINT",
                ));
            }
            damaged_before = true;
            let why = "what arrived does not have the checksum that the hub tells".to_owned();
            progress.event(&DownloadEvent::Retrying { after: Default::default(), why });
        }
    }

    /// One request for what is missing.
    fn request(&self, partial: &mut Partial, progress: &mut dyn DownloadProgress) -> Result<(), RequestError> {
        match self.metadata.size {
            Some(size) if partial.length == size => return Ok(()),
            Some(size) if partial.length > size => self.restart(partial).map_err(RequestError::Fatal)?,
            _ => {}
        }
        let url = self.transport.endpoint().file_url(self.file, &self.metadata.commit);
        let if_etag = self.metadata.etag_is_of_response.then_some(self.metadata.etag.as_str());
        let range = (partial.length > 0).then_some(ByteRange { from: partial.length, if_etag });
        let response = self.transport.get(&url, range.as_ref())?;
        match start_of(&response) {
            Some(start) if start == partial.length => {}
            Some(0) => self.restart(partial).map_err(RequestError::Fatal)?,
            // 416, or a part that was not asked for: begin anew.
            _ => {
                self.restart(partial).map_err(RequestError::Fatal)?;
                return Err(self.temporary("the rest of the file could not be had; beginning anew".to_owned()));
            }
        }
        let size = self.size(&response, partial.length)?;
        let (path, resumed_at) = (self.file.path().to_owned(), partial.length);
        progress.event(&DownloadEvent::Started { path, size, resumed_at });
        self.copy(response, partial, size, progress)
    }

    /// The whole file's size: what the hub told before, else what this answer tells.
    fn size(&self, response: &Response<Body>, start: u64) -> Result<Option<u64>, RequestError> {
        let told = response.body().content_length().map(|length| start + length);
        if let (Some(told), Some(size)) = (told, self.metadata.size)
            && told != size
        {
            return Err(self.temporary(format!("the answer would make {told} bytes of a file of {size}")));
        }
        let size = self.metadata.size.or(told);
        if size.is_none() && Hasher::of(&self.metadata.etag).is_none() {
            let why = "neither size nor checksum of the file is told, so it cannot be known to be whole";
            return Err(RequestError::Fatal(HubError::not_a_hub(&self.file.to_string(), why)));
        }
        Ok(size)
    }

    fn copy(
        &self,
        response: Response<Body>,
        partial: &mut Partial,
        size: Option<u64>,
        progress: &mut dyn DownloadProgress,
    ) -> Result<(), RequestError> {
        let mut body = response.into_body().into_with_config().limit(u64::MAX).reader();
        let mut buffer = vec![0; CHUNK_BYTES];
        loop {
            if progress.cancelled() {
                return Err(RequestError::Fatal(HubError::Cancelled));
            }
            let count = match body.read(&mut buffer) {
                Ok(0) => break,
                Ok(count) => count,
                Err(error) => return Err(self.temporary(format!("the connection broke off: {error}"))),
            };
            partial.append(&buffer[..count]).map_err(RequestError::Fatal)?;
            progress.event(&DownloadEvent::Advanced { bytes: count as u64 });
            if size.is_some_and(|size| partial.length > size) {
                self.restart(partial).map_err(RequestError::Fatal)?;
                return Err(self.temporary("more bytes arrived than the file has".to_owned()));
            }
        }
        match size {
            Some(size) if partial.length < size => {
                Err(self.temporary(format!("the connection broke off after {} of {size} bytes", partial.length)))
            }
            _ => Ok(()),
        }
    }

    fn restart(&self, partial: &mut Partial) -> Result<(), HubError> {
        partial.remove()?;
        *partial = Partial::open(partial.path.clone(), &self.metadata.etag)?;
        Ok(())
    }

    fn temporary(&self, why: String) -> RequestError {
        let url = self.file.to_string();
        RequestError::Temporary(TemporaryError { url, why, answered: true, retry_after: None })
    }
}

/// What has arrived of a file, hashed on its way to the disk.
struct Partial {
    path: PathBuf,
    file: File,
    length: u64,
    hasher: Hasher,
}

impl Partial {
    /// Takes up what an earlier program left, if it left something.
    fn open(path: PathBuf, etag: &str) -> Result<Self, HubError> {
        let open = OpenOptions::new().read(true).write(true).create(true).truncate(false).open(&path);
        let mut file = open.map_err(io_error(&path, "opening"))?;
        let (mut hasher, mut length) = (Hasher::of(etag), 0);
        let mut buffer = vec![0; CHUNK_BYTES];
        loop {
            match file.read(&mut buffer).map_err(io_error(&path, "reading"))? {
                0 => return Ok(Self { path, file, length, hasher }),
                count => {
                    hasher.update(&buffer[..count]);
                    length += count as u64;
                }
            }
        }
    }

    fn append(&mut self, bytes: &[u8]) -> Result<(), HubError> {
        self.file.write_all(bytes).map_err(io_error(&self.path, "writing"))?;
        self.hasher.update(bytes);
        self.length += bytes.len() as u64;
        Ok(())
    }

    fn remove(&self) -> Result<(), HubError> {
        match fs::remove_file(&self.path) {
            Err(error) if error.kind() != ErrorKind::NotFound => Err(io_error(&self.path, "removing")(error)),
            _ => Ok(()),
        }
    }

    /// Brings a checked file to its final name. After this it survives a power cut.
    fn install(self, blob: &Path) -> Result<(), HubError> {
        self.file.sync_all().map_err(io_error(&self.path, "writing"))?;
        fs::rename(&self.path, blob).map_err(io_error(blob, "renaming to it"))?;
        sync_folder_of(blob);
        Ok(())
    }
}

/// At which byte of the file an answer begins.
fn start_of(response: &Response<Body>) -> Option<u64> {
    match response.status().as_u16() {
        200 => Some(0),
        // `bytes 1000-1999/2000`
        206 => {
            let range = response.headers().get("content-range")?.to_str().ok()?;
            range.strip_prefix("bytes ")?.split('-').next()?.parse().ok()
        }
        _ => None,
    }
}
