//! `aees slurm`: the runs of a study on a cluster, to it and back.

mod collect;
mod status;
mod submit;
mod task;

use std::process::ExitCode;

use aees_studies::slurm::collect::Collected;
use clap::Subcommand;

use crate::failure::Failure;

/// Runs the runs of a study as array tasks of Slurm
#[derive(Subcommand)]
#[expect(clippy::large_enum_variant, reason = "one is typed")]
pub(crate) enum SlurmVerb {
    Submit(submit::SubmitFlags),
    Collect(collect::CollectFlags),
    Sync(collect::SyncFlags),
    Status(status::SlurmStatusFlags),
    Cancel(collect::SlurmCancelFlags),
    Task(task::TaskFlags),
}

impl SlurmVerb {
    pub(crate) fn run(self) -> Result<ExitCode, Failure> {
        match self {
            Self::Submit(typed) => typed.run(),
            Self::Collect(typed) => typed.run(),
            Self::Sync(typed) => typed.run(),
            Self::Status(typed) => typed.run(),
            Self::Cancel(typed) => typed.run(),
            Self::Task(typed) => typed.run(),
        }
    }
}

/// What was told to the registry, in a line.
fn tell(study: &str, collected: &Collected) {
    collected.warnings.iter().for_each(|warning| eprintln!("warning: {warning}"));
    let Collected { done, failed, given_back, held, .. } = collected;
    eprintln!("{study}: {done} done, {failed} failed, {given_back} given back, {held} with Slurm");
}
