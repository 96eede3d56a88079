//! The program: command line, progress, messages, exit codes, and the worker. The rooms below do the work.

#![warn(missing_docs)]

mod cli;
mod commands;
mod failure;
mod interrupt;
mod progress;
mod stdout;

use std::ffi::OsString;
use std::process::ExitCode;

use crate::failure::Failure;

/// Runs the command line of this process.
pub fn main() -> ExitCode {
    let (arguments, detached) = match aees_studies::background::become_detached(std::env::args_os()) {
        Ok(started) => started,
        Err(error) => return Failure::from(error).report(),
    };
    let exit = run(arguments);
    if let Some(detached) = detached {
        detached.record_end(exit);
    }
    exit
}

fn run(arguments: Vec<OsString>) -> ExitCode {
    let matches = match cli::command().try_get_matches_from(arguments) {
        Ok(matches) => matches,
        Err(error) => return failure::usage(&error),
    };
    let outcome = match matches.subcommand() {
        Some(("train", arguments)) => commands::train::run(arguments),
        Some(("pretokenize", arguments)) => commands::pretokenize::run(arguments),
        Some(("data", arguments)) => commands::data::run(arguments),
        Some(("export", arguments)) => commands::export::run(arguments),
        Some(("sweep", arguments)) => commands::sweep::run(arguments),
        Some(("worker", arguments)) => commands::worker::run(arguments),
        Some(("runs", arguments)) => commands::runs::run(arguments),
        Some(("report", arguments)) => commands::report::run(arguments),
        Some(("replay", arguments)) => commands::report::replay::run(arguments),
        Some(("registry", arguments)) => commands::registry::run(arguments),
        Some(("devices", _)) => commands::devices::run(),
        // clap lets no other command through.
        _ => Ok(ExitCode::SUCCESS),
    };
    outcome.unwrap_or_else(|failure| failure.report())
}
