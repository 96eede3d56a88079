//! EXP3: its probabilities, its update against an example worked by hand, and its range of rewards.

use aees_control::Exp3Config;
use aees_control::controller::{Bandit, Exp3, Seeded};
use aees_control::rng::NumpyGenerator;
use proptest::prelude::*;

fn seeded(n_arms: usize, config: Exp3Config, seed: i64) -> Seeded<Exp3> {
    Seeded::new(n_arms, config, Some(seed)).unwrap()
}

fn probabilities(bandit: &Exp3) -> Vec<f64> {
    (0..bandit.n_arms()).map(|arm| bandit.probability(arm)).collect()
}

fn close(found: &[f64], expected: &[f64]) {
    assert_eq!(found.len(), expected.len());
    for (found, expected) in found.iter().zip(expected) {
        assert!((found - expected).abs() < 1e-12, "{found} instead of {expected}");
    }
}

/// Two arms, gamma 0.5, share 0.1, no forgetting of the range. Warm-up finds the range 0 to 2.
#[test]
fn an_update_worked_by_hand() {
    let config = Exp3Config { gamma: 0.5, share: 0.1, discount: 1.0, warmup_rounds: 1 };
    let mut bandit = seeded(2, config, 0);
    bandit.update(0, 0.0).unwrap();
    bandit.update(1, 2.0).unwrap();
    close(bandit.bandit().weights(), &[0.5, 0.5]);
    close(&probabilities(bandit.bandit()), &[0.5, 0.5]);

    // Reward 1.5 is 0.75 of the range; over the probability 0.5 that is 1.5; times gamma / K = 0.25, 0.375.
    bandit.update(1, 1.5).unwrap();
    let shared = std::f64::consts::E * 0.1 / 2.0;
    let grown = [0.5 + shared, 0.5 * 0.375f64.exp() + shared];
    let total = grown[0] + grown[1];
    close(bandit.bandit().weights(), &[grown[0] / total, grown[1] / total]);
    // Half of the picks are uniform.
    let first = 0.5 * grown[0] / total + 0.25;
    close(&probabilities(bandit.bandit()), &[first, 1.0 - first]);

    // Reward 4 widens the range to 0 to 4: it is its end.
    let before = bandit.bandit().weights().to_vec();
    bandit.update(0, 4.0).unwrap();
    let grown = [before[0] * (0.25 / first).exp() + shared, before[1] + shared];
    close(bandit.bandit().weights(), &grown.map(|weight| weight / (grown[0] + grown[1])));
}

/// The range narrows by the discount from both ends, so that an early extreme is forgotten.
#[test]
fn the_range_is_of_late() {
    let picks_of = |discount| {
        let mut bandit = seeded(2, Exp3Config { discount, ..Exp3Config::default() }, 3);
        bandit.update(0, 1000.0).unwrap();
        bandit.update(1, 0.0).unwrap();
        (0..600).for_each(|_| {
            let arm = bandit.select();
            bandit.update(arm, if arm == 1 { 1.0 } else { 0.0 }).unwrap();
        });
        bandit.bandit().probability(1)
    };
    assert!(picks_of(0.95) > 0.85, "{}", picks_of(0.95));
    assert!(picks_of(1.0) < 0.6, "{}", picks_of(1.0));
}

#[test]
fn warm_up_tries_each_arm_and_then_the_weights_decide() {
    for rounds in [0, 1, 3] {
        let mut bandit = seeded(4, Exp3Config { warmup_rounds: rounds, ..Exp3Config::default() }, 5);
        let mut plays = [0u64; 4];
        for _ in 0..4 * rounds {
            let arm = bandit.select();
            assert!(bandit.bandit().probability(arm) > 0.0);
            bandit.update(arm, arm as f64).unwrap();
            plays[arm] += 1;
        }
        assert_eq!(plays, [rounds; 4]);
        assert_eq!(bandit.bandit().weights(), [0.25; 4], "warm-up only finds the range");
        bandit.update(0, 3.0).unwrap();
        assert_ne!(bandit.bandit().weights(), [0.25; 4]);
    }
}

#[test]
fn picks_are_as_frequent_as_their_probabilities() {
    let config = Exp3Config { warmup_rounds: 0, ..Exp3Config::default() };
    let mut bandit = Exp3::new(3, config);
    for (arm, reward) in [(0, 0.0), (1, 1.0), (2, 0.4), (1, 0.9), (2, 0.1), (1, 1.0), (1, 0.7)] {
        bandit.update(arm, reward, bandit.probability(arm));
    }
    let (mut random, mut counts) = (NumpyGenerator::new(11), [0u32; 3]);
    let draws = 200_000;
    (0..draws).for_each(|_| counts[bandit.select(&mut random)] += 1);
    for (arm, count) in counts.into_iter().enumerate() {
        let (expected, found) = (bandit.probability(arm), f64::from(count) / f64::from(draws));
        assert!((expected - found).abs() < 0.005, "arm {arm}: {found} instead of {expected}");
    }
}

#[test]
fn one_arm_is_always_picked() {
    let mut bandit = seeded(1, Exp3Config::default(), 0);
    for reward in [0.0, 0.0, 1.0, -5.0] {
        assert_eq!(bandit.select(), 0);
        bandit.update(0, reward).unwrap();
        close(&probabilities(bandit.bandit()), &[1.0]);
    }
}

#[test]
fn equal_rewards_leave_the_weights_nearly_alone() {
    let mut bandit = seeded(3, Exp3Config::default(), 1);
    for _ in 0..300 {
        let arm = bandit.select();
        bandit.update(arm, 0.125).unwrap();
    }
    assert!(probabilities(bandit.bandit()).iter().all(|probability| (0.1..0.7).contains(probability)));
}

#[test]
fn refusals_leave_it_as_it_was() {
    let mut bandit = seeded(2, Exp3Config::default(), 0);
    bandit.update(0, 1.0).unwrap();
    let before = bandit.clone();
    for reward in [f64::NAN, f64::INFINITY] {
        assert_eq!(bandit.update(1, reward).unwrap_err().to_string(), "reward must be a finite float.");
    }
    assert_eq!(bandit.update(2, 1.0).unwrap_err().to_string(), "mode_id must be in [0, 2), got 2.");
    assert_eq!(bandit, before);
    let build = |config| Seeded::<Exp3>::new(2, config, None).map(drop).unwrap_err().to_string();
    let config = Exp3Config::default();
    assert_eq!(build(Exp3Config { gamma: 0.0, ..config }), "exp3_gamma must be in the interval (0, 1].");
    assert_eq!(build(Exp3Config { share: 1.5, ..config }), "exp3_share must be in the interval [0, 1].");
}

proptest! {
    #[test]
    fn probabilities_sum_to_one_and_each_arm_keeps_its_share(
        n_arms in 1..7usize,
        gamma in 0.01..=1.0f64,
        share in 0.0..=1.0f64,
        discount in 0.01..=1.0f64,
        rewards in prop::collection::vec(-1e9..1e9f64, 0..200),
        seed in any::<i64>(),
    ) {
        let mut bandit = seeded(n_arms, Exp3Config { gamma, share, discount, warmup_rounds: 1 }, seed);
        for reward in rewards {
            let arm = bandit.select();
            bandit.update(arm, reward).unwrap();
            let found = probabilities(bandit.bandit());
            prop_assert!((found.iter().sum::<f64>() - 1.0).abs() < 1e-9);
            let warm = bandit.bandit().weights().iter().all(|weight| *weight == 1.0 / n_arms as f64);
            let least = gamma / n_arms as f64 - 1e-12;
            prop_assert!(warm || found.iter().all(|probability| *probability >= least));
        }
    }
}
