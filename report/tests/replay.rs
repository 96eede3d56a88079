//! Replays of the reference's two kinds of results, whole and tampered with.

use std::fs;
use std::path::Path;

use aees_report::replay::{Finding, replay};
use aees_report::{Control, RecordPart, ReportSource, ResultSet};
use serde_json::{Value, json};

use crate::archive;

const CHECKPOINTING: &str = "checkpointing/cifar100_asym20/adamw_cosine.json";
const TREND: &str = "sst2/sst2_main_small_ep200_dual_seed4.json";
const CONDITIONAL: &str = "sst2/sst2_main_small_ep200_conditional_seed0.json";
const UNIFORM: &str = "attribution_controls/cifar100_asym20_seed0/adamw_uniform_random.json";

fn read_json(path: &Path) -> Value {
    serde_json::from_str(&fs::read_to_string(path).unwrap()).unwrap()
}

#[test]
fn every_run_of_the_archive_is_reproduced() {
    let set = ResultSet::read(&[ReportSource::Folder(archive())]).unwrap();
    let mut replayed = Vec::new();
    for run in &set.runs {
        let found = replay(&run.path).unwrap();
        let expected = if run.control == Control::Baseline { Finding::Nothing } else { Finding::Reproduced };
        assert_eq!(found.finding, expected, "{}: {}", run.path.display(), found.summary());
        assert!(found.not_compared.is_empty(), "{}: {:?}", run.path.display(), found.not_compared);
        assert_eq!(found.reproduced, run.episodes.as_ref().map_or(0, |episodes| episodes.end_steps.len()));
        replayed.push(run.control);
    }
    for method in [
        Control::Adaptive,
        Control::Random,
        Control::Fixed,
        Control::UniformRandom,
        Control::FrequencyMatched,
        Control::Baseline,
    ] {
        assert!(replayed.contains(&method), "no {method:?} run");
    }
}

/// Changes one number of a file, and gives the first difference that a replay of it finds.
fn tampered(file: &str, pointer: &str, value: Value) -> String {
    let scratch = tempfile::tempdir().unwrap();
    let mut document = read_json(&archive().join(file));
    *document.pointer_mut(pointer).unwrap() = value;
    fs::write(scratch.path().join("run"), document.to_string()).unwrap();
    let found = replay(&scratch.path().join("run")).unwrap();
    match found.finding {
        Finding::Differs(difference) => {
            match difference.place {
                RecordPart::Episode(episode) => {
                    assert_eq!(found.reproduced + 1, episode, "the episodes before are reproduced")
                }
                RecordPart::BeforeTraining => assert_eq!(found.reproduced, 0),
                RecordPart::Whole => {}
            }
            difference.to_string()
        }
        other => panic!("{pointer}: {other:?}"),
    }
}

#[test]
fn every_kind_of_change_is_found_in_its_episode() {
    let logs = "/episode_logs";
    let lr = "/controller_logs/lr_controller_logs";
    let of = |file: &str, pointer: String, value: Value, expected: &str| {
        let found = tampered(file, &pointer, value);
        assert!(found.starts_with(expected), "{found}");
    };
    of(
        CHECKPOINTING,
        format!("{logs}/selected_lr_values/11"),
        json!(4.0),
        "episode 12: lr multiplier is 4.0 in the file",
    );
    of(CHECKPOINTING, format!("{logs}/selected_lr_indices/4"), json!(7), "episode 5: lr arm is 7 in the file and");
    of(
        CHECKPOINTING,
        format!("{logs}/selected_combined_names/0"),
        json!("lr9"),
        "episode 1: candidate is lr9 in the file",
    );
    // A reward is recomputed before it is believed.
    of(CHECKPOINTING, format!("{logs}/episode_rewards/20"), json!(0.5), "episode 21: reward is 0.5 in the file and");
    of(CHECKPOINTING, format!("{logs}/episode_ema_loss_ends/30"), json!(1.0), "episode 31: reward_base is");
    of(
        CHECKPOINTING,
        format!("{logs}/episode_start_steps/3"),
        json!(601),
        "episode 4: first step is 601 in the file and 600",
    );
    of(
        CHECKPOINTING,
        format!("{logs}/episode_end_steps/3"),
        json!(800),
        "episode 4: last step is 800 in the file and 799",
    );
    let count = format!("{lr}/effective_counts_history/35/2.0");
    of(CHECKPOINTING, count, json!(1.5), "episode 36: effective count of lr arm 2.0 is 1.5 in the file and");
    let value = format!("{lr}/value_estimates_history/9/0.5");
    of(CHECKPOINTING, value, json!(null), "episode 10: value estimate of lr arm 0.5 is null in the file and");
    of(
        TREND,
        format!("{logs}/context_trends/8"),
        json!("worsening"),
        "episode 9: context is worsening in the file and",
    );
    let sum = format!("{lr}/bucket_reward_sums_history/6/improving");
    of(TREND, sum, json!(-3.0), "episode 7: reward sum of lr (context improving) is -3.0 in the file and");
    let by_lr = "/controller_logs/noise_controller_logs_by_lr/1.3/global_prior_logs/controller_updates_history/12";
    of(CONDITIONAL, by_lr.into(), json!(99), "episode 13: updates of noise (after lr 1.3) (all contexts) is 99.0");
    let planned = "/config/open_loop_policy/planned_lr_indices/6";
    of(UNIFORM, planned.into(), json!(9), "before training: the planned lr arm of episode 7 is 9 in the file and");
    of(UNIFORM, format!("{logs}/episode_rewards/6"), json!(0.1), "episode 7: reward is 0.1 in the file and 0.0");
    // Another seed is another run.
    let seed = tampered(CHECKPOINTING, "/seed", json!(1));
    assert!(seed.starts_with("episode 1: lr multiplier is"), "{seed}");
}

#[test]
fn what_a_file_lacks_is_said() {
    let scratch = tempfile::tempdir().unwrap();
    let mut document = read_json(&archive().join(CHECKPOINTING));
    document["controller_logs"] = Value::Null;
    document["episode_logs"].as_object_mut().unwrap().remove("episode_ema_loss_ends");
    fs::write(scratch.path().join("run"), document.to_string()).unwrap();
    let found = replay(&scratch.path().join("run")).unwrap();
    assert_eq!(
        found.summary(),
        "36 of 36 decisions reproduced; not compared: rewards (no ends of the smoothed loss), \
         counts and estimates (no controller_logs)"
    );
}

const BASELINE: &str = "cifar_noisy/cifar100_asym20_seed3/adamw_cosine";
const OLD_BASELINE: &str = "noisy_agnews/seed_2/agnews_noise20_adamw_warmup_linear.json";
const MATCHED: &str = "attribution_controls/cifar100_asym20_seed0/adamw_frequency_matched.json";
const NOISE_ONLY: &str = "nlp_noise_ablation/agn20_ada_rnd_seed0.json";

/// The same as [`tampered`] for a change that is more than one new value.
fn changed(file: &str, change: impl FnOnce(&mut Value)) -> String {
    let scratch = tempfile::tempdir().unwrap();
    let mut document = read_json(&archive().join(file));
    change(&mut document);
    fs::write(scratch.path().join("run"), document.to_string()).unwrap();
    match replay(&scratch.path().join("run")).unwrap().finding {
        Finding::Differs(difference) => difference.to_string(),
        other => panic!("{other:?}"),
    }
}

#[test]
fn headline_values_are_recomputed_from_the_curves() {
    for (file, pointer, value, expected) in [
        (BASELINE, "/best_val_accuracy", json!(0.99), "best_val_accuracy is 0.99 in the file, and 0."),
        (BASELINE, "/final_val_accuracy", json!(0.5), "final_val_accuracy is 0.5 in the file, and 0."),
        (BASELINE, "/final_train_loss", json!(0.01), "final_train_loss is 0.01 in the file, and "),
        (BASELINE, "/val_accuracies/3", json!(0.95), "best_val_accuracy is "),
        (BASELINE, "/total_epochs", json!(200), "total_epochs is 200 in the file, and "),
        (BASELINE, "/config/epochs", json!(200), "config.epochs is 200 in the file, and "),
        (BASELINE, "/total_steps", json!(7777), "total_steps is 7777 in the file, and no whole number in each of "),
        (BASELINE, "/estimated_flops", json!(1e15), "estimated_flops is 1000000000000000.0 in the file, and "),
        (BASELINE, "/epoch_tflops/0", json!(1.0), "estimated_flops is "),
        (BASELINE, "/accuracy_per_tflop", json!(1.0), "accuracy_per_tflop is 1.0 in the file, and 0.0"),
        (BASELINE, "/wall_clock_seconds", json!(20.0), "wall_clock_seconds is 20.0 in the file, and "),
        (OLD_BASELINE, "/wall_clock_seconds", json!(5898.0), "wall_clock_seconds is 5898.0 in the file, and "),
        (OLD_BASELINE, "/best_val_accuracy", json!(0.94), "best_val_accuracy is 0.94 in the file, and 0.93316"),
        (BASELINE, "/seed", json!(4), "seed is 4 in the file, and 3 by"),
        (BASELINE, "/task_name", json!("sst2"), "task_name is sst2 in the file, and cifar100 by"),
        (BASELINE, "/method_name", json!("AdamW"), "method_name is AdamW in the file, and Baseline by"),
        (
            BASELINE,
            "/config/diagnostics/final_subset_accuracies/final_val_accuracy",
            json!(0.7),
            "final_subset_accuracies.final_val_accuracy is 0.7",
        ),
        (BASELINE, "/runtime_metrics/wall_clock_seconds", json!(20.0), "runtime_metrics.wall_clock_seconds is 20.0"),
        (BASELINE, "/runtime_metrics/seconds_per_epoch", json!(1.0), "runtime_metrics.seconds_per_epoch is 1.0"),
        (BASELINE, "/runtime_metrics/mean_epoch_wall_clock_seconds", json!(1.0), "runtime_metrics.mean_epoch_wall"),
        (BASELINE, "/runtime_metrics/steps_per_second", json!(9000.0), "runtime_metrics.steps_per_second is 9000.0"),
        (CHECKPOINTING, "/best_val_accuracy", json!(0.7), "best_val_accuracy is 0.7 in the file, and 0.6"),
    ] {
        let found = tampered(file, pointer, value);
        assert!(found.starts_with(expected), "{pointer}: {found}");
    }
}

#[test]
fn a_record_that_was_cut_is_found() {
    let cut = changed(CHECKPOINTING, |document| {
        for (_, column) in document["episode_logs"].as_object_mut().unwrap() {
            column.as_array_mut().unwrap().pop();
        }
    });
    assert!(cut.starts_with("controller_logs._logged_episode_count is 36 in the file, and 35 by"), "{cut}");
    let logged = tampered(CHECKPOINTING, "/controller_logs/_logged_episode_count", json!(20));
    assert!(logged.starts_with("controller_logs._logged_episode_count is 20 in the file, and 36 by"), "{logged}");
    let steps = tampered(CHECKPOINTING, "/total_steps", json!(14076));
    assert!(steps.starts_with("total_steps is 14076 in the file, and 7038 by"), "{steps}");
    let history = "/controller_logs/lr_controller_logs/value_estimates_history";
    let absent = changed(CHECKPOINTING, |document| *document.pointer_mut(history).unwrap() = Value::Null);
    assert!(absent.contains("value_estimates_history is absent in the file, and 36 entries long by"), "{absent}");
    let long = changed(CHECKPOINTING, |document| {
        let history = document.pointer_mut(history).unwrap().as_array_mut().unwrap();
        history.push(history[35].clone());
    });
    assert!(long.contains("value_estimates_history is 37 entries long in the file, and 36"), "{long}");
    let visits = "/controller_logs/lr_controller_logs/bucket_controller_logs/stable/bucket_visit_count_history";
    let absent = changed(TREND, |document| *document.pointer_mut(visits).unwrap() = Value::Null);
    assert!(absent.contains("stable.bucket_visit_count_history is absent in the file, and 25"), "{absent}");
    let one_of_three = changed(CONDITIONAL, |document| {
        document
            .pointer_mut("/controller_logs/noise_controller_logs_by_lr")
            .unwrap()
            .as_object_mut()
            .unwrap()
            .remove("1.3");
    });
    assert!(one_of_three.contains("noise_controller_logs_by_lr.1.3 is null in the file"), "{one_of_three}");
}

#[test]
fn what_stands_around_the_episodes_is_compared() {
    let (logs, lr) = ("/episode_logs", "/controller_logs/lr_controller_logs");
    let noise = "/controller_logs/noise_controller_logs";
    let plan = "/config/open_loop_policy";
    for (file, pointer, value, expected) in [
        (CHECKPOINTING, format!("{logs}/episode_start_losses/7"), json!(1.5), "episode 8: start loss is 1.5"),
        (CHECKPOINTING, format!("{logs}/mean_update_norms/2"), json!(-0.5), "episode 3: mean update norm is -0.5"),
        (CHECKPOINTING, format!("{logs}/selected_candidate_names/2"), json!("x"), "episode 3: candidate is x"),
        (CHECKPOINTING, "/config/seed".into(), json!(9), "seed is 0 in the file, and 9 by"),
        (
            CHECKPOINTING,
            format!("{lr}/controller_created"),
            json!(false),
            "controller_logs.lr_controller_logs.controller_created is false",
        ),
        (
            CHECKPOINTING,
            format!("{noise}/controller_created"),
            json!(true),
            "controller_logs.noise_controller_logs.controller_created is true",
        ),
        (
            CHECKPOINTING,
            format!("{lr}/controller_type"),
            json!("Thompson"),
            "controller_logs.lr_controller_logs.controller_type is",
        ),
        (CHECKPOINTING, format!("{lr}/axis_name"), json!("noise"), "controller_logs.lr_controller_logs.axis_name is"),
        (
            CHECKPOINTING,
            format!("{lr}/arm_values/2"),
            json!(4.0),
            "controller_logs.lr_controller_logs.arm_values[2] is 4.0",
        ),
        (
            CHECKPOINTING,
            format!("{noise}/fixed_arm_value"),
            json!(0.1),
            "controller_logs.noise_controller_logs.fixed_arm_value is 0.1",
        ),
        (
            CHECKPOINTING,
            "/controller_logs/context_mode".into(),
            json!("trend"),
            "controller_logs.context_mode is \"trend\"",
        ),
        (
            CHECKPOINTING,
            "/config/candidate_config_names/0".into(),
            json!("x"),
            "config.candidate_config_names[0] is \"x\"",
        ),
        (
            CHECKPOINTING,
            "/config/candidate_config_definitions/1/lr_multiplier".into(),
            json!(7.0),
            "config.candidate_config_definitions[1].lr_multiplier is 7.0 in the file, and 1.0 by",
        ),
        (
            TREND,
            format!("{lr}/prior_from_global"),
            json!(false),
            "controller_logs.lr_controller_logs.prior_from_global is false",
        ),
        (
            TREND,
            format!("{lr}/context_bucket_names/0"),
            json!("x"),
            "controller_logs.lr_controller_logs.context_bucket_names[0]",
        ),
        (
            CONDITIONAL,
            "/controller_logs/noise_controller_logs_by_lr/1.3/conditioned_on_lr_value".into(),
            json!(1.0),
            "controller_logs.noise_controller_logs_by_lr.1.3.conditioned_on_lr_value is 1.0",
        ),
        (
            NOISE_ONLY,
            format!("{noise}/arm_values/0"),
            json!(0.5),
            "controller_logs.noise_controller_logs.arm_values[0] is 0.5",
        ),
        (
            UNIFORM,
            format!("{plan}/policy"),
            json!("greedy"),
            "open_loop_policy.policy is greedy in the file, and uniform-random",
        ),
        (UNIFORM, format!("{plan}/policy"), json!("frequency-matched"), "open_loop_policy.policy is frequency-matched"),
        (MATCHED, format!("{plan}/policy"), json!("uniform-random"), "open_loop_policy.policy is uniform-random"),
        (
            UNIFORM,
            format!("{plan}/executed_lr_multipliers/6"),
            json!(9.0),
            "open_loop_policy.executed_lr_multipliers[6] is 9.0",
        ),
        (
            UNIFORM,
            format!("{plan}/planned_lr_multipliers/6"),
            json!(9.0),
            "open_loop_policy.planned_lr_multipliers[6] is 9.0",
        ),
        (UNIFORM, format!("{plan}/integer_counts/2.0"), json!(39), "open_loop_policy.integer_counts.2.0 is 39"),
        (MATCHED, format!("{plan}/integer_counts/0.5"), json!(19), "open_loop_policy.integer_counts.0.5 is 19"),
        (UNIFORM, format!("{plan}/episode_count"), json!(41), "open_loop_policy.episode_count is 41"),
        (
            UNIFORM,
            format!("{plan}/training_feedback_consulted"),
            json!(true),
            "open_loop_policy.training_feedback_consulted is true",
        ),
        (UNIFORM, "/config/schedule_seed".into(), json!(7), "config.schedule_seed is 7"),
    ] {
        let found = tampered(file, &pointer, value);
        assert!(found.starts_with(expected), "{pointer}: {found}");
    }
}
