//! Options of the loop that users of other trainers know: clipped gradients, evaluations between epochs, early stopping,
//! added-up gradients, and which checkpoints stay. Each decides what it should and nothing else, to the bit, also after a kill.

use std::collections::BTreeSet;

use serde_json::{Value, json};

use crate::program::{DUAL, Scratch, without_times};
#[cfg(unix)]
use crate::resume::interrupted;
use crate::resume::{kill_at_step, start_and_kill};

/// What two runs must agree in that train alike: parameters and curves.
fn trained(scratch: &Scratch, name: &str) -> Value {
    let result = scratch.json(&format!("{name}/result.json"));
    let keys =
        ["parameter_digest", "train_losses", "train_accuracies", "val_accuracies", "best_val_accuracy", "episode_logs"];
    keys.iter().map(|key| ((*key).to_owned(), result[key].clone())).collect()
}

fn lines(scratch: &Scratch, name: &str, kind: &str) -> Vec<Value> {
    let text = scratch.text(&format!("{name}/metrics.jsonl"));
    let lines = text.lines().map(|line| serde_json::from_str::<Value>(line).unwrap());
    lines.filter(|line| line["kind"] == kind).collect()
}

fn steps(evaluations: &Value) -> Vec<u64> {
    evaluations.as_array().unwrap().iter().map(|evaluation| evaluation["step"].as_u64().unwrap()).collect()
}

/// The run was killed at this step and taken up again: its result is that of the whole one, and so are its metrics.
fn is_the_same_after_a_kill(scratch: &Scratch, whole: &str, settings: &[&str], kill_at: u64) {
    let name = format!("{whole}-{kill_at}");
    kill_at_step(scratch, &name, &[settings, &["--checkpoint-every", "3"]].concat(), kill_at);
    scratch.run(["train", "--resume", &name, "--progress", "none"]).ok();
    let essence = |name: &str| {
        let mut result = without_times(scratch.json(&format!("{name}/result.json")));
        result["config"]["checkpoint_every"] = Value::Null;
        result
    };
    assert_eq!(essence(&name), essence(whole), "killed at {kill_at}");
    let metrics = |name: &str| {
        let mut lines = [lines(scratch, name, "epoch"), lines(scratch, name, "evaluation")].concat();
        lines.iter_mut().for_each(|line| drop(line.as_object_mut().unwrap().remove("seconds")));
        lines
    };
    assert_eq!(metrics(&name), metrics(whole), "killed at {kill_at}");
}

#[test]
fn gradients_are_clipped_and_their_norms_logged() {
    let scratch = Scratch::new();
    scratch.train("plain", &DUAL).ok();
    scratch.train("wide", &[&DUAL[..], &["--grad-clip", "1e9"]].concat()).ok();
    let clipped = [&DUAL[..], &["--grad-clip", "0.5"]].concat();
    scratch.train("clipped", &clipped).ok();
    assert_eq!(trained(&scratch, "wide"), trained(&scratch, "plain"), "a norm that none reaches changes no bit");
    assert_ne!(trained(&scratch, "clipped"), trained(&scratch, "plain"));
    let [plain, wide, clipped_result] =
        ["plain", "wide", "clipped"].map(|name| scratch.json(&format!("{name}/result.json")));
    assert_eq!(plain.get("gradient_norms"), None);
    let ids: BTreeSet<_> = [&plain, &wide, &clipped_result].iter().map(|run| run["run_id"].to_string()).collect();
    assert_eq!(ids.len(), 3, "it decides the result");
    assert_eq!(wide["clipped_shares"], json!([0.0, 0.0, 0.0]));
    let shares: Vec<f64> = serde_json::from_value(clipped_result["clipped_shares"].clone()).unwrap();
    assert!(shares.iter().all(|share| (0.0..=1.0).contains(share)) && shares[0] > 0.0, "{shares:?}");
    let norms: Vec<f64> = serde_json::from_value(wide["gradient_norms"].clone()).unwrap();
    assert!(norms.len() == 3 && norms.iter().all(|norm| *norm > 0.0), "{norms:?}");
    let logged = lines(&scratch, "wide", "epoch");
    assert_eq!(logged.iter().map(|line| line["gradient_norm"].as_f64().unwrap()).collect::<Vec<_>>(), norms);
    assert!(lines(&scratch, "plain", "epoch")[0].get("gradient_norm").is_none());
    for kill_at in [4, 17] {
        is_the_same_after_a_kill(&scratch, "clipped", &clipped, kill_at);
    }
    scratch.train("none", &["--grad-clip", "0"]).refused(&["--grad-clip must be positive"]);
}

#[test]
fn evaluations_between_epochs_change_nothing_but_what_they_tell() {
    let scratch = Scratch::new();
    scratch.train("plain", &DUAL).ok();
    let often = [&DUAL[..], &["--eval-every", "4", "--tensorboard"]].concat();
    let run = scratch.train("often", &often).ok();
    assert_eq!(trained(&scratch, "often"), trained(&scratch, "plain"));
    let result = scratch.json("often/result.json");
    // Ten steps an epoch: step 20 is an epoch's end, and evaluated there.
    assert_eq!(steps(&result["step_evaluations"]), [4, 8, 12, 16, 24, 28]);
    let logged = lines(&scratch, "often", "evaluation");
    let told: Vec<_> =
        logged.iter().map(|line| json!({"step": line["step"], "val_accuracy": line["val_accuracy"]})).collect();
    assert_eq!(json!(told), result["step_evaluations"]);
    assert!(logged.iter().all(|line| line.get("epoch").is_none()), "no epoch ended there");
    assert!(run.stderr().contains("| step 4 | val_acc="), "{}", run.stderr());
    let [more, less] =
        ["often", "plain"].map(|name| scratch.json(&format!("{name}/result.json"))["true_flops"].as_f64().unwrap());
    assert!(more > less, "evaluations cost: {more} and {less}");
    for kill_at in [5, 13, 23] {
        let settings = [&DUAL[..], &["--eval-every", "4", "--tensorboard"]].concat();
        is_the_same_after_a_kill(&scratch, "often", &settings, kill_at);
    }
    scratch.run(["replay", "often"]).ok();
}

/// All evaluations of a run, in order: step and accuracy.
fn evaluations(result: &Value) -> Vec<(u64, f64)> {
    let at_ends = result["val_accuracies"].as_array().unwrap().iter().zip(1..);
    let total = result["total_steps"].as_u64().unwrap();
    let at_ends = at_ends.map(|(accuracy, epoch)| ((10 * epoch).min(total), accuracy.as_f64().unwrap()));
    let between = result["step_evaluations"].as_array().into_iter().flatten();
    let between = between.map(|it| (it["step"].as_u64().unwrap(), it["val_accuracy"].as_f64().unwrap()));
    let mut all: Vec<_> = at_ends.chain(between).collect();
    all.sort_by_key(|(step, _)| *step);
    all
}

/// How many of these evaluations a run with this patience makes, and the best of them.
fn with_patience(all: &[(u64, f64)], patience: usize) -> (usize, (u64, f64)) {
    let mut best = 0;
    for number in 1..all.len() {
        if all[number].1 > all[best].1 {
            best = number;
        } else if number - best == patience {
            return (number + 1, all[best]);
        }
    }
    (all.len(), all[best])
}

#[test]
fn a_run_whose_patience_is_over_stops_there_and_is_otherwise_the_same() {
    let scratch = Scratch::new();
    let (mut early, mut in_an_epoch) = (0, 0);
    for every in ["3", "100"] {
        let settings = [&DUAL[..], &["--epochs", "6", "--eval-every", every, "--lr-scheduler", "cosine"]].concat();
        scratch.train(&format!("whole{every}"), &settings).ok();
        let whole = scratch.json(&format!("whole{every}/result.json"));
        let all = evaluations(&whole);
        for patience in 1..=3 {
            let name = format!("patient{every}-{patience}");
            let typed = patience.to_string();
            let settings = [&settings[..], &["--patience", &typed]].concat();
            let run = scratch.train(&name, &settings).ok();
            let result = scratch.json(&format!("{name}/result.json"));
            let (count, best) = with_patience(&all, patience);
            assert_eq!(evaluations(&result), all[..count], "patience {patience}, every {every}");
            let stop = all[count - 1].0;
            assert_eq!((&result["total_steps"], &result["outcome"]["status"]), (&json!(stop), &json!("ok")));
            // A schedule spans the epochs that were asked for.
            assert_eq!(result["learning_rates"][0], whole["learning_rates"][0]);
            assert_eq!(result["final_val_accuracy"], json!(all[count - 1].1), "that of the last model");
            if stop == 60 {
                assert_eq!(result["stopped_early"], Value::Null);
                assert!(!run.stderr().contains("stopped early"), "{}", run.stderr());
                continue;
            }
            early += 1;
            in_an_epoch += usize::from(!stop.is_multiple_of(10));
            let expected = json!({
                "step": stop, "planned_steps": 60, "evaluations_without_gain": patience,
                "best_evaluation": {"step": best.0, "val_accuracy": best.1},
            });
            assert_eq!(result["stopped_early"], expected);
            assert!(run.stderr().contains(&format!("stopped early after step {stop}")), "{}", run.stderr());
            scratch.run(["replay", &name]).ok();
            if patience == 2 {
                for kill_at in [stop - 1, stop / 2] {
                    is_the_same_after_a_kill(&scratch, &name, &settings, kill_at);
                }
            }
        }
    }
    assert!(
        early >= 2 && in_an_epoch >= 1,
        "{early} stopped early, {in_an_epoch} of them in an epoch: nothing was tested"
    );
    // A report takes them as they are.
    let run = scratch.run(["report", "best", ".", "--json"]).ok();
    assert!(!run.stderr().contains("contradict"), "{}", run.stderr());
    scratch.train("none", &["--patience", "0"]).refused(&["--patience must be positive"]);
}

#[test]
fn gradients_of_several_batches_are_added_up_for_a_step() {
    let scratch = Scratch::new();
    let added = [&DUAL[..], &["--gradient-accumulation-steps", "3", "--grad-clip", "1", "--eval-every", "3"]].concat();
    scratch.train("added", &added).ok();
    let result = scratch.json("added/result.json");
    // 200 examples in batches of 20 are ten batches, and three steps of three and one of one an epoch.
    let metrics = &result["runtime_metrics"];
    assert_eq!((&result["total_steps"], &metrics["logged_episode_count"]), (&json!(12), &json!(3)));
    let sizes = ["batch_size", "gradient_accumulation_steps", "effective_batch_size"].map(|key| metrics[key].clone());
    assert_eq!(sizes, [json!(20), json!(3), json!(60)]);
    assert_eq!(steps(&result["step_evaluations"]), [3, 6, 9]);
    for kill_at in [2, 7] {
        is_the_same_after_a_kill(&scratch, "added", &added, kill_at);
    }
    // One batch a step is what it always was, whether said or not.
    scratch.train("plain", &[]).ok();
    let said =
        scratch.train("plain", &["--gradient-accumulation-steps", "1", "--grad-clip", "none", "--patience", "none"]);
    assert!(said.ok().stderr().contains("nothing to do"));
    scratch.train("none", &["--gradient-accumulation-steps", "0"]).refused(&["must be positive"]);
}

/// Dropout masks of the parts of a step are their own, and a run of sentences is taken up to the bit, too.
#[test]
fn sentences_are_added_up_too() {
    let scratch = Scratch::new();
    let settings = [
        "--data",
        "synthetic",
        "--limit-train",
        "80",
        "--limit-eval",
        "40",
        "--model-layers",
        "1",
        "--model-dim",
        "16",
        "--max-length",
        "16",
        "--batch-size",
        "8",
        "--epochs",
        "2",
        "--gradient-accumulation-steps",
        "2",
        "--lr-scheduler",
        "warmup_linear",
        "--warmup-epochs",
        "1",
        "--checkpoint-every",
        "2",
        "--progress",
        "none",
    ];
    fn train<'a>(name: &'a str, settings: &[&'a str]) -> Vec<&'a str> {
        [&["train", "agnews", "--run-dir", name], settings].concat()
    }
    scratch.run(train("whole", &settings)).ok();
    let whole = scratch.json("whole/result.json");
    assert_eq!((&whole["total_steps"], &whole["config"]["scheduler_span_steps"]), (&json!(10), &json!(10)));
    let told = train("killed", &[&settings[..settings.len() - 1], &["json"]].concat());
    start_and_kill(&scratch, told.iter(), 3);
    scratch.run(["train", "--resume", "killed"]).ok();
    assert_eq!(without_times(scratch.json("killed/result.json")), without_times(whole));
}

/// The files in a run's folder of checkpoints.
fn kept(scratch: &Scratch, name: &str) -> Vec<String> {
    let files = std::fs::read_dir(scratch.path(&format!("{name}/checkpoints"))).unwrap();
    let mut names: Vec<String> = files.map(|file| file.unwrap().file_name().into_string().unwrap()).collect();
    names.sort();
    names
}

#[test]
fn what_checkpoints_are_kept_decides_nothing_else() {
    let scratch = Scratch::new();
    // The best epoch is measured at the end, with or without its file.
    let noisy =
        [&DUAL[..], &["--label-noise-type", "symmetric", "--label-noise-rate", "0.2", "--val-split", "0.2"]].concat();
    let mut essences = Vec::new();
    for (keep, steps, best) in [("2", 2, 1), ("1", 1, 1), ("3", 3, 1), ("best", 0, 1), ("none", 0, 0)] {
        scratch.train(keep, &[&noisy[..], &["--keep-checkpoints", keep]].concat()).ok();
        let files = kept(&scratch, keep);
        assert_eq!(files.iter().filter(|name| name.starts_with("step-")).count(), steps, "{keep}: {files:?}");
        assert_eq!(files.iter().filter(|name| name.starts_with("best")).count(), best, "{keep}: {files:?}");
        let mut result = without_times(scratch.json(&format!("{keep}/result.json")));
        assert_ne!(result["best_epoch_test_accuracy"], Value::Null);
        result["config"]["keep_checkpoints"] = Value::Null;
        essences.push(result);
    }
    assert!(essences.iter().all(|result| *result == essences[0]));
    // While it trains it can go on, and when it is done the best is left alone.
    let keep_best = [&noisy[..], &["--keep-checkpoints", "best", "--checkpoint-every", "3"]].concat();
    assert!(kill_at_step(&scratch, "killed", &keep_best, 14));
    assert!(kept(&scratch, "killed").iter().any(|name| name.starts_with("step-")));
    scratch.run(["train", "--resume", "killed"]).ok();
    assert_eq!(kept(&scratch, "killed"), ["best.safetensors"]);
    scratch.run(["export", "best", "--to", "model"]).ok();
    scratch.train("odd", &["--keep-checkpoints", "0"]).refused(&["--keep-checkpoints must be positive"]);
    scratch.train("odd", &["--keep-checkpoints", "last"]).refused(&["a whole number above 0, best or none"]);
    scratch
        .train("odd", &["--keep-checkpoints", "none", "--checkpoint-every", "5"])
        .refused(&["has no effect with --keep-checkpoints none"]);
}

#[cfg(unix)]
#[test]
fn a_run_that_keeps_no_checkpoints_says_that_it_begins_again() {
    let scratch = Scratch::new();
    scratch.train("whole", &DUAL).ok();
    let settings = [&DUAL[..], &["--keep-checkpoints", "none"]].concat();
    let run = interrupted(&scratch, "run", &settings);
    let words = run.stderr();
    assert_eq!(run.code(), Some(130), "{words}");
    assert!(words.contains("--keep-checkpoints none") && words.contains("begin again"), "{words}");
    assert!(!words.contains("writing a checkpoint"), "{words}");
    assert!(kept(&scratch, "run").is_empty());
    scratch.run(["train", "--resume", "run", "--progress", "none"]).ok();
    assert_eq!(trained(&scratch, "run"), trained(&scratch, "whole"));
    assert_eq!(lines(&scratch, "run", "epoch").len(), 3);
}

#[test]
fn a_study_varies_the_options_and_refuses_what_cannot_go_on() {
    let scratch = Scratch::new();
    let study = "aees: 1\ntask: cifar100\nset: {data: synthetic, model_width: 2, limit_train: 200, limit_eval: 100, batch_size: 20, \
                 epochs: 2, eval_every: 4, keep_checkpoints: none}\nsweep: {grad_clip: [none, 0.5], gradient_accumulation_steps: [1, 2]}\n";
    std::fs::write(scratch.path("study.yaml"), study).unwrap();
    scratch.run(["sweep", "run", "study.yaml", "--jobs", "1"]).ok();
    let run = scratch.run(["report", "best", "study", "--json"]).ok();
    assert!(!run.stderr().contains("contradict"), "{}", run.stderr());
    let pruned = format!("{study}metric: {{name: val_accuracy}}\nprune: {{by: step, grace: 4}}\n");
    std::fs::write(scratch.path("pruned.yaml"), &pruned).unwrap();
    scratch.run(["sweep", "plan", "pruned.yaml"]).refused(&["--keep-checkpoints none", "goes on from its checkpoint"]);
    // With a checkpoint, a rung may lie between two epochs.
    std::fs::write(scratch.path("pruned.yaml"), pruned.replace("none}", "best}")).unwrap();
    scratch.run(["sweep", "run", "pruned.yaml", "--jobs", "1"]).ok();
    let rungs = scratch.run(["sweep", "rungs", "pruned", "--replay"]).ok();
    assert!(rungs.stdout().contains('4'), "{}", rungs.stdout());
}

/// Two hundred images for training and a hundred for tests, in the binary version.
pub(crate) fn write_images(scratch: &Scratch, folder: &str, first: u8) {
    let record = |fine: u8, twin: u8| {
        let pixels = (0..3072).map(move |index: usize| (index as u8).wrapping_mul(fine).wrapping_add(first + twin));
        [fine % 20, fine].into_iter().chain(pixels).collect::<Vec<u8>>()
    };
    let images =
        |twins: u8| (0..twins).flat_map(|twin| (0..100).flat_map(move |fine| record(fine, twin))).collect::<Vec<u8>>();
    std::fs::create_dir_all(scratch.path(folder)).unwrap();
    std::fs::write(scratch.path(&format!("{folder}/train.bin")), images(2)).unwrap();
    std::fs::write(scratch.path(&format!("{folder}/test.bin")), images(1)).unwrap();
}

#[test]
fn decoded_images_are_kept_for_later_runs_and_decide_nothing() {
    let scratch = Scratch::new();
    write_images(&scratch, "images", 3);
    let train = |name: &str, more: &[&str]| {
        let settings =
            ["--data", "images", "--model-width", "2", "--batch-size", "50", "--epochs", "1", "--progress", "plain"];
        scratch.run([&["train", "cifar100", "--run-dir", name], &settings[..], more].concat()).ok()
    };
    let essence = |name: &str| {
        let mut result = without_times(scratch.json(&format!("{name}/result.json")));
        for key in ["prepared_images_mb", "prepared_images_dir"] {
            result["config"][key] = Value::Null;
        }
        result
    };
    let copies = |folder: &str| std::fs::read_dir(scratch.path(folder)).map_or(0, Iterator::count);
    train("rehearsed", &["--dry-run"]);
    assert!(!scratch.path("data").exists(), "a dry run leaves nothing");
    for (name, more) in [("all", &[][..]), ("some", &["--limit-train", "100", "--val-split", "0.5", "--seed", "3"])] {
        train(&format!("{name}-read"), &[more, &["--prepared-images-mb", "0"]].concat());
        assert_eq!(copies("data/cifar100_prepared"), usize::from(name == "some"));
        train(&format!("{name}-kept"), more);
        train(&format!("{name}-mapped"), more);
        assert_eq!(copies("data/cifar100_prepared"), 1);
        assert_eq!(essence(&format!("{name}-kept")), essence(&format!("{name}-read")));
        assert_eq!(essence(&format!("{name}-mapped")), essence(&format!("{name}-read")));
    }
    // It is the copy that was used: one that is damaged is told.
    let copy = std::fs::read_dir(scratch.path("data/cifar100_prepared")).unwrap().next().unwrap().unwrap().path();
    let mut bytes = std::fs::read(&copy).unwrap();
    *bytes.last_mut().unwrap() ^= 1;
    std::fs::write(&copy, bytes).unwrap();
    let run = train("damaged", &[]);
    assert!(run.stderr().contains("its checksum does not fit; it is made again"), "{}", run.stderr());
    assert_eq!(essence("damaged"), essence("all-read"));
    // Other images at the same place are other images.
    write_images(&scratch, "images", 77);
    train("other", &["--prepared-images-dir", "elsewhere"]);
    train("other-copied", &[]);
    assert_ne!(essence("other")["data_fingerprint"], essence("all-read")["data_fingerprint"]);
    assert_eq!(essence("other-copied"), essence("other"));
    assert_eq!((copies("elsewhere"), copies("data/cifar100_prepared")), (1, 1));
}
