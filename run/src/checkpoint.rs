//! Checkpoints: one file each, whole or refused.
//!
//! A checkpoint is a safetensors file: the engine's tensors, and in its metadata the [`TrainState`], the id of the run
//! and a SHA-256 over all of it. A torn file fails the length check or the digest, a foreign one has another run id; both
//! are refused with the file's name, and the one before is used.

use std::collections::HashMap;
use std::fs;
use std::path::{Path, PathBuf};

use safetensors::{Dtype, SafeTensors};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use crate::artifact::{FileError, is_leftover, sync_folder_of};
use crate::hexadecimal::hexadecimal;
use crate::host_tensor::{HostTensor, NamedTensors, write_safetensors};
use crate::input;
use crate::state::TrainState;

const HEADER_KEY: &str = "aees.header";
const DIGEST_KEY: &str = "aees.sha256";
/// Raised when the meaning of a file changes. 2: optimizer slots go by their parameter's name.
const FORMAT: u32 = 2;

/// Whether a file in a run's `checkpoints` is one that a run wrote: by its name, and by what its header says.
pub(crate) fn is_checkpoint(path: &Path) -> bool {
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    // A damaged one may have lost its header; a whole one of another program has one of its own.
    let is_of_others = |head: Vec<u8>| {
        head.get(8) == Some(&b'{') && !head.windows(HEADER_KEY.len()).any(|it| it == HEADER_KEY.as_bytes())
    };
    let is_named = name.starts_with("step-") || name.starts_with("best");
    is_leftover(&name) || is_named && input::head(path, 1 << 12).is_ok_and(|head| !is_of_others(head))
}

/// What an engine needs to go on: tensors by name, and the optimizer's step count. The same for all engines.
#[derive(Clone, Debug, PartialEq)]
pub struct EngineState {
    /// Parameters and buffers as `model.<name>`, optimizer slots as `optimizer.<parameter>.<slot>`; names are PyTorch's.
    pub tensors: NamedTensors,
    /// Steps that the optimizer has taken; AdamW's bias corrections depend on it.
    pub optimizer_steps: u64,
}

/// Everything a run needs to go on.
#[derive(Clone, Debug)]
pub struct Checkpoint {
    /// Counters, histories, controllers.
    pub state: TrainState,
    /// Model and optimizer.
    pub engine: EngineState,
}

/// A checkpoint that cannot be used.
#[allow(missing_docs, reason = "a field's name says it")]
#[derive(Debug, thiserror::Error)]
pub enum CheckpointError {
    /// The file is not whole, or not a checkpoint.
    #[error("checkpoint {path} is damaged: {reason}", path = path.display())]
    Damaged { path: PathBuf, reason: String },
    /// The file belongs to another run.
    #[error("checkpoint {path} belongs to run {found}, not to run {expected}", path = path.display())]
    Foreign { path: PathBuf, expected: String, found: String },
    /// The file is whole, but another version of this program wrote it.
    #[error(
        "checkpoint {path} was written by {writer} version of aees (format {found}, this one has {FORMAT}); {advice}",
        path = path.display(),
        writer = if *found < FORMAT { "an earlier" } else { "a later" },
        advice = if *found < FORMAT {
            "begin the run again with --overwrite, or finish it with that version"
        } else {
            "go on with that version"
        }
    )]
    Format { path: PathBuf, found: u32 },
    /// The file cannot be read or written.
    #[error(transparent)]
    File(#[from] FileError),
}

#[derive(Serialize, Deserialize)]
struct CheckpointMetadata {
    format: u32,
    run_id: String,
    optimizer_steps: u64,
    state: TrainState,
}

/// The folder with a run's checkpoints.
#[derive(Clone, Debug)]
pub struct CheckpointFolder {
    path: PathBuf,
    run_id: String,
    /// How many of the newest stay.
    newest: usize,
}

impl CheckpointFolder {
    /// The folder at `path`, for the run with the given full id. The newest two stay in it, and the best.
    pub fn new(path: PathBuf, run_id: &str) -> Self {
        Self { path, run_id: run_id.to_owned(), newest: 2 }
    }

    /// Another number of the newest stays; 1 at least.
    #[must_use]
    pub fn keeping(self, newest: usize) -> Self {
        Self { newest: newest.max(1), ..self }
    }

    /// The file of the best epoch.
    pub fn best(&self) -> PathBuf {
        self.path.join("best.safetensors")
    }

    /// Writes a checkpoint, then removes those that are not to stay.
    ///
    /// # Errors
    /// When it cannot be written; the earlier ones are still there.
    pub fn write(&self, checkpoint: &Checkpoint) -> Result<PathBuf, FileError> {
        let path = self.step_path(checkpoint.state.step);
        self.write_to(&path, checkpoint)?;
        self.remove_all_but(self.newest)?;
        Ok(path)
    }

    fn step_path(&self, step: u64) -> PathBuf {
        self.path.join(format!("step-{step:09}.safetensors"))
    }

    /// Leaves nothing but the file of the best epoch, if there is one.
    ///
    /// # Errors
    /// When a file cannot be removed.
    pub fn keep_best_alone(&self) -> Result<(), FileError> {
        if self.best().is_file() { self.remove_all_but(0) } else { Ok(()) }
    }

    fn remove_all_but(&self, newest: usize) -> Result<(), FileError> {
        let mut steps = self.steps()?;
        steps.truncate(steps.len().saturating_sub(newest));
        steps.iter().try_for_each(|old| fs::remove_file(old).map_err(FileError::at("remove", old)))
    }

    /// Makes the file of the best epoch, just written, the newest checkpoint too; removes those that are not to stay.
    ///
    /// # Errors
    /// When that fails; the earlier checkpoints are still there.
    pub fn adopt_best(&self, step: u64) -> Result<PathBuf, FileError> {
        let (best, path) = (self.best(), self.step_path(step));
        let temporary = self.path.join(".best.link.tmp");
        let _ = fs::remove_file(&temporary);
        // A link costs nothing. Where the file system has none, the bytes are copied.
        fs::hard_link(&best, &temporary)
            .or_else(|_| fs::copy(&best, &temporary).and_then(|_| fs::File::open(&temporary)?.sync_all()))
            .and_then(|()| fs::rename(&temporary, &path))
            .map_err(FileError::at("write", &path))?;
        sync_folder_of(&path);
        self.remove_all_but(self.newest)?;
        Ok(path)
    }

    /// Writes a checkpoint as that of the best epoch.
    ///
    /// # Errors
    /// When it cannot be written; the earlier best is still there.
    pub fn write_best(&self, checkpoint: &Checkpoint) -> Result<(), FileError> {
        self.write_to(&self.best(), checkpoint)
    }

    /// The newest usable checkpoint, and what was refused on the way to it.
    ///
    /// # Errors
    /// When the folder cannot be listed.
    pub fn newest(&self) -> Result<(Option<Checkpoint>, Vec<CheckpointError>), FileError> {
        let mut refused = Vec::new();
        for path in self.steps()?.iter().rev() {
            match self.read(path) {
                Ok(checkpoint) => return Ok((Some(checkpoint), refused)),
                Err(error) => refused.push(error),
            }
        }
        Ok((None, refused))
    }

    /// Reads one file and checks that it is whole and of this run.
    ///
    /// # Errors
    /// A damaged, foreign or unreadable file.
    pub fn read(&self, path: &Path) -> Result<Checkpoint, CheckpointError> {
        let bytes = input::read(path)?;
        let damaged = |reason: String| CheckpointError::Damaged { path: path.to_owned(), reason };
        let (_, metadata) = SafeTensors::read_metadata(&bytes).map_err(|error| damaged(error.to_string()))?;
        let tensors = SafeTensors::deserialize(&bytes).map_err(|error| damaged(error.to_string()))?;
        let metadata = metadata.metadata().as_ref();
        let entry =
            |key| metadata.and_then(|metadata| metadata.get(key)).ok_or_else(|| damaged(format!("it has no {key}")));
        let (text, digest) = (entry(HEADER_KEY)?, entry(DIGEST_KEY)?);
        let arrays = tensors.iter().map(|(name, view)| Ok((name.to_owned(), array(&view)?)));
        let arrays: NamedTensors = arrays.collect::<Result<_, String>>().map_err(damaged)?;
        if digest_of(text, &arrays) != *digest {
            return Err(damaged("its contents do not match its digest".into()));
        }
        // The format comes first: a newer header may not parse as this one.
        let format: CheckpointVersion = serde_json::from_str(text).map_err(|error| damaged(error.to_string()))?;
        if format.format != FORMAT {
            return Err(CheckpointError::Format { path: path.to_owned(), found: format.format });
        }
        if format.run_id != self.run_id {
            let short = |id: &str| id.get(..16).unwrap_or(id).to_owned();
            let (expected, found) = (short(&self.run_id), short(&format.run_id));
            return Err(CheckpointError::Foreign { path: path.to_owned(), expected, found });
        }
        let header: CheckpointMetadata = serde_json::from_str(text).map_err(|error| damaged(error.to_string()))?;
        let engine = EngineState { tensors: arrays, optimizer_steps: header.optimizer_steps };
        Ok(Checkpoint { state: header.state, engine })
    }

    /// The step checkpoints, oldest first.
    fn steps(&self) -> Result<Vec<PathBuf>, FileError> {
        let entries = match fs::read_dir(&self.path) {
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(Vec::new()),
            entries => entries.map_err(FileError::at("list", &self.path))?,
        };
        let is_step = |path: &PathBuf| {
            let name = path.file_name().unwrap_or_default().to_string_lossy();
            name.starts_with("step-") && name.ends_with(".safetensors")
        };
        let mut steps: Vec<PathBuf> = entries.filter_map(|entry| Some(entry.ok()?.path())).filter(is_step).collect();
        steps.sort();
        Ok(steps)
    }

    fn write_to(&self, path: &Path, checkpoint: &Checkpoint) -> Result<(), FileError> {
        let header = CheckpointMetadata {
            format: FORMAT,
            run_id: self.run_id.clone(),
            optimizer_steps: checkpoint.engine.optimizer_steps,
            state: checkpoint.state.clone(),
        };
        let text = serde_json::to_string(&header).map_err(|error| FileError::at("write", path)(error.into()))?;
        let digest = digest_of(&text, &checkpoint.engine.tensors);
        let metadata = HashMap::from([(HEADER_KEY.to_owned(), text), (DIGEST_KEY.to_owned(), digest)]);
        write_safetensors(path, &checkpoint.engine.tensors, metadata)
    }
}

/// The part of the header that every format has.
#[derive(Deserialize)]
struct CheckpointVersion {
    format: u32,
    run_id: String,
}

/// SHA-256 over the model's parameters and buffers: equal digests mean equal models.
pub fn parameter_digest(state: &EngineState) -> String {
    digest_of("", state.tensors.iter().filter(|(name, _)| name.starts_with("model.")))
}

/// SHA-256 over a header and tensors, in their order.
fn digest_of<'a>(header: &str, tensors: impl IntoIterator<Item = (&'a String, &'a HostTensor)>) -> String {
    let mut hasher = Sha256::new_with_prefix(header);
    for (name, array) in tensors {
        hasher.update(name);
        hasher.update([0]);
        for size in &array.shape {
            hasher.update((*size as u64).to_le_bytes());
        }
        hasher.update(array.bytes());
    }
    hexadecimal(&hasher.finalize())
}

fn array(view: &safetensors::tensor::TensorView<'_>) -> Result<HostTensor, String> {
    if view.dtype() != Dtype::F32 {
        return Err(format!("a tensor has type {:?}, not F32", view.dtype()));
    }
    let values = view.data().as_chunks().0.iter().map(|bytes| f32::from_le_bytes(*bytes));
    Ok(HostTensor { shape: view.shape().to_vec(), values: values.collect() })
}

#[cfg(test)]
#[path = "checkpoint_tests.rs"]
mod tests;
