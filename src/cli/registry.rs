//! `aees registry`, and the two flags of every command that reads a registry.

use clap::Command;

use super::{path, switch};

/// `aees registry`.
pub(super) fn command() -> Command {
    let rebuild = Command::new("rebuild")
        .about("Makes the registry again from the folders of studies and runs")
        .after_help(
            "The older file keeps its bytes under another name. What only the registry knew is lost: attempts and their \
             costs, events, withdrawals, and why a run without a result has none; such runs are pending again.",
        );
    let check = Command::new("check")
        .about("Holds the registry against what lies on disk, and says what mends each difference")
        .after_help("Exit codes: 0 nothing is wrong, 1 something is.");
    Command::new("registry")
        .about("Care for the registry of runs")
        .subcommand_required(true)
        .arg_required_else_help(true)
        .subcommands([rebuild, check].map(|command| {
            places(command.infer_long_args(true)).arg(switch("json", "Print one JSON document on stdout"))
        }))
}

/// `--root` and `--registry`.
pub(crate) fn places(command: Command) -> Command {
    command
        .arg(path("root", "DIR", "The folder of studies, runs and their registry").default_value("results"))
        .arg(path("registry", "FILE", "The registry, if it lies elsewhere [default: ROOT/registry.db]"))
}
