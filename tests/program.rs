//! Runs the program as a user does, in a scratch folder, and reads what it leaves.

use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use std::thread::sleep;
use std::time::{Duration, Instant};

use serde_json::Value;
use tempfile::TempDir;

/// A run that takes seconds: synthetic images, a very narrow network, short episodes.
pub(crate) const TINY: [&str; 14] = [
    "--data",
    "synthetic",
    "--model-width",
    "2",
    "--limit-train",
    "200",
    "--limit-eval",
    "100",
    "--batch-size",
    "20",
    "--epochs",
    "3",
    "--episode-length",
    "4",
];

/// AEES on both axes, the hardest case: two controllers, noise, two values each.
pub(crate) const DUAL: [&str; 6] =
    ["--control-mode", "adaptive", "--lr-candidates", "0.5,1,2", "--noise-candidates", "0,0.01"];

/// A scratch folder to run the program in.
pub(crate) struct Scratch(TempDir);

impl Scratch {
    pub(crate) fn new() -> Self {
        Self(tempfile::tempdir().unwrap())
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    /// The program with these arguments, not yet started. It may use one thread, as tests run side by side.
    pub(crate) fn command<S: AsRef<std::ffi::OsStr>>(&self, arguments: impl IntoIterator<Item = S>) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_aees"));
        command.args(arguments).current_dir(self.0.path()).env("RAYON_NUM_THREADS", "1").env("NO_COLOR", "1");
        // The width of help texts.
        command.env_remove("COLUMNS").stdin(Stdio::null());
        command
    }

    /// Runs `aees train cifar100` on the tiny setting with more arguments, into the folder `name`.
    pub(crate) fn train(&self, name: &str, more: &[&str]) -> Run {
        self.run(["train", "cifar100", "--run-dir", name].iter().chain(&TINY).chain(more))
    }

    pub(crate) fn run<S: AsRef<std::ffi::OsStr>>(&self, arguments: impl IntoIterator<Item = S>) -> Run {
        Run(self.command(arguments).output().unwrap())
    }

    pub(crate) fn json(&self, name: &str) -> Value {
        read_json(&self.path(name))
    }

    pub(crate) fn text(&self, name: &str) -> String {
        std::fs::read_to_string(self.path(name)).unwrap()
    }
}

/// What a finished program said.
pub(crate) struct Run(pub(crate) Output);

impl Run {
    pub(crate) fn code(&self) -> Option<i32> {
        self.0.status.code()
    }

    pub(crate) fn stdout(&self) -> String {
        String::from_utf8_lossy(&self.0.stdout).into_owned()
    }

    pub(crate) fn stderr(&self) -> String {
        String::from_utf8_lossy(&self.0.stderr).into_owned()
    }

    /// The program ended well.
    pub(crate) fn ok(self) -> Self {
        assert_eq!(self.code(), Some(0), "{}", self.stderr());
        self
    }

    /// The program refused with exit code 1 and said each of these.
    pub(crate) fn refused(self, words: &[&str]) -> Self {
        let message = self.stderr();
        assert_eq!(self.code(), Some(1), "{message}");
        assert!(!message.contains("panicked"), "{message}");
        for word in words {
            assert!(message.contains(word), "{word:?} is not in:\n{message}");
        }
        self
    }
}

/// Waits for something that another process does. What has not come after minutes will not come: the test must not hang.
pub(crate) fn wait_until(what: &str, mut holds: impl FnMut() -> bool) {
    let begin = Instant::now();
    while !holds() {
        assert!(begin.elapsed() < Duration::from_secs(300), "waited in vain: {what}");
        sleep(Duration::from_millis(20));
    }
}

pub(crate) fn read_json(path: &Path) -> Value {
    serde_json::from_str(&std::fs::read_to_string(path).unwrap()).unwrap()
}

/// A result without what differs between two runs of the same configuration.
pub(crate) fn without_times(mut result: Value) -> Value {
    for key in aees_run::result::TIME_KEYS {
        result.as_object_mut().unwrap().remove(key);
    }
    result
}
