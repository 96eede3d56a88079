//! The flags of `aees replay`.

use clap::{Arg, ArgAction, Command};

use super::sources;

/// The command.
pub(super) fn command() -> Command {
    let command = Command::new("replay")
        .about("Rebuild the controllers of recorded runs and compare every decision and reward, to the last bit")
        .long_about(
            "Rebuild the controllers of recorded runs from their settings, feed them the recorded rewards, and compare \
             every pick, reward, effective count and value estimate with the record; recompute each reward from the \
             recorded ends of the smoothed loss.\n\n\
             Exit code 0: all reproduced. 2: something differs. 1: a file cannot be read.",
        );
    sources(command).arg(
        Arg::new("json")
            .long("json")
            .action(ArgAction::SetTrue)
            .help("Write one JSON list: path, method, status, episodes, reproduced, difference"),
    )
}
