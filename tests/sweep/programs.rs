//! Foreign programs through the program: what they get, what is recorded of them, and what makes two runs the same.

use std::fs;
use std::path::PathBuf;
use std::process::Command;

use serde_json::Value;

use super::{count, effects, runs, shell_study, sweep};
use crate::program::{Run, Scratch, read_json};
use crate::require;

/// The folder of the only run, or of the run at a place.
fn folder(scratch: &Scratch, place: usize) -> PathBuf {
    let id = runs(scratch)[place]["run_id"].as_str().unwrap().to_owned();
    scratch.path("results/runs").join(&id[..2]).join(&id[..16])
}

fn result(scratch: &Scratch, place: usize) -> Value {
    read_json(&folder(scratch, place).join("result.json"))
}

/// Runs a study of a script that takes settings `{x}`, with more lines in `command`.
fn command_study(scratch: &Scratch, name: &str, argv: &str, command: &str, more: &str) -> String {
    let stem = name.rsplit('/').next().unwrap();
    let text = format!("aees: 1\nname: {stem}\ntask: command\ncommand:\n  argv: {argv}\n{command}{more}");
    fs::write(scratch.path(&format!("{name}.yaml")), text).unwrap();
    format!("{name}.yaml")
}

#[test]
fn a_program_has_the_users_environment_but_no_secrets_and_that_is_said() {
    let scratch = Scratch::new();
    let script = "env > seen\\necho '{{\\\"a\\\": 1}}'";
    let argv = format!("[sh, -c, \"{script}\"]");
    let study = command_study(&scratch, "env", &argv, "  env: {OWN: 'x{x}', GONE: null}\n", "set: {x: 1}\n");
    let run = |study: &str| {
        let mut command = scratch.command(["sweep", "run", study]);
        command.env("MINE", "yes").env("GONE", "no").env("HF_TOKEN", "hf_secret");
        Run(command.output().unwrap()).ok()
    };
    let said = run(&study).stderr();
    assert!(said.contains("HF_TOKEN is not passed on") && !said.contains("hf_secret"), "{said}");
    let seen = effects(&scratch, "seen");
    let has = |line: &str| seen.iter().any(|known| known == line);
    assert!(has("MINE=yes") && has("OWN=x1") && has("PYTHONUNBUFFERED=1"), "{seen:?}");
    assert!(!seen.iter().any(|line| line.starts_with("GONE=") || line.contains("hf_secret")), "{seen:?}");
    // A study that names it gets it.
    let study = command_study(&scratch, "named", &argv, "  env: [HF_TOKEN, {OWN: y}]\n", "set: {x: 2}\n");
    let said = run(&study).stderr();
    assert!(!said.contains("not passed on"), "{said}");
    assert!(effects(&scratch, "seen").contains(&"HF_TOKEN=hf_secret".to_owned()));
}

#[test]
fn places_tell_a_program_its_slot() {
    let scratch = Scratch::new();
    let script = "echo \\\"$0 $1 $2 $3 [$CUDA_VISIBLE_DEVICES]\\\" >> seen\\necho '{{\\\"a\\\": 1}}'";
    let argv = format!("[sh, -c, \"{script}\", '{{device}}', '{{threads}}', '{{seed}}', '{{run_dir}}']");
    let study = command_study(&scratch, "slot", &argv, "", "seeds: [7]\n");
    sweep(&scratch, &["run", &study, "--devices", "cpu", "--jobs", "1"]).ok();
    let seen = effects(&scratch, "seen").concat();
    let words: Vec<&str> = seen.split(' ').collect();
    assert_eq!((words[0], words[2], words[4]), ("cpu", "7", "[]"), "{seen}");
    assert!(words[1].parse::<usize>().is_ok_and(|threads| threads >= 1), "{seen}");
    assert_eq!(PathBuf::from(words[3]), fs::canonicalize(folder(&scratch, 0)).unwrap());
    assert_eq!(result(&scratch, 0)["device"], "cpu");
}

/// Planned in one folder and resumed in another, it works where it was planned.
#[test]
fn the_working_directory_is_fixed_when_a_study_is_planned() {
    let scratch = Scratch::new();
    for name in ["here", "there", "studies/work"] {
        fs::create_dir_all(scratch.path(name)).unwrap();
    }
    let script = "pwd >> $LOG\\n[ -e $LOG.go ] || exit 1\\necho '{{\\\"a\\\": 1}}'";
    let argv = format!("[sh, -c, \"{script}\"]");
    let log = scratch.path("places");
    command_study(&scratch, "studies/own", &argv, "  workdir: work\n", "");
    command_study(&scratch, "here/plain", &argv, "", "set: {another: 1}\n");
    for (study, name) in [("studies/own", "own"), ("here/plain", "plain")] {
        let root = scratch.path("results");
        let aees = |folder: &str, arguments: &[&str]| {
            let mut command = scratch.command(["sweep"].iter().chain(arguments));
            command.arg("--root").arg(&root).current_dir(scratch.path(folder)).env("LOG", &log);
            Run(command.output().unwrap())
        };
        let file = scratch.path(&format!("{study}.yaml"));
        assert_eq!(aees("here", &["run", file.to_str().unwrap()]).code(), Some(2));
        fs::write(scratch.path("places.go"), "").unwrap();
        aees("there", &["resume", name, "--retry-failed"]).ok();
        fs::remove_file(scratch.path("places.go")).unwrap();
        let expected = scratch.path(if name == "own" { "studies/work" } else { "here" });
        let expected = fs::canonicalize(expected).unwrap().display().to_string();
        let places = effects(&scratch, "places");
        assert_eq!(places, [expected.clone(), expected], "{name}");
        fs::remove_file(&log).unwrap();
    }
    command_study(&scratch, "nowhere", "[true]", "  workdir: absent/folder\n", "");
    sweep(&scratch, &["run", "nowhere.yaml"]).refused(&["absent/folder", "study file's folder"]);
}

fn git(scratch: &Scratch, arguments: &[&str]) -> bool {
    let mut command = Command::new("git");
    command.args(["-c", "user.name=a", "-c", "user.email=a@b", "-c", "init.defaultBranch=main"]).args(arguments);
    command.current_dir(scratch.path("")).output().is_ok_and(|output| output.status.success())
}

#[test]
fn what_ran_is_recorded_and_a_changed_program_is_said_before_anything_runs() {
    let scratch = Scratch::new();
    let script = |number: u32| format!("[ $1 = 2 ] && [ ! -e go ] && exit 1\necho '{{\"a\": {number}}}'\n");
    fs::write(scratch.path("train.sh"), script(1)).unwrap();
    let has_git =
        git(&scratch, &["init"]) && git(&scratch, &["add", "train.sh"]) && git(&scratch, &["commit", "-qm", "x"]);
    if !has_git {
        require::skip(require::Component::Git, "there is no git here to record a commit of");
    }
    let study = command_study(&scratch, "recorded", "[sh, train.sh, '{x}']", "", "sweep: {x: [1, 2]}\n");
    assert_eq!(sweep(&scratch, &["run", &study]).code(), Some(2));
    let program = &result(&scratch, 0)["program"];
    let file = &program["files"][0];
    assert_eq!(file["path"], fs::canonicalize(scratch.path("train.sh")).unwrap().to_str().unwrap());
    assert_eq!(file["sha256"].as_str().map(str::len), Some(64));
    let before = file["sha256"].clone();
    if has_git {
        assert_eq!(program["git"]["commit"].as_str().map(str::len), Some(40), "{program}");
        assert_eq!(program["git"]["dirty"], false);
    }
    fs::write(scratch.path("train.sh"), script(2)).unwrap();
    fs::write(scratch.path("go"), "").unwrap();
    let resumed = sweep(&scratch, &["resume", "recorded", "--retry-failed"]).ok();
    assert!(resumed.stderr().contains("train.sh has changed"), "{}", resumed.stderr());
    let program = &result(&scratch, 1)["program"];
    assert_ne!(program["files"][0]["sha256"], before);
    if has_git {
        assert_eq!(program["git"]["dirty"], true);
    }
    // Planned again, too: runs that are done were made by what it was.
    fs::write(scratch.path("train.sh"), script(3)).unwrap();
    let planned = sweep(&scratch, &["run", &study]).ok();
    assert!(
        planned.stderr().contains("since the study was planned before")
            && planned.stderr().contains("train.sh has changed")
    );
    assert!(!sweep(&scratch, &["run", &study]).ok().stderr().contains("has changed"), "said once");
}

#[test]
fn a_program_can_be_part_of_the_identity() {
    let scratch = Scratch::new();
    for (name, text) in [("a/train.sh", "1"), ("b/train.sh", "1"), ("c/train.sh", "2")] {
        fs::create_dir_all(scratch.path(name).parent().unwrap()).unwrap();
        fs::write(scratch.path(name), format!("echo x >> effects\necho '{{\"a\": {text}}}'\n")).unwrap();
    }
    let run = |folder: &str, more: &[&str]| {
        let study =
            command_study(&scratch, "content", &format!("[sh, {folder}/train.sh]"), "  identity: [argv, digest]\n", "");
        sweep(&scratch, &[&["run", study.as_str()], more].concat())
    };
    let runs_made = || effects(&scratch, "effects").len();
    run("a", &[]).ok();
    run("b", &[]).ok();
    assert_eq!(runs_made(), 1, "the same content elsewhere is the same program");
    run("c", &[]).refused(&["1 run would leave it", "--replace"]);
    run("c", &["--replace"]).ok();
    assert_eq!(runs_made(), 2, "another program is another run");
    // A plan of one program is not carried out with another.
    fs::write(scratch.path("c/train.sh"), "echo '{\"a\": 3}'\n").unwrap();
    sweep(&scratch, &["resume", "content"]).refused(&["another one than planned", "train.sh has changed"]);
}

#[test]
fn what_a_program_tells_step_by_step_becomes_curves() {
    let scratch = Scratch::new();
    let script = "for i in 1 2 3; do echo \"{{\\\"step\\\": $i, \\\"loss\\\": $((4 - i))}}\"; done\n\
                  echo '{{\"loss\": 9, \"val\": {{\"acc\": 0.5}}}}'";
    let study = shell_study(&scratch, "curves", script, "metric: {name: val.acc}");
    sweep(&scratch, &["run", study.to_str().unwrap()]).ok();
    let text = fs::read_to_string(folder(&scratch, 0).join("metrics.jsonl")).unwrap();
    let losses: Vec<i64> =
        text.lines().map(|line| serde_json::from_str::<Value>(line).unwrap()["loss"].as_i64().unwrap()).collect();
    assert_eq!(losses, [3, 2, 1], "{text}");
    assert_eq!(result(&scratch, 0)["metrics"]["val.acc"], 0.5);
    let listed = scratch.run(["runs", "ls", "--columns", "val.acc,loss", "--csv"]).ok();
    assert_eq!(listed.stdout(), "val.acc,loss\n0.5,9\n");
    let listed = scratch.run(["runs", "ls", "--columns", "min_loss,max_loss", "--csv"]).ok();
    assert_eq!(listed.stdout(), "min_loss,max_loss\n1,9\n");
    let best = scratch.run([
        "report",
        "best",
        "results/runs",
        "--metric",
        "loss",
        "--measure",
        "auc",
        "--goal",
        "min",
        "--group-by",
        "task",
    ]);
    assert!(best.ok().stdout().contains("3.75"), "the mean of the curve and its last value");
    scratch.run(["report", "html", "results/runs", "--out", "page.html"]).ok();
    let page = fs::read_to_string(scratch.path("page.html")).unwrap();
    assert!(page.contains("&quot;loss&quot;:[3.0,2.0,1.0]"), "the page draws the curve");
}

#[test]
fn defaults_aliases_and_whole_numbers_run_nothing_again() {
    let scratch = Scratch::new();
    let run = |command: &str, more: &str| {
        let argv = "[sh, -c, \"echo x >> effects; echo '{{}}'\"]";
        // With other axes it is another study; in neither does a run leave.
        let name = if more.contains("wd") { "other" } else { "grown" };
        let study = command_study(&scratch, name, argv, command, more);
        sweep(&scratch, &["run", &study, "--yes"]).ok();
        effects(&scratch, "effects").len()
    };
    assert_eq!(run("", "sweep: {lr: [0, 0.5]}\n"), 2);
    assert_eq!(run("", "sweep: {lr: [0.0, 0.5]}\n"), 2, "0 and 0.0 are one value");
    assert_eq!(run("  defaults: {mom: 0}\n", "sweep: {lr: [0, 0.5], mom: [0, 0.9]}\n"), 4, "only 0.9 is new");
    assert_eq!(run("  aliases: {rate: lr}\n  defaults: {mom: 0}\n", "sweep: {rate: [0, 0.5], mom: [0.0, 0.9]}\n"), 4);
    // A default that is told when runs with it are there.
    assert_eq!(run("", "sweep: {wd: [0.25, 0.5]}\n"), 6);
    assert_eq!(run("  defaults: {wd: 0.25}\n", "sweep: {wd: [0.25, 0.5]}\n"), 6);
}

#[test]
fn escape_sequences_are_kept_in_the_log_and_shown_to_nobody() {
    let scratch = Scratch::new();
    let script = "printf '\\033]0;title\\007\\033[2Jboom\\n' >&2\nexit 3";
    let study = shell_study(&scratch, "rude", script, "seeds: 1");
    let run = sweep(&scratch, &["run", study.to_str().unwrap()]);
    assert!(run.stderr().contains("boom") && !run.stderr().contains('\u{1b}'), "{:?}", run.stderr());
    for verb in [&["runs", "ls"][..], &["runs", "show", "rude:0"], &["runs", "why", "rude:0"], &["sweep", "status"]] {
        let said = scratch.run(verb);
        assert!(
            !said.stdout().contains('\u{1b}') && !said.stderr().contains('\u{1b}'),
            "{verb:?}: {:?}",
            said.stdout()
        );
    }
    let log = scratch.run(["runs", "logs", "rude:0"]).ok();
    assert!(log.stdout().contains("\u{1b}[2Jboom"), "a file or a pipe gets what was printed");
}

#[test]
fn a_log_has_a_limit() {
    let scratch = Scratch::new();
    let argv = "[sh, -c, \"echo begin; yes 0123456789 | head -n 20000; echo end; echo '{{}}'\"]";
    let study = command_study(&scratch, "long", argv, "  log_limit: 64kB\n", "");
    sweep(&scratch, &["run", &study]).ok();
    let log = fs::read_to_string(folder(&scratch, 0).join("log.txt")).unwrap();
    assert!(log.len() <= 64_000 && log.starts_with("begin\n") && log.ends_with("end\n{}\n"), "{}", log.len());
    assert!(log.contains("bytes left out"));
    assert_eq!(count(&scratch, "done"), 1);
}
