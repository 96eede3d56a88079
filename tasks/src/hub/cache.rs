//! Python's cache layout: which file lies where, and how a new one comes in without ever being seen half.
//!
//! ```text
//! CACHE/models--OWNER--NAME/
//!     blobs/ETAG                   the content, named by its checksum
//!     blobs/ETAG.incomplete        what has arrived of it so far
//!     refs/main                    the commit that a branch or tag stood for
//!     snapshots/COMMIT/PATH        a relative link to the blob
//!     .no_exist/COMMIT/PATH        an empty file: the hub said that there is no such file
//! CACHE/.locks/models--OWNER--NAME/ETAG.lock
//! ```
//!
//! A file is seen through its snapshot link; that is made last, after the blob was checked, synced and renamed.

use std::fs::{self, File, OpenOptions, TryLockError};
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use hf_hub::{Cache, CacheRepo};

use super::checksum::Checksum;
use super::error::{HubError, io_error};
use super::event::{DownloadEvent, DownloadProgress};
use super::repository::{RepoId, check_path, is_commit};
use super::retry::random_bits;

/// A repository's folder in one cache.
pub(super) struct CachedRepo {
    root: PathBuf,
    folder: PathBuf,
    locks: PathBuf,
    layout: CacheRepo,
}

/// A file that the cache has, not yet checked.
#[derive(Debug, Clone)]
pub(super) struct Found {
    pub(super) commit: String,
    /// The snapshot's link.
    pub(super) path: PathBuf,
    /// The name of the blob; none where the file is a copy because links were not possible.
    pub(super) etag: Option<String>,
    pub(super) size: u64,
}

/// A file whose content is not what its name says.
pub(super) struct Damage {
    pub(super) expected: Checksum,
    pub(super) found: Checksum,
}

impl CachedRepo {
    pub(super) fn new(cache: &Path, repo: &RepoId) -> Self {
        let name = repo.repo().folder_name();
        Self {
            root: cache.to_owned(),
            folder: cache.join(&name),
            locks: cache.join(".locks").join(&name),
            layout: Cache::new(cache.to_owned()).repo(repo.repo()),
        }
    }

    /// The commit that a revision stood for when it was last asked.
    pub(super) fn commit_of(&self, revision: &str) -> Option<String> {
        if is_commit(revision) {
            return Some(revision.to_owned());
        }
        let text = fs::read_to_string(self.reference(revision)).ok()?;
        Some(text.trim().to_owned()).filter(|commit| is_commit(commit))
    }

    pub(super) fn find(&self, commit: &str, path: &str) -> Option<Found> {
        let link = self.layout.pointer_path(commit).join(path);
        let metadata = fs::metadata(&link).ok().filter(fs::Metadata::is_file)?;
        let blob = fs::read_link(&link).ok();
        let etag = blob.and_then(|target| Some(target.file_name()?.to_str()?.to_owned()));
        Some(Found { commit: commit.to_owned(), path: link, etag, size: metadata.len() })
    }

    /// The paths and sizes of the files of a commit that are there, sorted.
    pub(super) fn files(&self, commit: &str) -> Vec<(String, u64)> {
        let root = self.layout.pointer_path(commit);
        let (mut files, mut folders) = (Vec::new(), vec![root.clone()]);
        while let Some(folder) = folders.pop() {
            for entry in fs::read_dir(&folder).into_iter().flatten().flatten() {
                let path = entry.path();
                match fs::metadata(&path) {
                    Ok(metadata) if metadata.is_dir() => folders.push(path),
                    Ok(metadata) => {
                        let parts = path.strip_prefix(&root).ok().and_then(Path::to_str);
                        files.extend(parts.map(|name| (name.replace('\\', "/"), metadata.len())));
                    }
                    Err(_) => {}
                }
            }
        }
        files.retain(|(path, _)| check_path(path).is_ok());
        files.sort();
        files
    }

    /// Has the hub said that this commit has no such file?
    pub(super) fn is_marked_absent(&self, commit: &str, path: &str) -> bool {
        self.absence(commit, path).is_file()
    }

    /// Notes what the hub said. Best effort: it only saves a request.
    pub(super) fn mark_absent(&self, commit: &str, path: &str) {
        let mark = self.absence(commit, path);
        if let Some(folder) = mark.parent()
            && fs::create_dir_all(folder).is_ok()
        {
            let _ = OpenOptions::new().create(true).append(true).open(mark);
        }
    }

    fn absence(&self, commit: &str, path: &str) -> PathBuf {
        self.folder.join(".no_exist").join(commit).join(path)
    }

    fn reference(&self, revision: &str) -> PathBuf {
        self.folder.join("refs").join(revision)
    }

    /// Notes which commit a branch or tag stands for now. Nothing is written when that is known already, so that a cache
    /// that cannot be written can be used.
    pub(super) fn write_reference(&self, revision: &str, commit: &str) -> Result<(), HubError> {
        if is_commit(revision) || self.commit_of(revision).as_deref() == Some(commit) {
            return Ok(());
        }
        let path = self.reference(revision);
        create_folder_of(&path)?;
        let temporary = temporary_beside(&path);
        let written = fs::write(&temporary, commit).and_then(|()| fs::rename(&temporary, &path));
        written.map_err(|error| {
            let _ = fs::remove_file(&temporary);
            io_error(path, "writing")(error)
        })
    }

    pub(super) fn blob(&self, etag: &str) -> PathBuf {
        self.layout.blob_path(etag)
    }

    /// Makes the folders that a download needs, and marks the cache for backup programs.
    pub(super) fn prepare(&self, etag: &str) -> Result<(), HubError> {
        create_folder_of(&self.blob(etag))?;
        let tag = self.root.join("CACHEDIR.TAG");
        if !tag.exists() {
            let text =
                "Signature: 8a477f597d28d172789f06886806bc55\n# Downloads of aees; see https://bford.info/cachedir/\n";
            // Best effort: a cache works without it.
            let _ = fs::write(tag, text);
        }
        Ok(())
    }

    /// The blob's lock, which Python takes as well (`flock` on Unix). None where the file system has no locks: two
    /// processes may then download the same file, and the checksum still keeps wrong bytes out.
    pub(super) fn lock(
        &self,
        etag: &str,
        path: &str,
        progress: &mut dyn DownloadProgress,
    ) -> Result<Option<File>, HubError> {
        let lock = self.locks.join(format!("{etag}.lock"));
        create_folder_of(&lock)?;
        let mut told = false;
        loop {
            let open = OpenOptions::new().read(true).write(true).create(true).truncate(false).open(&lock);
            let file = open.map_err(io_error(&lock, "opening the lock"))?;
            match file.try_lock() {
                // Some versions of Python's filelock remove the file when they let go: this must be the one that is there.
                Ok(()) if is_same_file(&file, &lock) => return Ok(Some(file)),
                Ok(()) => {}
                Err(TryLockError::WouldBlock) => {
                    if !told {
                        progress.event(&DownloadEvent::Waiting { path: path.to_owned() });
                        told = true;
                    }
                    super::retry::sleep(std::time::Duration::from_millis(100), progress)?;
                }
                Err(TryLockError::Error(_)) => return Ok(None),
            }
        }
    }

    /// Makes a whole blob visible as a file of a commit.
    pub(super) fn link(&self, etag: &str, commit: &str, path: &str) -> Result<Found, HubError> {
        let link = self.layout.pointer_path(commit).join(path);
        create_folder_of(&link)?;
        if fs::metadata(&link).is_err() {
            // One that leads nowhere is of no use to anybody.
            let _ = fs::remove_file(&link);
            // snapshots/COMMIT, and one more for each folder in the path.
            let up = "../".repeat(2 + path.matches('/').count());
            match symlink(Path::new(&format!("{up}blobs/{etag}")), &link) {
                Ok(()) => {}
                Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {}
                Err(_) => copy_whole(&self.blob(etag), &link)?,
            }
        }
        self.find(commit, path).ok_or_else(|| io_error(link, "linking")(io::Error::other("the link leads nowhere")))
    }

    /// Removes a file that is not what its name says, with its blob.
    pub(super) fn discard(&self, found: &Found) -> Result<(), HubError> {
        let blob = found.etag.as_deref().map(|etag| self.blob(etag));
        for path in [Some(found.path.clone()), blob].into_iter().flatten() {
            match fs::remove_file(&path) {
                Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(io_error(path, "removing")(error)),
                _ => {}
            }
        }
        Ok(())
    }
}

/// Does a file have the content that its ETag tells? Always yes for an ETag that is no checksum.
pub(super) fn check(path: &Path, etag: Option<&str>) -> Result<Result<(), Damage>, HubError> {
    let Some(expected) = etag.and_then(Checksum::from_etag) else { return Ok(Ok(())) };
    let found = expected.same_kind_of_file(path).map_err(io_error(path, "reading"))?;
    Ok(if found == expected { Ok(()) } else { Err(Damage { expected, found }) })
}

/// Brings a checked file to its final name. After this it survives a power cut.
pub(super) fn install(partial: &Path, blob: &Path) -> Result<(), HubError> {
    let file = OpenOptions::new().write(true).open(partial).map_err(io_error(partial, "opening"))?;
    file.sync_all().map_err(io_error(partial, "writing"))?;
    fs::rename(partial, blob).map_err(io_error(blob, "renaming to it"))?;
    if let Some(folder) = blob.parent() {
        // Not every system can sync a folder; the name is then safe a little later.
        let _ = File::open(folder).and_then(|folder| folder.sync_all());
    }
    Ok(())
}

fn create_folder_of(path: &Path) -> Result<(), HubError> {
    let Some(folder) = path.parent() else { return Ok(()) };
    fs::create_dir_all(folder).map_err(io_error(folder, "making the folder"))
}

fn temporary_beside(path: &Path) -> PathBuf {
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    path.with_file_name(format!("{name}.{:08x}.tmp", random_bits() as u32))
}

/// For file systems without links: Python copies as well.
fn copy_whole(blob: &Path, to: &Path) -> Result<(), HubError> {
    let temporary = temporary_beside(to);
    let copied = fs::copy(blob, &temporary).and_then(|_| {
        let mut file = OpenOptions::new().write(true).open(&temporary)?;
        file.flush()?;
        file.sync_all()?;
        fs::rename(&temporary, to)
    });
    copied.map_err(|error| {
        let _ = fs::remove_file(&temporary);
        io_error(to, "writing")(error)
    })
}

#[cfg(unix)]
fn is_same_file(file: &File, path: &Path) -> bool {
    use std::os::unix::fs::MetadataExt;
    match (file.metadata(), fs::metadata(path)) {
        (Ok(held), Ok(there)) => (held.dev(), held.ino()) == (there.dev(), there.ino()),
        _ => false,
    }
}

#[cfg(not(unix))]
fn is_same_file(_file: &File, _path: &Path) -> bool {
    // A file that is open cannot be removed there.
    true
}

#[cfg(unix)]
use std::os::unix::fs::symlink;

#[cfg(windows)]
use std::os::windows::fs::symlink_file as symlink;
