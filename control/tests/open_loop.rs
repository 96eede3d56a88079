//! Open-loop schedules: seeds, counts, refusals, and a run that follows one.

#![allow(clippy::unwrap_used, reason = "in a test a panic is the report")]

use aees_control::open_loop::{
    OpenLoopPlan, episode_count, largest_remainder, pooled_frequencies, schedule_seed, source_seeds,
};
use aees_control::{Aees, AeesConfig, ContextConfig, ContextMode, ControlMode};

const BASE: u64 = 20_260_816;

#[test]
fn recorded_seeds_and_draws() {
    let seed = schedule_seed(BASE, "cifar100-asym20_adamw_uniform-random_seed0");
    assert_eq!(seed, 1_514_484_152);
    let plan = OpenLoopPlan::uniform_random(seed, 391, 3).unwrap();
    assert_eq!(plan.arms[..12], [0, 0, 1, 1, 1, 0, 0, 2, 1, 0, 1, 2]);
    assert_eq!(plan.integer_counts.iter().sum::<usize>(), 391);
    assert_eq!(schedule_seed(BASE, "cifar100-sym40_sgd_frequency-matched_seed4"), 904_712_415);
    assert_eq!(schedule_seed(BASE, "cifar100-sym20_adamw_uniform-random_seed0"), 1_897_269_272);
}

#[test]
fn recorded_counts() {
    let third = 1.0 / 3.0;
    assert_eq!(largest_remainder(&[third, third, third], 391).unwrap(), [131, 130, 130]);
    assert_eq!(largest_remainder(&[0.5, 0.25, 0.25], 391).unwrap(), [195, 98, 98]);
    assert_eq!(episode_count(78_200, 200), 391);
    assert_eq!(episode_count(7_038, 200), 36);
}

#[test]
fn a_frequency_matched_plan_is_a_shuffle_of_its_counts() {
    let plan = OpenLoopPlan::frequency_matched(3, 40, &[0.5, 0.25, 0.25]).unwrap();
    for arm in 0..3 {
        assert_eq!(plan.arms.iter().filter(|&&played| played == arm).count(), plan.integer_counts[arm]);
    }
    // random.Random(3).shuffle of twenty 0, ten 1, ten 2.
    assert_eq!(plan.arms, MATCHED);
}

#[test]
fn frequencies_are_pooled_over_the_other_seeds() {
    assert_eq!(source_seeds(2).unwrap(), [0, 1, 3, 4]);
    assert_eq!(source_seeds(7).unwrap_err().to_string(), "target_seed must be one of [0, 1, 2, 3, 4], got 7.");
    assert_eq!(pooled_frequencies(&[&[0, 1], &[2, 2]], 3).unwrap(), [0.25, 0.25, 0.5]);
    assert!(pooled_frequencies(&[&[3]], 3).is_err());
    assert!(pooled_frequencies(&[], 3).is_err());
}

#[test]
fn refusals_use_the_references_words() {
    let message = |probabilities: &[f64], count| largest_remainder(probabilities, count).unwrap_err().to_string();
    assert_eq!(message(&[-0.5, 1.5], 3), "probabilities must be finite and nonnegative.");
    assert_eq!(message(&[f64::NAN], 3), "probabilities must be finite and nonnegative.");
    assert_eq!(message(&[0.5, 0.25], 3), "probabilities must sum to one, got 0.75.");
    assert_eq!(message(&[1.0], 0), "total_count must be positive.");
}

#[test]
fn a_run_follows_its_plan_and_earns_nothing() {
    let plan = OpenLoopPlan::uniform_random(7, 3, 2).unwrap();
    let config = AeesConfig {
        lr_candidates: vec![0.5, 1.0],
        episode_length: 2,
        control_mode: ControlMode::OpenLoop(plan.clone()),
        ..AeesConfig::default()
    };
    let mut aees = Aees::new(config.clone()).unwrap();
    for step in 0..6 {
        aees.open(step).unwrap();
        aees.record(1.0 / (step + 1) as f64, None).unwrap();
    }
    let logs = aees.episode_logs();
    plan.check_executed(&logs.selected_lr_indices).unwrap();
    assert_eq!(logs.episode_rewards, [0.0; 3]);
    assert_eq!(logs.reward_base, [None; 3]);
    let logs = serde_json::to_value(aees.controller_logs()).unwrap();
    assert_eq!(logs["lr_controller_logs"]["controller_type"], "PrecomputedScheduleController");
    assert!(logs["lr_controller_logs"].get("value_estimates_history").is_none());
    assert!(logs["open_loop_note"].as_str().unwrap().starts_with("The complete LR sequence was generated"));
    assert!(aees.open(6).unwrap_err().to_string().starts_with("Precomputed LR schedule exhausted;"));
    assert!(plan.check_executed(&[0]).is_err());

    let with_context = AeesConfig {
        context: ContextConfig { mode: ContextMode::Trend, ..ContextConfig::default() },
        ..config.clone()
    };
    let message = "Open-loop attribution controls require context_mode none.";
    assert_eq!(Aees::new(with_context).unwrap_err().to_string(), message);
    assert!(Aees::new(AeesConfig { noise_candidates: vec![0.0, 0.1], ..config.clone() }).is_err());
    assert!(Aees::new(AeesConfig { lr_candidates: vec![1.0], ..config }).is_err());
}

const MATCHED: [usize; 40] = [
    0, 0, 0, 0, 1, 2, 1, 2, 0, 0, 0, 0, 0, 2, 0, 1, 0, 0, 1, 2, 1, 0, 1, 1, 1, 2, 1, 0, 0, 0, 2, 2, 0, 0, 2, 1, 0, 2,
    2, 0,
];
