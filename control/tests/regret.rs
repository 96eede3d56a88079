//! What the bandits lose against always playing the best arm, on bandits of known means, beside uniform choice; and that
//! the scale of rewards does not matter to those that promise it.

use aees_control::controller::Controller;
use aees_control::episode::{Credit, Selection};
use aees_control::rng::NumpyGenerator;
use aees_control::{
    BanditConfig, CandidateSet, ControllerName, Exp3Config, ScaledUcbConfig, ThompsonConfig, TsallisInfConfig,
};

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
    let exact = [1.0, 2f64.powi(-40), 2f64.powi(40)];
    // Powers of two scale without rounding; a thousand does not, but it takes a near tie to show.
    let rounded = [&exact[..], &[0.001, 1000.0]].concat();
    let of = |bandit: BanditConfig, scales: &[f64]| {
        for seed in SEEDS {
            let picks = |scale: &f64| {
                let mut controller = bandit.controller(3, &[], Some(seed)).unwrap();
                play(&mut controller, true, *scale, seed).picks
            };
            assert!(scales.iter().all(|scale| picks(scale) == picks(&1.0)), "{bandit:?} of seed {seed}");
        }
    };
    for bandit in [thompson(0.95), thompson(1.0), Exp3Config::default().into(), ScaledUcbConfig::default().into()] {
        of(bandit, &rounded);
    }
    // Where past losses fade, Tsallis-INF divides by small probabilities, and what was rounded grows: after some hundred
    // episodes other picks are drawn, which are as good.
    of(TsallisInfConfig::default().into(), &exact);
}

#[test]
fn seeds_differ_and_repeat() {
    for name in ControllerName::ALL {
        let bandit = BanditConfig::read(*name, |setting| setting.default);
        let picks = |seed| play(&mut bandit.controller(3, &[], Some(seed)).unwrap(), false, 1.0, 0).picks;
        // A bandit that draws in warm-up only has as many ways as that has orders.
        assert!(picks(4) == picks(4) && (5..9).any(|seed| picks(seed) != picks(4)), "{}", name.name());
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

// Rules that can learn, against chance and against discounted UCB, in episodes that are as many, as noisy and as far apart as those
// of training: 400 of three arms.

const EPISODES: usize = 400;

/// A bandit whose rewards are known: the mean reward of an arm in an episode, and after how many episodes it is paid.
#[derive(Clone, Copy)]
struct Game {
    /// The best arm of each part of the run, all of them equally long.
    best: &'static [usize],
    /// Reward of the best arm; that of the others is 0.
    gap: f64,
    /// Episodes that the reward of an arm is spread over, from its own on: what an arm is good for shows later.
    spread: usize,
    /// What all rewards fall by from the first episode to the last: losses fall ever more slowly.
    drift: f64,
    scale: f64,
}

const STATIONARY: Game = Game { best: &[1], gap: 1.0, spread: 1, drift: 0.0, scale: 1.0 };

/// The share of episodes in which the best arm was played; chance plays it in a third.
fn best_share(controller: &BanditConfig, credit: usize, game: Game) -> f64 {
    let seeds = 0..12;
    let share = |seed: i64| {
        let mut controller = controller.controller(3, &[], Some(seed)).unwrap();
        let mut credit = Credit::new(credit);
        let mut random = NumpyGenerator::new(seed as u64 + 77);
        let (mut picks, mut best) = (Vec::new(), 0);
        for episode in 0..EPISODES {
            let part = |episode: usize| game.best[episode * game.best.len() / EPISODES];
            let lr_index = controller.select().unwrap();
            picks.push(lr_index);
            best += usize::from(lr_index == part(episode));
            let paid = (0..game.spread).filter_map(|ago| {
                let then = episode.checked_sub(ago)?;
                (picks[then] == part(then)).then_some(game.gap / game.spread as f64)
            });
            let noise = 2.0 * (random.random() + random.random() - 1.0) * 1.2;
            let fall = game.drift * (1.0 - episode as f64 / EPISODES as f64);
            let reward = game.scale * (paid.sum::<f64>() + noise + fall);
            let candidates = CandidateSet::new(&[0.5, 1.0, 2.0], &[0.0]).unwrap();
            let candidate = candidates.get(lr_index, 0).unwrap();
            let selection = Selection { lr_index, noise_index: 0, candidate, context_bucket: None };
            credit.settle(selection, reward, Some(&mut controller), &mut []).unwrap();
        }
        best as f64 / EPISODES as f64
    };
    seeds.clone().map(share).sum::<f64>() / seeds.count() as f64
}

fn defaults(name: &str) -> BanditConfig {
    BanditConfig::read(name.parse().unwrap(), |setting| setting.default)
}

/// Chance, with three arms.
const CHANCE: f64 = 1.0 / 3.0;
/// The rules that promise to learn at any scale of rewards.
const SCALE_FREE: [&str; 4] = ["thompson", "exp3", "scaled-ducb", "tsallis-inf"];

#[test]
fn at_the_scale_of_training_rewards_discounted_ucb_is_chance_and_the_others_are_not() {
    for scale in SCALES {
        let game = Game { scale, ..STATIONARY };
        let ducb = best_share(&defaults("ducb"), 1, game);
        assert_eq!((ducb - CHANCE).abs() < 0.02, scale == 0.001, "ducb: {ducb} at {scale}");
        for name in SCALE_FREE {
            let share = best_share(&defaults(name), 1, game);
            assert!(share > CHANCE + 0.2, "{name}: {share} at {scale}");
        }
        // Where the reference's bonus is of the right size, the scaled one is as good.
        let scaled = best_share(&defaults("scaled-ducb"), 1, game);
        assert!(scaled > 0.74, "scaled-ducb: {scaled} at {scale}");
    }
}

#[test]
fn a_switch_is_followed() {
    let game = Game { best: &[0, 2, 1], ..STATIONARY };
    for (name, least) in [("scaled-ducb", 0.7), ("thompson", 0.6), ("tsallis-inf", 0.5), ("exp3", CHANCE + 0.05)] {
        let share = best_share(&defaults(name), 1, game);
        assert!(share > least, "{name}: {share}");
    }
}

/// Rewards that fall by five times the gap while the run goes on, as losses do.
#[test]
fn a_trend_of_all_rewards_does_no_harm() {
    for name in SCALE_FREE {
        let (with, without) = (
            best_share(&defaults(name), 1, Game { drift: 5.0, ..STATIONARY }),
            best_share(&defaults(name), 1, STATIONARY),
        );
        assert!(with > without - 0.05, "{name}: {with} with a trend, {without} without");
    }
}

/// An arm that pays over four episodes, some of which others are played in: told the mean over four, rules find it more often
/// than told its own episode's alone.
#[test]
fn credit_over_several_episodes_finds_what_pays_late() {
    let game = Game { spread: 4, ..STATIONARY };
    for name in ["scaled-ducb", "thompson", "tsallis-inf", "exp3"] {
        let [own, four] = [1, 4].map(|credit| best_share(&defaults(name), credit, game));
        assert!(four > own + 0.03 && four > CHANCE + 0.1, "{name}: {own} by its own episode, {four} by four");
    }
    // Where nothing is late, it costs: what is told is thinner.
    let [own, four] = [1, 4].map(|credit| best_share(&defaults("thompson"), credit, STATIONARY));
    assert!(own > four, "{own} by its own episode, {four} by four");
}

/// With a discount of 1 it is the published algorithm, which settles on a stationary bandit.
#[test]
fn tsallis_inf_settles_where_nothing_changes() {
    let forgets_nothing: BanditConfig = TsallisInfConfig { discount: 1.0, ..TsallisInfConfig::default() }.into();
    for scale in SCALES {
        let regret = relative_regret(forgets_nothing, false, scale);
        assert!(regret < 0.1, "{regret} of uniform choice at scale {scale}");
        let forgetful = relative_regret(defaults("tsallis-inf"), true, scale);
        assert!(forgetful < 0.5, "{forgetful} of uniform choice at scale {scale}");
    }
}
