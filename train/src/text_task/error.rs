//! What can keep a text task from being made ready, each with a way out.

use std::path::PathBuf;

use aees_models::ModelConfigError;
use aees_tasks::HubError;
use aees_tasks::{DataError, TokenFileError, TokenizerError};

/// Why a text task cannot be made ready.
#[derive(Debug, thiserror::Error)]
pub enum TextTaskError {
    /// The sentences.
    #[error(transparent)]
    Data(#[from] DataError),
    /// The tokenizer.
    #[error(transparent)]
    Tokenizer(#[from] TokenizerError),
    /// The token files.
    #[error(transparent)]
    Tokens(#[from] TokenFileError),
    /// The hub or its cache.
    #[error(transparent)]
    Hub(#[from] HubError),
    /// The model's `config.json`.
    #[error(transparent)]
    ModelConfig(#[from] ModelConfigError),
    /// The model in other ways.
    #[error("{0}")]
    Model(String),
    /// A file that cannot be read.
    #[error("cannot read {path}: {source}", path = path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// Something that must be on disk and is not.
    #[error("{error}")]
    NotLocal {
        /// What is missing, and where it was looked for.
        error: HubError,
        /// The command that brings it.
        command: String,
    },
    /// Longer sentences than the model has positions for.
    #[error("--max-length {asked}: the model has {positions} positions")]
    TooLong {
        /// What was asked for.
        asked: usize,
        /// Rows of the model's position table.
        positions: usize,
    },
    /// A tokenizer that gives ids which the model does not have.
    #[error(
        "tokenizer and model do not fit: the tokenizer has {tokenizer} tokens, the model of {config} {model}",
        config = config.display()
    )]
    VocabularyMisfit {
        /// Tokens of the tokenizer.
        tokenizer: usize,
        /// Rows of the model's embedding.
        model: usize,
        /// The model's `config.json`.
        config: PathBuf,
    },
}

impl TextTaskError {
    /// What the user can do about it.
    pub fn help(&self) -> Option<String> {
        match self {
            Self::Data(DataError::NothingFound { .. } | DataError::MissingPath { .. }) => {
                Some("`--data synthetic` needs no files at all".into())
            }
            Self::NotLocal { command, .. } => Some(format!(
                "run `{command}` first, where there is a network; or copy a cache that has it (--cache-dir, HF_HOME)"
            )),
            Self::TooLong { positions, .. } => Some(format!("use --max-length {positions} or less")),
            Self::VocabularyMisfit { .. } => Some("name the tokenizer of that model with --tokenizer".into()),
            Self::Tokenizer(error) => error.help(),
            Self::Tokens(error) => error.help(),
            Self::Hub(error) => error.help(),
            _ => None,
        }
    }
}
