//! What can go wrong with a tokenizer and with token files, each with its place.

use std::io;
use std::path::{Path, PathBuf};

/// Why a tokenizer could not be read, used or saved.
#[derive(Debug, thiserror::Error)]
#[error("{message}")]
pub struct TokenizerError {
    message: String,
    help: Option<&'static str>,
}

impl TokenizerError {
    /// What the user can do about it.
    #[must_use]
    pub fn help(&self) -> Option<String> {
        self.help.map(str::to_owned)
    }

    /// No tokenizer at a path that was named.
    pub(super) fn missing(path: &Path, reason: &str) -> Self {
        let help = "give a folder with tokenizer.json or vocab.txt, or one of these files, with --tokenizer";
        Self { help: Some(help), ..Self::at(path, reason) }
    }

    /// A file that contradicts itself or its format, with the line where the reader knows it.
    pub(super) fn damaged(path: &Path, reason: impl std::fmt::Display) -> Self {
        let help = "fetch the file again, or remove it when vocab.txt lies beside it";
        Self { help: Some(help), ..Self::at(path, format!("not a usable tokenizer file: {reason}")) }
    }

    /// A tokenizer that is not BERT's kind.
    pub(super) fn other_kind(path: &Path, reason: String) -> Self {
        Self { help: Some("use the tokenizer that belongs to a BERT or DistilBERT model"), ..Self::at(path, reason) }
    }

    pub(super) fn at(path: &Path, reason: impl std::fmt::Display) -> Self {
        Self::saying(format!("{}: {reason}", path.display()))
    }

    pub(super) fn saying(message: String) -> Self {
        Self { message, help: None }
    }

    /// The `tokenizers` crate refused a sentence.
    pub(super) fn sentence(reason: tokenizers::Error) -> Self {
        Self::saying(format!("cannot tokenize: {reason}"))
    }
}

/// Why a token file could not be read or written. A file that is merely out of date is not an error: see
/// [`StoredTokens::Stale`](super::StoredTokens::Stale).
#[derive(Debug, thiserror::Error)]
#[error("{}: cannot be {done}: {source}", path.display())]
pub struct TokenFileError {
    pub(super) path: PathBuf,
    /// `read` or `written`.
    pub(super) done: &'static str,
    pub(super) source: io::Error,
}

impl TokenFileError {
    /// What the user can do about it.
    #[must_use]
    pub fn help(&self) -> Option<String> {
        match self.source.kind() {
            io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => {
                Some("the disk is full: free some space, then run the command again".into())
            }
            io::ErrorKind::PermissionDenied => Some("check who owns the folder, or choose another".into()),
            _ => None,
        }
    }
}
