//! `aees slurm sync`: collects, and gives back what dead tasks held.

use std::process::ExitCode;

use aees_studies::slurm::collect::sync;
use clap::Args;

use super::{studies, tell};
use crate::failure::Failure;
use crate::results::ResultsFlags;

/// Asks Slurm which tasks are dead, and gives back the runs that they held
#[derive(Args)]
pub(crate) struct SyncFlags {
    /// The study; all of them when not given
    study: Option<String>,
    #[command(flatten)]
    results: ResultsFlags,
}

impl SyncFlags {
    pub(crate) fn run(self) -> Result<ExitCode, Failure> {
        let results = self.results.results();
        let mut registry = results.writer()?;
        for study in studies(&registry, self.study.as_deref())? {
            let collected = sync(&mut registry, &results.root, &study)?;
            tell(&study, &collected);
        }
        Ok(ExitCode::SUCCESS)
    }
}
