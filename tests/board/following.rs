//! What a page is told as runs go on, stop, vanish and are written anew.

use std::fs::{self, OpenOptions};
use std::io::Write;
use std::path::Path;

use aees_studies::registry::Heartbeat;
use serde_json::{Value, json};

use super::support::{ServedBoard, episode, epoch};
use crate::program::{Scratch, TINY, wait_until};
use crate::runs::scratch::{LEASE, Results, run_id};

fn append(path: &Path, text: &str) {
    OpenOptions::new().create(true).append(true).open(path).unwrap().write_all(text.as_bytes()).unwrap();
}

fn of_run(message: &Value, number: u64) -> Option<&Value> {
    message["runs"].as_array()?.iter().find(|run| run["id"] == run_id(number).short())
}

#[test]
fn a_study_is_followed_from_its_first_epoch_to_its_result() {
    let mut results = Results::with_study("noise", 4);
    let board = ServedBoard::start(&results.scratch, &[]);
    let mut stream = board.follow("");
    let (_, first) = stream.next();
    assert_eq!((first["reset"].clone(), first["runs"].as_array().unwrap().len()), (json!(true), 4));
    let study = &first["studies"][0];
    assert_eq!(
        (&study["study"], &study["total"], &study["counts"]["pending"]),
        (&json!("noise"), &json!(4), &json!(4))
    );
    let pending = of_run(&first, 1).unwrap();
    assert_eq!((&pending["state"], &pending["index"]), (&json!("pending"), &json!(1)));
    assert!(pending["setting"].as_str().unwrap().contains("method=bandit"), "{pending}");

    let claim = results.start(1);
    let metrics = results.folder(1).join("metrics.jsonl");
    append(&metrics, &(episode(0, "lr1") + &epoch(1, 0.25)));
    let progress = json!({"event": "progress", "epochs": 3, "step": 10, "total_steps": 30, "steps_per_s": 5.0, "arm": "lr2", "device": "cpu"});
    let beat = Heartbeat { claim: &claim, progress: Some(progress.to_string()) };
    assert!(results.registry.heartbeat(&[beat], LEASE).unwrap().is_empty());
    let at_work = |run: &Value| run["state"] == "running" && run["last"] == 0.25 && !run["ends_at"].is_null();
    let (id, told) = stream.until(|message| of_run(message, 1).is_some_and(at_work));
    let run = of_run(&told, 1).unwrap();
    assert_eq!((&run["epoch"], &run["epochs"], &run["steps"]), (&json!(1), &json!(3), &json!(30)));
    let ahead = run["ends_at"].as_i64().unwrap() - run["heard_at"].as_i64().unwrap();
    assert_eq!(ahead, 4_000, "20 steps at 5 a second");
    // Another line, and the end; a page that comes back is told only what it missed.
    append(&metrics, &epoch(2, 0.75));
    drop(stream);
    let mut stream = board.follow(&id);
    let (_, told) = stream.until(|message| of_run(message, 1).is_some_and(|run| run["best"] == 0.75));
    assert_eq!(told["reset"], json!(false));
    assert!(of_run(&told, 0).is_none(), "what did not change is not told again");
    results.publish(1, 0.75);
    let completion = aees_studies::disk::completion_of(&results.folder(1)).unwrap().unwrap();
    results.registry.complete(&claim, &completion).unwrap();
    let (_, told) = stream.until(|message| of_run(message, 1).is_some_and(|run| run["state"] == "done"));
    assert!(of_run(&told, 1).unwrap()["ends_at"].is_null());
    let curves = board.json(&format!("/curves?runs={},{}", run_id(1).short(), run_id(0).short()));
    assert_eq!(curves[run_id(1).short()]["curves"]["val_accuracy"], json!([0.25, 0.75]));
    // A page of another board, or of one before, gets everything.
    let (_, told) = board.follow("f00-3").next();
    assert_eq!((told["reset"].clone(), told["runs"].as_array().unwrap().len()), (json!(true), 4));
}

#[test]
fn failures_and_what_keeps_a_study_from_going_on_are_told() {
    let mut results = Results::with_study("noise", 12);
    (0..10).for_each(|number| results.fail(number, "oom", "CUDA out of memory\nhelp: less"));
    let board = ServedBoard::start(&results.scratch, &[]);
    let state = board.state();
    let study = &state["studies"][0];
    assert_eq!(study["failures"][0]["runs"], 10, "{study}");
    assert!(study["stopped_by"].as_str().unwrap().contains("aees runs retry --study noise"), "{study}");
    assert!(of_run(&state, 0).unwrap()["error"].as_str().unwrap().starts_with("oom: CUDA out of memory"));
}

/// Whatever becomes of the files, the board goes on.
#[test]
fn files_that_are_cut_damaged_or_gone_are_survived() {
    let mut results = Results::with_study("noise", 3);
    let board = ServedBoard::start(&results.scratch, &[]);
    let _claim = results.start(0);
    let metrics = results.folder(0).join("metrics.jsonl");
    append(&metrics, &(epoch(1, 0.1) + "{\"kind\":\"epoch\",\"epo\n\u{0}\u{fffd}\n[]\n" + &epoch(2, 0.2)));
    let is = |value: f64| move |run: &Value| run["last"] == value;
    board.wait_for_run("the line after the damaged ones", is(0.2));
    fs::write(&metrics, epoch(1, 0.3)).unwrap();
    board.wait_for_run("the file that was cut", is(0.3));
    append(&metrics, &epoch(2, 0.4));
    board.wait_for_run("what was added to it", is(0.4));
    fs::remove_dir_all(results.folder(0)).unwrap();
    assert_eq!(board.json(&format!("/runs/{}", run_id(0).short()))["log"], "");
    // A registry that is garbage for a while.
    let registry = results.scratch.path("results/registry.db");
    let results = results.closed();
    let bytes = fs::read(&registry).unwrap();
    for suffix in ["-wal", "-shm"] {
        let _ = fs::remove_file(results.scratch.path(&format!("results/registry.db{suffix}")));
    }
    fs::write(&registry, b"this is no database, and long enough to be looked at as one ...........................")
        .unwrap();
    wait_until("the note", || {
        board.state()["notes"][0]["text"].as_str().is_some_and(|note| note.contains("cannot be read now"))
    });
    fs::write(&registry, bytes).unwrap();
    wait_until("the note goes", || board.state()["notes"].as_array().is_none_or(Vec::is_empty));
    fs::remove_file(&registry).unwrap();
    wait_until("the registry is gone", || {
        board.state()["notes"][0]["text"].as_str().is_some_and(|note| note.contains("is gone"))
    });
    assert_eq!(board.state()["runs"].as_array().unwrap().len(), 3, "what it last said is shown");
}

/// Runs of `aees train`, which no registry knows: at work, killed, gone on with, and over.
#[test]
fn a_run_alone_is_followed_while_it_trains_and_after_a_kill() {
    let scratch = Scratch::new();
    fs::create_dir(scratch.path("results")).unwrap();
    fs::create_dir(scratch.path("elsewhere")).unwrap();
    let board = ServedBoard::start(&scratch, &["elsewhere"]);
    let long = ["train", "cifar100", "--run-dir", "elsewhere/one", "--epochs", "100000", "--limit-train", "100"];
    let others = TINY.iter().copied().filter(|word| !["--epochs", "3", "--limit-train", "200"].contains(word));
    let mut training = scratch.command(long.into_iter().chain(others)).spawn().unwrap();
    let run = board.wait_for_run("it trains", |run| run["state"] == "running" && run["epoch"].as_u64() > Some(2));
    assert!(run["name"].as_str().unwrap().ends_with("elsewhere/one"), "{run}");
    assert_eq!((&run["epochs"], run["ends_at"].is_i64()), (&json!(100_000), true), "{run}");
    training.kill().unwrap();
    training.wait().unwrap();
    board.wait_for_run("it was killed", |run| run["state"] == "interrupted");
    let resume = ["train", "--resume", "elsewhere/one"];
    let mut training = scratch.command(resume).spawn().unwrap();
    board.wait_for_run("it goes on", |run| run["state"] == "running");
    training.kill().unwrap();
    training.wait().unwrap();
    fs::remove_dir_all(scratch.path("elsewhere/one")).unwrap();
    wait_until("it is gone", || board.state()["runs"].as_array().is_none_or(Vec::is_empty));
}
