//! `runs ls` sorts, filters, picks columns and writes CSV; tags and notes; `runs diff`; `runs gc`.

use std::fs;

use serde_json::{Value, json};

use super::scratch::{Results, run_id};

/// Runs 0 to 5: learning rates 1, 0.5, 0.25 with two seeds each; the numbers of the first four.
fn results() -> Results {
    let mut results = Results::with_study("noise", 6);
    for (number, best) in [(0, 0.5), (1, 0.75), (2, 0.25), (3, 0.625)] {
        results.finish(number, best);
    }
    results.fail(4, "oom", "CUDA out of memory\nhelp");
    results
}

fn column(results: &Results, arguments: &[&str]) -> Vec<String> {
    let listed = results.aees(&[&["runs", "ls", "noise", "--columns", "index", "--csv"], arguments].concat()).ok();
    listed.stdout().lines().skip(1).map(str::to_owned).collect()
}

#[test]
fn a_list_is_sorted_by_a_metric_an_axis_or_a_column() {
    let results = results();
    assert_eq!(
        column(&results, &["--sort", "val_accuracy"]),
        ["1", "3", "0", "2", "4", "5"],
        "the best first, none last"
    );
    assert_eq!(column(&results, &["--sort", "val_accuracy", "--limit", "2"]), ["1", "3"]);
    assert_eq!(column(&results, &["--sort", "final_val_accuracy", "--limit", "1"]), ["1"]);
    assert_eq!(column(&results, &["--sort", "lr"]), ["4", "5", "2", "3", "0", "1"]);
    assert_eq!(column(&results, &["--sort", "state"]), ["0", "1", "2", "3", "4", "5"]);
    assert_eq!(column(&results, &["--reverse", "--limit", "2"]), ["5", "4"]);
    results
        .aees(&["runs", "ls", "--sort", "val_acuracy"])
        .refused(&["none of these runs has `val_acuracy`", "val_accuracy"]);
}

#[test]
fn a_list_is_filtered_by_conditions() {
    let results = results();
    assert_eq!(column(&results, &["--where", "lr<0.6"]), ["2", "3", "4", "5"]);
    assert_eq!(column(&results, &["--where", "lr <= 5e-1", "--where", "val_accuracy>0.3"]), ["3"]);
    assert_eq!(column(&results, &["--where", "state!=done"]), ["4", "5"]);
    assert_eq!(column(&results, &["--where", "error~memory"]), ["4"]);
    assert_eq!(column(&results, &["--where", "seed=1", "--state", "done"]), ["1", "3"]);
    assert_eq!(column(&results, &["--where", "method==bandit"]), ["1", "3", "5"]);
    // A setting that is no axis: what the identity has, or the default.
    assert_eq!(column(&results, &["--where", "batch_size=64"]).len(), 6);
    assert_eq!(column(&results, &["--where", "epochs<10"]).len(), 0);
    results.aees(&["runs", "ls", "--where", "lr"]).refused(&["that is no condition", "lr<1e-3"]);
    results.aees(&["runs", "ls", "--where", "lrr<1"]).refused(&["none of these runs has `lrr`"]);
}

#[test]
fn a_list_has_the_columns_that_are_asked_for() {
    let results = results();
    let csv = results.aees(&["runs", "ls", "noise", "--csv", "--limit", "2"]).ok().stdout();
    let lines: Vec<&str> = csv.lines().collect();
    assert!(lines[0].starts_with("run_id,study,index,case,lr,method,seed,state,outcome"), "{csv}");
    assert!(lines[0].contains(",best_val_accuracy,") && lines[0].contains(",final_val_accuracy,"), "{csv}");
    assert!(lines[1].starts_with(&format!("{},noise,0,,1,none,0,done,ok", run_id(0).full())), "{csv}");
    let table =
        results.aees(&["runs", "ls", "noise", "--columns", "place,lr,best_val_accuracy,epochs", "--limit", "1"]).ok();
    assert_eq!(table.stdout(), "place    lr  best_val_accuracy  epochs\nnoise:0   1            50.00 %      10\n");
}

/// An identifier, a tag or a note may consist of digits.
#[test]
fn names_are_no_numbers() {
    let results = results();
    results.aees(&["runs", "tag", "noise:1", "--add", "007"]).ok();
    results.aees(&["runs", "note", "noise:1", "1e400"]).ok();
    for format in [&["--csv"][..], &[]] {
        let columns = ["runs", "ls", "noise", "--columns", "tags,note", "--where", "tags=007"];
        let listed = results.aees(&[&columns, format].concat()).ok().stdout();
        let cells: Vec<&str> =
            listed.lines().last().unwrap().split([',', ' ']).filter(|cell| !cell.is_empty()).collect();
        assert_eq!(cells, ["007", "1e400"], "{listed}");
    }
}

#[test]
fn tags_and_notes_are_found_again() {
    let results = results();
    results.aees(&["runs", "tag", "noise:1", "noise:3", "--add", "good,again"]).ok();
    results.aees(&["runs", "tag", "noise:3", "--remove", "again"]).ok();
    results.aees(&["runs", "note", "noise:3", "look at its curve"]).ok();
    assert_eq!(column(&results, &["--tag", "good"]), ["1", "3"]);
    assert_eq!(column(&results, &["--tag", "good", "--tag", "again"]), ["1"]);
    assert_eq!(column(&results, &["--where", "note~curve"]), ["3"]);
    let shown = results.aees(&["runs", "show", "noise:3"]).ok().stdout();
    assert!(shown.contains("good") && shown.contains("look at its curve"), "{shown}");
    assert_eq!(
        results.json(&["runs", "show", "noise:3"])["annotation"],
        json!({"tags": ["good"], "note": "look at its curve"})
    );
    assert_eq!(results.aees(&["runs", "note", "noise:3"]).ok().stdout(), "look at its curve\n");
    results.aees(&["runs", "note", "noise:3", ""]).ok();
    assert_eq!(results.aees(&["runs", "note", "noise:3"]).ok().stdout(), "");
    results.aees(&["runs", "tag", "noise:1", "--add", "two words"]).refused(&["a tag is one word"]);
    results.aees(&["runs", "tag", "noise:99", "--add", "x"]).refused(&["noise:99"]);
}

#[test]
fn two_runs_differ_in_their_settings_and_numbers() {
    let results = results();
    let differing = results.aees(&["runs", "diff", "noise:0", "noise:3"]).ok().stdout();
    let row = |key: &str| {
        differing.lines().find(|line| line.starts_with(key)).map(|line| line.split_whitespace().collect::<Vec<_>>())
    };
    assert_eq!(row("lr"), Some(vec!["lr", "1.0", "0.5"]), "{differing}");
    assert_eq!(row("seed"), Some(vec!["seed", "0", "1"]));
    assert_eq!(row("best val_accuracy"), Some(vec!["best", "val_accuracy", "50.00", "%", "62.50", "%"]));
    assert_eq!(row("batch_size"), None, "they have that in common");
    let same = results.aees(&["runs", "diff", "noise:0", "noise:0"]).ok();
    assert_eq!((same.stdout().as_str(), same.stderr().as_str()), ("", "they do not differ\n"));
    let document = results.json(&["runs", "diff", "noise:0", "noise:2"]);
    assert_eq!(document["settings"][0], json!({"key": "lr", "one": "1.0", "other": "0.5"}));
    let best = |numbers: &Value| {
        let best = numbers.as_array().unwrap().iter().find(|row| row["key"] == "best val_accuracy").unwrap();
        (best["one"].clone(), best["other"].clone())
    };
    assert_eq!(best(&document["numbers"]), (json!("0.5"), json!("0.25")), "programs get it as it is");
    results.aees(&["runs", "diff", "noise:0", "absent"]).refused(&["absent"]);
}

#[test]
fn what_would_look_alike_is_shown_with_all_its_digits() {
    let mut results = Results::with_study("noise", 2);
    results.finish(0, 0.5);
    results.finish(1, 0.500_001);
    let differing = results.aees(&["runs", "diff", "noise:0", "noise:1"]).ok().stdout();
    let best = differing.lines().find(|line| line.starts_with("best val_accuracy")).unwrap();
    assert_eq!(best.split_whitespace().skip(2).collect::<Vec<_>>(), ["0.5", "0.500001"], "{differing}");
}

#[test]
fn two_studies_differ_in_their_runs() {
    let mut results = results();
    results.plan("other", [0, 1, 6]);
    let said = results.aees(&["runs", "diff", "noise", "other"]).ok().stdout();
    assert!(said.starts_with("2 runs in both, 4 only in noise, 1 only in other\n"), "{said}");
    let document = results.json(&["runs", "diff", "noise", "other"]);
    assert_eq!(document["shared_runs"], 2);
    assert_eq!(document["only_other"][0]["run_id"], run_id(6).full());
    results.aees(&["runs", "diff", "noise", "noise:0"]).refused(&["one of them is a study and the other is a run"]);
}

#[test]
fn checkpoints_of_done_runs_are_freed() {
    let results = results();
    let write = |number: u64| {
        let folder = results.folder(number);
        fs::create_dir_all(folder.join("checkpoints")).unwrap();
        fs::write(folder.join("config.yaml"), "task: cifar100\n").unwrap();
        for name in ["step-000000000100.safetensors", "best.safetensors"] {
            fs::write(folder.join("checkpoints").join(name), vec![0; 1_000_000]).unwrap();
        }
    };
    [0, 1, 4].into_iter().for_each(write);
    let left = |number: u64| fs::read_dir(results.folder(number).join("checkpoints")).unwrap().count();
    let said = results.aees(&["runs", "gc", "--dry-run"]).ok().stdout();
    assert_eq!(said, "2 checkpoints of 2 done runs, 2.0 MB would be freed\n");
    assert_eq!((left(0), left(1)), (2, 2));
    assert_eq!(results.aees(&["runs", "gc"]).ok().stdout(), "2 checkpoints of 2 done runs, 2.0 MB freed\n");
    assert_eq!((left(0), left(1), left(4)), (1, 1, 2), "the best stay, and those of a run that is not done");
    assert_eq!(results.json(&["runs", "gc", "noise", "--best"])["files"], 2);
    assert_eq!((left(0), left(4)), (0, 2));
    assert!(results.folder(0).join("result.json").is_file());
}
