//! What can go wrong with a tokenizer and with token files, each with its place.

use std::io;
use std::path::PathBuf;

/// Why a tokenizer could not be read, used or saved.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum TokenizerError {
    /// The path that was asked for does not exist.
    #[error("{}: no such file or folder", path.display())]
    MissingPath {
        /// The path as it was given.
        path: PathBuf,
    },
    /// A folder with neither of the two files that hold a tokenizer.
    #[error("{}: holds no tokenizer.json and no vocab.txt", folder.display())]
    NoTokenizer {
        /// The folder.
        folder: PathBuf,
    },
    /// The operating system refused to read a file.
    #[error("{}: cannot be read: {source}", path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// What the operating system said.
        source: io::Error,
    },
    /// A file that contradicts itself or its format.
    #[error("{}: not a usable tokenizer file: {reason}", path.display())]
    Damaged {
        /// The file.
        path: PathBuf,
        /// What is wrong, with the line where the reader knows it.
        reason: String,
    },
    /// A tokenizer of another kind (BPE, Unigram).
    #[error("{}: a {found} tokenizer; expected WordPiece, as BERT and DistilBERT have", path.display())]
    NotWordPiece {
        /// The file.
        path: PathBuf,
        /// The kind found.
        found: &'static str,
    },
    /// A vocabulary without one of the tokens that every sentence or batch needs.
    #[error("{}: the vocabulary has no {}", path.display(), tokens.join(", no "))]
    MissingTokens {
        /// The file.
        path: PathBuf,
        /// The tokens that are not there.
        tokens: Vec<&'static str>,
    },
    /// A tokenizer that does not put a sentence between `[CLS]` and `[SEP]`.
    #[error("{}: does not frame a sentence as [CLS] ... [SEP] (its post_processor makes {found})", path.display())]
    NotFramed {
        /// The file.
        path: PathBuf,
        /// The tokens of a probe.
        found: String,
    },
    /// A vocabulary to be made that is too small for what it must hold.
    #[error("a vocabulary of {asked} tokens is too small: the special tokens and single characters alone are {needed}")]
    VocabularyTooSmall {
        /// The size asked for.
        asked: usize,
        /// The smallest size that would do.
        needed: usize,
    },
    /// A maximum length with no room for a piece of text.
    #[error("--max-length {max_length}: expected at least 3, for [CLS], one piece of text and [SEP]")]
    MaxLength {
        /// The value asked for.
        max_length: usize,
    },
    /// More tokens than the offsets of a split can count.
    #[error("{tokens} tokens in one split; at most {} can be stored", u32::MAX)]
    TooManyTokens {
        /// The tokens there are.
        tokens: u64,
    },
    /// The `tokenizers` crate refused a sentence.
    #[error("cannot tokenize: {reason}")]
    Encode {
        /// What it said.
        reason: String,
    },
    /// A tokenizer file could not be written.
    #[error("{}: cannot be written: {source}", path.display())]
    Write {
        /// The file.
        path: PathBuf,
        /// What the operating system said.
        source: io::Error,
    },
}

impl TokenizerError {
    /// What the user can do about it.
    #[must_use]
    pub fn help(&self) -> Option<String> {
        match self {
            Self::MissingPath { .. } | Self::NoTokenizer { .. } => {
                Some("give a folder with tokenizer.json or vocab.txt, or one of these files, with --tokenizer".into())
            }
            Self::Damaged { .. } => Some("fetch the file again, or remove it when vocab.txt lies beside it".into()),
            Self::NotWordPiece { .. } | Self::NotFramed { .. } | Self::MissingTokens { .. } => {
                Some("use the tokenizer that belongs to a BERT or DistilBERT model".into())
            }
            _ => None,
        }
    }
}

/// Why a token file could not be read or written. A file that is merely out of date is not an error: see
/// [`StaleTokens`](super::StaleTokens).
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum TokenFileError {
    /// The operating system refused to read a file that is there.
    #[error("{}: cannot be read: {source}", path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// What the operating system said.
        source: io::Error,
    },
    /// A file or its folder could not be written.
    #[error("{}: cannot be written: {source}", path.display())]
    Write {
        /// The file.
        path: PathBuf,
        /// What the operating system said.
        source: io::Error,
    },
}

impl TokenFileError {
    /// What the user can do about it.
    #[must_use]
    pub fn help(&self) -> Option<String> {
        let (Self::Read { source, .. } | Self::Write { source, .. }) = self;
        match source.kind() {
            io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => {
                Some("the disk is full: free some space, then run the command again".into())
            }
            io::ErrorKind::PermissionDenied => Some("check who owns the folder, or choose another".into()),
            _ => None,
        }
    }
}
