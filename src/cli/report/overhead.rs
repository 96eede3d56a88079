//! The flags of `aees report overhead`.

use clap::{Arg, Command};

use super::sources;

const PROTOCOL: &str = "\
Seconds of a run: the mean of its epochs without the first, evaluation included. Several results of one seed are repeats. \
Percent: over the plain baseline of the same task, optimizer, model, batch, data limits and machine; its 95 % interval is \
Student's, of the logarithm of the ratio over repeats (Welch's degrees of freedom). Time with nothing else on the machine.";

/// The command.
pub(super) fn command() -> Command {
    sources(Command::new("overhead"))
        .about("What each method costs in time over the plain baseline")
        .after_help(PROTOCOL)
        .arg(
            Arg::new("format")
                .long("format")
                .value_name("FORMAT")
                .value_parser(["markdown", "csv", "json"])
                .default_value("markdown")
                .help("How to print the table"),
        )
}
