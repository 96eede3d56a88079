//! The flags of `aees report html`.

use std::path::PathBuf;

use clap::{Arg, Command, value_parser};

use super::sources;

/// The command.
pub(super) fn command() -> Command {
    sources(Command::new("html"))
        .about("One self-contained page: what was asked, runs, figures, best settings, failures, commands, versions")
        .after_help(
            "The page opens from disk and asks no network for anything. Name a study to have its failed and missing \
                     runs on it; a folder of results has none.",
        )
        .arg(
            Arg::new("out")
                .long("out")
                .value_name("PAGE.html")
                .required(true)
                .value_parser(value_parser!(PathBuf))
                .help("The file to write"),
        )
        .arg(
            Arg::new("metric")
                .long("metric")
                .value_name("NAME")
                .help("The metric of the table and of the best settings [default: the study's, or val_accuracy]"),
        )
}
