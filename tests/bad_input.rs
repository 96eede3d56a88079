//! What a new user gets wrong: each mistake has a message that says what, where and what next, and costs nothing.

use std::fs;

use crate::program::{DUAL, Run, Scratch, TINY, wait_until};
use serde_json::json;

/// Bytes of a record of the official binary files: coarse label, fine label, pixels.
const RECORD: usize = 3074;

/// A CIFAR-100 folder in the official binary layout with one image of each class in each split.
fn images(scratch: &Scratch) {
    let coarse_of_fine = |fine: usize| fine % 20;
    let records: Vec<u8> = (0..100)
        .flat_map(|fine| {
            let pixels = (0..RECORD - 2).map(move |index| (index * (fine + 1) / 40) as u8);
            [coarse_of_fine(fine) as u8, fine as u8].into_iter().chain(pixels)
        })
        .collect();
    fs::create_dir_all(scratch.path("cifar")).unwrap();
    fs::write(scratch.path("cifar/train.bin"), &records).unwrap();
    fs::write(scratch.path("cifar/test.bin"), &records).unwrap();
}

/// Trains one epoch on the folder `cifar`.
fn on_files(scratch: &Scratch) -> Run {
    let settings = ["--data", "cifar", "--model-width", "2", "--epochs", "1", "--batch-size", "50", "--run-dir", "run"];
    scratch.run(["train", "cifar100"].iter().chain(&settings))
}

#[test]
fn real_files_train() {
    let scratch = Scratch::new();
    images(&scratch);
    on_files(&scratch).ok();
    assert_eq!(scratch.json("run/result.json")["total_steps"], 2);
}

#[test]
fn a_missing_data_folder_is_named() {
    let scratch = Scratch::new();
    on_files(&scratch).refused(&["cifar: no such file or folder", "help: `--data synthetic`"]);
    assert!(!scratch.path("run").exists(), "nothing may be written before the data is there");
}

#[test]
fn without_any_data_the_ways_to_get_some_are_told() {
    let scratch = Scratch::new();
    scratch.run(["train", "cifar100", "--local-files-only"]).refused(&[
        "uoft-cs/cifar100",
        "aees data fetch cifar100",
        "--data PATH",
        "--data synthetic",
    ]);
}

#[test]
fn a_truncated_file_is_named_with_expected_and_found_bytes() {
    let scratch = Scratch::new();
    images(&scratch);
    let bytes = fs::read(scratch.path("cifar/train.bin")).unwrap();
    fs::write(scratch.path("cifar/train.bin"), &bytes[..bytes.len() - 1000]).unwrap();
    on_files(&scratch).refused(&["train.bin", "expected 307400 bytes", "found 306400"]);
}

#[test]
fn a_label_out_of_range_is_named_with_its_record() {
    let scratch = Scratch::new();
    images(&scratch);
    let mut bytes = fs::read(scratch.path("cifar/test.bin")).unwrap();
    bytes[7 * RECORD + 1] = 100;
    fs::write(scratch.path("cifar/test.bin"), &bytes).unwrap();
    on_files(&scratch).refused(&["test.bin", "record 7", "100"]);
}

#[test]
fn files_of_another_data_set_are_refused() {
    let scratch = Scratch::new();
    // CIFAR-10: one label byte, ten classes.
    fs::create_dir_all(scratch.path("cifar")).unwrap();
    let cifar10: Vec<u8> = (0..20 * 3073_usize).map(|index| if index % 3073 == 0 { 3 } else { 90 }).collect();
    fs::write(scratch.path("cifar/data_batch_train.bin"), &cifar10).unwrap();
    fs::write(scratch.path("cifar/test_batch.bin"), &cifar10).unwrap();
    on_files(&scratch).refused(&["data_batch_train.bin"]);
}

#[test]
fn a_wrong_class_count_is_named() {
    let scratch = Scratch::new();
    fs::create_dir_all(scratch.path("cifar")).unwrap();
    let fixture = concat!(env!("CARGO_MANIFEST_DIR"), "/tasks/tests/fixtures/cifar10.parquet");
    for name in ["cifar/train.parquet", "cifar/test.parquet"] {
        fs::copy(fixture, scratch.path(name)).unwrap();
    }
    on_files(&scratch).refused(&["train.parquet", "labels of 10 classes, expected 100", "CIFAR-10"]);
}

#[test]
fn bad_candidates_get_the_references_messages() {
    let scratch = Scratch::new();
    for (flag, value, message) in [
        ("--lr-candidates", "0.5,nan", "lr_candidates"),
        ("--lr-candidates", "0.5,inf", "lr_candidates"),
        ("--lr-candidates", "0.5,-1", "lr_candidates values must be positive."),
        ("--lr-candidates", "0.5,0", "lr_candidates values must be positive."),
        ("--lr-candidates", "0.5,1,1.0", "lr_candidates contains a duplicate value: 1.0."),
        ("--lr-candidates", "0.5,x", "Invalid value 'x' in lr_candidates."),
        ("--lr-candidates", " , ", "lr_candidates must contain at least one value."),
        ("--noise-candidates", "0,-0.1", "noise_candidates values must be non-negative."),
        ("--noise-candidates", "nan", "noise_candidates"),
        ("--noise-candidates", "0,0.0", "noise_candidates contains a duplicate value: 0.0."),
    ] {
        scratch.train("run", &[flag, value]).refused(&[message]);
    }
    assert!(!scratch.path("run").exists());
}

#[test]
fn ranges_have_the_references_messages() {
    let scratch = Scratch::new();
    for (arguments, message) in [
        (&["--lr", "0"][..], "--lr must be positive."),
        (&["--lr", "-1"], "--lr must be positive."),
        (&["--lr", "nan"], "--lr must be positive."),
        (&["--lr", "inf"], "--lr must be finite."),
        (&["--weight-decay", "-0.1"], "--weight-decay must be non-negative."),
        (&["--momentum", "-1"], "--momentum must be non-negative."),
        (&["--reward-epsilon", "0"], "--reward-epsilon must be positive."),
        (&["--reward-instability-lambda", "-1"], "--reward-instability-lambda must be non-negative."),
        (&["--reward-clip-min", "2"], "--reward-clip-min must be <= --reward-clip-max."),
        (&["--context-trend-window", "0"], "--context-trend-window must be positive."),
        (&["--context-trend-epsilon", "-1"], "--context-trend-epsilon must be non-negative."),
        (&["--scheduler-t-max", "0"], "--scheduler-t-max must be positive when provided."),
        (&["--warmup-epochs", "-1"], "--warmup-epochs must be non-negative."),
        (&["--label-noise-type", "symmetric", "--label-noise-rate", "1.5"], "--label-noise-rate must be in [0, 1]."),
        (&["--label-noise-rate", "0.2"], "--label-noise-rate must be 0.0 when --label-noise-type is none."),
        (&["--val-split", "1"], "--val-split must be in [0, 1)."),
        (&["--ema-alpha", "0"], "--ema-alpha must be in (0, 1]."),
        (&["--control-mode", "uniform-random"], "Open-loop attribution controls require at least two candidates in"),
        (&["--controller", "exp3", "--exp3-gamma", "0"], "--exp3-gamma must be in (0, 1]."),
        (&["--set", "controller=ucb"], "expected ducb, thompson, exp3"),
        (&["--lr", "fast"], "invalid value \"fast\" for `lr`: expected a number"),
        (&["--warmup-epochs", "2"], "--warmup-epochs 2 has no effect with --lr-scheduler none"),
        (&["--set", "lr"], "is not of the form key=value"),
        (&["--device", "cuda:7"], "there is no device cuda:7 here"),
        (&["--device", "tpu"], "invalid device \"tpu\""),
    ] {
        scratch.train("run", arguments).refused(&[message]);
    }
    let many = ["train", "cifar100", "--epochs", "0"];
    scratch.run(many).refused(&["--epochs must be positive."]);
    scratch.run(["train", "cifar100", "--batch-size", "-4"]).refused(&["--batch-size must be positive."]);
    scratch.run(["train", "cifar100", "--optimizer", "Adam"]).refused(&["AdamW", "SGD"]);
    scratch.run(["train", "imagenet"]).refused(&["cifar100"]);
    assert!(!scratch.path("run").exists());
}

#[cfg(not(feature = "libtorch"))]
#[test]
fn an_engine_that_was_not_built_says_how_to_build_it() {
    let wanted =
        ["there is no engine \"libtorch\" here", "cargo build --release --features libtorch", "docs/libtorch.md"];
    Scratch::new().train("run", &["--engine", "libtorch"]).refused(&wanted);
}

#[test]
fn an_unknown_setting_is_named_with_its_place_and_its_nearest_neighbour() {
    let scratch = Scratch::new();
    fs::write(scratch.path("a.yaml"), "task: cifar100\nepochs: 2\nweight_deacy: 0.1\n").unwrap();
    scratch.run(["train", "--config", "a.yaml"]).refused(&[
        "a.yaml:3:1",
        "`weight_deacy`",
        "did you mean `weight_decay`?",
    ]);
    scratch.train("run", &["--set", "lr_sheduler=cosine"]).refused(&["--set", "did you mean `lr_scheduler`?"]);
    scratch.train("run", &["--learning-rate", "1"]).refused(&["--learning-rate"]);
}

#[test]
fn files_that_are_not_settings_are_named_with_line_and_column() {
    let scratch = Scratch::new();
    for (text, words) in [
        ("task: cifar100\nlr: [1, 2\n", &["a.yaml:"][..]),
        ("task: cifar100\nlr: 1\nlr: 2\n", &["a.yaml:3", "lr"]),
        ("task: cifar100\nlr: fast\n", &["a.yaml:2:1", "expected a number"]),
        ("task: cifar100\noptimizer: adam\n", &["a.yaml:2:1", "AdamW, SGD"]),
        ("- 1\n- 2\n", &["a.yaml:1"]),
        ("epochs: 2\n", &["no task"]),
        ("task: imagenet\n", &["unknown task"]),
    ] {
        fs::write(scratch.path("a.yaml"), text).unwrap();
        scratch.run(["train", "--config", "a.yaml"]).refused(words);
    }
    scratch.run(["train", "--config", "b.yaml"]).refused(&["b.yaml"]);
}

#[test]
fn a_folder_that_holds_another_run_is_kept() {
    let scratch = Scratch::new();
    scratch.train("run", &[]).ok();
    let before = scratch.text("run/result.json");
    scratch.train("run", &["--seed", "1"]).refused(&["run holds another run", "--resume", "--overwrite"]);
    assert_eq!(scratch.text("run/result.json"), before);
    scratch.train("run", &["--seed", "1", "--overwrite"]).ok();
    assert_eq!(scratch.json("run/result.json")["seed"], 1);
    fs::write(scratch.path("run/thesis.tex"), "years of work").unwrap();
    scratch.train("run", &["--overwrite"]).refused(&["thesis.tex"]);
    scratch.run(["train", "--resume", "nowhere"]).refused(&["holds no run"]);
}

#[test]
fn a_diverging_run_ends_with_a_result_and_a_warning() {
    let scratch = Scratch::new();
    let settings = [&DUAL[..], &["--lr", "1e6", "--optimizer", "SGD"]].concat();
    // AdamW's steps are bounded by its learning rate; its weight decay is not.
    scratch.train("adamw", &settings[..8]).ok();
    assert_eq!(scratch.json("adamw/result.json")["outcome"]["status"], "diverged");
    let run = scratch.train("run", &settings).ok();
    let result = scratch.json("run/result.json");
    assert_eq!(result["outcome"]["status"], "diverged");
    let step = result["outcome"]["step"].as_u64().unwrap();
    assert!(step < 30 && result["total_steps"] == step, "{}", result["outcome"]);
    assert!(run.stderr().contains(&format!("warning: the run diverged at step {step}")), "{}", run.stderr());
    let recorded: u64 = result["episode_logs"]["episode_end_steps"]
        .as_array()
        .unwrap()
        .last()
        .map_or(0, |end| end.as_u64().unwrap() + 1);
    assert!(recorded <= step);
    // What happened is told again, not trained again.
    scratch.run(["train", "--resume", "run"]).ok();
    assert_eq!(scratch.json("run/result.json"), result);
}

#[cfg(unix)]
#[test]
fn a_full_disk_stops_the_run_and_the_last_good_checkpoint_survives() {
    let scratch = Scratch::new();
    let settings = [&DUAL[..], &["--checkpoint-every", "5"]].concat();
    scratch.train("whole", &settings).ok();
    let program = env!("CARGO_BIN_EXE_aees");
    // A limit on the size of a file stands in for a full disk: writes fail half way through a file in the same way. The
    // logs of the first steps are smaller than a checkpoint, so it is a checkpoint that fails.
    let limited = |blocks: u32, arguments: &str| {
        let script = format!("trap '' XFSZ; ulimit -f {blocks}; exec {program} {arguments}");
        let mut shell = std::process::Command::new("sh");
        shell.arg("-c").arg(script).current_dir(scratch.path(".")).env("RAYON_NUM_THREADS", "1");
        Run(shell.output().unwrap())
    };
    let arguments = format!("train cifar100 --run-dir run {} {}", TINY.join(" "), settings.join(" "));
    limited(8, &arguments).refused(&["cannot write", "step-000000005.safetensors"]);
    let left: Vec<_> = fs::read_dir(scratch.path("run/checkpoints")).unwrap().collect();
    assert!(left.is_empty(), "half a checkpoint was left: {left:?}");

    // Now with a good checkpoint on disk.
    let size = fs::metadata(scratch.path("whole/checkpoints/best.safetensors")).unwrap().len();
    assert!(size > 8 * 1024);
    fs::remove_dir_all(scratch.path("run")).unwrap();
    let arguments: Vec<&str> = ["train", "cifar100", "--run-dir", "run", "--progress", "none"]
        .into_iter()
        .chain(TINY)
        .chain(settings.iter().copied())
        .collect();
    interrupted_after(&scratch, &arguments, "step-000000010.safetensors");
    limited(8, "train --resume run").refused(&["cannot write", "run/checkpoints/"]);
    assert!(scratch.path("run/checkpoints/step-000000010.safetensors").exists());
    scratch.run(["train", "--resume", "run"]).ok();
    let digest = |name: &str| scratch.json(&format!("{name}/result.json"))["parameter_digest"].clone();
    assert_eq!(digest("run"), digest("whole"));
    assert_ne!(digest("run"), json!(null));
}

/// Starts the program and kills it once a checkpoint is there.
#[cfg(unix)]
fn interrupted_after(scratch: &Scratch, arguments: &[&str], checkpoint: &str) {
    let mut child = scratch.command(arguments).spawn().unwrap();
    let path = scratch.path("run/checkpoints").join(checkpoint);
    wait_until("a checkpoint is there, or the run is over", || path.exists() || child.try_wait().unwrap().is_some());
    let _ = child.kill();
    let _ = child.wait();
    assert!(path.exists());
}
