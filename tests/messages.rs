//! What the program says: every help text, and the messages of common mistakes, held to reviewed files in `snapshots`.
//! After a wanted change, `AEES_UPDATE=1 cargo test --test main messages` writes them again for review.

use std::fs;
use std::path::Path;

use crate::program::{Scratch, TINY, wait_until};

/// Every verb, with the words before it.
const VERBS: [&str; 69] = [
    "",
    "train",
    "pretokenize",
    "data",
    "data fetch",
    "export",
    "loop",
    "loop start",
    "loop resume",
    "loop status",
    "loop stop",
    "loop propose",
    "loop schema",
    "slurm",
    "slurm submit",
    "slurm collect",
    "slurm sync",
    "slurm status",
    "slurm cancel",
    "sweep",
    "sweep plan",
    "sweep run",
    "sweep resume",
    "sweep status",
    "sweep rungs",
    "sweep new",
    "sweep schema",
    "runs",
    "runs ls",
    "runs show",
    "runs why",
    "runs logs",
    "runs diff",
    "runs tag",
    "runs note",
    "runs gc",
    "runs retry",
    "runs cancel",
    "runs invalidate",
    "runs withdraw",
    "runs restore",
    "runs bg",
    "runs bg list",
    "runs bg stop",
    "runs bg attach",
    "registry",
    "registry rebuild",
    "registry check",
    "report",
    "report tables",
    "report figures",
    "report html",
    "report best",
    "report tensor",
    "report overhead",
    "replay",
    "board",
    "bench",
    "bench train",
    "bench overhead",
    "bench data",
    "bench control",
    "bench suite",
    "devices",
    "doctor",
    "config",
    "config show",
    "completions",
    "man",
];

/// The command line, its exit code, and what it said, without what differs between machines and versions.
fn said(scratch: &Scratch, line: &str) -> String {
    let mut command = scratch.command(line.split_whitespace());
    command.env("HF_HOME", scratch.path("hf")).env_remove("HF_HUB_OFFLINE").env_remove("HF_ENDPOINT");
    let output = command.output().unwrap();
    let said = String::from_utf8(output.stdout).unwrap() + &String::from_utf8(output.stderr).unwrap();
    let folder = fs::canonicalize(scratch.path("")).unwrap();
    let said = said.replace(&format!("{}/", folder.display()), "").replace(env!("CARGO_PKG_VERSION"), "VERSION");
    format!("$ aees {line}\n{}exit code {}\n", said, output.status.code().unwrap())
}

fn hold(name: &str, text: &str) {
    same_as_reviewed(&Path::new(env!("CARGO_MANIFEST_DIR")).join(format!("tests/snapshots/{name}.txt")), text);
}

/// Compares with the reviewed file, or writes it when `AEES_UPDATE` is set.
pub(crate) fn same_as_reviewed(path: &Path, text: &str) {
    if std::env::var_os("AEES_UPDATE").is_some() {
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    }
    let reviewed = fs::read_to_string(path).unwrap_or_default();
    let differing = text.lines().zip(reviewed.lines()).find(|(now, then)| now != then);
    let (said, then) = differing.unwrap_or(("another number of lines", ""));
    assert!(
        text == reviewed,
        "{} differs (AEES_UPDATE=1 writes it):\n  {said}\n  was: {then}\n\n{text}",
        path.display()
    );
}

fn all_said(scratch: &Scratch, lines: &[&str]) -> String {
    lines.iter().map(|line| said(scratch, line)).collect::<Vec<_>>().join("\n")
}

#[test]
fn help() {
    let scratch = Scratch::new();
    for verb in VERBS {
        let (short, long) = (said(&scratch, &format!("{verb} -h")), said(&scratch, &format!("{verb} --help")));
        let differ = short.lines().skip(1).ne(long.lines().skip(1));
        let text = if differ { format!("{short}\n{long}") } else { long };
        let name = if verb.is_empty() { "aees".to_owned() } else { verb.replace(' ', "_") };
        hold(&format!("help_{name}"), &text);
    }
    hold("version", &said(&scratch, "-V"));
}

#[test]
fn every_verb_has_its_help_here() {
    let scratch = Scratch::new();
    for verb in VERBS {
        let help = said(&scratch, &format!("{verb} --help"));
        let commands = help.lines().skip_while(|line| *line != "Commands:").skip(1).take_while(|line| !line.is_empty());
        // A line that begins further right goes on with the description above it.
        let words = commands.filter_map(|line| line.strip_prefix("  ")?.split(' ').next());
        for word in words.filter(|word| !word.is_empty()) {
            let full = format!("{verb} {word}");
            assert!(word == "help" || VERBS.contains(&full.trim()), "aees {full} is in no snapshot");
        }
    }
}

#[test]
fn an_unknown_flag() {
    let scratch = Scratch::new();
    let lines: Vec<String> = VERBS.iter().map(|verb| format!("{verb} --no-such-flag")).collect();
    hold("an_unknown_flag", &all_said(&scratch, &lines.iter().map(String::as_str).collect::<Vec<_>>()));
}

#[test]
fn a_missing_or_unknown_word() {
    let lines = [
        "",
        "trian",
        "train",
        "train mnist",
        "pretokenize",
        "pretokenize cifar100",
        "data",
        "data fetch",
        "data fetch mnist",
        "export",
        "sweep",
        "sweep plan",
        "sweep run",
        "sweep start",
        "runs",
        "runs show",
        "runs retry",
        "runs invalidate 12ab",
        "runs bg",
        "runs bg stop",
        "registry",
        "report",
        "report tables",
        "report figures archive",
        "replay",
        "bench",
        "bench train",
        "bench train mnist",
    ];
    hold("a_missing_or_unknown_word", &all_said(&Scratch::new(), &lines));
}

#[test]
fn a_wrong_value() {
    let lines = [
        "train cifar100 --lr abc",
        "train cifar100 --lr -1",
        "train cifar100 --epochs none",
        "train cifar100 --optimizer Adam",
        "train cifar100 --progress loud",
        "train sst2 --method SGD",
        "train cifar100 --tensorboard=perhaps",
        "train cifar100 --lr-candidates 1,x",
        "train cifar100 --resume run",
        "train cifar100 --method AdamW --control-mode random",
        "train cifar100 --max-length 12",
        "train cifar100 --pretokenize-only",
        "train cifar100 --device cuda:99",
        "export run --to there --checkpoint newest",
        "sweep run study.yaml --jobs 0",
        "sweep run study.yaml --max-hours soon",
        "sweep plan study.yaml --format html",
        "sweep status --every 2",
        "sweep status --watch --json",
        "runs ls --state finished",
        "runs ls --limit few",
        "runs ls --costs --limit 3",
        "runs retry 12ab --study noise",
        "runs retry 12ab --state failed",
        "runs bg stop noise --grace soon",
        "runs bg stop noise --grace 3 --now",
        "report tables archive --table all --group-by lr",
        "report tables archive --format doc",
        "report tables archive --expect-n 0",
        "report figures archive --out f --width 12",
        "report figures archive --out f --figure cake",
        "report figures archive --out f --smooth 0",
        "report best archive --goal up",
        "report best archive --measure worst",
        "report best archive --confirm 3",
        "report tensor archive --axes seed,step",
        "report tensor archive --out a.txt",
        "report overhead archive --format tex",
        "bench train cifar100 --steps 0",
        "bench train cifar100 --engine abacus",
        "bench train cifar100 --device cuda:99",
        "bench train cifar100 --peer nowhere/python --rounds 1",
    ];
    hold("a_wrong_value", &all_said(&Scratch::new(), &lines));
}

#[test]
fn an_unknown_setting() {
    let scratch = Scratch::new();
    fs::write(scratch.path("config.yaml"), "task: cifar100\nlearning_rate: 0.1\n").unwrap();
    fs::write(scratch.path("text.yaml"), "task: sst2\nmodel_width: 8\n").unwrap();
    fs::write(scratch.path("none.yaml"), "lr: 0.1\n").unwrap();
    fs::write(scratch.path("torn.yaml"), "lr: [0.1\n").unwrap();
    fs::write(scratch.path("study.yaml"), "aees: 1\ntask: cifar100\nset: {ir: 0.1}\nsweeps: {lr: [1]}\n").unwrap();
    let lines = [
        "train cifar100 --set lrr=1",
        "train cifar100 --set lr",
        "train cifar100 --set lr=fast",
        "train --config config.yaml",
        "train --config text.yaml",
        "train --config none.yaml",
        "train --config torn.yaml",
        "train cifar100 --config text.yaml",
        "sweep plan study.yaml",
    ];
    hold("an_unknown_setting", &all_said(&scratch, &lines));
}

#[test]
fn a_missing_file() {
    let lines = [
        "train --config nothing.yaml",
        "train --resume nothing",
        "export nothing --to there",
        "sweep plan nothing.yaml",
        "sweep run nothing.yaml",
        "report tables nothing",
        "report html nothing --out page.html",
        "replay nothing",
        "runs ls",
        "runs show 12ab",
        "sweep status",
        "sweep resume",
        "registry check",
        "registry rebuild",
        "runs bg list",
        "runs bg attach nothing",
    ];
    hold("a_missing_file", &all_said(&Scratch::new(), &lines));
}

#[test]
fn missing_data() {
    let lines = [
        "train cifar100 --data nowhere",
        "train cifar100 --local-files-only",
        "train sst2 --local-files-only",
        "pretokenize agnews --local-files-only",
    ];
    hold("missing_data", &all_said(&Scratch::new(), &lines));
}

#[test]
fn a_folder_of_something_else() {
    let scratch = Scratch::new();
    fs::create_dir(scratch.path("papers")).unwrap();
    fs::write(scratch.path("papers/thesis.tex"), "").unwrap();
    scratch.train("run", &["--seed", "3"]).ok();
    let here = |more: &str| format!("train cifar100 --run-dir run {} {more}", TINY.join(" "));
    let papers = "train cifar100 --data synthetic --run-dir papers".to_owned();
    let lines = [papers, here("--seed 4"), "train --resume papers".into(), "train --resume run --seed 5".into()];
    hold("a_folder_of_something_else", &all_said(&scratch, &lines.each_ref().map(String::as_str)));
}

#[test]
fn a_folder_in_use() {
    let scratch = Scratch::new();
    let endless = ["train", "cifar100", "--run-dir", "run", "--epochs", "100000", "--progress", "none"];
    let mut child = scratch.command(endless.iter().chain(&TINY[..10])).spawn().unwrap();
    wait_until("training began", || scratch.path("run/config.yaml").exists());
    let text = said(&scratch, "train --resume run");
    let _ = child.kill();
    let _ = child.wait();
    hold("a_folder_in_use", &text);
}

const STUDY: &str = "aees: 1\nname: small\ntask: command\ncommand: {argv: [sh, -c, 'exit {seed}']}\nseeds: 2\n";

#[test]
fn an_unknown_study_or_run() {
    let scratch = Scratch::new();
    fs::write(scratch.path("small.yaml"), STUDY).unwrap();
    scratch.run(["sweep", "run", "small.yaml", "--progress", "none"]);
    let lines = [
        "sweep resume large",
        "sweep run large",
        "sweep run small --only seed=1",
        "sweep status large",
        "runs ls large",
        "runs ls --only seed",
        "runs show abc",
        "runs show 0000",
        "runs show small:9",
        "runs why nothing",
        "runs logs small:9",
        "runs retry --study large",
        "runs cancel small:9",
        "report tables large",
        "report best large",
    ];
    hold("an_unknown_study_or_run", &all_said(&scratch, &lines));
}

#[test]
fn something_damaged() {
    let scratch = Scratch::new();
    fs::write(scratch.path("small.yaml"), STUDY).unwrap();
    scratch.run(["sweep", "run", "small.yaml", "--progress", "none"]);
    fs::write(scratch.path("results/studies/small/plan-000001.jsonl"), "{").unwrap();
    let plan = said(&scratch, "sweep resume small");
    fs::write(scratch.path("results/registry.db"), "damaged".repeat(1_000)).unwrap();
    let registry = all_said(&scratch, &["sweep status", "runs ls", "registry check"]);
    fs::write(scratch.path("result.json"), "{").unwrap();
    let result = all_said(&scratch, &["report tables result.json", "replay result.json"]);
    hold("something_damaged", &[plan, registry, result].join("\n"));
}
