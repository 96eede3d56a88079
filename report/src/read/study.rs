//! The results of a study: by the registry, or, when that is gone, by the study's own folder.

use std::fs;
use std::path::Path;

use aees_studies::disk::{PlanFile, RecordError, Root};
use aees_studies::registry::{Member, Reader, RegistryError, RunFilter, RunRow, RunState};

use super::source::{Listing, ReadError};

/// The results of the members that are done; what became of the others.
pub(super) fn find(root: &Path, registry: &Path, name: &str, listing: &mut Listing) -> Result<(), ReadError> {
    let root = Root::new(root);
    let why = match rows(registry, name) {
        Ok(rows) => return by_registry(&root, name, rows, listing),
        Err(error @ RegistryError::Missing { .. }) => error.to_string(),
        Err(RegistryError::UnknownStudy { .. }) => format!("{} does not know it", registry.display()),
        Err(error) => error.to_string(),
    };
    match planned(&root, name) {
        Ok(Some((file, members))) => {
            listing.warnings.push(format!("study {name}: {why}; its runs are those of {}", file.path().display()));
            listing.expect(members.iter().map(|member| member.run.seed));
            let total = members.len();
            let mut without = 0;
            for Member { run, case, .. } in members {
                let path = root.run(&run.run_id).join("result.json");
                if path.is_file() { listing.result(path, case) } else { without += 1 }
            }
            if without > 0 {
                listing.warnings.push(format!("study {name}: {without} of {total} runs have no result"));
            }
            Ok(())
        }
        Ok(None) => {
            Err(ReadError::UnknownStudy { name: name.into(), registry: registry.into(), known: studies(&root) })
        }
        Err(error) => Err(ReadError::Study { name: name.into(), reason: format!("{why}, and {error}") }),
    }
}

/// The newest plan of a study, and its runs.
fn planned(root: &Root, name: &str) -> Result<Option<(PlanFile, Vec<Member>)>, RecordError> {
    let Some(file) = PlanFile::newest(root, name)? else { return Ok(None) };
    let mut members = Vec::new();
    file.read(|_| true, |member, _| members.push(member))?;
    Ok(Some((file, members)))
}

fn rows(registry: &Path, name: &str) -> Result<Vec<RunRow>, RegistryError> {
    Reader::open(registry)?.runs(&RunFilter { study: Some(name.into()), ..RunFilter::default() })
}

fn by_registry(root: &Root, name: &str, rows: Vec<RunRow>, listing: &mut Listing) -> Result<(), ReadError> {
    let total = rows.len();
    listing.expect(rows.iter().map(|row| row.seed));
    let mut waiting: Vec<(RunState, usize)> = Vec::new();
    for row in rows {
        let folder = root.run(&row.run_id);
        match (row.state, row.class) {
            (RunState::Done, _) => {
                let path = folder.join("result.json");
                match path.is_file() {
                    true => listing.result(path, row.case),
                    false => listing.skip(&path, "the registry says that the run is done, but its result is gone"),
                }
            }
            (state, Some(class)) => {
                let error = row.error.as_deref().and_then(|error| error.lines().next()).unwrap_or("no message");
                listing.skip(&folder, format!("the run is {state}: {class}: {error}"));
            }
            (state, None) => match waiting.iter_mut().find(|(known, _)| *known == state) {
                Some((_, count)) => *count += 1,
                None => waiting.push((state, 1)),
            },
        }
    }
    if !waiting.is_empty() {
        let counts = waiting.iter().map(|(state, count)| format!("{count} {state}")).collect::<Vec<_>>();
        listing.warnings.push(format!("study {name}: of {total} runs {} have no result yet", counts.join(", ")));
    }
    Ok(())
}

/// The studies that have a folder.
fn studies(root: &Root) -> Vec<String> {
    let entries = fs::read_dir(root.studies()).into_iter().flatten().flatten();
    let folders = entries.filter(|entry| entry.path().is_dir());
    let mut names: Vec<String> = folders.map(|entry| entry.file_name().to_string_lossy().into_owned()).collect();
    names.sort();
    names
}
