//! `aees sweep status`: counts, what runs, what failed, names, and when a watch ends.

use std::fs;
use std::io::{BufRead, BufReader};
use std::process::Stdio;

use aees_studies::registry::{Heartbeat, Usage};
use serde_json::json;

use super::scratch::{LEASE, Results, everything};

const PROGRESS: &str = r#"{"epoch":2,"epochs":18,"step":512,"total_steps":1024,"loss":3.25,"arm":"lr2_n0","steps_per_s":4.1,"val_accuracy":0.31}"#;

fn running() -> Results {
    let mut results = Results::with_study("noise", 8);
    results.finish(0, 0.5);
    results.fail(1, "oom", "out of memory\ntrace");
    let claim = results.start(2);
    results.registry.heartbeat(&[Heartbeat { claim: &claim, progress: Some(PROGRESS.into()) }], LEASE).unwrap();
    results
}

#[test]
fn status_shows_counts_pace_running_runs_and_failures() {
    let results = running();
    let text = results.aees(&["sweep", "status"]).ok().stdout();
    let lines: Vec<&str> = text.lines().collect();
    assert_eq!(lines[0], "noise  1/8 done (12 %)  5 pending · 1 running · 1 failed · 1 done");
    // One run took 12.5 s; six are left, and half of one of them is done.
    assert_eq!(lines[1], "  288 runs/h, about 1 min 09 s left");
    for word in ["noise:2", "2/18", "512/1024", "3.250", "31.0 %", "lr2_n0", "4.1", " ago", "elsewhere:7"] {
        assert!(lines[3].contains(word), "{word} is not in\n{text}");
    }
    assert!(lines[4].starts_with("  failed with oom: 1 run of 1 setting, such as "), "{text}");
    assert!(lines[4].ends_with(": out of memory"), "{text}");
    assert_eq!(lines.len(), 5);

    let json = results.json(&["sweep", "status", "noise"]);
    let study = &json["studies"][0];
    assert_eq!((&study["counts"]["pending"], &study["done"], &study["total"]), (&5.into(), &1.into(), &8.into()));
    assert_eq!(study["running"][0]["progress"]["arm"], "lr2_n0");
    assert_eq!((&study["runs_per_hour"], &study["left_ms"]), (&json!(288.0), &json!(68_750.0)));
    assert_eq!(study["failures"][0]["class"], "oom");
}

/// Row 5 of the acceptance list.
#[test]
fn studies_are_named_exactly_by_their_beginning_or_by_a_pattern() {
    let mut results = Results::new();
    for name in ["E2_lr", "E2_noise", "E2", "clean"] {
        results.plan(name, [0]);
    }
    let named = |name: &str| -> Vec<String> {
        let json = results.json(&["sweep", "status", name]);
        json["studies"].as_array().unwrap().iter().map(|study| study["study"].as_str().unwrap().to_owned()).collect()
    };
    assert_eq!(named("E2"), ["E2"], "exact comes before all that begin so");
    assert_eq!(named("cl"), ["clean"]);
    assert_eq!(named("E2_l"), ["E2_lr"]);
    assert_eq!(named("E2_*"), ["E2_lr", "E2_noise"]);
    results.aees(&["sweep", "status", "E2_"]).refused(&["several studies", "E2_lr, E2_noise", "`E2_*`"]);
    results.aees(&["sweep", "status", "claen"]).refused(&["no study matches `claen`", "studies: clean"]);
    results.aees(&["sweep", "status", "F*"]).refused(&["no study matches `F*`"]);
}

#[test]
fn a_study_that_a_breaker_stopped_says_so() {
    let mut results = Results::with_study("noise", 40);
    for number in 0..10 {
        results.fail(number, ["oom", "io", "panic", "data"][number as usize / 2 % 4], "broken");
    }
    let text = results.aees(&["sweep", "status"]).ok().stdout();
    assert!(text.contains("stopped: the last 10 attempts failed"), "{text}");
    assert!(text.contains("aees sweep resume noise"), "{text}");
    // One that goes on was not stopped.
    results.start(11);
    assert!(!results.aees(&["sweep", "status"]).ok().stdout().contains("stopped"));

    let mut results = Results::with_study("same", 40);
    results.finish(0, 0.5);
    [2, 4, 6].into_iter().for_each(|number| results.fail(number, "panic", "index out of bounds"));
    let json = results.json(&["sweep", "status"]);
    assert!(json["studies"][0]["stopped_by"].as_str().unwrap().contains("3 settings failed in the same way (panic)"));
}

#[test]
fn a_watch_ends_when_nothing_is_left() {
    let mut results = Results::with_study("noise", 2);
    results.finish(0, 0.5);
    let claim = results.start(1);
    let watch = ["sweep", "status", "noise", "--watch", "--every", "0.1"];
    let mut watcher = results.scratch.command(watch).stdout(Stdio::piped()).spawn().unwrap();
    let mut lines = BufReader::new(watcher.stdout.take().unwrap()).lines().map(Result::unwrap);
    let seen: Vec<String> = lines.by_ref().take_while(|line| !line.contains("1 running")).collect();
    results.publish(1, 0.75);
    let completion = aees_studies::disk::completion_of(&results.folder(1)).unwrap().unwrap();
    results.registry.complete(&claim, &completion).unwrap();
    let text = seen.into_iter().chain(lines).collect::<Vec<_>>().join("\n");
    assert!(watcher.wait().unwrap().success());
    assert!(!text.contains('\x1b'), "blocks, not drawings: {text}");
    assert!(text.ends_with("noise  2/2 done (100 %)  2 done"), "{text}");
    results.aees(&["sweep", "status", "--watch", "--json"]).refused(&["cannot be used with"]);
}

#[test]
fn a_watch_of_a_study_that_nobody_works_on_ends_too() {
    let mut results = Results::with_study("noise", 2);
    let claim = results.start(0);
    results.registry.interrupt(&claim, "a test", &Usage::default()).unwrap();
    let run = results.aees(&["sweep", "status", "--watch"]).ok();
    assert!(run.stderr().contains("nothing is running, and 2 runs are left"), "{}", run.stderr());
}

#[test]
fn status_of_nothing_and_of_files_that_are_none() {
    let results = Results::new();
    assert!(results.aees(&["sweep", "status"]).ok().stderr().contains("no study yet"));
    assert_eq!(results.json(&["sweep", "status"])["studies"], json!([]));
    let Results { scratch, registry } = Results::with_study("noise", 2);
    drop(registry);
    rusqlite::Connection::open(scratch.path("results/registry.db"))
        .unwrap()
        .execute_batch("PRAGMA user_version = 99")
        .unwrap();
    let before = everything(&scratch);
    assert!(scratch.run(["sweep", "status"]).ok().stdout().contains("0/2 done"));
    assert_eq!(everything(&scratch), before, "reading a newer registry changes nothing");
    fs::write(scratch.path("results/registry.db"), "damaged".repeat(1_000)).unwrap();
    scratch.run(["sweep", "status"]).refused(&["is damaged", "aees registry rebuild"]);
}
