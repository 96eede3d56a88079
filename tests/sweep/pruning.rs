//! Studies that stop what does not pay, through the program.

use std::fs;
use std::path::PathBuf;
use std::process::{Child, Stdio};
use std::thread::sleep;
use std::time::Duration;

use aees_run::result::{EPISODE_CURVES, EPOCH_CURVES};
use serde_json::Value;

use super::{count, effects, runs, shell_study, states, sweep};
use crate::program::{Run, Scratch, read_json, wait_until, without_times};

/// Nine steps of a loss that falls, from where it was stopped; less for a smaller `x`.
const SCRIPT: &str = "at={run_dir}/at\ni=$(cat $at 2>/dev/null || echo 0)\nwhile [ $i -lt 9 ]; do\n  i=$((i + 1))\n  \
                      echo $i > $at.new && mv $at.new $at\n  echo {x} >> steps\n  echo \"{{\\\"step\\\": $i, \\\"loss\\\": $(({x} * 100 - i))}}\"\n  \
                      sleep 0.15\ndone\necho \"{{\\\"loss\\\": $(({x} * 100 - 9))}}\"";

const PRUNE: &str =
    "metric: {name: loss, goal: min}\nprune: {method: asha, factor: 3}\nsweep: {x: [5, 3, 7, 1, 4, 2, 6, 9, 8]}";

fn study(scratch: &Scratch, more: &str) -> String {
    shell_study(scratch, "race", SCRIPT, more).to_str().unwrap().to_owned()
}

/// The values of `x` whose runs are in a state.
fn settings(scratch: &Scratch, state: &str) -> Vec<u64> {
    let of_state = runs(scratch).into_iter().filter(|run| run["state"] == state);
    let mut settings: Vec<u64> = of_state.map(|run| run["axes"]["x"].as_u64().unwrap()).collect();
    settings.sort_unstable();
    settings
}

fn rungs(scratch: &Scratch) -> Value {
    let shown = sweep(scratch, &["rungs", "race", "--replay", "--json"]).ok();
    serde_json::from_str(&shown.stdout()).unwrap()
}

#[test]
fn one_at_a_time_the_same_settings_win_and_the_others_are_pruned() {
    let study_of = |scratch: &Scratch| study(scratch, PRUNE);
    let scratch = Scratch::new();
    let file = study_of(&scratch);
    let planned = sweep(&scratch, &["plan", &file]).ok();
    assert!(
        planned.stderr().contains("prune: 9 settings are compared at step 1, 3, 9, 27, ..."),
        "{}",
        planned.stderr()
    );
    let run = sweep(&scratch, &["run", &file]).ok();
    assert!(
        run.stderr().contains("pruned at step 1: 900 is number 9 of 9") || run.stderr().contains("899 is"),
        "{}",
        run.stderr()
    );
    let done = settings(&scratch, "done");
    assert!(done.contains(&1) && done.len() < 5, "{done:?}");
    assert_eq!(done.len() + settings(&scratch, "pruned").len(), 9);
    assert!(effects(&scratch, "steps").len() < 50, "of 81: {}", effects(&scratch, "steps").len());
    let status = sweep(&scratch, &["status", "race"]).ok().stdout();
    assert!(status.contains("(100 %)") && status.contains(&format!("{} pruned", 9 - done.len())), "{status}");
    let document = rungs(&scratch);
    assert_eq!(document["replay"]["differences"], Value::Array(Vec::new()));
    assert_eq!(document["rungs"][0]["came"], 9);
    let again = Scratch::new();
    sweep(&again, &["run", &study_of(&again)]).ok();
    assert_eq!((states(&again), &rungs(&again)), (states(&scratch), &document));

    // A finished study starts nothing; one that was pruned is taken up, from where it stopped, to its end.
    sweep(&scratch, &["run", &file]).ok();
    let steps = |x: &str| effects(&scratch, "steps").iter().filter(|step| *step == x).count();
    let before = steps("9");
    assert!((1..9).contains(&before), "{before}");
    let why = scratch.run(["runs", "why", "race:7"]).ok().stdout();
    assert!(why.contains("stopped at a rung, to be compared") && why.contains("pruned in study race: step 1"), "{why}");
    scratch.run(["runs", "retry", "race:7"]).ok();
    sweep(&scratch, &["resume", "race"]).ok();
    assert!(settings(&scratch, "done").contains(&9));
    assert_eq!(steps("9"), 9, "it went on where it stopped");
    assert_eq!(rungs(&scratch)["replay"]["differences"], Value::Array(Vec::new()));
}

/// Another study wants the same runs whole; what the first pruned is its own matter.
#[test]
fn a_run_that_a_study_pruned_goes_to_its_end_in_another() {
    let scratch = Scratch::new();
    sweep(&scratch, &["run", &study(&scratch, &PRUNE.replace("asha", "halving"))]).ok();
    assert_eq!(settings(&scratch, "done"), [1]);
    let whole = shell_study(&scratch, "whole", SCRIPT, "sweep: {x: [9, 1]}");
    sweep(&scratch, &["run", whole.to_str().unwrap()]).ok();
    assert_eq!(settings(&scratch, "done"), [1, 9]);
    assert_eq!(count(&scratch, "pruned"), 7);
}

fn start(scratch: &Scratch, arguments: &[&str]) -> Child {
    let mut command = scratch.command(["sweep"].iter().chain(arguments));
    command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap()
}

#[test]
fn killed_at_any_moment_it_goes_on_and_the_best_is_kept() {
    let scratch = Scratch::new();
    let file = study(&scratch, &PRUNE.replace("asha", "halving"));
    for milliseconds in [900, 1_300, 700, 1_700, 1_100] {
        let mut child = start(&scratch, &["run", &file, "--jobs", "3"]);
        sleep(Duration::from_millis(milliseconds));
        child.kill().unwrap();
        child.wait().unwrap();
    }
    sweep(&scratch, &["run", &file, "--jobs", "3"]).ok();
    assert_eq!((settings(&scratch, "done"), count(&scratch, "pruned")), (vec![1], 8));
    let document = rungs(&scratch);
    assert_eq!(document["replay"]["differences"], Value::Array(Vec::new()));
    let stood: Vec<_> =
        document["rungs"].as_array().unwrap().iter().map(|rung| rung["promoted"].as_u64().unwrap()).collect();
    // Whether the last one told its last step before it ended depends on where its program was killed.
    assert_eq!(stood[..2], [3, 1]);
}

#[test]
fn two_supervisors_decide_as_one() {
    let scratch = Scratch::new();
    let file = study(&scratch, &PRUNE.replace("asha", "halving"));
    let first = start(&scratch, &["run", &file, "--jobs", "2"]);
    wait_until("the study is planned", || !effects(&scratch, "steps").is_empty());
    let second = start(&scratch, &["resume", "race", "--jobs", "2"]);
    for child in [first, second] {
        let run = Run(child.wait_with_output().unwrap());
        assert_eq!(run.code(), Some(0), "{}", run.stderr());
    }
    assert_eq!((settings(&scratch, "done"), count(&scratch, "pruned")), (vec![1], 8));
    assert_eq!(rungs(&scratch)["replay"]["differences"], Value::Array(Vec::new()));
}

const IMAGES: &str = "aees: 1\nname: images\ntask: cifar100\nset: {data: synthetic, model_width: 2, limit_train: 200, limit_eval: 100, \
                      batch_size: 20, epochs: 4, control_mode: adaptive, lr_candidates: [0.5, 1], episode_length: 7}\n\
                      sweep: {lr: [1.0e-5, 1.0e-4, 1.0e-3, 1.0e-2]}\nmetric: {name: train_loss, goal: min}\n";

fn folder(scratch: &Scratch, root: &str, run: &Value) -> PathBuf {
    let id = run["run_id"].as_str().unwrap();
    scratch.path(root).join("runs").join(&id[..2]).join(&id[..16])
}

/// A run that stopped at two rungs ends as one that nobody stopped, to the bit; one that was pruned has a checkpoint.
#[test]
fn a_training_run_that_goes_on_ends_as_if_it_had_never_stopped() {
    let scratch = Scratch::new();
    let text = format!(
        "{IMAGES}prune: {{method: halving, rungs: [1, 3], factor: 2, metric: {{name: train_loss, goal: min}}}}\n"
    );
    fs::write(scratch.path("images.yaml"), &text).unwrap();
    // Side by side in one process, too, each stops at its own rung.
    sweep(&scratch, &["run", "images.yaml", "--jobs", "2", "--pack", "2"]).ok();
    assert_eq!((count(&scratch, "done"), count(&scratch, "pruned")), (1, 3));
    fs::write(scratch.path("images.yaml"), IMAGES).unwrap();
    sweep(&scratch, &["run", "images.yaml", "--jobs", "2", "--root", "whole"]).ok();
    for run in runs(&scratch) {
        let here = folder(&scratch, "results", &run);
        let told: Vec<Value> = fs::read_to_string(here.join("metrics.jsonl"))
            .unwrap()
            .lines()
            .map(|line| serde_json::from_str(line).unwrap())
            .collect();
        let of_kind = |kind: &str| told.iter().find(|line| line["kind"] == kind).unwrap();
        assert!(EPOCH_CURVES.iter().all(|name| of_kind("epoch")[name].is_number()));
        assert!(EPISODE_CURVES.iter().all(|name| of_kind("episode")[name].is_number()));
        if run["state"] == "pruned" {
            assert!(here.join("checkpoints").is_dir() && !here.join("result.json").exists());
            let epochs = told.iter().filter(|line| line["kind"] == "epoch").count();
            assert!(epochs == 1 || epochs == 3, "{epochs}");
            continue;
        }
        assert_eq!(run["attempts"], 3, "it stopped at both rungs");
        let result = |root: &str| without_times(read_json(&folder(&scratch, root, &run).join("result.json")));
        assert_eq!(result("results"), result("whole"));
    }
    let table = scratch.run(["report", "tables", "images"]);
    assert!(table.stderr().contains("3 of 4 runs were pruned"), "{}", table.stderr());
    scratch.run(["report", "html", "images", "--out", "page.html"]).ok();
    assert!(scratch.text("page.html").contains("3 pruned"));
    // Taken up, it ends as the others.
    scratch.run(["runs", "retry", "--study", "images", "--state", "pruned", "--yes"]).ok();
    sweep(&scratch, &["resume", "images", "--jobs", "2"]).ok();
    assert_eq!(count(&scratch, "done"), 4);
    for run in runs(&scratch) {
        let result = |root: &str| without_times(read_json(&folder(&scratch, root, &run).join("result.json")));
        assert_eq!(result("results"), result("whole"));
    }
}

#[test]
fn a_comparison_that_cannot_be_made_is_refused_before_anything_runs() {
    let scratch = Scratch::new();
    for (body, words) in [
        ("prune: {metric: {name: val_acuracy}}\n", &["wrong.yaml:3", "val_acuracy", "did you mean `val_accuracy`"][..]),
        ("prune: {}\n", &["wrong.yaml:3", "`metric` is missing"]),
        ("metric: {name: val_accuracy}\nprune: {factor: 1}\n", &["wrong.yaml:4", "`factor`", "from 2 on"]),
        ("metric: {name: val_accuracy}\nprune: {grace: -1}\n", &["wrong.yaml:4", "`grace`"]),
        ("metric: {name: val_accuracy}\nprune: {rungs: [9, 3]}\n", &["wrong.yaml:4", "`rungs`", "each larger"]),
        (
            "metric: {name: val_accuracy}\nprune: {reduction: 3}\n",
            &["wrong.yaml:4", "unknown key `reduction` in prune"],
        ),
        ("metric: {name: val_accuracy}\nprune: {per: [lrr]}\n", &["wrong.yaml:4", "lrr", "did you mean `lr`"]),
    ] {
        fs::write(scratch.path("wrong.yaml"), format!("aees: 1\ntask: cifar100\n{body}")).unwrap();
        for verb in ["plan", "run"] {
            sweep(&scratch, &[verb, "wrong.yaml"]).refused(words);
        }
    }
    let file = study(&scratch, PRUNE);
    scratch.run(["slurm", "submit", &file]).refused(&["the study prunes", "aees sweep run"]);
    scratch.run(["slurm", "submit", &file, "--dry-run"]).refused(&["the study prunes"]);
    assert!(!scratch.path("results").exists());
}

#[test]
fn a_metric_that_no_run_tells_is_said_after_the_first_and_nothing_is_lost() {
    let scratch = Scratch::new();
    let file = study(&scratch, &PRUNE.replace("name: loss", "name: lsos"));
    let words = ["told no `lsos` with its `step`", "it told loss", "`prune: metric`"];
    sweep(&scratch, &["run", &file]).refused(&words);
    assert_eq!((count(&scratch, "done"), count(&scratch, "failed"), count(&scratch, "running")), (1, 0, 0));
    // Mended, the study goes on, and what is done counts.
    sweep(&scratch, &["run", &study(&scratch, PRUNE)]).ok();
    assert!(settings(&scratch, "done").contains(&1));
    assert_eq!(effects(&scratch, "steps").iter().filter(|x| *x == "5").count(), 9, "the first ran once");
    assert_eq!(rungs(&scratch)["rungs"][0]["came"], 9);
    sweep(&scratch, &["rungs", "nothing"]).refused(&["nothing"]);
    let plain = shell_study(&scratch, "plain", "echo '{{\"a\": 1}}'", "sweep: {x: [1]}");
    sweep(&scratch, &["run", plain.to_str().unwrap()]).ok();
    sweep(&scratch, &["rungs", "plain"]).refused(&["the study plain does not prune", "docs/studies.md"]);
}
