//! The folder of a run: what lies where, who may write, and whether it may be used at all.

use std::fs::{self, File};
use std::path::{Path, PathBuf};

use serde_json::Value;

use crate::artifact::{FileError, is_leftover, remove_leftovers, write_atomically};
use crate::checkpoint::is_checkpoint;
use crate::input;
use crate::output::RESULT_START;
use crate::settings::{ConfigError, RunConfig};

/// How a run's configuration begins; its id follows.
const CONFIG_START: &str = "# The resolved configuration of run ";

/// What this program puts into a run's folder; nothing else in it is ever touched.
const OWN_ENTRIES: [&str; 7] =
    ["config.yaml", "result.json", "metrics.jsonl", "log.txt", "checkpoints", "tensorboard", "run.lock"];

/// What belongs to the run as part of a study. It tells nothing of the training and is kept when that begins anew.
const STUDY_ENTRIES: [&str; 4] = ["identity.json", "worker.log", "program.json", "config.json"];

/// Why a folder cannot be used for a run.
#[allow(missing_docs, reason = "a field's name says it")]
#[derive(Debug, thiserror::Error)]
pub enum DirectoryError {
    /// There is a run in it.
    #[error("{path} holds another run", path = path.display())]
    HoldsARun { path: PathBuf },
    /// There are files in it that no run made.
    #[error("{path} holds files that are not this program's, {example} for one", path = path.display())]
    HoldsOtherFiles { path: PathBuf, example: String },
    /// The very run is in it, and not finished.
    #[error("{path} holds this run, and it is not finished", path = path.display())]
    Unfinished { path: PathBuf },
    /// There is no run in it.
    #[error("{path} holds no run: there is no config.yaml", path = path.display())]
    HoldsNoRun { path: PathBuf },
    /// Another process is writing into it.
    #[error("{path} is in use: another process is training the run in it", path = path.display())]
    InUse { path: PathBuf },
    /// Its `config.yaml` cannot be used.
    #[error(transparent)]
    Config(#[from] ConfigError),
    /// It cannot be read or written.
    #[error(transparent)]
    File(#[from] FileError),
}

impl DirectoryError {
    /// What the user can do about it.
    pub fn help(&self) -> Option<String> {
        match self {
            Self::HoldsARun { path } => Some(format!(
                "continue it with `aees train --resume {0}`, replace it with --overwrite, or choose another folder with --run-dir",
                path.display()
            )),
            Self::Unfinished { path } => Some(format!(
                "continue it with `aees train --resume {}`, or begin it again with --overwrite",
                path.display()
            )),
            Self::HoldsOtherFiles { .. } => {
                Some("choose an empty or new folder with --run-dir; nothing in it was changed".into())
            }
            Self::HoldsNoRun { .. } => Some("--resume takes the folder of a run, such as results/cifar100/NAME".into()),
            Self::InUse { .. } => Some("wait for it, or stop it; nothing was changed".into()),
            Self::Config(error) => error.help(),
            Self::File(error) => error.help(),
        }
    }
}

/// What may become of a run that is in the folder of a new one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Replace {
    /// It stays.
    Nothing,
    /// It is replaced; files that only have the names of a run's are not.
    OurRun,
    /// Everything with the names of a run's files is replaced.
    Anything,
}

/// What is in a folder that a run is to be made in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Occupied {
    /// Nothing of a run, or something that may be replaced.
    Free,
    /// A run, with the id that its configuration names.
    ByRun(Option<String>),
}

/// Whether another process works in a run's folder.
///
/// # Errors
/// When its lock cannot be looked at.
pub fn is_in_use(path: &Path) -> Result<bool, FileError> {
    let lock_path = path.join("run.lock");
    let lock = match File::open(&lock_path) {
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(false),
        lock => lock.map_err(FileError::at("read", &lock_path))?,
    };
    match lock.try_lock_shared() {
        Ok(()) => Ok(false),
        Err(fs::TryLockError::WouldBlock) => Ok(true),
        Err(fs::TryLockError::Error(source)) => Err(FileError::at("lock", &lock_path)(source)),
    }
}

/// The folder of a run, locked for this process.
#[derive(Debug)]
pub struct RunDirectory {
    path: PathBuf,
    /// Held as long as the run: the lock goes with the file handle, also when the process is killed.
    _lock: File,
}

impl RunDirectory {
    /// Looks at a folder that is wanted for a new run, without touching it.
    ///
    /// # Errors
    /// When another process is at it, or it holds files that this program did not write.
    pub fn occupied(path: &Path, replace: Replace) -> Result<Occupied, DirectoryError> {
        if !path.exists() {
            return Ok(Occupied::Free);
        }
        if let Ok(lock) = File::open(path.join("run.lock"))
            && matches!(lock.try_lock(), Err(fs::TryLockError::WouldBlock))
        {
            return Err(DirectoryError::InUse { path: path.to_owned() });
        }
        let entries = entries(path)?;
        let is_own = |name: &&String| OWN_ENTRIES.contains(&name.as_str()) || is_of_study(name) || is_leftover(name);
        let foreign = entries.iter().find(|name| !is_own(name)).cloned();
        let foreign = foreign.or_else(|| if replace == Replace::Anything { None } else { foreign_content(path) });
        if let Some(example) = foreign {
            return Err(DirectoryError::HoldsOtherFiles { path: path.to_owned(), example });
        }
        let holds_a_run = entries.iter().any(|name| name != "run.lock" && !is_of_study(name) && !is_leftover(name));
        Ok(if holds_a_run && replace == Replace::Nothing { Occupied::ByRun(run_id_in(path)) } else { Occupied::Free })
    }

    /// Makes the folder for a new run and writes its configuration.
    ///
    /// # Errors
    /// When the folder holds a run that must stay, holds other files, is in use, or cannot be written.
    pub fn create(path: &Path, config: &RunConfig, run_id: &str, replace: Replace) -> Result<Self, DirectoryError> {
        match Self::occupied(path, replace)? {
            Occupied::Free => {}
            Occupied::ByRun(Some(id)) if id == run_id => {
                return Err(DirectoryError::Unfinished { path: path.to_owned() });
            }
            Occupied::ByRun(_) => return Err(DirectoryError::HoldsARun { path: path.to_owned() }),
        }
        fs::create_dir_all(path).map_err(FileError::at("make", path))?;
        let directory = Self::lock(path)?;
        for name in OWN_ENTRIES.iter().filter(|name| **name != "run.lock") {
            remove(&path.join(name))?;
        }
        let checkpoints = directory.checkpoints();
        fs::create_dir_all(&checkpoints).map_err(FileError::at("make", &checkpoints))?;
        let text = config_text(config, run_id);
        write_atomically(&directory.config(), |out| out.write_all(text.as_bytes()))?;
        Ok(directory)
    }

    /// Opens the folder of an earlier run and reads its configuration.
    ///
    /// # Errors
    /// When there is no run in it, it is in use, or its configuration cannot be read.
    pub fn open(path: &Path) -> Result<(Self, RunConfig), DirectoryError> {
        if !path.join("config.yaml").is_file() {
            return Err(DirectoryError::HoldsNoRun { path: path.to_owned() });
        }
        let directory = Self::lock(path)?;
        // They may have been set aside, with a result that was withdrawn.
        let checkpoints = directory.checkpoints();
        fs::create_dir_all(&checkpoints).map_err(FileError::at("make", &checkpoints))?;
        let config = RunConfig::from_file(&directory.config())?;
        Ok((directory, config))
    }

    fn lock(path: &Path) -> Result<Self, DirectoryError> {
        let lock_path = path.join("run.lock");
        let lock = File::create(&lock_path).map_err(FileError::at("write", &lock_path))?;
        match lock.try_lock() {
            Ok(()) => {
                remove_leftovers(path);
                remove_leftovers(&path.join("checkpoints"));
                Ok(Self { path: path.to_owned(), _lock: lock })
            }
            Err(fs::TryLockError::WouldBlock) => Err(DirectoryError::InUse { path: path.to_owned() }),
            Err(fs::TryLockError::Error(source)) => Err(FileError::at("lock", &lock_path)(source).into()),
        }
    }

    /// The folder.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// `config.yaml`: the resolved configuration.
    pub fn config(&self) -> PathBuf {
        self.path.join("config.yaml")
    }

    /// `result.json`: the RunResult.
    pub fn result(&self) -> PathBuf {
        self.path.join("result.json")
    }

    /// `metrics.jsonl`: one line an epoch, one an episode.
    pub fn metrics(&self) -> PathBuf {
        self.path.join("metrics.jsonl")
    }

    /// `log.txt`: the lines that a piped run prints.
    pub fn log(&self) -> PathBuf {
        self.path.join("log.txt")
    }

    /// `checkpoints/`: the last two, and the best.
    pub fn checkpoints(&self) -> PathBuf {
        self.path.join("checkpoints")
    }

    /// `tensorboard/`: event files.
    pub fn tensorboard(&self) -> PathBuf {
        self.path.join("tensorboard")
    }
}

/// The id in the first line of the configuration in a run's folder; none in a folder that holds no run.
pub fn run_id_in(path: &Path) -> Option<String> {
    let text = input::read_text(&path.join("config.yaml")).ok()?;
    Some(text.lines().next()?.strip_prefix(CONFIG_START)?.trim_end_matches('.').to_owned())
}

/// The first file with the name of a run's that no run wrote.
fn foreign_content(path: &Path) -> Option<String> {
    let is_foreign = |name: &str, start: &[u8]| {
        // What is not there, or empty, is nobody's loss.
        input::head(&path.join(name), 1 << 12).is_ok_and(|head| !head.is_empty() && !head.starts_with(start))
    };
    let inside = |folder: &str, is_ours: fn(&Path) -> bool| {
        let files = fs::read_dir(path.join(folder)).into_iter().flatten().flatten().map(|entry| entry.path());
        let mut foreign = files.filter(|file| !is_ours(file));
        foreign.next().map(|file| format!("{folder}/{}", file.file_name().unwrap_or_default().to_string_lossy()))
    };
    let file = [("config.yaml", CONFIG_START.as_bytes()), ("result.json", RESULT_START), ("metrics.jsonl", b"{\"")];
    let file = file.into_iter().find(|(name, start)| is_foreign(name, start)).map(|(name, _)| name.to_owned());
    file.or_else(|| inside("checkpoints", is_checkpoint)).or_else(|| {
        inside("tensorboard", |file| file.file_name().is_some_and(|name| name.to_string_lossy().contains("tfevents")))
    })
}

fn is_of_study(name: &str) -> bool {
    STUDY_ENTRIES.contains(&name)
}

fn entries(path: &Path) -> Result<Vec<String>, FileError> {
    let listed = fs::read_dir(path).map_err(FileError::at("list", path))?;
    Ok(listed.filter_map(|entry| Some(entry.ok()?.file_name().to_string_lossy().into_owned())).collect())
}

fn remove(path: &Path) -> Result<(), FileError> {
    let removed = if path.is_dir() { fs::remove_dir_all(path) } else { fs::remove_file(path) };
    match removed {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => Err(FileError::at("remove", path)(error)),
        _ => Ok(()),
    }
}

/// The configuration as YAML: one setting a line, every value as JSON, which is YAML too.
fn config_text(config: &RunConfig, run_id: &str) -> String {
    let mut text = format!("{CONFIG_START}{run_id}.\ntask: {}\n", config.task.name());
    for setting in RunConfig::settings_of(config.task) {
        let value = config.get(setting.key).unwrap_or(Value::Null);
        text.push_str(&format!("{}: {}\n", setting.key, yaml_value(&value)));
    }
    text
}

/// PyYAML takes `1e-8` for a text unless the number has a point, so give it one.
fn yaml_value(value: &Value) -> String {
    match value {
        Value::Number(number) if number.is_f64() => {
            let text = number.to_string();
            match text.split_once('e') {
                Some((mantissa, exponent)) if !mantissa.contains('.') => format!("{mantissa}.0e{exponent}"),
                _ => text,
            }
        }
        Value::Array(items) => format!("[{}]", items.iter().map(yaml_value).collect::<Vec<_>>().join(", ")),
        other => other.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::settings::TaskName;

    fn config() -> RunConfig {
        let mut config = RunConfig::new(TaskName::Cifar100);
        for assignment in ["lr=1e-5", "lr_candidates=0.5,1,2", "run_tag=2026: \"x\" # no comment", "weight_decay=0.1"] {
            config.assign(assignment).unwrap();
        }
        config
    }

    #[test]
    fn the_configuration_comes_back_from_the_folder() {
        let scratch = tempfile::tempdir().unwrap();
        let path = scratch.path().join("run");
        drop(RunDirectory::create(&path, &config(), "id", Replace::Nothing).unwrap());
        let (_directory, back) = RunDirectory::open(&path).unwrap();
        assert_eq!(back, config());
    }

    #[test]
    fn a_folder_with_a_run_is_refused_unless_it_may_be_overwritten() {
        let scratch = tempfile::tempdir().unwrap();
        drop(RunDirectory::create(scratch.path(), &config(), "id", Replace::Nothing).unwrap());
        let error = RunDirectory::create(scratch.path(), &config(), "id", Replace::Nothing).unwrap_err();
        assert!(matches!(error, DirectoryError::Unfinished { .. }), "{error}");
        let error = RunDirectory::create(scratch.path(), &config(), "other", Replace::Nothing).unwrap_err();
        assert!(error.help().unwrap().contains("--resume"), "{error}");
        drop(RunDirectory::create(scratch.path(), &config(), "id", Replace::OurRun).unwrap());
    }

    #[test]
    fn files_that_are_not_ours_are_never_overwritten() {
        let scratch = tempfile::tempdir().unwrap();
        fs::write(scratch.path().join("thesis.tex"), "everything").unwrap();
        let error = RunDirectory::create(scratch.path(), &config(), "id", Replace::OurRun).unwrap_err();
        assert!(error.to_string().contains("thesis.tex"), "{error}");
        assert!(scratch.path().join("thesis.tex").exists());
    }

    #[test]
    fn files_of_others_with_the_names_of_ours_are_replaced_by_force_only() {
        for (name, content) in [
            ("config.yaml", "lr: 0.1\n"),
            ("result.json", "{\"mine\": 1}"),
            ("checkpoints/best.safetensors", "\u{8}\0\0\0\0\0\0\0{\"a\":{}}"),
            ("checkpoints/model.pt", "weights"),
            ("tensorboard/notes.txt", "x"),
        ] {
            let scratch = tempfile::tempdir().unwrap();
            let file = scratch.path().join(name);
            fs::create_dir_all(file.parent().unwrap()).unwrap();
            fs::write(&file, content).unwrap();
            let error = RunDirectory::create(scratch.path(), &config(), "id", Replace::OurRun).unwrap_err();
            assert!(error.to_string().contains(name), "{name}: {error}");
            assert_eq!(fs::read_to_string(&file).unwrap(), content);
            drop(RunDirectory::create(scratch.path(), &config(), "id", Replace::Anything).unwrap());
        }
    }

    #[test]
    fn what_a_killed_write_left_is_removed_and_does_not_count() {
        let scratch = tempfile::tempdir().unwrap();
        fs::create_dir(scratch.path().join("checkpoints")).unwrap();
        let leftover = scratch.path().join("checkpoints/.step-000000005.safetensors.1.tmp");
        fs::write(&leftover, "half").unwrap();
        fs::write(scratch.path().join(".result.json.1.tmp"), "half").unwrap();
        drop(RunDirectory::create(scratch.path(), &config(), "id", Replace::OurRun).unwrap());
        assert!(!leftover.exists() && !scratch.path().join(".result.json.1.tmp").exists());
        assert_eq!(RunDirectory::open(scratch.path()).unwrap().1, config());
    }

    #[test]
    fn a_folder_in_use_is_refused() {
        let scratch = tempfile::tempdir().unwrap();
        let _first = RunDirectory::create(scratch.path(), &config(), "id", Replace::Nothing).unwrap();
        let error = RunDirectory::create(scratch.path(), &config(), "id", Replace::OurRun).unwrap_err();
        assert!(matches!(error, DirectoryError::InUse { .. }), "{error}");
    }
}
