//! `aees report best`: real runs, a winner, and a study of fresh seeds that `aees sweep plan` takes.

use std::collections::BTreeSet;
use std::fs;

use crate::program::Scratch;
use serde_json::Value;

const STUDY: &str = "aees: 1
task: cifar100
base: {data: synthetic, model_width: 2, limit_train: 60, limit_eval: 20, batch_size: 20, epochs: 1}
sweep:
  lr: [0.01, 0.001]
seeds: [0, 1, 7]
metric: {name: val_accuracy, goal: max, measure: final}
";

#[test]
fn the_winner_is_confirmed_on_seeds_that_nothing_has_seen() {
    let scratch = Scratch::new();
    fs::write(scratch.path("small.yaml"), STUDY).unwrap();
    scratch.run(["sweep", "run", "small.yaml", "--jobs", "2"]).ok();
    let answer = scratch.run(["report", "best", "small", "--json"]).ok().stdout();
    let answer: Value = serde_json::from_str(&answer).unwrap();
    let group = &answer["groups"][0];
    assert_eq!((&group["settings_tried"], &group["seeds_tried"], &group["runs"]), (&2.into(), &3.into(), &6.into()));
    assert_eq!(group["settings"][0]["n"], 3);
    let winning = group["settings"][0]["setting"]["lr"].as_f64().unwrap();

    scratch.run(["report", "best", "small", "--confirm", "30", "--out", "again.yaml"]).ok();
    let plan = scratch.run(["sweep", "plan", "again.yaml", "--json"]).ok().stdout();
    let plan: Value = serde_json::from_str(&plan).unwrap();
    let runs = plan["runs"].as_array().unwrap();
    let seeds: BTreeSet<i64> = runs.iter().map(|run| run["seed"].as_i64().unwrap()).collect();
    assert_eq!((runs.len(), seeds.len()), (30, 30));
    assert!(seeds.is_disjoint(&BTreeSet::from([0, 1, 7])), "{seeds:?}");
    let text = scratch.text("again.yaml");
    assert!(text.contains(&format!("lr: {winning}")) || winning == 0.001, "{text}");
    assert!(text.contains("data: \"synthetic\"") && !text.contains("output"), "{text}");
}

#[test]
fn wrong_words_are_refused_with_a_way_out() {
    let scratch = Scratch::new();
    scratch.train("one", &[]).ok();
    let best = |more: &[&str]| scratch.run(["report", "best", "one"].iter().chain(more));
    best(&[]).ok();
    best(&["--measure", "peak"]).refused(&["peak is no measure", "last_k(5)"]);
    best(&["--metric", "accuracy"]).refused(&["no run has the metric `accuracy`", "val_accuracy"]);
    best(&["--group-by", "optimiser"]).refused(&["no run has the setting `optimiser`", "did you mean optimizer?"]);
    best(&["--confirm", "x", "--out", "a.yaml"]).refused(&["no number of seeds"]);
    best(&["--confirm", "0", "--out", "a.yaml"]).refused(&["must be from 1 to 1000000"]);
    best(&["--confirm", "3"]).refused(&["--out"]);
    assert!(!scratch.path("a.yaml").exists());
}
