//! `aees slurm cancel`: ends a study's launches, and nobody else's jobs.

use std::process::ExitCode;

use aees_studies::slurm::collect::cancel;
use clap::Args;

use super::{studies, tell};
use crate::failure::Failure;
use crate::results::ResultsFlags;

/// Cancels the jobs of a study; its tasks write checkpoints, and its runs can be run again
#[derive(Args)]
pub(crate) struct SlurmCancelFlags {
    /// The study
    study: String,
    #[command(flatten)]
    results: ResultsFlags,
}

impl SlurmCancelFlags {
    pub(crate) fn run(self) -> Result<ExitCode, Failure> {
        let results = self.results.results();
        let mut registry = results.writer()?;
        for study in studies(&registry, Some(&self.study))? {
            let collected = cancel(&mut registry, &results.root, &study)?;
            tell(&study, &collected);
        }
        Ok(ExitCode::SUCCESS)
    }
}
