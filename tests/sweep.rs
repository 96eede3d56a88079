//! `aees sweep`: studies through the program, as a user runs them.

mod commands;
mod devices;
mod ends;
mod failures;
mod hooks;
mod language;
mod once;
mod packs;
mod programs;
mod pruning;
mod refused;
mod searching;
mod stopping;
mod storm;
mod training;
mod versions;
mod worker;

use std::fs;
use std::path::PathBuf;

use crate::program::{Run, Scratch};
use serde_json::Value;

/// A study of a shell script: `{x}` and `{seed}` are filled in, and each run leaves a line in `effects`.
pub(crate) fn shell_study(scratch: &Scratch, name: &str, script: &str, more: &str) -> PathBuf {
    let path = scratch.path(&format!("{name}.yaml"));
    let script = script.replace('\n', "\n      ");
    let text = format!(
        "aees: 1\nname: {name}\ntask: command\ncommand:\n  argv:\n    - sh\n    - -c\n    - |\n      {script}\n{more}\n"
    );
    fs::write(&path, text).unwrap();
    path
}

pub(crate) fn sweep(scratch: &Scratch, arguments: &[&str]) -> Run {
    scratch.run(["sweep"].iter().chain(arguments))
}

/// The runs of the registry with their states.
pub(crate) fn runs(scratch: &Scratch) -> Vec<Value> {
    let listed = scratch.run(["runs", "ls", "--json"]).ok();
    let document: Value = serde_json::from_str(&listed.stdout()).unwrap();
    let rows = document.as_array().cloned().or_else(|| document["runs"].as_array().cloned());
    rows.unwrap_or_else(|| panic!("{document}"))
}

pub(crate) fn states(scratch: &Scratch) -> Vec<String> {
    runs(scratch).iter().map(|run| run["state"].as_str().unwrap().to_owned()).collect()
}

pub(crate) fn count(scratch: &Scratch, state: &str) -> usize {
    states(scratch).iter().filter(|found| *found == state).count()
}

/// The lines that runs left in a file.
pub(crate) fn effects(scratch: &Scratch, name: &str) -> Vec<String> {
    fs::read_to_string(scratch.path(name)).unwrap_or_default().lines().map(str::to_owned).collect()
}
