//! `identity.json` of each run: what it is.
//!
//! A file is believed when its hashes agree: the identity must give the setting's id, and that with the seed the run's.

use std::fs;
use std::path::Path;

use aees_run::artifact::{FileError, if_there, write_atomically};
use aees_run::identity::RunIdentity;
use aees_run::input;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::error::RecordError;
use crate::registry::PlannedRun;

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

/// What the seeds of a setting share.
#[derive(Serialize, Deserialize)]
pub(super) struct ConfigEntry {
    pub(super) task: String,
    pub(super) shape_sig: String,
    pub(super) identity: Value,
}

/// Writes `identity.json` into a run's folder, which must be there.
///
/// # Errors
/// When its identity is no JSON, or the file cannot be written.
pub fn write_identity(directory: &Path, run: &PlannedRun) -> Result<(), RecordError> {
    let path = directory.join("identity.json");
    Ok(write_json(&path, &identity_file(run, &path)?)?)
}

/// What `identity.json` of a run says, for whoever writes it later.
///
/// # Errors
/// When its identity is no JSON.
pub(crate) fn identity_document(run: &PlannedRun) -> Result<Value, RecordError> {
    let path = Path::new("identity.json");
    serde_json::to_value(identity_file(run, path)?).map_err(|error| RecordError::damaged(path, error))
}

fn identity_file(run: &PlannedRun, path: &Path) -> Result<IdentityFile, RecordError> {
    Ok(IdentityFile {
        schema_version: SCHEMA_VERSION,
        run_id: run.run_id.full().into(),
        config_id: run.config_id.full().into(),
        seed: run.seed.cast_signed(),
        task: run.task.clone(),
        shape_sig: run.shape_sig.clone(),
        identity: json_text(&run.identity_json, path)?,
    })
}

/// Reads `identity.json` of a run's folder; none if there is no such file.
///
/// # Errors
/// When it cannot be read, or its hashes do not agree.
pub(super) fn read_identity(directory: &Path) -> Result<Option<PlannedRun>, RecordError> {
    let path = directory.join("identity.json");
    let Some(file) = read_json_if_any::<IdentityFile>(&path)? else { return Ok(None) };
    let config = ConfigEntry { task: file.task, shape_sig: file.shape_sig, identity: file.identity };
    planned(&file.run_id, &file.config_id, file.seed, &config)
        .map(Some)
        .map_err(|reason| RecordError::damaged(&path, reason))
}

/// A run whose hashes agree.
pub(super) fn planned(run_id: &str, config_id: &str, seed: i64, config: &ConfigEntry) -> Result<PlannedRun, String> {
    let identity = RunIdentity::of_document(&config.identity, seed).map_err(|error| error.to_string())?;
    if identity.config_id.full() != config_id {
        return Err(format!("the identity of run {run_id} does not hash to its setting {config_id}"));
    }
    if identity.run_id.full() != run_id {
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

pub(super) fn json_text(text: &str, path: &Path) -> Result<Value, RecordError> {
    serde_json::from_str(text).map_err(|error| RecordError::damaged(path, format!("`{text}` is no JSON: {error}")))
}

/// Writes a JSON file, whole or not at all.
pub(crate) fn write_json(path: &Path, value: &impl Serialize) -> Result<(), FileError> {
    write_atomically(path, |out| {
        serde_json::to_writer_pretty(&mut *out, value)?;
        out.write_all(b"\n")
    })
}

/// Reads a JSON file.
pub(crate) fn read_json<T: DeserializeOwned>(path: &Path) -> Result<T, RecordError> {
    parsed(&input::read(path)?, path)
}

/// Reads a JSON file; none if there is none.
pub(super) fn read_json_if_any<T: DeserializeOwned>(path: &Path) -> Result<Option<T>, RecordError> {
    let bytes = if_there(fs::read(path)).map_err(FileError::at("read", path))?;
    bytes.map(|bytes| parsed(&bytes, path)).transpose()
}

fn parsed<T: DeserializeOwned>(bytes: &[u8], path: &Path) -> Result<T, RecordError> {
    serde_json::from_slice(bytes).map_err(|error| RecordError::damaged(path, error))
}
