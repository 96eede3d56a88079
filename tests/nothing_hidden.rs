//! Nothing is hidden and nothing explodes: sizes that no machine has, files that are no files, flags that mean nothing, and
//! what is said where.

use std::fs;
use std::io::Write;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use serde_json::Value;

use crate::program::{DUAL, Run, Scratch, TINY, wait_until};

/// Ends within seconds, whatever it says.
fn soon(scratch: &Scratch, arguments: &[&str]) -> Run {
    let begin = Instant::now();
    let run = scratch.run(arguments);
    assert!(begin.elapsed() < Duration::from_secs(100), "{arguments:?} took {:?}", begin.elapsed());
    run
}

#[test]
fn sizes_beyond_the_memory_are_refused_before_anything_is_allocated() {
    let scratch = Scratch::new();
    let images = |more: &[&'static str]| {
        let words =
            [&["train", "cifar100", "--data", "synthetic", "--limit-train", "200", "--limit-eval", "100"], more];
        soon(&scratch, &words.concat())
    };
    for width in ["20000", "1000000000000", "9223372036854775807"] {
        images(&["--model-width", width]).refused(&["needs at least", "--model-width"]);
    }
    images(&["--batch-size", "9223372036854775807", "--model-width", "60000"]).refused(&["needs at least"]);
    // A batch is no larger than the data.
    let whole = [&TINY[..], &["--batch-size", "9223372036854775807", "--run-dir", "run"]].concat();
    soon(&scratch, &[&["train", "cifar100"], &whole[..]].concat()).ok();
    let endless = ["--control-mode", "uniform-random", "--lr-candidates", "1,2", "--episode-length", "1"];
    let words = [&["train", "cifar100"], &TINY[..], &endless, &["--epochs", "900000000000"]].concat();
    soon(&scratch, &words).refused(&["needs at least"]);

    let text = ["train", "sst2", "--data", "synthetic", "--limit-train", "100", "--limit-eval", "50"];
    for more in
        [["--model-layers", "1000000000"], ["--model-dim", "64000000"], ["--model-layers", "9223372036854775807"]]
    {
        soon(&scratch, &[&text[..], &more].concat()).refused(&["needs at least", "--model-layers"]);
    }
    fs::create_dir(scratch.path("model")).unwrap();
    let config = r#"{"model_type": "distilbert", "dim": 64, "n_heads": 1, "hidden_dim": 64, "n_layers": 1000000000}"#;
    fs::write(scratch.path("model/config.json"), config).unwrap();
    let more = ["--model", "./model", "--init", "random"];
    soon(&scratch, &[&text[..], &more].concat()).refused(&["needs at least"]);
}

#[test]
fn threads_are_bounded_by_the_cores() {
    let scratch = Scratch::new();
    let run = scratch.train("run", &["--threads", "10000"]).ok();
    assert!(run.stderr().contains("warning: --threads 10000"), "{}", run.stderr());
}

#[test]
fn files_that_are_no_files_are_refused_at_once() {
    let scratch = Scratch::new();
    assert!(Command::new("mkfifo").arg(scratch.path("pipe")).status().unwrap().success());
    assert!(Command::new("mkfifo").arg(scratch.path("train.bin")).status().unwrap().success());
    for path in ["pipe", "train.bin", "/dev/zero"] {
        let no_file = "it is a pipe or a device, not a file";
        soon(&scratch, &["train", "cifar100", "--data", path]).refused(&[path, no_file]);
        soon(&scratch, &["train", "--config", path]).refused(&[path, no_file]);
        let text = ["train", "sst2", "--data", "synthetic", "--limit-train", "20", "--limit-eval", "10"];
        soon(&scratch, &[&text[..], &["--tokenizer", path]].concat()).refused(&[path]);
        soon(&scratch, &["sweep", "plan", path]).refused(&[path, no_file]);
        soon(&scratch, &["report", "tables", path]).refused(&[path]);
        soon(&scratch, &["replay", path]).refused(&[path]);
    }
}

#[test]
fn what_unpacks_without_end_is_refused() {
    let scratch = Scratch::new();
    fs::create_dir(scratch.path("cifar")).unwrap();
    fs::write(scratch.path("cifar/test.bin"), vec![0; 3074]).unwrap();
    let mut gzip = Command::new("gzip");
    let file = fs::File::create(scratch.path("cifar/train.bin.gz")).unwrap();
    let mut child = gzip.arg("-1").stdin(Stdio::piped()).stdout(file).spawn().unwrap();
    let mut input = child.stdin.take().unwrap();
    for _ in 0..1100 {
        input.write_all(&vec![0; 1 << 20]).unwrap();
    }
    drop(input);
    assert!(child.wait().unwrap().success());
    soon(&scratch, &["train", "cifar100", "--data", "cifar"])
        .refused(&["train.bin.gz", "unpacks to more than 1024 MiB"]);
}

#[test]
fn progress_as_json_is_json_lines_to_the_last_byte() {
    let scratch = Scratch::new();
    let lines = |run: Run| -> Vec<Value> {
        run.stdout().lines().map(|line| serde_json::from_str(line).unwrap_or_else(|_| panic!("{line}"))).collect()
    };
    let events = lines(scratch.train("run", &[&DUAL[..], &["--progress", "json"]].concat()).ok());
    assert_eq!(events.last().unwrap()["event"], "finished");
    let events = lines(scratch.run(["train", "--resume", "run", "--progress", "json"]).ok());
    assert_eq!(events[0]["event"], "already_finished");
    scratch.train("other", &["--progress", "json", "--json"]).refused(&["--json and --progress json"]);
    let tokens = ["pretokenize", "all", "--data", "synthetic", "--limit-train", "20", "--limit-eval", "8"];
    let events = lines(scratch.run(tokens.into_iter().chain(["--progress", "json"])).ok());
    assert!(events.iter().any(|event| event["task"] == "agnews"));
}

#[test]
fn json_is_one_document() {
    let scratch = Scratch::new();
    let words = ["pretokenize", "all", "--data", "synthetic", "--limit-train", "20", "--limit-eval", "8", "--json"];
    let documents: Value = serde_json::from_str(&scratch.run(words).ok().stdout()).unwrap();
    assert_eq!(documents.as_array().unwrap().len(), 2);
}

#[test]
fn without_progress_there_are_still_warnings() {
    let scratch = Scratch::new();
    let settings = [&DUAL[..], &["--lr", "1e6", "--optimizer", "SGD", "--progress", "none"]].concat();
    let run = scratch.train("run", &settings).ok();
    assert!(run.stderr().starts_with("warning: the run diverged at step"), "{}", run.stderr());
    scratch.train("other", &["--checkpoint-every", "5", "--progress", "none"]).ok();
    fs::remove_file(scratch.path("other/result.json")).unwrap();
    let newest = scratch.path("other/checkpoints/step-000000030.safetensors");
    fs::write(&newest, "torn").unwrap();
    let run = scratch.run(["train", "--resume", "other", "--progress", "none"]).ok();
    assert!(run.stderr().contains("step-000000030.safetensors is damaged"), "{}", run.stderr());
}

#[test]
fn when_all_checkpoints_are_damaged_resume_stops_and_asks() {
    let scratch = Scratch::new();
    scratch.train("run", &["--checkpoint-every", "5"]).ok();
    fs::remove_file(scratch.path("run/result.json")).unwrap();
    for file in fs::read_dir(scratch.path("run/checkpoints")).unwrap() {
        fs::write(file.unwrap().path(), "torn").unwrap();
    }
    let help = "aees train --config run/config.yaml --run-dir run --overwrite";
    scratch.run(["train", "--resume", "run"]).refused(&["checkpoints in run can be used", "is damaged", help]);
    assert_eq!(fs::read(scratch.path("run/checkpoints/step-000000030.safetensors")).unwrap(), b"torn");
    // What it says works.
    scratch.run(help.split_whitespace().skip(1)).ok();
    assert_eq!(scratch.json("run/result.json")["total_steps"], 30);
}

#[test]
fn a_checkpoint_of_another_format_is_refused_with_what_to_do() {
    let scratch = Scratch::new();
    scratch.train("run", &["--checkpoint-every", "5"]).ok();
    fs::remove_file(scratch.path("run/result.json")).unwrap();
    for name in ["step-000000025", "step-000000030", "best"] {
        let path = scratch.path(&format!("run/checkpoints/{name}.safetensors"));
        older(&path);
    }
    let words = ["was written by an earlier version of aees (format 1, this one has 2)", "--overwrite"];
    scratch.run(["train", "--resume", "run"]).refused(&words);
}

/// Writes a checkpoint again as a version before would have: another format, and a digest that fits.
fn older(path: &std::path::Path) {
    use sha2::{Digest, Sha256};
    let bytes = fs::read(path).unwrap();
    let (_, file) = safetensors::SafeTensors::read_metadata(&bytes).unwrap();
    let tensors = safetensors::SafeTensors::deserialize(&bytes).unwrap();
    let mut metadata = file.metadata().clone().unwrap();
    let header = metadata["aees.header"].replacen("\"format\":2", "\"format\":1", 1);
    let mut hasher = Sha256::new();
    hasher.update(&header);
    let sorted: std::collections::BTreeMap<_, _> = tensors.iter().collect();
    for (name, tensor) in &sorted {
        hasher.update(name);
        hasher.update([0]);
        tensor.shape().iter().for_each(|size| hasher.update((*size as u64).to_le_bytes()));
        hasher.update(tensor.data());
    }
    let digest: String = hasher.finalize().iter().map(|byte| format!("{byte:02x}")).collect();
    metadata.insert("aees.header".into(), header);
    metadata.insert("aees.sha256".into(), digest);
    fs::write(path, safetensors::serialize(sorted, Some(metadata)).unwrap()).unwrap();
}

#[test]
fn an_empty_flag_is_an_error() {
    let scratch = Scratch::new();
    for flag in ["--limit-train", "--run-tag", "--data", "--lr", "--lr-candidates", "--output"] {
        scratch.train("run", &[flag, ""]).refused(&[flag, "value is required"]);
    }
    scratch.run(["sweep", "status", ""]).refused(&["value is required"]);
    assert!(!scratch.path("run").exists());
}

#[test]
fn a_flag_given_twice_takes_the_last() {
    let scratch = Scratch::new();
    scratch
        .train("run", &["--seed", "1", "--seed", "2", "--tensorboard", "--tensorboard=false", "--run-dir", "last"])
        .ok();
    assert_eq!(scratch.json("last/result.json")["seed"], 2);
    assert!(!scratch.path("run").exists() && !scratch.path("last/tensorboard").exists());
}

#[test]
fn the_same_examples_to_train_and_to_test_are_warned_of() {
    let scratch = Scratch::new();
    fs::create_dir(scratch.path("cifar")).unwrap();
    // Apples are fruit.
    let apples: Vec<u8> =
        (0..200).flat_map(|image: usize| [vec![4, 0], vec![(image % 250) as u8; 3072]].concat()).collect();
    fs::write(scratch.path("cifar/train.bin"), &apples).unwrap();
    std::os::unix::fs::symlink("train.bin", scratch.path("cifar/test.bin")).unwrap();
    let words = ["train", "cifar100", "--data", "cifar", "--model-width", "2", "--epochs", "1", "--run-dir", "run"];
    let run = scratch.run(words).ok();
    assert!(run.stderr().contains("warning: ") && run.stderr().contains("hold the same examples"), "{}", run.stderr());
    assert!(!run.stderr().contains("coarse"), "{}", run.stderr());

    // And no fish.
    let fish: Vec<u8> = apples.chunks(3074).flat_map(|record| [&[1, 0], &record[2..]].concat()).collect();
    fs::write(scratch.path("cifar/train.bin"), &fish[..3074 * 150]).unwrap();
    fs::remove_file(scratch.path("cifar/test.bin")).unwrap();
    fs::write(scratch.path("cifar/test.bin"), &apples).unwrap();
    let run = scratch.run(words.into_iter().chain(["--overwrite"])).ok();
    let warning = "150 of 150 coarse labels contradict the fine ones, record 0 first";
    assert!(run.stderr().contains(warning), "{}", run.stderr());
}

#[test]
fn a_folder_with_this_very_run_says_whether_it_is_finished_or_trained() {
    let scratch = Scratch::new();
    scratch.train("run", &[]).ok();
    let again = scratch.train("run", &[]).ok();
    assert!(again.stderr().contains("this very run is finished"), "{}", again.stderr());
    assert_eq!(again.stdout().trim(), "run/result.json");
    // The default folder, too.
    let default = ["train", "cifar100"].into_iter().chain(TINY);
    scratch.run(default.clone()).ok();
    assert!(scratch.run(default).ok().stderr().contains("this very run is finished"));
    scratch.train("run", &["--seed", "1"]).refused(&["run holds another run"]);

    let long = ["--epochs", "100000", "--checkpoint-every", "1"];
    let words = ["train", "cifar100", "--run-dir", "busy"].into_iter().chain(TINY).chain(long);
    let mut child = scratch.command(words).stderr(Stdio::null()).spawn().unwrap();
    wait_until("the run has begun", || scratch.path("busy/log.txt").exists() || child.try_wait().unwrap().is_some());
    scratch.train("busy", &long).refused(&["another process is training the run in it"]);
    scratch.run(["train", "--resume", "busy"]).refused(&["another process is training the run in it"]);
    child.kill().unwrap();
    child.wait().unwrap();
    scratch.train("busy", &long).refused(&["holds this run, and it is not finished", "aees train --resume busy"]);
}

#[test]
fn help_fits_the_case() {
    let scratch = Scratch::new();
    // No run is there that could be resumed, and no --run-dir is asked for.
    let resultless = scratch.run(["train", "--config", "nothing.yaml"]);
    assert!(!resultless.stderr().contains("--resume") && !resultless.stderr().contains("--run-dir"));
    fs::write(scratch.path("file"), "").unwrap();
    fs::write(scratch.path("s.yaml"), "aees: 1\nname: s\ntask: cifar100\nseeds: [0]\nbase: {data: synthetic}\n")
        .unwrap();
    let root = scratch.run(["sweep", "run", "s.yaml", "--root", "file/results"]);
    assert_eq!(root.code(), Some(1));
    assert!(!root.stderr().contains("--run-dir") && !root.stderr().contains("--resume"), "{}", root.stderr());
}

#[test]
fn refused_data_says_what_is_expected_and_how_to_get_it() {
    let scratch = Scratch::new();
    fs::create_dir(scratch.path("empty")).unwrap();
    fs::create_dir(scratch.path("notes")).unwrap();
    fs::write(scratch.path("notes/train.tsv"), "a\tb\n1\t2\n").unwrap();
    fs::write(scratch.path("notes/dev.tsv"), "a\tb\n1\t2\n").unwrap();
    fs::write(scratch.path("notes/train.bin"), "no pictures").unwrap();
    for path in ["empty", "notes", "notes/train.bin", "nowhere"] {
        let words = ["expected is CIFAR-100 in the binary version", "aees data fetch cifar100"];
        scratch.run(["train", "cifar100", "--data", path]).refused(&words);
    }
    for path in ["empty", "notes", "notes/train.tsv", "nowhere"] {
        let words = ["expected is SST-2 as GLUE's train.tsv and dev.tsv", "aees data fetch sst2"];
        scratch.run(["train", "sst2", "--data", path]).refused(&words);
    }
}

#[test]
fn messages_have_no_names_of_libraries() {
    let scratch = Scratch::new();
    let deep = format!("task: cifar100\nlr: {}1{}\n", "[".repeat(3000), "]".repeat(3000));
    let aliases = format!("task: cifar100\na: &a [1,1,1,1,1,1,1,1,1]\n{}", bomb());
    for (text, words) in [
        ("task: cifar100\nlr: 1\nlr: 2\n", "the key `lr` is there twice"),
        ("task: cifar100\n---\ntask: sst2\n", "several documents"),
        (&deep, "a.yaml"),
        (&aliases, "a.yaml"),
    ] {
        fs::write(scratch.path("a.yaml"), text).unwrap();
        let run = soon(&scratch, &["train", "--config", "a.yaml"]);
        for internal in ["DuplicateKeyPolicy", "budget breached", "from_str_multiple", "Budget", "serde"] {
            assert!(!run.stderr().contains(internal), "{}", run.stderr());
        }
        run.refused(&[words]);
    }
}

/// Each line is nine times the one before.
fn bomb() -> String {
    let line = |(name, of): (char, char)| format!("{name}: &{name} [{}]\n", vec![format!("*{of}"); 9].join(","));
    ('b'..='k').zip('a'..='j').map(line).collect()
}

#[test]
fn a_model_path_that_looks_like_one_is_one() {
    let scratch = Scratch::new();
    for path in ["./bert", "/nowhere/bert", "models/of/mine", "bert/", "~/bert", "bert.safetensors"] {
        let words = ["train", "sst2", "--data", "synthetic", "--init", "random", "--model", path];
        let run = soon(&scratch, &words);
        run.refused(&["no such file or folder", "a folder with config.json and weights"]);
        let words = ["train", "sst2", "--data", "synthetic", "--tokenizer", path];
        soon(&scratch, &words).refused(&["no such file or folder", "vocab.txt"]);
    }
}
