//! `aees report best`. (being written)

use std::process::ExitCode;

use clap::ArgMatches;

use crate::failure::Failure;

/// Runs it.
pub(crate) fn run(_arguments: &ArgMatches) -> Result<ExitCode, Failure> {
    Ok(ExitCode::SUCCESS)
}
