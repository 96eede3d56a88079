//! `aees registry rebuild`: the registry from what lies on the disk.

use std::process::ExitCode;

use aees_run::artifact::FileError;
use clap::ArgMatches;
use serde_json::json;

use super::Place;
use crate::failure::Failure;
use crate::stdout;
use aees_studies::disk::read_root;
use aees_studies::registry::{Registry, RegistryError, rebuild};

/// Makes the registry again, and lists what was passed over.
pub(super) fn run(arguments: &ArgMatches) -> Result<ExitCode, Failure> {
    let place = Place::of(arguments);
    refuse_what_is_not_ours(&place)?;
    let found = read_root(&place.root).map_err(|error: FileError| Failure::new(error.to_string(), error.help()))?;
    if found.studies.is_empty() && found.runs.is_empty() {
        // Most likely the wrong folder; an empty registry would take the place of a full one.
        let mut message = format!("there are no studies and no runs below {}", place.root.path().display());
        for skipped in &found.skipped {
            message.push_str(&format!("\n  {}: {}", skipped.path.display(), skipped.reason));
        }
        return Err(Failure::new(message, Some("give the folder of results with `--root DIR`".into())));
    }
    let rebuilt = rebuild(&place.registry, found.studies, found.runs)?;
    if arguments.get_flag("json") {
        let skipped: Vec<_> =
            found.skipped.iter().map(|skipped| json!({"path": skipped.path, "reason": skipped.reason})).collect();
        stdout::line(json!({
            "registry": place.registry, "studies": rebuilt.studies, "runs": rebuilt.runs, "done": rebuilt.done,
            "kept": rebuilt.kept, "skipped": skipped,
        }));
        return Ok(ExitCode::SUCCESS);
    }
    stdout::line(format!(
        "{}: {} studies, {} runs, {} of them done",
        place.registry.display(),
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

/// A newer registry holds more than this program can bring back, and another program's database is not ours to rename.
fn refuse_what_is_not_ours(place: &Place) -> Result<(), Failure> {
    if !place.registry.exists() {
        return Ok(());
    }
    match Registry::open(&place.registry) {
        Ok(_) | Err(RegistryError::Corrupt { .. }) => Ok(()),
        Err(error) => Err(error.into()),
    }
}
