//! Files and folders that a loop cannot go on from: each is told clearly, and the loop stays whole.

use std::fs;

use crate::auto_loop::{HILL, RANGES, file, hill, history, resume, start, status, story};
use crate::program::Scratch;

#[test]
fn a_file_that_is_no_loop_or_asks_for_what_a_loop_has_not() {
    let scratch = Scratch::new();
    let with = |text: &str| fs::write(scratch.path("hill.yaml"), text).unwrap();
    start(&scratch, &["--loops", "1"]).refused(&["hill.yaml"]);
    with(&format!("{HILL}seeds: 3\n"));
    start(&scratch, &["--loops", "1"]).refused(&["it has no `loop:`", "docs/loop.md"]);
    let more = "seeds: 3\nsearch: {method: tpe, n: 3}\ncases: [{name: a}]\non_end: echo\nbudget: {max_runs: 3}\n";
    with(&format!("{HILL}{more}loop: {{seeds: 0, sedes: 3, command: {{}}, patience: -1}}\n"));
    let words = [
        "`seeds` beside `loop`",
        "`search` beside `loop`",
        "`cases` beside `loop`",
        "`on_end` beside `loop`",
        "`max_runs` beside",
        "`seeds` in loop",
        "did you mean `seeds`?",
        "`command`",
        "`patience` in loop",
    ];
    start(&scratch, &["--loops", "1"]).refused(&words);
    with(&HILL.replace("metric: {name: score, goal: max}", "loop:"));
    start(&scratch, &["--loops", "1"]).refused(&["a loop must know what is better"]);
    with(&format!("{HILL}loop:\n"));
    start(&scratch, &[]).refused(&["nothing ends this loop", "--loops N"]);
    start(&scratch, &["--loops", "0"]).refused(&["--loops"]);
    start(&scratch, &["--loops", "1", "--max-hours", "-1"]).refused(&["--max-hours"]);
    start(&scratch, &["--loops", "1", "--name", "Of my own"]).refused(&["`Of my own` cannot be the name of a loop"]);
    start(&scratch, &["--loops", "1", "--proposal-file", "none.json"]).refused(&["none.json"]);
    assert!(!scratch.path("results/loops").exists(), "nothing was made");
    scratch.run(["sweep", "run", "hill.yaml"]).refused(&["it is a loop and not a study", "aees loop start"]);
    scratch.run(["loop", "resume", "hill"]).refused(&["there is no loop hill"]);
    scratch.run(["loop", "status", "hill"]).refused(&["there is no loop hill"]);
    scratch.run(["loop", "propose", "hill", "--set", "x=1"]).refused(&["there is no loop hill"]);
    scratch.run(["loop", "stop"]).refused(&["there is no loop here"]);
    // Nothing was done in the folder of a start that failed: the next one begins.
    with(&format!("{HILL}loop:\n"));
    start(&scratch, &["--only", "setup,baseline"]).ok();
    start(&scratch, &["--only", "setup,baseline"]).refused(&[
        "there is a loop hill already",
        "aees loop resume hill",
        "--name",
    ]);
}

#[test]
fn a_history_that_was_edited_is_told_with_its_line_and_can_be_made_again() {
    let scratch = Scratch::new();
    hill(&scratch, &format!("{RANGES}loop: {{first: 100}}\n"));
    start(&scratch, &["--loops", "4"]).ok();
    let (before, table) = (story(&scratch), scratch.text(&file("results.tsv")));
    let whole = scratch.text(&file("history.jsonl"));
    let lines: Vec<&str> = whole.split_inclusive('\n').collect();
    let better = lines[2].replace("\"verdict\":\"", "\"verdict\": \"");
    let edits = [
        (
            lines.concat().replacen("\"discard\"", "\"keep\"", 1).replacen("\"keep\"", "\"discard\"", 1),
            "the line is not",
        ),
        ([lines[0], lines[1], &better, lines[3], lines[4]].concat(), "history.jsonl:3"),
        ([lines[0], lines[1], lines[3], lines[4]].concat(), "history.jsonl:3"),
        (lines[..4].concat(), "lines are missing"),
        (String::new(), "lines are missing"),
        (format!("{whole}{}", lines[4]), "lines were added"),
        ("not json\n".repeat(5), "history.jsonl:1"),
    ];
    let state = scratch.text(&file("state.json"));
    for (text, words) in edits {
        fs::write(scratch.path(&file("history.jsonl")), text).unwrap();
        resume(&scratch, &["--loops", "1"]).refused(&["the history was edited", words, "--rebuild-history"]);
        assert_eq!(scratch.text(&file("state.json")), state, "the state is as it was");
    }
    let said = scratch.run(["loop", "status", "hill"]).ok().stdout();
    assert!(said.contains("its history cannot be read"), "{said}");
    assert!(status(&scratch)["message"].as_str().unwrap().contains("the history was edited"));
    resume(&scratch, &["--loops", "1", "--rebuild-history"]).ok();
    assert_eq!(story(&scratch)[..5], before[..]);
    assert!(scratch.text(&file("results.tsv")).starts_with(&table));
    assert_eq!(scratch.text(&file("history.jsonl.edited")).lines().count(), 5);
    assert_eq!(history(&scratch).len(), 6);
}

#[test]
fn a_file_that_changed_its_start_or_a_state_that_is_damaged() {
    let scratch = Scratch::new();
    hill(&scratch, RANGES);
    start(&scratch, &["--loops", "1"]).ok();
    let text = scratch.text("hill.yaml");
    for (from, to, words) in
        [("{x: 9}", "{x: 8}", "the settings that it begins with"), ("goal: max", "goal: min", "the metric changed")]
    {
        fs::write(scratch.path("hill.yaml"), text.replace(from, to)).unwrap();
        resume(&scratch, &["--loops", "1"]).refused(&[words, "put the file back"]);
    }
    // What steers may change.
    fs::write(scratch.path("hill.yaml"), text.replace("to: 10", "to: 5")).unwrap();
    resume(&scratch, &["--loops", "1"]).ok();
    fs::remove_file(scratch.path("hill.yaml")).unwrap();
    resume(&scratch, &["--loops", "1"]).refused(&["hill.yaml"]);
    fs::write(scratch.path("hill.yaml"), text).unwrap();
    for damaged in ["", "{}", "{\"schema_version\": 1", "[]"] {
        fs::write(scratch.path(&file("state.json")), damaged).unwrap();
        resume(&scratch, &["--loops", "1"]).refused(&["state.json", "damaged"]);
        scratch.run(["loop", "status", "hill"]).refused(&["state.json"]);
    }
}

#[test]
fn a_baseline_that_does_not_train_is_no_baseline() {
    let scratch = Scratch::new();
    let text = HILL.replace("      awk", "      [ {x} = 9 ] && exit 3\n      awk");
    fs::write(scratch.path("hill.yaml"), format!("{text}{RANGES}loop:\n")).unwrap();
    let run = start(&scratch, &["--loops", "3"]);
    run.refused(&["the incumbent has no two results", "hill-incumbent-0000", "aees runs ls hill-incumbent-0000"]);
    assert_eq!(status(&scratch)["status"], "failed");
    assert!(!scratch.path(&file("history.jsonl")).exists());
}
