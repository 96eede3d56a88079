//! Nothing of the user's is overwritten, leaked or lost: what lies where something is to be written, secrets, streams that
//! nobody reads, and signals.

use std::fs;
use std::os::unix::fs::symlink;
use std::process::{Command, Stdio};

use rustix::process::{Pid, Signal, kill_process};
use serde_json::Value;

use crate::program::{DUAL, Run, Scratch, TINY, wait_until};

/// Flags as the settings of a study.
fn settings_of(flags: &[&str]) -> String {
    let settings =
        flags.chunks(2).map(|pair| format!("{}: {}", pair[0].trim_start_matches("--").replace('-', "_"), pair[1]));
    settings.collect::<Vec<_>>().join(", ")
}

/// The tiny run with its result also in `--output`.
fn with_output(scratch: &Scratch, name: &str, output: &str, more: &[&str]) -> Run {
    scratch.train(name, &[&["--output", output], more].concat())
}

#[test]
fn the_result_never_replaces_what_is_no_result() {
    let scratch = Scratch::new();
    for (name, content) in [("train.bin", "my data"), ("study.yaml", "aees: 1\n"), ("other.json", "{\"a\": 1}\n")] {
        fs::write(scratch.path(name), content).unwrap();
        with_output(&scratch, "run", name, &[]).refused(&[name, "it is not a RunResult that aees wrote", "--force"]);
        assert_eq!(scratch.text(name), content);
        assert!(!scratch.path("run").exists(), "it is told before anything is trained");
    }
    with_output(&scratch, "run", "train.bin", &["--force"]).ok();
    assert_eq!(scratch.text("train.bin"), scratch.text("run/result.json"));
    // A result of before is replaced, but not the one that another run is complete with.
    with_output(&scratch, "second", "train.bin", &["--seed", "1"]).ok();
    assert_eq!(scratch.json("train.bin")["seed"], 1);
    with_output(&scratch, "third", "run/result.json", &["--seed", "2"]).refused(&["the result of another run"]);
    assert_eq!(scratch.json("run/result.json")["seed"], 0);
    fs::create_dir(scratch.path("folder")).unwrap();
    with_output(&scratch, "third", "folder", &["--seed", "2"]).refused(&["folder is a folder"]);
    // And a file where a folder is meant.
    fs::write(scratch.path("file"), "mine").unwrap();
    scratch.run(["report", "tables", "run", "--out", "file"]).refused(&["file", "name another"]);
    scratch.run(["export", "run", "--to", "file"]).refused(&["cannot make file", "it is a file: name a folder"]);
    scratch.train("file/run", &[]).refused(&["cannot make file/run", "a folder in this path is a file"]);
    assert_eq!(scratch.text("file"), "mine");
}

#[test]
fn outputs_go_through_links_and_into_devices_and_pipes() {
    let scratch = Scratch::new();
    fs::create_dir(scratch.path("elsewhere")).unwrap();
    symlink("elsewhere/copy.json", scratch.path("link.json")).unwrap();
    with_output(&scratch, "run", "link.json", &[]).ok();
    assert!(scratch.path("link.json").is_symlink());
    assert_eq!(scratch.text("elsewhere/copy.json"), scratch.text("run/result.json"));
    with_output(&scratch, "again", "link.json", &["--seed", "1"]).ok();
    assert!(scratch.path("link.json").is_symlink());
    assert_eq!(scratch.json("elsewhere/copy.json")["seed"], 1);

    with_output(&scratch, "null", "/dev/null", &["--seed", "2"]).ok();
    let full = with_output(&scratch, "full", "/dev/full", &["--seed", "3"]);
    full.refused(&["cannot write /dev/full"]);
    assert!(scratch.path("full/result.json").exists(), "the run is done all the same");
    let piped = with_output(&scratch, "pipe", "/dev/stdout", &["--seed", "4"]).ok();
    assert!(piped.stdout().starts_with(&scratch.text("pipe/result.json")));
    // The file keeps its other names.
    fs::hard_link(scratch.path("elsewhere/copy.json"), scratch.path("twin.json")).unwrap();
    with_output(&scratch, "hard", "twin.json", &["--seed", "5"]).ok();
    assert_eq!(scratch.json("elsewhere/copy.json")["seed"], 5);
}

#[test]
fn overwrite_and_export_keep_what_others_made() {
    let scratch = Scratch::new();
    fs::create_dir_all(scratch.path("mine/checkpoints")).unwrap();
    fs::write(scratch.path("mine/config.yaml"), "lr: 0.1\n").unwrap();
    scratch.train("mine", &["--overwrite"]).refused(&["config.yaml", "not this program's"]);
    assert_eq!(scratch.text("mine/config.yaml"), "lr: 0.1\n");
    scratch.train("mine", &["--overwrite", "--force"]).ok();
    scratch.train("mine", &["--overwrite", "--seed", "1"]).ok();

    fs::create_dir(scratch.path("model")).unwrap();
    fs::write(scratch.path("model/model.safetensors"), "a model of years").unwrap();
    let export = |more: &[&str]| scratch.run([&["export", "mine", "--to", "model"], more].concat());
    export(&[]).refused(&["model/model.safetensors", "--force"]);
    assert_eq!(scratch.text("model/model.safetensors"), "a model of years");
    export(&["--force"]).ok();
    // What aees exported, it replaces.
    export(&["--checkpoint", "last"]).ok();
}

#[test]
fn reports_keep_what_others_made() {
    let scratch = Scratch::new();
    scratch.train("runs/a", &DUAL).ok();
    fs::create_dir(scratch.path("out")).unwrap();
    let tensor = |more: &[&str]| scratch.run([&["report", "tensor", "runs", "--out", "out/train.csv"], more].concat());
    fs::write(scratch.path("out/train.csv"), "class,title\n1,years of work\n").unwrap();
    tensor(&[]).refused(&["out/train.csv", "--force"]);
    assert!(scratch.text("out/train.csv").contains("years"));
    tensor(&["--force"]).ok();
    tensor(&[]).ok();
    let best = |more: &[&str]| {
        let words = ["report", "best", "runs", "--confirm", "2", "--out", "out/study.yaml"];
        scratch.run([&words, more].concat())
    };
    fs::write(scratch.path("out/study.yaml"), "aees: 1\nname: mine\n").unwrap();
    best(&[]).refused(&["out/study.yaml", "--force"]);
    best(&["--force"]).ok();
    best(&[]).ok();
}

#[test]
fn figures_tables_and_pages_of_others_stay() {
    let scratch = Scratch::new();
    scratch.train("runs/a", &DUAL).ok();
    let figures = ["report", "figures", "runs", "--figure", "curves", "--format", "svg,pdf,png", "--out", "figures"];
    let tables = ["report", "tables", "runs", "--out", "tables"];
    let page = ["report", "html", "runs", "--out", "page/page.html"];
    for (folder, words) in [("figures", &figures[..]), ("tables", &tables[..]), ("page", &page[..])] {
        scratch.run(words).ok();
        scratch.run(words).ok();
        let files: Vec<_> = fs::read_dir(scratch.path(folder)).unwrap().map(|entry| entry.unwrap().path()).collect();
        for path in &files {
            let all = || files.iter().map(|file| fs::read(file).unwrap()).collect::<Vec<_>>();
            // A photograph, a chapter: it begins as such files do.
            let foreign = [&fs::read(path).unwrap()[..6], b"\nof another program\n"].concat();
            fs::write(path, foreign).unwrap();
            let before = all();
            let name = path.file_name().unwrap().to_str().unwrap();
            scratch.run(words).refused(&[name, "--force", "nothing was written"]);
            assert!(before == all(), "{name}");
            scratch.run([words, &["--force"]].concat()).ok();
        }
    }
}

#[test]
fn a_secret_is_refused_in_studies_and_written_nowhere() {
    let scratch = Scratch::new();
    fs::write(scratch.path("study.yaml"), "aees: 1\nname: s\ntask: cifar100\nseeds: [0]\nbase: {data: synthetic}\n")
        .unwrap();
    for verb in ["plan", "run"] {
        let run = scratch.run(["sweep", verb, "study.yaml", "-o", "hf_token=hf_verysecret"]);
        run.refused(&["`hf_token` cannot be set in a study", "HF_TOKEN"]);
    }
    scratch.train("run", &["--hf-token", "hf_verysecret", "--progress", "json", "--output", "copy.json"]).ok();
    let program = "aees: 1\nname: p\ntask: command\ncommand: {argv: [echo, --hf-token, hf_verysecret]}\n";
    fs::write(scratch.path("study.yaml"), program).unwrap();
    scratch.run(["sweep", "plan", "study.yaml"]).refused(&["a secret stands here", "env: [HF_TOKEN]"]);
    // From the environment it reaches the workers of a study, and no file of theirs.
    let study = format!("aees: 1\nname: s\ntask: cifar100\nset: {{{}}}\n", settings_of(&TINY));
    fs::write(scratch.path("study.yaml"), study).unwrap();
    let mut sweep = scratch.command(["sweep", "run", "study.yaml"]);
    assert!(sweep.env("HF_TOKEN", "hf_verysecret").stderr(Stdio::null()).status().unwrap().success());
    scratch.run(["runs", "note", "s:0", "seen with hf_verysecretverysecret"]).ok();
    scratch.run(["report", "html", "s", "--out", "page.html"]).ok();
    scratch.run(["report", "html", "run", "--out", "page-of-one.html"]).ok();
    fs::write(scratch.path("bad.yaml"), "task: cifar100\nhf_token: [hf_verysecret]\n").unwrap();
    let refused = scratch.run(["train", "--config", "bad.yaml"]);
    assert!(!refused.stderr().contains("verysecret"), "{}", refused.stderr());
    fs::remove_file(scratch.path("bad.yaml")).unwrap();
    let found = Command::new("grep").args(["-r", "verysecret", "."]).current_dir(scratch.path("")).output().unwrap();
    assert_eq!(String::from_utf8_lossy(&found.stdout), "");
}

#[test]
fn a_reader_that_goes_away_does_not_end_training() {
    let scratch = Scratch::new();
    for style in ["json", "plain"] {
        let arguments = ["train", "cifar100", "--run-dir", style, "--progress", style];
        let mut child = scratch
            .command(arguments.into_iter().chain(TINY))
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        drop((child.stdout.take(), child.stderr.take()));
        let status = child.wait().unwrap();
        assert!(scratch.path(style).join("result.json").exists(), "{style}: {status}");
        // Somebody who reads a part of it must not take it for the whole.
        assert_eq!(status.code(), Some(1), "{style}");
    }
}

#[test]
fn a_full_log_disk_does_not_end_training_and_output_that_is_not_written_is_exit_code_1() {
    let scratch = Scratch::new();
    let full = || Stdio::from(fs::OpenOptions::new().write(true).open("/dev/full").unwrap());
    let arguments = ["train", "cifar100", "--run-dir", "run"];
    let status = scratch.command(arguments.into_iter().chain(TINY)).stderr(full()).status().unwrap();
    assert_eq!(status.code(), Some(0));
    let study =
        format!("aees: 1\nname: s\ntask: cifar100\nset: {{{}}}\nsweep: {{lr: [0.1, 0.2]}}\n", settings_of(&TINY));
    fs::write(scratch.path("s.yaml"), study).unwrap();
    scratch.run(["sweep", "run", "s.yaml"]).ok();
    for arguments in [
        &["train", "--resume", "run", "--json"][..],
        &["train", "--resume", "run", "--progress", "json"],
        &["report", "overhead", "run"],
        &["report", "tables", "run", "--group-by", "method"],
        &["report", "best", "run", "--json"],
        &["replay", "run", "--json"],
        &["devices"],
        &["--help"],
        &["sweep", "plan", "s.yaml", "--json"],
        &["sweep", "plan", "s.yaml"],
        &["sweep", "status", "--json"],
        &["sweep", "schema"],
        &["runs", "ls"],
        &["runs", "ls", "--csv"],
        &["runs", "show", "s:0", "--json"],
        &["runs", "diff", "s:0", "s:1"],
        &["registry", "check", "--json"],
    ] {
        let output = scratch.command(arguments).stdout(full()).stderr(Stdio::piped()).spawn().unwrap();
        let output = output.wait_with_output().unwrap();
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        assert_eq!(output.status.code(), Some(1), "{arguments:?}: {said}");
        assert!(
            said.contains("cannot write to standard output") && !said.contains("panicked"),
            "{arguments:?}: {said}"
        );
    }
}

#[test]
fn a_log_that_cannot_be_written_is_told_and_does_not_end_training() {
    let scratch = Scratch::new();
    fs::create_dir_all(scratch.path("run")).unwrap();
    // The log of a run that was begun goes to a full disk.
    symlink("/dev/full", scratch.path("full.txt")).unwrap();
    scratch.train("run", &["--checkpoint-every", "5"]).ok();
    fs::remove_file(scratch.path("run/result.json")).unwrap();
    fs::remove_file(scratch.path("run/log.txt")).unwrap();
    symlink("/dev/full", scratch.path("run/log.txt")).unwrap();
    let run = scratch.run(["train", "--resume", "run"]).ok();
    assert!(run.stderr().contains("cannot write run/log.txt"), "{}", run.stderr());
    assert!(scratch.path("run/result.json").exists());
}

#[test]
fn every_signal_that_asks_for_an_end_leaves_a_checkpoint() {
    let scratch = Scratch::new();
    let signals = [("usr1", Signal::USR1), ("hup", Signal::HUP), ("term", Signal::TERM), ("int", Signal::INT)];
    for (name, signal) in signals.into_iter().filter(|(_, signal)| *signal != Signal::HUP || !hang_ups_are_ignored()) {
        let arguments = ["train", "cifar100", "--run-dir", name, "--checkpoint-every", "1"];
        let long = ["--epochs", "100000"];
        let mut child =
            scratch.command(arguments.into_iter().chain(TINY).chain(long)).stderr(Stdio::null()).spawn().unwrap();
        let checkpoints = scratch.path(name).join("checkpoints");
        wait_until("a checkpoint is there", || {
            fs::read_dir(&checkpoints).is_ok_and(|files| files.count() > 1) || child.try_wait().unwrap().is_some()
        });
        kill_process(Pid::from_child(&child), signal).unwrap();
        assert_eq!(child.wait().unwrap().code(), Some(130), "{name}");
        let last: Vec<_> = fs::read_dir(&checkpoints).unwrap().collect();
        assert!(!last.is_empty(), "{name}");
    }
}

/// Whether these tests run under `nohup`, whose programs shall live through a hang-up.
fn hang_ups_are_ignored() -> bool {
    let status = fs::read_to_string("/proc/self/status").unwrap();
    let mask = status.lines().find_map(|line| line.strip_prefix("SigIgn:")).unwrap();
    u64::from_str_radix(mask.trim(), 16).unwrap() & 1 == 1
}

#[test]
fn a_hang_up_that_nohup_ignores_is_ignored() {
    let scratch = Scratch::new();
    let program = env!("CARGO_BIN_EXE_aees");
    let script = format!("trap '' HUP; exec {program} train cifar100 --run-dir run {}", TINY.join(" "));
    let mut shell = Command::new("sh");
    shell.arg("-c").arg(script).current_dir(scratch.path("")).env("RAYON_NUM_THREADS", "1").stderr(Stdio::null());
    let mut child = shell.stdout(Stdio::null()).spawn().unwrap();
    wait_until("the run has begun", || scratch.path("run/config.yaml").exists() || child.try_wait().unwrap().is_some());
    let _ = kill_process(Pid::from_child(&child), Signal::HUP);
    assert_eq!(child.wait().unwrap().code(), Some(0));
    let result: Value = scratch.json("run/result.json");
    assert_eq!(result["outcome"]["status"], "ok");
}
