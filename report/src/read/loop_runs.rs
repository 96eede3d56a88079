//! The results of a loop: the runs of its baseline and of all its candidates, each once.

use std::path::Path;
use std::str::FromStr;

use aees_studies::auto_loop::{IterationRecord, LoopFolder, LoopHistory, LoopState};
use aees_studies::disk::Root;
use aees_studies::registry::RunId;

use super::source::{Listing, ReadError};

/// Lists the results of a loop's runs.
pub(super) fn find(root: &Path, name: &str, listing: &mut Listing) -> Result<(), ReadError> {
    let root = Root::new(root);
    let refused = |error: &dyn std::error::Error| ReadError::Study { name: name.into(), reason: error.to_string() };
    let folder = LoopFolder::find(&root, name).map_err(|error| refused(&error))?;
    let state = LoopState::read(&folder).map_err(|error| refused(&error))?;
    let history = LoopHistory::read(&folder, &state.history).map_err(|error| refused(&error))?;
    for IterationRecord { pairs, iteration, .. } in &history.records {
        for run in pairs.iter().flat_map(|pair| [&pair.candidate_run, &pair.incumbent_run]) {
            let Ok(run) = RunId::from_str(run) else { continue };
            let path = root.run(&run).join("result.json");
            match path.is_file() {
                true => listing.result(path, None),
                false => listing.skip(&root.run(&run), format!("a run of iteration {iteration} has no result")),
            }
        }
    }
    Ok(())
}
