//! Row 46 of the acceptance list, end to end: the program on a registry of 100,000 runs. It prints what a
//! command takes, when asked: `cargo test --test main -- --ignored --nocapture hundred_thousand`.

use std::fs;
use std::time::{Duration, Instant};

use aees_studies::registry::{Completion, Metric, OutcomeKind, PlannedRun, Registry, StudySpec, Usage};
use serde_json::json;

use super::scratch::worker;
use crate::program::Scratch;

const RUNS: u64 = 100_000;

#[test]
#[ignore = "takes a minute"]
fn status_of_a_hundred_thousand_runs() {
    let scratch = Scratch::new();
    fs::create_dir(scratch.path("results")).unwrap();
    let mut registry = Registry::open(&scratch.path("results/registry.db")).unwrap();
    let digits = |number: u64, salt: u64| {
        format!("{:016x}{number:048x}", (number + salt).wrapping_mul(0x9E37_79B9_7F4A_7C15) ^ salt)
    };
    let member = |number: u64| aees_studies::registry::Member {
        run: PlannedRun {
            run_id: digits(number, 1).parse().unwrap(),
            config_id: digits(number, 2).parse().unwrap(),
            seed: 0,
            task: "cifar100".into(),
            shape_sig: "shape".into(),
            // About as long as the identity of a real run.
            identity_json: json!({"v": 1, "n": number, "config": "x".repeat(600)}).to_string(),
        },
        index: number,
        case: None,
        axes_json: json!({"method": "bandit", "lr": 1e-3, "n": number}).to_string(),
    };
    let study = StudySpec { name: "large".into(), task: "t".into(), spec_sha: "0".into(), spec_json: "{}".into() };
    registry.plan(&study, &(0..RUNS).map(member).collect::<Vec<_>>()).unwrap();
    let selection = registry.select_study("large").unwrap();
    let completion = |sha: &str| Completion {
        outcome: OutcomeKind::Ok,
        result_sha: sha.into(),
        metrics: vec![Metric { name: "val_accuracy".into(), measure: "best".into(), value: 0.5 }],
        usage: Usage { wall_ms: Some(60_000), ..Usage::default() },
    };
    for _ in 0..(RUNS / 4_000 - 1) {
        let claims = registry.claim(&worker(), &selection, 4_000, Duration::from_secs(600)).unwrap();
        let done: Vec<Completion> = claims.iter().map(|claim| completion(claim.run_id.full())).collect();
        let pairs: Vec<_> = claims.iter().zip(&done).collect();
        assert!(registry.complete_all(&pairs).unwrap().iter().all(Result::is_ok));
    }
    registry.claim(&worker(), &selection, 16, Duration::from_secs(600)).unwrap();

    let time = |arguments: &[&str]| {
        let mut times: Vec<u128> = (0..11)
            .map(|_| {
                let start = Instant::now();
                scratch.run(arguments).ok();
                start.elapsed().as_millis()
            })
            .collect();
        times.sort_unstable();
        println!("{arguments:?}: median {} ms, min {} ms, max {} ms, n = 11", times[5], times[0], times[10]);
    };
    time(&["sweep", "status", "large"]);
    time(&["runs", "ls", "large", "--limit", "20", "--state", "running"]);
    time(&["runs", "ls", "--limit", "20"]);
    time(&["runs", "show", "large:99000"]);
    let status = scratch.run(["sweep", "status", "large"]).ok().stdout();
    assert!(status.contains("large  96000/100000 done (96 %)") && status.contains("16 running"), "{status}");
}
