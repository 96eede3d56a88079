//! Several processes on one registry. The test's own binary plays the worker.

use std::collections::BTreeSet;
use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use aees_studies::registry::{Registry, RegistryError, RunState};

use super::scratch::{Scratch, completion, members, study, worker};

const REGISTRY: &str = "AEES_TEST_REGISTRY";
const LEASE_MS: &str = "AEES_TEST_LEASE_MS";

fn spawn(path: &Path, lease_ms: u64) -> Child {
    Command::new(std::env::current_exe().unwrap())
        .args(["registry::processes::a_worker_process", "--exact", "--ignored", "--nocapture"])
        .env(REGISTRY, path)
        .env(LEASE_MS, lease_ms.to_string())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap()
}

/// Claims and completes until nothing is left. Prints each run that it executed, once its result is accepted.
#[test]
#[ignore = "a worker for the other tests, which start it in a process of its own"]
fn a_worker_process() {
    let Some(path) = std::env::var_os(REGISTRY) else { return };
    let mut registry = Registry::open(Path::new(&path)).unwrap();
    let mut queue = registry.queue("s", None).unwrap();
    let me = worker(std::process::id());
    let lease = Duration::from_millis(std::env::var(LEASE_MS).unwrap().parse().unwrap());
    loop {
        let claims = registry.claim(&me, &mut queue, 3, lease).unwrap();
        for claim in &claims {
            match registry.complete(claim, &completion(claim.run_id.full(), 0.5)) {
                Ok(_) => println!("executed {}", claim.run_id.full()),
                // A busy machine: the lease ended before the work did.
                Err(RegistryError::FencedOut { .. }) => {}
                Err(error) => panic!("{error}"),
            }
        }
        if claims.is_empty() {
            if registry.status(&["s"]).unwrap()[0].is_complete() {
                return;
            }
            std::thread::sleep(Duration::from_millis(20));
        }
    }
}

fn executed(child: &mut Child) -> Vec<String> {
    let lines = BufReader::new(child.stdout.take().unwrap()).lines().map_while(Result::ok);
    lines.filter_map(|line| line.strip_prefix("executed ").map(str::to_owned)).collect()
}

#[test]
fn several_processes_never_get_the_same_run() {
    const RUNS: u64 = 500;
    let scratch = Scratch::new();
    Registry::open(&scratch.path()).unwrap().plan(&study("s"), &members(0..RUNS)).unwrap();
    let mut children: Vec<_> = (0..4).map(|_| spawn(&scratch.path(), 60_000)).collect();
    let all: Vec<_> = children.iter_mut().flat_map(executed).collect();
    for child in &mut children {
        assert!(child.wait().unwrap().success());
    }
    assert_eq!(all.len() as u64, RUNS);
    assert_eq!(all.iter().collect::<BTreeSet<_>>().len() as u64, RUNS);
    let status = Registry::open(&scratch.path()).unwrap().status(&["s"]).unwrap().remove(0);
    assert_eq!((status.attempts, status.counts.get(RunState::Done)), (RUNS, RUNS), "attempts = runs");
}

#[test]
fn killed_workers_lose_no_run_and_leave_the_file_whole() {
    const RUNS: u64 = 300;
    let scratch = Scratch::new();
    Registry::open(&scratch.path()).unwrap().plan(&study("s"), &members(0..RUNS)).unwrap();
    // Ten are killed at moments that the machine's load makes random; the last two finish.
    for turn in 0..10 {
        let mut child = spawn(&scratch.path(), 400);
        std::thread::sleep(Duration::from_millis(20 + 17 * turn));
        child.kill().unwrap();
        child.wait().unwrap();
    }
    let mut children: Vec<_> = (0..2).map(|_| spawn(&scratch.path(), 400)).collect();
    for child in &mut children {
        executed(child);
        assert!(child.wait().unwrap().success());
    }

    let registry = Registry::open(&scratch.path()).unwrap();
    registry.check().unwrap();
    assert_eq!(registry.metrics("s").unwrap().len() as u64, RUNS);
    let shell = scratch.shell();
    let events = |kind: &str| -> u64 {
        shell.query_row("SELECT count(*) FROM events WHERE kind = ?1", [kind], |row| row.get(0)).unwrap()
    };
    assert_eq!(events("completed"), RUNS, "each run has one result");
    assert_eq!((events("nondeterminism"), events("unexplained")), (0, 0));
}
