//! Why a question to the results has no answer, and what a user can do about it.

/// A message with its help. Nobody tells one from another, so it is one type.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub struct ReportError {
    message: String,
    help: Option<String>,
}

impl ReportError {
    pub(crate) fn new(message: impl Into<String>, help: Option<String>) -> Self {
        Self { message: message.into(), help }
    }

    /// What to do about it.
    pub fn help(&self) -> Option<String> {
        self.help.clone()
    }
}
