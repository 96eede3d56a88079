//! Runs whose data, tokenizer and model come from the hub: a small server on loopback that speaks its routes. And runs
//! that must not touch the network at all.

#[path = "../tasks/tests/hub/server.rs"]
mod server;

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::program::{Run, Scratch, read_json};
use crate::require;
use aees_tasks::RepoId;
use server::{Fault, HubServer};

/// A two-layer model with random weights, for 120 tokens, 16 positions and 4 classes.
const MODEL: &str = "tests/tiny";
const TOKEN: &str = "hf_thisIsATokenOfATest";

fn fixture(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join(name)
}

fn bytes(name: &str) -> Vec<u8> {
    fs::read(fixture(name)).unwrap()
}

/// Letters are words of their own, so every sentence has ids below 120.
fn vocabulary() -> String {
    let letters = ('a'..='z').chain('0'..='9').flat_map(|letter| [letter.to_string(), format!("##{letter}")]);
    let special = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"].map(String::from);
    special.into_iter().chain(letters).map(|token| token + "\n").collect()
}

/// A hub with AG News and a tiny model.
fn hub() -> HubServer {
    let hub = HubServer::start();
    let news = RepoId::dataset("fancyzhx/ag_news").unwrap();
    for split in ["train", "test"] {
        let table = bytes(&format!("tasks/tests/fixtures/text_agnews_{split}.parquet"));
        hub.add_large(&news, &format!("data/{split}-00000-of-00001.parquet"), table);
    }
    let model = RepoId::model(MODEL).unwrap();
    hub.add(&model, "config.json", bytes("models/tests/fixtures/text_distilbert/config.json"));
    hub.add(&model, "vocab.txt", vocabulary());
    hub.add_large(&model, "model.safetensors", bytes("models/tests/fixtures/text_distilbert/model.safetensors"));
    hub
}

const SETTINGS: [&str; 12] = [
    "train",
    "agnews",
    "--model",
    MODEL,
    "--max-length",
    "16",
    "--batch-size",
    "4",
    "--epochs",
    "1",
    "--run-dir",
    "run",
];

/// The program with a cache of its own and this hub.
fn command(scratch: &Scratch, endpoint: &str, arguments: &[&str]) -> Command {
    let mut command = scratch.command(arguments);
    command.env("HF_HOME", scratch.path("hf")).env("HF_ENDPOINT", endpoint).env_remove("HF_HUB_OFFLINE");
    for variable in ["HF_TOKEN", "HF_HUB_CACHE", "HTTP_PROXY", "http_proxy", "HTTPS_PROXY", "https_proxy", "ALL_PROXY"]
    {
        command.env_remove(variable);
    }
    command
}

fn train(scratch: &Scratch, hub: &HubServer, more: &[&str]) -> Run {
    Run(command(scratch, &hub.url(), &[&SETTINGS, more].concat()).output().unwrap())
}

#[test]
fn a_run_downloads_what_it_needs_and_says_which_commits() {
    let (scratch, hub) = (Scratch::new(), hub());
    let run = train(&scratch, &hub, &[]).ok();
    assert!(run.stderr().contains("downloading data/train-00000-of-00001.parquet"), "{}", run.stderr());
    let from = format!(" from fancyzhx/ag_news@{}, ", &server::FIRST_COMMIT[..12]);
    assert!(run.stderr().contains(&from), "{}", run.stderr());
    let result = scratch.json("run/result.json");
    for origin in ["model_origin", "tokenizer_origin"] {
        assert_eq!(result[origin]["repository"], MODEL);
        assert_eq!(result[origin]["revision"], server::FIRST_COMMIT, "{origin}");
    }
    assert_eq!(result["data_origin"]["Hub"]["revision"], server::FIRST_COMMIT);
    assert_eq!(result["model_name"], MODEL);
    assert!(result["weights_digest"].is_string());
}

#[test]
fn a_run_with_local_files_only_opens_no_socket() {
    let (scratch, hub) = (Scratch::new(), hub());
    let fetch = ["data", "fetch", "agnews", "--model", MODEL];
    let fetched = Run(command(&scratch, &hub.url(), &fetch).output().unwrap()).ok();
    assert_eq!(
        fetched.stdout().lines().count(),
        5,
        "two tables, tokenizer, configuration, weights: {}",
        fetched.stdout()
    );
    let before = hub.connections();
    train(&scratch, &hub, &["--local-files-only"]).ok();
    assert_eq!(hub.connections(), before, "the hub would have noticed");
    // HF_HUB_OFFLINE says the same.
    let mut offline = command(&scratch, &hub.url(), &[&SETTINGS[..], &["--overwrite"]].concat());
    Run(offline.env("HF_HUB_OFFLINE", "1").output().unwrap()).ok();
    assert_eq!(hub.connections(), before);
}

/// In a network namespace without any interface that is up, loopback included.
#[test]
fn a_run_with_local_files_only_works_where_networking_is_impossible() {
    let isolated = |command: &Command| {
        let mut isolated = Command::new("unshare");
        isolated.arg("-rn").arg(command.get_program()).args(command.get_args());
        isolated.current_dir(command.get_current_dir().unwrap());
        command.get_envs().for_each(|(name, value)| match value {
            Some(value) => drop(isolated.env(name, value)),
            None => drop(isolated.env_remove(name)),
        });
        isolated
    };
    if !Command::new("unshare").args(["-rn", "true"]).status().is_ok_and(|status| status.success()) {
        return require::skip(
            require::Component::NetworkNamespace,
            "this machine does not let a test make a network namespace",
        );
    }
    let (scratch, hub) = (Scratch::new(), hub());
    let fetch = ["data", "fetch", "agnews", "--model", MODEL];
    Run(command(&scratch, &hub.url(), &fetch).output().unwrap()).ok();
    let run = command(&scratch, &hub.url(), &[&SETTINGS[..], &["--local-files-only"]].concat());
    Run(isolated(&run).output().unwrap()).ok();
}

#[test]
fn what_is_missing_offline_is_named_with_the_command_that_brings_it() {
    let (scratch, hub) = (Scratch::new(), hub());
    train(&scratch, &hub, &["--local-files-only"])
        .refused(&["fancyzhx/ag_news", "aees data fetch agnews --model tests/tiny"]);
    // With the data there it is the tokenizer, then the model.
    let folder = fixture("tasks/tests/fixtures/tokens");
    let data = ["--data", "synthetic", "--limit-train", "50", "--limit-eval", "20", "--local-files-only"];
    train(&scratch, &hub, &[&data[..], &["--tokenizer", "some/tokenizer"]].concat())
        .refused(&["tokenizer.json of model some/tokenizer", "aees data fetch agnews"]);
    train(&scratch, &hub, &[&data[..], &["--init", "pretrained", "--tokenizer", folder.to_str().unwrap()]].concat())
        .refused(&["config.json of model tests/tiny", "aees data fetch agnews"]);
    assert_eq!(hub.connections(), 0);
    assert!(!scratch.path("run").exists());
}

#[test]
fn faults_of_the_network_are_waited_out() {
    let (scratch, hub) = (Scratch::new(), hub());
    hub.fail("GET", Fault::Status(429, vec![("Retry-After", "1".into())]));
    hub.fail("HEAD", Fault::status(500));
    // The listing has no range to ignore; the cut is for the first table.
    hub.fail("GET", Fault::IgnoreRange);
    hub.fail("GET", Fault::Cut(700));
    let run = train(&scratch, &hub, &[]).ok();
    assert!(run.stderr().contains("429") && run.stderr().contains("trying again in 1 s"), "{}", run.stderr());
    let ranges =
        hub.requests().into_iter().filter(|request| request.to_cdn && request.header("range") == Some("bytes=700-"));
    assert_eq!(ranges.count(), 1, "the cut download goes on where it stopped");
}

#[test]
fn a_download_that_is_not_what_the_hub_promised_is_never_used() {
    let (scratch, hub) = (Scratch::new(), hub());
    let fetch = || Run(command(&scratch, &hub.url(), &["data", "fetch", "agnews", "--model", MODEL]).output().unwrap());
    hub.fail("GET", Fault::Corrupt);
    fetch().refused(&["the answer is not a hub's"]);
    // The listing has no range to ignore; the tables come next, and each is tried twice.
    hub.fail("GET", Fault::IgnoreRange);
    (0..2).for_each(|_| hub.fail("GET", Fault::Corrupt));
    fetch().refused(&["checksum", "downloaded twice and removed"]);
    train(&scratch, &hub, &["--local-files-only"]).refused(&["is in the cache", "aees data fetch agnews"]);
    fetch().ok();
    train(&scratch, &hub, &["--local-files-only"]).ok();
}

#[test]
fn a_damaged_file_in_the_cache_is_fetched_again_and_refused_offline() {
    let (scratch, hub) = (Scratch::new(), hub());
    train(&scratch, &hub, &[]).ok();
    let blobs = scratch.path("hf/hub/models--tests--tiny/blobs");
    let largest =
        fs::read_dir(blobs).unwrap().map(|entry| entry.unwrap()).max_by_key(|entry| entry.metadata().unwrap().len());
    let blob = largest.unwrap().path();
    let whole = fs::read(&blob).unwrap();
    fs::write(&blob, &whole[..whole.len() / 2]).unwrap();
    train(&scratch, &hub, &["--overwrite", "--local-files-only"]).refused(&[
        "model.safetensors",
        "not a whole safetensors file",
        "aees data fetch",
    ]);
    train(&scratch, &hub, &["--overwrite"]).ok();
    assert_eq!(fs::read(&blob).unwrap(), whole);
}

#[test]
fn a_hub_that_cannot_be_reached_is_said_with_the_ways_to_go_on() {
    let scratch = Scratch::new();
    // Nobody listens on the port of a server that was stopped.
    let gone = HubServer::start().url();
    let run = Run(command(&scratch, &gone, &SETTINGS).output().unwrap());
    run.refused(&[&gone, "3 tries", "--local-files-only", "--data PATH"]);
    let hub = HubServer::start();
    (0..3).for_each(|_| hub.fail("GET", Fault::Silence));
    let mut silent = command(&scratch, &hub.url(), &SETTINGS);
    silent.env("HF_HUB_ETAG_TIMEOUT", "1").env("HF_HUB_DOWNLOAD_TIMEOUT", "1");
    Run(silent.output().unwrap()).refused(&[&hub.url(), "--local-files-only"]);
    let bad = Run(command(&scratch, "not an address", &SETTINGS).output().unwrap());
    bad.refused(&["HF_ENDPOINT"]);
}

#[test]
fn a_token_is_sent_to_the_hub_and_written_nowhere() {
    let (scratch, hub) = (Scratch::new(), hub());
    hub.require_token(TOKEN);
    train(&scratch, &hub, &[]).refused(&["no token was sent", "HF_TOKEN"]);
    let run = train(&scratch, &hub, &["--hf-token", TOKEN]).ok();
    let on_cdn = hub.requests().into_iter().filter(|request| request.to_cdn);
    assert!(on_cdn.into_iter().all(|request| request.header("authorization").is_none()), "only the hub gets the token");
    assert!(!run.stderr().contains(TOKEN) && !run.stdout().contains(TOKEN));
    let mut folders = vec![scratch.path("")];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()) {
            if entry.is_dir() {
                folders.push(entry);
            } else {
                let bytes = fs::read(&entry).unwrap();
                let found = bytes.windows(TOKEN.len()).any(|window| window == TOKEN.as_bytes());
                assert!(!found, "the token is in {}", entry.display());
            }
        }
    }
}

#[test]
fn tokenizer_model_and_weights_must_fit_each_other() {
    let scratch = Scratch::new();
    let model = scratch.path("model");
    let tiny = fixture("models/tests/fixtures/text_distilbert");
    fs::create_dir(&model).unwrap();
    let copy = |name: &str| fs::copy(tiny.join(name), model.join(name)).unwrap();
    let _ = (copy("config.json"), copy("model.safetensors"));
    fs::write(model.join("vocab.txt"), vocabulary()).unwrap();
    let base = ["train", "agnews", "--data", "synthetic", "--limit-train", "60", "--limit-eval", "20", "--epochs", "1"];
    let run = |more: &[&str]| {
        let named = ["--model", "model", "--max-length", "16", "--run-dir", "run", "--init", "pretrained"];
        Run(command(&scratch, "http://127.0.0.1:9", &[&base, &named[..], more].concat()).output().unwrap())
    };
    run(&["--tokenizer", "model"]).ok();
    // A vocabulary that the embedding has no rows for.
    let large = fixture("tasks/tests/fixtures/tokens");
    run(&["--overwrite", "--tokenizer", large.to_str().unwrap()]).refused(&[
        "tokenizer and model do not fit",
        "the model of",
        "--tokenizer",
    ]);
    // Positions.
    let long = ["--model", "model", "--tokenizer", "model", "--init", "pretrained"];
    Run(command(&scratch, "http://127.0.0.1:9", &[&base, &long[..]].concat()).output().unwrap())
        .refused(&["--max-length 128", "16 positions"]);
    // Weights of another shape, and torn ones.
    let config = fs::read_to_string(model.join("config.json")).unwrap();
    fs::write(model.join("config.json"), config.replace("\"hidden_dim\": 128", "\"hidden_dim\": 256")).unwrap();
    run(&["--overwrite", "--tokenizer", "model"]).refused(&["model.safetensors", "ffn.lin1"]);
    fs::write(model.join("config.json"), config.replace("\"n_layers\": 2", "\"n_layers\": 3")).unwrap();
    run(&["--overwrite", "--tokenizer", "model"]).refused(&["model.safetensors", "transformer.layer.2", "layers"]);
    fs::write(model.join("config.json"), config.replace("distilbert", "longformer")).unwrap();
    run(&["--overwrite", "--tokenizer", "model"]).refused(&["config.json", "longformer", "distilbert"]);
    fs::write(model.join("config.json"), &config).unwrap();
    let weights = fs::read(model.join("model.safetensors")).unwrap();
    let mut header = weights.clone();
    header[3] = 0xff;
    for damaged in [&header[..], &weights[..weights.len() - 10], b"{}"] {
        fs::write(model.join("model.safetensors"), damaged).unwrap();
        run(&["--overwrite", "--tokenizer", "model"]).refused(&["model.safetensors"]);
    }
    let result = read_json(&scratch.path("run/result.json"));
    assert_eq!(result["outcome"]["status"], "ok", "none of it touched the run that was there");
}

#[test]
fn mistakes_in_text_files_are_told_with_file_and_line() {
    let scratch = Scratch::new();
    fs::create_dir(scratch.path("sst2")).unwrap();
    let good = "sentence\tlabel\na fine film\t1\na dull one\t0\n";
    let write = |train: &str| {
        fs::write(scratch.path("sst2/train.tsv"), train).unwrap();
        fs::write(scratch.path("sst2/dev.tsv"), good).unwrap();
        let settings =
            ["train", "sst2", "--data", "sst2", "--init", "random", "--model-layers", "1", "--model-dim", "16"];
        let tokenizer = fixture("tasks/tests/fixtures/tokens");
        let more = ["--tokenizer", tokenizer.to_str().unwrap(), "--epochs", "1", "--run-dir", "run"];
        Run(command(&scratch, "http://127.0.0.1:9", &[&settings[..], &more].concat()).output().unwrap())
    };
    write("sentence\tscore\na fine film\t1\n").refused(&["sst2/train.tsv", "label"]);
    write("sentence\tlabel\na fine film\t1\nodd\t7\n").refused(&["sst2/train.tsv", "line 3", "7"]);
    write("sentence\tlabel\na fine film\t1\n \t0\n").refused(&["sst2/train.tsv", "line 3"]);
    write("sentence\tlabel\na fine film\n").refused(&["sst2/train.tsv", "line 2"]);
    assert!(!scratch.path("run").exists());
    write(good).ok();
}
