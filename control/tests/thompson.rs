//! Thompson sampling: its posterior against closed forms, its picks against numeric integration.

use aees_control::ThompsonConfig;
use aees_control::controller::{Bandit, Seeded, StudentT, ThompsonSampling};
use aees_control::rng::NumpyGenerator;

fn taught(config: ThompsonConfig, n_arms: usize, feedback: &[(usize, f64)]) -> ThompsonSampling {
    let mut bandit = ThompsonSampling::new(n_arms, config);
    feedback.iter().for_each(|&(arm, reward)| bandit.update(arm, reward, 1.0));
    bandit
}

fn close(found: f64, expected: f64) {
    assert!((found - expected).abs() < 1e-12 * (1.0 + expected.abs()), "{found} instead of {expected}");
}

const KEEP_ALL: ThompsonConfig = ThompsonConfig { discount: 1.0, warmup_rounds: 0 };

/// Arm 0 earned 1 and 3, arm 1 earned 5. All together: mean 3, variance 8/3. With a prior worth one reward of the mean and
/// two of the variance: kappa = 1 + n, alpha = 1 + n/2, beta = 8/3 + (S + n/(1+n) (mean - 3)^2) / 2.
#[test]
fn the_posterior_is_that_of_a_normal_inverse_gamma_prior() {
    let bandit = taught(KEEP_ALL, 3, &[(0, 1.0), (1, 5.0), (0, 3.0)]);
    let variance: f64 = 8.0 / 3.0;
    // n = 2, mean 2, S = 2: kappa 3, alpha 2, beta 8/3 + (2 + 2/3) / 2 = 4; scale^2 = 4 / (2 * 3).
    let StudentT { location, scale, degrees } = bandit.posterior(0);
    close(location, (3.0 + 2.0 * 2.0) / 3.0);
    close(scale, (4.0f64 / 6.0).sqrt());
    close(degrees, 4.0);
    // n = 1, mean 5, S = 0: kappa 2, alpha 1.5, beta 8/3 + (1/2 * 4) / 2 = 11/3; scale^2 = 11/9.
    let StudentT { location, scale, degrees } = bandit.posterior(1);
    close(location, 4.0);
    close(scale, (11.0f64 / 9.0).sqrt());
    close(degrees, 3.0);
    // An arm that was never played is the prior.
    let StudentT { location, scale, degrees } = bandit.posterior(2);
    close(location, 3.0);
    close(scale, variance.sqrt());
    close(degrees, 2.0);
}

/// With discount g the weights of rewards are g^2, g, 1: all moments are weighted ones.
#[test]
fn what_was_seen_is_discounted() {
    let g = 0.5;
    let bandit = taught(ThompsonConfig { discount: g, warmup_rounds: 0 }, 2, &[(0, 1.0), (0, 3.0), (1, 2.0)]);
    let (weights, rewards) = ([g * g, g, 1.0], [1.0, 3.0, 2.0]);
    let total: f64 = weights.iter().sum();
    let mean = weights.iter().zip(rewards).map(|(weight, reward)| weight * reward).sum::<f64>() / total;
    let squares: f64 = weights.iter().zip(rewards).map(|(weight, reward)| weight * (reward - mean).powi(2)).sum();
    let count = weights[0] + weights[1];
    let arm_mean = (weights[0] * 1.0 + weights[1] * 3.0) / count;
    let arm_squares = weights[0] * (1.0 - arm_mean).powi(2) + weights[1] * (3.0 - arm_mean).powi(2);
    let rate = squares / total + 0.5 * (arm_squares + count / (1.0 + count) * (arm_mean - mean).powi(2));
    let StudentT { location, scale, degrees } = bandit.posterior(0);
    close(location, (mean + count * arm_mean) / (1.0 + count));
    close(scale, (rate / ((1.0 + 0.5 * count) * (1.0 + count))).sqrt());
    close(degrees, 2.0 + count);
}

/// The density of Student's t up to its constant.
fn density(t: &StudentT, x: f64) -> f64 {
    let z = (x - t.location) / t.scale;
    (1.0 + z * z / t.degrees).powf(-0.5 * (t.degrees + 1.0))
}

/// The probability that the first of two is larger, by the midpoint rule over a grid that thins out.
fn first_is_larger(first: &StudentT, second: &StudentT) -> f64 {
    // x = tan(u) covers the real line.
    let steps = 40_000;
    let width = std::f64::consts::PI / f64::from(steps);
    let points = (0..steps).map(|i| (f64::from(i) + 0.5) * width - std::f64::consts::FRAC_PI_2);
    let (mut below, mut won, mut total) = (0.0, 0.0, 0.0);
    for u in points {
        let (x, stretch) = (u.tan(), 1.0 / u.cos().powi(2));
        let mass = density(second, x) * stretch;
        won += density(first, x) * stretch * (below + 0.5 * mass);
        below += mass;
        total += density(first, x) * stretch;
    }
    won / (total * below)
}

#[test]
fn picks_are_as_frequent_as_the_posteriors_say() {
    let feedback = [(0, 0.1), (1, 0.3), (0, 0.2), (1, 0.0), (0, 0.15), (1, 0.6)];
    for discount in [1.0, 0.7] {
        let bandit = taught(ThompsonConfig { discount, warmup_rounds: 1 }, 2, &feedback);
        let expected = first_is_larger(&bandit.posterior(0), &bandit.posterior(1));
        let (mut random, draws) = (NumpyGenerator::new(3), 200_000);
        let first = (0..draws).filter(|_| bandit.select(&mut random) == 0).count();
        let found = first as f64 / f64::from(draws);
        assert!((0.05..0.95).contains(&expected), "the example decides nothing: {expected}");
        assert!((found - expected).abs() < 0.005, "{found} instead of {expected}");
    }
}

#[test]
fn warm_up_tries_each_arm_and_then_the_draws_decide() {
    for rounds in [0, 1, 3] {
        let config = ThompsonConfig { warmup_rounds: rounds, ..ThompsonConfig::default() };
        let mut bandit = Seeded::<ThompsonSampling>::new(4, config, Some(5)).unwrap();
        let mut plays = [0u64; 4];
        for _ in 0..4 * rounds {
            let arm = bandit.select();
            bandit.update(arm, arm as f64).unwrap();
            plays[arm] += 1;
        }
        assert_eq!(plays, [rounds; 4]);
        (0..20).for_each(|_| assert!(bandit.select() < 4));
    }
}

#[test]
fn equal_rewards_leave_uniform_picks() {
    for rounds in [0, 2] {
        let config = ThompsonConfig { warmup_rounds: rounds, ..ThompsonConfig::default() };
        let mut bandit = Seeded::<ThompsonSampling>::new(3, config, Some(2)).unwrap();
        let mut plays = [0; 3];
        for _ in 0..3_000 {
            let arm = bandit.select();
            bandit.update(arm, 0.1).unwrap();
            plays[arm] += 1;
        }
        assert!(plays.iter().all(|plays| (850..1150).contains(plays)), "{plays:?}");
        assert_eq!(bandit.bandit().posterior(0).scale, 0.0);
    }
}

#[test]
fn one_arm_is_always_picked() {
    let mut bandit = Seeded::<ThompsonSampling>::new(1, ThompsonConfig::default(), Some(0)).unwrap();
    for reward in [0.0, 0.0, 1.0, -5.0] {
        assert_eq!(bandit.select(), 0);
        bandit.update(0, reward).unwrap();
    }
}

#[test]
fn refusals_leave_it_as_it_was() {
    let mut bandit = Seeded::<ThompsonSampling>::new(2, ThompsonConfig::default(), Some(0)).unwrap();
    bandit.update(0, 1.0).unwrap();
    let before = bandit.clone();
    for reward in [f64::NAN, f64::NEG_INFINITY] {
        assert_eq!(bandit.update(1, reward).unwrap_err().to_string(), "reward must be a finite float.");
    }
    assert_eq!(bandit, before);
    let config = ThompsonConfig { discount: 1.5, ..ThompsonConfig::default() };
    let message = Seeded::<ThompsonSampling>::new(2, config, None).map(drop).unwrap_err().to_string();
    assert_eq!(message, "discount must be in the interval (0, 1].");
}
