//! Where proposals come from, in which order, and what becomes of those that cannot be tried.

use std::fs;

use crate::auto_loop::{RANGES, effects, file, hill, history, next_proposal, resume, start, status, verdicts};
use crate::program::Scratch;
use serde_json::json;

/// A loop whose baseline is trained, with ranges.
fn begun() -> Scratch {
    let scratch = Scratch::new();
    hill(&scratch, RANGES);
    start(&scratch, &["--only", "setup,baseline"]).ok();
    scratch
}

/// One iteration with a proposal that a person wrote; its record.
fn with_next(scratch: &Scratch, text: &str) -> serde_json::Value {
    next_proposal(scratch, text);
    resume(scratch, &["--loops", "1"]).ok();
    history(scratch).pop().unwrap()
}

#[test]
fn a_named_file_comes_first_then_a_persons_then_the_built_in_proposer() {
    let scratch = begun();
    fs::write(scratch.path("mine.json"), r#"{"patch": {"x": 4}, "hypothesis": "nearer to 3"}"#).unwrap();
    next_proposal(&scratch, r#"{"patch": {"x": 3}, "description": "the top"}"#);
    resume(&scratch, &["--loops", "3", "--proposal-file", "mine.json"]).ok();
    let sources: Vec<_> = history(&scratch)[1..].iter().map(|record| record["source"].clone()).collect();
    assert_eq!(sources, ["proposal_file", "next_proposal", "built_in"]);
    assert_eq!(verdicts(&scratch)[1..3], ["keep", "keep"]);
    // Each was used once, and is kept; the user's own file stays where it is.
    assert!(scratch.path("mine.json").exists() && !scratch.path(&file("next_proposal.json")).exists());
    let kept = scratch.text(&file("consumed_proposals/iter_0001.proposal_file.json"));
    assert_eq!(kept, scratch.text("mine.json"));
    assert!(scratch.path(&file("consumed_proposals/iter_0002.next_proposal.json")).exists());
    resume(&scratch, &["--loops", "1", "--proposal-file", "missing.json"]).refused(&["missing.json"]);
    assert_eq!(verdicts(&scratch).len(), 4, "nothing was done without it");
}

#[test]
fn what_was_tried_is_a_duplicate_and_costs_no_training() {
    let scratch = begun();
    assert_eq!(with_next(&scratch, r#"{"patch": {"x": 4}}"#)["verdict"], "keep");
    let runs = effects(&scratch).len();
    for patch in [r#"{"x": 4}"#, r#"{"x": 4.0}"#, r#"{"x": 9}"#] {
        let record = with_next(&scratch, &format!("{{\"patch\": {patch}}}"));
        assert_eq!(record["verdict"], "duplicate", "{record}");
        assert!(record["reason"].as_str().unwrap().contains("the same settings as"), "{record}");
    }
    assert_eq!(effects(&scratch).len(), runs);
    // The settings of an earlier iteration can be gone on from.
    let record = with_next(&scratch, r#"{"patch": {"y": 1}, "parent": 0}"#);
    assert_eq!(record["patch"], json!({"y": 1}), "over the start and not over the incumbent");
}

#[test]
fn what_cannot_be_tried_is_rejected_with_the_reason_and_the_state_is_whole() {
    let scratch = begun();
    for (text, words) in [
        (r#"{"patch": {"x": 11}}"#, "lies outside of 0 to 10"),
        (r#"{"patch": {"x": "much"}}"#, "lies outside of 0 to 10"),
        (r#"{"patch": {"seed": 3}}"#, "`seed` cannot be set"),
        (r#"{"patch": {"HF_TOKEN": "x"}}"#, "cannot be set"),
        (r#"{"patch": {"x": 2}, "task": "sst2"}"#, "is for task sst2, the loop for command"),
        (r#"{"patch": {"x": 2}, "parent": 77}"#, "iteration 77 has no settings"),
        (r#"{"patch": {"x": 2}, "hypotesis": "typo"}"#, "did you mean `hypothesis`?"),
        (r#"{"x": 2}"#, "settings stand under `patch`"),
        (r#"{"patch": {}}"#, "nothing to try"),
        ("no json", "no JSON"),
        ("", "empty"),
    ] {
        let record = with_next(&scratch, text);
        assert_eq!(record["verdict"], "rejected", "{text}: {record}");
        assert!(record["reason"].as_str().unwrap().contains(words), "{text}: {record}");
    }
    assert_eq!(effects(&scratch).len(), 4, "only the baseline was trained");
    assert_eq!(with_next(&scratch, r#"{"patch": {"x": 3}}"#)["verdict"], "keep");
    // Files that are no files, or too large.
    next_proposal(&scratch, &format!("{{\"patch\": {{\"x\": 2}}, \"description\": \"{}\"}}", "x".repeat(2 << 20)));
    resume(&scratch, &["--loops", "1"]).ok();
    assert!(history(&scratch).pop().unwrap()["reason"].as_str().unwrap().contains("larger than any proposal"));
    fs::create_dir(scratch.path(&file("next_proposal.json"))).unwrap();
    resume(&scratch, &["--loops", "1"]).ok();
    assert_eq!(history(&scratch).pop().unwrap()["verdict"], "rejected");
}

#[test]
fn settings_of_training_are_checked_as_training_checks_them() {
    let scratch = Scratch::new();
    let text = "aees: 1\nname: hill\ntask: sst2\nset: {data: synthetic, limit_train: 40, limit_eval: 20, model_layers: 1, model_dim: 16, epochs: 1}\n\
                sweep: {lr: {loguniform: {from: 1e-4, to: 1e-2}}}\nmetric: {name: val_accuracy}\n\
                loop: {baseline: 2, seeds: 1, retest: 0, scout: 0, fixed: [weight_decay]}\n";
    fs::write(scratch.path("hill.yaml"), text).unwrap();
    start(&scratch, &["--only", "setup,baseline"]).ok();
    for (patch, words) in [
        (r#"{"learning_rate": 0.1}"#, "unknown setting `learning_rate`"),
        (r#"{"momentum": 0.5}"#, "`momentum` is no setting of sst2"),
        (r#"{"lr": -1}"#, "--lr must be"),
        (r#"{"lr": 0.5}"#, "lies outside of 0.0001 to 0.01"),
        (r#"{"lr": [1]}"#, "invalid value"),
        (r#"{"weight_decay": 0.1}"#, "`fixed`"),
        (r#"{"limit_eval": 10}"#, "part of what is to be solved"),
        (r#"{"control_mode": "adaptive", "lr_candidates": [0.0]}"#, "lr_candidates"),
        (r#"{"seed": 3}"#, "`seed` cannot be set"),
        (r#"{"hf_token": "x"}"#, "`hf_token` cannot be set"),
    ] {
        let record = with_next(&scratch, &format!("{{\"patch\": {patch}}}"));
        assert_eq!(record["verdict"], "rejected", "{patch}: {record}");
        assert!(record["reason"].as_str().unwrap().contains(words), "{patch}: {record}");
    }
    let record = with_next(&scratch, r#"{"patch": {"lr": "2e-3"}, "task": "sst2"}"#);
    assert!(record["pairs"][0]["candidate"].is_number(), "{record}");
    assert_eq!(record["patch"], json!({"lr": 0.002}));
}

#[test]
fn a_person_is_asked_and_answers() {
    let scratch = Scratch::new();
    hill(&scratch, "");
    // Neither ranges nor a program.
    let run = start(&scratch, &["--loops", "5"]);
    assert_eq!(run.code(), Some(3), "{}", run.stderr());
    assert!(run.stderr().contains("nothing proposes") && run.stderr().contains("aees loop propose hill"));
    assert_eq!(status(&scratch)["status"], "need_input");
    next_proposal(&scratch, r#"{"status": "need_input", "description": "is x above 3?"}"#);
    let run = resume(&scratch, &[]);
    assert_eq!(run.code(), Some(3));
    assert_eq!(status(&scratch)["message"], "is x above 3?");
    let propose = |words: &[&str]| scratch.run(["loop", "propose", "hill"].iter().chain(words));
    propose(&["--set", "x"]).refused(&["key=value"]);
    propose(&["--set", "seed=4"]).refused(&["cannot be set"]);
    propose(&["--set", "x=9"]).refused(&["nothing to try"]);
    propose(&["missing.json"]).refused(&["missing.json"]);
    assert!(!scratch.path(&file("next_proposal.json")).exists());
    propose(&["--set", "x=2.5", "--hypothesis", "it is"]).ok();
    propose(&["--set", "x=2.75"]).refused(&["waits already", "--replace"]);
    propose(&["--set", "x=2.75", "--hypothesis", "it is", "--replace"]).ok();
    let run = resume(&scratch, &[]);
    assert_eq!(run.code(), Some(3), "then it asks again");
    let record = history(&scratch).pop().unwrap();
    assert_eq!((&record["verdict"], &record["patch"]), (&json!("keep"), &json!({"x": 2.75})));
    assert_eq!(status(&scratch)["iterations_left"], 4);
}

#[test]
fn everything_in_a_list_is_tried_once() {
    let scratch = Scratch::new();
    hill(&scratch, "sweep: {x: [1, 3, 9]}\nloop: {first: 0}\n");
    let said = start(&scratch, &["--loops", "20"]).ok().stderr();
    assert!(said.contains("everything in the ranges was tried"), "{said}");
    assert_eq!(history(&scratch).len(), 3, "the start is one of the three");
    assert_eq!(status(&scratch)["incumbent"]["patch"], json!({"x": 3}));
}
