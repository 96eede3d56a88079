//! The other program: PyTorch with pulseopt, driven by a script that does the same work and prints one JSON object as its last
//! line. Ours is compiled in and given to Python on its standard input; another one of the same flags can be named.

use std::fmt::Write as _;
use std::io::{ErrorKind, Write as _};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::thread;

use aees_run::printable::printable;
use serde_json::{Map, Value, json};

use crate::failure::Failure;

/// What `--peer` runs unless `--peer-script` names another.
const SCRIPT: &str = include_str!("../../../benches/peer.py");

/// The variable that names a file with the batches to train on.
const BATCHES: &str = "AEES_BENCH_BATCHES";

/// A Python and its script.
pub(super) struct Peer {
    pub(super) python: PathBuf,
    /// None for ours.
    pub(super) script: Option<PathBuf>,
}

/// What a peer's last line says.
#[derive(Debug)]
pub(super) struct PeerAnswer(Map<String, Value>);

impl Peer {
    /// Runs it with these words, and the batches in this file.
    pub(super) fn ask(&self, words: &[String], batches: Option<&Path>) -> Result<PeerAnswer, Failure> {
        let python = self.python.display();
        let mut command = Command::new(&self.python);
        match &self.script {
            Some(script) => command.arg(script).stdin(Stdio::null()),
            None => command.arg("-").stdin(Stdio::piped()),
        };
        command.args(words).stdout(Stdio::piped()).stderr(Stdio::piped());
        match batches {
            Some(file) => command.env(BATCHES, file),
            None => command.env_remove(BATCHES),
        };
        let mut child = command.spawn().map_err(|error| {
            let help = "--peer takes the Python of an environment that has torch: python3 -m venv V && V/bin/pip install torch \
                        torchvision transformers pulseopt, then --peer V/bin/python";
            let reason = if error.kind() == ErrorKind::NotFound { "there is no such program".into() } else { error.to_string() };
            Failure::with_help(format!("cannot run the peer {python}: {reason}"), help)
        })?;
        // From a thread: a child that prints before it reads must not wait for us, nor we for it. Whether it took all of it
        // shows in what it prints.
        let writer =
            child.stdin.take().map(|mut stdin| thread::spawn(move || drop(stdin.write_all(SCRIPT.as_bytes()))));
        let output = child.wait_with_output();
        drop(writer.map(thread::JoinHandle::join));
        let output =
            output.map_err(|error| Failure::new(format!("cannot read what the peer {python} prints: {error}")))?;
        let (stdout, stderr) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
        if !output.status.success() {
            return Err(failed(&format!("the peer {python} ended with {}", output.status), &stderr));
        }
        let line = stdout.lines().rev().find(|line| !line.trim().is_empty());
        let answer = line.map(serde_json::from_str);
        match answer {
            Some(Ok(Value::Object(answer))) => Ok(PeerAnswer(answer)),
            _ => {
                let last = line.map_or_else(|| "nothing at all".to_owned(), |line| format!("{:?}", shortened(line)));
                let message = format!("the peer {python} printed no JSON object as its last line, but {last}");
                Err(Failure::with_help(message, CONTRACT))
            }
        }
    }
}

const CONTRACT: &str = "the last line of a peer's script must be one JSON object with mean_step_s and median_step_s in seconds; \
                        docs/bench.md says which flags it is given";

/// A failure with the end of what was said on stderr.
fn failed(message: &str, stderr: &str) -> Failure {
    let mut message = message.to_owned();
    let lines: Vec<&str> = stderr.lines().filter(|line| !line.trim().is_empty()).collect();
    for line in lines.iter().skip(lines.len().saturating_sub(5)) {
        let _ = write!(message, "\n  {}", shortened(line));
    }
    let module = stderr.split("No module named '").nth(1).and_then(|rest| rest.split(['\'', '.']).next());
    match module {
        Some(module) => Failure::with_help(message, format!("install it there: PYTHON -m pip install {module}")),
        None => Failure::with_help(message, CONTRACT),
    }
}

fn shortened(line: &str) -> String {
    const LONGEST: usize = 200;
    let line = printable(line);
    if line.chars().count() <= LONGEST {
        return line.into_owned();
    }
    line.chars().take(LONGEST).chain(['…']).collect()
}

impl PeerAnswer {
    /// Seconds under a key, which must be there and positive.
    pub(super) fn seconds(&self, key: &str) -> Result<f64, Failure> {
        let found = self.0.get(key);
        found.and_then(Value::as_f64).filter(|seconds| *seconds > 0.0 && seconds.is_finite()).ok_or_else(|| {
            let found = found.map_or_else(|| "nothing".into(), |found| shortened(&found.to_string()));
            Failure::with_help(format!("the peer's {key} is {found}, which is no time in seconds"), CONTRACT)
        })
    }

    /// A number under a key, if there is one.
    pub(super) fn number(&self, key: &str) -> Option<f64> {
        self.0.get(key)?.as_f64()
    }

    /// Refuses an answer about something else than what was asked for.
    pub(super) fn check(&self, key: &str, asked: &Value) -> Result<(), Failure> {
        match self.0.get(key) {
            Some(told) if told != asked => {
                Err(Failure::with_help(format!("the peer measured {key} {told}, not {asked}"), CONTRACT))
            }
            _ => Ok(()),
        }
    }

    /// Seconds of a row of a table, where the peer has such a row.
    pub(super) fn row(&self, name: &str) -> Result<Option<f64>, Failure> {
        let row = self.0.get("rows").and_then(|rows| rows.get(name));
        let seconds = row.map(|row| {
            row.as_f64().filter(|seconds| *seconds > 0.0).ok_or_else(|| {
                Failure::new(format!("the peer's {name} is {}, no time in seconds", shortened(&row.to_string())))
            })
        });
        seconds.transpose()
    }

    /// What it says of itself, without the rows.
    pub(super) fn about(&self) -> Value {
        let about = self.0.iter().filter(|(key, _)| *key != "rows");
        about.map(|(key, value)| (key.clone(), value.clone())).collect()
    }

    pub(super) fn to_json(&self) -> Value {
        json!(self.0)
    }
}
