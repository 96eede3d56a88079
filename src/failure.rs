//! The one place where errors become messages and exit codes: what, where, and what to do next.

use std::process::ExitCode;

use aees_report::{ReadError, ReportError};
use aees_run::artifact::FileError;
use aees_run::output::OutputError;
use aees_run::settings::ConfigError;
use aees_studies::SweepError;
use aees_studies::auto_loop::LoopError;
use aees_studies::background::BackgroundError;
use aees_studies::disk::RecordError;
use aees_studies::registry::RegistryError;
use aees_studies::slurm::SlurmError;
use aees_studies::study::StudyErrors;
use aees_train::session::SessionError;

use crate::hint;
use crate::stdout::{self, painted, takes_colours};

/// Wrong usage, settings, data or environment; also what was looked for and found wrong.
pub(crate) const EXIT_ENVIRONMENT: u8 = 1;
/// What was asked for is over, and some of it failed, is damaged or comes out differently.
pub(crate) const EXIT_SOME_FAILED: u8 = 2;
/// Stopped with work left.
pub(crate) const EXIT_WORK_LEFT: u8 = 3;
/// Interrupted by the user; what was done is on disk.
pub(crate) const EXIT_INTERRUPTED: u8 = 130;

/// An error on its way to the user.
#[derive(Debug)]
pub(crate) struct Failure {
    message: String,
    help: Option<String>,
}

impl Failure {
    pub(crate) fn new(message: impl Into<String>) -> Self {
        Self { message: message.into(), help: None }
    }

    pub(crate) fn with_help(message: impl Into<String>, help: impl Into<String>) -> Self {
        Self { message: message.into(), help: Some(help.into()) }
    }

    /// Prints the message to stderr.
    pub(crate) fn report(self) -> ExitCode {
        let colours = takes_colours(&std::io::stderr());
        eprintln!("{}: {}", painted("\x1b[1;31m", "error", colours), self.message);
        if let Some(help) = self.help {
            eprintln!("  {}: {}", painted("\x1b[1;36m", "help", colours), hint::completed(&help));
        }
        ExitCode::from(EXIT_ENVIRONMENT)
    }
}

/// Errors that know what the user can do.
macro_rules! with_help {
    ($($error:ty),+) => {
        $(impl From<$error> for Failure {
            fn from(error: $error) -> Self {
                Self { help: error.help(), message: error.to_string() }
            }
        })+
    };
}

/// Errors whose message says it all; a study's tells each mistake with its own way out.
macro_rules! without_help {
    ($($error:ty),+) => {
        $(impl From<$error> for Failure {
            fn from(error: $error) -> Self {
                Self::new(error.to_string())
            }
        })+
    };
}

with_help!(SessionError, FileError, SweepError, BackgroundError, ConfigError, RegistryError);
with_help!(LoopError, ReadError, ReportError, OutputError, SlurmError);
without_help!(StudyErrors, RecordError);

/// Prints what clap has to say: help and versions to stdout, mistakes to stderr.
pub(crate) fn usage(error: &clap::Error) -> ExitCode {
    let printed = error.print();
    if error.use_stderr() {
        return ExitCode::from(EXIT_ENVIRONMENT);
    }
    stdout::note(printed);
    ExitCode::SUCCESS
}
