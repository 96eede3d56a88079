//! What a terminal user reaches for: the settings shown, a run rehearsed, completions, manual pages, version, colours, silence.

use std::fs;
use std::io::Write as _;
use std::process::{Command, Stdio};

use crate::options::write_images;
use crate::program::{Run, Scratch, TINY};

/// The tiny run, on the command line.
fn tiny<'a>(more: &[&'a str]) -> Vec<&'a str> {
    [&["train", "cifar100"][..], &TINY, more].concat()
}

#[test]
fn what_config_show_prints_is_a_file_that_sets_the_same() {
    let scratch = Scratch::new();
    fs::write(scratch.path("base.yaml"), "task: sst2\nlr: 0.1\nepochs: 4\n").unwrap();
    let typed = ["config", "show", "--config", "base.yaml", "--epochs", "5", "--set", "run_tag=\"a # b\""];
    let shown = scratch.run(typed).ok().stdout();
    for line in ["task: sst2", "lr: 0.1", "epochs: 5", "# model_layers:"] {
        assert!(shown.lines().any(|shown| shown.starts_with(line)), "{line}\n{shown}");
    }
    let origin =
        |key: &str| shown.lines().find(|line| line.starts_with(key)).unwrap().rsplit("# ").next().unwrap().to_owned();
    assert!(origin("lr:").ends_with("base.yaml:2"), "{shown}");
    assert_eq!(["epochs:", "run_tag:", "seed:"].map(origin), ["--epochs", "--set", "default"]);
    fs::write(scratch.path("shown.yaml"), &shown).unwrap();
    let values = |words: &[&str]| {
        let text = scratch.run([words, &["--json"]].concat()).ok().stdout();
        let document: serde_json::Value = serde_json::from_str(&text).unwrap();
        let settings = document["settings"].as_object().unwrap().clone();
        settings.into_iter().map(|(key, setting)| (key, setting["value"].clone())).collect::<Vec<_>>()
    };
    assert_eq!(values(&typed), values(&["config", "show", "--config", "shown.yaml"]));
}

#[test]
fn config_show_tells_a_runs_settings_and_no_secret() {
    let scratch = Scratch::new();
    scratch.run(tiny(&["--run-dir", "run", "--seed", "7"])).ok();
    let shown = scratch.run(["config", "show", "--run", "run"]).ok().stdout();
    let seed = shown.lines().find(|line| line.starts_with("seed: 7 ")).unwrap();
    assert!(seed.ends_with("# run/config.yaml"), "{seed}");
    let secret = scratch.run(["config", "show", "sst2", "--hf-token", "hf_abcdef", "--json"]).ok().stdout();
    assert!(!secret.contains("hf_abcdef") && !secret.contains("hf_token"), "{secret}");
    scratch.run(["config", "show", "--run", "nowhere"]).refused(&["nowhere"]);
    scratch.run(["config", "show"]).refused(&["no task"]);
    scratch.run(["config", "show", "sst2", "--epochs", "0"]).refused(&["--epochs must be"]);
}

#[test]
fn a_dry_run_tells_what_a_run_would_be_and_leaves_nothing() {
    let scratch = Scratch::new();
    let told = scratch.run(tiny(&["--dry-run", "--json"])).ok().stdout();
    let told: serde_json::Value = serde_json::from_str(&told).unwrap();
    assert!(told["step_s"].as_f64().unwrap() > 0.0 && told["estimated_s"].as_f64() > told["step_s"].as_f64());
    assert_eq!(told["folder"], "new");
    let directory = scratch.path(told["run_dir"].as_str().unwrap());
    assert!(!scratch.path("results").exists(), "nothing was written");
    // The run itself is that run.
    let result = scratch.run(tiny(&["--json"])).ok().stdout();
    let result: serde_json::Value = serde_json::from_str(&result).unwrap();
    assert_eq!(result["result"]["total_steps"], told["steps"]);
    assert!(directory.join("result.json").is_file());
    let again = scratch.run(tiny(&["--dry-run"])).ok().stdout();
    assert!(again.contains("this very run is there"), "{again}");
    // A budget ends it as it ends the run.
    let budget = format!("{}", 0.4e-12 * result["result"]["estimated_flops"].as_f64().unwrap());
    let capped = |more: &[&str]| {
        let arguments = [&["--max-tflops", &budget, "--run-dir", "capped", "--json"], more].concat();
        serde_json::from_str::<serde_json::Value>(&scratch.run(tiny(&arguments)).ok().stdout()).unwrap()
    };
    let (rehearsed, made) = (capped(&["--dry-run"]), capped(&[]));
    let (rehearsed, made) = (rehearsed["steps"].as_u64().unwrap(), made["result"]["total_steps"].as_u64().unwrap());
    assert!(made < told["steps"].as_u64().unwrap() && rehearsed.abs_diff(made) <= 2, "{rehearsed} and {made}");
    // What would stop a run stops its rehearsal.
    scratch.run(tiny(&["--dry-run", "--batch-size", "0"])).refused(&["--batch-size must be"]);
    scratch.run(["train", "cifar100", "--data", "nowhere", "--dry-run"]).refused(&["nowhere"]);
    fs::write(scratch.path("notes.txt"), "mine").unwrap();
    scratch.run(tiny(&["--dry-run", "--output", "notes.txt"])).refused(&["notes.txt"]);
}

#[test]
fn completions_know_every_verb_and_bash_takes_them() {
    let scratch = Scratch::new();
    for shell in ["bash", "zsh", "fish", "powershell", "elvish"] {
        let script = scratch.run(["completions", shell]).ok().stdout();
        for word in ["pretokenize", "sweep", "lr-candidates", "adaptive"] {
            assert!(script.contains(word), "{shell} does not know {word}");
        }
    }
    scratch.run(["completions", "tcsh"]).refused(&["tcsh", "bash"]);
    let script = scratch.run(["completions", "bash"]).ok().stdout();
    let Ok(mut bash) = Command::new("bash").arg("-n").stdin(Stdio::piped()).spawn() else { return };
    bash.stdin.take().unwrap().write_all(script.as_bytes()).unwrap();
    assert!(bash.wait().unwrap().success());
}

#[test]
fn manual_pages_are_printed_or_written_for_every_verb() {
    let scratch = Scratch::new();
    let page = scratch.run(["man"]).ok().stdout();
    assert!(page.contains(".TH aees 1") && page.contains("pretokenize"), "{page}");
    scratch.run(["man", "pages/man1"]).ok();
    let train = scratch.text("pages/man1/aees-train.1");
    assert!(train.contains("lr\\-candidates") && train.contains("Examples"), "{train}");
    assert!(scratch.path("pages/man1/aees-sweep-run.1").is_file());
    assert!(!scratch.path("pages/man1/aees-worker.1").exists(), "not for people");
    fs::write(scratch.path("file"), "").unwrap();
    scratch.run(["man", "file"]).refused(&["cannot write into file"]);
}

#[test]
fn version_is_one_word_or_what_a_report_of_a_defect_needs() {
    let scratch = Scratch::new();
    assert_eq!(scratch.run(["-V"]).ok().stdout(), format!("aees {}\n", env!("CARGO_PKG_VERSION")));
    let long = scratch.run(["--version"]).ok().stdout();
    for line in ["commit: ", "build: ", "features: ", "engines: burn"] {
        assert!(long.lines().any(|shown| shown.starts_with(line)), "{line}\n{long}");
    }
}

#[test]
fn colours_are_as_they_are_asked_for() {
    let scratch = Scratch::new();
    let coloured = |words: &[&str]| scratch.run(words.iter().copied()).stderr().contains('\x1b');
    for mistake in [&["train", "cifar100", "--nothing"][..], &["train", "cifar100", "--data", "nowhere"]] {
        assert!(!coloured(mistake), "a pipe");
        assert!(coloured(&[&["--color", "always"], mistake].concat()));
        assert!(coloured(&[mistake, &["--color=always"]].concat()));
        assert!(!coloured(&[mistake, &["--color", "always", "--color", "never"]].concat()), "the last one counts");
    }
    scratch.run(["devices", "--color", "sometimes"]).refused(&["sometimes", "always"]);
}

#[test]
fn quiet_says_nothing_and_verbose_says_what_was_set() {
    let scratch = Scratch::new();
    let quiet = scratch.run(tiny(&["-q", "--run-dir", "quiet"])).ok();
    assert_eq!(quiet.stderr(), "");
    let verbose = scratch.run(tiny(&["-v", "--run-dir", "verbose", "--set", "seed=3"])).ok().stderr();
    assert!(verbose.contains("seed: 3  # --set") && !verbose.contains("# default"), "{verbose}");
}

/// The command after these words on stderr, without the program's name.
fn told(run: Run, words: &str) -> Vec<String> {
    let said = run.ok().stderr();
    let command = said.lines().find_map(|line| line.strip_prefix(words)?.strip_prefix("aees "));
    command.unwrap_or_else(|| panic!("{words:?} is not in:\n{said}")).split_whitespace().map(str::to_owned).collect()
}

#[test]
fn what_comes_next_is_told_and_can_be_typed() {
    let scratch = Scratch::new();
    scratch.run(told(scratch.run(tiny(&["--run-dir", "run"])), "see it with: ")).ok();
    assert!(scratch.path("report.html").is_file());
    let study = "aees: 1\nname: next\ntask: cifar100\nset: {data: synthetic, model_width: 2, limit_train: 100, limit_eval: 100, \
                 batch_size: 50, epochs: 1}\n";
    fs::write(scratch.path("study.yaml"), study).unwrap();
    let planned = told(scratch.run(["sweep", "plan", "study.yaml"]), "run them with: ");
    scratch.run(told(scratch.run(planned), "see what came of them with: ")).ok();
    assert!(scratch.path("next.html").is_file());
}

#[test]
fn a_run_says_where_its_data_was_found() {
    let scratch = Scratch::new();
    write_images(&scratch, "data/cifar100", 3);
    let settings = ["--model-width", "2", "--limit-train", "100", "--limit-eval", "100", "--epochs", "1"];
    let said = |more: &[&str]| scratch.run([&["train", "cifar100"], &settings[..], more].concat()).ok().stderr();
    let found = said(&["--run-dir", "found"]);
    assert!(found.contains("trains on 100 images from data/cifar100, 100 evaluated"), "{found}");
    let named = said(&["--run-dir", "named", "--data", "data/cifar100/train.bin"]);
    assert!(named.contains("/data/cifar100, 100 evaluated"), "{named}");
    assert!(said(&["--run-dir", "made", "--data", "synthetic"]).contains(" from synthetic, "));
}
