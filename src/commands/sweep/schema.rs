//! `aees sweep schema`: what an editor needs to complete study files and to mark mistakes in them.

use std::process::ExitCode;

use aees_studies::study::schema;

use crate::stdout;

pub(super) fn print() -> ExitCode {
    stdout::line(format!("{:#}", schema()));
    ExitCode::SUCCESS
}
