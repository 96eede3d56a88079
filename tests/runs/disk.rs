//! `registry rebuild` and `registry check`: the registry and what lies on the disk.

use std::fs;

use aees_studies::registry::{Reader, RunState};

use super::scratch::{Results, everything, run_id};
use crate::registry_facts::registry_facts;

fn facts(results: &Results) -> String {
    registry_facts(&results.scratch.path("results/registry.db"))
}

/// Row 42 of the acceptance list. Runs that were never started come back too: the study's file tells what they are.
#[test]
fn a_deleted_registry_comes_back_as_it_was() {
    let mut results = Results::with_study("noise", 6);
    results.plan("other", [4, 1, 7]);
    for number in [0, 1, 4] {
        results.finish(number, 0.5 + number as f64 / 100.0);
    }
    let before = facts(&results);
    fs::remove_file(results.scratch.path("results/registry.db")).unwrap();
    results.aees(&["runs", "ls"]).refused(&["there is no registry", "aees registry rebuild --root results"]);

    let said = results.aees(&["registry", "rebuild"]).ok();
    assert!(said.stdout().contains("2 studies, 7 runs, 3 of them done"), "{}", said.stdout());
    assert_eq!(facts(&results), before);
    // Over one that is there: the same, and the older file is kept.
    let json = results.json(&["registry", "rebuild"]);
    assert_eq!(facts(&results), before);
    assert!(fs::exists(results.scratch.path(json["kept"].as_str().unwrap())).unwrap());
}

#[test]
fn what_cannot_be_believed_is_skipped_and_listed() {
    let mut results = Results::with_study("noise", 4);
    for number in 0..4 {
        results.finish(number, 0.5);
    }
    // A torn result; a result of another run; an identity that was changed; a folder of nobody; a study without a file.
    fs::write(results.folder(0).join("result.json"), "{\"outcome\": {\"status\"").unwrap();
    fs::copy(results.folder(2).join("result.json"), results.folder(1).join("result.json")).unwrap();
    let identity = results.folder(2).join("identity.json");
    let changed = fs::read_to_string(&identity).unwrap().replace("64", "65");
    fs::write(&identity, changed).unwrap();
    fs::create_dir_all(results.scratch.path("results/runs/ab/ab00000000000000")).unwrap();
    fs::create_dir_all(results.scratch.path("results/studies/empty")).unwrap();

    let results = results.closed();
    let json = results.json(&["registry", "rebuild"]);
    let skipped = json["skipped"].as_array().unwrap();
    let reason = |part: &str| {
        let found = skipped.iter().find(|entry| entry["path"].as_str().unwrap().contains(part));
        found.unwrap_or_else(|| panic!("{part} is not in {skipped:?}"))["reason"].as_str().unwrap().to_owned()
    };
    let of = |number: u64, file: &str| reason(&format!("{}/{file}", run_id(number)));
    assert!(of(0, "result.json").contains("without a result"), "{skipped:?}");
    assert!(of(1, "result.json").contains(run_id(2).full()), "{skipped:?}");
    assert!(of(2, "identity.json").contains("does not hash"), "{skipped:?}");
    assert!(reason("ab00000000000000").contains("no study lists it"));
    assert!(reason("studies/empty").contains("no plan"));
    assert_eq!(skipped.len(), 5);
    // The study knows run 2, so its result counts; the damaged ones do not.
    let reader = Reader::open(&results.scratch.path("results/registry.db")).unwrap();
    let states = [0, 1, 2, 3].map(|number| reader.run(run_id(number).full()).unwrap().state);
    assert_eq!(states, [RunState::Pending, RunState::Pending, RunState::Done, RunState::Done]);
}

#[test]
fn a_run_that_no_study_lists_keeps_its_result() {
    let mut results = Results::with_study("noise", 1);
    results.finish(0, 0.5);
    fs::remove_dir_all(results.scratch.path("results/studies")).unwrap();
    fs::remove_file(results.scratch.path("results/registry.db")).unwrap();
    results.aees(&["registry", "rebuild"]).ok();
    let runs = results.json(&["runs", "ls"]);
    assert_eq!((&runs["runs"][0]["state"], &runs["runs"][0]["study"]), (&"done".into(), &serde_json::Value::Null));
}

#[test]
fn an_empty_folder_is_no_reason_to_empty_a_registry() {
    let results = Results::with_study("noise", 1);
    let before = facts(&results);
    fs::create_dir(results.scratch.path("empty")).unwrap();
    let rebuild = ["registry", "rebuild", "--root", "empty", "--registry", "results/registry.db"];
    results.aees(&rebuild).refused(&["no studies and no runs below empty", "--root DIR"]);
    assert_eq!(facts(&results), before);
}

#[test]
fn check_finds_what_differs_and_says_what_mends_it() {
    let mut results = Results::with_study("noise", 6);
    for number in 0..3 {
        results.finish(number, 0.5);
    }
    assert!(results.aees(&["registry", "check"]).ok().stdout().contains("nothing is wrong"));

    fs::remove_dir_all(results.folder(0)).unwrap();
    results.publish(1, 0.99);
    fs::remove_file(results.folder(2).join("result.json")).unwrap();
    // Published, and its worker died before it told: on this machine, under a boot that is over.
    let mut worker = super::scratch::worker();
    worker.host = rustix::system::uname().nodename().to_string_lossy().into_owned();
    let mut queue = results.registry.queue("noise", Some(&[run_id(3)])).unwrap();
    results.registry.claim(&worker, &mut queue, 1, super::scratch::LEASE).unwrap();
    let claim = results.start(4);
    results.publish(4, 0.5);
    results.registry.interrupt(&claim, "a test", &aees_studies::registry::Usage::default()).unwrap();
    fs::create_dir_all(results.scratch.path("results/runs/ab/ab00000000000000")).unwrap();

    let before = everything(&results.scratch);
    let run = results.aees(&["registry", "check"]);
    assert_eq!(run.code(), Some(1));
    assert!(run.stdout().contains("mend: aees sweep resume noise"), "{}", run.stdout());
    let json = results.json(&["registry", "check"]);
    let mut found: Vec<(String, String)> = json["problems"]
        .as_array()
        .unwrap()
        .iter()
        .map(|problem| (problem["kind"].as_str().unwrap().into(), problem["run_id"].as_str().unwrap_or("-").into()))
        .collect();
    found.sort();
    let of = |kind: &str, number: u64| (kind.to_owned(), run_id(number).full().to_owned());
    let mut expected = vec![
        of("dead_worker", 3),
        of("result_differs", 1),
        of("result_unknown", 4),
        of("result_vanished", 0),
        of("result_vanished", 2),
        ("unknown_folder".to_owned(), "-".to_owned()),
    ];
    expected.sort();
    assert_eq!(found, expected);
    assert_eq!(everything(&results.scratch), before, "a check changes nothing");

    // What it says mends it.
    results.aees(&["runs", "invalidate", "noise:0", "--reason", "its result vanished"]).ok();
    results.aees(&["runs", "retry", "noise:0"]).ok();
    assert_eq!(results.state(0), RunState::Pending);
}
