//! Everything below a root that a registry is made of, read from the folders of studies and runs.

use std::collections::{BTreeMap, HashMap};
use std::path::{Path, PathBuf};

use aees_run::artifact::FileError;
use serde::Serialize;

use super::error::RecordError;
use super::listed::listed;
use super::plan_file::PlanFile;
use super::records::read_identity;
use super::result::completion_of;
use super::root::Root;
use crate::registry::{Member, MemberOnDisk, PlannedRun, RunId, RunOnDisk, StudySpec};

/// What lies below a root, ready for a rebuild.
#[derive(Debug, Default)]
pub struct RootContents {
    /// What studies were planned as.
    pub studies: Vec<StudySpec>,
    /// The runs that have a folder or that a study lists.
    pub runs: Vec<RunOnDisk>,
    /// What could not be used.
    pub skipped: Vec<Skipped>,
}

/// Something on the disk that a rebuild passes over.
#[derive(Debug, PartialEq, Eq, Serialize)]
pub struct Skipped {
    /// Where it is.
    pub path: PathBuf,
    /// Why it is passed over.
    pub reason: String,
}

/// Everything below a root that a registry is made of. What cannot be believed is passed over and listed.
///
/// # Errors
/// When a folder cannot be listed.
pub fn read_root(root: &Root) -> Result<RootContents, FileError> {
    let mut found = RootContents::default();
    let mut runs: BTreeMap<RunId, RunOnDisk> = BTreeMap::new();
    for directory in folders(&root.studies())? {
        let name = directory.file_name().unwrap_or_default().to_string_lossy().into_owned();
        match read_plan(root, &name, &mut runs) {
            Ok(Some(study)) if study.name == name => found.studies.push(study),
            Ok(Some(study)) => found.skip(directory, format!("its plan is that of study {}", study.name)),
            Ok(None) => found.skip(directory, "there is no plan in it".into()),
            Err(error) => found.skip(directory, error.reason()),
        }
    }
    let planned: HashMap<PathBuf, PlannedRun> =
        runs.values().map(|on_disk| (root.run(&on_disk.run.run_id), on_disk.run.clone())).collect();
    for directory in run_folders(root)? {
        let identity = read_identity(&directory).unwrap_or_else(|error| {
            // A study may know what the run is.
            found.skip(directory.join("identity.json"), error.reason());
            None
        });
        let Some(run) = identity.or_else(|| planned.get(&directory).cloned()) else {
            found.skip(directory, "no identity.json says what it is, and no study lists it".into());
            continue;
        };
        if root.run(&run.run_id) != directory {
            found.skip(directory, format!("its identity.json is that of run {}", run.run_id));
            continue;
        }
        let on_disk = entry(&mut runs, run);
        match completion_of(&directory) {
            Ok(result) => on_disk.result = result,
            Err(error) => found.skip(
                directory.join("result.json"),
                format!("{}; the run is entered without a result", error.reason()),
            ),
        }
    }
    found.runs = runs.into_values().collect();
    Ok(found)
}

/// The folders of runs below a root, in order.
///
/// # Errors
/// When a folder cannot be listed.
pub fn run_folders(root: &Root) -> Result<Vec<PathBuf>, FileError> {
    let mut all = Vec::new();
    for beginning in folders(&root.runs())? {
        all.extend(folders(&beginning)?);
    }
    Ok(all)
}

impl RootContents {
    fn skip(&mut self, path: PathBuf, reason: String) {
        self.skipped.push(Skipped { path, reason });
    }
}

/// The runs of the newest plan of a study, and the numbers of those that it had before.
fn read_plan(root: &Root, name: &str, runs: &mut BTreeMap<RunId, RunOnDisk>) -> Result<Option<StudySpec>, RecordError> {
    let Some(file) = PlanFile::newest(root, name)? else { return Ok(None) };
    let spec = file.spec();
    if spec.name != name {
        return Ok(Some(spec));
    }
    let mut members = Vec::new();
    file.read(|_| true, |member, _| members.push(member))?;
    for Member { run, index, case, axes_json, race } in members {
        let place = MemberOnDisk { study: name.to_owned(), index, case, axes_json, race, listed: true };
        entry(runs, run).memberships.push(place);
    }
    for (run, index) in file.former()? {
        // What it is, its own folder says.
        let axes_json = "{}".to_owned();
        let place = MemberOnDisk { study: name.to_owned(), index, case: None, axes_json, race: None, listed: false };
        if let Some(run) = read_identity(&root.run(&run))? {
            entry(runs, run).memberships.push(place);
        }
    }
    Ok(Some(spec))
}

/// What is known of a run so far.
fn entry(runs: &mut BTreeMap<RunId, RunOnDisk>, run: PlannedRun) -> &mut RunOnDisk {
    let id = run.run_id.clone();
    runs.entry(id).or_insert_with(|| RunOnDisk { run, result: None, doubt: None, memberships: Vec::new() })
}

/// The folders in a folder, in order; none if it is not there.
fn folders(path: &Path) -> Result<Vec<PathBuf>, FileError> {
    let mut found = listed(path)?;
    found.retain(|path| path.is_dir());
    Ok(found)
}
