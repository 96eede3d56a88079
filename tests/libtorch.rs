//! The engine on libtorch, through the program.

use serde_json::Value;

use crate::program::{DUAL, Scratch, TINY};
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

/// Clipping, gradients that are added up, evaluations in an epoch, and a reward that is measured by the engine.
#[test]
fn what_training_can_do_on_one_engine_it_can_do_on_the_other() {
    let scratch = Scratch::new();
    let text =
        ["train", "agnews", "--data", "synthetic", "--limit-train", "160", "--limit-eval", "80", "--model-layers", "1"];
    let text = [
        &text[..],
        &["--model-dim", "16", "--max-length", "16", "--batch-size", "8", "--epochs", "2", "--episode-length", "4"],
    ]
    .concat();
    let images = [&["train", "cifar100"], &TINY[..]].concat();
    let settings =
        ["--grad-clip", "1", "--gradient-accumulation-steps", "2", "--eval-every", "3", "--progress", "none"];
    let probe = ["--reward", "probe", "--probe-examples", "24"];
    for (name, task) in [("images", &images), ("text", &text)] {
        let [burn, libtorch] = ["burn", "libtorch"].map(|engine| {
            let folder = format!("{name}-{engine}");
            let place = ["--engine", engine, "--run-dir", &folder];
            scratch.run(task.iter().chain(&DUAL).chain(&settings).chain(&probe).chain(&place)).ok();
            scratch.json(&format!("{folder}/result.json"))
        });
        assert_eq!(libtorch["run_id"], burn["run_id"]);
        let near = |key: &str, most: f64| {
            let [found, expected] = [&libtorch, &burn].map(|result| numbers(&result[key]));
            assert!(!expected.is_empty() && found.len() == expected.len(), "{name}, {key}: {found:?} for {expected:?}");
            let far = found.iter().zip(&expected).find(|(a, b)| (*a - *b).abs() > most);
            assert!(far.is_none(), "{name}, {key}: {found:?} for {expected:?}");
        };
        near("train_losses", 0.02);
        near("val_accuracies", 0.05);
        near("step_evaluations", 0.05);
        near("gradient_norms", 0.05);
        near("episode_logs", 0.05);
    }
}

/// All numbers in a value, in order.
fn numbers(value: &Value) -> Vec<f64> {
    match value {
        Value::Array(values) => values.iter().flat_map(numbers).collect(),
        Value::Object(entries) => entries.values().flat_map(numbers).collect(),
        other => other.as_f64().into_iter().collect(),
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

/// The memory of a process is held down, and libtorch says itself that there is none left.
#[cfg(target_os = "linux")]
#[test]
fn a_run_without_memory_leaves_a_checkpoint_and_says_which_batch_fits() {
    let scratch = Scratch::new();
    let settings =
        ["--data", "synthetic", "--model-width", "16", "--limit-train", "4096", "--limit-eval", "20", "--epochs", "1"];
    let run = |batch_size: &str| {
        let mut command = std::process::Command::new("sh");
        command.args(["-c", "ulimit -v 4000000 && exec \"$@\"", "sh", env!("CARGO_BIN_EXE_aees"), "train", "cifar100"]);
        command.args(settings).args([
            "--engine",
            "libtorch",
            "--device",
            "cpu",
            "--run-dir",
            batch_size,
            "--batch-size",
            batch_size,
        ]);
        crate::program::Run(command.current_dir(scratch.path("")).env("RAYON_NUM_THREADS", "1").output().unwrap())
    };
    let run = run("4096");
    let said = run.stderr();
    assert_eq!(run.code(), Some(1), "{said}");
    let words = ["there was not enough memory while the engine trained", "can't allocate memory", "--resume"];
    for word in words {
        assert!(said.contains(word), "{word:?} is not in:\n{said}");
    }
    let (_, fits) = said.split_once("a batch of ").unwrap_or_else(|| panic!("no batch fits: {said}"));
    let fits: usize = fits.split(' ').next().unwrap().parse().unwrap();
    assert!(said.contains(&format!("--batch-size {fits} --gradient-accumulation-steps {}", 4096 / fits)), "{said}");
    assert!(scratch.path("4096/checkpoints/step-000000000.safetensors").is_file());
}
