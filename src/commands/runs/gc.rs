//! `aees runs gc`: frees the checkpoints of runs that are done.

use std::process::ExitCode;

use aees_studies::disk::SavedCheckpoints;
use aees_studies::registry::{RunFilter, RunState};
use clap::Args;
use serde_json::{Value, json};

use super::listing::list;
use crate::failure::Failure;
use crate::results::{ResultsFlags, study_names};
use crate::stdout;

/// Frees the checkpoints of done runs; results, metrics and logs stay
#[derive(Args)]
#[command(
    infer_long_args = true,
    after_help = "The best checkpoint of each run stays, for `aees export`, unless --best is given.\n\
                  Runs that are not done keep theirs: they go on from them."
)]
pub(crate) struct GcFlags {
    /// Of one study, or of those that a pattern means [default: all runs]
    study: Option<String>,
    /// Show what would be freed, and free nothing
    #[arg(long, short = 'n')]
    dry_run: bool,
    /// Free the best checkpoints, too
    #[arg(long)]
    best: bool,
    /// Print one JSON document on stdout
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    results: ResultsFlags,
}

pub(super) fn run(typed: &GcFlags) -> Result<ExitCode, Failure> {
    let results = typed.results.results();
    let reader = results.reader()?;
    let pattern = typed.study.as_deref();
    let filter = RunFilter { states: vec![RunState::Done], ..RunFilter::default() };
    let (mut files, mut bytes, mut freed) = (0, 0, Vec::new());
    for listed in list(&reader, &study_names(&reader, pattern)?, &filter, pattern.is_none())? {
        let found = SavedCheckpoints::of(&results.root.run(&listed.run.run_id), typed.best);
        if found.files.is_empty() {
            continue;
        }
        if !typed.dry_run {
            found.remove()?;
        }
        files += found.files.len();
        bytes += found.bytes;
        freed.push(json!({"run_id": listed.run.run_id.full(), "files": found.files, "bytes": found.bytes}));
    }
    if typed.json {
        stdout::line(json!({"dry_run": typed.dry_run, "files": files, "bytes": bytes, "runs": Value::from(freed)}));
        return Ok(ExitCode::SUCCESS);
    }
    let done = if typed.dry_run { "would be freed" } else { "freed" };
    stdout::line(format!("{files} checkpoints of {} done runs, {:.1} MB {done}", freed.len(), bytes as f64 / 1e6));
    Ok(ExitCode::SUCCESS)
}
