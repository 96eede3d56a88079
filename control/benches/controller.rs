//! What the method costs: one decision, one reward, and all of an episode of 200 steps. `peer.py` times the reference.

use std::hint::black_box;

use aees_control::reward::EpisodeLosses;
use aees_control::{Aees, AeesConfig, BanditConfig, ControllerName, Reward};
use criterion::{Criterion, criterion_group, criterion_main};

const STEPS: u64 = 200;

/// Episodes of a run, 200 epochs of CIFAR-100: after as many the benchmark begins anew, since logs grow with a run.
const EPISODES: usize = 391;

fn losses() -> Vec<f64> {
    (0..STEPS).map(|step| 2.0 - 0.004 * step as f64 + 0.1 * ((step * 7) % 13) as f64).collect()
}

fn select_and_update(criterion: &mut Criterion) {
    for name in ControllerName::ALL {
        let bandit = BanditConfig::read(*name, |setting| setting.default);
        let mut controller = bandit.controller(3, &[], Some(0)).expect("three arms");
        criterion.bench_function(&format!("select and update, 3 arms, {}", name.name()), |bencher| {
            bencher.iter(|| {
                let arm = controller.select().expect("no context is needed");
                controller.update(arm, black_box(0.01 * arm as f64)).expect("a valid arm");
            });
        });
    }
}

fn reward(criterion: &mut Criterion) {
    let (reward, losses) = (Reward::default(), losses());
    criterion.bench_function("reward over 200 losses", |bencher| {
        bencher.iter(|| {
            let losses = EpisodeLosses::new(black_box(losses.as_slice())).expect("finite losses");
            reward.of_episode(losses, 0.1)
        });
    });
}

fn episode(criterion: &mut Criterion) {
    let losses = losses();
    let config =
        AeesConfig { lr_candidates: vec![0.5, 1.0, 2.0], episode_length: 200, seed: Some(0), ..AeesConfig::default() };
    let fresh = Aees::new(config).expect("a valid configuration");
    let mut aees = fresh.clone();
    let mut step = 0;
    criterion.bench_function("episode of 200 steps, 3 arms", |bencher| {
        bencher.iter(|| {
            if aees.episodes().len() == EPISODES {
                aees = fresh.clone();
            }
            for &loss in black_box(&losses) {
                let candidate = aees.open(step).expect("an open episode");
                black_box(candidate.lr_multiplier.get());
                aees.record(loss, Some(0.5)).expect("a finite loss");
                step += 1;
            }
        });
    });
}

/// The same in bulk, as a loop does that reads its losses once an episode.
fn episode_in_bulk(criterion: &mut Criterion) {
    let (losses, norms) = (losses(), vec![0.5; STEPS as usize]);
    let config =
        AeesConfig { lr_candidates: vec![0.5, 1.0, 2.0], episode_length: 200, seed: Some(0), ..AeesConfig::default() };
    let fresh = Aees::new(config).expect("a valid configuration");
    let mut aees = fresh.clone();
    let mut step = 0;
    criterion.bench_function("episode of 200 steps, 3 arms, recorded at once", |bencher| {
        bencher.iter(|| {
            if aees.episodes().len() == EPISODES {
                aees = fresh.clone();
            }
            let candidate = aees.open(step).expect("an open episode");
            black_box(candidate.lr_multiplier.get());
            aees.record_steps(black_box(&losses), black_box(&norms)).expect("finite losses");
            step += STEPS;
        });
    });
}

criterion_group!(benches, select_and_update, reward, episode, episode_in_bulk);
criterion_main!(benches);
