//! `aees registry`: makes the registry again, and holds it against the disk.

mod check;
mod rebuild;

use std::process::ExitCode;

use clap::Subcommand;

use crate::failure::Failure;

/// Care for the registry of runs
#[derive(Subcommand)]
pub(crate) enum RegistryVerb {
    Rebuild(rebuild::RebuildFlags),
    Check(check::CheckFlags),
}

impl RegistryVerb {
    pub(crate) fn run(self) -> Result<ExitCode, Failure> {
        match self {
            Self::Rebuild(typed) => rebuild::run(&typed),
            Self::Check(typed) => check::run(&typed),
        }
    }
}
