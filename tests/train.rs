//! `aees train cifar100` from its command line to the files it leaves.

use crate::program::{DUAL, Scratch, TINY, without_times};
use serde_json::{Value, json};

#[test]
fn an_adaptive_run_leaves_a_whole_folder() {
    let scratch = Scratch::new();
    let run = scratch.train("run", &[&DUAL[..], &["--tensorboard", "--output", "copy.json"]].concat()).ok();
    assert_eq!(run.stdout().trim(), "run/result.json");
    for name in
        ["config.yaml", "result.json", "metrics.jsonl", "log.txt", "checkpoints/best.safetensors", "tensorboard"]
    {
        assert!(scratch.path("run").join(name).exists(), "{name} is missing");
    }
    assert_eq!(scratch.text("run/result.json"), scratch.text("copy.json"));

    let result = scratch.json("run/result.json");
    assert_eq!(result["outcome"], json!({"status": "ok"}));
    assert_eq!((&result["total_epochs"], &result["total_steps"]), (&json!(3), &json!(30)));
    let losses: Vec<f64> = result["train_losses"].as_array().unwrap().iter().filter_map(Value::as_f64).collect();
    assert!(losses.len() == 3 && losses[2] < losses[0], "{losses:?}");
    // 30 steps in episodes of 4: seven full ones and one of two steps.
    let logs = &result["episode_logs"];
    assert_eq!(logs["episode_start_steps"], json!([0, 4, 8, 12, 16, 20, 24, 28]));
    assert_eq!(logs["episode_end_steps"], json!([3, 7, 11, 15, 19, 23, 27, 29]));
    assert!(logs["mean_update_norms"].as_array().unwrap().iter().all(|norm| norm.as_f64() > Some(0.0)));
    // With seed 0 the first picks of three arms are the reference's.
    assert_eq!(logs["selected_lr_indices"].as_array().unwrap()[..3], [json!(1), json!(2), json!(0)]);
    assert_eq!(result["controller_logs"]["_logged_episode_count"], 8);
    assert_eq!(
        result["runtime_metrics"]["aees_overhead_metadata"]["adaptive_axes"],
        json!(["lr=[0.5, 1, 2]", "noise=[0, 0.01]"])
    );

    let metrics = scratch.text("run/metrics.jsonl");
    assert_eq!(metrics.lines().filter(|line| line.contains(r#""kind":"epoch""#)).count(), 3);
    assert_eq!(metrics.lines().filter(|line| line.contains(r#""kind":"episode""#)).count(), 8);
}

#[test]
fn every_key_of_the_reference_is_there() {
    let scratch = Scratch::new();
    scratch.train("run", &[&DUAL[..], &["--label-noise-type", "symmetric", "--label-noise-rate", "0.2"]].concat()).ok();
    let result = scratch.json("run/result.json");
    let missing = |value: &Value, keys: &str| -> Vec<String> {
        keys.split_whitespace().filter(|key| value.get(key).is_none()).map(str::to_owned).collect()
    };
    let top = "method_name task_name dataset_name model_name seed run_tag total_epochs total_steps train_losses \
        train_accuracies val_accuracies best_val_accuracy final_val_accuracy final_train_loss epoch_wall_clock_seconds \
        wall_clock_seconds epoch_tflops estimated_flops accuracy_per_tflop episode_logs controller_logs config runtime_metrics";
    assert_eq!(missing(&result, top), [""; 0]);
    let config = "epochs batch_size lr weight_decay lr_scheduler scheduler_t_max warmup_epochs reward_epsilon \
        reward_instability_lambda reward_clip_min reward_clip_max episode_length ema_alpha lr_candidates noise_candidates \
        structured_control_mode context_mode context_trend_window context_trend_epsilon label_noise_rate label_noise_type \
        seed output num_workers model_name task_name run_tag device pin_memory base_lr base_weight_decay scheduler_active \
        candidate_config_names candidate_config_definitions control_mode control_regime experiment_label optimizer \
        optimizer_family momentum optimizer_momentum data_dir schedule_seed aees_trace_root diagnostics";
    assert_eq!(missing(&result["config"], config), [""; 0]);
    let noise = "enabled type rate num_train_examples num_clean_examples num_corrupted_examples corrupted_fraction \
        original_targets noisy_targets corrupted_mask clean_mask corrupted_indices";
    assert_eq!(missing(&result["config"]["diagnostics"]["label_noise"], noise), [""; 0]);
    assert_eq!(result["config"]["diagnostics"]["label_noise"]["num_corrupted_examples"], 40);
    let subsets = &result["config"]["diagnostics"]["final_subset_accuracies"];
    let accuracy = |key: &str| subsets[key].as_f64().unwrap();
    let mixed = 0.8 * accuracy("train_clean_accuracy") + 0.2 * accuracy("train_corrupted_accuracy_vs_noisy_labels");
    assert!((mixed - accuracy("train_all_accuracy")).abs() < 1e-12, "{subsets}");
    assert!(result["best_epoch_diagnostics"].is_object());
    let beyond = "schema_version run_id config_id outcome engine backend device precision versions parameter_digest \
        data_fingerprint hardware best_epoch true_flops";
    assert_eq!(missing(&result, beyond), [""; 0]);
    // The build asks git for the commit.
    let git = std::process::Command::new("git").args(["-C", env!("CARGO_MANIFEST_DIR"), "rev-parse", "HEAD"]).output();
    if git.is_ok_and(|git| git.status.success()) {
        let commit = result["versions"]["git_commit"].as_str().unwrap();
        assert!(commit.len() == 40 && commit.chars().all(|digit| digit.is_ascii_hexdigit()), "{commit}");
    }
}

/// What a reviewer asks: when, by which command and which program, on what.
#[test]
fn a_result_tells_its_circumstances() {
    let scratch = Scratch::new();
    scratch.train("run", &["--threads", "1"]).ok();
    let result = scratch.json("run/result.json");
    let told = &result["circumstances"];
    let moment = |key: &str| told[key].as_str().unwrap().to_owned();
    let (start, end) = (moment("started_at"), moment("finished_at"));
    assert!(start.len() == "2026-11-20T16:03:37Z".len() && start.ends_with('Z') && start <= end, "{told:#}");
    assert_eq!(told["threads"], 1);
    assert_eq!(told["command"][1], "train");
    assert!(told["build"]["rustc"].as_str().unwrap().starts_with("rustc 1."), "{told:#}");
    assert!(told["build"]["features"].is_array() && told["build"]["target_features"].is_array());
    assert_eq!(told["build"]["git_commit"].is_string(), told["build"]["git_dirty"].is_boolean());
    assert!(told["instruction_sets"].is_array() && told["other_runs"].is_u64() && told["load_average"].is_f64());
    // A run on the CPU has no GPU, with or without a driver.
    assert_eq!((&result["hardware"]["gpus"], &result["driver"]), (&Value::Null, &Value::Null));
    // Every engine tells the device that computed.
    let (hardware, device) = (&result["hardware"], &result["hardware"]["device"]);
    assert_eq!(device["name"], hardware["cpu_model"]);
    assert_eq!(device["total_memory_bytes"], hardware["total_memory_bytes"]);
    assert_eq!(device["peak_memory_bytes"], hardware["peak_resident_memory_bytes"]);
    assert_eq!((&device["index"], &device["driver"]), (&Value::Null, &Value::Null));
    assert_eq!((&device["runtime"], &device["precision"]), (&"burn 0.22.1 flex".into(), &"f32".into()));
}

#[test]
fn piped_output_is_the_references_lines() {
    let scratch = Scratch::new();
    let run = scratch.train("run", &["--control-mode", "adaptive", "--lr-candidates", "0.5,1.0,2.0"]).ok();
    let text = run.stderr();
    assert!(text.contains("adaptive axes: lr_multiplier=[0.5, 1.0, 2.0]\nfixed axes: noise_std=0.0\n"), "{text}");
    let epochs: Vec<&str> =
        text.lines().filter(|line| line.starts_with("[AdaptiveScheduler+AdamW] | epoch ")).collect();
    assert_eq!(epochs.len(), 3, "{text}");
    for (line, part) in epochs.iter().flat_map(|line| {
        [
            " | train_loss=",
            " | train_acc=",
            " | val_acc=",
            " | time=",
            " | cum_tflops=",
            " | episodes=",
            " last_mode=lr",
            " epoch_mean_reward=",
        ]
        .map(|part| (line, part))
    }) {
        assert!(line.contains(part), "{part} is not in {line}");
    }
    assert!(text.contains("Saved result to run/result.json"), "{text}");
}

#[test]
fn the_same_run_twice_gives_the_same_bits_whatever_the_threads() {
    let scratch = Scratch::new();
    scratch.train("one", &[&DUAL[..], &["--threads", "1"]].concat()).ok();
    scratch.train("two", &[&DUAL[..], &["--threads", "2"]].concat()).ok();
    let strip = |name| {
        let mut result = without_times(scratch.json(name));
        result["config"]["threads"] = Value::Null;
        result
    };
    assert_eq!(strip("one/result.json"), strip("two/result.json"));
}

#[test]
fn a_baseline_is_the_adaptive_run_with_one_arm() {
    let scratch = Scratch::new();
    scratch.train("plain", &["--control-mode", "baseline"]).ok();
    scratch.train("one-arm", &["--control-mode", "adaptive"]).ok();
    let (plain, one_arm) = (scratch.json("plain/result.json"), scratch.json("one-arm/result.json"));
    assert_eq!(plain["parameter_digest"], one_arm["parameter_digest"]);
    assert_eq!(plain["episode_logs"], Value::Null);
    assert_eq!(plain["controller_logs"], Value::Null);
    // Every method logs its update norms.
    assert_eq!(plain["baseline_update_norms"]["mean_update_norms"], one_arm["episode_logs"]["mean_update_norms"]);
}

#[test]
fn an_episode_that_ends_with_the_run_is_logged_once() {
    let scratch = Scratch::new();
    scratch.train("run", &["--control-mode", "adaptive", "--lr-candidates", "0.5,1", "--set", "episode_length=5"]).ok();
    let metrics = scratch.text("run/metrics.jsonl");
    assert_eq!(metrics.lines().filter(|line| line.contains(r#""kind":"episode""#)).count(), 6);
    assert_eq!(scratch.json("run/result.json")["episode_logs"]["episode_end_steps"][5], 29);
}

#[test]
fn every_optimizer_scheduler_and_method_trains() {
    let scratch = Scratch::new();
    let cases: [&[&str]; 5] = [
        &["--optimizer", "SGD", "--lr", "0.05", "--lr-scheduler", "cosine"],
        &["--control-mode", "random", "--lr-candidates", "0.5,1,2", "--lr-scheduler", "linear"],
        &[
            "--control-mode",
            "adaptive",
            "--lr-candidates",
            "0.5,1",
            "--noise-candidates",
            "0,0.01",
            "--structured-control-mode",
            "conditional",
            "--context-mode",
            "trend",
            "--lr-scheduler",
            "warmup_linear",
            "--warmup-epochs",
            "1",
        ],
        &[
            "--control-mode",
            "uniform-random",
            "--lr-candidates",
            "0.5,1.0,2.0",
            "--label-noise-type",
            "asymmetric",
            "--label-noise-rate",
            "0.2",
        ],
        &["--val-split", "0.5"],
    ];
    for (index, case) in cases.iter().enumerate() {
        let name = format!("run{index}");
        scratch.train(&name, case).ok();
        let result = scratch.json(&format!("{name}/result.json"));
        assert_eq!(result["outcome"]["status"], "ok", "{case:?}");
    }
    let rates = |index: usize| scratch.json(&format!("run{index}/result.json"))["learning_rates"].clone();
    assert_eq!(rates(1), json!([1e-3 * (1.0 - 1.0 / 3.0), 1e-3 * (1.0 - 2.0 / 3.0), 0.0]));
    let open_loop = &scratch.json("run3/result.json")["config"]["open_loop_policy"];
    assert_eq!(open_loop["schedule_seed"], 10000);
    assert_eq!(open_loop["planned_lr_multipliers"], open_loop["executed_lr_multipliers"]);
    let held_out = scratch.json("run4/result.json");
    assert!(held_out["final_test_accuracy"].is_number());
    assert_eq!(held_out["total_steps"], 15);
}

#[test]
fn settings_come_from_defaults_then_file_then_flags_then_set() {
    let scratch = Scratch::new();
    std::fs::write(scratch.path("a.yaml"), "task: cifar100\nlr: 1e-2\nseed: 7\nepochs: 9\nrun_tag: from file\n")
        .unwrap();
    let arguments = ["train", "--config", "a.yaml", "--run-dir", "run", "--seed", "8", "--set", "weight_decay=0.5"];
    // TINY sets the epochs, so the flag must win over the file.
    scratch.run(arguments.iter().chain(&TINY)).ok();
    let config = &scratch.json("run/result.json")["config"];
    let values = ["lr", "seed", "epochs", "run_tag", "weight_decay", "momentum"].map(|key| config[key].clone());
    assert_eq!(values.to_vec(), [json!(0.01), json!(8), json!(3), json!("from file"), json!(0.5), json!(0.9)]);
}

#[test]
fn json_output_is_json_and_nothing_else() {
    let scratch = Scratch::new();
    let run = scratch.train("run", &["--json", "--progress", "none"]).ok();
    let value: Value = serde_json::from_str(&run.stdout()).unwrap();
    assert_eq!(value["result"], scratch.json("run/result.json"));
    assert_eq!(run.stderr(), "");
    let run = scratch.train("run2", &["--progress", "json"]).ok();
    let text = run.stdout();
    let events: Vec<Value> = text.lines().filter_map(|line| serde_json::from_str(line).ok()).collect();
    assert_eq!(events.first().unwrap()["event"], "started");
    assert!(events.iter().any(|event| event["event"] == "epoch"));
}

#[test]
fn two_configurations_never_share_a_default_folder() {
    let scratch = Scratch::new();
    for rate in ["0.001", "0.002"] {
        scratch.run(["train", "cifar100", "--lr", rate].iter().chain(&TINY)).ok();
    }
    assert_eq!(std::fs::read_dir(scratch.path("results/cifar100")).unwrap().count(), 2);
}

#[test]
fn frequency_matched_takes_the_other_seeds_arms_in_another_order() {
    let scratch = Scratch::new();
    let noise = ["--lr-candidates", "0.5,1,2", "--label-noise-type", "symmetric", "--label-noise-rate", "0.2"];
    for seed in ["0", "1", "2", "4"] {
        let more = [&noise[..], &["--control-mode", "adaptive", "--seed", seed]].concat();
        scratch.train(&format!("traces/seed{seed}"), &more).ok();
    }
    let control = ["--control-mode", "frequency-matched", "--seed", "3", "--aees-trace-root", "traces"];
    scratch.train("control", &[&noise[..], &control].concat()).ok();
    let result = scratch.json("control/result.json");
    let policy = &result["config"]["open_loop_policy"];
    assert_eq!(policy["source_seeds"], json!([0, 1, 2, 4]));
    assert_eq!(policy["schedule_seed"], 10003);
    let arms: Vec<u64> = policy["planned_lr_indices"].as_array().unwrap().iter().filter_map(Value::as_u64).collect();
    assert_eq!(arms.len(), 8);
    // Each source has 8 episodes; with three arms near round-robin every arm gets two or three of the eight.
    for arm in 0..3 {
        let count = arms.iter().filter(|picked| **picked == arm).count();
        assert!((2..=3).contains(&count), "{arms:?}");
    }
    assert_eq!(result["episode_logs"]["selected_lr_indices"], policy["planned_lr_indices"]);
    assert_eq!(result["episode_logs"]["reward_base"][0], Value::Null);
    assert_eq!(result["method_name"], "FrequencyMatchedOpenLoop");

    // Other sources make another run.
    let longer =
        [&noise[..], &["--control-mode", "adaptive", "--seed", "4", "--exploration-coef", "0", "--overwrite"]].concat();
    scratch.train("traces/seed4", &longer).ok();
    scratch.train("other", &[&noise[..], &control].concat()).ok();
    assert_ne!(scratch.json("other/result.json")["run_id"], result["run_id"]);

    // An adaptive run of another reward is another method, and no source.
    let other_reward = [&noise[..], &["--control-mode", "adaptive", "--seed", "2", "--reward", "probe"]].concat();
    scratch.train("traces/probe2", &other_reward).ok();
    // Runs of a study lie a folder deeper.
    std::fs::create_dir_all(scratch.path("traces/1a")).unwrap();
    std::fs::rename(scratch.path("traces/seed1"), scratch.path("traces/1a/1a2b")).unwrap();
    scratch.train("deeper", &[&noise[..], &control].concat()).ok();
    assert_eq!(scratch.json("deeper/result.json")["run_id"], scratch.json("other/result.json")["run_id"]);

    std::fs::remove_dir_all(scratch.path("traces/seed2")).unwrap();
    let refused = scratch.train("again", &[&noise[..], &control].concat());
    refused.refused(&["no adaptive AdamW run of sym20, seed 2, in traces", "help:", "seed 2"]);
}
