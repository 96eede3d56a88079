//! A loop from its start to its end: what it leaves, what it trains, and how it goes on.

use std::collections::BTreeSet;
use std::fs;
use std::process::Command;

use crate::auto_loop::{RANGES, effects, file, hill, history, next_proposal, resume, start, status, verdicts};
use crate::program::{Scratch, TINY, wait_until};
use crate::require;
use serde_json::{Value, json};

#[test]
fn a_loop_climbs_from_a_bad_start_and_trains_each_run_once() {
    let scratch = Scratch::new();
    hill(&scratch, &format!("{RANGES}loop: {{first: 6}}\n"));
    let said = start(&scratch, &["--loops", "14"]).ok().stderr();
    assert!(said.contains("baseline: score") && said.contains("hill: 14 iterations"), "{said}");
    let records = history(&scratch);
    assert_eq!(records.len(), 15);
    let now = status(&scratch);
    assert_eq!((&now["status"], &now["iterations_completed"]), (&json!("finished"), &json!(14)));
    assert!(now["best"].as_f64().unwrap() > 9.0, "{now:#}");
    // What was kept is better by what its own line says, and the last one is the incumbent.
    let kept: Vec<&Value> = records.iter().filter(|record| record["verdict"] == "keep").collect();
    assert!(!kept.is_empty());
    for record in &kept {
        let estimate = &record["estimate"];
        assert!(estimate["difference"].as_f64() >= estimate["threshold"].as_f64(), "{record:#}");
    }
    assert_eq!(now["incumbent"]["iteration"], kept.last().unwrap()["iteration"]);
    // The far ones cost one run, and no run was started twice.
    assert!(records.iter().any(|record| record["pairs"].as_array().unwrap().len() == 1));
    let runs = effects(&scratch);
    assert_eq!(runs.iter().collect::<BTreeSet<_>>().len(), runs.len());
    // The table tells the same, a row for each line.
    let table = scratch.text(&file("results.tsv"));
    let rows: Vec<Vec<&str>> = table.lines().map(|line| line.split('\t').collect()).collect();
    assert_eq!(rows[0], ["run", "score", "memory_gb", "status", "description"]);
    assert_eq!(rows.len(), 16);
    for (row, record) in rows[1..].iter().zip(&records) {
        assert_eq!((row[3], row.len()), (record["verdict"].as_str().unwrap(), 5));
        assert!((row[1].parse::<f64>().unwrap() - record["mean"].as_f64().unwrap()).abs() < 1e-5);
        assert!(record["pairs"][0]["candidate_run"].as_str().unwrap().starts_with(row[0]));
    }
    // The studies of a loop are studies.
    let said = scratch.run(["runs", "ls", "hill-0001"]).ok().stdout();
    assert!(said.contains("candidate") || said.contains("done"), "{said}");
}

#[test]
fn a_loop_goes_on_by_so_many_iterations_and_rests_when_nothing_is_kept() {
    let scratch = Scratch::new();
    hill(&scratch, &format!("{RANGES}loop: {{patience: 4, first: 100}}\n"));
    start(&scratch, &["--loops", "2"]).ok();
    assert_eq!(verdicts(&scratch).len(), 3);
    let said = resume(&scratch, &[]).ok().stderr();
    assert!(said.contains("all iterations are done"), "{said}");
    assert_eq!(verdicts(&scratch).len(), 3);
    resume(&scratch, &["--loops", "1"]).ok();
    assert_eq!(verdicts(&scratch).len(), 4);
    let said = resume(&scratch, &["--loops", "60"]).ok().stderr();
    assert!(said.contains("nothing was kept in the last 4 iterations"), "{said}");
    let now = status(&scratch);
    assert_eq!((&now["status"], &now["since_keep"]), (&json!("plateau"), &json!(4)));
}

#[test]
fn phases_and_stages_run_when_they_are_named() {
    let scratch = Scratch::new();
    hill(&scratch, RANGES);
    start(&scratch, &["--only", "loop", "--loops", "1"]).refused(&["the baseline is not trained yet", "--only"]);
    resume(&scratch, &["--only", "setup,baseline"]).ok();
    assert_eq!(verdicts(&scratch), ["baseline"]);
    resume(&scratch, &["--only", "train"]).refused(&["goes on with `propose`"]);
    for stage in ["propose", "apply", "commit", "train", "triage", "record"] {
        resume(&scratch, &["--only", stage, "--loops", "1"]).ok();
        assert_eq!(verdicts(&scratch), ["baseline"], "{stage}");
    }
    assert_eq!(status(&scratch)["in_progress"]["stage"], "decide");
    resume(&scratch, &["--only", "decide"]).ok();
    assert_eq!(verdicts(&scratch).len(), 2);
    resume(&scratch, &["--loops", "1", "--loop-only", "propose,apply"]).ok();
    assert_eq!(status(&scratch)["in_progress"]["stage"], "commit");
    resume(&scratch, &["--loop-only", "train,record"]).refused(&["goes on with `commit`"]);
    resume(&scratch, &[]).ok();
    assert_eq!(verdicts(&scratch).len(), 3);
    resume(&scratch, &["--only", "trian"]).refused(&["`trian` is neither a phase nor a stage"]);
}

#[test]
fn in_the_background_the_number_of_loops_and_a_stop_are_kept_by_themselves() {
    let scratch = Scratch::new();
    hill(&scratch, &format!("{RANGES}loop: {{first: 100}}\n"));
    let said = scratch.run(["loop", "start", "hill.yaml", "--loops", "3"]).ok().stderr();
    assert!(said.contains("started in the background") && said.contains("aees loop stop hill"), "{said}");
    wait_until("three iterations are done", || status(&scratch)["status"] == "finished");
    assert_eq!(verdicts(&scratch).len(), 4);
    // A second process is told who works.
    scratch.run(["loop", "resume", "hill", "--loops", "100000"]).ok();
    wait_until("it is at work", || status(&scratch)["status"] == "running");
    scratch
        .run(["loop", "resume", "hill", "--loops", "1"])
        .refused(&["at work already: process", "aees loop stop hill"]);
    resume(&scratch, &[]).refused(&["at work already"]);
    assert_eq!(scratch.run(["loop", "stop", "hill"]).ok().stdout(), "stopped hill\n");
    let now = status(&scratch);
    assert_eq!((&now["status"], &now["process"]), (&json!("stopped"), &Value::Null), "{now:#}");
    assert!(now["iterations_left"].as_u64().unwrap() > 90_000);
    scratch.run(["loop", "stop", "hill"]).refused(&["nothing was stopped"]);
    // And the time is a bound, too.
    let before = verdicts(&scratch).len();
    let run = resume(&scratch, &["--max-hours", "0.0005"]);
    assert_eq!(run.code(), Some(3), "{}", run.stderr());
    assert!(run.stderr().contains("the time is over"), "{}", run.stderr());
    assert!(verdicts(&scratch).len() > before);
}

#[test]
fn real_training_runs_side_by_side_and_the_git_tree_stays_as_it_is() {
    let scratch = Scratch::new();
    let git = |words: &[&str]| {
        let output = Command::new("git").args(words).current_dir(scratch.path("")).output().ok()?;
        Some(String::from_utf8(output.stdout).unwrap())
    };
    if git(&["init", "-q"]).is_none() {
        require::skip(require::Component::Git, "there is no git here to leave a tree as it is");
    }
    git(&["-c", "user.name=a", "-c", "user.email=a@b", "commit", "-q", "--allow-empty", "-m", "first"]);
    fs::write(scratch.path("mine.txt"), "not committed").unwrap();
    fs::write(scratch.path(".gitignore"), "results\n").unwrap();
    let settings: Vec<String> = TINY
        .chunks(2)
        .filter(|pair| pair[0] != "--epochs")
        .map(|pair| format!("{}: {}", pair[0].trim_start_matches('-').replace('-', "_"), pair[1]))
        .collect();
    let text = format!(
        "aees: 1\nname: hill\ntask: cifar100\nset: {{{}, epochs: 1}}\nsweep: {{lr: {{loguniform: {{from: 1e-4, to: 1e-2}}}}}}\n\
         metric: {{name: val_accuracy}}\nloop: {{baseline: 2, seeds: 2, retest: 0, scout: 0}}\n",
        settings.join(", ")
    );
    fs::write(scratch.path("hill.yaml"), text).unwrap();
    let before = (git(&["status", "--porcelain"]), git(&["rev-parse", "HEAD"]));
    start(&scratch, &["--loops", "1", "--jobs", "2", "--pack", "2"]).ok();
    assert_eq!(before, (git(&["status", "--porcelain"]), git(&["rev-parse", "HEAD"])));
    let records = history(&scratch);
    assert_eq!(records.len(), 2);
    assert_eq!(records[1]["pairs"].as_array().unwrap().len(), 2);
    assert!(records[1]["memory_bytes"].as_u64().unwrap() > 1_000_000, "{}", records[1]);
    // The page tells it: what was tried, with intervals, and the incumbent's path; its runs open to their curves.
    scratch.run(["report", "html", "hill", "--out", "page.html"]).ok();
    let page = scratch.text("page.html");
    for words in
        ["What was tried", "must reach", "The incumbent&#39;s path", "aees loop resume hill", "data:image/svg+xml"]
    {
        assert!(page.contains(words), "{words}");
    }
    assert_eq!(page.matches("<th scope=\"row\" class=\"n\">").count(), 2, "a row for each iteration");
    scratch.run(["report", "best", "hill", "--metric", "val_accuracy"]).ok();
    // A proposal for what is to be solved is no way to be better.
    next_proposal(&scratch, r#"{"patch": {"epochs": 3}}"#);
    resume(&scratch, &["--loops", "1"]).ok();
    let record = history(&scratch).pop().unwrap();
    assert_eq!(record["verdict"], "rejected");
    assert!(record["reason"].as_str().unwrap().contains("part of what is to be solved"), "{record}");
}
