//! The controllers against recorded picks and statistics of the reference.

use aees_control::UcbConfig;
use aees_control::controller::{
    ArmPicker, Contextual, Controller, ControllerError, DiscountedUcb, PrecomputedSchedule, RandomController, Seeded,
};

type Ucb = Seeded<DiscountedUcb>;

/// A reward in tenths that depends on time and arm: `round(0.1 * ((7t + 3a) mod 5) - 0.15, 10)`.
fn reward(time: usize, arm: usize) -> f64 {
    [-0.15, -0.05, 0.05, 0.15, 0.25][(7 * time + 3 * arm) % 5]
}

fn ucb(n_arms: usize, seed: i64) -> Ucb {
    Ucb::new(n_arms, UcbConfig::default(), Some(seed)).unwrap()
}

fn play(controller: &mut Ucb, count: usize, reward: impl Fn(usize, usize) -> f64) -> Vec<usize> {
    (0..count)
        .map(|time| {
            let arm = controller.select();
            controller.update(arm, reward(time, arm)).unwrap();
            arm
        })
        .collect()
}

#[test]
fn discounted_ucb_picks_and_statistics() {
    let mut controller = ucb(3, 0);
    assert_eq!(play(&mut controller, 20, reward), [1, 2, 0, 0, 1, 2, 0, 1, 2, 0, 1, 2, 0, 1, 2, 0, 1, 2, 0, 1]);
    let statistics = controller.bandit();
    assert_eq!(statistics.counts(), [4.433_169_572_482_575_5, 4.603_721_220_707_305, 3.793_390_758_639_269_2]);
    assert_eq!(
        statistics.reward_sums(),
        [0.202_909_781_945_375_57, 0.160_160_617_370_381_62, 0.221_221_702_495_138_53]
    );
    assert_eq!(statistics.warmup_counts(), [7, 7, 6]);

    assert_eq!(play(&mut ucb(3, 1), 9, reward), [0, 1, 2, 0, 1, 2, 0, 1, 2]);
    assert_eq!(play(&mut ucb(3, 101), 9, reward), [2, 0, 1, 0, 1, 2, 0, 1, 2]);
    assert_eq!(play(&mut ucb(2, 0), 16, reward), [1, 0, 1, 0, 1, 0, 1, 0, 0, 1, 0, 1, 0, 0, 1, 0]);
    assert_eq!(play(&mut ucb(3, 0), 9, |_, _| 0.0), [1, 2, 0, 1, 2, 0, 1, 2, 0]);
}

#[test]
fn random_picks() {
    let mut controller = RandomController::new(3, Some(0)).unwrap();
    let expected = [1, 1, 0, 1, 2, 1, 1, 1, 1, 1, 2, 0, 2, 0, 1, 0];
    assert_eq!(expected.map(|_| controller.select().unwrap()), expected);
}

#[test]
fn bucketed_picks_and_statistics() {
    let names = ["improving", "stable", "worsening"];
    let mut controller = Contextual::<DiscountedUcb>::new(3, &names, UcbConfig::default(), Some(0)).unwrap();
    let contexts = [1, 1, 1, 1, 0, 2, 0, 1, 2, 0, 0, 1];
    let mut picks = Vec::new();
    for (time, context) in contexts.into_iter().enumerate() {
        controller.set_context(names[context]).unwrap();
        let arm = controller.select().unwrap();
        controller.update(arm, reward(time, arm)).unwrap();
        picks.push(arm);
    }
    assert_eq!(picks, [0, 1, 2, 0, 1, 2, 2, 1, 0, 2, 0, 2]);
    let contexts = controller.contexts();
    assert_eq!(contexts.iter().map(|context| context.visit_count()).collect::<Vec<_>>(), [4, 6, 2]);
    assert_eq!(
        contexts.iter().map(|context| context.reward_sum()).collect::<Vec<_>>(),
        [0.199_999_999_999_999_98, -0.299_999_999_999_999_93, -0.1]
    );
    assert_eq!(contexts.iter().map(|context| context.distinct_arms()).collect::<Vec<_>>(), [3, 3, 2]);
    assert_eq!(contexts[0].bandit().unwrap().total_updates(), 8, "inherited from the prior");
    assert_eq!(controller.prior().total_updates(), 12);
}

#[test]
fn a_precomputed_schedule_is_replayed_and_then_exhausted() {
    let mut controller = PrecomputedSchedule::new(3, vec![2, 0, 1]).unwrap();
    for expected in [2, 0, 1] {
        assert_eq!(controller.select(), Ok(expected));
        assert_eq!(controller.update(99, f64::NAN), Ok(()), "feedback is not even looked at");
    }
    assert_eq!(
        controller.select().unwrap_err().to_string(),
        "Precomputed LR schedule exhausted; the training step count does not match the schedule's episode count."
    );
    let snapshot = serde_json::to_value(controller.snapshot()).unwrap();
    assert_eq!(
        snapshot,
        serde_json::json!({"n_arms": 3, "schedule_length": 3, "selection_count": 3, "feedback_ignored": true,
            "bandit_statistics_updated": false, "update_call_count": 3})
    );
    let error = PrecomputedSchedule::new(3, vec![7, 0, 3, 7]).unwrap_err();
    assert_eq!(error.to_string(), "Schedule contains invalid arm indices [3, 7]; expected [0, 3).");
    assert_eq!(
        PrecomputedSchedule::new(3, vec![]).unwrap_err().to_string(),
        "A precomputed schedule must contain at least one arm."
    );
    assert_eq!(PrecomputedSchedule::new(0, vec![]).unwrap_err().to_string(), "n_arms must be positive.");
}

#[test]
fn refusals_use_the_references_words() {
    let build = |n_arms, config| Ucb::new(n_arms, config, Some(0)).map(drop).unwrap_err().to_string();
    let config = UcbConfig::default();
    assert_eq!(build(0, UcbConfig { discount: 9.0, ..config }), "n_arms must be a positive integer.");
    assert_eq!(build(2, UcbConfig { exploration_coef: -1.0, ..config }), "exploration_coef must be non-negative.");
    for discount in [0.0, 1.5, f64::NAN] {
        assert_eq!(build(2, UcbConfig { discount, ..config }), "discount must be in the interval (0, 1].");
    }
    assert_eq!(build(2, UcbConfig { exploration_coef: f64::NAN, ..config }), "exploration_coef must be finite.");

    let mut controller = ucb(2, 0);
    assert_eq!(controller.update(2, f64::NAN).unwrap_err().to_string(), "mode_id must be in [0, 2), got 2.");
    assert_eq!(controller.update(1, f64::NAN).unwrap_err().to_string(), "reward must be a finite float.");
    let bucketed = |names: &[&str]| Contextual::<DiscountedUcb>::new(2, names, config, None);
    assert_eq!(bucketed(&[]).unwrap_err().to_string(), "bucket_names must contain at least one bucket.");
    assert_eq!(bucketed(&["a", "b", "a"]).unwrap_err().to_string(), "bucket_names must be unique.");
    let mut controller = bucketed(&["a"]).unwrap();
    assert_eq!(controller.set_context("b").unwrap_err().to_string(), "Unknown context bucket 'b'.");
    assert_eq!(
        controller.select().unwrap_err().to_string(),
        "set_context() must be called before select_mode() or update()."
    );
    assert_eq!(controller.update(0, 0.0), Err(ControllerError::NoContext));
}

#[test]
fn a_context_copies_statistics_and_leaves_the_random_numbers_alone() {
    let mut teacher = Contextual::<DiscountedUcb>::new(3, &["a", "b"], UcbConfig::default(), Some(5)).unwrap();
    teacher.set_context("a").unwrap();
    for time in 0..10 {
        let arm = teacher.select().unwrap();
        teacher.update(arm, reward(time, arm)).unwrap();
    }
    teacher.set_context("b").unwrap();
    assert_eq!(teacher.contexts()[1].bandit(), Some(teacher.prior()));
    let rewards = |time: usize| reward(time, time % 3);
    let mut same = ucb(3, 5 + 1001);
    let mut other = ucb(3, 5 + 1000);
    (0..10).for_each(|time| {
        [&mut same, &mut other].into_iter().for_each(|ucb| ucb.update(time % 3, rewards(time)).unwrap())
    });
    assert_eq!(same.bandit(), other.bandit());
    assert_ne!(same, other, "the generators differ");
}

#[test]
fn a_controller_that_learns_nothing_has_no_log() {
    let controllers = [
        Controller::Random(RandomController::new(2, Some(0)).unwrap()),
        Controller::Precomputed(PrecomputedSchedule::new(2, vec![0, 1]).unwrap()),
    ];
    for controller in controllers {
        assert!(controller.columns().is_empty());
        assert!(controller.snapshot().overall().is_none());
    }
}
