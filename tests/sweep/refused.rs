//! What is refused before anything runs, and what is shown of a study.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::os::unix::process::CommandExt;
use std::process::Command;
use std::time::{Duration, Instant};

use aees_run::result::METRICS;
use aees_studies::disk::completion_of;

use super::{runs, shell_study, sweep};
use crate::program::{Run, Scratch, read_json};

const SCRIPT: &str = "echo '{{\"score\": {x}}}'";

#[test]
fn nothing_runs_when_the_command_line_cannot_be_meant() {
    let scratch = Scratch::new();
    let study = shell_study(&scratch, "refused", SCRIPT, "sweep: {x: [1, 2]}\nexclude: [{x: 9}]");
    let study = study.to_str().unwrap();
    for (flags, words) in [
        (&["--devices", "cdua:0"][..], &["--devices", "cdua:0"][..]),
        (&["--devices", "auto,cuda:0"], &["--devices", "auto stands for all"]),
        (&["--devices", "cuda:0,cuda"], &["--devices", "cuda:0", "named twice", "--per-device"]),
        (&["--devices", ""], &["--devices"]),
        (&["--per-device", "0"], &["--per-device", "1..=1024"]),
        (&["--per-device", "many"], &["--per-device"]),
        (&["--only", "x=7"], &["no run of the study is selected", "aees sweep plan"]),
        (&["--limit", "0"], &["no run of the study is selected"]),
        (&["--limit-runs", "0"], &["no run of the study is selected"]),
        (&["--except", "x=1,2"], &["no run of the study is selected"]),
        (&["--max-hours", "-1"], &["--max-hours"]),
        (&["--max-hours", "NaN"], &["--max-hours"]),
        (&["--max-hours", "1e300"], &["--max-hours"]),
    ] {
        sweep(&scratch, &[&["run", study], flags].concat()).refused(words);
    }
    let images =
        "aees: 1\ntask: cifar100\nset: {data: synthetic, model_width: 2, limit_train: 40, limit_eval: 20, epochs: 1}\n";
    fs::write(scratch.path("images.yaml"), images).unwrap();
    sweep(&scratch, &["run", "images.yaml", "--devices", "cuda:77"]).refused(&["--devices", "aees devices"]);
    // What the study asks for is looked at as well, and what is typed goes before it.
    for (resources, words) in [
        ("{devices: cuda:77}", &["resources.devices", "cuda:77", "aees devices"][..]),
        ("{devices: [cdua:0]}", &["resources.devices", "cdua:0"]),
        ("{devices: [cpu, cpu]}", &["resources.devices", "named twice"]),
    ] {
        fs::write(scratch.path("images.yaml"), format!("{images}resources: {resources}\n")).unwrap();
        sweep(&scratch, &["run", "images.yaml"]).refused(words);
    }
    sweep(&scratch, &["run", "images.yaml", "--devices", "cuda:76"]).refused(&["--devices", "cuda:76"]);
    assert!(!scratch.path("results/runs").exists());
}

#[test]
fn nothing_runs_when_a_study_contradicts_itself() {
    let scratch = Scratch::new();
    let head = "aees: 1\ntask: cifar100\n";
    for (body, words) in [
        ("set: {lr: 0.5}\nsweep: {lr: [0.1, 0.2]}\n", &["wrong.yaml:3", "`lr` is varied at", "leave one"][..]),
        ("set: {lr: 0.5}\nzip: [{lr: [0.1, 0.2], epochs: [1, 2]}]\n", &["wrong.yaml:3", "`lr`"]),
        ("sweep: {lr: [0.1]}\ncases:\n  - {name: a, set: {lr: 0.5}}\n", &["wrong.yaml:5", "`lr`", "wrong.yaml:3"]),
        ("sweep: {lr: [0.1]}\ncases:\n  - {name: a, sweep: {lr: [0.5]}}\n", &["wrong.yaml:5", "`lr`"]),
        ("budget: {max_hours: 1e300}\n", &["wrong.yaml:3", "max_hours"]),
        ("budget: {max_hours: -1}\n", &["wrong.yaml:3", "max_hours"]),
        ("budget: {max_runs: 0}\n", &["wrong.yaml:3", "max_runs"]),
        ("budget: {per_run_timeout: 1e18d}\n", &["wrong.yaml:3", "per_run_timeout"]),
        ("resources: {jobs: 0}\n", &["wrong.yaml:3", "`jobs` in resources", "from 1 to 1024"]),
        ("resources: {per_device: 0}\n", &["wrong.yaml:3", "`per_device` in resources"]),
        ("resources: {per_device: 2000}\n", &["wrong.yaml:3", "`per_device` in resources"]),
        ("resources: {devices: []}\n", &["wrong.yaml:3", "`devices` in resources"]),
        ("resources: {devices: {a: b}}\n", &["wrong.yaml:3", "`devices` in resources"]),
        ("resources: {device: cpu}\n", &["wrong.yaml:3", "unknown key `device` in resources", "devices"]),
        ("resources: cuda:0\n", &["wrong.yaml:3", "`resources`", "a map"]),
        ("metric: {name: val_acuracy}\n", &["wrong.yaml:3", "val_acuracy", "val_accuracy"]),
    ] {
        fs::write(scratch.path("wrong.yaml"), format!("{head}{body}")).unwrap();
        for verb in ["plan", "run"] {
            sweep(&scratch, &[verb, "wrong.yaml"]).refused(words);
        }
    }
    assert!(!scratch.path("results").exists());
}

/// The list of metrics has every number that a result has.
#[test]
fn every_number_of_a_result_can_be_a_metric() {
    let scratch = Scratch::new();
    let text = "aees: 1\ntask: cifar100\nset: {data: synthetic, model_width: 2, limit_train: 60, limit_eval: 20, \
                batch_size: 20, epochs: 1, val_split: 0.2, control_mode: adaptive, lr_candidates: [0.5, 1]}\n";
    fs::write(scratch.path("small.yaml"), text).unwrap();
    sweep(&scratch, &["run", "small.yaml"]).ok();
    let id = runs(&scratch)[0]["run_id"].as_str().unwrap().to_owned();
    let folder = scratch.path("results/runs").join(&id[..2]).join(&id[..16]);
    let known = |name: &str| METRICS.contains(&name);
    for metric in completion_of(&folder).unwrap().unwrap().metrics {
        assert!(known(&metric.name), "{}", metric.name);
    }
    let result = read_json(&folder.join("result.json"));
    for (name, value) in result["runtime_metrics"].as_object().unwrap() {
        assert!(!value.is_number() || known(name), "{name}");
    }
}

#[test]
fn a_million_seeds_times_a_hundred_are_counted_before_they_are_expanded() {
    let scratch = Scratch::new();
    let begin = Instant::now();
    for (values, runs) in [(100, "100000000 runs"), (1_000_000, "1000000000000 runs")] {
        let more = format!("sweep: {{x: {{range: {{from: 1, to: {values}, step: 1}}}}}}\nseeds: 1000000");
        let study = shell_study(&scratch, "many", SCRIPT, &more);
        sweep(&scratch, &["run", study.to_str().unwrap(), "--yes"]).refused(&[runs, "no more than"]);
    }
    assert!(begin.elapsed() < Duration::from_secs(60));
}

#[test]
fn job_lines_are_refused_while_the_folders_of_runs_are_not_known() {
    let scratch = Scratch::new();
    fs::write(scratch.path("images.yaml"), "aees: 1\ntask: cifar100\nset: {epochs: 1}\n").unwrap();
    let plan = |format: &str| {
        let mut command = scratch.command(["sweep", "plan", "images.yaml", "--format", format]);
        command.env("HF_HOME", scratch.path("hf")).env("HF_HUB_OFFLINE", "1");
        Run(command.output().unwrap())
    };
    assert!(plan("table").ok().stderr().contains("not known yet"));
    plan("jobs").refused(&["not known yet", "aees data fetch"]);
}

/// Who may only read a folder of results can look at all of it.
#[test]
fn a_folder_of_results_that_cannot_be_written_can_be_read() {
    let scratch = Scratch::new();
    let study = shell_study(&scratch, "shared", SCRIPT, "sweep: {x: [1, 2]}");
    sweep(&scratch, &["run", study.to_str().unwrap()]).ok();
    fs::set_permissions(scratch.path(""), fs::Permissions::from_mode(0o755)).unwrap();
    fs::set_permissions(scratch.path("results"), fs::Permissions::from_mode(0o555)).unwrap();
    fs::set_permissions(scratch.path("results/registry.db"), fs::Permissions::from_mode(0o444)).unwrap();
    let program = scratch.path("aees");
    fs::copy(env!("CARGO_BIN_EXE_aees"), &program).unwrap();
    let look = |arguments: &[&str]| {
        let mut command = Command::new(&program);
        command.args(arguments).current_dir(scratch.path("")).env("NO_COLOR", "1");
        // Permissions bind everybody but root.
        if rustix::process::getuid().is_root() {
            command.uid(65_534).gid(65_534);
        }
        Run(command.output().unwrap())
    };
    for arguments in [
        &["sweep", "status"][..],
        &["runs", "ls"],
        &["runs", "why", "shared:1"],
        &["runs", "show", "shared:0"],
        &["registry", "check"],
        &["report", "tables", "shared", "--group-by", "x", "--metric", "score"],
    ] {
        let run = look(arguments);
        assert_eq!(run.code(), Some(0), "{arguments:?}: {}{}", run.stdout(), run.stderr());
    }
    assert_eq!(fs::read_dir(scratch.path("results")).unwrap().count(), 3, "nothing was written");
    fs::set_permissions(scratch.path("results"), fs::Permissions::from_mode(0o755)).unwrap();
}

#[test]
fn diverged_runs_look_diverged() {
    let scratch = Scratch::new();
    let text = "aees: 1\nname: wild\ntask: cifar100\nset: {data: synthetic, model_width: 2, limit_train: 100, limit_eval: 20, \
                batch_size: 20, epochs: 2, optimizer: SGD}\nsweep: {lr: [0.01, 1e30]}\n";
    fs::write(scratch.path("wild.yaml"), text).unwrap();
    let run = sweep(&scratch, &["run", "wild.yaml"]).ok();
    assert!(run.stderr().contains("2 done (1 diverged)"), "{}", run.stderr());
    assert_eq!(runs(&scratch)[1]["outcome"], "diverged");
    let listed = scratch.run(["runs", "ls"]).ok().stdout();
    assert!(listed.lines().nth(2).unwrap().contains("diverged"), "{listed}");
    let status = sweep(&scratch, &["status"]).ok().stdout();
    assert!(status.contains("2 done (1 diverged)"), "{status}");
}
