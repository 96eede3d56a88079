//! What can be wrong with a registry or a name: a clear error, and nothing on the disk changes.

use std::fs;

use aees_studies::registry::Registry;

use super::scratch::{Results, everything, run_id};
use crate::program::Scratch;

/// Commands that read, and commands that would write.
const READING: [&[&str]; 4] =
    [&["runs", "ls"], &["runs", "show", "noise:0"], &["runs", "why", "noise:0"], &["registry", "check"]];
const WRITING: [&[&str]; 4] = [
    &["runs", "retry", "noise:0"],
    &["runs", "cancel", "noise:0"],
    &["runs", "invalidate", "noise:0", "--reason", "x"],
    &["runs", "withdraw", "noise:0"],
];

/// A registry at rest: closed, with all in one file.
fn at_rest() -> Scratch {
    let mut results = Results::with_study("noise", 2);
    results.finish(0, 0.5);
    let Results { scratch, registry } = results;
    drop(registry);
    scratch
}

#[test]
fn a_folder_without_a_registry_says_how_to_make_one() {
    let scratch = Scratch::new();
    for command in READING.into_iter().chain(WRITING) {
        scratch.run(command).refused(&["there is no registry at results/registry.db", "aees sweep run STUDY.yaml"]);
    }
    scratch.run(["registry", "rebuild"]).refused(&["no studies and no runs below results", "--root DIR"]);
    assert!(everything(&scratch).is_empty());
    scratch.run(["runs", "ls", "--root", "elsewhere"]).refused(&["elsewhere/registry.db"]);
}

#[test]
fn every_hint_names_the_folder_that_was_named() {
    let scratch = at_rest();
    fs::rename(scratch.path("results"), scratch.path("other place")).unwrap();
    let root = ["--root", "other place"];
    let unknown = scratch.run([&["runs", "show", "noise:77"][..], &root].concat());
    unknown.refused(&["`aees runs ls --root 'other place'`"]);
    let elsewhere = ["runs", "ls", "--root", "nowhere", "--registry", "a.db"];
    scratch.run(elsewhere).refused(&["`aees sweep run STUDY.yaml --root nowhere --registry a.db`"]);
    let none = scratch.run([&["runs", "bg", "list"][..], &root].concat()).ok();
    assert!(none.stderr().contains("`aees sweep run STUDY --bg --root 'other place'`"), "{}", none.stderr());
}

#[test]
fn a_newer_registry_is_read_and_not_written() {
    let scratch = at_rest();
    rusqlite::Connection::open(scratch.path("results/registry.db"))
        .unwrap()
        .execute_batch("PRAGMA user_version = 99")
        .unwrap();
    let before = everything(&scratch);
    for command in READING {
        let run = scratch.run(command).ok();
        assert!(run.stderr().contains("version 99"), "{}", run.stderr());
    }
    for command in WRITING.into_iter().chain([&["registry", "rebuild"][..]]) {
        scratch.run(command).refused(&["version 99", "can only read it", "use the newer program"]);
    }
    assert_eq!(everything(&scratch), before);
}

#[test]
fn a_damaged_registry_names_the_rebuild() {
    let scratch = at_rest();
    let path = scratch.path("results/registry.db");
    fs::write(&path, "no database at all".repeat(1_000)).unwrap();
    let before = everything(&scratch);
    for command in READING.into_iter().chain(WRITING) {
        scratch.run(command).refused(&["is damaged", "aees registry rebuild"]);
    }
    assert_eq!(everything(&scratch), before);
    // And the rebuild does it.
    let said = scratch.run(["registry", "rebuild"]).ok().stdout();
    assert!(said.contains("1 studies, 2 runs, 1 of them done") && said.contains("before-rebuild"), "{said}");
    scratch.run(["registry", "check"]).ok();
}

#[test]
fn another_programs_database_is_left_alone() {
    let scratch = Scratch::new();
    fs::create_dir(scratch.path("results")).unwrap();
    let other = rusqlite::Connection::open(scratch.path("results/registry.db")).unwrap();
    other.execute_batch("CREATE TABLE things (name TEXT)").unwrap();
    drop(other);
    let before = everything(&scratch);
    for command in READING.into_iter().chain(WRITING) {
        scratch.run(command).refused(&["not a registry of this program", "--registry PATH"]);
    }
    assert_eq!(everything(&scratch), before);
}

#[test]
fn a_rebuild_of_another_programs_database_is_refused() {
    let scratch = at_rest();
    let path = scratch.path("other.db");
    rusqlite::Connection::open(&path).unwrap().execute_batch("CREATE TABLE things (name TEXT)").unwrap();
    let before = everything(&scratch);
    scratch.run(["registry", "rebuild", "--registry", "other.db"]).refused(&["not a registry of this program"]);
    assert_eq!(everything(&scratch), before);
}

#[test]
fn names_that_mean_no_run_or_several() {
    let mut results = Results::new();
    results.plan("noise", 0..200);
    let refused = |name: &str, words: &[&str]| drop(results.aees(&["runs", "show", name]).refused(words));
    refused("noise:999", &["no run matches `noise:999`", "aees runs ls"]);
    refused("noise:first", &["does not name a run", "at least 4 digits"]);
    refused("abc", &["does not name a run", "study:index"]);
    refused("nois:0", &["no study matches `nois`", "studies: noise"]);
    let free = (0..0x10000).map(|number| format!("{number:04x}"));
    let free = free.into_iter().find(|digits| !(0..200).any(|run| run_id(run).full().starts_with(digits.as_str())));
    refused(&free.unwrap(), &["no run matches"]);
    results.aees(&["runs", "ls", "clean"]).refused(&["no study matches `clean`", "studies: noise"]);
}

#[test]
fn the_beginning_of_several_ids_lists_them() {
    // Ids are given here, since hashes that begin alike are rare.
    let scratch = Scratch::new();
    fs::create_dir(scratch.path("results")).unwrap();
    let mut registry = Registry::open(&scratch.path("results/registry.db")).unwrap();
    let member = |number: u64| {
        let mut member = super::scratch::member(number, number);
        member.run.run_id = format!("abcd{number:060x}").parse().unwrap();
        member
    };
    let study = aees_studies::registry::StudySpec {
        name: "noise".into(),
        task: "t".into(),
        spec_sha: "0".into(),
        spec_json: "{}".into(),
    };
    registry.plan(&study, &[member(0), member(1)]).unwrap();
    scratch.run(["runs", "why", "abcd"]).refused(&["beginning of several runs", "abcd000000000000", "more digits"]);
}

#[test]
fn a_folder_that_vanished_is_told_and_nothing_changes() {
    let scratch = at_rest();
    let folder = aees_studies::disk::Root::new(scratch.path("results")).run(&run_id(0));
    fs::remove_dir_all(&folder).unwrap();
    let before = everything(&scratch);
    let shown = scratch.run(["runs", "show", "noise:0"]).ok().stdout();
    assert!(shown.contains("(gone: see `aees registry check`)"), "{shown}");
    scratch.run(["runs", "logs", "noise:0"]).refused(&["the folder of run", "is gone"]);
    let check = scratch.run(["registry", "check"]);
    assert_eq!(check.code(), Some(1));
    assert!(check.stdout().contains("aees runs invalidate"), "{}", check.stdout());
    assert_eq!(everything(&scratch), before);
}
