//! `aees report tables` as a user runs it, on files like those of the reference's archive.

use std::path::PathBuf;

use crate::program::Scratch;
use serde_json::{Value, json};

/// Asymmetric noise on a fifth of the labels, AdamW: the ten best accuracies that the reference publishes seed by seed.
const FIXED: [f64; 5] = [0.5892, 0.5833, 0.5804, 0.5819, 0.5875];
const AEES: [f64; 5] = [0.6091, 0.6117, 0.6173, 0.6258, 0.6205];

/// A noisy CIFAR-100 result of three epochs that peaks in the second.
fn result(seed: usize, best: f64, adaptive: bool) -> Value {
    let last = best - 0.02;
    let config = json!({"control_mode": "baseline", "optimizer": "AdamW", "lr": 0.001, "weight_decay": 0.0001, "epochs": 3,
            "batch_size": 128, "lr_scheduler": "none", "scheduler_t_max": 3, "label_noise_type": "asymmetric",
            "label_noise_rate": 0.2, "episode_length": 200, "lr_candidates": [1.0], "noise_candidates": [0.0],
            "context_mode": "none", "reward_instability_lambda": 0.0, "seed": seed,
            "diagnostics": {"final_subset_accuracies": {"train_all_accuracy": 0.6, "train_clean_accuracy": 0.7,
                "train_corrupted_accuracy_vs_noisy_labels": 0.25, "train_corrupted_accuracy_vs_clean_labels": 0.5,
                "final_val_accuracy": last}}});
    let mut result = json!({
        "method_name": if adaptive { "AdaptiveScheduler" } else { "Baseline" }, "task_name": "cifar100", "seed": seed,
        "dataset_name": "CIFAR-100", "model_name": "resnet18", "run_tag": null, "total_epochs": 3, "total_steps": 1173,
        "train_losses": [3.5 + seed as f64, 3.0, 2.5], "train_accuracies": [0.2, 0.3, 0.4],
        "val_accuracies": [best - 0.1, best, last], "best_val_accuracy": best, "final_val_accuracy": last,
        "final_train_loss": 2.5, "epoch_wall_clock_seconds": [5.0, 4.5, 4.5], "wall_clock_seconds": 14.0,
        "epoch_tflops": [5.92, 5.92, 5.92], "estimated_flops": 1.776e13, "controller_logs": null, "episode_logs": null,
        "config": config,
    });
    if adaptive {
        result["config"]["control_mode"] = json!("adaptive");
        result["config"]["lr_candidates"] = json!([0.5, 1.0, 2.0]);
        result["controller_logs"] = json!({"structured_control_mode": "independent", "context_mode": "none",
            "lr_controller_logs": {"controller_type": "DiscountedUCBController", "axis_name": "lr",
                "arm_values": [0.5, 1.0, 2.0], "controller_created": true},
            "noise_controller_logs": {"controller_type": "FixedAxis", "axis_name": "noise", "arm_values": [0.0],
                "controller_created": false, "fixed_arm_value": 0.0}});
    }
    result
}

fn put(scratch: &Scratch, name: &str, result: &Value) {
    let path = scratch.path(name);
    std::fs::create_dir_all(path.parent().unwrap()).unwrap();
    std::fs::write(path, result.to_string()).unwrap();
}

/// The ten files, named as nobody would guess: files are known by what is in them.
fn archive() -> Scratch {
    let scratch = Scratch::new();
    for seed in 0..5 {
        put(&scratch, &format!("runs/{seed}/one"), &result(seed, FIXED[seed], false));
        put(&scratch, &format!("runs/{seed}/other"), &result(seed, AEES[seed], true));
    }
    scratch
}

#[track_caller]
fn has(text: &str, expected: &str) {
    assert!(text.contains(expected), "{expected:?} is not in:\n{text}");
}

#[test]
fn the_published_numbers_come_out_to_the_printed_digit() {
    let text = archive().run(["report", "tables", "runs"]).ok().stdout();
    has(&text, "| Baseline | 5 | *58.45 ± 0.37* |");
    has(&text, "| AEES | 5 | **61.69 ± 0.67** |");
    has(&text, "| AEES - Baseline | best | 5 | 3.24 [2.50, 3.94] | 0.90 | 8.041 | 4 | 0.001 |");
}

/// Fixed multipliers that differ from the best one, so that there is a choice.
fn with_multipliers(scratch: &Scratch) {
    for (seed, best) in FIXED.into_iter().enumerate() {
        for (name, factor, less) in [("half", 0.5, 0.005), ("double", 2.0, 0.0237)] {
            let mut result = result(seed, best - less, false);
            result["config"]["lr"] = json!(0.001 * factor);
            put(scratch, &format!("runs/{seed}/{name}"), &result);
        }
    }
}

#[test]
fn aees_is_compared_with_the_best_constant_rate() {
    let scratch = archive();
    with_multipliers(&scratch);
    let text = scratch.run(["report", "tables", "runs", "--table", "fixed,fixed-detailed,noisy"]).ok().stdout();
    has(&text, "| AEES - Best constant (lr 0.001) | best | 5 | 3.24 [2.50, 3.94] |");
    has(&text, "| Baseline (lr 0.0005) | 5 | 57.95");
    has(&text, "| Baseline (lr 0.002) | 5 | 56.08");
    has(&text, "best mean peak, of 3 rows; picked after the fact");
    // A rate that no bandit works on is no row of the main table.
    has(&text, "| Baseline | 5 | *58.45 ± 0.37* |");
}

#[test]
fn files_of_three_kinds_are_written_for_each_table() {
    let scratch = archive();
    scratch.run(["report", "tables", "runs", "--table", "noisy", "--out", "tables"]).ok();
    let csv = scratch.text("tables/cifar_noisy_asym20.csv");
    has(&csv, "optimizer,method,n,best_mean,best_std,same_epoch_mean,");
    let row = csv.lines().find(|line| line.starts_with("AdamW,AEES,")).unwrap();
    let mean: f64 = row.split(',').nth(3).unwrap().parse().unwrap();
    assert!((mean - 0.61688).abs() < 1e-12, "{row}");
    let latex = scratch.text("tables/cifar_noisy_asym20.tex");
    has(&latex, r"AEES & 5 & \textbf{61.69} $\pm$ 0.67 &");
    has(&latex, r"\toprule");
    has(&scratch.text("tables/cifar_noisy_asym20_paired.md"), "3.24 [2.50, 3.94]");
    assert_eq!(std::fs::read_dir(scratch.path("tables")).unwrap().count(), 6);
}

#[test]
fn a_damaged_result_is_named_and_has_its_exit_code() {
    let scratch = archive();
    let path = scratch.path("runs/3/other");
    let text = std::fs::read_to_string(&path).unwrap();
    std::fs::write(&path, &text[..text.len() / 2]).unwrap();
    let words: [&[&str]; 6] = [
        &["tables"],
        &["figures", "--out", "figures"],
        &["html", "--out", "page.html"],
        &["best"],
        &["tensor"],
        &["overhead"],
    ];
    for words in words {
        let run = scratch.run(["report"].iter().chain(words).chain(&["runs"]));
        assert_eq!(run.code(), Some(2), "{words:?}: {}", run.stderr());
        assert!(words[0] == "html" || run.stderr().contains("damaged runs/3/other: not JSON"), "{}", run.stderr());
    }
    has(&scratch.text("page.html"), "damaged: runs/3/other");
}

#[test]
fn a_missing_seed_is_named_with_its_command() {
    let scratch = archive();
    std::fs::remove_file(scratch.path("runs/3/other")).unwrap();
    let text = scratch.run(["report", "tables", "runs", "--table", "noisy", "--expect-n", "5"]).ok().stdout();
    has(&text, "† AdamW, AEES: 4 of 5 runs; missing seed 3");
    has(&text, "--set control_mode=adaptive");
    has(&text, "--seed 3`");
    assert!(!text.contains("61.5"), "{text}");
    let text = scratch
        .run(["report", "tables", "runs", "--table", "noisy", "--expect-n", "5", "--allow-partial"])
        .ok()
        .stdout();
    has(&text, "(n = 4)†");
}

#[test]
fn a_study_says_itself_which_seeds_a_row_needs() {
    let scratch = Scratch::new();
    let study = "aees: 1\ntask: cifar100\nbase: {data: synthetic, model_width: 2, limit_train: 60, limit_eval: 20, \
                 batch_size: 20, epochs: 1}\nsweep:\n  lr: [0.001, 0.002]\nseeds: [0, 5, 9]\n";
    std::fs::write(scratch.path("small.yaml"), study).unwrap();
    scratch.run(["sweep", "run", "small.yaml", "--jobs", "2"]).ok();
    let whole = scratch.run(["report", "tables", "small", "--table", "clean"]).ok().stdout();
    has(&whole, "| Baseline (lr 0.001) | 3 | ");
    has(&whole, "| Baseline (lr 0.002) | 3 | ");
    assert!(!whole.contains('†'), "{whole}");
    // Every row loses the same seed: the most common number would find nothing missing.
    let mut lost = 0;
    let folders = |path: PathBuf| std::fs::read_dir(path).unwrap().map(|entry| entry.unwrap().path());
    for run in folders(scratch.path("results/runs")).flat_map(folders) {
        let result = run.join("result.json");
        let Ok(text) = std::fs::read_to_string(&result) else { continue };
        let value: Value = serde_json::from_str(&text).unwrap();
        if value["config"]["seed"] == 9 {
            std::fs::remove_file(result).unwrap();
            lost += 1;
        }
    }
    assert_eq!(lost, 2);
    let complete = |scratch: &Scratch| {
        let text = scratch.run(["report", "tables", "small", "--table", "clean"]).ok().stdout();
        has(&text, "† AdamW, Baseline (lr 0.001): 2 of 3 runs; missing seed 9");
        has(&text, "--set data=synthetic");
        has(&text, "--set lr=0.002");
        assert_eq!(text.matches("--seed 9`").count(), 2, "{text}");
    };
    complete(&scratch);
    let text = scratch.run(["report", "tables", "small", "--table", "clean", "--expect-n", "2"]).ok().stdout();
    assert!(!text.contains('†'), "{text}");
    // Without the registry, the study's own file says it.
    for path in folders(scratch.path("results")) {
        if path.file_name().unwrap().to_string_lossy().starts_with("registry.") {
            std::fs::remove_file(path).unwrap();
        }
    }
    complete(&scratch);
}

#[test]
fn two_results_for_one_seed_are_both_named() {
    let scratch = archive();
    put(&scratch, "runs/again.json", &result(2, 0.5, true));
    let text = scratch.run(["report", "tables", "runs", "--table", "noisy"]).ok().stdout();
    has(&text, "| AEES | 5 | --‡ |");
    has(&text, "runs/2/other");
    has(&text, "runs/again.json");
    let text = scratch.run(["report", "tables", "runs", "--table", "noisy", "--duplicates", "first"]).ok().stdout();
    has(&text, "| AEES | 5 | **61.69 ± 0.67** |");
}

/// The older archived file, as far as the specification shows it.
fn older_agnews() -> Value {
    json!({
        "accuracy_per_tflop": 0.00013938046384575644, "best_val_accuracy": 0.9331666666666667,
        "config": {"method": "AdamW", "base_lr": 5e-05, "lr": 5e-05, "lr_scheduler": "warmup_linear", "warmup_epochs": 0,
            "scheduler_active": true, "scheduler_step_unit": "optimizer_step", "scheduler_span_steps": 33750,
            "scheduler_t_max": null, "label_noise_rate": 0.2, "label_noise_seed": 42, "label_noise_type": "symmetric",
            "lr_candidates": [1.0], "noise_candidates": [0.0], "episode_length": 100, "fixed_mode_name": null,
            "mode_names": null, "noise_std": 0.01, "epochs": 5, "seed": 2},
        "controller_logs": null, "episode_logs": null,
        "epoch_wall_clock_seconds": [122.37567605357617, 116.91709444392473, 116.0, 116.0, 116.0],
        "estimated_flops": 6695103753560064.0, "method_name": "AdamW", "task_name": "agnews", "total_epochs": 5,
        "seed": 2, "total_steps": 33750, "train_losses": [0.8394152807107678, 0.7, 0.6, 0.5, 0.4],
        "val_accuracies": [0.92175, 0.9331666666666667, 0.929, 0.922, 0.9065833333333333],
        "final_val_accuracy": 0.9065833333333333, "wall_clock_seconds": 589.8179427189752,
    })
}

#[test]
fn the_older_archived_file_is_a_row_of_the_text_tables() {
    let scratch = Scratch::new();
    put(&scratch, "old/agnews", &older_agnews());
    let text = scratch.run(["report", "tables", "old", "--table", "nlp-detailed"]).ok().stdout();
    has(&text, "### AG News with label noise");
    has(
        &text,
        "| Baseline + warmup-linear | 1 | -- | -- | -- | 93.32 | 93.32 | 90.66 | 2.66 | 2.0 | -- | 6695.1 | 239.3 | 589.8 |",
    );
}

#[test]
fn the_newer_archived_file_is_a_row_of_the_checkpoints() {
    let scratch = Scratch::new();
    let mut stopped = result(0, 0.6111, true);
    stopped["total_epochs"] = json!(18);
    stopped["config"]["epochs"] = json!(18);
    stopped["config"]["lr_scheduler"] = json!("cosine");
    stopped["config"]["scheduler_t_max"] = json!(18);
    let rising: Vec<f64> = (0..18).map(|epoch| 0.6111 - 0.01 * (17 - epoch) as f64).collect();
    for key in ["train_losses", "train_accuracies", "val_accuracies", "epoch_wall_clock_seconds", "epoch_tflops"] {
        stopped[key] = json!(rising);
    }
    stopped["final_val_accuracy"] = json!(0.6111);
    stopped["config"]["diagnostics"]["final_subset_accuracies"] = json!({"train_all_accuracy": 0.6658,
        "train_clean_accuracy": 0.778925, "train_corrupted_accuracy_vs_clean_labels": 0.5807,
        "train_corrupted_accuracy_vs_noisy_labels": 0.2133, "final_val_accuracy": 0.6111});
    put(&scratch, "checkpointing/one", &stopped);
    let text = scratch.run(["report", "tables", "checkpointing", "--table", "checkpoints"]).ok().stdout();
    has(&text, "| **asym20, AdamW** |");
    has(&text, "| AEES + cosine | 1 | 18.0 | 61.1 | 21.3 | 58.1 | 77.9 |");
    has(&text, "are other schedules than those of the main tables");
}

#[test]
fn any_study_in_a_table_of_its_own() {
    let scratch = archive();
    let text = scratch
        .run([
            "report",
            "tables",
            "runs",
            "--group-by",
            "optimizer,method",
            "--metric",
            "best_val_accuracy,final",
            "--format",
            "csv",
        ])
        .ok()
        .stdout();
    has(&text, "optimizer,method,n,best_mean,best_std,final_mean,final_std\n");
    scratch
        .run(["report", "tables", "runs", "--group-by", "optimiser"])
        .refused(&["no run has a field `optimiser`", "did you mean `optimizer`?"]);
}

#[test]
fn a_table_without_runs_is_no_silence() {
    let scratch = archive();
    scratch
        .run(["report", "tables", "runs", "--table", "nlp"])
        .refused(&["no runs for the table nlp", "none of the 10 results"]);
}

/// Any two methods by their names, each with its paired test; and names that no row has.
#[test]
fn two_methods_are_compared_by_name_and_all_against_one() {
    let scratch = archive();
    let compared = scratch.run(["report", "tables", "runs", "--compare", "AEES:Baseline"]).ok().stdout();
    let row =
        compared.lines().find(|line| line.starts_with("| AEES - Baseline")).unwrap_or_else(|| panic!("{compared}"));
    assert!(row.contains("3.24"), "{row}");
    let against = scratch.run(["report", "tables", "runs", "--against", "Baseline"]).ok().stdout();
    assert!(against.contains("| AEES - Baseline") && !against.contains("| Baseline - Baseline"), "{against}");
    let refused = ["report", "tables", "runs", "--compare", "AEES:Adagrad"];
    scratch.run(refused).refused(&["no two rows of one problem have these names", "the rows are"]);
    scratch.run(["report", "tables", "runs", "--compare", "AEES"]).refused(&["AEES:Random"]);
}

/// The same method for three purposes, and an ablation that nothing but the study's word tells from a method of its own.
#[test]
fn a_study_says_what_its_runs_are_for() {
    let scratch = Scratch::new();
    let study = "aees: 1\ntask: cifar100\nbase: {data: synthetic, model_width: 2, limit_train: 60, limit_eval: 20, \
                 batch_size: 20, epochs: 1, episode_length: 2}\nseeds: 2\n";
    let main = "cases:\n  - name: plain\n  - &aees\n    name: aees\n    set: {control_mode: adaptive, lr_candidates: [0.5, 1, 2]}\n  - \
                name: scaled\n    purpose: ablation\n    set: {control_mode: adaptive, lr_candidates: [0.5, 1, 2], controller: scaled-ducb}\n";
    std::fs::write(scratch.path("main.yaml"), format!("{study}{main}")).unwrap();
    let speed = format!(
        "{study}purpose: timing\nset: {{epochs: 2}}\ncases: [{{name: plain}}, {{name: cosine, set: {{lr_scheduler: cosine}}}}]\n"
    );
    std::fs::write(scratch.path("speed.yaml"), speed).unwrap();
    for name in ["main.yaml", "speed.yaml"] {
        scratch.run(["sweep", "run", name, "--jobs", "2"]).ok();
    }
    // By the names of the studies, and as an archive of everything.
    for sources in [["main", "speed"], ["results", "results"]] {
        let text = scratch.run(["report", "tables", sources[0], sources[1]]).ok().stdout();
        let (clean, rest) = text.split_once("\n### ").unwrap();
        has(clean, "| AEES | 2 |");
        has(clean, "| Baseline | 2 |");
        has(clean, "2 runs are in the table of other ablations, not in this one");
        has(clean, "4 runs are in the table of the overhead, not in this one");
        assert!(!clean.contains("scaled") && !clean.contains("cosine"), "{clean}");
        let (_, ablations) = rest.split_once("### Other ablations\n").unwrap();
        has(ablations, "| AEES scaled DUCB | 2 |");
        has(ablations, "| AEES scaled DUCB - AEES | best | 2 |");
        let (_, overhead) = rest.split_once("### Compute overhead over the plain baseline\n").unwrap();
        let overhead = overhead.split("\n### ").next().unwrap();
        has(overhead, "| Baseline + cosine | 2 |");
        assert!(!overhead.contains("AEES"), "runs for accuracy are not timed: {overhead}");
    }
    // A run that another study wants for nothing in particular is told by what differs.
    std::fs::write(scratch.path("also.yaml"), format!("{study}set: {{epochs: 2}}\n")).unwrap();
    scratch.run(["sweep", "run", "also.yaml"]).ok();
    let text = scratch.run(["report", "tables", "results", "--table", "clean"]).ok().stdout();
    has(&text, "2 runs are in the table of the overhead, not in this one");
    scratch.run(["report", "html", "main", "--out", "page.html"]).ok();
    has(&scratch.text("page.html"), "<dt>purposes</dt><dd>scaled ablation</dd>");
}

/// Chance and the reference's bandit on a run of ours and on the reference's archive: who could not have learned is said in words.
#[test]
fn control_health_says_who_could_not_have_learned() {
    let scratch = Scratch::new();
    let picks = ["--lr-candidates", "0.5,1,2", "--episode-length", "2", "--epochs", "6"];
    for (name, control) in [("adaptive", "adaptive"), ("random", "random"), ("open", "uniform-random")] {
        for seed in ["0", "1", "2"] {
            let more = [&picks[..], &["--control-mode", control, "--seed", seed]].concat();
            scratch.train(&format!("runs/{name}{seed}"), &more).ok();
        }
    }
    let table = scratch.run(["report", "tables", "runs", "--table", "control-health"]).ok().stdout();
    let row =
        |name: &str| table.lines().find(|line| line.starts_with(&format!("| {name} |"))).unwrap_or_default().to_owned();
    assert!(row("AEES").contains("| 3 |") && row("AEES").ends_with("could not |"), "{table}");
    assert!(row("Random").ends_with("control |") && row("Uniform random").is_empty(), "{table}");
    assert!(table.contains("AEES: could not have learned: "), "{table}");
    scratch.run(["report", "figures", "runs", "--figure", "control-health", "--out", "figures"]).ok();
    let data = std::fs::read_dir(scratch.path("figures")).unwrap().filter_map(Result::ok);
    let csv = data.map(|entry| entry.path()).find(|path| path.to_string_lossy().ends_with("aees-lr.csv")).unwrap();
    let csv = std::fs::read_to_string(csv).unwrap();
    for quantity in ["value_range", "mean_bonus", "share", "entropy", "effect"] {
        assert!(csv.contains(&format!(",lr,{quantity},")), "{quantity}");
    }
    let archive = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("report/tests/fixtures/archive");
    let run = scratch.run(["report".into(), "tables".into(), archive, "--table".into(), "control-health".into()]).ok();
    assert!(
        run.stdout().contains("could not have learned: its rewards do not tell the arms apart"),
        "{}",
        run.stdout()
    );
}
