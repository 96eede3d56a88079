//! `aees slurm`: the runs of a study on a cluster, to it and back.

mod cancel;
mod collect;
mod status;
mod submit;
mod sync;
mod task;

use std::process::ExitCode;

use aees_studies::registry::Reader;
use aees_studies::slurm::SlurmError;
use aees_studies::slurm::collect::Collected;
use clap::Subcommand;

use crate::failure::Failure;

/// Runs the runs of a study as array tasks of Slurm
#[derive(Subcommand)]
#[expect(clippy::large_enum_variant, reason = "one is typed")]
pub(crate) enum SlurmVerb {
    Submit(submit::SubmitFlags),
    Collect(collect::CollectFlags),
    Sync(sync::SyncFlags),
    Status(status::SlurmStatusFlags),
    Cancel(cancel::SlurmCancelFlags),
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

/// The studies that are meant: the one that is named, or all.
fn studies(reader: &Reader, named: Option<&str>) -> Result<Vec<String>, Failure> {
    let patterns: Vec<&str> = named.into_iter().collect();
    Ok(reader.status(&patterns)?.into_iter().map(|study| study.name).collect())
}

/// What was told to the registry, in a line.
fn tell(study: &str, collected: &Collected) {
    collected.warnings.iter().for_each(|warning| eprintln!("warning: {warning}"));
    let Collected { done, failed, given_back, held, .. } = collected;
    eprintln!("{study}: {done} done, {failed} failed, {given_back} given back, {held} with Slurm");
}

/// Exit codes: those of a study whose work goes on elsewhere.
const WORK_LEFT: u8 = 3;

impl From<SlurmError> for Failure {
    fn from(error: SlurmError) -> Self {
        match error.help() {
            Some(help) => Self::with_help(error.to_string(), help),
            None => Self::new(error.to_string()),
        }
    }
}
