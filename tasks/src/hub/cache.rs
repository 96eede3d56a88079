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
use std::io;
use std::path::{Path, PathBuf};

use aees_run::artifact::write_whole;
use hf_hub::{Cache, CacheRepo};

use super::HubFile;
use super::error::{HubError, io_error};
use super::event::{DownloadEvent, DownloadProgress};
use super::repository::{RepoId, check_path, is_commit};
use super::retry;

/// A folder's name does not depend on the revision, which the `hf-hub` crate wants to know all the same.
const MAIN: &str = "main";

/// A repository's folder in one cache.
pub(super) struct CachedRepo {
    root: PathBuf,
    folder: PathBuf,
    locks: PathBuf,
    layout: CacheRepo,
}

impl CachedRepo {
    pub(super) fn new(cache: &Path, repo: &RepoId) -> Self {
        let name = repo.repo(MAIN).folder_name();
        Self {
            root: cache.to_owned(),
            folder: cache.join(&name),
            locks: cache.join(".locks").join(&name),
            layout: Cache::new(cache.to_owned()).repo(repo.repo(MAIN)),
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

    /// A file that is there already; it is reached by the snapshot's link.
    pub(super) fn find(&self, commit: &str, path: &str) -> Option<HubFile> {
        let link = self.layout.pointer_path(commit).join(path);
        let size = length_of(&link)?;
        let blob = fs::read_link(&link).ok();
        let etag = blob.and_then(|target| Some(target.file_name()?.to_str()?.to_owned()));
        Some(HubFile { commit: commit.to_owned(), path: link, etag, size, from_cache: true })
    }

    /// The paths of the files of a commit that are there, sorted.
    pub(super) fn files(&self, commit: &str) -> Vec<String> {
        let root = self.layout.pointer_path(commit);
        let (mut files, mut folders) = (Vec::new(), vec![root.clone()]);
        while let Some(folder) = folders.pop() {
            for path in fs::read_dir(&folder).into_iter().flatten().flatten().map(|entry| entry.path()) {
                if path.is_dir() {
                    folders.push(path);
                } else if path.exists() {
                    let inside = path.strip_prefix(&root).ok().and_then(Path::to_str);
                    files.extend(inside.map(|name| name.replace('\\', "/")));
                }
            }
        }
        files.retain(|path| check_path(path).is_ok());
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
        write_whole(&path, |out| out.write_all(commit.as_bytes())).map_err(io_error(path, "writing"))
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
                    retry::sleep(std::time::Duration::from_millis(100), progress)?;
                }
                Err(TryLockError::Error(_)) => return Ok(None),
            }
        }
    }

    /// Makes a whole blob visible as a file of a commit.
    pub(super) fn link(&self, etag: &str, commit: &str, path: &str) -> Result<HubFile, HubError> {
        let (link, blob) = (self.layout.pointer_path(commit).join(path), self.blob(etag));
        create_folder_of(&link)?;
        if length_of(&link).is_none() || length_of(&link) != length_of(&blob) {
            // One that leads nowhere, or a copy that is not whole, is of no use to anybody.
            let _ = fs::remove_file(&link);
            // snapshots/COMMIT, and one more for each folder in the path.
            let up = "../".repeat(2 + path.matches('/').count());
            match symlink(Path::new(&format!("{up}blobs/{etag}")), &link) {
                Ok(()) => {}
                Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {}
                // For file systems without links: Python copies as well.
                Err(_) => write_whole(&link, |out| io::copy(&mut File::open(&blob)?, out).map(drop))
                    .map_err(io_error(&link, "writing"))?,
            }
        }
        self.find(commit, path).ok_or_else(|| io_error(link, "linking")(io::Error::other("the link leads nowhere")))
    }
}

pub(super) fn length_of(path: &Path) -> Option<u64> {
    fs::metadata(path).ok().filter(fs::Metadata::is_file).map(|metadata| metadata.len())
}

fn create_folder_of(path: &Path) -> Result<(), HubError> {
    let Some(folder) = path.parent() else { return Ok(()) };
    fs::create_dir_all(folder).map_err(io_error(folder, "making the folder"))
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
