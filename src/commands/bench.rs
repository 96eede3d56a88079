//! `aees bench`: how fast this machine trains, what AEES adds to a step, and how PyTorch does on the same cores.
//!
//! Each verb measures one thing on made-up data unless told otherwise, so that it works anywhere; `--json` is one document
//! with the keys of the peer's script where they mean the same. `--peer PYTHON` has that Python do the same work in turn.

mod control;
mod data;
mod figures;
mod in_turn;
mod overhead;
mod peer;
mod suite;
mod timed;
mod train;
mod workload;

use std::process::ExitCode;

use clap::Subcommand;

use crate::failure::Failure;

/// Measures training steps, what AEES adds to them, data and controllers; beside PyTorch, if asked
#[derive(Subcommand)]
pub(crate) enum BenchVerb {
    Train(train::BenchTrainFlags),
    Overhead(overhead::BenchOverheadFlags),
    Data(data::BenchDataFlags),
    Control(control::BenchControlFlags),
    Suite(suite::BenchSuiteFlags),
}

impl BenchVerb {
    pub(crate) fn run(self) -> Result<ExitCode, Failure> {
        match self {
            Self::Train(typed) => typed.run()?,
            Self::Overhead(typed) => typed.run()?,
            Self::Data(typed) => typed.run()?,
            Self::Control(typed) => typed.run()?,
            Self::Suite(typed) => typed.run()?,
        }
        Ok(ExitCode::SUCCESS)
    }
}
