//! Row 46 of the acceptance list, end to end: the program on a registry of 100,000 runs. It prints what a
//! command takes, when asked: `cargo test --test main -- --ignored --nocapture hundred_thousand`.

use std::fs;
use std::time::{Duration, Instant};

use aees_studies::disk::{Root, completion_of};
use aees_studies::registry::{Claim, Completion, Metric, OutcomeKind, PlannedRun, Registry, RunId, StudySpec, Usage};
use serde_json::{Value, json};

use super::scratch::worker;
use crate::program::Scratch;
use crate::sweep::shell_study;

const RUNS: u64 = 100_000;

/// A study of so many runs: 16 are running, some thousand are left, and the others are done.
pub(crate) fn fill(scratch: &Scratch, runs: u64) {
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
        race: None,
        case: None,
        axes_json: json!({"method": "bandit", "lr": 1e-3, "n": number}).to_string(),
    };
    let study = StudySpec { name: "large".into(), task: "t".into(), spec_sha: "0".into(), spec_json: "{}".into() };
    registry.plan(&study, &(0..runs).map(member).collect::<Vec<_>>()).unwrap();
    let mut queue = registry.queue("large", None).unwrap();
    let completion = |sha: &str| Completion {
        outcome: OutcomeKind::Ok,
        result_sha: sha.into(),
        result_stat: None,
        metrics: vec![Metric { name: "val_accuracy".into(), measure: "best".into(), value: 0.5 }],
        usage: Usage { wall_ms: Some(60_000), ..Usage::default() },
    };
    for _ in 0..(runs / 4_000 - 1) {
        let claims = registry.claim(&worker(), &mut queue, 4_000, Duration::from_secs(600)).unwrap();
        let done: Vec<Completion> = claims.iter().map(|claim| completion(claim.run_id.full())).collect();
        let pairs: Vec<_> = claims.iter().zip(&done).collect();
        assert!(registry.complete_all(&pairs).unwrap().iter().all(Result::is_ok));
    }
    registry.claim(&worker(), &mut queue, 16, Duration::from_secs(600)).unwrap();
}

#[test]
#[ignore = "takes a minute"]
fn status_of_a_hundred_thousand_runs() {
    let scratch = Scratch::new();
    fill(&scratch, RUNS);
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

/// One run is left of a hundred thousand: what it takes to find it, run it and end, by the study's name and by its file. It
/// prints the times, when asked. The folders of runs are many: `TMPDIR=/dev/shm` is quicker.
#[test]
#[ignore = "takes minutes"]
fn one_more_run_of_a_hundred_thousand() {
    const SCRIPT: &str = "cat > /dev/null; supervisor=$(sed -n 's/^PPid:[^0-9]*//p' /proc/$PPID/status)\n\
                          grep VmHWM /proc/$supervisor/status; echo '{{\"score\": {x}}}'";
    let scratch = Scratch::new();
    let more = format!("sweep: {{x: {{range: {{from: 1, to: {}, step: 1}}}}}}\nseeds: 10", RUNS / 10);
    let study = shell_study(&scratch, "large", SCRIPT, &more);
    let file = study.to_str().unwrap();
    scratch.run(["sweep", "run", file, "--yes", "--limit-runs", "1"]).ok();
    // A plan that is not chosen from.
    scratch.run(["sweep", "run", file, "--yes", "--max-hours", "0"]);
    let root = Root::new(scratch.path("results"));
    let mut registry = Registry::open(&root.registry()).unwrap();
    let mut queue = registry.queue("large", None).unwrap();
    let publish = |claim: &Claim| {
        let folder = root.run(&claim.run_id);
        fs::create_dir_all(&folder).unwrap();
        let result = json!({"run_id": claim.run_id.full(), "outcome": "ok", "result": {"score": 1}});
        fs::write(folder.join("result.json"), result.to_string()).unwrap();
        completion_of(&folder).unwrap().unwrap()
    };
    loop {
        let claims = registry.claim(&worker(), &mut queue, 4_000, Duration::from_secs(600)).unwrap();
        let Some(_) = claims.first() else { break };
        let done: Vec<_> = claims.iter().map(publish).collect();
        let answers = registry.complete_all(&claims.iter().zip(&done).collect::<Vec<_>>()).unwrap();
        assert!(answers.iter().all(Result::is_ok));
    }
    drop(registry);
    for words in [["run", file, "--yes"].as_slice(), &["resume", "large"]] {
        let mut times = Vec::new();
        for last in 0..=11 {
            let run = format!("large:{last}");
            scratch.run(["runs", "invalidate", &run, "--yes", "--reason", "a measurement"]).ok();
            scratch.run(["runs", "retry", &run]).ok();
            let start = Instant::now();
            scratch.run(["sweep"].iter().chain(words)).ok();
            times.push(start.elapsed().as_millis());
            let id = scratch.run(["runs", "show", &run, "--json"]).ok().stdout();
            let id = serde_json::from_str::<Value>(&id).unwrap()["run_id"].as_str().unwrap().parse::<RunId>().unwrap();
            let log = fs::read_to_string(root.run(&id).join("log.txt")).unwrap();
            let peak: u64 = log.split_whitespace().filter_map(|word| word.parse().ok()).next_back().unwrap();
            println!("{words:?}: {} ms, {} MiB", times[last], peak >> 10);
            assert!(last == 0 || peak < 100 << 10, "{log}");
        }
        // The first one plans.
        let mut times = times.split_off(1);
        times.sort_unstable();
        println!("sweep {words:?}: median {} ms, min {} ms, max {} ms, n = 11", times[5], times[0], times[10]);
    }
}
