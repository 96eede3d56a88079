//! A loop that is killed goes on as if nothing had happened: between any two stages, in any of them, and at random moments.

use std::fs;
use std::process::Stdio;
use std::thread::sleep;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use crate::auto_loop::{RANGES, effects, file, hill, next_proposal, resume, start, status, story};
use crate::program::Scratch;

const LOOP: &str = "loop: {first: 100, seed: 3}\n";

/// The loop that nothing interrupts.
fn unbroken(iterations: &str) -> Scratch {
    let scratch = Scratch::new();
    hill(&scratch, &format!("{RANGES}{LOOP}"));
    start(&scratch, &["--only", "setup,baseline"]).ok();
    next_proposal(&scratch, r#"{"patch": {"x": 4}, "hypothesis": "by hand"}"#);
    resume(&scratch, &["--loops", iterations]).ok();
    scratch
}

/// Each stage is done by a process of its own, and then once more from the state before it: as if it had been killed after all it
/// did and before it could say so.
#[test]
fn each_stage_can_be_done_again() {
    let whole = unbroken("3");
    let scratch = Scratch::new();
    hill(&scratch, &format!("{RANGES}{LOOP}"));
    let state = || fs::read(scratch.path(&file("state.json"))).unwrap();
    let again = |before: Vec<u8>, words: &[&str]| {
        fs::write(scratch.path(&file("state.json")), before).unwrap();
        resume(&scratch, words).ok();
    };
    start(&scratch, &["--only", "setup"]).ok();
    let before = state();
    resume(&scratch, &["--only", "baseline"]).ok();
    again(before, &["--only", "baseline"]);
    next_proposal(&scratch, r#"{"patch": {"x": 4}, "hypothesis": "by hand"}"#);
    resume(&scratch, &["--only", "setup", "--loops", "3"]).ok();
    for iteration in 0..3 {
        for stage in ["propose", "apply", "commit", "train", "triage", "record", "decide"] {
            let before = state();
            resume(&scratch, &["--only", stage]).ok();
            again(before, &["--only", stage]);
            let done = status(&scratch)["iterations_completed"].as_u64().unwrap();
            assert_eq!(done, iteration + u64::from(stage == "decide"), "{stage}");
        }
    }
    assert_eq!(story(&scratch), story(&whole));
    assert_eq!(scratch.text(&file("results.tsv")), whole.text(&file("results.tsv")));
    let (mut one, mut other) = (effects(&scratch), effects(&whole));
    one.sort();
    other.sort();
    assert_eq!(one, other, "no run was trained twice");
}

/// A kill while the next line of the history is written leaves a part of it.
#[test]
fn a_torn_last_line_of_the_history_is_cut_off() {
    let whole = unbroken("2");
    let scratch = unbroken("1");
    let path = scratch.path(&file("history.jsonl"));
    let torn = fs::read_to_string(&path).unwrap() + &whole.text(&file("history.jsonl")).lines().nth(2).unwrap()[..40];
    fs::write(&path, torn).unwrap();
    resume(&scratch, &["--loops", "1"]).ok();
    assert_eq!(story(&scratch), story(&whole));
}

/// As if it had been killed when the baseline was trained and not yet in the history.
#[test]
fn a_baseline_that_was_trained_and_not_recorded_is_recorded_whole() {
    let whole = unbroken("1");
    let scratch = Scratch::new();
    hill(&scratch, &format!("{RANGES}{LOOP}"));
    start(&scratch, &["--only", "setup"]).ok();
    let iterations = scratch.path(&file("iterations"));
    fs::write(&iterations, "in the way").unwrap();
    resume(&scratch, &["--only", "baseline"]).refused(&["iterations"]);
    assert!(!effects(&scratch).is_empty(), "it was trained");
    fs::remove_file(&iterations).unwrap();
    resume(&scratch, &["--only", "baseline"]).ok();
    next_proposal(&scratch, r#"{"patch": {"x": 4}, "hypothesis": "by hand"}"#);
    resume(&scratch, &["--loops", "1"]).ok();
    assert_eq!(story(&scratch), story(&whole));
    assert_eq!(effects(&scratch).len(), effects(&whole).len(), "no run was trained twice");
}

#[test]
fn killed_at_random_moments_it_comes_to_the_same() {
    let iterations = "6";
    let whole = unbroken(iterations);
    let scratch = Scratch::new();
    hill(&scratch, &format!("{RANGES}{LOOP}"));
    start(&scratch, &["--only", "setup"]).ok();
    next_proposal(&scratch, r#"{"patch": {"x": 4}, "hypothesis": "by hand"}"#);
    resume(&scratch, &["--only", "setup", "--loops", iterations]).ok();
    let mut random = SystemTime::now().duration_since(UNIX_EPOCH).unwrap().subsec_nanos();
    println!("seed {random}");
    let mut kills = 0;
    while status(&scratch)["status"] != "finished" {
        let words = ["loop", "resume", "hill", "--no-background", "--progress", "plain"];
        let mut child = scratch.command(words).stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
        random = random.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        // Later and later, so that it comes to an end on a slow machine, too.
        sleep(Duration::from_millis(u64::from(random >> 16) % 700 + 20 * kills));
        child.kill().unwrap();
        child.wait().unwrap();
        kills += 1;
        assert!(kills < 200, "it does not come to an end");
    }
    println!("{kills} kills");
    assert_eq!(story(&scratch), story(&whole));
    assert_eq!(scratch.text(&file("results.tsv")), whole.text(&file("results.tsv")));
}
