//! One blob from the hub to the disk: resumed where it stopped, measured, checked, and only then given its name.
//!
//! What has arrived lies in `ETAG.incomplete`, so it belongs to one content for ever: a file that changed on the hub has
//! another ETag. A part that turns out to be unusable is removed and made anew, never cut in place: should two processes
//! get past a lock that does not lock, neither can shorten what the other has already renamed.

use std::fs::{self, File, OpenOptions};
use std::io::{Read, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};

use ureq::Body;
use ureq::http::Response;

use super::cache::{check, install};
use super::checksum::Checksum;
use super::error::{HubError, io_error};
use super::event::{DownloadEvent, DownloadProgress};
use super::repository::HubPath;
use super::retry::{Retries, RetryPolicy, Temporary};
use super::transport::{Failure, Metadata, Range, Transport};

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

/// What came of one request.
struct Received {
    /// Bytes that this request added.
    bytes: u64,
    /// Is that the whole file, as far as its size tells?
    outcome: Result<(), Failure>,
}

impl Download<'_> {
    /// Returns the size. The caller holds the blob's lock.
    pub(super) fn run(&self, progress: &mut dyn DownloadProgress) -> Result<u64, HubError> {
        let partial = self.blob.with_file_name(format!("{}.incomplete", self.metadata.etag));
        let mut retries = Retries::new(self.policy);
        let mut damaged_before = false;
        loop {
            let received = self.receive(&partial, progress);
            if received.bytes >= PROGRESS_BYTES {
                retries.progressed();
            }
            match received.outcome {
                Ok(()) => {}
                Err(Failure::Temporary(failure)) => {
                    retries.pause(failure, progress)?;
                    continue;
                }
                Err(Failure::Refused(refusal)) => return Err(super::refused(refusal, self.file)),
                Err(Failure::Fatal(error)) => return Err(error),
            }
            match check(&partial, Some(&self.metadata.etag))? {
                Ok(()) => break,
                Err(damage) => {
                    remove(&partial)?;
                    if damaged_before {
                        return Err(HubError::Checksum {
                            file: Box::new(self.file.clone()),
                            path: self.blob.clone(),
                            expected: damage.expected.to_string(),
                            found: damage.found.to_string(),
                            downloaded: true,
                        });
                    }
                    damaged_before = true;
                    let why = "what arrived does not have the checksum that the hub tells".to_owned();
                    progress.event(&DownloadEvent::Retrying { after: Default::default(), why });
                }
            }
        }
        let size = length_of(&partial);
        install(&partial, &self.blob)?;
        progress.event(&DownloadEvent::Finished { path: self.file.path().to_owned(), size });
        Ok(size)
    }

    fn receive(&self, partial: &Path, progress: &mut dyn DownloadProgress) -> Received {
        let mut bytes = 0;
        let outcome = self.request(partial, &mut bytes, progress);
        Received { bytes, outcome }
    }

    /// One request for what is missing.
    fn request(&self, partial: &Path, received: &mut u64, progress: &mut dyn DownloadProgress) -> Result<(), Failure> {
        let mut have = length_of(partial);
        match self.metadata.size {
            Some(size) if have == size && partial.exists() => return Ok(()),
            Some(size) if have > size => {
                remove(partial).map_err(Failure::Fatal)?;
                have = 0;
            }
            _ => {}
        }
        let url = self.transport.endpoint().file_url(self.file, &self.metadata.commit);
        let if_etag = self.metadata.etag_is_of_response.then_some(self.metadata.etag.as_str());
        let range = (have > 0).then_some(Range { from: have, if_etag });
        let response = self.transport.get(&url, range.as_ref())?;
        let start = match start_of(&response, have) {
            Some(start) => start,
            None => {
                // 416, or a part that was not asked for: begin anew.
                remove(partial).map_err(Failure::Fatal)?;
                return Err(self.temporary("the rest of the file could not be had; beginning anew".to_owned()));
            }
        };
        if start == 0 && have > 0 {
            remove(partial).map_err(Failure::Fatal)?;
        }
        let size = self.size(&response, start)?;
        progress.event(&DownloadEvent::Started { path: self.file.path().to_owned(), size, resumed_at: start });
        let target = Target { path: partial, start, size };
        self.copy(response, &target, received, progress)
    }

    /// The whole file's size: what the hub told before, else what this answer tells.
    fn size(&self, response: &Response<Body>, start: u64) -> Result<Option<u64>, Failure> {
        let told = response.body().content_length().map(|length| start + length);
        if let (Some(told), Some(size)) = (told, self.metadata.size)
            && told != size
        {
            return Err(self.temporary(format!("the answer would make {told} bytes of a file of {size}")));
        }
        if told.is_none() && self.metadata.size.is_none() && Checksum::from_etag(&self.metadata.etag).is_none() {
            let why = "neither size nor checksum of the file is told, so it cannot be known to be whole".to_owned();
            return Err(Failure::Fatal(HubError::NotAHub { url: self.file.to_string(), why }));
        }
        Ok(self.metadata.size.or(told))
    }

    fn copy(
        &self,
        response: Response<Body>,
        target: &Target,
        received: &mut u64,
        progress: &mut dyn DownloadProgress,
    ) -> Result<(), Failure> {
        let fatal = |action| move |error| Failure::Fatal(io_error(target.path, action)(error));
        let mut file = target.open().map_err(fatal("opening"))?;
        let mut body = response.into_body().into_with_config().limit(u64::MAX).reader();
        let mut buffer = vec![0; CHUNK_BYTES];
        loop {
            if progress.cancelled() {
                return Err(Failure::Fatal(HubError::Cancelled));
            }
            let count = match body.read(&mut buffer) {
                Ok(0) => break,
                Ok(count) => count,
                Err(error) => return Err(self.temporary(format!("the connection broke off: {error}"))),
            };
            file.write_all(&buffer[..count]).map_err(fatal("writing"))?;
            *received += count as u64;
            progress.event(&DownloadEvent::Advanced { bytes: count as u64 });
            if target.size.is_some_and(|size| target.start + *received > size) {
                remove(target.path).map_err(Failure::Fatal)?;
                return Err(self.temporary("more bytes arrived than the file has".to_owned()));
            }
        }
        match target.size {
            Some(size) if target.start + *received < size => {
                let have = target.start + *received;
                Err(self.temporary(format!("the connection broke off after {have} of {size} bytes")))
            }
            _ => Ok(()),
        }
    }

    fn temporary(&self, why: String) -> Failure {
        let url = self.file.to_string();
        Failure::Temporary(Temporary { url, why, answered: true, retry_after: None })
    }
}

/// Where the bytes of one answer go.
struct Target<'a> {
    path: &'a Path,
    start: u64,
    size: Option<u64>,
}

impl Target<'_> {
    fn open(&self) -> std::io::Result<File> {
        let mut file = OpenOptions::new().write(true).create(true).truncate(false).open(self.path)?;
        file.seek(SeekFrom::Start(self.start))?;
        Ok(file)
    }
}

/// At which byte of the file an answer begins; none when that is not where it can be used.
fn start_of(response: &Response<Body>, have: u64) -> Option<u64> {
    match response.status().as_u16() {
        200 => Some(0),
        206 => {
            // `bytes 1000-1999/2000`
            let range = response.headers().get("content-range")?.to_str().ok()?;
            let start: u64 = range.strip_prefix("bytes ")?.split('-').next()?.parse().ok()?;
            (start == have).then_some(start)
        }
        _ => None,
    }
}

fn length_of(path: &Path) -> u64 {
    fs::metadata(path).map_or(0, |metadata| metadata.len())
}

fn remove(path: &Path) -> Result<(), HubError> {
    match fs::remove_file(path) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => Err(io_error(path, "removing")(error)),
        _ => Ok(()),
    }
}
