//! `aees doctor` as a user runs it: what it finds, what it advises, and what it never shows.

use std::fs;
use std::process::Command;

use crate::program::{Run, Scratch};
use serde_json::Value;

const TOKEN: &str = "hf_abcdefghijklmnopqrstuvwxyz0123";

/// The program in a scratch folder with a home of its own, and nothing in its environment that a test did not put there.
fn doctor(scratch: &Scratch, arguments: &[&str]) -> Command {
    let mut command = scratch.command(["doctor"].iter().chain(arguments));
    for name in [
        "HF_TOKEN",
        "HUGGING_FACE_HUB_TOKEN",
        "HF_TOKEN_PATH",
        "HF_HUB_OFFLINE",
        "TRANSFORMERS_OFFLINE",
        "HF_ENDPOINT",
        "HF_HUB_CACHE",
        "HUGGINGFACE_HUB_CACHE",
        "HTTPS_PROXY",
        "https_proxy",
        "ALL_PROXY",
        "all_proxy",
        "LIBTORCH",
        "SSL_CERT_FILE",
        "REQUESTS_CA_BUNDLE",
        "RAYON_NUM_THREADS",
    ] {
        command.env_remove(name);
    }
    command.env("HF_HOME", scratch.path("hf"));
    command
}

fn said(command: &mut Command) -> Run {
    Run(command.output().unwrap())
}

/// The last diagnosis of a subject.
fn diagnosis<'a>(document: &'a Value, subject: &str) -> &'a Value {
    let all = document["diagnoses"].as_array().unwrap();
    all.iter().rfind(|one| one["subject"] == subject).unwrap_or_else(|| panic!("no {subject} in {document:#}"))
}

fn document(command: &mut Command) -> Value {
    let run = said(command);
    serde_json::from_str(&run.stdout()).unwrap_or_else(|error| panic!("{error}: {}{}", run.stdout(), run.stderr()))
}

#[test]
fn doctor_looks_at_everything_and_each_line_that_is_not_fine_says_what_to_do() {
    let scratch = Scratch::new();
    let found = document(&mut doctor(&scratch, &["--json"]));
    assert_eq!(found["ok"], true, "{found:#}");
    for section in ["program", "processor", "devices", "libraries", "caches", "hub", "disk"] {
        let all = found["diagnoses"].as_array().unwrap();
        assert!(all.iter().any(|one| one["section"] == section), "nothing of {section}");
    }
    for one in found["diagnoses"].as_array().unwrap() {
        assert!(["ok", "note", "wrong"].contains(&one["health"].as_str().unwrap()), "{one}");
        assert_eq!(one["health"] == "ok", one["help"].is_null(), "{one}");
    }
    let facts = |subject: &str| diagnosis(&found, subject)["facts"].clone();
    assert_eq!(facts("aees")["version"], env!("CARGO_PKG_VERSION"));
    let cpu = |one: &&Value| one["subject"] == "cpu" && one["facts"]["engine"] == "burn";
    assert_eq!(found["diagnoses"].as_array().unwrap().iter().filter(cpu).count(), 1, "{found:#}");
    assert_eq!(facts("cpu")["precisions"][0], "f32");
    assert!(facts("threads")["used"].as_u64() >= Some(1));
    assert!(facts("memory")["total_bytes"].as_u64() > Some(1 << 28));
    assert_eq!(facts("token")["token"], false);
    assert!(facts("results")["free_bytes"].as_u64() > Some(0));
    let caches = found["diagnoses"].as_array().unwrap().iter().filter(|one| one["section"] == "caches");
    assert!(caches.clone().count() >= 3 && caches.into_iter().all(|one| one["facts"]["bytes"] == 0), "{found:#}");
    assert!(fs::read_dir(scratch.path("")).unwrap().next().is_none(), "it writes nothing");
}

#[test]
fn doctor_speaks_to_people_line_by_line() {
    let scratch = Scratch::new();
    let text = said(&mut doctor(&scratch, &[])).ok().stdout();
    for word in ["program\n", "engine burn", "feature cuda", "processor\n", "hub cache", "token", "free"] {
        assert!(text.contains(word), "{word:?} is not in:\n{text}");
    }
}

#[test]
fn doctor_never_shows_the_token_wherever_it_comes_from() {
    let scratch = Scratch::new();
    fs::create_dir(scratch.path("hf")).unwrap();
    fs::write(scratch.path("hf/token"), TOKEN).unwrap();
    fs::write(scratch.path("elsewhere"), TOKEN).unwrap();
    let elsewhere = scratch.path("elsewhere").display().to_string();
    let broken = format!("{TOKEN} and more");
    let places: [(&str, &str, bool); 5] = [
        ("HF_TOKEN", TOKEN, true),
        ("HUGGING_FACE_HUB_TOKEN", TOKEN, true),
        ("HF_TOKEN_PATH", &elsewhere, true),
        // The file in HF_HOME.
        ("LC_ALL", "C", true),
        ("HF_TOKEN", &broken, false),
    ];
    for (name, value, works) in places {
        for more in [&[][..], &["--json"]] {
            let run = said(doctor(&scratch, more).env(name, value));
            assert_eq!(run.code(), Some(if works { 0 } else { 1 }), "{name}: {}", run.stdout());
            let all = run.stdout() + &run.stderr();
            assert!(!all.contains("abcdefghij"), "{name}: {all}");
            assert!(works == all.contains("there is one") || more == ["--json"], "{name}: {all}");
        }
    }
}

#[test]
fn doctor_shows_no_password_of_an_address() {
    let scratch = Scratch::new();
    for (name, value) in [
        ("HF_ENDPOINT", "https://me:secret-word@hub.example/x"),
        ("HF_ENDPOINT", "me:secret-word@hub.example"),
        ("HF_ENDPOINT", "ht!tp://me:secret-word@hub.example"),
        ("HTTPS_PROXY", "http://me:secret-word@proxy.example:3128"),
    ] {
        let run = said(doctor(&scratch, &[]).env(name, value));
        let all = run.stdout() + &run.stderr();
        assert!(!all.contains("secret-word"), "{name}={value}: {all}");
        assert!(all.contains("example"), "{name}={value}: {all}");
    }
}

#[test]
fn doctor_says_what_has_to_be_put_right_and_ends_with_exit_code_1() {
    let scratch = Scratch::new();
    fs::write(scratch.path("results"), "a file where a folder should be").unwrap();
    let run = said(&mut doctor(&scratch, &[]));
    assert_eq!(run.code(), Some(1));
    assert!(run.stdout().contains("results is no folder"), "{}", run.stdout());
    let found = document(doctor(&scratch, &["--json"]).env("HF_ENDPOINT", "no address"));
    assert_eq!((&found["ok"], &diagnosis(&found, "endpoint")["health"]), (&false.into(), &"wrong".into()));
    assert!(diagnosis(&found, "endpoint")["help"].is_string());
}

#[test]
fn doctor_sees_the_environment_that_runs_see() {
    let scratch = Scratch::new();
    fs::create_dir_all(scratch.path("cache/models--a--b")).unwrap();
    fs::write(scratch.path("cache/models--a--b/blob"), vec![0; 4_096]).unwrap();
    let mut command = doctor(&scratch, &["--json", "--cache-dir", "cache"]);
    let found =
        document(command.envs([("HF_HUB_OFFLINE", "1"), ("RAYON_NUM_THREADS", "lots"), ("LIBTORCH", "/nowhere")]));
    let cache = found["diagnoses"].as_array().unwrap().iter().find(|one| one["subject"] == "hub cache").unwrap();
    assert_eq!(cache["facts"]["bytes"], 4_096);
    assert_eq!(diagnosis(&found, "endpoint")["facts"]["offline"], true);
    assert!(diagnosis(&found, "threads")["help"].as_str().unwrap().contains("lots"));
    let libtorch = diagnosis(&found, "libtorch");
    assert!(libtorch["text"].as_str().unwrap().contains("/nowhere") || libtorch["facts"]["compiled"] == true);
    assert_eq!(found["ok"], true, "{found:#}");
}

#[test]
fn doctor_tells_a_libtorch_of_another_version_from_the_one_that_is_wanted() {
    let scratch = Scratch::new();
    fs::create_dir(scratch.path("old")).unwrap();
    fs::write(scratch.path("old/build-version"), "2.9.0+cpu\n").unwrap();
    let found = document(doctor(&scratch, &["--json"]).env("LIBTORCH", scratch.path("old")));
    let libtorch = diagnosis(&found, "libtorch");
    assert_eq!(libtorch["facts"]["version"], "2.9.0+cpu");
    let compiled = libtorch["facts"]["compiled"] == true;
    assert!(compiled || libtorch["help"].as_str().unwrap().contains("pip install torch==2.13.0"), "{libtorch}");
    assert_eq!(found["ok"], true, "{found:#}");
}
