//! `aees sweep`: studies, planned, run, resumed and looked at.

mod execute;
mod filters;
mod inputs;
mod plan;
mod progress;
mod resume;
mod run;
mod status;

use std::process::ExitCode;

use clap::Subcommand;

use crate::failure::Failure;

/// Runs the runs of a study, each exactly once
#[derive(Subcommand)]
pub(crate) enum SweepVerb {
    Plan(plan::PlanFlags),
    Run(run::RunFlags),
    Resume(resume::ResumeFlags),
    Status(status::StatusFlags),
}

impl SweepVerb {
    pub(crate) fn run(self) -> Result<ExitCode, Failure> {
        match self {
            Self::Plan(typed) => typed.run(),
            Self::Run(typed) => typed.run(),
            Self::Resume(typed) => typed.run(),
            Self::Status(typed) => typed.run(),
        }
    }
}
