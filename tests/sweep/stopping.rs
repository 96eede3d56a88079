//! Time limits, Ctrl-C and kills: nothing is left marked running, and what was done is kept.

use std::process::{Child, Stdio};

use rustix::process::{Pid, Signal, kill_process};

use super::{count, runs, shell_study, states, sweep};
use crate::program::{Run, Scratch, read_json, wait_until, without_times};

pub(crate) fn start(scratch: &Scratch, arguments: &[&str]) -> Child {
    let mut command = scratch.command(["sweep"].iter().chain(arguments));
    command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap()
}

pub(crate) fn signal(child: &Child, signal: Signal) {
    // It may be gone by itself.
    let _ = kill_process(Pid::from_child(child), signal);
}

/// Four runs of CIFAR-100 on made-up images, some seconds each.
pub(crate) const TRAINING: &str = "aees: 1\nname: images\ntask: cifar100\nset: {data: synthetic, model_width: 2, limit_train: 400, \
                        limit_eval: 100, batch_size: 4, epochs: 2, control_mode: adaptive, lr_candidates: [0.5, 1, 2], \
                        episode_length: 7}\nseeds: 3\n";

/// Row 6, 29, 31 and 38: stopped runs have checkpoints, and the resumed study ends as an unbroken one.
#[test]
fn a_study_stopped_by_time_goes_on_to_the_same_results() {
    let scratch = Scratch::new();
    std::fs::write(scratch.path("images.yaml"), TRAINING).unwrap();
    let run = sweep(&scratch, &["run", "images.yaml", "--jobs", "2", "--max-hours", "0.0005"]);
    assert_eq!(run.code(), Some(3), "{}", run.stderr());
    assert!(run.stderr().contains("the time is over") && run.stderr().contains("aees sweep resume images"));
    assert_eq!(count(&scratch, "running"), 0);
    let interrupted: Vec<String> = runs(&scratch)
        .iter()
        .filter(|run| run["state"] == "interrupted")
        .map(|run| run["run_id"].as_str().unwrap().to_owned())
        .collect();
    let folder = |root: &str, id: &str| scratch.path(root).join("runs").join(&id[..2]).join(&id[..16]);
    for id in &interrupted {
        let saved = std::fs::read_dir(folder("results", id).join("checkpoints")).unwrap().count();
        assert!(saved > 0, "{id} has a checkpoint");
    }
    sweep(&scratch, &["resume", "images", "--jobs", "2"]).ok();
    sweep(&scratch, &["run", "images.yaml", "--jobs", "2", "--root", "whole"]).ok();
    for run in runs(&scratch) {
        let id = run["run_id"].as_str().unwrap();
        let result = |root: &str| without_times(read_json(&folder(root, id).join("result.json")));
        assert_eq!(result("results"), result("whole"), "{id}");
    }
}

#[test]
fn ctrl_c_checkpoints_every_run_and_leaves_none_running() {
    let scratch = Scratch::new();
    std::fs::write(scratch.path("images.yaml"), TRAINING.replace("epochs: 2", "epochs: 200")).unwrap();
    let child = start(&scratch, &["run", "images.yaml", "--jobs", "2"]);
    let log = || std::fs::read_dir(scratch.path("results/runs")).is_ok_and(|entries| entries.count() >= 2);
    wait_until("two runs began", log);
    wait_until("they train", || {
        let status = scratch.run(["sweep", "status", "images", "--json"]);
        status.stdout().contains("\"step\"")
    });
    signal(&child, Signal::INT);
    let run = Run(child.wait_with_output().unwrap());
    assert_eq!(run.code(), Some(130), "{}", run.stderr());
    let states = states(&scratch);
    assert!(!states.contains(&"running".to_owned()), "{states:?}");
    assert_eq!(states.iter().filter(|state| *state == "interrupted").count(), 2, "{states:?}");
}

/// Row 2: what a dead supervisor held is taken up, at once on the same machine.
#[test]
fn a_killed_supervisor_leaves_nothing_behind() {
    let scratch = Scratch::new();
    let script = "echo {x} >> begun\nsleep 0.3\necho {x} >> ended\necho '{{\"score\": {x}}}'";
    let study = shell_study(&scratch, "killed", script, "sweep: {x: {range: {from: 1, to: 8, step: 1}}}");
    let study = study.to_str().unwrap();
    let mut child = start(&scratch, &["run", study, "--jobs", "4"]);
    wait_until("some runs began", || super::effects(&scratch, "begun").len() >= 3);
    child.kill().unwrap();
    child.wait().unwrap();
    let run = sweep(&scratch, &["run", study]).ok();
    assert!(run.stderr().contains("left by a process that died"), "{}", run.stderr());
    assert_eq!(count(&scratch, "done"), 8);
}

#[test]
fn a_run_that_takes_too_long_is_stopped_and_goes_on_when_resumed() {
    let scratch = Scratch::new();
    std::fs::write(
        scratch.path("images.yaml"),
        TRAINING.replace("seeds: 3", "seeds: 1\nbudget: {per_run_timeout: 2s}").replace("epochs: 2", "epochs: 8"),
    )
    .unwrap();
    let run = sweep(&scratch, &["run", "images.yaml"]);
    // A very fast machine finishes in time.
    if run.code() == Some(0) {
        return;
    }
    assert_eq!(run.code(), Some(3), "{}", run.stderr());
    assert!(run.stderr().contains("per_run_timeout"), "{}", run.stderr());
    assert_eq!(states(&scratch), ["interrupted"]);
    // Each go has its own time, and gets further.
    for _ in 0..60 {
        if sweep(&scratch, &["resume"]).code() == Some(0) {
            break;
        }
    }
    assert_eq!(states(&scratch), ["done"]);
}

/// Row 30: a study in the background is seen, stopped, and leaves no descendant alive.
#[test]
fn a_study_in_the_background_is_stopped_with_everything_it_started() {
    let scratch = Scratch::new();
    let script = "trap '' TERM\necho $$ >> pids\nsetsid sh -c 'echo $$ >> pids; sleep 600' &\nsleep 600";
    let study = shell_study(&scratch, "stubborn", script, "seeds: 2");
    let id = sweep(&scratch, &["run", study.to_str().unwrap(), "--jobs", "2", "--bg"]).ok().stdout();
    wait_until("both programs and their children began", || super::effects(&scratch, "pids").len() >= 4);
    let list = scratch.run(["runs", "bg", "list"]).ok();
    assert!(list.stdout().contains(id.trim()) && list.stdout().contains("running"), "{}", list.stdout());
    scratch.run(["runs", "bg", "stop", "stubborn", "--grace", "1"]).ok();
    let alive = |pid: &String| std::path::Path::new("/proc").join(pid).join("exe").exists();
    let left: Vec<String> = super::effects(&scratch, "pids").into_iter().filter(alive).collect();
    assert!(left.is_empty(), "{left:?} are still alive");
    assert_eq!(scratch.run(["runs", "bg", "stop", "stubborn"]).code(), Some(1), "there is nothing left to stop");
    // What was cut off is claimed again: the registry knows that its supervisor is dead.
    let script = shell_study(&scratch, "stubborn", script, "seeds: 2");
    assert!(script.exists());
    let status = scratch.run(["sweep", "status", "stubborn", "--json"]).ok();
    assert!(status.stdout().contains("stubborn"));
}
