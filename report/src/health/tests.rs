//! Bandits whose rewards are known, and what is said of them.

use aees_control::rng::{Generator, NumpyGenerator};
use aees_control::{BanditConfig, ControllerName};
use serde_json::{Value, json};

use super::*;
use crate::fixtures::{record, with};
use crate::record::Episodes;

/// Rewards of three arms with normal-like noise of this spread, and a fall of all of them over the run.
#[derive(Clone, Copy)]
struct Rewards {
    means: [f64; 3],
    noise: f64,
    fall: f64,
}

/// A run whose arms a controller picked; without one, chance.
fn played(controller: Option<&str>, rewards: Rewards, episodes: usize, seed: i64) -> RunRecord {
    let arms = [0.5, 1.0, 2.0];
    let mut random = NumpyGenerator::new(seed as u64 + 9);
    let bandit = controller.map(|name| BanditConfig::read(name.parse().unwrap(), |setting| setting.default));
    let mut bandit = bandit.map(|bandit| bandit.controller(3, &[], Some(seed)).unwrap());
    let mut logs = Episodes::default();
    for episode in 0..episodes {
        let arm = bandit.as_mut().map_or_else(|| random.randrange(3), |bandit| bandit.select().unwrap());
        // The sum of twelve uniform numbers has a variance of 1.
        let noise: f64 = (0..12).map(|_| random.random()).sum::<f64>() - 6.0;
        let left = 1.0 - episode as f64 / episodes as f64;
        let reward = rewards.means[arm] + rewards.noise * noise + rewards.fall * left;
        if let Some(bandit) = &mut bandit {
            bandit.update(arm, reward).unwrap();
        }
        logs.end_steps.push(episode as u64);
        logs.lr_values.push(arms[arm]);
        logs.noise_values.push(0.0);
        logs.rewards.push(reward);
        logs.update_norms.push(f64::NAN);
    }
    let controller = controller.unwrap_or("ducb");
    let config = json!({"lr_candidates": arms, "controller": controller, "control_mode": "adaptive"});
    let mut run = with(record("sst2", seed), config);
    (run.episodes, run.control) = (Some(logs), if bandit.is_some() { Control::Adaptive } else { Control::Random });
    run
}

fn health(controller: Option<&str>, rewards: Rewards, episodes: usize, seeds: std::ops::Range<i64>) -> ControlHealth {
    let runs: Vec<RunRecord> = seeds.map(|seed| played(controller, rewards, episodes, seed)).collect();
    ControlHealth::of(&runs.iter().collect::<Vec<_>>(), Axis::Lr).unwrap()
}

const CLEAR: Rewards = Rewards { means: [0.0, 2.0, 0.5], noise: 1.0, fall: 0.0 };

#[test]
fn a_gap_is_found_in_units_of_the_noise_whatever_the_trend_and_the_scale() {
    for (scale, fall) in [(1.0, 0.0), (1.0, 20.0), (0.001, 0.02), (1000.0, -5000.0)] {
        let rewards = Rewards { means: [0.0, 0.5 * scale, 0.2 * scale], noise: scale, fall };
        let health = health(None, rewards, 300, 0..20);
        let (gap, Interval { low, high }) = health.gap().unwrap();
        assert!(low < 0.5 && 0.5 < high && high - low < 0.4, "{gap} [{low}, {high}] at {scale} with {fall}");
        assert_eq!(health.best(), Some(1));
        let effects: Vec<f64> = (0..3).map(|arm| health.effect(arm).unwrap().mean).collect();
        assert!(effects.iter().sum::<f64>().abs() < 1e-9, "effects lie around zero: {effects:?}");
        assert_eq!(health.verdict(), Verdict::Control, "chance never learns");
    }
}

#[test]
fn arms_that_earn_alike_are_told_apart_in_few_studies_only() {
    let alike = Rewards { means: [0.3; 3], noise: 1.0, fall: 1.0 };
    let found = (0..40).filter(|study| health(None, alike, 90, study * 10..study * 10 + 10).gap().unwrap().1.low > 0.0);
    let found = found.count();
    assert!(found <= 6, "{found} of 40 studies at the 5 % level");
}

#[test]
fn rewards_too_small_for_the_bonus_are_named_with_what_decided() {
    let small = Rewards { means: [0.0, 0.002, 0.0005], noise: 0.0005, fall: 0.0 };
    let health = health(Some("ducb"), small, 60, 0..5);
    let Verdict::CouldNot(reasons) = health.verdict() else { panic!("{:?}", health.verdict()) };
    assert!(reasons.iter().any(|reason| reason.starts_with("its exploration bonus made")), "{reasons:?}");
    assert!(health.bonus_decides().unwrap().mean > 0.9 && health.values_over_bonus().unwrap().mean < 0.05);
    assert!(health.final_entropy().unwrap().mean > 0.98 && health.switches().unwrap().mean > 0.9);
    let share = health.share(1).unwrap().mean;
    assert!((share - 1.0 / 3.0).abs() < 0.03, "{share}");
}

#[test]
fn a_rule_that_learns_is_said_to() {
    for name in ["scaled-ducb", "thompson"] {
        let health = health(Some(name), CLEAR, 150, 0..8);
        assert_eq!((health.verdict(), health.best()), (Verdict::Learned, Some(1)), "{name}");
        assert!(health.final_entropy().unwrap().mean < 0.9, "{name}");
        assert!(health.values_over_bonus().unwrap().mean > 0.5, "{name}");
    }
    // Rules that think nothing of single arms are judged by rewards and picks alone.
    let exp3 = health(Some("exp3"), CLEAR, 150, 0..8);
    assert!(exp3.values_over_bonus().is_none() && exp3.bonus_decides().is_none() && exp3.gap().is_some());
}

#[test]
fn a_memory_too_short_for_the_gap_is_named() {
    // The reference's bandit: its bonus is larger than these rewards by far, and its memory is of 20 episodes.
    let faint = Rewards { means: [0.0, 0.01, 0.005], noise: 0.025, fall: 0.0 };
    let health = health(Some("ducb"), faint, 300, 0..20);
    let Verdict::CouldNot(reasons) = health.verdict() else { panic!("{:?}", health.verdict()) };
    assert!(reasons[0].starts_with("it would need") && reasons[0].ends_with("remembers 7"), "{reasons:?}");
    let needed = health.needed().unwrap();
    assert!((50.0..200.0).contains(&needed), "{needed}: 98 by Cohen's table for d = 0.4");
    // A rule whose bonus has the rewards' size makes something of the same rewards.
    let scaled = self::health(Some("scaled-ducb"), faint, 300, 0..20);
    let [ours, reference] = [&scaled, &health].map(|health| health.share(1).unwrap().mean);
    assert!(ours > reference + 0.03, "{ours} and {reference}");
}

#[test]
fn an_arm_that_was_never_played_has_no_effect_and_few_episodes_none_at_all() {
    let mut run = played(None, CLEAR, 60, 1);
    let logs = run.episodes.as_mut().unwrap();
    logs.lr_values.iter_mut().filter(|value| **value == 2.0).for_each(|value| *value = 0.5);
    let health = ControlHealth::of(&[&run], Axis::Lr).unwrap();
    assert!(health.effect(2).is_none() && health.effect(0).is_some() && health.gap().is_some());
    assert_eq!(health.share(2).unwrap().mean, 0.0);
    assert!(ControlHealth::of(&[&played(None, CLEAR, 3, 1)], Axis::Lr).is_none());
    assert!(ControlHealth::of(&[&run], Axis::Noise).is_none(), "one noise level is no choice");
    run.episodes.as_mut().unwrap().rewards.fill(0.0);
    assert!(ControlHealth::of(&[&run], Axis::Lr).is_none(), "an open loop earns nothing");
}

/// What a bandit is computed to have thought is what the reference logged that its own did, to the last bit.
#[test]
fn estimates_are_those_that_the_reference_logged() {
    let path = std::path::Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("tests/fixtures/archive/cifar_noisy/cifar100_asym20_seed0/adamw_aees_ep200_lr05102");
    let (run, bytes) = crate::read::read_with(&path).unwrap();
    let document: Value = serde_json::from_slice(&bytes).unwrap();
    let logged = document["controller_logs"]["lr_controller_logs"]["value_estimates_history"].as_array().unwrap();
    let health = ControlHealth::of(&[&run], Axis::Lr).unwrap();
    let estimates = &health.runs[0].estimates;
    assert_eq!(estimates.len(), logged.len());
    let mut compared = 0;
    for (before, row) in estimates.iter().skip(1).zip(logged) {
        let Some(before) = before else { continue };
        for (estimate, arm) in before.iter().zip(["0.5", "1.0", "2.0"]) {
            assert_eq!(estimate.value, row[arm].as_f64().unwrap());
            compared += 1;
        }
    }
    assert!(compared > 90, "{compared}");
}

#[test]
fn every_controller_of_the_list_has_a_health() {
    for name in ControllerName::ALL {
        assert!(health(Some(name.name()), CLEAR, 60, 0..3).gap().is_some(), "{}", name.name());
    }
}
