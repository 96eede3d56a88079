//! `aees sweep`: studies, planned, run, resumed and looked at.

mod enter;
mod execute;
mod filters;
mod hooks;
mod inputs;
mod new;
mod plan;
mod progress;
mod resources;
mod resume;
mod rounds;
mod run;
mod rungs;
mod status;

use std::process::ExitCode;

use aees_studies::study::schema;
use clap::Subcommand;

use crate::failure::Failure;
use crate::stdout;

pub(crate) use self::enter::{Consent, NamedStudy, StudyFlags, enter};
pub(crate) use self::execute::{deadline, tell_of_program, tell_reconciled};
pub(crate) use self::inputs::finder as inputs;
pub(crate) use self::plan::will_run;
pub(crate) use self::progress::SweepProgress;
pub(crate) use self::resources::{ResourceFlags, RunSlots};

/// Runs the runs of a study, each exactly once
#[derive(Subcommand)]
pub(crate) enum SweepVerb {
    Plan(plan::PlanFlags),
    Run(run::RunFlags),
    Resume(resume::ResumeFlags),
    Status(status::StatusFlags),
    Rungs(rungs::RungsFlags),
    New(new::NewFlags),
    /// Prints a JSON Schema of study files, for editors
    Schema,
}

impl SweepVerb {
    pub(crate) fn run(self) -> Result<ExitCode, Failure> {
        match self {
            Self::Plan(typed) => typed.run(),
            Self::Run(typed) => typed.run(),
            Self::Resume(typed) => typed.run(),
            Self::Status(typed) => typed.run(),
            Self::Rungs(typed) => typed.run(),
            Self::New(typed) => typed.run(),
            Self::Schema => {
                stdout::line(format_args!("{:#}", schema()));
                Ok(ExitCode::SUCCESS)
            }
        }
    }
}
