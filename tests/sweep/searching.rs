//! A search that learns, through the program: rounds, a stop in the middle, and the same trials after it.

use std::fs;

use serde_json::Value;

use super::{effects, runs, sweep};
use crate::program::{Scratch, read_json};

/// x is best at 0.3, and the case `b` is the better one.
fn study(scratch: &Scratch, more: &str) {
    let text = format!(
        "aees: 1\nname: learns\ntask: command\ncommand:\n  argv: [sh, train.sh, '{{x}}', '{{y}}']\n  defaults: {{y: 0}}\n\
         metric: {{name: loss, goal: min}}\nsearch: {{method: tpe, n: 24, first: 6, round: 6, seed: 3}}\n\
         sweep: {{x: {{uniform: {{from: 0, to: 1}}}}}}\ncases: [{{name: a, set: {{y: 1}}}}, {{name: b}}]\n{more}"
    );
    fs::write(scratch.path("learns.yaml"), text).unwrap();
    let script = "echo \"$1 $2\" >> effects\n[ -e stop ] && [ $(wc -l < effects) -gt 9 ] && exit 1\n\
                  awk -v x=$1 -v y=$2 'BEGIN { printf \"{\\\"loss\\\": %.9f}\\n\", (x - 0.3) ^ 2 + y }'\n";
    fs::write(scratch.path("train.sh"), script).unwrap();
}

fn trials(scratch: &Scratch) -> Value {
    read_json(&scratch.path("results/studies/learns/trials.json"))["trials"].clone()
}

/// How many versions of the study's plan there are.
fn plans(scratch: &Scratch) -> usize {
    let entries = fs::read_dir(scratch.path("results/studies/learns")).unwrap();
    entries.filter(|entry| entry.as_ref().unwrap().path().extension().is_some_and(|end| end == "jsonl")).count()
}

fn axes(scratch: &Scratch) -> Vec<String> {
    runs(scratch).iter().map(|run| format!("{} {}", run["case"], run["axes"])).collect()
}

#[test]
fn a_search_learns_in_rounds_and_has_the_same_trials_after_a_stop() {
    let whole = Scratch::new();
    study(&whole, "");
    let planned = sweep(&whole, &["plan", "learns.yaml"]).ok();
    assert!(planned.stderr().contains("6 of 24 trials"), "{}", planned.stderr());
    sweep(&whole, &["run", "learns.yaml"]).ok();
    assert_eq!((effects(&whole, "effects").len(), trials(&whole).as_array().unwrap().len()), (24, 24));
    let last = axes(&whole).split_off(12);
    assert!(last.iter().filter(|axes| axes.starts_with("\"b\"")).count() > 6, "it found the better case: {last:?}");
    assert_eq!(plans(&whole), 4, "each round is a version of the plan");
    // Nothing is chosen, planned or run again.
    sweep(&whole, &["run", "learns.yaml"]).ok();
    assert_eq!((effects(&whole, "effects").len(), plans(&whole)), (24, 4));

    // Broken in the second round, then resumed by name: the trials are those of the undisturbed search.
    let stopped = Scratch::new();
    study(&stopped, "breakers: {consecutive: 2}\n");
    fs::write(stopped.path("stop"), "").unwrap();
    assert_ne!(sweep(&stopped, &["run", "learns.yaml"]).code(), Some(0));
    fs::remove_file(stopped.path("stop")).unwrap();
    sweep(&stopped, &["resume", "learns", "--retry-failed"]).ok();
    assert_eq!(trials(&stopped), trials(&whole));
    assert_eq!(axes(&stopped), axes(&whole));
}

#[test]
fn trials_that_a_killed_process_chose_and_did_not_plan_are_planned_by_the_next() {
    let whole = Scratch::new();
    study(&whole, "");
    sweep(&whole, &["run", "learns.yaml"]).ok();
    let killed = Scratch::new();
    study(&killed, "");
    assert_eq!(sweep(&killed, &["run", "learns.yaml", "--max-hours", "0"]).code(), Some(3));
    let name = "results/studies/learns/trials.json";
    let mut chosen = read_json(&whole.path(name));
    chosen["trials"].as_array_mut().unwrap().truncate(12);
    fs::write(killed.path(name), chosen.to_string()).unwrap();
    sweep(&killed, &["resume", "learns"]).ok();
    assert_eq!((trials(&killed), effects(&killed, "effects").len()), (trials(&whole), 24));
}

#[test]
fn a_search_goes_on_from_its_trials_when_there_are_to_be_more() {
    let scratch = Scratch::new();
    study(&scratch, "");
    sweep(&scratch, &["run", "learns.yaml"]).ok();
    let before = trials(&scratch);
    let more = fs::read_to_string(scratch.path("learns.yaml")).unwrap().replace("n: 24", "n: 30");
    fs::write(scratch.path("learns.yaml"), more).unwrap();
    sweep(&scratch, &["run", "learns.yaml"]).ok();
    assert_eq!(effects(&scratch, "effects").len(), 30);
    assert_eq!(trials(&scratch).as_array().unwrap()[..24], before.as_array().unwrap()[..]);
}

#[test]
fn a_search_without_a_number_to_learn_from_says_so() {
    let scratch = Scratch::new();
    study(&scratch, "");
    let text = fs::read_to_string(scratch.path("learns.yaml")).unwrap().replace("name: loss", "name: lsos");
    fs::write(scratch.path("learns.yaml"), text).unwrap();
    sweep(&scratch, &["run", "learns.yaml"]).refused(&["none of the 6 trials so far gave `lsos`"]);
}

#[test]
fn a_search_learns_from_runs_that_were_pruned_too() {
    let search = |scratch: &Scratch| {
        // Nine steps of a loss that falls, more slowly the farther x is from 0.3; a run that goes on begins where it stopped.
        let script = "at=$2/at\ni=$(cat $at 2>/dev/null || echo 0)\nwhile [ $i -lt 9 ]; do\n  i=$((i + 1))\n  \
                      echo $i > $at.new && mv $at.new $at\n  echo $1 >> steps\n  \
                      awk -v x=$1 -v i=$i 'BEGIN { printf \"{\\\"step\\\": %d, \\\"loss\\\": %.9f}\\n\", i, (x - 0.3) ^ 2 + 1 / i }'\n  \
                      sleep 0.1\ndone\nawk -v x=$1 'BEGIN { printf \"{\\\"loss\\\": %.9f}\\n\", (x - 0.3) ^ 2 + 1 / 9 }'\n";
        fs::write(scratch.path("train.sh"), script).unwrap();
        let text = "aees: 1\nname: learns\ntask: command\ncommand: {argv: [sh, train.sh, '{x}', '{run_dir}']}\n\
                    metric: {name: loss, goal: min}\nprune: {method: asha, factor: 3}\n\
                    search: {method: tpe, n: 12, first: 6, round: 3, seed: 3}\nsweep: {x: {uniform: {from: 0, to: 1}}}\n";
        fs::write(scratch.path("learns.yaml"), text).unwrap();
    };
    let whole = Scratch::new();
    search(&whole);
    sweep(&whole, &["run", "learns.yaml"]).ok();
    let states: Vec<String> = runs(&whole).iter().map(|run| run["state"].as_str().unwrap().to_owned()).collect();
    let of = |state: &str| states.iter().filter(|found| *found == state).count();
    assert!(of("done") >= 1 && of("pruned") >= 3 && of("done") + of("pruned") == 12, "{states:?}");
    assert!(effects(&whole, "steps").len() < 12 * 9 * 2 / 3, "{}", effects(&whole, "steps").len());
    let points: Vec<f64> = trials(&whole).as_array().unwrap().iter().map(|point| point[0].as_f64().unwrap()).collect();
    let far = |points: &[f64]| points.iter().map(|x| (x - 0.3).abs()).sum::<f64>() / points.len() as f64;
    assert!(far(&points[6..]) < far(&points[..6]), "{points:?}");

    let stopped = Scratch::new();
    search(&stopped);
    let in_time = sweep(&stopped, &["run", "learns.yaml", "--max-hours", "0.0006"]);
    assert_eq!(in_time.code(), Some(3), "{}", in_time.stderr());
    sweep(&stopped, &["resume", "learns"]).ok();
    assert_eq!((trials(&stopped), axes(&stopped)), (trials(&whole), axes(&whole)));
}
