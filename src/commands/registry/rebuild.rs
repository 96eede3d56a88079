//! `aees registry rebuild`: the registry from what lies on the disk.

use std::process::ExitCode;

use clap::Args;
use serde_json::json;

use crate::failure::Failure;
use crate::hint;
use crate::results::{Results, ResultsFlags};
use crate::stdout;
use aees_studies::disk::{RootContents, Skipped, read_root};
use aees_studies::registry::{Reader, Registry, RegistryError, rebuild};

/// Makes the registry again from the folders of studies and runs
#[derive(Args)]
#[command(
    infer_long_args = true,
    after_help = "The older file keeps its bytes under another name. What only the registry knew is lost: attempts and their \
                  costs, events, withdrawals, and why a run without a result has none; such runs are pending again."
)]
pub(crate) struct RebuildFlags {
    #[command(flatten)]
    results: ResultsFlags,
    /// Print one JSON document on stdout
    #[arg(long)]
    json: bool,
}

/// Lists what was passed over.
pub(super) fn run(typed: &RebuildFlags) -> Result<ExitCode, Failure> {
    let results = typed.results.results();
    refuse_what_is_not_ours(&results)?;
    let mut found = read_root(&results.root)?;
    doubt_changed_results(&results, &mut found);
    if found.studies.is_empty() && found.runs.is_empty() {
        // Most likely the wrong folder; an empty registry would take the place of a full one.
        let mut message = format!("there are no studies and no runs below {}", results.root.path().display());
        for skipped in &found.skipped {
            message.push_str(&format!("\n  {}: {}", skipped.path.display(), skipped.reason));
        }
        return Err(Failure::with_help(message, "give the folder of results with `--root DIR`"));
    }
    let rebuilt = rebuild(&results.registry, found.studies, found.runs)?;
    if typed.json {
        stdout::line(json!({
            "registry": results.registry, "studies": rebuilt.studies, "runs": rebuilt.runs, "done": rebuilt.done,
            "kept": rebuilt.kept, "skipped": found.skipped,
        }));
        return Ok(ExitCode::SUCCESS);
    }
    stdout::line(format!(
        "{}: {} studies, {} runs, {} of them done",
        results.registry.display(),
        rebuilt.studies,
        rebuilt.runs,
        rebuilt.done
    ));
    if let Some(kept) = rebuilt.kept {
        stdout::line(format!("the older file is {}", kept.display()));
    }
    for skipped in &found.skipped {
        stdout::line(format!("skipped {}: {}", skipped.path.display(), skipped.reason));
    }
    Ok(ExitCode::SUCCESS)
}

/// The older registry, where it can still be read, knows which results were accepted. Another one is entered and withdrawn: it
/// is never taken silently.
fn doubt_changed_results(results: &Results, found: &mut RootContents) {
    let Ok(accepted) = Reader::open(&results.registry).and_then(|reader| reader.accepted_results()) else { return };
    for facts in &mut found.runs {
        let (Some(accepted), Some(result)) = (accepted.get(&facts.run.run_id), &facts.result) else { continue };
        if accepted.as_ref() != Some(&result.result_sha) {
            let path = results.root.run(&facts.run.run_id).join("result.json");
            let again = hint::completed("`aees runs retry RUN` repeats it");
            let reason = format!("it is not the result that was accepted; its run is invalid until {again}");
            found.skipped.push(Skipped { path, reason });
            facts.doubt = Some("its result is not the one that was accepted".into());
        }
    }
}

/// A newer registry holds more than this program can bring back, and another program's database is not ours to rename.
fn refuse_what_is_not_ours(results: &Results) -> Result<(), Failure> {
    if !results.registry.exists() {
        return Ok(());
    }
    match Registry::open(&results.registry) {
        Ok(_) | Err(RegistryError::Corrupt { .. }) => Ok(()),
        Err(error) => Err(error.into()),
    }
}
