//! What goes wrong takes down one run, is said, and is tried again as the policy has it.

use std::fs;
use std::process::{Command, Stdio};

use rustix::process::Signal;
use serde_json::Value;

use super::stopping::{TRAINING, signal};
use super::{count, effects, runs, shell_study, sweep};
use crate::program::{Run, Scratch, read_json, wait_until};

#[test]
fn a_failure_reaches_the_exit_code_and_spares_the_others() {
    let scratch = Scratch::new();
    let script = "if [ {x} = 2 ]; then echo broken sensor >&2; exit 7; fi\necho '{{\"score\": {x}}}'";
    let study = shell_study(&scratch, "mixed", script, "sweep: {x: [1, 2, 3]}");
    let run = sweep(&scratch, &["run", study.to_str().unwrap()]);
    assert_eq!(run.code(), Some(2), "{}", run.stderr());
    assert!(run.stderr().contains("broken sensor") && run.stderr().contains("--retry-failed"), "{}", run.stderr());
    assert_eq!((count(&scratch, "done"), count(&scratch, "failed")), (2, 1));
    let why = scratch.run(["runs", "why", "mixed:1"]).ok();
    assert!(why.stdout().contains("broken sensor"), "{}", why.stdout());
    // It is not tried again by itself.
    assert_eq!(sweep(&scratch, &["run", study.to_str().unwrap()]).code(), Some(2));
    let retried = sweep(&scratch, &["resume", "mixed", "--retry-failed"]);
    assert_eq!(retried.code(), Some(2));
    assert_eq!(runs(&scratch)[1]["attempts"], 2);
}

#[test]
fn a_class_is_retried_as_often_as_the_study_says() {
    let scratch = Scratch::new();
    let script = "echo try >> tries\nif [ $(wc -l < tries) -lt 3 ]; then echo '{{\"class\": \"io\"}}'; exit 1; fi\necho '{{\"ok\": 1}}'";
    let study = shell_study(&scratch, "again", script, "retry: {io: 1}\nseeds: 1");
    assert_eq!(sweep(&scratch, &["run", study.to_str().unwrap()]).code(), Some(2), "one retry is not enough");
    assert_eq!(effects(&scratch, "tries").len(), 2);
    let study = shell_study(&scratch, "again", script, "retry: {io: 5}\nseeds: 1");
    sweep(&scratch, &["resume", "again", "--retry-failed"]).ok();
    assert!(study.exists());
    assert_eq!(effects(&scratch, "tries").len(), 3);
}

/// Row 41: a poisoned study stops.
#[test]
fn the_same_failure_on_three_configurations_stops_the_study() {
    let scratch = Scratch::new();
    let script = "echo try >> tries\necho 'no such module: torch' >&2; exit 1";
    let study = shell_study(&scratch, "poisoned", script, "sweep: {x: {range: {from: 1, to: 20, step: 1}}}");
    let run = sweep(&scratch, &["run", study.to_str().unwrap()]);
    assert_eq!(run.code(), Some(3), "{}", run.stderr());
    assert!(run.stderr().contains("3 configurations failed in the same way"), "{}", run.stderr());
    assert!(effects(&scratch, "tries").len() <= 4);
    assert_eq!(count(&scratch, "pending"), 17);
    assert_eq!(count(&scratch, "running"), 0);
}

#[test]
fn ten_failures_in_a_row_stop_the_study() {
    let scratch = Scratch::new();
    let script = "echo try >> tries\necho \"failure of kind $(echo {x} | tr 0-9 a-j)\" >&2; exit 1";
    let more = "sweep: {x: {range: {from: 1, to: 30, step: 1}}}\nbreakers: {consecutive: 10, same_fingerprint: 100}";
    let study = shell_study(&scratch, "row", script, more);
    let run = sweep(&scratch, &["run", study.to_str().unwrap()]);
    assert_eq!(run.code(), Some(3), "{}", run.stderr());
    assert!(run.stderr().contains("10 attempts in a row failed"), "{}", run.stderr());
    assert_eq!(effects(&scratch, "tries").len(), 10);
}

#[test]
fn fail_fast_stops_at_the_first_failure() {
    let scratch = Scratch::new();
    let study = shell_study(&scratch, "fast", "exit 1", "sweep: {x: [1, 2, 3, 4]}");
    let run = sweep(&scratch, &["run", study.to_str().unwrap(), "--fail-fast"]);
    assert_eq!(run.code(), Some(3), "{}", run.stderr());
    assert_eq!((count(&scratch, "failed"), count(&scratch, "pending")), (1, 3));
}

#[test]
fn all_that_is_wrong_with_a_study_is_said_before_anything_runs() {
    let scratch = Scratch::new();
    let text = "aees: 1\ntask: cifar100\nset:\n  epochz: 3\nsweep:\n  lr: [0.1, -1]\n  momentum: 0.9\n  batch_size: []\nseeds: 2\n";
    std::fs::write(scratch.path("wrong.yaml"), text).unwrap();
    let run = sweep(&scratch, &["run", "wrong.yaml"]);
    let run = run.refused(&["wrong.yaml:4", "epochz", "epochs", "wrong.yaml:6", "momentum", "set", "wrong.yaml:8"]);
    assert!(!run.stderr().contains("panicked"));
    assert!(!scratch.path("results").exists(), "nothing on disk changed");
    sweep(&scratch, &["run", "absent.yaml"]).refused(&["absent.yaml", "no such study file"]);
    sweep(&scratch, &["resume", "absent"]).refused(&["no planned study absent"]);
    sweep(&scratch, &["resume"]).refused(&["no study was planned here"]);
    std::fs::write(scratch.path("newer.yaml"), "aees: 2\ntask: cifar100\n").unwrap();
    sweep(&scratch, &["plan", "newer.yaml"]).refused(&["newer.yaml:1"]);
}

/// Each of these is refused by `plan` and by `run`, and nothing on disk changes.
#[test]
fn mistakes_in_a_study_are_told_with_their_place() {
    let scratch = Scratch::new();
    let head = "aees: 1\ntask: cifar100\n";
    let write = |name: &str, text: &str| std::fs::write(scratch.path(name), text).unwrap();
    write("one.yaml", "base: two.yaml\nlr: 0.1\n");
    write("two.yaml", "base: one.yaml\nlr: 0.2\n");
    for (body, words) in [
        ("sweep: {lr: [0.1]}\nzip: [{lr: [0.2, 0.3], epochs: [1, 2]}]\n", &["wrong.yaml:4", "lr"][..]),
        ("zip:\n  - {lr: [0.1, 0.2], epochs: [1, 2, 3]}\n", &["wrong.yaml:4", "2", "3"]),
        ("base: absent.yaml\n", &["wrong.yaml:3", "absent.yaml"]),
        ("base: one.yaml\n", &["one.yaml", "two.yaml"]),
        ("set: {lr: 0.1}\nset: {lr: 0.2}\n", &["wrong.yaml:4", "set"]),
        ("set: {lr: 0.1, lr: 0.2}\n", &["wrong.yaml:3", "lr"]),
        ("set: &loop\n  lr: *loop\n", &["wrong.yaml:4", "contains itself"]),
        ("set: {lr: .nan}\n", &["wrong.yaml:3", "lr"]),
        ("seeds: 3-1\n", &["wrong.yaml:3"]),
        ("set: {lr: 0.1}\nsweep: {lr: [0.2, 0.3]}\n", &["wrong.yaml:3", "`lr` is varied at", "wrong.yaml:4"]),
        (
            "sweep: {lr: [0.2]}\ncases: [{name: a, set: {lr: 1}}]\n",
            &["wrong.yaml:4", "`lr` is varied at", "wrong.yaml:3"],
        ),
        ("budget: {max_hours: -1}\n", &["wrong.yaml:3", "max_hours"]),
        ("budget: {per_run_timeout: 9999999d}\n", &["wrong.yaml:3", "per_run_timeout"]),
        (
            "sweep: {lr: {linspace: {from: 0.1, to: 1, n: 100}}}\nseeds: 1000000\n",
            &["100 settings with 1000000 seeds are 100000000 runs"],
        ),
        ("exclude: [{epochz: 3}]\n", &["wrong.yaml:3", "epochz"]),
    ] {
        write("wrong.yaml", &format!("{head}{body}"));
        for verb in ["plan", "run"] {
            sweep(&scratch, &[verb, "wrong.yaml"]).refused(words);
        }
    }
    assert!(!scratch.path("results").exists());
}

/// Nothing overwritten: what is left of a run is not trained over, and the way out that is printed works.
#[test]
fn a_run_whose_checkpoints_are_all_damaged_fails_and_says_the_way_out() {
    let scratch = Scratch::new();
    let text =
        TRAINING.replace("batch_size: 4, epochs: 2", "batch_size: 20, epochs: 20").replace("seeds: 3", "seeds: 1");
    fs::write(scratch.path("images.yaml"), text).unwrap();
    let root = ["--root", "my results"];
    let mut command = scratch.command(["sweep", "run", "images.yaml"].iter().chain(&root));
    let child = command.stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
    let status = || scratch.run(["sweep", "status", "images", "--json"].iter().chain(&root)).stdout();
    wait_until("it trains", || status().contains("\"step\""));
    signal(&child, Signal::INT);
    assert_eq!(Run(child.wait_with_output().unwrap()).code(), Some(130));
    let listed = scratch.run(["runs", "ls", "--json"].iter().chain(&root)).ok().stdout();
    let id = serde_json::from_str::<Value>(&listed).unwrap()["runs"][0]["run_id"].as_str().unwrap()[..16].to_owned();
    let checkpoints = scratch.path("my results/runs").join(&id[..2]).join(&id).join("checkpoints");
    let files = || fs::read_dir(&checkpoints).unwrap().map(|entry| entry.unwrap().path()).collect::<Vec<_>>();
    assert!(!files().is_empty());
    files().iter().for_each(|file| fs::write(file, "torn").unwrap());
    let run = scratch.run(["sweep", "resume", "images"].iter().chain(&root));
    assert_eq!(run.code(), Some(2), "{}", run.stderr());
    let (remove, retry) =
        (format!("rm -r '{}'", checkpoints.display()), format!("aees runs retry {id} --root 'my results'"));
    for words in ["failed (checkpoint)", "nothing was changed", &remove, &retry] {
        assert!(run.stderr().contains(words), "{words}: {}", run.stderr());
    }
    assert!(files().iter().all(|file| fs::read(file).unwrap() == b"torn"), "nothing is trained over them");
    let shown = scratch.run(["runs", "show", &id].iter().chain(&root)).ok().stdout();
    assert!(shown.contains("failed (checkpoint)") && shown.contains(&remove) && shown.contains(&retry), "{shown}");
    // What it says works.
    Command::new("sh").args(["-c", &remove]).status().unwrap();
    scratch.run(["runs", "retry", &id].iter().chain(&root)).ok();
    scratch.run(["sweep", "resume", "images"].iter().chain(&root)).ok();
    let result = read_json(&checkpoints.with_file_name("result.json"));
    assert_eq!(result["total_steps"], 400, "from its first step");
}
