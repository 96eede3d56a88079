//! `aees doctor`: what this machine and this build can do for training, what stands in the way, and what to do about it.
//!
//! Each file of the folder looks at one thing and gives diagnoses; none of them changes anything, opens a socket or shows a
//! secret. What an engine knows of itself it tells through its factory, so a new engine is seen here without a line more.

mod caches;
mod devices;
mod diagnosis;
mod disk;
mod hub;
mod libraries;
mod processor;
mod program;

use std::path::PathBuf;
use std::process::ExitCode;

use serde_json::json;

use self::diagnosis::{Diagnosis, Health};
use crate::failure::{EXIT_ENVIRONMENT, Failure};
use crate::stdout;

/// Looks at program, processor, GPUs, libraries, caches, hub and disk, and says what could be better
#[derive(clap::Args)]
#[command(after_help = "Exit codes: 0 training works here, 1 something has to be put right first.")]
pub(crate) struct DoctorFlags {
    /// Folder of the Hugging Face cache, as runs take it [default: HF_HUB_CACHE, HF_HOME/hub or the usual place]
    #[arg(long, value_name = "DIR")]
    cache_dir: Option<PathBuf>,
    /// Print one JSON document on stdout
    #[arg(long)]
    json: bool,
}

impl DoctorFlags {
    /// Looks at everything and tells it.
    pub(crate) fn run(self) -> Result<ExitCode, Failure> {
        let (hub, cache) = hub::diagnoses(self.cache_dir);
        let sections = [
            ("program", program::diagnoses()),
            ("processor", processor::diagnoses()),
            ("devices", devices::diagnoses()),
            ("libraries", libraries::diagnoses()),
            ("caches", caches::diagnoses(cache.as_deref())),
            ("hub", hub),
            ("disk", disk::diagnoses(cache.as_deref())),
        ];
        let wrong = sections.iter().flat_map(|(_, found)| found).any(|found| found.health == Health::Wrong);
        match self.json {
            true => {
                let rows = sections.iter().flat_map(|(section, found)| found.iter().map(|it| it.to_json(section)));
                stdout::line(json!({"ok": !wrong, "diagnoses": rows.collect::<Vec<_>>()}));
            }
            false => sections.iter().for_each(|(section, found)| print(section, found)),
        }
        Ok(ExitCode::from(if wrong { EXIT_ENVIRONMENT } else { 0 }))
    }
}

fn print(section: &str, found: &[Diagnosis]) {
    stdout::line(section);
    let widest = found.iter().map(|diagnosis| diagnosis.subject.chars().count()).max().unwrap_or(0);
    for diagnosis in found {
        diagnosis.lines(widest).iter().for_each(stdout::line);
    }
}
