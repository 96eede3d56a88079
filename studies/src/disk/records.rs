//! `identity.json` of each run, and `resolved.json` of each study: what a run is, and where studies list it.
//!
//! A file is believed when its hashes agree: the identity must give the setting's id, and that with the seed the run's.

use std::collections::BTreeMap;
use std::fs;
use std::io;
use std::path::Path;

use aees_run::artifact::{FileError, write_atomically};
use aees_run::identity::Id;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::error::RecordError;
use super::root::Root;
use crate::registry::{Member, PlannedRun, StudySpec};

/// Raised when a key changes its meaning.
const SCHEMA_VERSION: u32 = 1;

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

/// Writes `identity.json` into a run's folder, which must be there.
///
/// # Errors
/// When its identity is no JSON, or the file cannot be written.
pub fn write_identity(directory: &Path, run: &PlannedRun) -> Result<(), RecordError> {
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
    Ok(write_json(&path, &file)?)
}

/// Reads `identity.json` of a run's folder; none if there is no such file.
///
/// # Errors
/// When it cannot be read, or its hashes do not agree.
pub(super) fn read_identity(directory: &Path) -> Result<Option<PlannedRun>, RecordError> {
    let path = directory.join("identity.json");
    let Some(file) = read::<IdentityFile>(&path)? else { return Ok(None) };
    let config = ConfigEntry { task: file.task, shape_sig: file.shape_sig, identity: file.identity };
    planned(&file.run_id, &file.config_id, file.seed, &config)
        .map(Some)
        .map_err(|reason| RecordError::damaged(&path, reason))
}

/// Writes `resolved.json` of a study with all its members, which may have no folders yet.
///
/// # Errors
/// When one of its texts is no JSON, or the file cannot be written.
pub fn write_study(root: &Root, study: &StudySpec, members: &[Member]) -> Result<(), RecordError> {
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
    Ok(write_json(&path, &file)?)
}

/// Reads `resolved.json` of a study's folder; none if there is no such file.
///
/// # Errors
/// When it cannot be read, or one of its members' hashes do not agree.
pub fn read_study(directory: &Path) -> Result<Option<(StudySpec, Vec<Member>)>, RecordError> {
    let path = directory.join("resolved.json");
    let Some(file) = read::<StudyFile>(&path)? else { return Ok(None) };
    let mut members = Vec::with_capacity(file.members.len());
    for entry in file.members {
        let Some(config) = file.configs.get(&entry.config_id) else {
            return Err(RecordError::damaged(
                &path,
                format!("it does not hold the setting {} of run {}", entry.config_id, entry.run_id),
            ));
        };
        let run = planned(&entry.run_id, &entry.config_id, entry.seed, config)
            .map_err(|reason| RecordError::damaged(&path, reason))?;
        members.push(Member { run, index: entry.idx, case: entry.case, axes_json: entry.axes.to_string() });
    }
    let StudyFile { name, task, spec_sha, spec, .. } = file;
    Ok(Some((StudySpec { name, task, spec_sha, spec_json: spec.to_string() }, members)))
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

fn json_text(text: &str, path: &Path) -> Result<Value, RecordError> {
    serde_json::from_str(text).map_err(|error| RecordError::damaged(path, format!("`{text}` is no JSON: {error}")))
}

/// Writes a JSON file, whole or not at all.
pub(crate) fn write_json(path: &Path, value: &impl Serialize) -> Result<(), FileError> {
    write_atomically(path, |out| {
        serde_json::to_writer_pretty(&mut *out, value)?;
        out.write_all(b"\n")
    })
}

fn read<T: for<'de> Deserialize<'de>>(path: &Path) -> Result<Option<T>, RecordError> {
    let bytes = match fs::read(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        bytes => bytes.map_err(FileError::at("read", path))?,
    };
    serde_json::from_slice(&bytes).map(Some).map_err(|error| RecordError::damaged(path, error))
}
