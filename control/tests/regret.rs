//! What the bandits lose against always playing the best arm, on bandits of known means, beside uniform choice; and that
//! the scale of rewards does not matter to those that promise it.

use aees_control::controller::Controller;
use aees_control::rng::NumpyGenerator;
use aees_control::{BanditConfig, ControllerName, Exp3Config, ThompsonConfig};

const ROUNDS: usize = 3_000;
const SEEDS: std::ops::Range<i64> = 0..8;

/// Mean rewards of three arms. On the switching bandit the best arm changes three times.
fn mean(arm: usize, round: usize, switching: bool) -> f64 {
    let best = if switching { [0, 2, 1, 0][round * 4 / ROUNDS] } else { 1 };
    if arm == best { 1.0 } else { 0.0 }
}

struct Played {
    picks: Vec<usize>,
    /// Regret of each round, over that of uniform choice.
    relative_regret: f64,
}

/// Plays a bandit whose rewards have a standard deviation of about 0.6, at a scale and from a base.
fn play(controller: &mut Controller, switching: bool, scale: f64, seed: i64) -> Played {
    let mut random = NumpyGenerator::new(seed as u64 + 1000);
    let (mut picks, mut lost) = (Vec::new(), 0.0);
    for round in 0..ROUNDS {
        // The same noise for every bandit, whatever it picks.
        let noise = 2.0 * (random.random() + random.random() - 1.0) * 0.7;
        let arm = controller.select().unwrap();
        controller.update(arm, scale * (mean(arm, round, switching) + noise)).unwrap();
        lost += 1.0 - mean(arm, round, switching);
        picks.push(arm);
    }
    let uniform = 2.0 / 3.0 * ROUNDS as f64;
    Played { picks, relative_regret: lost / uniform }
}

fn relative_regret(bandit: BanditConfig, switching: bool, scale: f64) -> f64 {
    let regrets = SEEDS.map(|seed| {
        let mut controller = bandit.controller(3, &[], Some(seed)).unwrap();
        play(&mut controller, switching, scale, seed).relative_regret
    });
    regrets.sum::<f64>() / SEEDS.count() as f64
}

const SCALES: [f64; 3] = [0.001, 1.0, 1000.0];

fn thompson(discount: f64) -> BanditConfig {
    ThompsonConfig { discount, ..ThompsonConfig::default() }.into()
}

#[test]
fn thompson_sampling_loses_little_on_a_stationary_bandit() {
    for scale in SCALES {
        let regret = relative_regret(thompson(1.0), false, scale);
        assert!(regret < 0.02, "{regret} of uniform choice at scale {scale}");
    }
}

#[test]
fn thompson_sampling_follows_a_switching_bandit() {
    for scale in SCALES {
        let regret = relative_regret(thompson(0.95), true, scale);
        assert!(regret < 0.35, "{regret} of uniform choice at scale {scale}");
        let forgetful = relative_regret(thompson(0.95), true, scale);
        let steadfast = relative_regret(thompson(1.0), true, scale);
        assert!(forgetful < steadfast, "{forgetful} with a discount, {steadfast} without");
    }
}

#[test]
fn exp3_beats_uniform_choice_on_both() {
    for (switching, bound) in [(false, 0.45), (true, 0.52)] {
        for scale in SCALES {
            let regret = relative_regret(Exp3Config::default().into(), switching, scale);
            assert!(regret < bound, "{regret} of uniform choice at scale {scale}");
        }
    }
}

#[test]
fn the_defaults_beat_uniform_choice_on_both() {
    for name in ControllerName::ALL {
        let bandit = BanditConfig::read(*name, |setting| setting.default);
        for switching in [false, true] {
            let regret = relative_regret(bandit, switching, 1.0);
            assert!(regret < 0.75, "{}: {regret} of uniform choice", name.name());
        }
    }
}

#[test]
fn the_scale_of_rewards_does_not_change_a_pick() {
    for bandit in [thompson(0.95), thompson(1.0), Exp3Config::default().into()] {
        for seed in SEEDS {
            // Powers of two scale without rounding; a thousand does not, but it takes a near tie to show.
            let picks = [1.0, 0.001, 1000.0, 2f64.powi(-40), 2f64.powi(40)].map(|scale| {
                let mut controller = bandit.controller(3, &[], Some(seed)).unwrap();
                play(&mut controller, true, scale, seed).picks
            });
            assert!(picks.iter().all(|scaled| *scaled == picks[0]), "{bandit:?} of seed {seed}");
        }
    }
}

#[test]
fn seeds_differ_and_repeat() {
    for name in ControllerName::ALL {
        let bandit = BanditConfig::read(*name, |setting| setting.default);
        let picks = |seed| play(&mut bandit.controller(3, &[], Some(seed)).unwrap(), false, 1.0, 0).picks;
        assert!(picks(4) == picks(4) && picks(4) != picks(5), "{}", name.name());
    }
}

/// In contexts each bandit starts from what all have taught, and learns its own best arm.
#[test]
fn contexts_learn_their_own_best_arms() {
    for name in ControllerName::ALL {
        let bandit = BanditConfig::read(*name, |setting| setting.default);
        let contexts = ["calm", "rough"];
        let mut controller = bandit.controller(2, &contexts, Some(1)).unwrap();
        let mut best = 0;
        for round in 0..2_000 {
            let context = round / 3 % 2;
            controller.set_context(contexts[context]).unwrap();
            let arm = controller.select().unwrap();
            controller.update(arm, if arm == context { 1.0 } else { 0.0 }).unwrap();
            best += usize::from(arm == context && round >= 1_000);
        }
        assert!(best > 650, "{}: {best} of 1000", name.name());
        assert_eq!(controller.snapshot().contexts().len(), 2);
    }
}
