//! `aees slurm`: studies on a real Slurm, which these tests start on this machine where it is installed.

mod cluster;
mod finishing;
mod refusing;
mod returning;
mod stopping;

use std::fs;
use std::path::PathBuf;
use std::process::Command;
use std::thread::sleep;
use std::time::Duration;

use serde_json::Value;

use self::cluster::Cluster;
use crate::program::{Run, Scratch, read_json, wait_until};
use crate::sweep::count;

/// `aees slurm` in a scratch folder of a cluster.
fn slurm(scratch: &Scratch, cluster: &Cluster, words: &[&str]) -> Run {
    Run(command(scratch, cluster, words).output().unwrap())
}

fn command(scratch: &Scratch, cluster: &Cluster, words: &[&str]) -> Command {
    let mut command = scratch.command(["slurm"].iter().chain(words));
    cluster.enter(&mut command);
    command
}

/// The newest launch of a study.
fn launch(scratch: &Scratch, study: &str) -> PathBuf {
    let folder = scratch.path(&format!("results/studies/{study}/launch"));
    let launches = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    launches.max().unwrap()
}

/// The jobs of the arrays of a study's newest launch.
fn jobs(scratch: &Scratch, study: &str) -> Vec<u64> {
    let record = read_json(&launch(scratch, study).join("launch.json"));
    record["arrays"].as_array().unwrap().iter().map(|array| array["job"].as_u64().unwrap()).collect()
}

/// What the tasks of a study's newest launch said of their runs, by the name of the note.
fn notes(scratch: &Scratch, study: &str) -> Vec<String> {
    let journals = fs::read_dir(launch(scratch, study).join("journals")).unwrap();
    let texts = journals.map(|entry| fs::read_to_string(entry.unwrap().path()).unwrap());
    let lines = texts.flat_map(|text| text.lines().map(str::to_owned).collect::<Vec<_>>());
    let name = |line: String| {
        let note = serde_json::from_str::<Value>(&line).unwrap()["note"].clone();
        note.as_str().map(str::to_owned).unwrap_or_else(|| note.as_object().unwrap().keys().next().unwrap().clone())
    };
    lines.map(name).collect()
}

/// Waits for so many runs in a state. Each look is a process, so not too often.
fn wait_for_count(scratch: &Scratch, state: &str, runs: usize) {
    wait_until(&format!("{runs} runs are {state}"), || {
        sleep(Duration::from_millis(300));
        count(scratch, state) == runs
    });
}
