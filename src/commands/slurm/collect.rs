//! `aees slurm collect`, `sync` and `cancel`: what tasks left on the disk, told to the registry; what dead ones held, given back;
//! and the end of a study's launches.

use std::path::Path;
use std::process::ExitCode;

use aees_studies::registry::{Registry, RegistryError};
use aees_studies::slurm::collect::{cancel, collect, sync};
use aees_studies::supervisor::reconcile;
use clap::Args;

use super::tell;
use crate::commands::sweep::tell_reconciled;
use crate::failure::Failure;
use crate::results::{ResultsFlags, study_names};

/// Takes the results of tasks into the registry; at any time, as often as you like
#[derive(Args)]
pub(crate) struct CollectFlags {
    /// The study; all of them when not given
    study: Option<String>,
    /// Do nothing where the registry cannot be written: it may be another machine's
    #[arg(long, hide = true)]
    if_reachable: bool,
    #[command(flatten)]
    results: ResultsFlags,
}

/// Asks Slurm which tasks are dead, and gives back the runs that they held
#[derive(Args)]
pub(crate) struct SyncFlags {
    /// The study; all of them when not given
    study: Option<String>,
    #[command(flatten)]
    results: ResultsFlags,
}

/// Cancels the jobs of a study; its tasks write checkpoints, and its runs can be run again
#[derive(Args)]
pub(crate) struct SlurmCancelFlags {
    /// The study
    study: String,
    #[command(flatten)]
    results: ResultsFlags,
}

impl CollectFlags {
    pub(crate) fn run(self) -> Result<ExitCode, Failure> {
        let results = self.results.results();
        if self.if_reachable && !reachable(&results.registry) {
            eprintln!("the registry {} is not to be written from here", results.registry.display());
            eprintln!("collect where it is: aees slurm collect{}", results.root_flag());
            return Ok(ExitCode::SUCCESS);
        }
        let mut registry = results.writer()?;
        for study in study_names(&registry, self.study.as_deref())? {
            let collected = collect(&mut registry, &results.root, &study)?;
            tell_reconciled(&reconcile(&mut registry, &results.root, &study)?, &results.flags);
            tell(&study, &collected);
        }
        Ok(ExitCode::SUCCESS)
    }
}

impl SyncFlags {
    pub(crate) fn run(self) -> Result<ExitCode, Failure> {
        let results = self.results.results();
        let mut registry = results.writer()?;
        for study in study_names(&registry, self.study.as_deref())? {
            tell(&study, &sync(&mut registry, &results.root, &study)?);
        }
        Ok(ExitCode::SUCCESS)
    }
}

impl SlurmCancelFlags {
    pub(crate) fn run(self) -> Result<ExitCode, Failure> {
        let results = self.results.results();
        let mut registry = results.writer()?;
        for study in study_names(&registry, Some(&self.study))? {
            tell(&study, &cancel(&mut registry, &results.root, &study)?);
        }
        Ok(ExitCode::SUCCESS)
    }
}

/// Whether the registry is here, on a disk whose locks hold.
fn reachable(path: &Path) -> bool {
    path.is_file() && !matches!(Registry::open(path), Err(RegistryError::NetworkFileSystem { .. }))
}
