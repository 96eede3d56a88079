//! What can go wrong: only the file system, so every error names a path.

use std::io;
use std::path::PathBuf;

/// An event file could not be made or written.
#[derive(Debug, thiserror::Error)]
pub enum EventFileError {
    /// The folder for event files could not be made or listed.
    #[error("cannot use {} as a folder for TensorBoard events", folder.display())]
    Folder {
        /// The folder.
        folder: PathBuf,
        /// What the operating system said.
        source: io::Error,
    },
    /// The event file could not be created.
    #[error("cannot create the TensorBoard event file {}", path.display())]
    Create {
        /// The event file.
        path: PathBuf,
        /// What the operating system said.
        source: io::Error,
    },
    /// An event could not be written, for example because the disk is full.
    #[error("cannot write to the TensorBoard event file {}", path.display())]
    Write {
        /// The event file.
        path: PathBuf,
        /// What the operating system said.
        source: io::Error,
    },
}
