//! Runs side by side in one process: each is the run that it is alone, and none touches another.

use std::collections::BTreeSet;
use std::fs;
use std::path::PathBuf;

use rustix::process::{Pid, Signal, kill_process};
use serde_json::Value;

use super::stopping::{TRAINING, start};
use super::{count, runs, shell_study, sweep};
use crate::program::{Scratch, read_json, wait_until, without_times};
use crate::text::train;

/// AEES on both axes, noisy labels, a hold-out, another batch size and a baseline: what runs of one process do not have in common.
const VARIED: &str = "aees: 1\nname: varied\ntask: cifar100\nset: {data: synthetic, model_width: 2, limit_train: 200, \
                      limit_eval: 100, epochs: 2, episode_length: 4}\ncases:\n  - {name: aees, set: {control_mode: adaptive, \
                      lr_candidates: [0.5, 1, 2], noise_candidates: [0, 0.01], batch_size: 20}}\n  - {name: noisy, set: \
                      {label_noise_type: symmetric, label_noise_rate: 0.4, batch_size: 40}}\n  - {name: held, set: {val_split: 0.5, \
                      optimizer: SGD, lr: 0.1, batch_size: 20}}\nseeds: 2\n";

fn folder(scratch: &Scratch, root: &str, id: &str) -> PathBuf {
    scratch.path(root).join("runs").join(&id[..2]).join(&id[..16])
}

/// A result without times, and without the share of the cores that the run had.
fn result(scratch: &Scratch, root: &str, id: &str) -> Value {
    let mut result = without_times(read_json(&folder(scratch, root, id).join("result.json")));
    result["config"]["threads"] = Value::Null;
    result
}

/// The results of all runs are those of the same study in another root.
fn assert_as_alone(scratch: &Scratch, alone: &str) {
    for run in runs(scratch) {
        let id = run["run_id"].as_str().unwrap();
        assert_eq!(result(scratch, "results", id), result(scratch, alone, id), "{id}");
    }
}

/// What `status` knows of running runs.
fn running(scratch: &Scratch) -> Vec<Value> {
    let document: Value = serde_json::from_str(&sweep(scratch, &["status", "--json"]).stdout()).unwrap_or_default();
    document["studies"][0]["running"].as_array().cloned().unwrap_or_default()
}

/// The one process in which so many runs take steps, once they do.
fn process_of(scratch: &Scratch, runs: usize) -> i64 {
    let found = || {
        let running = running(scratch);
        let at_work = running.iter().filter(|run| run["progress"]["step"].as_u64().is_some_and(|step| step > 0));
        let at_work: Vec<&Value> = at_work.collect();
        let processes: BTreeSet<i64> =
            at_work.iter().filter_map(|run| run["progress"]["worker_pid"].as_i64()).collect();
        (at_work.len() == runs).then_some(processes)
    };
    wait_until("all train", || found().is_some());
    let processes = found().unwrap();
    assert_eq!(processes.len(), 1, "one process: {processes:?}");
    processes.into_iter().next().unwrap()
}

fn kill(process: i64, signal: Signal) {
    kill_process(Pid::from_raw(process as i32).unwrap(), signal).unwrap();
}

#[test]
fn runs_side_by_side_are_those_runs_alone_to_the_bit() {
    let scratch = Scratch::new();
    fs::write(scratch.path("varied.yaml"), VARIED).unwrap();
    sweep(&scratch, &["run", "varied.yaml", "--root", "alone"]).ok();
    let packed = sweep(&scratch, &["run", "varied.yaml", "--pack", "4"]).ok();
    assert!(!packed.stderr().contains("warning"), "{}", packed.stderr());
    assert_eq!(count(&scratch, "done"), 6);
    assert_as_alone(&scratch, "alone");
}

/// Tokens are shared, and so are the weights that training begins from.
#[test]
fn sentences_and_pretrained_weights_side_by_side_give_the_same_bits() {
    let scratch = Scratch::new();
    let small = "data: synthetic, max_length: 16, limit_train: 120, limit_eval: 40, batch_size: 8, epochs: 2, episode_length: 4";
    train(&scratch, "agnews", "first", &["--epochs", "1"]).ok();
    scratch.run(["export", "first", "--to", "model"]).ok();
    let study = format!(
        "aees: 1\nname: words\ntask: agnews\nset: {{{small}, model: model, tokenizer: model, init: pretrained}}\nsweep: \
         {{label_noise_rate: [0, 0.3], lr: [1e-3, 1e-4]}}\nseeds: 2\nresources: {{pack: 3, jobs: 6}}\n"
    );
    fs::write(scratch.path("words.yaml"), study).unwrap();
    sweep(&scratch, &["run", "words.yaml", "--root", "alone", "--pack", "1", "--jobs", "1"]).ok();
    sweep(&scratch, &["run", "words.yaml"]).ok();
    assert_eq!(count(&scratch, "done"), 8);
    assert_as_alone(&scratch, "alone");
}

#[test]
fn a_killed_worker_takes_up_all_of_its_runs_again() {
    let scratch = Scratch::new();
    fs::write(scratch.path("images.yaml"), TRAINING).unwrap();
    sweep(&scratch, &["run", "images.yaml", "--root", "alone"]).ok();
    for (signal, words) in [(Signal::KILL, "was killed"), (Signal::ABORT, "it is tried again alone")] {
        let _ = fs::remove_dir_all(scratch.path("results"));
        let child = start(&scratch, &["run", "images.yaml", "--pack", "3"]);
        kill(process_of(&scratch, 3), signal);
        let output = child.wait_with_output().unwrap();
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        assert!(output.status.success() && said.matches(words).count() == 3, "{said}");
        let attempts: Vec<_> = runs(&scratch).iter().map(|run| run["attempts"].as_u64().unwrap()).collect();
        assert_eq!(attempts, [2, 2, 2], "{signal:?}");
        assert_as_alone(&scratch, "alone");
    }
}

#[test]
fn a_run_that_diverges_fails_or_is_cancelled_does_not_touch_the_others() {
    let scratch = Scratch::new();
    let study = TRAINING.replace("seeds: 3\n", "");
    let study = study.replace("name: images", "name: mixed")
        + "seeds: 1\ncases:\n  - {name: good}\n  - {name: diverges, set: {lr: 1.0e+30}}\n  - {name: fails, set: {model_width: 20000}}\n  \
           - {name: cancelled, set: {epochs: 1000}}\n";
    fs::write(scratch.path("mixed.yaml"), study).unwrap();
    sweep(&scratch, &["run", "mixed.yaml", "--root", "alone", "--case", "good"]).ok();
    let plan = sweep(&scratch, &["plan", "mixed.yaml", "--json"]).ok().stdout();
    let plan: Value = serde_json::from_str(&plan).unwrap();
    let id = |place: usize| plan["runs"][place]["run_id"].as_str().unwrap_or_else(|| panic!("{plan}")).to_owned();
    let child = start(&scratch, &["run", "mixed.yaml", "--pack", "4"]);
    let is_over = |place: usize| {
        let state = runs(&scratch).into_iter().find(|run| run["run_id"] == id(place).as_str());
        state.is_some_and(|run| ["done", "failed"].contains(&run["state"].as_str().unwrap()))
    };
    wait_until("three are over", || scratch.path("results/registry.db").exists() && (0..3).all(is_over));
    assert_eq!(running(&scratch).len(), 1, "the long one goes on");
    scratch.run(["runs", "cancel", &id(3)]).ok();
    let output = child.wait_with_output().unwrap();
    assert_eq!(output.status.code(), Some(2), "{}", String::from_utf8_lossy(&output.stderr));
    let states: Vec<String> = (0..4)
        .map(|place| {
            let run = runs(&scratch).into_iter().find(|run| run["run_id"] == id(place).as_str()).unwrap();
            format!("{} {}", run["state"].as_str().unwrap(), run["outcome"].as_str().unwrap_or_default())
        })
        .collect();
    assert_eq!(states, ["done ok", "done diverged", "failed ", "cancelled "]);
    assert_eq!(result(&scratch, "results", &id(0)), result(&scratch, "alone", &id(0)));
    let stopped = folder(&scratch, "results", &id(3)).join("checkpoints");
    assert!(fs::read_dir(stopped).unwrap().count() > 0, "the cancelled one wrote a checkpoint");
}

/// A place in a process that becomes free is given to the next run.
#[test]
fn more_runs_than_places_go_through_the_same_process() {
    let scratch = Scratch::new();
    fs::write(scratch.path("varied.yaml"), VARIED.replace("seeds: 2", "seeds: 4")).unwrap();
    sweep(&scratch, &["run", "varied.yaml", "--pack", "2"]).ok();
    assert_eq!(count(&scratch, "done"), 12);
    // The first run of a process has the process' log.
    let logs = runs(&scratch)
        .into_iter()
        .filter(|run| folder(&scratch, "results", run["run_id"].as_str().unwrap()).join("worker.log").exists());
    assert_eq!(logs.count(), 1, "one process for all");
}

#[test]
fn packs_that_cannot_be_meant_are_refused() {
    let scratch = Scratch::new();
    let study = |more: &str| shell_study(&scratch, "program", "echo '{{\"a\": 1}}'", more);
    let run = |path: &PathBuf, more: &[&str]| sweep(&scratch, &[&["run", path.to_str().unwrap()], more].concat());
    run(&study(""), &["--pack", "0"]).refused(&["--pack", "1..=1024"]);
    run(&study(""), &["--pack", "2"]).refused(&["--pack", "a program has a process of its own", "--per-device"]);
    run(&study("resources: {pack: 2}"), &[]).refused(&[
        "program.yaml:",
        "`pack` in resources",
        "programs share no process",
    ]);
    run(&study("slurm: {pack: 2}"), &[]).refused(&["program.yaml:", "`pack` in slurm"]);
    run(&study("resources: {pack: 0}"), &[]).refused(&["program.yaml:", "`pack` in resources", "from 1 to 1024"]);
    assert!(!scratch.path("results/runs").exists());
    run(&study("resources: {pack: 1}"), &["--pack", "1"]).ok();
}
