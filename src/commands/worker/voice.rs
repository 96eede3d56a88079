//! What is said of one run: lines for whoever launched it, which name the run, and warnings for the worker's log.

use std::fs::OpenOptions;
use std::io::Write;
use std::path::PathBuf;

use serde_json::Value;

/// The voice of a run.
#[derive(Clone)]
pub(super) struct Voice {
    pub(super) run_id: String,
    /// The log of a run that is not the first of its process; the first one's is the process' own.
    pub(super) log: Option<PathBuf>,
}

impl Voice {
    /// A supervisor that went away is no error of ours; the run's checkpoint is what counts.
    pub(super) fn say(&self, line: &Value) {
        let mut line = line.clone();
        line["run_id"] = self.run_id.as_str().into();
        let mut out = std::io::stdout().lock();
        let _ = writeln!(out, "{line}").and_then(|()| out.flush());
    }

    /// Into the log. A full disk takes no line, and that is no reason to end a run.
    pub(super) fn warn(&self, text: &str) {
        let line = format!("warning: {text}\n");
        let _ = match &self.log {
            None => std::io::stderr().write_all(line.as_bytes()),
            Some(path) => {
                let file = OpenOptions::new().create(true).append(true).open(path);
                file.and_then(|mut file| file.write_all(line.as_bytes()))
            }
        };
    }
}
