//! A launch: runs of a study that went to Slurm together, as files in the study's folder.
//!
//! `launch/0001/` holds `launch.json`, a script for each array with what its tasks do (`array-1.sh`, `array-1.jsonl`: a line
//! for each task), the script of the collect job, the tasks' journals and logs. All that a task needs is there.

use std::fmt;
use std::fs::{self, File};
use std::io::{self, BufRead, BufReader, Lines};
use std::path::{Path, PathBuf};

use aees_run::artifact::{FileError, write_atomically};
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::disk::{RecordError, Root, listed, read_json, write_json};
use crate::job::Job;
use crate::plan::Policy;
use crate::process::ProcessIdentity;

/// Raised when a key changes its meaning.
const SCHEMA_VERSION: u32 = 1;

/// `launch.json`.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct LaunchRecord {
    schema_version: u32,
    /// The study.
    pub study: String,
    /// 1 for the first launch of the study.
    pub number: u64,
    /// The name of all its jobs, which no other launch has.
    pub job_name: String,
    /// How far it is.
    pub stage: LaunchStage,
    /// Who submitted it.
    pub submitter: ProcessIdentity,
    /// Milliseconds UTC.
    pub submitted_at: i64,
    /// How the study treats what goes wrong, and what it asks of Slurm.
    pub policy: Policy,
    /// How many runs it has.
    pub runs: usize,
    /// Its arrays.
    pub arrays: Vec<ArrayRecord>,
    /// The job that collects at the end.
    pub collect_job: Option<u64>,
}

/// How far a launch is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum LaunchStage {
    /// Its arrays are on their way to Slurm.
    Submitting,
    /// Slurm has all of them.
    Submitted,
    /// Somebody cancelled it: tasks that begin all the same end at once.
    Cancelled,
}

/// An array of a launch.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct ArrayRecord {
    /// Its job, once Slurm has it.
    pub job: Option<u64>,
    /// How many tasks it has.
    pub tasks: usize,
}

/// A task of an array: the array's job and the task's number in it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct ArrayElement {
    /// The job.
    pub job: u64,
    /// The number.
    pub index: usize,
}

impl fmt::Display for ArrayElement {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{}_{}", self.job, self.index)
    }
}

/// What one task does: a line of an array's file.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct FrozenTask {
    /// Its runs.
    pub runs: Vec<FrozenRun>,
}

/// A run of a task.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct FrozenRun {
    /// What its worker gets.
    pub job: Job,
    /// `identity.json` of its folder.
    pub identity: Value,
    /// Retries that failures have used before.
    pub retries_used: u32,
}

impl LaunchRecord {
    pub(super) fn new(study: &str, number: u64, policy: Policy, submitted_at: i64, mark: &str) -> Self {
        Self {
            schema_version: SCHEMA_VERSION,
            study: study.to_owned(),
            number,
            job_name: format!("aees-{study}-{number}-{mark}"),
            stage: LaunchStage::Submitting,
            submitter: ProcessIdentity::own(),
            submitted_at,
            policy,
            runs: 0,
            arrays: Vec::new(),
            collect_job: None,
        }
    }

    /// `study/1`, which holds the claims of its runs.
    pub fn id(&self) -> String {
        format!("{}/{}", self.study, self.number)
    }

    /// What holds the claims of its runs.
    pub fn holder(&self) -> ProcessIdentity {
        ProcessIdentity::of_launch(&self.id())
    }

    /// All its tasks that were submitted.
    pub fn elements(&self) -> impl Iterator<Item = ArrayElement> {
        let arrays = self.arrays.iter().filter_map(|array| Some((array.job?, array.tasks)));
        arrays.flat_map(|(job, tasks)| (0..tasks).map(move |index| ArrayElement { job, index }))
    }
}

/// The folder of a launch.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LaunchFolder(PathBuf);

impl LaunchFolder {
    /// A folder; nothing is made.
    pub fn at(path: impl Into<PathBuf>) -> Self {
        Self(path.into())
    }

    /// The folders of a study's launches, oldest first.
    ///
    /// # Errors
    /// When they cannot be listed.
    pub fn of_study(root: &Root, study: &str) -> Result<Vec<Self>, FileError> {
        let paths = listed(&launches(root, study))?.into_iter();
        Ok(paths.filter(|path| path.join("launch.json").is_file()).map(Self).collect())
    }

    /// Makes the folder of a study's next launch. Gives its number, too.
    ///
    /// # Errors
    /// When it cannot be made.
    pub(super) fn next(root: &Root, study: &str) -> Result<(Self, u64), FileError> {
        let all = launches(root, study);
        fs::create_dir_all(&all).map_err(FileError::at("make", &all))?;
        let mut number = 1;
        loop {
            let path = std::path::absolute(all.join(format!("{number:04}"))).unwrap_or_else(|_| all.clone());
            match fs::create_dir(&path) {
                Err(error) if error.kind() == io::ErrorKind::AlreadyExists => number += 1,
                made => return made.map(|()| (Self(path.clone()), number)).map_err(FileError::at("make", &path)),
            }
        }
    }

    /// Its path.
    pub fn path(&self) -> &Path {
        &self.0
    }

    /// Removes it, with what was written into it.
    pub(super) fn remove(&self) {
        // What is left is a folder without jobs.
        let _ = fs::remove_dir_all(&self.0);
    }

    /// The script of an array, counted from 0.
    pub fn array_script(&self, array: usize) -> PathBuf {
        self.0.join(format!("array-{}.sh", array + 1))
    }

    /// The script of the collect job.
    pub fn collect_script(&self) -> PathBuf {
        self.0.join("collect.sh")
    }

    /// What the tasks and the collect job print.
    pub fn logs(&self) -> PathBuf {
        self.0.join("logs")
    }

    pub(super) fn journals(&self) -> PathBuf {
        self.0.join("journals")
    }

    pub(super) fn journal(&self, array: usize, task: usize) -> PathBuf {
        self.journals().join(format!("{}-{task}.jsonl", array + 1))
    }

    fn tasks_of(&self, array: usize) -> PathBuf {
        self.0.join(format!("array-{}.jsonl", array + 1))
    }

    /// Reads `launch.json`.
    ///
    /// # Errors
    /// When it cannot be read, or is none.
    pub fn record(&self) -> Result<LaunchRecord, RecordError> {
        let path = self.0.join("launch.json");
        let record: LaunchRecord = read_json(&path)?;
        if record.schema_version > SCHEMA_VERSION {
            return Err(RecordError::damaged(&path, "it was written by a newer program"));
        }
        Ok(record)
    }

    pub(super) fn write_record(&self, record: &LaunchRecord) -> Result<(), FileError> {
        write_json(&self.0.join("launch.json"), record)
    }

    pub(super) fn write_tasks(&self, array: usize, tasks: &[FrozenTask]) -> Result<(), FileError> {
        write_atomically(&self.tasks_of(array), |out| {
            tasks.iter().try_for_each(|task| {
                serde_json::to_writer(&mut *out, task)?;
                out.write_all(b"\n")
            })
        })
    }

    /// What a task of an array does.
    ///
    /// # Errors
    /// When there is no such task, or its line cannot be read.
    pub fn task(&self, array: usize, task: usize) -> Result<FrozenTask, RecordError> {
        let path = self.tasks_of(array);
        match lines(&path)?.nth(task) {
            Some(line) => frozen(&path, line),
            None => Err(RecordError::damaged(&path, format!("it has no task {task}"))),
        }
    }

    /// What the tasks of an array do, in their order.
    pub(super) fn tasks(&self, array: usize) -> Result<Vec<FrozenTask>, RecordError> {
        let path = self.tasks_of(array);
        lines(&path)?.map(|line| frozen(&path, line)).collect()
    }
}

fn lines(path: &Path) -> Result<Lines<BufReader<File>>, FileError> {
    Ok(BufReader::new(File::open(path).map_err(FileError::at("read", path))?).lines())
}

fn frozen(path: &Path, line: io::Result<String>) -> Result<FrozenTask, RecordError> {
    let line = line.map_err(FileError::at("read", path))?;
    serde_json::from_str(&line).map_err(|error| RecordError::damaged(path, error))
}

fn launches(root: &Root, study: &str) -> PathBuf {
    root.study(study).join("launch")
}
