//! `runs retry|cancel|invalidate|withdraw`: what moves, what is asked, what is written down.

use std::fs;

use aees_studies::registry::{Heartbeat, RunState};

use super::scratch::{LEASE, Results, run_id};

fn failed(runs: u64) -> Results {
    let mut results = Results::with_study("noise", runs);
    for number in 0..runs {
        results.fail(number, "oom", "out of memory");
    }
    results
}

#[test]
fn several_runs_need_a_yes_where_nobody_can_be_asked() {
    let results = failed(3);
    let retry = ["runs", "retry", "--study", "noise", "--state", "failed"];
    results.aees(&retry).refused(&["3 runs: 3 failed", "retry of 3 runs", "--yes", "nothing was changed"]);
    assert_eq!(results.state(0), RunState::Failed);

    let run = results.aees(&[&retry[..], &["--yes", "--reason", "more memory"]].concat()).ok();
    assert!(run.stderr().contains("3 runs: 3 failed"), "the count comes first: {}", run.stderr());
    assert_eq!(run.stdout().lines().count(), 3);
    assert_eq!(results.state(2), RunState::Pending);
    let why = results.json(&["runs", "why", "noise:2"]);
    let event = why["events"].as_array().unwrap().last().unwrap();
    assert_eq!((&event["kind"], &event["payload"]["reason"]), (&"retried".into(), &"more memory".into()));
    assert!(event["actor"].as_str().unwrap().contains('@'), "user@host: {event}");
    // And again: there is nothing to do, which is no error.
    assert!(results.aees(&[&retry[..], &["--yes"]].concat()).ok().stderr().contains("no run matches"));
}

#[test]
fn one_run_needs_no_question_and_only_the_failed_ones_of_a_study_are_meant() {
    let mut results = failed(2);
    results.plan("noise", 0..4);
    results.aees(&["runs", "cancel", "noise:3"]).ok();
    assert_eq!(results.state(3), RunState::Cancelled);
    results.aees(&["runs", "retry", "--study", "noise", "--yes"]).ok();
    let states = [0, 1, 2, 3].map(|number| results.state(number));
    assert_eq!(states, [RunState::Pending, RunState::Pending, RunState::Pending, RunState::Cancelled]);
}

#[test]
fn moves_that_are_not_legal_are_refused_and_listed() {
    let mut results = failed(2);
    results.plan("noise", 0..3);
    results.finish(2, 0.5);
    let run = results.aees(&["runs", "retry", "noise:0", "noise:2"]);
    assert_eq!(run.code(), Some(1));
    assert!(run.stderr().contains(&format!("refused: run {} is done", run_id(2))), "{}", run.stderr());
    assert_eq!(run.stdout().trim(), format!("{}  pending again", run_id(0)));
    assert_eq!((results.state(0), results.state(2)), (RunState::Pending, RunState::Done));
    let json = results.json(&["runs", "cancel", "noise:2"]);
    assert_eq!(json["refused"][0]["state"], "done");
    // One that does not exist: nothing moves.
    results.aees(&["runs", "cancel", "noise:0", "noise:9"]).refused(&["no run matches `noise:9`"]);
    assert_eq!(results.state(0), RunState::Pending);
    results.aees(&["runs", "retry"]).refused(&["required"]);
    results.aees(&["runs", "retry", "noise:0", "--study", "noise"]).refused(&["cannot be used with"]);
}

#[test]
fn a_cancelled_worker_learns_so_from_its_heartbeat() {
    let mut results = Results::with_study("noise", 1);
    let claim = results.start(0);
    let run = results.aees(&["runs", "cancel", "noise:0", "--reason", "not needed"]).ok();
    assert!(run.stderr().contains("next heartbeat"), "{}", run.stderr());
    let lost = results.registry.heartbeat(&[Heartbeat { claim: &claim, progress: None }], LEASE).unwrap();
    assert_eq!(lost, [&claim]);
    assert_eq!(results.state(0), RunState::Cancelled);
}

/// With row 3 of the acceptance list: after `invalidate` and a retry another result may come, and the events stay.
#[test]
fn an_invalidated_result_is_set_aside_and_never_found_again() {
    let mut results = Results::with_study("noise", 1);
    results.finish(0, 0.5);
    fs::create_dir(results.folder(0).join("checkpoints")).unwrap();
    results.aees(&["runs", "invalidate", "noise:0"]).refused(&["--reason"]);
    assert_eq!(results.state(0), RunState::Done);

    results.aees(&["runs", "invalidate", "noise:0", "--reason", "wrong data"]).ok();
    assert_eq!(results.state(0), RunState::Invalid);
    let folder = results.folder(0);
    assert!(!folder.join("result.json").exists() && folder.join("result.invalid-1.json").is_file());
    assert!(!folder.join("checkpoints").exists(), "its last checkpoint would only give the same result again");

    results.aees(&["runs", "retry", "noise:0"]).ok();
    results.finish(0, 0.75);
    results.aees(&["runs", "invalidate", "noise:0", "--reason", "wrong again"]).ok();
    assert!(folder.join("result.invalid-2.json").is_file());
    let why = results.json(&["runs", "why", "noise:0"]);
    let reasons: Vec<&str> =
        why["events"].as_array().unwrap().iter().filter_map(|event| event["payload"]["reason"].as_str()).collect();
    assert_eq!(reasons, ["wrong data", "", "wrong again"]);
    // A rebuild does not take it in either.
    fs::remove_file(results.scratch.path("results/registry.db")).unwrap();
    results.aees(&["registry", "rebuild"]).ok();
    assert_eq!(results.json(&["runs", "show", "noise:0"])["state"], "pending");
}

#[test]
fn a_refused_invalidation_leaves_the_file_where_it_is() {
    let mut results = Results::with_study("noise", 1);
    results.start(0);
    results.publish(0, 0.5);
    assert_eq!(results.aees(&["runs", "invalidate", "noise:0", "--reason", "x"]).code(), Some(1));
    assert!(results.folder(0).join("result.json").is_file());
}

#[test]
fn a_run_is_withdrawn_from_one_study() {
    let mut results = Results::with_study("noise", 2);
    results.plan("other", [0, 1]);
    results.aees(&["runs", "withdraw", &run_id(0).full()[..16]]).refused(&["none is named", "study:17"]);
    results.aees(&["runs", "withdraw", "noise:0", "--reason", "broken sensor"]).ok();
    let of = |study: &str| results.registry.status(&[study]).unwrap()[0].withdrawn;
    assert_eq!((of("noise"), of("other")), (1, 0));
    let again = results.aees(&["runs", "withdraw", "--study", "noise", &run_id(0).full()[..16]]);
    assert_eq!(again.code(), Some(1));
    assert!(again.stderr().contains("withdrawn before"), "{}", again.stderr());
    results.aees(&["runs", "withdraw", "noise:0", "other:1"]).refused(&["two studies"]);
}
