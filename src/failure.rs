//! The one place where errors become messages and exit codes: what, where, and what to do next.

use std::io::IsTerminal;
use std::process::ExitCode;

use aees_run::artifact::FileError;
use aees_run::settings::ConfigError;
use aees_train::session::SessionError;

use aees_studies::SweepError;
use aees_studies::background::BackgroundError;
use aees_studies::disk::RecordError;
use aees_studies::study::StudyErrors;

/// Wrong usage, settings, data or environment.
const EXIT_ENVIRONMENT: u8 = 1;
/// Interrupted by the user; what was done is on disk.
pub(crate) const EXIT_INTERRUPTED: u8 = 130;

/// An error on its way to the user.
#[derive(Debug)]
pub(crate) struct Failure {
    message: String,
    help: Option<String>,
}

impl Failure {
    pub(crate) fn new(message: impl Into<String>, help: Option<String>) -> Self {
        Self { message: message.into(), help }
    }

    /// Prints the message to stderr.
    pub(crate) fn report(self) -> ExitCode {
        let (red, cyan, plain) = colours();
        eprintln!("{red}error{plain}: {}", self.message);
        if let Some(help) = self.help {
            eprintln!("  {cyan}help{plain}: {help}");
        }
        ExitCode::from(EXIT_ENVIRONMENT)
    }
}

impl From<SessionError> for Failure {
    fn from(error: SessionError) -> Self {
        Self { help: error.help(), message: error.to_string() }
    }
}

/// All that is wrong with a study, one after the other, each with its own way out.
impl From<StudyErrors> for Failure {
    fn from(errors: StudyErrors) -> Self {
        Self { message: errors.to_string(), help: None }
    }
}

impl From<FileError> for Failure {
    fn from(error: FileError) -> Self {
        Self { help: error.help(), message: error.to_string() }
    }
}

impl From<SweepError> for Failure {
    fn from(error: SweepError) -> Self {
        Self { help: error.help(), message: error.to_string() }
    }
}

impl From<BackgroundError> for Failure {
    fn from(error: BackgroundError) -> Self {
        Self { help: error.help(), message: error.to_string() }
    }
}

impl From<RecordError> for Failure {
    fn from(error: RecordError) -> Self {
        Self { help: None, message: error.to_string() }
    }
}

impl From<ConfigError> for Failure {
    fn from(error: ConfigError) -> Self {
        Self { help: error.help(), message: error.to_string() }
    }
}

/// Prints what clap has to say: help and versions to stdout, mistakes to stderr.
pub(crate) fn usage(error: &clap::Error) -> ExitCode {
    // A closed pipe is the reader's choice.
    let _ = error.print();
    if error.use_stderr() { ExitCode::from(EXIT_ENVIRONMENT) } else { ExitCode::SUCCESS }
}

fn colours() -> (&'static str, &'static str, &'static str) {
    if std::io::stderr().is_terminal() && std::env::var_os("NO_COLOR").is_none() {
        ("\x1b[1;31m", "\x1b[1;36m", "\x1b[0m")
    } else {
        ("", "", "")
    }
}
