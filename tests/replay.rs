//! `aees replay` on the reference's results and on our own, as a user runs it.

use std::fs;
use std::path::{Path, PathBuf};

use crate::program::{DUAL, Scratch, read_json};
use aees_report::replay::{Finding, replay};
use serde_json::{Value, json};

/// Made with pulseopt by `report/tests/fixtures/make_archive.py`.
fn archive() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("report/tests/fixtures/archive")
}

const CHECKPOINTING: &str = "checkpointing/cifar100_asym20/adamw_cosine.json";
const TREND: &str = "sst2/sst2_main_small_ep200_dual_seed4.json";

#[test]
fn the_archive_replays_on_the_command_line() {
    let scratch = Scratch::new();
    let path = archive().join(CHECKPOINTING);
    let run = scratch.run(["replay".into(), path.clone()]).ok();
    assert_eq!(run.stdout().trim(), format!("{}: 36 of 36 decisions and rewards reproduced", path.display()));
    let run = scratch.run(["replay".into(), archive(), "--json".into()]).ok();
    let list: Value = serde_json::from_str(&run.stdout()).unwrap();
    assert!(list.as_array().unwrap().iter().all(|entry| entry["status"] != "differs"));
    assert!(run.stderr().contains("adamw_seed0.log"), "{}", run.stderr());
}

#[test]
fn our_own_runs_are_reproduced() {
    let scratch = Scratch::new();
    let conditional = ["--structured-control-mode", "conditional", "--context-mode", "trend"];
    let rewards = ["--reward-instability-lambda", "0.3", "--discount", "0.8", "--seed", "5"];
    let noisy = ["--label-noise-type", "symmetric", "--label-noise-rate", "0.2"];
    let open_loop = ["--control-mode", "uniform-random", "--lr-candidates", "0.5,1,2", "--credit-episodes", "4"];
    let pairs = ["--control-mode", "uniform-random", "--lr-candidates", "0.3,4", "--noise-candidates", "0,0.01"];
    let thompson = ["--controller", "thompson", "--discount", "0.9"];
    let exp3 = ["--controller", "exp3", "--exp3-gamma", "0.3", "--warmup-rounds", "0"];
    let probe = ["--reward", "probe", "--probe-examples", "20"];
    let tsallis = [&probe[..], &["--controller", "tsallis-inf", "--credit-episodes", "3"]].concat();
    let scaled = [&probe[..], &["--controller", "scaled-ducb", "--exploration-coef", "0.5"]].concat();
    let random = ["--control-mode", "random", "--noise-candidates", "0,0.01"];
    for (name, flags, line) in [
        ("dual", [&DUAL[..], &noisy].concat(), "8 of 8 decisions and rewards reproduced"),
        ("hard", [&DUAL[..], &conditional, &rewards].concat(), "8 of 8 decisions and rewards reproduced"),
        ("open", [&open_loop[..], &noisy].concat(), "8 of 8 decisions and rewards reproduced"),
        ("pairs", pairs.to_vec(), "8 of 8 decisions and rewards reproduced"),
        ("thompson", [&DUAL[..], &thompson].concat(), "8 of 8 decisions and rewards reproduced"),
        ("exp3", [&DUAL[..], &conditional, &exp3].concat(), "8 of 8 decisions and rewards reproduced"),
        ("tsallis", [&DUAL[..], &conditional, &tsallis].concat(), "8 of 8 decisions and rewards reproduced"),
        ("scaled", [&DUAL[..], &scaled].concat(), "8 of 8 decisions and rewards reproduced"),
        ("random", random.to_vec(), "8 of 8 decisions and rewards reproduced"),
        ("plain", vec![], "nothing to replay: no controllers"),
    ] {
        scratch.train(name, &flags).ok();
        let run = scratch.run(["replay", name]).ok();
        assert_eq!(run.stdout().trim(), format!("{name}/result.json: {line}"));
    }
    let controller = |name: &str| scratch.json(&format!("{name}/result.json"))["controller"].clone();
    let settings = json!({"name": "thompson", "discount": 0.9, "warmup_rounds": 1});
    assert_eq!(controller("thompson"), settings);
    assert_eq!(controller("exp3")["exp3_gamma"], 0.3);
    let scaled = json!({"name": "scaled-ducb", "exploration_coef": 0.5, "discount": 0.95, "warmup_rounds": 1});
    assert_eq!(controller("scaled"), scaled);
    assert_eq!(controller("pairs"), json!({"name": "uniform-random"}));
    assert_eq!((controller("random"), controller("plain")), (json!({"name": "random"}), Value::Null));

    // What was logged is compared, not only what was picked.
    let mut document = scratch.json("exp3/result.json");
    document["controller_logs"]["lr_controller_logs"]["global_prior_logs"]["probabilities_history"][5]["2.0"] =
        json!(0.9);
    fs::write(scratch.path("tampered.json"), document.to_string()).unwrap();
    let found = replay(&scratch.path("tampered.json")).unwrap();
    let Finding::Differs(difference) = found.finding else { panic!("{:?}", found.finding) };
    let difference = difference.to_string();
    assert!(difference.starts_with("episode 6: probability of lr (all contexts) arm 2.0 is 0.9"), "{difference}");
}

#[test]
fn a_difference_has_its_exit_code() {
    let scratch = Scratch::new();
    let mut document = read_json(&archive().join(CHECKPOINTING));
    document["episode_logs"]["selected_lr_values"][11] = json!(4.0);
    fs::write(scratch.path("run"), document.to_string()).unwrap();
    let run = scratch.run(["replay".into(), scratch.path("run"), archive().join(TREND)]);
    assert_eq!(run.code(), Some(2), "{}", run.stderr());
    let said = run.stdout();
    assert!(
        said.contains("run: 11 of 36 decisions and rewards reproduced; episode 12: lr multiplier is 4.0"),
        "{said}"
    );
    assert!(said.contains("25 of 25 decisions and rewards reproduced"), "{said}");
    let run = scratch.run(["replay".into(), scratch.path("run"), "--json".into()]);
    assert_eq!(run.code(), Some(2));
    let list: Value = serde_json::from_str(&run.stdout()).unwrap();
    assert_eq!((&list[0]["status"], &list[0]["reproduced"]), (&json!("differs"), &json!(11)));
    assert_eq!((&list[0]["difference"]["episode"], &list[0]["difference"]["recorded"]), (&json!(12), &json!("4.0")));
}

/// A baseline has no decisions, but a best accuracy.
#[test]
fn a_headline_value_that_was_changed_is_an_error() {
    let scratch = Scratch::new();
    scratch.train("plain", &[]).ok();
    let mut document = scratch.json("plain/result.json");
    document["best_val_accuracy"] = json!(0.99);
    fs::write(scratch.path("plain/result.json"), document.to_string()).unwrap();
    let run = scratch.run(["replay", "plain"]);
    assert_eq!(run.code(), Some(2), "{}", run.stderr());
    assert!(run.stdout().contains("plain/result.json: no controllers; best_val_accuracy is 0.99 in the file, and 0."));
    let list: Value = serde_json::from_str(&scratch.run(["replay", "plain", "--json"]).stdout()).unwrap();
    assert_eq!((&list[0]["status"], &list[0]["difference"]["episode"]), (&json!("differs"), &Value::Null));
}

#[test]
fn a_folder_with_a_damaged_result_has_its_exit_code() {
    let scratch = Scratch::new();
    fs::create_dir(scratch.path("all")).unwrap();
    let whole = fs::read(archive().join(CHECKPOINTING)).unwrap();
    fs::write(scratch.path("all/good.json"), &whole).unwrap();
    fs::write(scratch.path("all/notes.log"), "seen").unwrap();
    scratch.run(["replay", "all"]).ok();
    fs::write(scratch.path("all/cut"), &whole[..whole.len() / 2]).unwrap();
    let run = scratch.run(["replay", "all"]);
    assert_eq!(run.code(), Some(2), "{}", run.stderr());
    assert!(run.stdout().contains("36 of 36"), "{}", run.stdout());
    assert!(run.stderr().contains("damaged all/cut: not JSON: EOF"), "{}", run.stderr());
    fs::remove_file(scratch.path("all/good.json")).unwrap();
    assert_eq!(scratch.run(["replay", "all"]).code(), Some(2));
}

#[test]
fn what_cannot_be_read_is_refused_and_the_rest_is_replayed() {
    let scratch = Scratch::new();
    fs::write(scratch.path("bad.json"), "{\"method_name\": ").unwrap();
    let mut short = read_json(&archive().join(TREND));
    short["episode_logs"]["episode_ema_loss_ends"].as_array_mut().unwrap().pop();
    fs::write(scratch.path("short.json"), short.to_string()).unwrap();
    let good = archive().join(CHECKPOINTING);
    let run = scratch.run(["replay".into(), scratch.path("bad.json"), scratch.path("short.json"), good]);
    assert_eq!(run.code(), Some(1));
    assert!(run.stdout().contains("36 of 36"), "{}", run.stdout());
    assert!(run.stderr().contains("bad.json: not JSON"), "{}", run.stderr());
    assert!(run.stderr().contains("episode_rewards has 25 entries, episode_ema_loss_ends has 24"), "{}", run.stderr());
    scratch.run(["replay", "nowhere"]).refused(&["`nowhere` is no study", "no file or folder"]);
}
