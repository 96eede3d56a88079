//! What can go wrong with a tokenizer, each with its place.

use std::path::Path;

/// Why a tokenizer could not be read, used or saved.
#[derive(Debug, thiserror::Error)]
#[error("{message}")]
pub struct TokenizerError {
    message: String,
    help: Option<&'static str>,
}

impl TokenizerError {
    /// What the user can do about it.
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
