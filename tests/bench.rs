//! `aees bench` as a user runs it: every verb, its document, and what it refuses. Times themselves are not tested.

use std::fs;
use std::path::PathBuf;

use crate::program::{Run, Scratch};
use crate::require::python;
use serde_json::Value;

/// A step that takes milliseconds.
const IMAGES: [&str; 5] = ["cifar100", "--model-width", "2", "--batch-size", "8"];
const TEXT: [&str; 9] =
    ["sst2", "--model-layers", "1", "--model-dim", "16", "--batch-size", "4", "--limit-train", "40"];

fn bench(scratch: &Scratch, verb: &str, words: &[&str], more: &[&str]) -> Run {
    scratch.run(["bench", verb].iter().chain(words).chain(more))
}

fn document(run: Run) -> Value {
    let run = run.ok();
    serde_json::from_str(&run.stdout()).unwrap_or_else(|error| panic!("{error}: {}", run.stdout()))
}

/// All of these are numbers above zero.
#[track_caller]
fn positive(document: &Value, keys: &[&str]) {
    for key in keys {
        assert!(document[key].as_f64().is_some_and(|number| number > 0.0), "{key} of {document:#}");
    }
}

/// A program that is called as a Python is and does what a line of shell says.
#[cfg(unix)]
fn fake_peer(scratch: &Scratch, does: &str) -> String {
    use std::os::unix::fs::PermissionsExt;
    let path: PathBuf = scratch.path("fake-python");
    fs::write(&path, format!("#!/bin/sh\n{does}\n")).unwrap();
    fs::set_permissions(&path, fs::Permissions::from_mode(0o755)).unwrap();
    path.display().to_string()
}

#[test]
fn train_tells_speed_memory_and_losses_under_the_peers_keys() {
    let scratch = Scratch::new();
    for (words, task) in [(&IMAGES[..], "cifar100"), (&TEXT[..], "sst2")] {
        let found = document(bench(&scratch, "train", words, &["--steps", "3", "--warmup", "1", "--json"]));
        let seconds = ["mean_step_s", "median_step_s", "min_step_s", "max_step_s"];
        let speeds = ["steps_per_s", "examples_per_s", "model_tflops_per_s", "peak_tflops_per_s", "share_of_peak"];
        positive(&found, &seconds);
        positive(&found, &speeds);
        positive(
            &found,
            &["peak_rss_mb", "peak_device_mb", "first_loss", "last_loss", "threads", "steps", "batch_size"],
        );
        assert_eq!(
            (&found["task"], &found["method"], &found["optimizer"]),
            (&task.into(), &"baseline".into(), &"AdamW".into())
        );
        assert_eq!(
            (&found["engine"], &found["device"], &found["precision"]),
            (&"burn 0.22.1".into(), &"cpu".into(), &"f32".into())
        );
        assert_eq!((&found["steps"], &found["warmup"], &found["peak_cuda_mb"]), (&3.into(), &1.into(), &Value::Null));
        assert_eq!(found["examples"], 3 * found["batch_size"].as_u64().unwrap());
        let ratio = found["share_of_peak"].as_f64().unwrap() * found["peak_tflops_per_s"].as_f64().unwrap();
        assert!((ratio / found["model_tflops_per_s"].as_f64().unwrap() - 1.0).abs() < 1e-9);
        assert!(found["min_step_s"].as_f64() <= found["median_step_s"].as_f64());
        assert_eq!(found["hardware"]["precision"], "f32");
    }
    assert!(fs::read_dir(scratch.path("")).unwrap().next().is_none(), "it leaves nothing");
}

#[test]
fn train_takes_every_method_blocks_and_evaluation() {
    let scratch = Scratch::new();
    for method in ["lr", "noise", "dual"] {
        let more = ["--steps", "5", "--method", method, "--block", "2", "--episode-length", "3", "--json"];
        let found = document(bench(&scratch, "train", &IMAGES, &more));
        assert_eq!((&found["method"], &found["block"], &found["steps"]), (&method.into(), &2.into(), &5.into()));
        positive(&found, &["median_step_s", "steps_per_s"]);
    }
    let found = document(bench(&scratch, "train", &IMAGES, &["--evaluate", "200", "--steps", "2", "--json"]));
    assert_eq!((&found["evaluate"], &found["examples"]), (&200.into(), &400.into()));
    positive(&found, &["median_step_s", "examples_per_s", "model_tflops_per_s"]);
    let text = bench(&scratch, "train", &IMAGES, &["--steps", "2", "--optimizer", "SGD"]).ok().stdout();
    for word in ["step: median", "n = 2", "examples a second", "TFLOP/s", "peak memory"] {
        assert!(text.contains(word), "{word:?} is not in:\n{text}");
    }
}

#[test]
fn overhead_tells_each_method_with_its_interval_and_the_references_figure() {
    let scratch = Scratch::new();
    let found = document(bench(&scratch, "overhead", &IMAGES, &["--pairs", "7", "--warmup", "1", "--json"]));
    for (method, reference) in [("lr", 15.5), ("noise", 17.3), ("dual", 18.3)] {
        let figure = |key: &str| &found[format!("{method}_{key}")];
        let overhead = figure("overhead_percent").as_f64().unwrap();
        let ends: Vec<f64> =
            figure("overhead_percent_interval").as_array().unwrap().iter().map(|end| end.as_f64().unwrap()).collect();
        assert!(ends.len() == 2 && ends[0] <= overhead && overhead <= ends[1], "{method}: {overhead} {ends:?}");
        assert_eq!(*figure("reference_overhead_percent"), reference);
        assert_eq!(*figure("peer_overhead_percent"), Value::Null);
    }
    positive(&found, &["median_step_s", "mean_step_s", "pairs", "lr_median_step_s", "peak_rss_mb"]);
    // Two numbers say nothing of a spread.
    let few = document(bench(&scratch, "overhead", &TEXT, &["--pairs", "2", "--methods", "lr", "--json"]));
    assert_eq!((&few["lr_overhead_percent_interval"], &few["noise_overhead_percent"]), (&Value::Null, &Value::Null));
    assert_eq!(few["lr_reference_overhead_percent"], 30.3);
    let told = bench(&scratch, "overhead", &IMAGES, &["--pairs", "6", "--methods", "noise,lr"]).ok().stdout();
    assert!(told.contains("baseline") && told.contains("+17.3 %") && told.contains("n = 6 pairs"), "{told}");
}

#[test]
fn data_and_controllers_are_timed_by_name() {
    let scratch = Scratch::new();
    let found = document(bench(&scratch, "data", &IMAGES, &["--limit-train", "200", "--json"]));
    let names: Vec<&str> = found["rows"].as_array().unwrap().iter().map(|row| row["name"].as_str().unwrap()).collect();
    for name in ["load or make the data", "plan an epoch", "augment a batch", "normalise a batch"] {
        assert!(names.contains(&name), "{name} is not in {names:?}");
    }
    let text = document(bench(&scratch, "data", &TEXT, &["--json"]));
    assert_eq!(text["train_examples"], 40);
    let control = document(scratch.run(["bench", "control", "--json"]));
    for rows in [&found, &text, &control].map(|document| document["rows"].as_array().unwrap()) {
        for row in rows {
            positive(row, &["median_s", "min_s", "max_s", "n"]);
            assert_eq!((&row["peer_median_s"], &row["ratio"]), (&Value::Null, &Value::Null));
        }
    }
    assert!(scratch.run(["bench", "control"]).ok().stdout().contains("episode of 200 steps, 3 arms"));
}

#[test]
fn the_suite_is_lines_that_can_be_run_alone() {
    let scratch = Scratch::new();
    let run = scratch.run(["bench", "suite", "--dry-run", "--peer", "PY", "--rounds", "2", "--with=--threads=2"]).ok();
    let lines = run.stdout();
    for part in [
        "--model-width=16",
        "--model-width=64",
        "--evaluate=10000",
        "train sst2",
        "overhead sst2",
        "--against=plain,best,bf16",
    ] {
        assert!(lines.contains(part), "{part} is not in:\n{lines}");
    }
    assert!(
        lines.lines().all(|line| line.starts_with("aees bench ") && line.contains("--peer=PY --rounds=2 --threads=2"))
    );
    let alone = scratch.run(["bench", "suite", "--dry-run", "--case", "overhead"]).ok().stdout();
    assert_eq!(alone, "aees bench overhead sst2 --batch-size=16 --pairs=200 --methods=lr,noise,dual\n");
    // A small suite of one case, from its line to its table.
    let small = ["--with=--pairs=6", "--with=--model-layers=1", "--with=--model-dim=16", "--with=--limit-train=200"];
    let words = ["bench", "suite", "--case", "overhead"];
    let found = document(scratch.run(words.iter().chain(&small).chain(&["--json"])));
    assert_eq!((&found["cases"][0]["case"], &found["cases"][0]["result"]["pairs"]), (&"overhead".into(), &6.into()));
    let told = scratch.run(words.iter().chain(&small)).ok().stdout();
    assert!(told.contains("noise") && told.contains(" to "), "{told}");
}

#[test]
fn what_cannot_be_measured_is_refused_by_name() {
    let scratch = Scratch::new();
    for (more, said) in [
        (&["--engine", "abacus"][..], &["there is no engine \"abacus\"", "burn"][..]),
        (&["--device", "cuda:99"], &["no device cuda:99", "cpu", "help:"]),
        (&["--device", "gpu"], &["invalid device", "cuda:N"]),
        (&["--precision", "bf16"], &["cannot compute in bf16", "--precision f32"]),
        (&["--steps", "0"], &["'0'", "--steps"]),
        (&["--steps", "some"], &["--steps"]),
        (&["--batch-size", "0"], &["--batch-size must be positive"]),
        (&["--block", "0"], &["--block"]),
        (&["--evaluate", "0"], &["--evaluate"]),
        (&["--method", "adaptive"], &["--method", "baseline"]),
        (&["--max-length", "12"], &["max_length", "cifar100"]),
        (&["--data", "nowhere"], &["nowhere", "help:"]),
        (&["--model-width", "1000000"], &["memory"]),
        (&["--rounds", "2"], &["--peer"]),
        (&["--against", "best"], &["--peer"]),
    ] {
        bench(&scratch, "train", &["cifar100"], more).refused(said);
    }
    bench(&scratch, "overhead", &IMAGES, &["--pairs", "0"]).refused(&["--pairs"]);
    bench(&scratch, "overhead", &IMAGES, &["--methods", "baseline"]).refused(&["--methods"]);
    bench(&scratch, "data", &TEXT, &["--peer", "python3"]).refused(&["the peer prepares no sentences", "help:"]);
    scratch.run(["bench", "suite", "--case", "all"]).refused(&["--case", "width-16"]);
    scratch.run(["bench", "suite", "--sst2", "FOLDER"]).refused(&["--tokenizer"]);
}

#[cfg(unix)]
#[test]
fn a_peer_that_fails_or_prints_garbage_is_told_with_what_it_said() {
    let scratch = Scratch::new();
    let short = ["--steps", "1", "--warmup", "0", "--rounds", "1"];
    let with = |peer: &str| bench(&scratch, "train", &IMAGES, &[&short[..], &["--peer", peer]].concat());
    with("/no/such/python").refused(&["cannot run the peer /no/such/python", "no such program", "pip install torch"]);
    with(&scratch.path("").display().to_string()).refused(&["cannot run the peer"]);
    for (does, said) in [
        ("cat > /dev/null", &["no JSON object as its last line, but nothing at all", "docs/bench.md"][..]),
        ("echo '{\"median_step_s\": 1}'; echo hello", &["but \"hello\""]),
        ("echo '[1, 2]'", &["no JSON object"]),
        ("printf '\\033[2Jnoise'", &["\"noise\""]),
        ("echo '{\"mean_step_s\": 1}'", &["median_step_s is nothing"]),
        ("echo '{\"median_step_s\": \"fast\"}'", &["median_step_s is \"fast\""]),
        ("echo '{\"median_step_s\": -1}'", &["median_step_s is -1"]),
        ("echo '{\"median_step_s\": 1, \"batch_size\": 9}'", &["batch_size 9, not 8"]),
        ("echo '{\"median_step_s\": 1, \"task\": \"sst2\"}'", &["task \"sst2\", not \"cifar100\""]),
        ("echo one >&2; echo two >&2; exit 3", &["exit status: 3", "one", "two"]),
        ("echo \"ModuleNotFoundError: No module named 'torch'\" >&2; exit 1", &["pip install torch"]),
        ("kill -9 $$", &["signal: 9"]),
    ] {
        let run = with(&fake_peer(&scratch, does));
        assert!(!run.stderr().contains('\u{1b}'), "{}", run.stderr());
        run.refused(said);
    }
}

/// The ratio is the peer's time over ours, round by round, and the peer gets what the documentation says.
#[cfg(unix)]
#[test]
fn a_peer_runs_in_turn_with_aees() {
    let scratch = Scratch::new();
    let peer = fake_peer(
        &scratch,
        "cat > script; echo \"$@\" >> calls; test -z \"$AEES_BENCH_BATCHES\" || cp \"$AEES_BENCH_BATCHES\" batches\n\
         echo starting; echo '{\"median_step_s\": 1000, \"mean_step_s\": 1000, \"peak_rss_mb\": 7}'",
    );
    let turns = ["--steps", "2", "--rounds", "2", "--peer", &peer, "--against", "plain,bf16", "--peer-arg=--compile"];
    let found = document(bench(&scratch, "train", &IMAGES, &[&turns[..], &["--json"]].concat()));
    assert_eq!(found["peers"].as_array().unwrap().len(), 2);
    for peer in found["peers"].as_array().unwrap() {
        assert_eq!((&peer["median_step_s"], &peer["peak_rss_mb"]), (&1000.0.into(), &7.0.into()));
        assert_eq!(peer["rounds"].as_array().unwrap().len(), 2);
        positive(peer, &["ratio"]);
        let ratio = 1000.0 / found["aees"]["rounds"][0]["median_step_s"].as_f64().unwrap();
        let ends = peer["ratio_min_max"].as_array().unwrap();
        assert!(ends.iter().any(|end| (end.as_f64().unwrap() / ratio - 1.0).abs() < 1e-9), "{peer:#} {ratio}");
    }
    positive(&found["aees"], &["median_step_s", "peak_rss_mb"]);
    let calls = scratch.text("calls");
    assert_eq!(calls.lines().count(), 4);
    let first = calls.lines().next().unwrap();
    for flag in [
        "--task cifar100",
        "--method baseline",
        "--batch-size 8",
        "--steps 2",
        "--width 2",
        "--precision fp32",
        "--compile",
    ] {
        assert!(first.contains(flag), "{flag} is not in {first}");
    }
    assert!(calls.lines().nth(1).unwrap().contains("--precision bf16") && calls.contains("--fused"));
    assert!(scratch.text("script").contains("pulseopt"), "our script comes on standard input");
    assert!(!scratch.path("batches").exists(), "images are the peer's own");
    let told = bench(&scratch, "train", &IMAGES, &turns).ok().stdout();
    assert!(told.contains("peer, bf16") && told.contains("7 MiB"), "{told}");

    // Sentences are ours, and overhead is of the peer's own plain step.
    let overhead = ["--pairs", "6", "--methods", "lr", "--peer", &peer, "--rounds", "1", "--json"];
    let found = document(bench(&scratch, "overhead", &TEXT, &overhead));
    assert_eq!(found["lr_peer_overhead_percent"], 0.0);
    let batches = scratch.json("batches");
    assert_eq!((&batches["layers"], &batches["dim"], &batches["classes"]), (&1.into(), &16.into(), &2.into()));
    assert_eq!(batches["batches"][0]["ids"].as_array().unwrap().len(), 4);
    assert_eq!(batches["batches"][0]["labels"].as_array().unwrap().len(), 4);
    let lr = scratch.text("calls");
    assert!(lr.lines().last().unwrap().contains("--method lr"), "{lr}");

    // A script of one's own is given as a file, without the flags of ours.
    let script = scratch.path("own.py").display().to_string();
    fs::write(&script, "").unwrap();
    let own =
        ["--steps", "1", "--rounds", "1", "--peer", &peer, "--peer-script", &script, "--against", "best", "--json"];
    document(bench(&scratch, "train", &IMAGES, &own));
    let last = scratch.text("calls").lines().last().unwrap().to_owned();
    assert!(last.starts_with(&script) && last.contains("--channels-last") && !last.contains("--fused"), "{last}");
}

/// With a real PyTorch, where there is one.
#[test]
fn our_script_runs_in_pytorch() {
    let Some(python) = python(&["torch", "torchvision", "transformers", "pulseopt"]) else { return };
    let scratch = Scratch::new();
    let peer = python.display().to_string();
    let turns = ["--steps", "1", "--warmup", "0", "--rounds", "1", "--peer", &peer, "--json"];
    for (words, more) in [
        (&IMAGES[..], &["--against", "plain,best,bf16"][..]),
        (&IMAGES, &["--evaluate", "100"]),
        (&TEXT, &["--method", "dual"]),
    ] {
        let found = document(bench(&scratch, "train", words, &[&turns[..], more].concat()));
        found["peers"].as_array().unwrap().iter().for_each(|peer| positive(peer, &["ratio", "peak_rss_mb"]));
    }
    let control = document(scratch.run(["bench", "control", "--peer", &peer, "--json"]));
    let ratios = control["rows"].as_array().unwrap().iter().filter(|row| row["ratio"].is_f64()).count();
    assert_eq!(ratios, 4, "{control:#}");
    let data = document(bench(&scratch, "data", &IMAGES, &["--limit-train", "200", "--peer", &peer, "--json"]));
    assert_eq!(data["rows"].as_array().unwrap().iter().filter(|row| row["ratio"].is_f64()).count(), 2, "{data:#}");
}
