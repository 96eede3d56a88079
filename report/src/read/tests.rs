//! Files as they come: whole, odd and broken. What archives look like is in `tests/report_reader.rs`.

use std::fs;
use std::path::Path;
use std::time::Instant;

use serde_json::{Value, json};
use tempfile::TempDir;

use super::*;
use crate::names::{NameStyle, method_name};
use crate::record::{Control, Layout, NoiseSetting};

fn old_run(seed: i64) -> Value {
    json!({"method_name": "Baseline", "task_name": "cifar100", "seed": seed, "total_steps": 782,
        "train_losses": [3.5, 2.5], "train_accuracies": [0.1, 0.2], "val_accuracies": [0.2, 0.3],
        "best_val_accuracy": 0.3, "final_val_accuracy": 0.3, "epoch_wall_clock_seconds": [5.0, 4.0],
        "controller_logs": null, "episode_logs": null,
        "config": {"lr": 0.001, "optimizer": "AdamW", "epochs": 2, "lr_scheduler": "none", "control_mode": "baseline",
            "label_noise_type": "none", "label_noise_rate": 0.0}})
}

fn with(mut document: Value, key: &str, value: Value) -> Value {
    document[key] = value;
    document
}

fn read(folder: &TempDir) -> ResultSet {
    ResultSet::read(&[ReportSource::Folder(folder.path().into())]).unwrap()
}

fn put(folder: &TempDir, name: &str, text: impl AsRef<[u8]>) {
    let path = folder.path().join(name);
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    fs::write(path, text).unwrap();
}

#[test]
fn every_bad_file_is_named_and_the_good_one_is_read() {
    let folder = TempDir::new().unwrap();
    let unequal = with(old_run(1), "val_accuracies", json!([0.1, 0.2, 0.3]));
    for (name, text) in [
        ("good", old_run(0).to_string()),
        ("a.log", "[12:00] epoch 1".into()),
        ("b", "{\"method_name\": \"Base".into()),
        ("c.json", json!({"name": "no result"}).to_string()),
        ("d.json", unequal.to_string()),
        ("e.json", String::new()),
        ("f.json", "[1, 2]".into()),
        ("g.json", with(old_run(1), "train_losses", json!("many")).to_string()),
        ("h.json", with(old_run(1), "seed", Value::Null).to_string()),
        (".hidden", old_run(3).to_string()),
        ("checkpoints/i.json", old_run(4).to_string()),
    ] {
        put(&folder, name, text);
    }
    let set = read(&folder);
    assert_eq!(set.runs.iter().map(|run| run.seed).collect::<Vec<_>>(), [0]);
    let reasons: Vec<String> = set
        .skipped
        .iter()
        .map(|skipped| format!("{}: {}", skipped.path.file_name().unwrap().display(), skipped.reason))
        .collect();
    let expected = [
        "a.log: not a RunResult: no JSON object",
        "b: not JSON: EOF while parsing a string at line 1 column 21",
        "c.json: JSON, but not a RunResult: it has neither val_accuracies nor method_name and config",
        "d.json: unequal lengths: val_accuracies has 3 entries, train_losses has 2",
        "e.json: the file is empty",
        "f.json: not a RunResult: no JSON object",
        "g.json: JSON, but not a RunResult: invalid type: string \"many\"",
        "h.json: it has no seed",
    ];
    assert_eq!(reasons.len(), expected.len(), "{reasons:#?}");
    for (reason, expected) in reasons.iter().zip(expected) {
        assert!(reason.starts_with(expected), "{reason} is not {expected}");
    }
}

#[test]
fn pythons_nan_is_kept_and_told() {
    let folder = TempDir::new().unwrap();
    let text = old_run(0).to_string().replace("[3.5,2.5]", "[3.5, NaN]").replace("[0.2,0.3]", "[-Infinity,0.3]");
    put(&folder, "run.json", text);
    let set = read(&folder);
    assert!(set.runs[0].train_losses[1].is_nan() && set.runs[0].val_accuracies[0].is_nan());
    assert_eq!(set.runs[0].diverged_at, Some(391));
    assert_eq!(set.warnings.len(), 2, "{:?}", set.warnings);
    assert!(set.warnings[0].ends_with("run.json: train_losses is not a number in epoch 2"), "{}", set.warnings[0]);
    assert!(set.warnings[1].ends_with("val_accuracies is not a number in epoch 1"), "{}", set.warnings[1]);
}

#[test]
fn a_negative_loss_is_told() {
    let folder = TempDir::new().unwrap();
    put(&folder, "run", with(old_run(0), "train_losses", json!([1.0, -0.5])).to_string());
    let warnings = read(&folder).warnings;
    assert!(warnings[0].ends_with("train_losses is negative in epoch 2 (-0.5): it has no logarithm"), "{warnings:?}");
}

#[test]
fn two_results_for_one_seed_are_both_kept_and_named() {
    let folder = TempDir::new().unwrap();
    put(&folder, "one/result", old_run(0).to_string());
    put(&folder, "two/result", old_run(0).to_string());
    put(&folder, "three/result", old_run(1).to_string());
    let set = read(&folder);
    assert_eq!(set.runs.len(), 3);
    let twice = set.duplicates();
    assert_eq!((twice.len(), twice[0].seed, twice[0].indices.len()), (1, 0, 2));
    let warning = &set.warnings[0];
    assert!(warning.contains("2 results for seed 0") && warning.contains("one/result"), "{warning}");
    assert!(warning.contains("two/result") && !warning.contains("three"), "{warning}");
}

#[test]
fn a_file_named_twice_is_read_once() {
    let folder = TempDir::new().unwrap();
    put(&folder, "run", old_run(0).to_string());
    let sources = [ReportSource::Folder(folder.path().into()), ReportSource::File(folder.path().join("run"))];
    assert_eq!(ResultSet::read(&sources).unwrap().runs.len(), 1);
}

#[test]
fn nothing_to_read_is_an_error_that_says_why() {
    let folder = TempDir::new().unwrap();
    let of = |path: &Path| ResultSet::read(&[ReportSource::Folder(path.into())]).unwrap_err().to_string();
    assert!(of(folder.path()).contains("the folder is empty"), "{}", of(folder.path()));
    assert!(of(&folder.path().join("nowhere")).ends_with("nowhere is not there"));
    put(&folder, "a.log", "text");
    assert!(of(folder.path()).contains("a.log: not JSON"), "{}", of(folder.path()));
    // Beside one that has results, an empty folder is told and harms nothing.
    let other = TempDir::new().unwrap();
    put(&other, "run", old_run(0).to_string());
    fs::create_dir(other.path().join("empty")).unwrap();
    let sources = [ReportSource::Folder(other.path().into()), ReportSource::Folder(other.path().join("empty"))];
    let set = ResultSet::read(&sources).unwrap();
    assert_eq!((set.runs.len(), set.skipped.len()), (1, 1));
}

#[test]
fn a_folder_of_a_run_gives_its_result_alone() {
    let folder = TempDir::new().unwrap();
    for name in ["done/config.yaml", "done/metrics.jsonl", "begun/config.yaml", "begun/log.txt"] {
        put(&folder, name, "{}");
    }
    put(&folder, "done/result.json", with(old_run(0), "schema_version", json!(1)).to_string());
    let set = read(&folder);
    assert_eq!((set.runs.len(), set.runs[0].layout), (1, Layout::Aees));
    assert_eq!(set.skipped.len(), 1);
    assert_eq!(set.skipped[0].reason, "no result.json: the run is not done");
}

#[test]
fn who_picked_is_told_by_settings_and_logs() {
    let of = |name: &str, config: Value, controller: &str| {
        let mut document = with(old_run(0), "method_name", json!(name));
        config.as_object().unwrap().iter().for_each(|(key, value)| document["config"][key] = value.clone());
        document["controller_logs"] = match controller {
            "" => Value::Null,
            kind => json!({"lr_controller_logs": {"controller_type": kind, "value_estimates_history": [{"1.0": 0.1}]}}),
        };
        let folder = TempDir::new().unwrap();
        put(&folder, "run", document.to_string());
        read(&folder).runs.remove(0)
    };
    let three = json!({"lr_candidates": [0.5, 1.0, 2.0], "control_mode": "adaptive"});
    let adaptive = of("AdaptiveScheduler", three, "DiscountedUCBController");
    assert_eq!((adaptive.control, method_name(&adaptive, NameStyle::Short).text), (Control::Adaptive, "AEES".into()));
    // The reference's own identification takes these for AEES.
    let random = json!({"noise_candidates": [0.0, 0.005], "control_mode": null, "method": "RandomScheduler"});
    assert_eq!(of("RandomScheduler", random, "FixedAxis").control, Control::Random);
    let fixed = json!({"lr_candidates": [0.5], "control_mode": "adaptive", "lr_scheduler": "cosine"});
    let fixed = of("AdaptiveScheduler", fixed, "FixedAxis");
    assert_eq!(
        (fixed.control, method_name(&fixed, NameStyle::Short).text),
        (Control::Fixed, "Fixed ×0.5 + cosine".into())
    );
    let sigma = json!({"noise_candidates": [0.005], "control_mode": "random"});
    assert_eq!(method_name(&of("RandomScheduler", sigma, "FixedAxis"), NameStyle::Short).text, "Fixed σ 0.005");
    assert_eq!(of("FixedMode", json!({"fixed_mode_name": "base"}), "FixedModeController").control, Control::Fixed);
    let open = json!({"lr_candidates": [0.5, 1.0, 2.0], "open_loop_policy": {"policy": "frequency-matched"}});
    assert_eq!(of("x", open, "PrecomputedScheduleController").control, Control::FrequencyMatched);
    let baseline = of("Baseline", json!({"lr": 0.002}), "");
    assert_eq!(
        (baseline.control, method_name(&baseline, NameStyle::Short).text),
        (Control::Baseline, "Baseline".into())
    );
    assert_eq!(method_name(&of("Baseline", json!({}), ""), NameStyle::Short).text, "Baseline");
}

#[test]
fn a_text_run_of_the_reference_names_neither_optimizer_nor_noise() {
    let folder = TempDir::new().unwrap();
    let config = json!({"method": "AdamW", "lr": 5e-5, "label_noise_rate": 0.2, "lr_scheduler": "warmup_linear"});
    let document = with(old_run(0), "config", config);
    put(&folder, "run", with(document, "task_name", json!("agnews")).to_string());
    let run = read(&folder).runs.remove(0);
    assert_eq!((run.optimizer.as_str(), run.label_noise), ("AdamW", NoiseSetting::Symmetric(0.2)));
    assert_eq!(
        (method_name(&run, NameStyle::Short).text, run.label_noise.label()),
        ("Baseline + warmup-linear".into(), "sym20".into())
    );
}

#[test]
fn a_programs_result_has_its_settings_and_numbers() {
    let folder = TempDir::new().unwrap();
    let document = json!({"schema_version": 1, "task_name": "command", "run_id": "ab", "seed": 3,
        "outcome": {"status": "diverged", "step": 7}, "method_name": null, "metrics": {"loss": 0.5},
        "result": {"loss": 0.5}, "command": {"input": {"seed": 3, "width": 8}}});
    put(&folder, "run", document.to_string());
    let run = read(&folder).runs.remove(0);
    assert_eq!((run.task.as_str(), run.seed, run.diverged_at), ("command", 3, Some(7)));
    assert_eq!(run.metrics, [("loss".to_owned(), 0.5)]);
    assert_eq!(Attributes::of(&run).to_string(), "task=command width=8");
}

/// `cargo test -p aees --release --lib report::read -- --ignored --nocapture`
#[test]
#[ignore = "a measurement"]
fn how_long_a_thousand_results_take() {
    let labels: Vec<u32> = (0..50_000).map(|index| index % 100).collect();
    let mask: Vec<bool> = labels.iter().map(|label| label % 5 == 0).collect();
    let history: Vec<Value> =
        (0..391).map(|count| json!({"0.5": 0.1 * f64::from(count), "1.0": 0.3, "2.0": 1.7})).collect();
    let numbers: Vec<f64> = (0..391).map(|count| 1.0 / f64::from(count + 3)).collect();
    let steps: Vec<u64> = (0..391).map(|count| 200 * count + 199).collect();
    let axis = json!({"controller_type": "DiscountedUCBController", "value_estimates_history": history,
        "effective_counts_history": history, "warmup_counts_history": history});
    let mut ordinary = old_run(0);
    ordinary["controller_logs"] = json!({"lr_controller_logs": axis});
    ordinary["episode_logs"] = json!({"selected_lr_values": numbers, "selected_noise_values": numbers,
        "episode_rewards": numbers, "episode_end_steps": steps, "mean_update_norms": numbers, "reward_base": numbers,
        "reward_penalty": numbers, "reward_final_clipped": numbers, "episode_ema_loss_starts": numbers});
    let mut large = ordinary.clone();
    large["config"]["diagnostics"] = json!({"label_noise": {"type": "symmetric", "rate": 0.2, "original_targets": labels,
        "noisy_targets": labels, "corrupted_mask": mask, "clean_mask": mask, "corrupted_indices": &labels[..10_000]}});
    for (what, document) in [("ordinary", ordinary), ("noisy", large)] {
        let folder = TempDir::new().unwrap();
        // As Python writes it: one number a line.
        let text = serde_json::to_string_pretty(&document).unwrap();
        for index in 0..1000 {
            put(&folder, &format!("run{index}"), text.replacen("\"seed\": 0", &format!("\"seed\": {index}"), 1));
        }
        let start = Instant::now();
        let set = read(&folder);
        let size = text.len() as f64 / 1e6;
        println!("{} {what} results of {size:.2} MB: {:.2} s", set.runs.len(), start.elapsed().as_secs_f64());
    }
}

/// What is no fraction would be a hundred times too large in every table.
#[test]
fn percentages_are_refused() {
    for (key, value, reason) in [
        (
            "val_accuracies",
            json!([20.0, 30.5]),
            "val_accuracies in epoch 1 is 20, a percentage: accuracies are fractions",
        ),
        ("train_accuracies", json!([0.9, 61.11]), "train_accuracies in epoch 2 is 61.11, a percentage"),
        ("best_val_accuracy", json!(30.5), "best_val_accuracy is 30.5, a percentage"),
        ("final_val_accuracy", json!(1.5), "final_val_accuracy is 1.5, a percentage"),
        ("best_val_accuracy", json!(305.0), "best_val_accuracy is 305: no accuracy, which is a fraction"),
        ("val_accuracies", json!([-0.1, 0.3]), "val_accuracies in epoch 1 is -0.1: no accuracy"),
        ("best_epoch_diagnostics", json!({"train_clean_accuracy": 77.9}), "train_clean_accuracy is 77.9, a percentage"),
    ] {
        let folder = TempDir::new().unwrap();
        put(&folder, "good", old_run(0).to_string());
        put(&folder, "percent", with(old_run(1), key, value).to_string());
        let set = read(&folder);
        assert_eq!(set.runs.len(), 1);
        assert!(set.skipped[0].reason.starts_with(reason) && set.skipped[0].damaged, "{:?}", set.skipped);
    }
}

/// A wrong headline value is told, and the curve's counts.
#[test]
fn a_headline_value_that_the_curve_contradicts_is_told() {
    let folder = TempDir::new().unwrap();
    put(&folder, "run", with(with(old_run(0), "best_val_accuracy", json!(0.9)), "total_epochs", json!(3)).to_string());
    let set = read(&folder);
    let run = &set.runs[0];
    assert_eq!((run.best_val_accuracy, run.contradictions.len(), set.warnings.len()), (0.3, 2, 2));
    let path = run.path.display();
    assert_eq!(set.warnings[0], format!("{path}: best_val_accuracy is 0.9 in the file, and 0.3 by the rest of it"));
    assert_eq!(set.warnings[1], format!("{path}: total_epochs is 3 in the file, and 2 by the rest of it"));
}

/// A diverged run has fewer epochs than it was to have, and worked in the one that it did not finish.
#[test]
fn a_diverged_run_is_not_a_cut_one() {
    let folder = TempDir::new().unwrap();
    let mut run = old_run(0);
    run["outcome"] = json!({"status": "diverged", "step": 900});
    (run["config"]["epochs"], run["total_steps"]) = (json!(10), json!(900));
    (run["epoch_tflops"], run["estimated_flops"]) = (json!([5.0, 5.0]), json!(11.3e12));
    put(&folder, "run", run.to_string());
    assert!(read(&folder).warnings.is_empty());
    run["estimated_flops"] = json!(9e12);
    put(&folder, "run", run.to_string());
    assert!(read(&folder).warnings[0].contains("estimated_flops is 9000000000000.0"));
}

#[test]
fn a_damaged_result_is_told_from_what_lies_beside_results() {
    let folder = TempDir::new().unwrap();
    let whole = old_run(1).to_string();
    for (name, text, damaged) in [
        ("cut", &whole[..whole.len() / 2], true),
        ("cut.json", &whole[..40], true),
        ("empty.json", "", true),
        ("noise.json", "\u{1}\u{2}\u{3}", true),
        ("types", r#"{"val_accuracies": "many", "seed": 1}"#, true),
        ("no_seed", r#"{"val_accuracies": [0.1]}"#, true),
        ("run.log", "[12:00] epoch 1", false),
        ("marker", "", false),
        ("notes.txt", "seen", false),
        ("metrics.jsonl", "{\"epoch\": 1}\n{\"epoch\": 2}\n", false),
        ("manifest.json", r#"{"run_count": 3, "runs": []}"#, false),
        ("list.json", "[1]", false),
    ] {
        put(&folder, "good", old_run(0).to_string());
        put(&folder, name, text);
        let set = read(&folder);
        assert_eq!(set.skipped.iter().map(|skipped| skipped.damaged).collect::<Vec<_>>(), [damaged], "{name}");
        fs::remove_file(folder.path().join(name)).unwrap();
    }
}
