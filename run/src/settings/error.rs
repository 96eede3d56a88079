//! What can be wrong with a configuration, and where.

use std::fmt;
use std::path::PathBuf;

/// Where a value was written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Place {
    /// A flag of the command line.
    Flag(String),
    /// A `--set key=value`.
    Set,
    /// A place in a file; line and column count from 1.
    File {
        /// The file.
        path: PathBuf,
        /// Its line.
        line: u64,
        /// The column in the line.
        column: u64,
    },
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
#[derive(Debug, thiserror::Error)]
pub enum ConfigError {
    /// A key that no setting has.
    #[error("{place}unknown setting `{key}`")]
    UnknownKey {
        /// Where it stands.
        place: Place,
        /// The key as written.
        key: String,
        /// The known key that looks most like it.
        nearest: Option<&'static str>,
    },
    /// A setting of other tasks.
    #[error("{place}`{key}` is no setting of {task}")]
    NotOfTask {
        /// Where it stands.
        place: Place,
        /// The key.
        key: String,
        /// The task of this run.
        task: &'static str,
    },
    /// A value of the wrong type.
    #[error("{place}invalid value {found} for `{key}`: expected {expected}")]
    Type {
        /// Where it stands.
        place: Place,
        /// The setting.
        key: &'static str,
        /// The value as written, as JSON.
        found: String,
        /// What may stand there.
        expected: String,
    },
    /// A value of the wrong type, in the reference's words.
    #[error("{place}{refusal}")]
    Refused {
        /// Where it stands.
        place: Place,
        /// What is wrong with it.
        refusal: String,
    },
    /// A value outside its range, or two that do not fit each other. The text is the reference's where it has one.
    #[error("{0}")]
    Invalid(String),
    /// A `--set` without `=`.
    #[error("--set {text:?} is not of the form key=value")]
    NotAnAssignment {
        /// What was given.
        text: String,
    },
    /// A file that cannot be read.
    #[error("cannot read the configuration file {path}: {source}", path = path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// A file that is not YAML.
    #[error("{path}:{line}:{column}: {message}", path = path.display())]
    Syntax {
        /// The file.
        path: PathBuf,
        /// The line, from 1.
        line: u64,
        /// The column, from 1.
        column: u64,
        /// What the parser says.
        message: String,
    },
}

impl ConfigError {
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
