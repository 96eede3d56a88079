//! What can be wrong with a configuration, where, and of which settings it is said.

use std::fmt;
use std::path::PathBuf;

use crate::artifact::FileError;

use super::info::flag;
use super::value::{Fault, SettingValue};

/// Where a value was written.
#[allow(missing_docs, reason = "a field's name says it")]
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Place {
    /// A flag of the command line, without its dashes.
    Flag(String),
    /// A `--set key=value`.
    Set,
    /// In a file; line and column count from 1.
    File { path: PathBuf, line: u64, column: u64 },
    /// A default or a value made by the program.
    Resolved,
}

impl fmt::Display for Place {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Flag(flag) => write!(formatter, "--{flag}: "),
            Self::Set => write!(formatter, "--set: "),
            Self::File { path, line, column } => write!(formatter, "{}:{line}:{column}: ", path.display()),
            Self::Resolved => Ok(()),
        }
    }
}

/// A configuration that cannot be used.
#[allow(missing_docs, reason = "a field's name says it")]
#[derive(Debug, thiserror::Error)]
pub enum ConfigError {
    /// A key that no setting has.
    #[error("{place}unknown setting `{key}`")]
    UnknownKey { place: Place, key: String, nearest: Option<&'static str> },
    /// A setting of other tasks.
    #[error("{place}`{key}` is no setting of {task}")]
    NotOfTask { place: Place, key: &'static str, task: &'static str },
    /// A value of the wrong type, as JSON.
    #[error("{place}invalid value {found} for `{key}`: expected {expected}")]
    Type { place: Place, key: &'static str, found: String, expected: String },
    /// A list with a piece of the wrong type, in the reference's words.
    #[error("{place}Invalid value '{piece}' in {key}.")]
    Piece { place: Place, key: &'static str, piece: String },
    /// A value outside its range, in the reference's words.
    #[error("{}{} must be {rule}.", place_unless_flag(place, key), flag(key))]
    Range { place: Place, key: &'static str, rule: &'static str },
    /// Settings that do not fit each other. The text is the reference's where it has one.
    #[error("{message}")]
    Conflict { keys: Vec<&'static str>, message: String },
    /// A configuration for no task.
    #[error("the configuration names no known task")]
    NoTask,
    /// A `--set` without `=`.
    #[error("--set {text:?} is not of the form key=value")]
    NotAnAssignment { text: String },
    /// A file that cannot be read.
    #[error(transparent)]
    File(#[from] FileError),
    /// A file that is not YAML.
    #[error("{place}{message}")]
    Syntax { place: Place, message: String },
}

/// The message names the flag already.
fn place_unless_flag(place: &Place, key: &str) -> Place {
    match place {
        Place::Flag(written) if flag(key)[2..] == *written => Place::Resolved,
        place => place.clone(),
    }
}

impl ConfigError {
    /// Of a value that is not one of a setting.
    pub(super) fn fault<T: SettingValue>(
        fault: Fault,
        key: &'static str,
        found: &serde_json::Value,
        place: &Place,
    ) -> Self {
        let place = place.clone();
        let found = if T::SECRET { "(hidden)".to_owned() } else { found.to_string() };
        match fault {
            Fault::Type => Self::Type { place, key, found, expected: T::expected() },
            Fault::Range(rule) => Self::Range { place, key, rule },
            Fault::Piece(piece) => Self::Piece { place, key, piece },
        }
    }

    /// Of settings that do not fit each other.
    pub(super) fn conflict(keys: &[&'static str], message: impl Into<String>) -> Self {
        Self::Conflict { keys: keys.to_vec(), message: message.into() }
    }

    /// The settings of which something is said, in the order of the message.
    pub fn keys(&self) -> &[&'static str] {
        match self {
            Self::NotOfTask { key, .. }
            | Self::Type { key, .. }
            | Self::Piece { key, .. }
            | Self::Range { key, .. } => std::slice::from_ref(key),
            Self::Conflict { keys, .. } => keys,
            _ => &[],
        }
    }

    /// What the user can do about it.
    pub fn help(&self) -> Option<String> {
        match self {
            Self::UnknownKey { nearest: Some(nearest), .. } => Some(format!("did you mean `{nearest}`?")),
            Self::UnknownKey { nearest: None, .. } => Some(
                "`aees train cifar100 --help` lists every setting; a file uses the same names with `_` for `-`".into(),
            ),
            Self::NotOfTask { .. } => {
                Some("leave it out; `aees train --help` says which task knows which setting".into())
            }
            Self::NotAnAssignment { .. } => Some("write for example --set lr=0.01".into()),
            _ => None,
        }
    }
}
