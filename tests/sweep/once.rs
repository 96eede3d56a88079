//! Each run exactly once.

use std::fs;
use std::process::Stdio;

use super::{count, effects, runs, shell_study, states, sweep};
use crate::program::{Run, Scratch};

const SCRIPT: &str = "echo {x} {seed} >> effects\necho '{{\"score\": {x}}}'";

#[test]
fn a_study_runs_each_of_its_runs_once_and_then_nothing() {
    let scratch = Scratch::new();
    let study = shell_study(&scratch, "first", SCRIPT, "sweep: {x: [1, 2, 3]}\nseeds: 2");
    let study = study.to_str().unwrap();
    assert_eq!(sweep(&scratch, &["run", study, "--jobs", "3"]).code(), Some(0));
    assert_eq!(effects(&scratch, "effects").len(), 6);
    assert_eq!(states(&scratch), vec!["done"; 6]);
    for again in [["run", study], ["run", "first"], ["resume", "first"], ["resume", study]] {
        assert_eq!(sweep(&scratch, &again).code(), Some(0), "{again:?}");
    }
    assert_eq!(effects(&scratch, "effects").len(), 6, "a finished study starts nothing");
}

#[test]
fn a_run_of_two_studies_runs_once() {
    let scratch = Scratch::new();
    let first = shell_study(&scratch, "first", SCRIPT, "sweep: {x: [1, 2]}\nseeds: 2");
    let second = shell_study(&scratch, "second", SCRIPT, "sweep: {x: [2, 3]}\nseeds: 2");
    sweep(&scratch, &["run", first.to_str().unwrap()]).ok();
    let run = sweep(&scratch, &["run", second.to_str().unwrap()]).ok();
    assert!(run.stderr().contains("2 of them done"), "{}", run.stderr());
    assert_eq!(effects(&scratch, "effects").len(), 6);
    let plan = sweep(&scratch, &["plan", second.to_str().unwrap()]).ok();
    assert_eq!(plan.stdout().matches("done").count(), 4, "{}", plan.stdout());
}

/// Row 45: seeds or values are added to a finished study.
#[test]
fn a_study_that_grows_runs_only_what_is_new() {
    let scratch = Scratch::new();
    let run = |more: &str| {
        let study = shell_study(&scratch, "grows", SCRIPT, more);
        sweep(&scratch, &["run", study.to_str().unwrap()]).ok();
        effects(&scratch, "effects").len()
    };
    assert_eq!(run("sweep: {x: [1, 2]}\nseeds: 2"), 4);
    assert_eq!(run("sweep: {x: [1, 2]}\nseeds: 3"), 6);
    assert_eq!(run("sweep: {x: [1, 2, 5]}\nseeds: 3"), 9);
}

/// Row 1: two supervisors on one study.
#[test]
fn two_supervisors_share_the_runs() {
    let scratch = Scratch::new();
    let study = shell_study(&scratch, "shared", SCRIPT, "sweep: {x: {range: {from: 1, to: 30, step: 1}}}");
    let study = study.to_str().unwrap();
    // The first makes the registry, so that both find the same one.
    sweep(&scratch, &["run", study, "--limit-runs", "1"]).ok();
    let start = || {
        let mut command = scratch.command(["sweep", "run", study, "--jobs", "2"]);
        command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap()
    };
    let (first, second) = (start(), start());
    for child in [first, second] {
        Run(child.wait_with_output().unwrap()).ok();
    }
    assert_eq!(count(&scratch, "done"), 30);
    assert_eq!(effects(&scratch, "effects").len(), 30);
    assert!(runs(&scratch).iter().all(|run| run["attempts"] == 1), "{:?}", runs(&scratch));
}

/// Row 32: results do not get mixed up.
#[test]
fn concurrent_runs_keep_their_results_apart() {
    let scratch = Scratch::new();
    let study = shell_study(&scratch, "apart", SCRIPT, "sweep: {x: {range: {from: 1, to: 16, step: 1}}}");
    sweep(&scratch, &["run", study.to_str().unwrap(), "--jobs", "8"]).ok();
    for run in runs(&scratch) {
        let id = run["run_id"].as_str().unwrap();
        let folder = scratch.path("results/runs").join(&id[..2]).join(&id[..16]);
        let result = crate::program::read_json(&folder.join("result.json"));
        assert_eq!(result["run_id"], id);
        assert_eq!(result["result"]["score"], run["axes"]["x"], "{run}");
    }
}

#[test]
fn filters_run_a_part_and_leave_the_rest_pending() {
    let scratch = Scratch::new();
    let study = shell_study(&scratch, "part", SCRIPT, "sweep: {x: [1, 2, 3, 4]}\nseeds: 3");
    let study = study.to_str().unwrap();
    sweep(&scratch, &["run", study, "--only", "x=2,3", "--seeds", "0-1"]).ok();
    assert_eq!((count(&scratch, "done"), count(&scratch, "pending")), (4, 8));
    // Two shards cover the rest.
    sweep(&scratch, &["run", study, "--shard", "0/2"]).ok();
    sweep(&scratch, &["run", study, "--shard", "1/2"]).ok();
    assert_eq!(count(&scratch, "done"), 12);
    assert_eq!(effects(&scratch, "effects").len(), 12);
    sweep(&scratch, &["run", "part", "--only", "x=1"]).refused(&["need the study file"]);
}

#[test]
fn planning_writes_nothing_and_says_what_will_run() {
    let scratch = Scratch::new();
    let study = shell_study(&scratch, "look", SCRIPT, "sweep: {x: [1, 2]}\nseeds: 2");
    let study = study.to_str().unwrap();
    let plan = sweep(&scratch, &["plan", study]).ok();
    assert!(plan.stderr().contains("4 runs, 0 done already, 4 to run"), "{}", plan.stderr());
    assert!(!scratch.path("results").exists());
    let document: serde_json::Value =
        serde_json::from_str(&sweep(&scratch, &["plan", study, "--json"]).ok().stdout()).unwrap();
    assert_eq!(document["runs"].as_array().unwrap().len(), 4);
    assert_eq!(document["runs"][0]["will_run"], true);
    // The job lines do what the runs do.
    let jobs = sweep(&scratch, &["plan", study, "--format", "jobs", "--limit-runs", "1"]).ok();
    let shell =
        std::process::Command::new("sh").args(["-c", jobs.stdout().trim()]).current_dir(scratch.path("")).output();
    assert!(String::from_utf8_lossy(&shell.unwrap().stdout).contains("score"), "{}", jobs.stdout());
    assert_eq!(effects(&scratch, "effects"), ["1 0"]);
    // After a run the next plan knows how long such runs take.
    sweep(&scratch, &["run", study, "--seeds", "0"]).ok();
    let plan = sweep(&scratch, &["plan", study]).ok();
    assert!(plan.stderr().contains("2 done already, 2 to run"), "{}", plan.stderr());
    assert!(plan.stderr().contains("about"), "{}", plan.stderr());
}

#[test]
fn a_result_that_was_published_and_never_told_is_adopted() {
    let scratch = Scratch::new();
    let study = shell_study(&scratch, "orphan", SCRIPT, "sweep: {x: [1, 2]}");
    let study = study.to_str().unwrap();
    sweep(&scratch, &["run", study]).ok();
    // The registry forgets; the folders stay.
    for name in ["registry.db", "registry.db-wal", "registry.db-shm"] {
        let _ = fs::remove_file(scratch.path("results").join(name));
    }
    let again = sweep(&scratch, &["run", study]).ok();
    assert!(again.stderr().contains("2 results were on disk already"), "{}", again.stderr());
    assert_eq!(effects(&scratch, "effects").len(), 2, "nothing ran twice");
}

#[test]
fn a_run_whose_folder_is_gone_is_told_and_made_again_on_request() {
    let scratch = Scratch::new();
    let study = shell_study(&scratch, "gone", SCRIPT, "sweep: {x: [1, 2]}");
    let study = study.to_str().unwrap();
    sweep(&scratch, &["run", study]).ok();
    let id = runs(&scratch)[0]["run_id"].as_str().unwrap().to_owned();
    fs::remove_dir_all(scratch.path("results/runs").join(&id[..2]).join(&id[..16])).unwrap();
    let told = sweep(&scratch, &["run", study]);
    assert_eq!(told.code(), Some(2), "{}", told.stderr());
    assert!(told.stderr().contains("is gone from the disk") && told.stderr().contains("aees runs retry"));
    assert_eq!(effects(&scratch, "effects").len(), 2);
    scratch.run(["runs", "retry", &id[..16], "--yes"]).ok();
    sweep(&scratch, &["run", study]).ok();
    assert_eq!(effects(&scratch, "effects").len(), 3);
}

/// The thesis' studies are planned on any machine, with no data and no network.
#[test]
fn every_study_of_the_thesis_is_planned() {
    let scratch = Scratch::new();
    let folder = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("configs/studies");
    let mut planned = 0;
    for entry in fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()) {
        if entry.extension().is_none_or(|extension| extension != "yaml") {
            continue;
        }
        let plan = sweep(&scratch, &["plan", entry.to_str().unwrap(), "--json"]).ok();
        let document: serde_json::Value = serde_json::from_str(&plan.stdout()).unwrap();
        assert!(document["runs"].as_array().unwrap().len() >= 9, "{}", entry.display());
        planned += 1;
    }
    assert!(planned >= 12, "{planned}");
    assert!(!scratch.path("results").exists());
}

/// Row 29: after three of eight, resuming runs the other five.
#[test]
fn a_study_that_was_begun_in_part_is_resumed_with_the_rest() {
    let scratch = Scratch::new();
    let study = shell_study(&scratch, "eight", SCRIPT, "sweep: {x: [1, 2, 3, 4]}\nseeds: 2");
    sweep(&scratch, &["run", study.to_str().unwrap(), "--limit-runs", "3"]).ok();
    assert_eq!(effects(&scratch, "effects").len(), 3);
    sweep(&scratch, &["resume", "eight"]).ok();
    assert_eq!(effects(&scratch, "effects").len(), 8);
    assert_eq!(states(&scratch), vec!["done"; 8]);
}
