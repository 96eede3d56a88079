//! The registry's figures: claim and complete on the disk, and `status` of a large registry. One line of JSON comes
//! out.
//!
//!     cargo bench --bench registry -- --runs 100000 --batch 16
//!
//! Everything is on the disk before a call returns, so figures depend on the disk; `--folder` says which.

use std::fs::File;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::str::FromStr;
use std::time::{Duration, Instant};

use aees_studies::process::ProcessIdentity;
use aees_studies::registry::{
    Claim, Completion, Member, Metric, OutcomeKind, PlannedRun, Reader, Registry, StudySpec, Usage,
};
use serde_json::json;

fn main() {
    let runs: u64 = argument("--runs", 100_000);
    let executed: u64 = argument("--executed", 5_000);
    let batch: usize = argument("--batch", 16);
    let folder: PathBuf = argument("--folder", std::env::temp_dir());
    let scratch = tempfile::tempdir_in(folder).expect("a scratch folder");
    let path = scratch.path().join("registry.db");
    let mut registry = Registry::open(&path).expect("a registry");

    let study = StudySpec { name: "s".into(), task: "t".into(), spec_sha: "x".into(), spec_json: "{}".into() };
    let members: Vec<Member> = (0..runs).map(member).collect();
    let planned = seconds(|| {
        registry.plan(&study, &members).expect("a plan");
    });
    let planned_again = seconds(|| {
        registry.plan(&study, &members).expect("a plan");
    });

    let in_batches = execute(&mut registry, executed, batch);
    let one_by_one = execute(&mut registry, executed / 10, 1);
    let syncs = syncs_alone(scratch.path());
    let claims = claim_alone(&mut registry, executed / 10);
    // The rest in one go, so that status and claims have a long past to look over.
    execute(&mut registry, runs.saturating_sub(executed + executed / 10 * 2 + 1_000), 4_096);
    let at_the_end = execute(&mut registry, 900, batch);
    drop(registry);

    let mut status: Vec<f64> = (0..11)
        .map(|_| {
            seconds(|| {
                let reader = Reader::open(&path).expect("a registry");
                assert_eq!(reader.status(&["s"]).expect("a status")[0].counts.total(), runs);
            })
        })
        .collect();
    status.sort_by(f64::total_cmp);
    let open = seconds(|| drop(Registry::open(&path).expect("a registry")));
    let reader = Reader::open(&path).expect("a registry");
    let results = seconds(|| reader.member_results("s", drop).expect("results"));
    let figures = json!({
        "runs": runs, "batch": batch, "megabytes": std::fs::metadata(&path).map(|file| file.len() >> 20).unwrap_or(0),
        "plan_s": planned, "plan_again_s": planned_again,
        "claims_one_by_one_per_s": claims, "claim_and_complete_per_s": {"in_batches": in_batches, "one_by_one": one_by_one, "at_the_end": at_the_end},
        "bare_syncs_per_s": syncs,
        "status_ms": {"n": status.len(), "median": 1e3 * status[5], "min": 1e3 * status[0], "max": 1e3 * status[10]},
        "open_for_writing_ms": 1e3 * open, "results_ms": 1e3 * results,
    });
    println!("{figures}");
}

/// Claims and completes `count` runs; gives the rate.
fn execute(registry: &mut Registry, count: u64, batch: usize) -> f64 {
    let (host, boot_id, pid_namespace) = ("here".into(), "boot".into(), String::new());
    let worker = ProcessIdentity { host, boot_id, pid_namespace, pid: 1, start_ticks: 1 };
    let mut queue = registry.queue("s", None).expect("the study");
    let mut left = count as usize;
    let time = seconds(|| {
        while left > 0 {
            let claims =
                registry.claim(&worker, &mut queue, batch.min(left), Duration::from_secs(120)).expect("claims");
            let done: Vec<(&Claim, Completion)> = claims.iter().map(|claim| (claim, completion(claim))).collect();
            let done: Vec<(&Claim, &Completion)> = done.iter().map(|(claim, done)| (*claim, done)).collect();
            for accepted in registry.complete_all(&done).expect("completions") {
                accepted.expect("a first result");
            }
            left -= claims.len();
        }
    });
    count as f64 / time
}

/// Claims one run at a time, as a supervisor whose workers end one by one; gives the rate.
fn claim_alone(registry: &mut Registry, count: u64) -> f64 {
    let (host, boot_id, pid_namespace) = ("here".into(), "boot".into(), String::new());
    let worker = ProcessIdentity { host, boot_id, pid_namespace, pid: 1, start_ticks: 1 };
    let mut queue = registry.queue("s", None).expect("the study");
    let mut claims = Vec::new();
    let time = seconds(|| {
        for _ in 0..count {
            claims.extend(registry.claim(&worker, &mut queue, 1, Duration::from_secs(120)).expect("a claim"));
        }
    });
    let done: Vec<Completion> = claims.iter().map(completion).collect();
    let pairs: Vec<(&Claim, &Completion)> = claims.iter().zip(&done).collect();
    registry.complete_all(&pairs).expect("completions");
    count as f64 / time
}

/// What the disk does alone: 4 KiB appended and synced, again and again; gives the rate. A completion needs one of these.
fn syncs_alone(folder: &Path) -> f64 {
    const SYNCS: usize = 500;
    let mut file = File::create(folder.join("syncs")).expect("a file");
    let time = seconds(|| {
        for _ in 0..SYNCS {
            file.write_all(&[7; 4_096]).and_then(|()| file.sync_data()).expect("a sync");
        }
    });
    SYNCS as f64 / time
}

fn completion(claim: &Claim) -> Completion {
    let metric = |name: &str, value| Metric { name: name.into(), measure: "final".into(), value };
    Completion {
        outcome: OutcomeKind::Ok,
        result_sha: claim.run_id.full().into(),
        result_stat: None,
        metrics: vec![metric("top1", 0.5), metric("top5", 0.8), metric("loss", 1.5)],
        usage: Usage { wall_ms: Some(60_000), ..Usage::default() },
    }
}

fn member(number: u64) -> Member {
    let digits =
        |salt: u64| format!("{:016x}{number:048x}", (number + salt).wrapping_mul(0x9E37_79B9_7F4A_7C15) ^ salt);
    // About as long as the identity of a real run.
    let identity_json = json!({"v": 1, "task": "cifar100", "n": number, "config": "x".repeat(600)}).to_string();
    let run = PlannedRun {
        run_id: digits(1).parse().expect("an id"),
        config_id: digits(2).parse().expect("an id"),
        seed: 0,
        task: "cifar100".into(),
        shape_sig: "shape".into(),
        identity_json,
    };
    let axes_json = json!({"method": "bandit", "optimizer.learning_rate": 1e-3, "n": number}).to_string();
    Member { run, index: number, case: None, axes_json, race: None }
}

fn seconds(work: impl FnOnce()) -> f64 {
    let start = Instant::now();
    work();
    start.elapsed().as_secs_f64()
}

/// The value after a flag.
fn argument<T: FromStr>(flag: &str, default: T) -> T {
    let mut arguments = std::env::args().skip_while(|argument| argument != flag).skip(1);
    arguments.next().map_or(default, |text| text.parse().unwrap_or_else(|_| panic!("{flag} {text}")))
}
