//! What noise can do to a loop: the whole rule, simulated. Candidates and incumbents share seeds, an incumbent's replicates
//! serve many candidates, seeds are fresh after a keep and after ten candidates, and the pool is what earlier ones left.

use aees_studies::auto_loop::{DecisionRule, Look, NoisePool};

const RULE: DecisionRule = DecisionRule { scout: 1, seeds: 3, retest: 3 };
const REPLICATES: usize = 4;
const REFRESH: u32 = 10;

/// Standard normal numbers, by SplitMix64 and Box and Muller.
struct Noise(u64);

impl Noise {
    fn uniform(&mut self) -> f64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut word = self.0;
        word = (word ^ (word >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        word = (word ^ (word >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        ((word ^ (word >> 31)) >> 11) as f64 / (1_u64 << 53) as f64
    }

    fn normal(&mut self) -> f64 {
        let radius = (-2.0 * (1.0 - self.uniform()).ln()).sqrt();
        radius * (std::f64::consts::TAU * self.uniform()).cos()
    }
}

/// What came of some loops.
#[derive(Default, Debug)]
struct Outcome {
    candidates: u64,
    kept: u64,
    /// Runs of candidates.
    runs: u64,
}

impl Outcome {
    fn share(&self) -> f64 {
        self.kept as f64 / self.candidates as f64
    }
}

/// Loops of so many candidates, of which each is better than the incumbent of its time by `effect` standard deviations of a run.
fn simulate(rule: DecisionRule, loops: u64, candidates: u64, effect: f64) -> Outcome {
    let mut noise = Noise(7);
    let mut outcome = Outcome::default();
    for _ in 0..loops {
        let (mut pool, mut incumbent, mut age) = (NoisePool::default(), Vec::new(), REFRESH);
        for _ in 0..candidates {
            if age == REFRESH {
                incumbent = (0..REPLICATES).map(|_| noise.normal()).collect();
                pool = pool.with_replicates(&incumbent);
                age = 0;
            }
            age += 1;
            let mut differences: Vec<f64> = Vec::new();
            let look = loop {
                let Look::More(more) = rule.look(pool, &differences) else { break rule.look(pool, &differences) };
                for _ in 0..more {
                    if incumbent.len() == differences.len() {
                        incumbent.push(noise.normal());
                    }
                    differences.push(noise.normal() + effect - incumbent[differences.len()]);
                }
            };
            outcome.candidates += 1;
            outcome.runs += differences.len() as u64;
            match look {
                Look::Keep => {
                    outcome.kept += 1;
                    (pool, age) = (NoisePool::default(), REFRESH);
                }
                Look::Hopeless => {}
                _ => pool = pool.with_differences(&differences),
            }
        }
    }
    outcome
}

#[test]
fn noise_alone_is_kept_in_less_than_three_of_a_hundred() {
    let found = simulate(RULE, 10_000, 12, 0.0);
    println!("{found:?} {}", found.share());
    assert!(found.share() <= 0.03, "{found:?}");
    // With other numbers of seeds, and with one look only.
    for rule in [
        DecisionRule { retest: 0, ..RULE },
        DecisionRule { scout: 0, seeds: 2, retest: 6 },
        DecisionRule { seeds: 2, ..RULE },
        DecisionRule { scout: 2, seeds: 5, retest: 1 },
    ] {
        let found = simulate(rule, 3_000, 12, 0.0);
        println!("{rule:?} {found:?} {}", found.share());
        assert!(found.share() <= 0.03, "{rule:?} {found:?}");
    }
}

#[test]
fn an_effect_of_four_deviations_is_kept_in_more_than_95_of_a_hundred() {
    for candidates in [1, 6] {
        let found = simulate(RULE, 10_000, candidates, 4.0);
        println!("{candidates}: {found:?} {}", found.share());
        assert!(found.share() >= 0.95, "{found:?}");
    }
    for effect in [1.0, 2.0, 3.0] {
        let found = simulate(RULE, 10_000, 1, effect);
        println!("effect {effect}: {found:?} {}", found.share());
    }
}

#[test]
fn a_bad_candidate_costs_hardly_more_than_one_run() {
    let bad = simulate(RULE, 500, 12, -12.0);
    println!("{bad:?}");
    assert!(bad.kept == 0 && (bad.runs as f64) < 1.5 * bad.candidates as f64, "{bad:?}");
    let none = simulate(RULE, 500, 12, 0.0);
    println!("{none:?}");
    assert!((none.runs as f64) < 5.0 * none.candidates as f64, "{none:?}");
}
