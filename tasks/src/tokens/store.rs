//! A folder of token files, by key.

use std::fs;
use std::io::{self, ErrorKind};
use std::path::PathBuf;

use aees_run::artifact::{FileError, write_atomically};

use super::data::TokenData;
use super::file;
use super::key::TokenKey;
use crate::data_source::DataOrigin;
use crate::file_state::map_file;

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
    /// A file that is not to be used, and why; [`TokenStore::save`] replaces it.
    Stale(String),
}

impl TokenStore {
    /// A store in a folder, which need not be there yet.
    pub fn new(directory: PathBuf) -> Self {
        Self { directory }
    }

    /// Where the file of a key is, or would be.
    pub fn path(&self, key: &TokenKey) -> PathBuf {
        self.directory.join(key.file_name())
    }

    /// Opens and checks the file of `key`. `origin` is where this run's text comes from; the same text may lie
    /// elsewhere than when the file was made.
    ///
    /// # Errors
    /// A file that is there and cannot be opened or mapped. A damaged or foreign one is no error but
    /// [`StoredTokens::Stale`].
    pub fn open(&self, key: &TokenKey, origin: DataOrigin) -> Result<StoredTokens, FileError> {
        let path = self.path(key);
        let bytes = match map_file(&path) {
            Ok(bytes) => bytes,
            Err(error) if error.kind() == ErrorKind::NotFound => return Ok(StoredTokens::Absent),
            Err(source) => return Err(FileError::at("read", &path)(source)),
        };
        Ok(match file::read(&bytes, key, origin) {
            Ok(data) => StoredTokens::Ready(Box::new(data)),
            Err(reason) => StoredTokens::Stale(format!("{}: not used: {reason}", path.display())),
        })
    }

    /// Writes the file of `key`, whole or not at all, in place of any that is there. Gives its path.
    ///
    /// # Errors
    /// Any failure of the file system.
    pub fn save(&self, key: &TokenKey, data: &TokenData) -> Result<PathBuf, FileError> {
        let path = self.path(key);
        let content = file::encode(key, data).map_err(io::Error::other).map_err(FileError::at("write", &path))?;
        fs::create_dir_all(&self.directory).map_err(FileError::at("make", &self.directory))?;
        write_atomically(&path, |out| out.write_all(&content))?;
        Ok(path)
    }
}
