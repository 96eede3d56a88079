//! A worker by itself, with its job in a file: no supervisor, no registry, no lifeline.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Stdio;

use aees_studies::disk::{PlanFile, Root};
use aees_studies::job::Job;
use rustix::process::Signal;
use serde_json::{Value, json};

use super::stopping::{TRAINING, signal};
use super::{effects, shell_study, sweep};
use crate::program::{Run, Scratch, read_json, wait_until, without_times};

/// The only job of a study that was run once, to be done again in a folder that knows nothing of it.
fn job_of(scratch: &Scratch, study: &str) -> (PathBuf, Job) {
    let plan = PlanFile::newest(&Root::new(scratch.path("results")), study).unwrap().unwrap();
    let mut planned = Vec::new();
    plan.read(|_| true, |member, work| planned.push((member.run.run_id, work))).unwrap();
    let (run_id, work) = planned.remove(0);
    let run_directory = scratch.path("alone").join(run_id.short());
    let job = Job { run_id: run_id.full().to_owned(), run_directory, attempt: 1, alone: false, work, stop_at: None };
    let path = scratch.path("job.json");
    fs::write(&path, serde_json::to_string(&job).unwrap()).unwrap();
    (path, job)
}

fn work_on(scratch: &Scratch, job: &Path) -> Run {
    scratch.run(["worker", "--job", job.to_str().unwrap()])
}

/// The last line that a worker said.
fn end(run: &Run) -> Value {
    let last = run.stdout().lines().next_back().map(serde_json::from_str::<Value>);
    last.unwrap_or_else(|| panic!("{}", run.stderr())).unwrap()
}

#[test]
fn a_worker_with_a_job_file_publishes_once_and_makes_no_registry() {
    let scratch = Scratch::new();
    let script = "echo $AEES_ATTEMPT >> effects\necho '{{\"score\": 1}}'";
    let study = shell_study(&scratch, "one", script, "");
    sweep(&scratch, &["run", study.to_str().unwrap()]).ok();
    let (path, job) = job_of(&scratch, "one");
    fs::remove_dir_all(scratch.path("results")).unwrap();
    let first = work_on(&scratch, &path).ok();
    assert_eq!((&end(&first)["event"], &end(&first)["state"]), (&json!("ended"), &json!("done")));
    let result = fs::read(job.run_directory.join("result.json")).unwrap();
    assert_eq!(end(&work_on(&scratch, &path).ok())["state"], "done");
    assert_eq!(fs::read(job.run_directory.join("result.json")).unwrap(), result);
    assert_eq!(effects(&scratch, "effects"), ["1", "1"], "once by the study, once by the first worker");
    assert!(!scratch.path("results").exists());
}

#[test]
fn a_signal_stops_a_worker_with_a_checkpoint_from_which_another_goes_on() {
    let scratch = Scratch::new();
    fs::write(scratch.path("images.yaml"), TRAINING.replace("seeds: 3", "seeds: 1")).unwrap();
    sweep(&scratch, &["run", "images.yaml"]).ok();
    let (path, job) = job_of(&scratch, "images");
    let mut command = scratch.command(["worker", "--job", path.to_str().unwrap()]);
    // Standard input is at its end from the beginning.
    let child = command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    let log = job.run_directory.join("metrics.jsonl");
    wait_until("the first episode is over", || fs::metadata(&log).is_ok_and(|log| log.len() > 0));
    signal(&child, Signal::TERM);
    let stopped = Run(child.wait_with_output().unwrap());
    assert_eq!(end(&stopped)["state"], "interrupted", "{}", stopped.stderr());
    assert!(fs::read_dir(job.run_directory.join("checkpoints")).unwrap().count() > 0);
    assert!(!job.run_directory.join("result.json").exists());
    assert_eq!(end(&work_on(&scratch, &path).ok())["state"], "done");
    let unbroken = scratch.path("results/runs").join(&job.run_id[..2]).join(&job.run_id[..16]);
    let result = |folder: &Path| without_times(read_json(&folder.join("result.json")));
    assert_eq!(result(&job.run_directory), result(&unbroken));
}

#[test]
fn a_file_that_is_no_job_is_refused_by_name() {
    let scratch = Scratch::new();
    scratch.run(["worker", "--job", "absent.json"]).refused(&["cannot read absent.json"]);
    fs::write(scratch.path("torn.json"), "{\"run_id\": ").unwrap();
    scratch.run(["worker", "--job", "torn.json"]).refused(&["torn.json is no job"]);
}
