//! A run that was killed goes on as if nothing had happened.

use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::Stdio;

use crate::program::{DUAL, Run, Scratch, TINY, without_times};
use serde_json::{Value, json};

/// Starts the run and kills it (SIGKILL) as soon as it has reported a step. Returns whether it was still running.
pub(crate) fn kill_at_step(scratch: &Scratch, name: &str, more: &[&str], step: u64) -> bool {
    let arguments = ["train", "cifar100", "--run-dir", name, "--progress", "json"];
    start_and_kill(scratch, arguments.iter().chain(&TINY).chain(more), step)
}

pub(crate) fn start_and_kill<'a>(scratch: &Scratch, arguments: impl Iterator<Item = &'a &'a str>, step: u64) -> bool {
    let mut child = scratch.command(arguments).stdout(Stdio::piped()).stderr(Stdio::null()).spawn().unwrap();
    let lines = BufReader::new(child.stdout.take().unwrap()).lines();
    for line in lines {
        let event: Value = serde_json::from_str(&line.unwrap()).unwrap();
        if event["event"] == "steps" && event["step"].as_u64() >= Some(step) {
            break;
        }
    }
    let _ = child.kill();
    !child.wait().unwrap().success()
}

/// Starts the run and interrupts it (SIGINT) at its first step. Gives what it said after that, and its end.
#[cfg(unix)]
pub(crate) fn interrupted(scratch: &Scratch, name: &str, more: &[&str]) -> Run {
    let arguments = ["train", "cifar100", "--run-dir", name, "--progress", "json"];
    let mut child = scratch
        .command(arguments.iter().chain(&TINY).chain(more))
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
    lines.find(|line| line.as_ref().unwrap().contains(r#""event":"steps""#)).unwrap().unwrap();
    rustix::process::kill_process(rustix::process::Pid::from_child(&child), rustix::process::Signal::INT).unwrap();
    let rest: Vec<String> = lines.map_while(Result::ok).collect();
    let ended = child.wait_with_output().unwrap();
    Run(std::process::Output { stdout: rest.join("\n").into_bytes(), ..ended })
}

/// What must be equal; the folder's own path is not in a result.
fn essence(scratch: &Scratch, name: &str) -> Value {
    let mut result = without_times(scratch.json(&format!("{name}/result.json")));
    result["config"]["checkpoint_every"] = Value::Null;
    result
}

/// Episodes and epochs of the metrics log, without times.
fn metrics(scratch: &Scratch, name: &str) -> Vec<Value> {
    let text = scratch.text(&format!("{name}/metrics.jsonl"));
    let lines = text.lines().map(|line| {
        let mut line: Value = serde_json::from_str(line).unwrap();
        line.as_object_mut().unwrap().remove("seconds");
        line
    });
    lines.collect()
}

#[test]
fn killed_at_twenty_random_steps_and_resumed_to_the_bit() {
    let scratch = Scratch::new();
    let settings = [&DUAL[..], &["--label-noise-type", "symmetric", "--label-noise-rate", "0.2"]].concat();
    scratch.train("whole", &settings).ok();
    let whole = essence(&scratch, "whole");
    // A linear congruential generator: random enough to hit every phase of an episode, the same in every test run.
    let mut state = 2026_u64;
    for kill in 0..20 {
        state = state.wrapping_mul(6364136223846793005).wrapping_add(1442695040888963407);
        let step = 1 + (state >> 33) % 29;
        let name = format!("killed{kill}");
        // Some runs checkpoint inside episodes and epochs, some at epochs only.
        let every = ["1", "3", "7"].get(kill % 4);
        let cadence: Vec<&str> = every.map(|every| vec!["--checkpoint-every", every]).unwrap_or_default();
        kill_at_step(&scratch, &name, &[&settings[..], &cadence].concat(), step);
        scratch.run(["train", "--resume", &name, "--progress", "none"]).ok();
        assert_eq!(essence(&scratch, &name), whole, "killed at step {step}, checkpoints {every:?}");
        assert_eq!(metrics(&scratch, &name), metrics(&scratch, "whole"), "killed at step {step}");
    }
}

/// The probe's last loss, what an arm is owed, and what the probes cost are all in the checkpoint; a budget ends both alike.
#[test]
fn a_run_with_probes_that_was_killed_goes_on_to_the_bit() {
    let scratch = Scratch::new();
    let probe =
        ["--reward", "probe", "--probe-examples", "24", "--credit-episodes", "3", "--controller", "tsallis-inf"];
    let settings = [&DUAL[..], &probe].concat();
    scratch.train("unlimited", &settings).ok();
    let tflops = scratch.json("unlimited/result.json")["estimated_flops"].as_f64().unwrap() / 1e12;
    let budget = (0.8 * tflops).to_string();
    let limited = [&settings[..], &["--max-tflops", &budget]].concat();
    for (whole, settings) in [("unlimited", &settings), ("limited", &limited)] {
        scratch.train(whole, &[&settings[..], &["--overwrite"]].concat()).ok();
        let expected = essence(&scratch, whole);
        for (step, every) in [(4, "1"), (9, "3"), (13, "5"), (17, "4")] {
            let name = format!("{whole}{step}");
            kill_at_step(&scratch, &name, &[&settings[..], &["--checkpoint-every", every]].concat(), step);
            scratch.run(["train", "--resume", &name, "--progress", "none"]).ok();
            assert_eq!(essence(&scratch, &name), expected, "{whole}, killed at step {step}");
        }
    }
    let [whole, limited] = ["unlimited", "limited"].map(|name| scratch.json(&format!("{name}/result.json")));
    assert!(limited["total_steps"].as_u64() < whole["total_steps"].as_u64(), "{}", limited["total_steps"]);
    let spent = limited["estimated_flops"].as_f64().unwrap() / 1e12;
    assert!((0.8 * tflops..tflops).contains(&spent), "{spent} of {tflops}");
    // A run that ended by its budget contradicts nothing.
    scratch.run(["replay", "limited"]).ok();
}

#[test]
fn killed_again_and_again() {
    let scratch = Scratch::new();
    scratch.train("whole", &["--optimizer", "SGD", "--lr", "0.05"]).ok();
    let settings = ["--optimizer", "SGD", "--lr", "0.05", "--checkpoint-every", "2"];
    kill_at_step(&scratch, "killed", &settings, 3);
    for step in [8, 15, 22] {
        let arguments = ["train", "--resume", "killed", "--progress", "json"];
        start_and_kill(&scratch, arguments.iter(), step);
    }
    scratch.run(["train", "--resume", "killed"]).ok();
    assert_eq!(essence(&scratch, "killed"), essence(&scratch, "whole"));
}

/// Two processes worked at the run; both are told, with their commands, and no secret with them.
#[test]
fn a_resumed_run_tells_of_all_its_processes() {
    let scratch = Scratch::new();
    let secret = ["--hf-token", "hf_notforanyoneelse", "--checkpoint-every", "3"];
    assert!(kill_at_step(&scratch, "run", &secret, 12));
    scratch.run(["train", "--resume", "run"]).ok();
    let circumstances = scratch.json("run/result.json")["circumstances"].clone();
    let sessions = circumstances["sessions"].as_array().unwrap();
    assert_eq!(sessions.len(), 2, "{circumstances:#}");
    assert_eq!(circumstances["started_at"], sessions[0]["started_at"]);
    assert_eq!(circumstances["command"], sessions[1]["command"]);
    let words = |session: &Value| session["command"].as_array().unwrap().iter().skip(1).cloned().collect::<Vec<_>>();
    assert_eq!(words(&sessions[1]), ["train", "--resume", "run"]);
    assert!(words(&sessions[0]).contains(&json!("--hf-token")));
    assert!(!circumstances.to_string().contains("notforanyoneelse"), "{circumstances:#}");
}

#[test]
fn resuming_a_finished_run_does_nothing() {
    let scratch = Scratch::new();
    scratch.train("run", &[]).ok();
    let before = scratch.text("run/result.json");
    let run = scratch.run(["train", "--resume", "run"]).ok();
    assert!(run.stderr().contains("nothing to do"), "{}", run.stderr());
    assert_eq!(scratch.text("run/result.json"), before);
}

#[test]
fn a_torn_checkpoint_is_named_and_the_one_before_is_used() {
    let scratch = Scratch::new();
    scratch.train("whole", &DUAL).ok();
    kill_at_step(&scratch, "run", &[&DUAL[..], &["--checkpoint-every", "5"]].concat(), 18);
    let newest = checkpoints(&scratch.path("run/checkpoints")).pop().unwrap();
    let bytes = std::fs::read(&newest).unwrap();
    std::fs::write(&newest, &bytes[..bytes.len() / 2]).unwrap();
    let run = scratch.run(["train", "--resume", "run"]).ok();
    let name = newest.file_name().unwrap().to_string_lossy().into_owned();
    let text = run.stderr();
    assert!(text.contains(&name) && text.contains("is damaged") && text.contains("is used"), "{text}");
    assert_eq!(essence(&scratch, "run"), essence(&scratch, "whole"));
}

#[test]
fn foreign_checkpoints_are_refused() {
    let scratch = Scratch::new();
    kill_at_step(&scratch, "run", &["--checkpoint-every", "5"], 12);
    kill_at_step(&scratch, "other", &["--checkpoint-every", "5", "--seed", "1"], 12);
    std::fs::remove_dir_all(scratch.path("run/checkpoints")).unwrap();
    std::fs::rename(scratch.path("other/checkpoints"), scratch.path("run/checkpoints")).unwrap();
    scratch.run(["train", "--resume", "run"]).refused(&["step-0000000", "belongs to run", "help:"]);
}

#[test]
fn settings_that_decide_the_result_cannot_change() {
    let scratch = Scratch::new();
    kill_at_step(&scratch, "run", &["--checkpoint-every", "5"], 7);
    scratch.run(["train", "--resume", "run", "--lr", "0.5"]).refused(&["--lr cannot be changed", "0.001"]);
    scratch.run(["train", "--resume", "run", "--checkpoint-every", "9"]).ok();
}

#[cfg(unix)]
#[test]
fn an_interrupt_writes_a_checkpoint_and_exits_with_130() {
    let scratch = Scratch::new();
    scratch.train("whole", &DUAL).ok();
    let run = interrupted(&scratch, "run", &DUAL);
    let last = run.stdout().lines().last().unwrap().to_owned();
    assert_eq!(serde_json::from_str::<Value>(&last).unwrap()["event"], json!("checkpoint"), "{last}");
    assert_eq!(run.code(), Some(130));
    scratch.run(["train", "--resume", "run"]).ok();
    assert_eq!(essence(&scratch, "run"), essence(&scratch, "whole"));
}

fn checkpoints(folder: &Path) -> Vec<std::path::PathBuf> {
    let paths = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    let mut paths: Vec<_> = paths.filter(|path| path.to_string_lossy().contains("step-")).collect();
    paths.sort();
    paths
}
