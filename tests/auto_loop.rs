//! `aees loop`: through the program, as a person and an agent use it. A shell script stands for training: its score is a hill with
//! its top at 3, and noise that is a function of setting and seed.

mod agents;
mod killed;
mod proposals;
mod proposers;
mod refused;
mod running;

use std::fs;

use serde_json::Value;

use crate::program::{Run, Scratch};

/// The script's noise has a standard deviation of about 0.1; each run leaves a line in `effects`.
const HILL: &str = r#"aees: 1
name: hill
task: command
command:
  argv:
    - sh
    - -c
    - |
      echo "{x} {seed}" >> effects
      awk -v x={x} -v s={seed} 'BEGIN{{ srand(s * 7919 + int(x * 1000)); for (i = 0; i < 12; i++) n += rand(); printf "{{\"score\": %.6f}}\n", 10 - (x - 3) * (x - 3) + (n - 6) * 0.1 }}'
base: {x: 9}
metric: {name: score, goal: max}
"#;

/// The space of the built-in proposer.
const RANGES: &str = "sweep:\n  x: {uniform: {from: 0, to: 10}}\n";

/// A loop's file: the hill with more lines, and with everything of `loop` as usual where they do not name it.
fn hill(scratch: &Scratch, more: &str) {
    let usual = if more.contains("loop:") { "" } else { "loop:\n" };
    fs::write(scratch.path("hill.yaml"), format!("{HILL}{more}{usual}")).unwrap();
}

/// `aees loop start hill.yaml --no-background` with more words.
fn start(scratch: &Scratch, words: &[&str]) -> Run {
    scratch.run(["loop", "start", "hill.yaml", "--no-background"].iter().chain(words))
}

fn resume(scratch: &Scratch, words: &[&str]) -> Run {
    scratch.run(["loop", "resume", "hill", "--no-background"].iter().chain(words))
}

/// A file of the loop.
fn file(name: &str) -> String {
    format!("results/loops/hill/{name}")
}

fn status(scratch: &Scratch) -> Value {
    serde_json::from_str(&scratch.run(["loop", "status", "hill", "--json"]).ok().stdout()).unwrap()
}

/// The lines of the history.
fn history(scratch: &Scratch) -> Vec<Value> {
    scratch.text(&file("history.jsonl")).lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

/// The verdicts, oldest first.
fn verdicts(scratch: &Scratch) -> Vec<String> {
    history(scratch).iter().map(|record| record["verdict"].as_str().unwrap().to_owned()).collect()
}

/// The history without what differs between two loops that are alike.
fn story(scratch: &Scratch) -> Vec<Value> {
    let mut records = history(scratch);
    for record in &mut records {
        for key in ["at", "seconds", "memory_bytes", "chain"] {
            record.as_object_mut().unwrap().remove(key);
        }
    }
    records
}

/// The runs that were started, each as setting and seed.
fn effects(scratch: &Scratch) -> Vec<String> {
    fs::read_to_string(scratch.path("effects")).unwrap_or_default().lines().map(str::to_owned).collect()
}

/// Writes `next_proposal.json` as a person would.
fn next_proposal(scratch: &Scratch, text: &str) {
    fs::write(scratch.path(&file("next_proposal.json")), text).unwrap();
}
