//! Two terminals, one name: plans are versions, a supervisor keeps to its own, and a run's number is the run's for ever.

use std::fs;
use std::process::{Child, Stdio};

use super::{count, effects, runs, shell_study, states, sweep};
use crate::program::{Run, Scratch, wait_until};

const SCRIPT: &str = "echo {x} {seed} >> effects\necho '{{\"score\": {x}}}'";

/// Runs wait for the file `go`.
const WAITS: &str =
    "echo {x} >> begun\nwhile [ ! -e go ]; do sleep 0.02; done\necho {x} >> effects\necho '{{\"score\": {x}}}'";

fn start(scratch: &Scratch, study: &str) -> Child {
    let mut command = scratch.command(["sweep", "run", study]);
    command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap()
}

#[test]
fn another_file_under_the_name_of_a_study_is_refused_and_asked_for() {
    let scratch = Scratch::new();
    let study = shell_study(&scratch, "same", SCRIPT, "sweep: {x: [1, 2, 3]}");
    let study = study.to_str().unwrap().to_owned();
    sweep(&scratch, &["run", &study, "--limit-runs", "2"]).ok();
    let other = shell_study(&scratch, "same", SCRIPT, "sweep: {x: [3, 4]}").to_str().unwrap().to_owned();
    let said = ["2 runs would leave it (2 done): same:0, same:1", "--replace", "another `name:`"];
    sweep(&scratch, &["run", &other]).refused(&said);
    assert_eq!((runs(&scratch).len(), effects(&scratch, "effects").len()), (3, 2), "nothing changed");
    let replaced = sweep(&scratch, &["run", &other, "--replace"]).ok();
    assert!(replaced.stderr().contains("2 left the study"), "{}", replaced.stderr());
    assert_eq!(effects(&scratch, "effects").len(), 4);
    // An override makes other runs, too.
    sweep(&scratch, &["run", &other, "-o", "x=9"]).refused(&["would leave it"]);
}

#[test]
fn a_number_in_a_study_means_one_run_for_ever() {
    let scratch = Scratch::new();
    let plan = |values: &str, more: &[&str]| {
        let study = shell_study(&scratch, "numbers", SCRIPT, &format!("sweep: {{x: [{values}]}}"));
        sweep(&scratch, &[&["run", study.to_str().unwrap()], more].concat()).ok();
    };
    let x = |number: usize| {
        let show = scratch.run(["runs", "show", &format!("numbers:{number}"), "--json"]).ok();
        let document: serde_json::Value = serde_json::from_str(&show.stdout()).unwrap();
        document["identity"]["config"]["x"].as_i64()
    };
    plan("1, 2", &[]);
    plan("7, 1, 8, 2", &[]);
    assert_eq!([0, 1, 2, 3].map(x), [Some(1), Some(2), Some(7), Some(8)]);
    plan("8, 5", &["--replace"]);
    assert_eq!([0, 1, 2, 3, 4].map(x), [Some(1), Some(2), Some(7), Some(8), Some(5)]);
    // And after a rebuild.
    fs::remove_file(scratch.path("results/registry.db")).unwrap();
    scratch.run(["registry", "rebuild"]).ok();
    assert_eq!([0, 1, 2, 3, 4].map(x), [Some(1), Some(2), Some(7), Some(8), Some(5)]);
    assert_eq!(
        fs::read_dir(scratch.path("results/studies/numbers")).unwrap().count(),
        5,
        "three versions, a lock, an origin"
    );
}

/// The first supervisor waited for ever for runs that were no longer its study's.
#[test]
fn a_supervisor_keeps_to_the_plan_that_it_began_and_ends_with_it() {
    let scratch = Scratch::new();
    let study = shell_study(&scratch, "kept", WAITS, "sweep: {x: [1, 2, 3]}");
    let first = start(&scratch, study.to_str().unwrap());
    wait_until("the first run began", || !effects(&scratch, "begun").is_empty());
    let study = shell_study(&scratch, "kept", WAITS, "sweep: {x: [4, 5]}");
    let second = {
        let mut command = scratch.command(["sweep", "run", study.to_str().unwrap(), "--replace"]);
        command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap()
    };
    wait_until("the second began", || effects(&scratch, "begun").contains(&"4".to_owned()));
    fs::write(scratch.path("go"), "").unwrap();
    for child in [first, second] {
        let run = Run(child.wait_with_output().unwrap()).ok();
        assert!(run.stderr().contains("done"), "{}", run.stderr());
    }
    let mut done = effects(&scratch, "effects");
    done.sort();
    assert_eq!(done, ["1", "2", "3", "4", "5"], "each its own, each once");
}

#[test]
fn a_file_that_grew_while_a_supervisor_works_is_the_next_ones() {
    let scratch = Scratch::new();
    let study = shell_study(&scratch, "grown", WAITS, "sweep: {x: [1, 2]}");
    let first = start(&scratch, study.to_str().unwrap());
    wait_until("the first run began", || !effects(&scratch, "begun").is_empty());
    let study = shell_study(&scratch, "grown", WAITS, "sweep: {x: [1, 2, 3]}");
    let plan = sweep(&scratch, &["run", study.to_str().unwrap(), "--max-hours", "0"]);
    assert_eq!(plan.code(), Some(3), "{}", plan.stderr());
    fs::write(scratch.path("go"), "").unwrap();
    let run = Run(first.wait_with_output().unwrap()).ok();
    assert!(run.stderr().contains("grown: 2 done"), "it ends with its own selection: {}", run.stderr());
    assert_eq!(count(&scratch, "pending"), 1);
    sweep(&scratch, &["resume", "grown"]).ok();
    assert_eq!(states(&scratch), vec!["done"; 3]);
}

#[test]
fn withdrawn_runs_are_not_run_are_shown_and_come_back() {
    let scratch = Scratch::new();
    let study = shell_study(&scratch, "less", SCRIPT, "sweep: {x: [1, 2, 3]}");
    let study = study.to_str().unwrap();
    sweep(&scratch, &["run", study, "--limit-runs", "1"]).ok();
    scratch.run(["runs", "withdraw", "less:2", "--reason", "no longer wanted"]).ok();
    sweep(&scratch, &["resume", "less"]).ok();
    assert_eq!(effects(&scratch, "effects"), ["1 0", "2 0"]);
    let listed = scratch.run(["runs", "ls", "less"]).ok().stdout();
    assert!(listed.lines().nth(3).unwrap().contains("pending, withdrawn"), "{listed}");
    scratch.run(["runs", "restore", "less:0"]).refused(&["was not withdrawn"]);
    scratch.run(["runs", "restore", "less:2"]).ok();
    sweep(&scratch, &["run", study]).ok();
    assert_eq!(effects(&scratch, "effects").len(), 3);
}

/// The plan is one file: two that contradicted each other were claimed and given back 153 times in 8 seconds.
#[test]
fn a_plan_whose_registry_is_of_another_version_goes_on_with_the_newest() {
    let scratch = Scratch::new();
    let study = shell_study(&scratch, "torn", SCRIPT, "sweep: {x: [1, 2]}");
    sweep(&scratch, &["run", study.to_str().unwrap(), "--limit-runs", "1"]).ok();
    // A process that dies between the file and the registry leaves a version that the registry does not know.
    let older = fs::read(scratch.path("results/registry.db")).unwrap();
    let study = shell_study(&scratch, "torn", SCRIPT, "sweep: {x: [1, 2, 3]}");
    sweep(&scratch, &["run", study.to_str().unwrap(), "--max-hours", "0"]);
    for name in ["registry.db-wal", "registry.db-shm"] {
        let _ = fs::remove_file(scratch.path("results").join(name));
    }
    fs::write(scratch.path("results/registry.db"), older).unwrap();
    sweep(&scratch, &["resume", "torn"]).ok();
    assert_eq!(effects(&scratch, "effects").len(), 3);
    assert!(runs(&scratch).iter().all(|run| run["attempts"] == 1), "{:?}", runs(&scratch));
}

#[test]
fn a_part_of_a_study_can_run_in_the_background() {
    let scratch = Scratch::new();
    let study = shell_study(&scratch, "part", SCRIPT, "sweep: {x: [1, 2, 3]}");
    sweep(&scratch, &["run", study.to_str().unwrap(), "--only", "x=2", "--bg"]).ok();
    wait_until("it is over", || {
        let listed = scratch.run(["runs", "bg", "list", "--all"]).ok().stdout();
        count(&scratch, "done") == 1 && !listed.contains("running")
    });
    assert_eq!((effects(&scratch, "effects"), count(&scratch, "pending")), (vec!["2 0".to_owned()], 2));
}

#[test]
fn a_plan_that_cannot_be_read_is_made_again_from_its_file() {
    let scratch = Scratch::new();
    let study = shell_study(&scratch, "damaged", SCRIPT, "sweep: {x: [1, 2]}");
    let study = study.to_str().unwrap();
    sweep(&scratch, &["run", study, "--limit-runs", "1"]).ok();
    let plan = scratch.path("results/studies/damaged/plan-000001.jsonl");
    let whole = fs::read(&plan).unwrap();
    fs::write(&plan, &whole[..whole.len() / 2]).unwrap();
    sweep(&scratch, &["resume", "damaged"]).refused(&["plan-000001.jsonl is damaged", "aees sweep run FILE"]);
    sweep(&scratch, &["run", study]).ok();
    assert_eq!(effects(&scratch, "effects").len(), 2);
    sweep(&scratch, &["resume", "damaged"]).ok();
}
