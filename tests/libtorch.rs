//! The engine on libtorch, through the program.

use serde_json::Value;

use crate::program::{DUAL, Scratch};
use crate::resume::kill_at_step;

fn last_loss(result: &Value) -> f64 {
    result["train_losses"].as_array().unwrap().last().unwrap().as_f64().unwrap()
}

/// In both directions, in the middle of an epoch; and the end is that of a run on one engine.
#[test]
fn a_run_begun_on_one_engine_is_resumed_on_the_other() {
    let scratch = Scratch::new();
    scratch.train("whole", &["--engine", "burn"]).ok();
    let whole = scratch.json("whole/result.json");
    for (first, second) in [("libtorch", "burn"), ("burn", "libtorch")] {
        kill_at_step(&scratch, first, &["--engine", first, "--checkpoint-every", "3"], 8);
        scratch.run(["train", "--resume", first, "--engine", second, "--progress", "none"]).ok();
        let result = scratch.json(&format!("{first}/result.json"));
        assert!(result["engine"].as_str().unwrap().contains(second), "{}", result["engine"]);
        assert_eq!(result["run_id"], whole["run_id"], "an engine is not part of what a run is");
        let (found, expected) = (last_loss(&result), last_loss(&whole));
        assert!((found / expected - 1.0).abs() < 1e-2, "{first}, then {second}: {found} for {expected}");
    }
}

#[test]
fn a_run_under_aees_in_bf16_says_what_it_was() {
    let scratch = Scratch::new();
    let settings = [&DUAL[..], &["--engine", "libtorch", "--device", "cpu", "--precision", "bf16"]].concat();
    scratch.train("half", &settings).ok();
    let result = scratch.json("half/result.json");
    assert_eq!(result["precision"], "bf16");
    assert_eq!(result["device"], "cpu");
    scratch.train("full", &[&settings[..6], &["--engine", "libtorch"]].concat()).ok();
    assert_ne!(scratch.json("full/result.json")["run_id"], result["run_id"], "precision is part of what a run is");
}

#[test]
fn a_program_finds_its_libtorch_by_itself() {
    let scratch = Scratch::new();
    let mut command = scratch.command(["devices"]);
    let output = command.env_remove("LD_LIBRARY_PATH").env_remove("LIBTORCH").output().unwrap();
    let said = String::from_utf8(output.stdout).unwrap();
    assert!(output.status.success() && said.contains("cpu"), "{said}");
}
