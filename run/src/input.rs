//! Files that a user names to be read: regular ones, and none larger than it can be.
//!
//! A pipe would wait for ever, and a device never ends: both are refused before they are opened.

use std::fs::{self, File};
use std::io::{self, Read};
use std::path::Path;

use crate::artifact::FileError;

/// More than any text that is read whole: configurations, studies, tokenizers, descriptions of models.
const LARGEST_TEXT: u64 = 1 << 28;

/// Opens a regular file.
///
/// # Errors
/// What the system says; also for a folder, a pipe, a device or a socket.
pub fn open(path: &Path) -> io::Result<File> {
    let metadata = fs::metadata(path)?;
    if metadata.is_dir() {
        return Err(io::Error::new(io::ErrorKind::IsADirectory, "it is a folder, not a file"));
    }
    if !metadata.is_file() {
        return Err(io::Error::new(io::ErrorKind::InvalidInput, "it is a pipe or a device, not a file"));
    }
    File::open(path)
}

/// The first bytes of a file, at most so many.
///
/// # Errors
/// As [`open`].
pub fn head(path: &Path, most: u64) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    open(path)?.take(most).read_to_end(&mut bytes)?;
    Ok(bytes)
}

/// Reads a text file.
///
/// # Errors
/// As [`open`]; also when it is no UTF-8 or larger than any such file.
pub fn read_text(path: &Path) -> io::Result<String> {
    let mut text = String::new();
    open(path)?.take(LARGEST_TEXT + 1).read_to_string(&mut text)?;
    if text.len() as u64 > LARGEST_TEXT {
        return Err(io::Error::new(io::ErrorKind::FileTooLarge, "it is larger than any file of its kind"));
    }
    Ok(text)
}

/// Reads a file whole.
///
/// # Errors
/// As [`open`], with the path.
pub fn read(path: &Path) -> Result<Vec<u8>, FileError> {
    let mut bytes = Vec::new();
    open(path).and_then(|mut file| file.read_to_end(&mut bytes)).map_err(FileError::at("read", path))?;
    Ok(bytes)
}
