//! The flags of `aees report html`. (being written)

use clap::Command;

use super::sources;

/// The command.
pub(super) fn command() -> Command {
    sources(Command::new("html"))
}
