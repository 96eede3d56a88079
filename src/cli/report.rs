//! The command line of `aees report` and `aees replay`. Each word has a file.

mod best;
mod figures;
mod html;
mod overhead;
mod replay;
mod tables;
mod tensor;

use clap::{Arg, Command};

/// `aees report`.
pub(super) fn command() -> Command {
    Command::new("report")
        .about("Tables, figures and pages from results, ours and the reference's")
        .subcommand_required(true)
        .arg_required_else_help(true)
        .subcommand(tables::command())
        .subcommand(figures::command())
        .subcommand(html::command())
        .subcommand(best::command())
        .subcommand(tensor::command())
        .subcommand(overhead::command())
}

/// `aees replay`.
pub(super) fn replay() -> Command {
    replay::command()
}

/// Where the results come from, for every word.
pub(super) fn sources(command: Command) -> Command {
    super::registry::places(command).arg(
        Arg::new("source")
            .value_name("SOURCE")
            .num_args(1..)
            .required(true)
            .help("A study, a folder that is searched for results, or result files"),
    )
}
