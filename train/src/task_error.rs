//! What can keep a task from being made ready, data, tokenizer or model, each with a way out.

use aees_models::ModelConfigError;
use aees_run::artifact::FileError;
use aees_tasks::{DataError, HubError, TokenizerError};

/// Why a task cannot be made ready.
#[allow(missing_docs, reason = "a field's name says it")]
#[derive(Debug, thiserror::Error)]
pub enum TaskError {
    /// The data.
    #[error(transparent)]
    Data(#[from] DataError),
    /// Files of the hub.
    #[error(transparent)]
    Hub(#[from] HubError),
    /// The tokenizer.
    #[error(transparent)]
    Tokenizer(#[from] TokenizerError),
    /// The model's `config.json`.
    #[error(transparent)]
    ModelConfig(#[from] ModelConfigError),
    /// Another file.
    #[error(transparent)]
    File(#[from] FileError),
    /// A model or tokenizer that does not fit the settings.
    #[error("{message}")]
    Model { message: String, help: Option<String> },
}

impl TaskError {
    /// What the user can do about it.
    pub fn help(&self) -> Option<String> {
        match self {
            Self::Data(error) => error.help(),
            Self::Hub(error) => error.help(),
            Self::Tokenizer(error) => error.help(),
            Self::File(error) => error.help(),
            Self::ModelConfig(_) => None,
            Self::Model { help, .. } => help.clone(),
        }
    }
}
