//! `aees train sst2` and `agnews`, `aees pretokenize`: on made-up sentences and a tiny model, as a user runs them.

use crate::program::{DUAL, Run, Scratch, wait_until, without_times};
use serde_json::Value;

/// A run that takes a second or two.
const TINY_TEXT: [&str; 18] = [
    "--data",
    "synthetic",
    "--model-layers",
    "1",
    "--model-dim",
    "16",
    "--max-length",
    "16",
    "--limit-train",
    "120",
    "--limit-eval",
    "40",
    "--batch-size",
    "8",
    "--epochs",
    "2",
    "--episode-length",
    "4",
];

/// Trains it, into the folder `name`.
pub(crate) fn train(scratch: &Scratch, task: &str, name: &str, more: &[&str]) -> Run {
    scratch.run(["train", task, "--run-dir", name].iter().chain(&TINY_TEXT).chain(more))
}

fn result(scratch: &Scratch, name: &str) -> Value {
    scratch.json(&format!("{name}/result.json"))
}

#[test]
fn a_text_run_leaves_the_references_result() {
    let scratch = Scratch::new();
    train(&scratch, "sst2", "run", &DUAL).ok();
    let result = result(&scratch, "run");
    assert_eq!(result["method_name"], "AdaptiveScheduler");
    assert_eq!((&result["task_name"], &result["dataset_name"]), (&"sst2".into(), &"GLUE SST-2".into()));
    assert_eq!(result["model_name"], "distilbert-1x16");
    assert_eq!(result["total_steps"], 30);
    let config = &result["config"];
    for (key, value) in [
        ("method", Value::from("AdaptiveScheduler")),
        ("max_length", 16.into()),
        ("label_noise_type", "none".into()),
        ("scheduler_step_unit", "optimizer_step".into()),
        ("scheduler_span_steps", 30.into()),
        ("scheduler_t_max", Value::Null),
        ("pretokenize_only", false.into()),
        ("hf_token", Value::Null),
        ("local_files_only", false.into()),
    ] {
        assert_eq!(config[key], value, "{key}");
    }
    for absent in ["optimizer", "momentum", "model_width"] {
        assert!(config.get(absent).is_none(), "{absent}");
    }
    assert_eq!(result["episode_logs"]["selected_combined_names"].as_array().unwrap().len(), 8);
    assert!(result["estimated_flops"].as_f64().unwrap() > 0.0);
    assert!(result["tokenizer_digest"].as_str().unwrap().len() == 64);
}

#[test]
fn the_plain_optimizer_of_a_text_task_goes_by_its_own_name() {
    let scratch = Scratch::new();
    train(&scratch, "agnews", "run", &["--method", "AdamW"]).ok();
    assert_eq!(result(&scratch, "run")["method_name"], "AdamW");
    let refused = train(&scratch, "agnews", "other", &["--method", "AdamW", "--control-mode", "random"]);
    refused.refused(&["--method", "--control-mode"]);
}

#[test]
fn a_text_run_killed_half_way_gives_the_same_result() {
    let scratch = Scratch::new();
    let more = [&DUAL[..], &["--checkpoint-every", "7"]].concat();
    train(&scratch, "agnews", "whole", &more).ok();
    let mut child = {
        let arguments = ["train", "agnews", "--run-dir", "killed"].into_iter().chain(TINY_TEXT).chain(more.clone());
        let mut command = scratch.command(arguments);
        command.spawn().unwrap()
    };
    let metrics = scratch.path("killed/checkpoints");
    wait_until("a checkpoint is there, or the run is over", || {
        let written = std::fs::read_dir(&metrics).is_ok_and(|entries| entries.count() > 1);
        written || child.try_wait().unwrap().is_some()
    });
    let _ = child.kill();
    let _ = child.wait();
    scratch.run(["train", "--resume", "killed"]).ok();
    assert_eq!(without_times(result(&scratch, "killed")), without_times(result(&scratch, "whole")));
}

#[test]
fn label_noise_changes_the_run_and_the_test_set_is_touched_once() {
    let scratch = Scratch::new();
    train(&scratch, "agnews", "clean", &[]).ok();
    train(&scratch, "agnews", "noisy", &["--label-noise-rate", "0.2", "--eval-test"]).ok();
    let (clean, noisy) = (result(&scratch, "clean"), result(&scratch, "noisy"));
    assert!(clean.get("final_test_accuracy").is_none());
    assert!(noisy["final_test_accuracy"].is_f64());
    assert_eq!(noisy["config"]["label_noise_type"], "symmetric");
    let noise = &noisy["config"]["diagnostics"]["label_noise"];
    assert_eq!((noise["num_corrupted_examples"].as_u64(), noise["num_train_examples"].as_u64()), (Some(24), Some(120)));
}

#[test]
fn batches_of_similar_length_are_another_run_with_less_padding() {
    let scratch = Scratch::new();
    train(&scratch, "sst2", "random", &[]).ok();
    train(&scratch, "sst2", "buckets", &["--bucket-by-length"]).ok();
    let (random, buckets) = (result(&scratch, "random"), result(&scratch, "buckets"));
    assert_ne!(buckets["run_id"], random["run_id"]);
    assert_ne!(buckets["parameter_digest"], random["parameter_digest"]);
    assert_eq!(buckets["total_steps"], random["total_steps"]);
    let padded = |result: &Value| result["estimated_flops"].as_f64().unwrap();
    assert!(padded(&buckets) < 0.9 * padded(&random), "the reference counts padding");
}

#[test]
fn settings_of_other_tasks_are_refused() {
    let scratch = Scratch::new();
    train(&scratch, "sst2", "run", &["--momentum", "0.5"]).refused(&["`momentum` is no setting of sst2"]);
    train(&scratch, "sst2", "run", &["--label-noise-rate", "0.2"])
        .refused(&["`label_noise_rate` is no setting of sst2"]);
    scratch.run(["train", "cifar100", "--max-length", "3"]).refused(&["`max_length` is no setting of cifar100"]);
    train(&scratch, "agnews", "run", &["--label-noise-rate", "1"])
        .refused(&["--label-noise-rate must be in [0.0, 1.0)."]);
    scratch.run(["train", "agnews", "--max-length", "0"]).refused(&["--max-length must be positive."]);
    train(&scratch, "agnews", "run", &["--control-mode", "uniform-random"])
        .refused(&["Open-loop attribution controls require at least two candidates"]);
    train(&scratch, "sst2", "run", &["--init", "pretrained"]).refused(&["--init random"]);
    let long =
        ["train", "sst2", "--data", "synthetic", "--max-length", "600", "--limit-train", "50", "--limit-eval", "20"];
    scratch.run(long).refused(&["--max-length 600", "512 positions", "--max-length 512"]);
    assert!(!scratch.path("run").exists(), "nothing was written");
}

#[test]
fn pretokenizing_stores_the_tokens_once() {
    let scratch = Scratch::new();
    let arguments = ["pretokenize", "sst2", "--data", "synthetic", "--limit-train", "50", "--limit-eval", "20"];
    let first = scratch.run(arguments).ok();
    assert!(first.stdout().starts_with("Saved tokenized SST-2 dataset to "), "{}", first.stdout());
    let files = || -> Vec<_> {
        let entries = std::fs::read_dir(scratch.path("data/sst2_tokenized")).unwrap();
        entries.map(|entry| entry.unwrap().path()).collect()
    };
    assert_eq!(files().len(), 1, "{:?}", files());
    assert!(scratch.run(arguments).ok().stderr().contains("already there"));
    // A damaged file is told, rebuilt and replaced.
    let whole = std::fs::read(&files()[0]).unwrap();
    let mut damaged = whole.clone();
    let middle = damaged.len() / 2;
    damaged[middle] ^= 1;
    std::fs::write(&files()[0], &damaged).unwrap();
    let again = scratch.run(arguments).ok();
    assert!(again.stderr().contains("warning"), "{}", again.stderr());
    assert_eq!(std::fs::read(&files()[0]).unwrap(), whole);
    // A torn one as well, and another length is another file.
    std::fs::write(&files()[0], &whole[..whole.len() - 5]).unwrap();
    scratch.run(arguments).ok();
    assert_eq!(std::fs::read(&files()[0]).unwrap(), whole);
    scratch.run(arguments.iter().chain(&["--max-length", "8"])).ok();
    assert_eq!(files().len(), 2);
}

#[test]
fn a_run_does_not_care_whether_its_tokens_were_stored() {
    let scratch = Scratch::new();
    train(&scratch, "agnews", "fresh", &["--label-noise-rate", "0.3"]).ok();
    let stored = ["--label-noise-rate", "0.3", "--tokenized-dataset-dir", "tokens"];
    train(&scratch, "agnews", "first", &[&stored[..], &["--pretokenize-only"]].concat()).ok();
    assert!(!scratch.path("first").exists(), "pretokenizing makes no run");
    train(&scratch, "agnews", "second", &stored).ok();
    let (fresh, second) = (result(&scratch, "fresh"), result(&scratch, "second"));
    for key in ["run_id", "parameter_digest", "train_losses"] {
        assert_eq!(fresh[key], second[key], "{key}");
    }
}

#[test]
fn a_trained_model_is_exported_for_transformers() {
    let scratch = Scratch::new();
    train(&scratch, "agnews", "run", &[]).ok();
    scratch.run(["export", "run", "--to", "model"]).ok();
    for name in ["config.json", "model.safetensors", "tokenizer.json", "vocab.txt", "tokenizer_config.json"] {
        assert!(scratch.path("model").join(name).is_file(), "{name}");
    }
    let config = scratch.json("model/config.json");
    assert_eq!(
        (&config["model_type"], &config["n_layers"], &config["dim"]),
        (&"distilbert".into(), &1.into(), &16.into())
    );
    // It is a model to start from, with a tokenizer that fits it.
    let again = ["--init", "pretrained", "--model", "model", "--tokenizer", "model"];
    let settings =
        ["train", "agnews", "--data", "synthetic", "--limit-train", "40", "--limit-eval", "20", "--epochs", "1"];
    scratch.run(settings.iter().chain(&again)).ok();
    scratch.run(["export", "nowhere", "--to", "model"]).refused(&["nowhere"]);
}
