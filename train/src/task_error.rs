//! What can keep a task from being made ready, data, tokenizer or model, each with a way out.

use aees_models::ModelConfigError;
use aees_run::artifact::FileError;
use aees_run::settings::RunConfig;
use aees_tasks::{DataError, HubError, TokenFileError, TokenizerError};

/// Why a task cannot be made ready.
#[derive(Debug, thiserror::Error)]
pub enum TaskError {
    /// The data.
    #[error(transparent)]
    Data(#[from] DataError),
    /// The tokenizer.
    #[error(transparent)]
    Tokenizer(#[from] TokenizerError),
    /// The token files.
    #[error(transparent)]
    Tokens(#[from] TokenFileError),
    /// The model's `config.json`.
    #[error(transparent)]
    ModelConfig(#[from] ModelConfigError),
    /// Another file.
    #[error(transparent)]
    File(#[from] FileError),
    /// A model or tokenizer that does not fit the settings.
    #[error("{message}")]
    Model {
        /// What does not fit.
        message: String,
        /// What the user can do about it.
        help: Option<String>,
    },
    /// Something of the hub that must be on disk and is not.
    #[error("{error}")]
    NotCached {
        /// What is missing, and where it was looked for.
        error: HubError,
        /// The command that brings it.
        command: String,
        /// Whether it is data, which can also be had otherwise.
        is_data: bool,
    },
}

impl TaskError {
    /// A file of the hub that cannot be had for a run.
    pub(crate) fn hub(config: &RunConfig, error: HubError, is_data: bool) -> Self {
        if !matches!(error, HubError::NotCached { .. } | HubError::NothingCached { .. }) {
            return Self::Data(error.into());
        }
        let mut command = format!("aees data fetch {}", config.task.name());
        if config.task.is_text() && config.model != RunConfig::new(config.task).model {
            command += &format!(" --model {}", config.model);
        }
        Self::NotCached { error, command, is_data }
    }

    /// Data that cannot be had for a run.
    pub(crate) fn data(config: &RunConfig, error: DataError) -> Self {
        match error {
            DataError::Hub(error) => Self::hub(config, *error, true),
            error => error.into(),
        }
    }

    /// What the user can do about it.
    pub fn help(&self) -> Option<String> {
        match self {
            Self::Data(error) => error.help(),
            Self::Tokenizer(error) => error.help(),
            Self::Tokens(error) => error.help(),
            Self::File(error) => error.help(),
            Self::ModelConfig(_) => None,
            Self::Model { help, .. } => help.clone(),
            Self::NotCached { command, is_data, .. } => Some(format!(
                "run `{command}` first, where there is a network; or copy a cache that has it (--cache-dir, HF_HOME){}",
                if *is_data { ", or use --data PATH or --data synthetic" } else { "" }
            )),
        }
    }
}
