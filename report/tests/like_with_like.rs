//! What was pooled, named or compared wrongly, case by case: each as files on disk, read as a user's are.

use std::fs;

use aees_report::best::{Question, best};
use aees_report::figures::{FigureKind, FigureOptions, draw};
use aees_report::html::{Page, PageQuestion};
use aees_report::overhead;
use aees_report::tables::{KINDS, Table, TableFormat, TableOptions, build, general};
use aees_report::{ReportSource, ResultSet, RunRecord};
use serde_json::{Value, json};

/// A result of four epochs, with these settings beside the published ones, in a file of a name that says nothing.
fn result(seed: i64, best: f64, settings: Value) -> Value {
    let mut config = json!({"control_mode": "baseline", "optimizer": "AdamW", "lr": 0.001, "lr_scheduler": "none",
        "batch_size": 128, "epochs": 4, "episode_length": 200, "lr_candidates": [1.0], "noise_candidates": [0.0],
        "context_mode": "none", "reward_instability_lambda": 0.0, "seed": seed});
    config.as_object_mut().unwrap().extend(settings.as_object().unwrap().clone());
    let (adaptive, random) = (config["control_mode"] == "adaptive", config["control_mode"] == "random");
    let kind = if random { "RandomController" } else { "DiscountedUCBController" };
    let logs = if adaptive || random { json!({"lr_controller_logs": {"controller_type": kind}}) } else { Value::Null };
    let step = if adaptive {
        3
    } else if random {
        4
    } else {
        7
    };
    let jitter = 0.001 * ((seed * step + 3) % 5) as f64;
    let curve = [best - 0.2, best - 0.1, best + jitter, best - jitter - 0.01 * (1 + seed % 3) as f64];
    json!({"method_name": if adaptive { "AdaptiveScheduler" } else if random { "RandomScheduler" } else { "Baseline" },
        "task_name": "cifar100", "seed": seed, "config": config, "controller_logs": logs, "episode_logs": null,
        "total_steps": 1564, "train_losses": [3.0 + seed as f64, 2.5, 2.0, 1.5], "val_accuracies": curve,
        "train_accuracies": curve, "best_val_accuracy": curve[2], "final_val_accuracy": curve[3],
        "epoch_wall_clock_seconds": [6.0, 5.0, 5.0, 5.0 + 0.01 * seed as f64], "wall_clock_seconds": 21.0,
        "estimated_flops": 2.4e13, "runtime_metrics": {}})
}

fn with(mut result: Value, key: &str, value: Value) -> Value {
    result[key] = value;
    result
}

fn bandit(more: Value) -> Value {
    let mut settings = json!({"control_mode": "adaptive", "lr_candidates": [0.5, 1.0, 2.0]});
    settings.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    settings
}

/// Five seeds.
fn five(best: f64, settings: Value) -> Vec<Value> {
    (0..5).map(|seed| result(seed, best, settings.clone())).collect()
}

fn read(results: &[Vec<Value>]) -> ResultSet {
    let folder = tempfile::tempdir().unwrap();
    for (index, result) in results.iter().flatten().enumerate() {
        fs::write(folder.path().join(format!("{index:03}")), result.to_string()).unwrap();
    }
    ResultSet::read(&[ReportSource::Folder(folder.path().to_owned())]).unwrap()
}

fn tables(name: &str, runs: &[RunRecord], options: &TableOptions) -> String {
    let kind = KINDS.iter().find(|kind| kind.name == name).unwrap();
    text(&build(kind, runs, options))
}

fn text(tables: &[Table]) -> String {
    tables.iter().map(|table| TableFormat::Markdown.write(table)).collect()
}

fn words(words: &[&str]) -> Vec<String> {
    words.iter().map(|word| (*word).to_owned()).collect()
}

#[track_caller]
fn has(text: &str, expected: &str) {
    assert!(text.contains(expected), "{expected:?} is not in:\n{text}");
}

#[track_caller]
fn lacks(text: &str, wrong: &str) {
    assert!(!text.contains(wrong), "{wrong:?} is in:\n{text}");
}

#[test]
fn case_1_a_sweep_of_learning_rates_is_named_and_compared_rate_by_rate() {
    let mut runs = Vec::new();
    for (lr, plain, aees) in [(0.0003, 0.6, 0.61), (0.001, 0.64, 0.65), (0.003, 0.62, 0.66)] {
        runs.push(five(plain, json!({"lr": lr})));
        runs.push(five(aees, bandit(json!({"lr": lr}))));
    }
    let found = tables("clean", &read(&runs).runs, &TableOptions::default());
    for lr in ["0.0003", "0.001", "0.003"] {
        has(&found, &format!("| Baseline (lr {lr}) | 5 |"));
        has(&found, &format!("| AEES (lr {lr}) - Baseline (lr {lr}) | best | 5 |"));
    }
    lacks(&found, "Fixed");
    assert_eq!(found.matches(" - Baseline (lr").count(), 2 * 3, "{found}");
    // A baseline at another rate than the only bandit's is not what that is measured against.
    let alone = read(&[
        five(0.6, json!({"lr": 0.02, "optimizer": "SGD"})),
        five(0.7, bandit(json!({"lr": 0.1, "optimizer": "SGD"}))),
    ]);
    let found = tables("clean", &alone.runs, &TableOptions::default());
    lacks(&found, "paired");
    has(&found, "5 runs are in the tables of fixed multipliers and rates");
    let asked = TableOptions { against: Some("baseline".into()), ..TableOptions::default() };
    let found = text(&general(&alone.runs, &words(&["method"]), &words(&["best"]), &asked).unwrap());
    has(&found, "lr 0.1 against 0.02");
    // A rate makes no multiplier in a figure, either.
    let options = FigureOptions { kinds: vec![FigureKind::Curves], ..FigureOptions::default() };
    let drawn = draw(&read(&[five(0.6, json!({"lr": 0.002}))]).runs, &options);
    lacks(&drawn.figures[0].named.csv, "Fixed");
}

#[test]
fn case_2_timing_repeats_are_not_pooled_with_accuracy_runs() {
    let timed = |settings: Value, seconds: f64| -> Vec<Value> {
        let repeat = |by: f64| {
            let mut short = result(0, 0.4, settings.clone());
            short["config"]["epochs"] = json!(2);
            for key in ["train_losses", "val_accuracies", "train_accuracies"] {
                short[key].as_array_mut().unwrap().truncate(2);
            }
            with(short, "epoch_wall_clock_seconds", json!([9.0, seconds + by]))
        };
        [-0.01, 0.0, 0.01].map(repeat).into()
    };
    let set = read(&[
        five(0.6, json!({})),
        five(0.61, bandit(json!({}))),
        timed(json!({}), 4.0),
        timed(bandit(json!({})), 4.628),
    ]);
    let repeats = "2 settings have several results of one seed: they count as repeats of a timing";
    assert!(set.warnings.contains(&repeats.to_owned()), "{:?}", set.warnings);
    lacks(&set.warnings.join("\n"), "results for seed");
    let runs = set.runs;
    let rows = overhead::rows(&runs);
    assert_eq!(rows.len(), 2, "{rows:?}");
    let aees = rows.iter().find(|row| row.label == "AEES").unwrap();
    assert!((aees.overhead.unwrap().percent - 15.7).abs() < 1e-9, "{:?}", aees.overhead);
    assert_eq!(aees.seconds_per_epoch.n, 3);
    has(&tables("overhead", &runs, &TableOptions::default()), "15.7 [");
    let drawn = draw(&runs, &FigureOptions { kinds: vec![FigureKind::Overhead], ..FigureOptions::default() });
    assert_eq!(drawn.figures.len(), 1);
    has(&drawn.figures[0].named.csv, "AEES");
    assert_eq!(drawn.figures[0].named.csv.lines().count(), 1 + 6);
    // Repeats of one seed are repeats, not runs.
    let clean = tables("clean", &runs, &TableOptions::default());
    has(&clean, "| Baseline | 5 |");
    has(&clean, "6 runs are in the table of the overhead, not in this one");
}

#[test]
fn case_2_repeats_of_a_seed_among_several_count_as_one() {
    let slow =
        |result: Value, seconds: f64| with(result, "epoch_wall_clock_seconds", json!([9.0, seconds, seconds, seconds]));
    let plain = |seed: i64, seconds: f64| slow(result(seed, 0.5, json!({})), seconds);
    // Seed 0 three times, seed 1 once: two runs with means 4 and 6.
    let runs = read(&[vec![plain(0, 3.0), plain(0, 4.0), plain(0, 5.0), plain(1, 6.0)]]).runs;
    let rows = overhead::rows(&runs);
    assert_eq!((rows[0].seconds_per_epoch.n, rows[0].seconds_per_epoch.mean), (2, 5.0));
}

#[test]
fn case_3_runs_on_different_data_are_no_two_seeds_of_one_row() {
    let on = |seed: i64, data: &str, digest: &str| {
        with(result(seed, 0.5, json!({"data": data})), "data_fingerprint", json!(digest))
    };
    let set = read(&[vec![on(0, "synthetic", "aaaa1111"), on(1, "/real/images", "bbbb2222")]]);
    assert!(set.warnings[0].starts_with("the runs of CIFAR-100 are of different data"), "{:?}", set.warnings);
    has(&set.warnings[0], "files bbbb2222 (1 runs); synthetic aaaa1111 (1 runs)");
    let found = tables("clean", &set.runs, &TableOptions::default());
    let (first, _) = found.split_once("| Method |").unwrap();
    has(
        first,
        "> **Warning:** the runs of CIFAR-100 are of different data, and are kept apart: files bbbb2222 (1 runs)",
    );
    has(&found, "**AdamW; data synthetic aaaa1111**");
    has(&found, "**AdamW; data files bbbb2222**");
    lacks(&found, "| Baseline | 2 |");
    let asked = PageQuestion { sources: &[], registry: None, flags: "", metric: None, group_by: &[] };
    let page = Page::of(set, &asked).unwrap();
    assert!(page.alerts[0].contains("different data"), "{:?}", page.alerts);
}

#[test]
fn case_4_a_figure_counts_a_copied_result_once() {
    let runs = read(&[five(0.6, json!({})), five(0.6, json!({}))]).runs;
    assert_eq!(runs.len(), 10);
    let options = |kind| FigureOptions { kinds: vec![kind], ..FigureOptions::default() };
    for kind in [FigureKind::Curves, FigureKind::PeakFinal, FigureKind::Strips] {
        let figure = &draw(&runs, &options(kind)).figures[0].named;
        lacks(&figure.svg, "n\u{a0}=\u{a0}10");
        has(&figure.svg, "n\u{a0}=\u{a0}5");
    }
    has(&tables("clean", &runs, &TableOptions::default()), "5 files hold a result that another file holds, too");
}

#[test]
fn case_5_settings_race_within_one_problem() {
    let noisy = |rate: f64| json!({"label_noise_type": "symmetric", "label_noise_rate": rate});
    let set = read(&[five(0.6, noisy(0.2)), five(0.5, noisy(0.4))]);
    let answer = best(&set.runs, &Question::default()).unwrap();
    let titles: Vec<String> = answer.groups.iter().map(aees_report::best::Ranking::title).collect();
    assert_eq!(
        titles,
        [
            "task cifar100, optimizer AdamW, label_noise_rate 0.2",
            "task cifar100, optimizer AdamW, label_noise_rate 0.4"
        ]
    );
    let group_by = words(&["lr"]);
    let asked = PageQuestion { sources: &[], registry: None, flags: "", metric: None, group_by: &group_by };
    let page = Page::of(set, &asked).unwrap();
    let groups = page.best.unwrap().groups;
    assert_eq!(groups.len(), 2);
    assert_eq!(groups[0].name[0], ("lr".to_owned(), "0.001".to_owned()));
}

#[test]
fn case_6_ablations_stand_in_their_own_tables_and_the_main_rows_keep_their_names() {
    let runs = read(&[
        five(0.60, json!({})),
        five(0.62, json!({"lr_scheduler": "cosine"})),
        five(0.64, bandit(json!({}))),
        five(0.65, bandit(json!({"lr_scheduler": "cosine"}))),
        five(0.63, bandit(json!({"reward_instability_lambda": 0.1}))),
        five(0.61, bandit(json!({"context_mode": "trend"}))),
        five(0.55, json!({"lr": 0.0005})),
    ])
    .runs;
    let found = tables("clean", &runs, &TableOptions::default());
    let names = ["Baseline", "Baseline + cosine", "AEES", "AEES + cosine"];
    names.iter().for_each(|name| has(&found, &format!("| {name} | 5 |")));
    lacks(&found, "AEES (");
    lacks(&found, "--†");
    has(&tables("penalty", &runs, &TableOptions::default()), "| Penalty 0.1 - No penalty | best | 5 |");
    has(&tables("trend", &runs, &TableOptions::default()), "| Trend - Context-free | best | 5 |");
    has(&tables("fixed", &runs, &TableOptions::default()), "| AEES - Best constant (lr 0.001) | best | 5 |");
}

#[test]
fn case_7_the_diagnostics_of_runs_that_stopped_at_their_peaks_are_drawn() {
    let stopped = |seed: i64| {
        let settings = json!({"label_noise_type": "symmetric", "label_noise_rate": 0.4, "epochs": 17 + seed,
            "diagnostics": {"final_subset_accuracies": {"train_all_accuracy": 0.6, "train_clean_accuracy": 0.7,
                "train_corrupted_accuracy_vs_noisy_labels": 0.04, "train_corrupted_accuracy_vs_clean_labels": 0.5}}});
        result(seed, 0.5, settings)
    };
    let runs = read(&[(0..5).map(stopped).collect()]).runs;
    let options = FigureOptions { kinds: vec![FigureKind::Diagnostics], ..FigureOptions::default() };
    let drawn = draw(&runs, &options);
    assert!(drawn.without_data.is_empty(), "{:?}", drawn.without_data);
    assert_eq!(drawn.figures[0].named.csv.lines().count(), 1 + 5);
    has(&drawn.figures[0].named.svg, "n\u{a0}=\u{a0}5");
}

#[test]
fn case_8_aees_is_compared_with_random_and_whatever_is_asked_for() {
    let random = json!({"control_mode": "random", "lr_candidates": [0.5, 1.0, 2.0]});
    let runs = read(&[five(0.6, json!({})), five(0.64, bandit(json!({}))), five(0.63, random)]).runs;
    let found = tables("clean", &runs, &TableOptions::default());
    has(&found, "| AEES - Baseline | best | 5 |");
    has(&found, "| AEES - Random | best | 5 |");
    has(&found, "Families of Holm's correction, in this table: best (2 tests), final (2 tests).");
    let options = |compare: &[(&str, &str)], against: Option<&str>| TableOptions {
        compare: compare.iter().map(|(one, other)| ((*one).to_owned(), (*other).to_owned())).collect(),
        against: against.map(str::to_owned),
        ..TableOptions::default()
    };
    let found = tables("clean", &runs, &options(&[("random", "adamw")], None));
    has(&found, "| Random - Baseline | best | 5 |");
    lacks(&found, "AEES - ");
    let found = tables("clean", &runs, &options(&[], Some("Random")));
    has(&found, "| Baseline - Random | best | 5 |");
    has(&found, "| AEES - Random | final | 5 |");
    let by_method = general(
        &runs,
        &words(&["method"]),
        &words(&["train_loss", "peak_epoch", "final"]),
        &options(&[], Some("baseline")),
    );
    let found = text(&by_method.unwrap());
    for quantity in ["train loss", "peak epoch", "final"] {
        has(&found, &format!("| AEES - Baseline | {quantity} | 5 |"));
    }
}

#[test]
fn case_8_a_metric_of_one_report_is_one_of_all() {
    let runs = read(&[five(0.6, json!({})), five(0.64, bandit(json!({})))]).runs;
    for metric in
        ["best", "final", "val_accuracy", "train_loss", "peak_epoch", "total_time", "total_steps", "epoch_seconds"]
    {
        general(&runs, &words(&["method"]), &words(&[metric]), &TableOptions::default()).unwrap();
        best(&runs, &Question { metric: metric.into(), ..Question::default() }).unwrap();
        aees_report::tensor::tensor(&runs, metric, aees_report::tensor::Dimension::ALL).unwrap();
    }
}

#[test]
fn case_8_a_case_of_a_study_is_a_group() {
    let mut runs = read(&[five(0.6, json!({})), five(0.64, bandit(json!({})))]).runs;
    for run in &mut runs {
        run.case = Some(if run.lr_candidates.len() > 1 { "ours" } else { "theirs" }.into());
    }
    let options = TableOptions { compare: vec![("ours".into(), "theirs".into())], ..TableOptions::default() };
    let found = text(&general(&runs, &words(&["case"]), &words(&["best"]), &options).unwrap());
    has(&found, "| ours | 5 |");
    has(&found, "| ours - theirs | best | 5 |");
}

#[test]
fn case_8_the_comparisons_of_a_problem_stand_together() {
    let mut runs = Vec::new();
    for noise in [json!({}), json!({"label_noise_type": "symmetric", "label_noise_rate": 0.4})] {
        for (best, settings) in [(0.6, json!({})), (0.62, json!({"lr_scheduler": "cosine"})), (0.64, bandit(json!({})))]
        {
            let mut settings = settings;
            settings.as_object_mut().unwrap().extend(noise.as_object().unwrap().clone());
            runs.push(five(best, settings));
        }
    }
    let options = TableOptions { against: Some("AEES".into()), ..TableOptions::default() };
    let found = text(&general(&read(&runs).runs, &words(&["method"]), &words(&["best"]), &options).unwrap());
    let paired = found.split("paired differences").nth(1).unwrap();
    assert_eq!(paired.matches(" - AEES").count(), 4, "{found}");
    assert_eq!(paired.matches("| **").count(), 2, "{found}");
}

#[test]
fn case_9_one_run_gives_no_interval() {
    let runs = read(&[vec![result(0, 0.6, json!({})), result(0, 0.64, bandit(json!({})))]]).runs;
    let found = tables("clean", &runs, &TableOptions::default());
    has(&found, "| AEES - Baseline | best | 1 | 4.00 | -- | -- |");
    let rows = overhead::rows(&runs);
    assert!(rows.iter().all(|row| row.overhead.unwrap().interval.is_none()));
}
