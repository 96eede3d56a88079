//! A program that proposes: what it hears, what is kept of it, and what becomes of one that goes wrong.

use std::fs;
use std::time::{Duration, Instant};

use crate::auto_loop::{effects, file, hill, history, resume, start, status, verdicts};
use crate::program::{Scratch, wait_until};
use serde_json::json;

/// A loop whose proposer is this shell script.
fn with_program(script: &str, more: &str) -> Scratch {
    let scratch = Scratch::new();
    fs::write(scratch.path("proposer.sh"), script).unwrap();
    hill(&scratch, &format!("loop:\n  command: [sh, proposer.sh]\n{more}"));
    scratch
}

#[test]
fn it_hears_everything_and_its_streams_are_kept() {
    let script = "cat > heard.json\necho thinking >&2\necho 'I propose:'\necho '{\"patch\": {\"x\": 3}, \"hypothesis\": \"the top\"}'\n";
    let scratch = with_program(script, "");
    start(&scratch, &["--loops", "2", "--max-hours", "1"]).ok();
    let records = history(&scratch);
    assert_eq!((&records[1]["verdict"], &records[1]["source"]), (&json!("keep"), &json!("command")));
    assert_eq!(records[2]["verdict"], "duplicate");
    let heard = scratch.json("heard.json");
    assert_eq!((&heard["iteration"], &heard["metric"]["goal"]), (&json!(2), &json!("max")));
    assert_eq!(heard["incumbent"]["settings"]["x"], 3);
    assert_eq!(heard["budget"]["iterations_left"], 1);
    assert!(heard["budget"]["seconds_left"].as_f64().unwrap() > 3000.0);
    assert_eq!(heard["history"][1]["verdict"], "keep");
    assert!(heard["history_file"].as_str().unwrap().ends_with("history.jsonl"));
    let kept = |name: &str| scratch.text(&file(&format!("iterations/0001/proposer/{name}")));
    assert!(kept("stdout.txt").contains("I propose") && kept("stderr.txt") == "thinking\n");
    assert!(kept("end.json").contains("\"exit_code\": 0") && kept("input.json").contains("\"baseline\""));
}

#[test]
fn one_that_hangs_is_ended_with_all_that_it_started() {
    let script = "sleep 1234 &\necho $! > child\nsleep 1234\n";
    let scratch = with_program(script, "  command_timeout: 1s\n");
    let since = Instant::now();
    start(&scratch, &["--loops", "1"]).ok();
    assert!(since.elapsed() < Duration::from_secs(60));
    let record = history(&scratch).pop().unwrap();
    assert_eq!((&record["verdict"], &record["proposer_failed"]), (&json!("rejected"), &json!(true)));
    assert!(record["reason"].as_str().unwrap().contains("gave no proposal within 1.0 s"), "{record}");
    let child = scratch.text("child");
    wait_until("its child is gone", || {
        let state = fs::read_to_string(format!("/proc/{}/stat", child.trim())).unwrap_or_default();
        state.is_empty() || state.contains(") Z ")
    });
}

#[test]
fn one_that_prints_a_gigabyte_is_read_only_so_far() {
    let scratch = with_program("head -c 1000000000 /dev/zero | tr '\\0' x\n", "");
    start(&scratch, &["--loops", "1"]).ok();
    let record = history(&scratch).pop().unwrap();
    assert!(record["reason"].as_str().unwrap().contains("printed more than 1 MiB"), "{record}");
    let kept = fs::metadata(scratch.path(&file("iterations/0001/proposer/stdout.txt"))).unwrap().len();
    assert_eq!(kept, 1 << 20);
}

#[test]
fn one_that_fails_three_times_in_a_row_ends_the_loop() {
    for (script, words) in [
        ("echo 'no key' >&2\nexit 7\n", "exit status: 7: no key"),
        ("echo 'I cannot help with that.'\n", "no JSON"),
        ("kill -9 $$\n", "signal: 9"),
        ("true\n", "empty"),
        ("echo '{\"patch\": {\"x\": 3}}' | head -c 12\n", "no JSON"),
    ] {
        let scratch = with_program(script, "");
        start(&scratch, &["--loops", "9"]).refused(&[
            "failed in 3 iterations in a row",
            words,
            "iterations/NNNN/proposer",
        ]);
        assert_eq!(verdicts(&scratch), ["baseline", "rejected", "rejected", "rejected"]);
        assert_eq!(status(&scratch)["status"], "failed");
        assert_eq!(effects(&scratch).len(), 4, "only the baseline was trained");
        // Put right, it goes on.
        fs::write(scratch.path("proposer.sh"), "echo '{\"patch\": {\"x\": 3}}'\n").unwrap();
        resume(&scratch, &["--loops", "1"]).ok();
        assert_eq!(verdicts(&scratch)[4], "keep");
    }
    let scratch = Scratch::new();
    hill(&scratch, "loop: {command: [/no/such/program]}\n");
    start(&scratch, &["--loops", "9"]).refused(&["cannot start /no/such/program"]);
}

#[test]
fn one_that_needs_input_pauses_the_loop() {
    let script = "[ -e answered ] && echo '{\"patch\": {\"x\": 3}}' || echo '{\"status\": \"need_input\", \"description\": \"may I?\"}'\n";
    let scratch = with_program(script, "");
    let run = start(&scratch, &["--loops", "1"]);
    assert_eq!(run.code(), Some(3));
    assert!(run.stderr().contains("a person is asked: may I?"), "{}", run.stderr());
    fs::write(scratch.path("answered"), "").unwrap();
    resume(&scratch, &[]).ok();
    assert_eq!(verdicts(&scratch), ["baseline", "keep"]);
    assert!(scratch.path(&file("iterations/0001/proposer-1/stdout.txt")).exists(), "both answers are kept");
}

/// A candidate whose training fails or leaves the numbers is given up, and the loop goes on.
#[test]
fn candidates_that_fail_are_given_up_and_passing_failures_are_tried_again() {
    let scratch = Scratch::new();
    let script = r#"aees: 1
name: hill
task: command
command:
  argv:
    - sh
    - -c
    - |
      echo "{x} {seed}" >> effects
      [ {x} = 5 ] && exit 3
      [ {x} = 6 ] && echo '{{"other": 1}}' && exit 0
      [ {x} = 7 ] && [ $(grep -c '^7 ' effects) -lt 4 ] && kill -9 $$
      echo '{{"score": {x}, "seed": {seed}}}'
base: {x: 1}
metric: {name: score}
loop: {seeds: 1, scout: 0, retest: 0}
retry: {signal: 0}
"#;
    fs::write(scratch.path("hill.yaml"), script).unwrap();
    start(&scratch, &["--only", "setup,baseline"]).ok();
    for (x, verdict, words) in [
        (5, "crash", "it is failed (unknown)"),
        (6, "crash", "its result has no number `score`"),
        (7, "crash", "it is failed (signal)"),
        (8, "keep", "reaches"),
    ] {
        crate::auto_loop::next_proposal(&scratch, &format!("{{\"patch\": {{\"x\": {x}}}}}"));
        resume(&scratch, &["--loops", "1"]).ok();
        let record = history(&scratch).pop().unwrap();
        assert_eq!(record["verdict"], verdict, "{record}");
        assert!(record["reason"].as_str().unwrap().contains(words), "{record}");
    }
    let tries = effects(&scratch).iter().filter(|line| line.starts_with("7 ")).count();
    assert_eq!(tries, 3, "once, and twice more by triage");
}
