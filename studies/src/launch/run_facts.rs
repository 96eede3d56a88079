//! What the disk tells of studies and runs without the registry: `identity.json` beside each result, and `resolved.json` of
//! each study. Bytes are the truth and the registry is their index, so everything it needs to be made again is here: what a
//! run is, where studies list it, and its result.
//!
//! A file is believed when its hashes agree: the identity must give the setting's id, and that with the seed the run's.
//! Writing a registry is `crate::registry::rebuild`'s.

mod result;

use std::collections::{BTreeMap, HashMap};
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use aees_run::artifact::{FileError, write_atomically};
use aees_run::identity::Id;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::Root;
use crate::registry::{Member, MembershipFacts, PlannedRun, RunFacts, RunId, StudySpec};

pub use self::result::split_metric;
pub use self::result::{ResultError, completion_of};

/// Raised when a key changes its meaning.
const SCHEMA_VERSION: u32 = 1;

/// A file that cannot be believed.
#[derive(Debug, thiserror::Error)]
pub enum FactsError {
    /// It cannot be read.
    #[error(transparent)]
    File(#[from] FileError),
    /// It is not what it should be.
    #[error("{} is damaged: {reason}", path.display())]
    Damaged {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        reason: String,
    },
}

impl FactsError {
    /// What is wrong, without the file's name.
    fn reason(&self) -> String {
        match self {
            Self::File(error) => error.source.to_string(),
            Self::Damaged { reason, .. } => format!("it is damaged: {reason}"),
        }
    }
}

/// `identity.json`.
#[derive(Serialize, Deserialize)]
struct IdentityFile {
    schema_version: u32,
    run_id: String,
    config_id: String,
    seed: i64,
    task: String,
    shape_sig: String,
    identity: Value,
}

/// `resolved.json`. Settings stand apart, since the seeds of one share it.
#[derive(Serialize, Deserialize)]
struct StudyFile {
    schema_version: u32,
    name: String,
    task: String,
    spec_sha: String,
    spec: Value,
    configs: BTreeMap<String, ConfigEntry>,
    members: Vec<MemberEntry>,
}

#[derive(Serialize, Deserialize)]
struct ConfigEntry {
    task: String,
    shape_sig: String,
    identity: Value,
}

#[derive(Serialize, Deserialize)]
struct MemberEntry {
    run_id: String,
    config_id: String,
    seed: i64,
    idx: u64,
    case: Option<String>,
    axes: Value,
}

/// What lies below a root, ready for a rebuild.
#[derive(Debug, Default)]
pub struct Found {
    /// The studies.
    pub studies: Vec<StudySpec>,
    /// The runs that have a folder or that a study lists.
    pub runs: Vec<RunFacts>,
    /// What could not be used.
    pub skipped: Vec<Skipped>,
}

/// Something on the disk that a rebuild passes over.
#[derive(Debug, PartialEq, Eq)]
pub struct Skipped {
    /// Where it is.
    pub path: PathBuf,
    /// Why it is passed over.
    pub reason: String,
}

/// Writes `identity.json` into a run's folder, which must be there.
///
/// # Errors
/// When its identity is no JSON, or the file cannot be written.
pub fn write_identity(directory: &Path, run: &PlannedRun) -> Result<(), FactsError> {
    let path = directory.join("identity.json");
    let file = IdentityFile {
        schema_version: SCHEMA_VERSION,
        run_id: run.run_id.full().into(),
        config_id: run.config_id.full().into(),
        seed: run.seed.cast_signed(),
        task: run.task.clone(),
        shape_sig: run.shape_sig.clone(),
        identity: json_text(&run.identity_json, &path)?,
    };
    write(&path, &file)
}

/// Reads `identity.json` of a run's folder; none if there is no such file.
///
/// # Errors
/// When it cannot be read, or its hashes do not agree.
pub fn read_identity(directory: &Path) -> Result<Option<PlannedRun>, FactsError> {
    let path = directory.join("identity.json");
    let Some(file) = read::<IdentityFile>(&path)? else { return Ok(None) };
    let config = ConfigEntry { task: file.task, shape_sig: file.shape_sig, identity: file.identity };
    planned(&file.run_id, &file.config_id, file.seed, &config).map(Some).map_err(|reason| damaged(&path, reason))
}

/// Writes `resolved.json` of a study with all its members, which may have no folders yet.
///
/// # Errors
/// When one of its texts is no JSON, or the file cannot be written.
pub fn write_study(root: &Root, study: &StudySpec, members: &[Member]) -> Result<(), FactsError> {
    let directory = root.study(&study.name);
    fs::create_dir_all(&directory).map_err(FileError::at("make", &directory))?;
    let path = directory.join("resolved.json");
    let mut file = StudyFile {
        schema_version: SCHEMA_VERSION,
        name: study.name.clone(),
        task: study.task.clone(),
        spec_sha: study.spec_sha.clone(),
        spec: json_text(&study.spec_json, &path)?,
        configs: BTreeMap::new(),
        members: Vec::with_capacity(members.len()),
    };
    for Member { run, index, case, axes_json } in members {
        if !file.configs.contains_key(run.config_id.full()) {
            let identity = json_text(&run.identity_json, &path)?;
            let entry = ConfigEntry { task: run.task.clone(), shape_sig: run.shape_sig.clone(), identity };
            file.configs.insert(run.config_id.full().into(), entry);
        }
        file.members.push(MemberEntry {
            run_id: run.run_id.full().into(),
            config_id: run.config_id.full().into(),
            seed: run.seed.cast_signed(),
            idx: *index,
            case: case.clone(),
            axes: json_text(axes_json, &path)?,
        });
    }
    write(&path, &file)
}

/// Reads `resolved.json` of a study's folder; none if there is no such file.
///
/// # Errors
/// When it cannot be read, or one of its members' hashes do not agree.
pub fn read_study(directory: &Path) -> Result<Option<(StudySpec, Vec<Member>)>, FactsError> {
    let path = directory.join("resolved.json");
    let Some(file) = read::<StudyFile>(&path)? else { return Ok(None) };
    let mut members = Vec::with_capacity(file.members.len());
    for entry in file.members {
        let Some(config) = file.configs.get(&entry.config_id) else {
            return Err(damaged(
                &path,
                format!("it does not hold the setting {} of run {}", entry.config_id, entry.run_id),
            ));
        };
        let run =
            planned(&entry.run_id, &entry.config_id, entry.seed, config).map_err(|reason| damaged(&path, reason))?;
        members.push(Member { run, index: entry.idx, case: entry.case, axes_json: entry.axes.to_string() });
    }
    let StudyFile { name, task, spec_sha, spec, .. } = file;
    Ok(Some((StudySpec { name, task, spec_sha, spec_json: spec.to_string() }, members)))
}

/// Everything below a root that a registry is made of. What cannot be believed is passed over and listed.
///
/// # Errors
/// When a folder cannot be listed.
pub fn read_root(root: &Root) -> Result<Found, FileError> {
    let mut found = Found::default();
    let mut runs: BTreeMap<RunId, RunFacts> = BTreeMap::new();
    for directory in folders(&root.studies())? {
        match read_study(&directory) {
            Ok(Some((study, members))) if root.study(&study.name) == directory => {
                members.into_iter().for_each(|member| enter(&mut runs, &study.name, member));
                found.studies.push(study);
            }
            Ok(Some((study, _))) => found.skip(directory, format!("its resolved.json is that of study {}", study.name)),
            Ok(None) => found.skip(directory, "there is no resolved.json in it".into()),
            Err(error) => found.skip(directory.join("resolved.json"), error.reason()),
        }
    }
    let listed: HashMap<PathBuf, PlannedRun> =
        runs.values().map(|facts| (root.run(&facts.run.run_id), facts.run.clone())).collect();
    for directory in run_folders(root)? {
        let identity = match read_identity(&directory) {
            Ok(identity) => identity,
            Err(error) => {
                // A study may know what the run is.
                found.skip(directory.join("identity.json"), error.reason());
                None
            }
        };
        let run = match identity {
            Some(run) if root.run(&run.run_id) != directory => {
                found.skip(directory, format!("its identity.json is that of run {}", run.run_id));
                continue;
            }
            Some(run) => run,
            None => match listed.get(&directory) {
                Some(run) => run.clone(),
                None => {
                    found.skip(directory, "no identity.json says what it is, and no study lists it".into());
                    continue;
                }
            },
        };
        let facts =
            runs.entry(run.run_id.clone()).or_insert_with(|| RunFacts { run, result: None, memberships: Vec::new() });
        match completion_of(&directory) {
            Ok(result) => facts.result = result,
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

impl Found {
    fn skip(&mut self, path: PathBuf, reason: String) {
        self.skipped.push(Skipped { path, reason });
    }
}

fn enter(runs: &mut BTreeMap<RunId, RunFacts>, study: &str, member: Member) {
    let Member { run, index, case, axes_json } = member;
    let place = MembershipFacts { study: study.to_owned(), index, case, axes_json };
    let new = || RunFacts { run: run.clone(), result: None, memberships: Vec::new() };
    runs.entry(run.run_id.clone()).or_insert_with(new).memberships.push(place);
}

/// The folders in a folder, in order; none if it is not there.
fn folders(path: &Path) -> Result<Vec<PathBuf>, FileError> {
    let listed = match fs::read_dir(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        listed => listed.map_err(FileError::at("list", path))?,
    };
    let mut found = Vec::new();
    for entry in listed {
        let entry = entry.map_err(FileError::at("list", path))?;
        if entry.path().is_dir() {
            found.push(entry.path());
        }
    }
    found.sort();
    Ok(found)
}

/// A run whose hashes agree.
fn planned(run_id: &str, config_id: &str, seed: i64, config: &ConfigEntry) -> Result<PlannedRun, String> {
    let hash = |value: &Value| Id::of(value).map_err(|error| error.to_string());
    if hash(&config.identity)?.full() != config_id {
        return Err(format!("the identity of run {run_id} does not hash to its setting {config_id}"));
    }
    if hash(&json!({"config_id": config_id, "seed": seed}))?.full() != run_id {
        return Err(format!("the setting {config_id} with seed {seed} is not run {run_id}"));
    }
    Ok(PlannedRun {
        run_id: run_id.parse().map_err(|error: crate::registry::RegistryError| error.to_string())?,
        config_id: config_id.parse().map_err(|error: crate::registry::RegistryError| error.to_string())?,
        seed: seed.cast_unsigned(),
        task: config.task.clone(),
        shape_sig: config.shape_sig.clone(),
        identity_json: config.identity.to_string(),
    })
}

fn json_text(text: &str, path: &Path) -> Result<Value, FactsError> {
    serde_json::from_str(text).map_err(|error| damaged(path, format!("`{text}` is no JSON: {error}")))
}

fn damaged(path: &Path, reason: String) -> FactsError {
    FactsError::Damaged { path: path.to_owned(), reason }
}

fn write(path: &Path, value: &impl Serialize) -> Result<(), FactsError> {
    Ok(write_atomically(path, |out| {
        serde_json::to_writer_pretty(&mut *out, value)?;
        out.write_all(b"\n")
    })?)
}

fn read<T: for<'de> Deserialize<'de>>(path: &Path) -> Result<Option<T>, FactsError> {
    let bytes = match fs::read(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        bytes => bytes.map_err(FileError::at("read", path))?,
    };
    serde_json::from_slice(&bytes).map(Some).map_err(|error| damaged(path, error.to_string()))
}
