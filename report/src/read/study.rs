//! The results of a study: by the registry, or, when that is gone, by the study's own folder.

use std::fs;
use std::path::{Path, PathBuf};

use aees_studies::disk::{PlanFile, RecordError, Root};
use aees_studies::registry::{Member, Reader, RegistryError, RunFilter, RunId, RunRow, RunState};
use aees_studies::study::StatedPurposes;

use super::source::{Listing, ReadError};

/// The results of the members that are done; what became of the others.
pub(super) fn find(root: &Path, registry: &Path, name: &str, listing: &mut Listing) -> Result<(), ReadError> {
    let root = Root::new(root);
    let why = match rows(registry, name) {
        Ok((rows, purposes)) => return by_registry(&root, name, rows, &purposes, listing),
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
            let purposes = purposes_of(&file.spec().spec_json);
            for Member { run, case, .. } in members {
                let path = result_of(&root, &run.run_id);
                listing.purpose(path.clone(), purposes.of_case(case.as_deref()));
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

fn rows(registry: &Path, name: &str) -> Result<(Vec<RunRow>, StatedPurposes), RegistryError> {
    let reader = Reader::open(registry)?;
    let rows = reader.runs(&RunFilter { study: Some(name.into()), ..RunFilter::default() })?;
    Ok((rows, purposes_of(&reader.study_spec(name)?)))
}

fn purposes_of(spec: &str) -> StatedPurposes {
    serde_json::from_str(spec).map(|spec| StatedPurposes::of_spec(&spec)).unwrap_or_default()
}

fn result_of(root: &Root, run: &RunId) -> PathBuf {
    root.run(run).join("result.json")
}

/// What the studies below a root say that their runs are for. A plan that cannot be read says nothing.
pub(super) fn purposes(root: &Path, listing: &mut Listing) {
    let root = Root::new(root);
    let newest = studies(&root).into_iter().filter_map(|name| PlanFile::newest(&root, &name).ok().flatten());
    let plans: Vec<_> = newest.map(|file| (purposes_of(&file.spec().spec_json), file)).collect();
    // Where no study says anything, long plans are not read.
    if plans.iter().all(|(purposes, _)| purposes.is_empty()) {
        return;
    }
    for (purposes, file) in plans {
        let each = |member: Member, _| {
            listing.purpose(result_of(&root, &member.run.run_id), purposes.of_case(member.case.as_deref()));
        };
        let _ = file.read(|_| true, each);
    }
}

fn by_registry(
    root: &Root,
    name: &str,
    rows: Vec<RunRow>,
    purposes: &StatedPurposes,
    listing: &mut Listing,
) -> Result<(), ReadError> {
    let total = rows.len();
    listing.expect(rows.iter().map(|row| row.seed));
    let mut waiting: Vec<(RunState, usize)> = Vec::new();
    for row in rows {
        let folder = root.run(&row.run_id);
        match (row.state, row.class) {
            (RunState::Done, _) => {
                let path = result_of(root, &row.run_id);
                listing.purpose(path.clone(), purposes.of_case(row.case.as_deref()));
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
    let pruned = waiting.iter().position(|(state, _)| *state == RunState::Pruned).map(|place| waiting.remove(place).1);
    if let Some(count) = pruned {
        listing.warnings.push(format!(
            "study {name}: {count} of {total} runs were pruned: others did better, and they were stopped before their end"
        ));
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
