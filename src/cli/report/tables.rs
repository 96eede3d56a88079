//! The flags of `aees report tables`. (being written)

use clap::Command;

use super::sources;

/// The command.
pub(super) fn command() -> Command {
    sources(Command::new("tables"))
}
