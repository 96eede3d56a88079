//! Beside training: what a run needs, brought into the cache, and what it leaves, written for other programs.

use std::path::{Path, PathBuf};

use super::{SessionError, load_task};
use crate::cifar100;
use crate::drive::RunError;
use crate::event::Subscriber;
use crate::shared_inputs::SharedInputs;
use crate::text_files::TextFiles;
use aees_models::weights;
use aees_run::artifact::FileError;
use aees_run::checkpoint::CheckpointFolder;
use aees_run::identity::RunIdentity;
use aees_run::output::OutputError;
use aees_run::run_directory::RunDirectory;
use aees_run::settings::RunConfig;
use aees_tasks::TextTask;

/// Brings data, tokenizer and model of a configuration into the Hugging Face cache; gives the files.
///
/// # Errors
/// What cannot be had.
pub fn fetch(config: &RunConfig, subscribers: &mut [Box<dyn Subscriber>]) -> Result<Vec<PathBuf>, SessionError> {
    match TextTask::of(config.task) {
        None => Ok(cifar100::fetch(config, subscribers)?),
        Some(task) => Ok(TextFiles::new(task, config, subscribers)?.fetch()?),
    }
}

/// Which of a run's saved models is meant.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SavedModel {
    /// That of the best epoch.
    Best,
    /// The newest.
    Last,
}

/// Writes a saved model of the run in a folder for other programs; gives the step it is of. A model that something else
/// wrote there is replaced by force only.
///
/// # Errors
/// When there is no such checkpoint, another model is there, or a file cannot be read or written.
pub fn export(
    directory: &Path,
    which: SavedModel,
    (folder, force): (&Path, bool),
    subscribers: &mut [Box<dyn Subscriber>],
) -> Result<u64, SessionError> {
    if !force {
        refuse_foreign_model(folder)?;
    }
    let (directory, config) = RunDirectory::open(directory)?;
    let task = load_task(&config, subscribers, &SharedInputs::for_one_run())?;
    let identity = RunIdentity::of(&config, &task.facts().inputs)?;
    let checkpoints = CheckpointFolder::new(directory.checkpoints(), identity.run_id.full());
    let checkpoint = match which {
        SavedModel::Best if checkpoints.best().is_file() => {
            Some(checkpoints.read(&checkpoints.best()).map_err(RunError::from)?)
        }
        SavedModel::Best => None,
        SavedModel::Last => checkpoints.newest()?.0,
    };
    let checkpoint =
        checkpoint.ok_or_else(|| SessionError::NothingSaved { path: checkpoints_path(&directory, which) })?;
    std::fs::create_dir_all(folder).map_err(FileError::at("make", folder))?;
    task.export(&checkpoint.engine, folder).map_err(RunError::from)?;
    Ok(checkpoint.state.step)
}

/// The files of a model that an export may write.
const MODEL_FILES: [&str; 5] =
    ["model.safetensors", "config.json", "tokenizer.json", "vocab.txt", "tokenizer_config.json"];

fn refuse_foreign_model(folder: &Path) -> Result<(), OutputError> {
    let weights = folder.join(MODEL_FILES[0]);
    if weights::is_export(&weights) {
        return Ok(());
    }
    match MODEL_FILES.into_iter().map(|name| folder.join(name)).find(|file| file.exists()) {
        Some(path) => Err(OutputError::Foreign { path, kind: "a model" }),
        None => Ok(()),
    }
}

fn checkpoints_path(directory: &RunDirectory, which: SavedModel) -> PathBuf {
    match which {
        SavedModel::Best => directory.checkpoints().join("best.safetensors"),
        SavedModel::Last => directory.checkpoints(),
    }
}
