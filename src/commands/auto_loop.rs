//! `aees loop`: settings that are proposed, tried against the best ones so far, and kept where that is no chance.

mod go_on;
mod propose;
mod resume;
mod start;
mod status;
mod stop;
mod telling;
mod trainer;

use std::process::ExitCode;

use aees_studies::auto_loop::{LoopFolder, LoopPlaces, proposal_schema};
use clap::Subcommand;

use crate::failure::Failure;
use crate::results::{Results, only};
use crate::stdout;

/// Tries what is proposed against the best settings so far, and goes on by itself
#[derive(Subcommand)]
#[command(after_help = "Files, proposals and the rule by which candidates are kept: docs/loop.md.")]
pub(crate) enum LoopVerb {
    Start(start::StartFlags),
    Resume(resume::LoopResumeFlags),
    Status(status::LoopStatusFlags),
    Stop(stop::LoopStopFlags),
    Propose(propose::ProposeFlags),
    /// Prints a JSON Schema of proposals
    Schema,
}

impl LoopVerb {
    pub(crate) fn run(self) -> Result<ExitCode, Failure> {
        match self {
            Self::Start(typed) => typed.run(),
            Self::Resume(typed) => typed.run(),
            Self::Status(typed) => typed.run(),
            Self::Stop(typed) => typed.run(),
            Self::Propose(typed) => typed.run(),
            Self::Schema => {
                stdout::line(format_args!("{:#}", proposal_schema()));
                Ok(ExitCode::SUCCESS)
            }
        }
    }
}

fn places(results: &Results) -> LoopPlaces {
    LoopPlaces { root: results.root.clone(), registry: results.registry.clone() }
}

/// The loop that is meant: the one that is named, or the only one.
fn meant(results: &Results, named: Option<String>) -> Result<LoopFolder, Failure> {
    let none = Failure::with_help("there is no loop here", "`aees loop start FILE` starts one");
    let name = match named {
        Some(name) => name,
        None => only(&LoopFolder::all(&results.root), "loops", none)?,
    };
    Ok(LoopFolder::find(&results.root, &name)?)
}
