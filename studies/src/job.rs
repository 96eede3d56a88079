//! What whoever launches runs and a worker process say to each other: a job, and how it ended.

use std::path::PathBuf;

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

/// One run for one worker process: the first line of its standard input, or a file.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Job {
    /// The full id of the run.
    pub run_id: String,
    /// Its folder; it need not be there.
    pub run_directory: PathBuf,
    /// 1 for the first attempt at the run.
    pub attempt: u32,
    /// What to do.
    pub work: Work,
}

/// What a run does.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub enum Work {
    /// Trains with these settings, `task` among them; device and threads are settings too.
    Train(Map<String, Value>),
    /// Runs a program.
    Command(CommandJob),
}

/// A program to run.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct CommandJob {
    /// The program and its arguments, filled in.
    pub arguments: Vec<String>,
    /// What it gets on its standard input: the configuration with its seed.
    pub input: Value,
    /// Where its result comes from.
    pub result: ResultSource,
    /// Seconds after which it is stopped; none: never.
    pub timeout_seconds: Option<f64>,
    /// Names of the variables of this process's environment that it may see, beside PATH, HOME, LANG and TMPDIR.
    pub environment: Vec<String>,
}

/// Where a program's result comes from.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum ResultSource {
    /// The last line of its output that is a JSON object.
    LastJsonLine,
    /// A JSON file, relative to the run's folder.
    File(PathBuf),
}

/// How a worker's run ended: its last line, `{"event": "ended", ...}`.
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
    /// It may be tried again after so many seconds; no failure (a program's exit code 42).
    RateLimited {
        /// Seconds to wait, where the program says so.
        after_seconds: Option<f64>,
    },
    /// Another process works in its folder.
    Busy,
    /// It failed, for a reason of this class: config, data, oom, io, panic, timeout, signal, unknown.
    Failed {
        /// The class.
        class: String,
    },
}

impl From<EndedState> for Ended {
    fn from(state: EndedState) -> Self {
        Self { state, message: String::new(), help: None, exit_code: None, warning: None }
    }
}

impl Ended {
    /// A failure of a class.
    pub fn failed(class: &str, message: String, help: Option<String>) -> Self {
        Self { message, help, ..EndedState::Failed { class: class.to_owned() }.into() }
    }
}
