//! What whoever launches runs and a worker process say to each other: orders, and how jobs ended.

use std::collections::BTreeMap;
use std::path::PathBuf;

use aees_run::artifact::FileError;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use crate::study::{ProgramContent, ResultSource, StopAt, Template};

/// A line of a worker's standard input.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum WorkerOrder {
    /// Do this, beside what is done already.
    Do(Box<Job>),
    /// Stop the run of this id, with a checkpoint. The others go on.
    Stop(String),
}

/// One run for a worker process.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Job {
    /// The full id of the run.
    pub run_id: String,
    /// Its folder; it need not be there.
    pub run_directory: PathBuf,
    /// 1 for the first attempt at the run.
    pub attempt: u32,
    /// Whether it shall have a device to itself: it died where others were, too.
    #[serde(default)]
    pub alone: bool,
    /// What to do.
    pub work: Work,
    /// Where it is to stop, with a checkpoint, to be compared with others.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub stop_at: Option<StopAt>,
}

/// What a run does.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub enum Work {
    /// Trains with these settings, `task` among them; device and threads are settings too.
    Train(Map<String, Value>),
    /// Runs a program.
    Command(Box<CommandJob>),
}

/// A program to run.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct CommandJob {
    /// The program and its arguments, filled in but for what the launcher knows.
    pub arguments: Vec<Template>,
    /// Where it works: an absolute path.
    pub work_directory: PathBuf,
    /// What it gets on its standard input: the configuration with its seed.
    pub input: Value,
    /// Where its result comes from.
    pub result: ResultSource,
    /// Seconds after which it is stopped; none: never.
    pub timeout_seconds: Option<f64>,
    /// Variables of its environment beside this process's own; none for one that it shall not have.
    pub environment: BTreeMap<String, Option<Template>>,
    /// Secrets of this process's environment that it may see.
    pub pass_on: Vec<String>,
    /// How large its log may become, in bytes.
    pub log_limit: u64,
    /// What its files must be, where they are part of the run's identity.
    pub content: Option<ProgramContent>,
    /// Where it computes; the launcher says it.
    #[serde(default)]
    pub slot: ProgramSlot,
}

/// What a launcher gives a program of its machine.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ProgramSlot {
    /// `cuda:1`, `cpu`; none: whatever it takes.
    pub device: Option<String>,
    /// Its share of the processor's cores.
    pub threads: Option<usize>,
}

impl ProgramSlot {
    /// A template with the launcher's places filled. A program sees one GPU only, by `CUDA_VISIBLE_DEVICES`: to it, that is
    /// `cuda:0`.
    pub fn fill(&self, template: &Template) -> Template {
        template.fill(|key| match key {
            "device" => Some(match &self.device {
                Some(device) => device_by_itself(device).to_owned(),
                None => usual_device().to_owned(),
            }),
            "threads" => Some(self.threads.unwrap_or_else(cores).to_string()),
            _ => None,
        })
    }
}

/// What a process calls a device when it sees no other one of its kind.
pub(crate) fn device_by_itself(device: &str) -> &str {
    if device.starts_with("cuda") { "cuda:0" } else { device }
}

/// Where a program computes that was given no device: on the first GPU that it sees, if it sees one.
fn usual_device() -> &'static str {
    let hidden = std::env::var("CUDA_VISIBLE_DEVICES").is_ok_and(|list| list.is_empty() || list == "-1");
    let gpus = std::fs::read_dir("/proc/driver/nvidia/gpus").is_ok_and(|mut gpus| gpus.next().is_some());
    if gpus && !hidden { "cuda:0" } else { "cpu" }
}

fn cores() -> usize {
    std::thread::available_parallelism().map_or(1, |cores| cores.get())
}

/// How a run ended: the last line that its worker says of it, `{"event": "ended", "run_id": ..., ...}`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Ended {
    /// What became of the run.
    pub state: EndedState,
    /// What went wrong, in words; empty when nothing did.
    #[serde(default)]
    pub message: String,
    /// What a user can do about it.
    #[serde(default)]
    pub help: Option<String>,
    /// The exit code of a program.
    #[serde(default)]
    pub exit_code: Option<i32>,
    /// What went wrong and did not decide the end.
    #[serde(default)]
    pub warning: Option<String>,
}

/// What became of a run.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum EndedState {
    /// `result.json` is in its folder.
    Done,
    /// It stopped because it was asked to; a checkpoint is in its folder if it can have one.
    Interrupted,
    /// It stopped where its job said; a checkpoint is in its folder if it can have one.
    Paused,
    /// It may be tried again after so many seconds; no failure (a program's exit code 42).
    RateLimited {
        /// Seconds to wait, where the program says so.
        after_seconds: Option<f64>,
    },
    /// Another process works in its folder.
    Busy,
    /// It died where other runs were, perhaps because of them. Only how it ends alone says something about it.
    Crowded,
    /// It failed, for a reason of this class: config, data, checkpoint, oom, io, panic, timeout, signal, unknown.
    Failed {
        /// The class.
        class: String,
    },
}

impl EndedState {
    /// Whether it failed for want of memory, of a device or of the machine.
    pub(crate) fn is_out_of_memory(&self) -> bool {
        matches!(self, Self::Failed { class } if class == "oom")
    }
}

impl From<EndedState> for Ended {
    fn from(state: EndedState) -> Self {
        Self { state, message: String::new(), help: None, exit_code: None, warning: None }
    }
}

/// The file system failed.
impl From<FileError> for Ended {
    fn from(error: FileError) -> Self {
        Self::failed("io", error.to_string(), error.help())
    }
}

impl Ended {
    /// A failure of a class.
    pub fn failed(class: &str, message: String, help: Option<String>) -> Self {
        Self { message, help, ..EndedState::Failed { class: class.to_owned() }.into() }
    }

    /// What went wrong and what can be done, as it is kept.
    pub(crate) fn error(&self) -> String {
        let help = self.help.as_ref().map(|help| format!("\nhelp: {help}"));
        format!("{}{}", self.message, help.unwrap_or_default())
    }
}
