//! `aees`: trains, sweeps and reports experiments in Adaptive Episodic Exploration Scheduling.

use std::process::ExitCode;

mod cli;
mod commands;
mod failure;
mod interrupt;
mod progress;
mod stdout;

fn main() -> ExitCode {
    let matches = match cli::command().try_get_matches() {
        Ok(matches) => matches,
        Err(error) => return failure::usage(&error),
    };
    let outcome = match matches.subcommand() {
        Some(("train", arguments)) => commands::train::run(arguments),
        Some(("devices", _)) => commands::devices::run(),
        // clap lets no other command through.
        _ => Ok(ExitCode::SUCCESS),
    };
    outcome.unwrap_or_else(|failure| failure.report())
}
