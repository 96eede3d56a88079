//! `runs ls`, `show`, `why`, `logs`: what a user reads.

use std::fs;
use std::io::Write;
use std::process::Stdio;
use std::time::Duration;

use aees_studies::registry::{AfterFailure, Audit, Completion, FailedAttempt, OutcomeKind, Usage};

use super::scratch::{Results, run_id};

const AUDIT: Audit<'static> = Audit { actor: "somebody@here", reason: "a doubt" };

fn a_few() -> Results {
    let mut results = Results::with_study("noise", 4);
    results.finish(0, 0.75);
    results.fail(1, "oom", "\nout of memory: 12 GiB\nand a long trace");
    results.start(2);
    results
}

#[test]
fn ls_is_an_aligned_table() {
    let results = a_few();
    let text = results.aees(&["runs", "ls", "noise"]).ok().stdout();
    let lines: Vec<&str> = text.lines().collect();
    assert_eq!(lines.len(), 5, "{text}");
    assert!(!text.contains('\x1b'), "no colours in a pipe");
    let heading: Vec<&str> = lines[0].split_whitespace().collect();
    assert_eq!(
        heading,
        ["run", "place", "axes", "seed", "state", "attempts", "metric", "best", "final", "seconds", "error"]
    );
    let column = lines[0].find("state").unwrap();
    for (line, state) in lines[1..].iter().zip(["done", "failed", "running", "pending"]) {
        assert!(line[column..].starts_with(state), "{text}");
    }
    let first: Vec<&str> = lines[1].split_whitespace().collect();
    let id = run_id(0);
    let done = [
        id.short(),
        "noise:0",
        "lr=1.0",
        "method=none",
        "0",
        "done",
        "1",
        "val_accuracy",
        "75.00",
        "%",
        "65.00",
        "%",
        "12.5",
    ];
    assert_eq!(first, done);
    assert!(lines[2].ends_with("oom: out of memory: 12 GiB"), "{text}");
}

#[test]
fn ls_filters_by_study_state_axis_and_number() {
    let mut results = a_few();
    results.plan("other", [0, 6, 7]);
    let places = |arguments: &[&str]| -> Vec<String> {
        let runs = results.json(&[&["runs", "ls"], arguments].concat());
        let place = |run: &serde_json::Value| format!("{}:{}", run["study"].as_str().unwrap_or("-"), run["index"]);
        runs["runs"].as_array().unwrap().iter().map(place).collect()
    };
    assert_eq!(places(&["noise", "--state", "failed,running"]), ["noise:1", "noise:2"]);
    assert_eq!(places(&["noi", "--only", "method=bandit"]), ["noise:1", "noise:3"]);
    assert_eq!(places(&["noise", "--only", "method=none", "--only", "lr=0.5"]), ["noise:2"]);
    assert_eq!(places(&["o*", "--limit", "2"]), ["other:0", "other:1"]);
    // Run 0 is in both studies and shown once.
    assert_eq!(places(&[]), ["noise:0", "noise:1", "noise:2", "noise:3", "other:1", "other:2"]);
    assert_eq!(places(&["--limit", "5"]).len(), 5);
    assert_eq!(places(&["noise", "--state", "invalid"]), [""; 0]);
    results.aees(&["runs", "ls", "noise", "--only", "method"]).refused(&["--only method", "key=value"]);
    results.aees(&["runs", "ls", "noise", "--state", "finished"]).refused(&["finished", "possible values", "done"]);
}

#[test]
fn ls_as_json_has_everything_a_program_needs() {
    let results = a_few();
    let runs = results.json(&["runs", "ls", "noise"]);
    let first = &runs["runs"][0];
    assert_eq!(first["run_id"], run_id(0).full());
    assert_eq!((&first["state"], &first["outcome"], &first["seed"]), (&"done".into(), &"ok".into(), &0.into()));
    assert_eq!(first["axes"]["method"], "none");
    assert_eq!(first["metrics"][0], serde_json::json!({"name": "val_accuracy", "measure": "best", "value": 0.75}));
    assert_eq!(runs["runs"][1]["class"], "oom");
}

#[test]
fn a_negative_seed_reads_as_it_was_written() {
    let mut results = Results::new();
    let mut run = super::scratch::planned(0);
    run.seed = (-3_i64).cast_unsigned();
    let member = aees_studies::registry::Member {
        run,
        index: 0,
        case: Some("a case".into()),
        axes_json: "{}".into(),
        race: None,
    };
    let study = aees_studies::registry::StudySpec {
        name: "s".into(),
        task: "t".into(),
        spec_sha: "0".into(),
        spec_json: "{}".into(),
    };
    results.registry.plan(&study, &[member]).unwrap();
    assert_eq!(results.json(&["runs", "ls"])["runs"][0]["seed"], -3);
    assert!(results.aees(&["runs", "ls"]).ok().stdout().contains("a case"));
}

#[test]
fn show_tells_what_and_where_a_run_is() {
    let results = a_few();
    fs::write(results.folder(0).join("config.yaml"), "task: cifar100\nlr: 1.0\nlr_candidates: [0.5, 1.0]\n").unwrap();
    let text = results.aees(&["runs", "show", "noise:0"]).ok().stdout();
    let id = run_id(0);
    let words = [
        id.full(),
        "done (ok)",
        "noise:0  lr=1.0 method=none",
        "best val_accuracy",
        "75.00 %",
        "config.batch_size",
        "lr_candidates",
        "[0.5,1.0]",
    ];
    for word in words {
        assert!(text.contains(word), "{word} is not in\n{text}");
    }
    assert!(
        text.contains(&*results.folder(0).to_string_lossy().replace(&*results.scratch.path("").to_string_lossy(), ""))
    );
    // By the beginning of its id too.
    let by_id = results.json(&["runs", "show", &run_id(0).full()[..8]]);
    assert_eq!(by_id["config"]["lr_candidates"], serde_json::json!([0.5, 1.0]));
    assert_eq!(by_id["identity"]["config"]["batch_size"], 64);
}

#[test]
fn why_tells_claims_moves_and_reuse_in_order() {
    let mut results = Results::with_study("noise", 2);
    results.fail(0, "io", "disk gone");
    results.registry.retry(&[run_id(0)], &AUDIT).unwrap();
    results.finish(0, 0.5);
    results.plan("again", [0, 1]);
    let text = results.aees(&["runs", "why", "noise:0"]).ok().stdout();
    let order = [
        "done (ok)",
        "Identity",
        "config.lr",
        "Studies (UTC)",
        "noise:0",
        "again:0",
        "reused: it was done before this study asked for it",
        "Attempts (UTC)",
        "elsewhere:7  failed after",
        "(io): disk gone",
        "elsewhere:7  completed after",
        "Events (UTC)",
        "planned by plan of noise",
        "claimed by elsewhere:7",
        "(pending -> running, epoch 1)",
        "failed at elsewhere:7: class io",
        "made pending again by somebody@here: a doubt",
        "claimed by elsewhere:7",
        "gave its result at elsewhere:7: outcome ok",
    ];
    let mut rest = text.as_str();
    for word in order {
        let at = rest.find(word).unwrap_or_else(|| panic!("{word:?} is missing or out of order in\n{text}"));
        rest = &rest[at + word.len()..];
    }
    let json = results.json(&["runs", "why", "again:0"]);
    let kinds: Vec<&str> =
        json["events"].as_array().unwrap().iter().filter_map(|event| event["kind"].as_str()).collect();
    assert_eq!(kinds, ["planned", "claimed", "failed", "retried", "claimed", "completed"]);
    assert_eq!(json["memberships"][1]["reused"], true);
    assert_eq!(json["attempt_list"][0]["usage"]["wall_ms"], 500);
}

#[test]
fn logs_prints_the_log_or_says_why_there_is_none() {
    let results = a_few();
    fs::write(results.folder(0).join("log.txt"), "epoch 1\nepoch 2\n").unwrap();
    fs::write(results.folder(1).join("worker.log"), "panicked\n").unwrap();
    assert_eq!(results.aees(&["runs", "logs", "noise:0"]).ok().stdout(), "epoch 1\nepoch 2\n");
    assert_eq!(results.aees(&["runs", "logs", "noise:0", "-f"]).ok().stdout(), "epoch 1\nepoch 2\n");
    assert_eq!(results.aees(&["runs", "logs", "noise:1", "--worker"]).ok().stdout(), "panicked\n");
    results.aees(&["runs", "logs", "noise:1"]).refused(&["log.txt", "`--worker` prints worker.log"]);
    results.aees(&["runs", "logs", "noise:3"]).refused(&["pending", "never started"]);
    fs::remove_dir_all(results.folder(0)).unwrap();
    results.aees(&["runs", "logs", "noise:0"]).refused(&["is gone", "aees registry check"]);
}

#[test]
fn logs_follows_until_the_run_ends() {
    let mut results = Results::with_study("noise", 1);
    let claim = results.start(0);
    let path = results.folder(0).join("log.txt");
    let follower = results.scratch.command(["runs", "logs", "noise:0", "-f"]).stdout(Stdio::piped()).spawn().unwrap();
    // Nothing is there yet; then a line; then the run ends with a last line.
    std::thread::sleep(Duration::from_millis(300));
    fs::write(&path, "first\n").unwrap();
    std::thread::sleep(Duration::from_millis(500));
    fs::OpenOptions::new().append(true).open(&path).unwrap().write_all(b"last\n").unwrap();
    results.registry.interrupt(&claim, "a test", &Usage::default()).unwrap();
    let output = follower.wait_with_output().unwrap();
    assert!(output.status.success());
    assert_eq!(String::from_utf8_lossy(&output.stdout), "first\nlast\n");
}

/// Row 8 of the acceptance list.
#[test]
fn failed_attempts_are_in_the_cost_report_and_an_unknown_price_is_unknown() {
    let mut results = Results::with_study("costly", 3);
    let failure = |error: &str| FailedAttempt {
        class: "io".into(),
        error: error.into(),
        fingerprint: None,
        next: AfterFailure::Final,
    };
    let claim = results.start(0);
    let usage = Usage { wall_ms: Some(60_000), cost_usd: Some(0.25), tokens_in: Some(900), ..Usage::default() };
    results.registry.fail(&claim, &failure("lost"), &usage).unwrap();
    let claim = results.start(1);
    results.registry.fail(&claim, &failure("lost"), &Usage::default()).unwrap();
    let claim = results.start(2);
    let done = Completion {
        outcome: OutcomeKind::Ok,
        result_sha: "0".into(),
        result_stat: None,
        metrics: Vec::new(),
        usage: Usage::default(),
    };
    results.registry.complete(&claim, &done).unwrap();

    let text = results.aees(&["runs", "ls", "--costs", "costly"]).ok().stdout();
    let row = |ending: &str| -> Vec<String> {
        let words = |line: &str| line.split_whitespace().map(str::to_owned).collect::<Vec<_>>();
        text.lines().map(words).find(|words| words.get(1).is_some_and(|word| word == ending)).unwrap()
    };
    assert_eq!(row("completed")[2..], ["1", "unknown", "unknown", "unknown", "unknown", "unknown", "unknown"]);
    assert_eq!(row("failed")[2..6], ["2", "1", "min", "00"]);
    assert!(text.contains("0.2500 + 1 unknown"), "{text}");
    assert!(text.contains("0.2500 + 2 unknown"), "the sum: {text}");
    let json = results.json(&["runs", "ls", "--costs"]);
    let endings = json["costs"][0]["endings"].as_array().unwrap();
    assert_eq!(endings[0]["cost_usd"], serde_json::Value::Null);
    assert_eq!((&endings[1]["attempts"], &endings[1]["cost_usd"]), (&2.into(), &0.25.into()));
}
