//! Row 46 of the acceptance list, end to end: the program on a registry of 100,000 runs. It prints what a
//! command takes, when asked: `cargo test --test main -- --ignored --nocapture hundred_thousand`.

use std::collections::{BTreeMap, HashMap};
use std::fs;
use std::path::PathBuf;
use std::time::{Duration, Instant};

use aees_run::identity::Id;
use aees_studies::disk::{PlanAbout, PlanFile, Root, completion_of};
use aees_studies::job::{CommandJob, ProgramSlot, ResultSource, Work};
use aees_studies::registry::{Completion, Member, Metric, OutcomeKind, PlannedRun, Registry, RunId, StudySpec, Usage};
use aees_studies::study::Template;
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
        race: None,
    };
    let study = StudySpec { name: "large".into(), task: "t".into(), spec_sha: "0".into(), spec_json: "{}".into() };
    registry.plan(&study, &(0..RUNS).map(member).collect::<Vec<_>>()).unwrap();
    let mut queue = registry.queue("large", None).unwrap();
    let completion = |sha: &str| Completion {
        outcome: OutcomeKind::Ok,
        result_sha: sha.into(),
        result_stat: None,
        metrics: vec![Metric { name: "val_accuracy".into(), measure: "best".into(), value: 0.5 }],
        usage: Usage { wall_ms: Some(60_000), ..Usage::default() },
    };
    for _ in 0..(RUNS / 4_000 - 1) {
        let claims = registry.claim(&worker(), &mut queue, 4_000, Duration::from_secs(600)).unwrap();
        let done: Vec<Completion> = claims.iter().map(|claim| completion(claim.run_id.full())).collect();
        let pairs: Vec<_> = claims.iter().zip(&done).collect();
        assert!(registry.complete_all(&pairs).unwrap().iter().all(Result::is_ok));
    }
    registry.claim(&worker(), &mut queue, 16, Duration::from_secs(600)).unwrap();

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

/// One run is left of a hundred thousand: what it takes to find it, run it and end. It prints the times, when asked.
#[test]
#[ignore = "takes a minute"]
fn one_more_run_of_a_hundred_thousand() {
    const SCRIPT: &str = "supervisor=$(sed -n 's/^PPid:\\t//p' /proc/$PPID/status); grep VmHWM /proc/$supervisor/status; \
                          echo '{\"score\": 1}'";
    let scratch = Scratch::new();
    let root = Root::new(scratch.path("results"));
    fs::create_dir(root.path()).unwrap();
    let mut registry = Registry::open(&root.registry()).unwrap();
    let identity = |number: u64| json!({"v": 1, "task": "command", "config": {"x": number, "text": "x".repeat(400)}});
    let (mut members, mut work) = (Vec::new(), Vec::new());
    for number in 0..RUNS {
        let (identity, seed) = (identity(number / 10), number % 10);
        let config_id = Id::of(&identity).unwrap();
        let run_id = Id::of(&json!({"config_id": config_id.full(), "seed": seed})).unwrap();
        let run = PlannedRun {
            run_id: run_id.full().parse().unwrap(),
            config_id: config_id.full().parse().unwrap(),
            seed,
            task: "command".into(),
            shape_sig: "shape".into(),
            identity_json: identity.to_string(),
        };
        members.push(Member {
            run,
            index: number,
            case: None,
            axes_json: json!({"x": number / 10}).to_string(),
            race: None,
        });
        work.push(Work::Command(Box::new(CommandJob {
            arguments: ["sh", "-c", SCRIPT].map(Template::literal).to_vec(),
            work_directory: root.path().to_owned(),
            input: json!({"x": number / 10, "seed": seed}),
            result: ResultSource::LastJsonLine,
            timeout_seconds: None,
            environment: BTreeMap::new(),
            pass_on: Vec::new(),
            log_limit: 1 << 20,
            content: None,
            slot: ProgramSlot::default(),
        })));
    }
    let study =
        StudySpec { name: "large".into(), task: "command".into(), spec_sha: "0".into(), spec_json: "{}".into() };
    let policy = json!({"retry": {}, "consecutive": 10, "same_fingerprint": 3});
    let about = PlanAbout { policy, ..PlanAbout::default() };
    PlanFile::write(&root, &study, about, members.iter().zip(&work), &[]).unwrap();
    registry.plan(&study, &members).unwrap();
    let mut queue = registry.queue("large", None).unwrap();
    let folders: HashMap<RunId, PathBuf> =
        members.iter().map(|member| (member.run.run_id.clone(), root.run(&member.run.run_id))).collect();
    let mut left = RUNS as usize - 11;
    while left > 0 {
        let claims = registry.claim(&worker(), &mut queue, left.min(4_000), Duration::from_secs(600)).unwrap();
        let done: Vec<_> = claims
            .iter()
            .map(|claim| {
                let folder = &folders[&claim.run_id];
                fs::create_dir_all(folder).unwrap();
                let result = json!({"run_id": claim.run_id.full(), "outcome": "ok", "result": {"score": 1}});
                fs::write(folder.join("result.json"), result.to_string()).unwrap();
                completion_of(folder).unwrap().unwrap()
            })
            .collect();
        assert!(
            registry.complete_all(&claims.iter().zip(&done).collect::<Vec<_>>()).unwrap().iter().all(Result::is_ok)
        );
        left -= claims.len();
    }
    drop(registry);
    let mut times = Vec::new();
    for left in (0..=10_u64).rev() {
        let last = members[(RUNS - 11 + 10 - left) as usize].run.run_id.full().to_owned();
        // All but one of those that are left are out of the way.
        scratch.run(["runs", "cancel", "--study", "large", "--yes"]);
        scratch.run(["runs", "retry", &last]).ok();
        let start = Instant::now();
        let run = scratch.run(["sweep", "resume", "large"]);
        times.push(start.elapsed().as_millis());
        assert!(matches!(run.code(), Some(0 | 2)), "{}", run.stderr());
        let log = fs::read_to_string(folders[&last.parse::<RunId>().unwrap()].join("log.txt")).unwrap();
        let peak: u64 = log.split_whitespace().find_map(|word| word.parse().ok()).unwrap();
        println!("{} ms, {} MiB", times.last().unwrap(), peak >> 10);
        assert!(peak < 100 << 10, "{log}");
    }
    times.sort_unstable();
    println!("one more run: median {} ms, min {} ms, max {} ms, n = 11", times[5], times[0], times[10]);
}
