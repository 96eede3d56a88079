//! Open-loop schedules: seeds, counts, refusals, and a run that follows one.

use aees_control::open_loop::{OpenLoopPlan, episode_count, largest_remainder, pooled_frequencies, schedule_seed};
use aees_control::{Aees, AeesConfig, ArmPolicy, StructuredControlMode, Trend};

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
        policy: ArmPolicy::OpenLoop(plan.clone()),
        ..AeesConfig::default()
    };
    let mut aees = Aees::new(config.clone()).unwrap();
    for step in 0..6 {
        aees.open(step).unwrap();
        aees.record(1.0 / (step + 1) as f64, None).unwrap();
    }
    let logs = aees.episode_logs();
    assert_eq!(logs.selected_lr_indices, plan.arms);
    assert_eq!(logs.episode_rewards, [0.0; 3]);
    assert_eq!(logs.reward_base, [None; 3]);
    let logs = serde_json::to_value(aees.controller_logs()).unwrap();
    assert_eq!(logs["lr_controller_logs"]["controller_type"], "PrecomputedScheduleController");
    assert!(logs["lr_controller_logs"].get("value_estimates_history").is_none());
    assert!(logs["open_loop_note"].as_str().unwrap().starts_with("The complete LR sequence was generated"));
    assert!(aees.open(6).unwrap_err().to_string().starts_with("Precomputed LR schedule exhausted;"));

    let message = |config: AeesConfig| Aees::new(config).unwrap_err().to_string();
    assert_eq!(
        message(AeesConfig { context: Trend::default().into(), ..config.clone() }),
        "Open-loop attribution controls require context_mode none."
    );
    assert_eq!(
        message(AeesConfig { structured_control_mode: StructuredControlMode::Conditional, ..config.clone() }),
        "Open-loop attribution controls require structured_control_mode independent."
    );
    assert_eq!(
        message(AeesConfig { lr_candidates: vec![1.0], ..config.clone() }),
        "Open-loop attribution controls require at least two candidates."
    );
    let unknown = OpenLoopPlan { arms: vec![0, 2], ..plan };
    let message = message(AeesConfig { policy: ArmPolicy::OpenLoop(unknown), ..config });
    assert_eq!(message, "Schedule contains invalid arm indices [2]; expected [0, 2).");
}

#[test]
fn a_sequence_of_pairs_plays_both_axes() {
    for (lr, noise) in
        [(vec![0.5, 1.0, 2.0], vec![0.0, 0.1]), (vec![1.0], vec![0.0, 0.1, 0.2]), (vec![0.1, 7.0], vec![0.3])]
    {
        let candidates = lr.len() * noise.len();
        let plan = OpenLoopPlan::uniform_random(7, 40, candidates).unwrap();
        let config = AeesConfig {
            lr_candidates: lr,
            noise_candidates: noise.clone(),
            episode_length: 1,
            policy: ArmPolicy::OpenLoop(plan.clone()),
            ..AeesConfig::default()
        };
        let mut aees = Aees::new(config).unwrap();
        for step in 0..40 {
            aees.open(step).unwrap();
            aees.record(1.0, None).unwrap();
        }
        let played: Vec<usize> = aees.episodes().iter().map(|episode| episode.mode_id).collect();
        assert_eq!(played, plan.arms);
        let pairs = aees.episodes().iter().map(|episode| (episode.selection.lr_index, episode.selection.noise_index));
        assert!(pairs.eq(plan.arms.iter().map(|arm| (arm / noise.len(), arm % noise.len()))));
        assert_eq!(aees.manager().noise_control().controllers().len(), usize::from(noise.len() > 1));
    }
}

const MATCHED: [usize; 40] = [
    0, 0, 0, 0, 1, 2, 1, 2, 0, 0, 0, 0, 0, 2, 0, 1, 0, 0, 1, 2, 1, 0, 1, 1, 1, 2, 1, 0, 0, 0, 2, 2, 0, 0, 2, 1, 0, 2,
    2, 0,
];
