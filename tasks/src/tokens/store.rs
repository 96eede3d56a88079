//! A folder of token files, by key.

use std::fmt;
use std::fs::File;
use std::io::{self, ErrorKind};
use std::path::{Path, PathBuf};

use bytes::Bytes;
use memmap2::Mmap;

use super::data::TokenData;
use super::error::TokenFileError;
use super::file;
use super::key::TokenKey;
use crate::data_source::DataOrigin;
use aees_run::artifact::write_whole;

/// A folder of token files.
#[derive(Debug, Clone)]
pub struct TokenStore {
    directory: PathBuf,
}

/// What a store has under a key.
#[derive(Debug)]
pub enum StoredTokens {
    /// The data, mapped: its ids are read from the file when they are used.
    Ready(Box<TokenData>),
    /// No file.
    Absent,
    /// A file that is not to be used; [`TokenStore::save`] replaces it.
    Stale(StaleTokens),
}

/// Why a token file that is there was not used. A warning, not an error: it is made again.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StaleTokens {
    /// The file.
    pub path: PathBuf,
    /// What is wrong with it.
    pub reason: String,
}

impl fmt::Display for StaleTokens {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{}: not used: {}", self.path.display(), self.reason)
    }
}

impl TokenStore {
    /// A store in a folder, which need not be there yet.
    #[must_use]
    pub fn new(directory: PathBuf) -> Self {
        Self { directory }
    }

    /// Where the file of a key is, or would be.
    #[must_use]
    pub fn path(&self, key: &TokenKey) -> PathBuf {
        self.directory.join(key.file_name())
    }

    /// Opens and checks the file of `key`. `origin` is where this run's text comes from; the same text may lie
    /// elsewhere than when the file was made.
    ///
    /// # Errors
    /// A file that is there and cannot be opened or mapped. A damaged or foreign one is no error but
    /// [`StoredTokens::Stale`].
    pub fn open(&self, key: &TokenKey, origin: DataOrigin) -> Result<StoredTokens, TokenFileError> {
        let path = self.path(key);
        let bytes = match map(&path) {
            Ok(bytes) => bytes,
            Err(error) if error.kind() == ErrorKind::NotFound => return Ok(StoredTokens::Absent),
            Err(source) => return Err(TokenFileError::Read { path, source }),
        };
        Ok(match file::read(&bytes, key, origin) {
            Ok(data) => StoredTokens::Ready(Box::new(data)),
            Err(reason) => StoredTokens::Stale(StaleTokens { path, reason }),
        })
    }

    /// Writes the file of `key`, whole or not at all, in place of any that is there. Gives its path.
    ///
    /// # Errors
    /// Any failure of the file system.
    pub fn save(&self, key: &TokenKey, data: &TokenData) -> Result<PathBuf, TokenFileError> {
        let path = self.path(key);
        let written = std::fs::create_dir_all(&self.directory);
        match written.and_then(|()| write_whole(&path, |out| file::write(out, key, data))) {
            Ok(()) => Ok(path),
            Err(source) => Err(TokenFileError::Write { path, source }),
        }
    }
}

fn map(path: &Path) -> io::Result<Bytes> {
    let file = File::open(path)?;
    if file.metadata()?.len() == 0 {
        // An empty file cannot be mapped everywhere.
        return Ok(Bytes::new());
    }
    // SAFETY: the mapping is only read, and token files are never changed once they have their name: a new one comes by
    // rename, which leaves the mapped one as it was.
    #[allow(unsafe_code, reason = "a mapping cannot be had without it")]
    let map = unsafe { Mmap::map(&file) }?;
    Ok(Bytes::from_owner(map))
}
