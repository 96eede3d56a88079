//! A worker that dies at any statement of a completion: the result is there whole or not at all, and no run is lost.
//!
//! The test's own binary plays the worker: SQLite tells it each statement, and it aborts at the chosen one, as a kill
//! would.

use std::path::Path;
use std::process::Command;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Duration;

use rusqlite::trace::{TraceEvent, TraceEventCodes};

use crate::process::ProcessIdentity;

use super::{Claim, Completion, Member, Metric, OutcomeKind, PlannedRun, Registry, RunState, StudySpec, Usage};

const REGISTRY: &str = "AEES_TEST_REGISTRY";
const STATEMENT: &str = "AEES_TEST_STATEMENT";

static STATEMENTS_LEFT: AtomicI64 = AtomicI64::new(0);

fn die_in_time(event: TraceEvent<'_>) {
    if matches!(event, TraceEvent::Stmt(..)) && STATEMENTS_LEFT.fetch_sub(1, Ordering::SeqCst) == 1 {
        std::process::abort();
    }
}

fn claim(registry: &mut Registry, pid: u32) -> Option<Claim> {
    let worker = ProcessIdentity {
        host: "here".into(),
        boot_id: "boot".into(),
        pid_namespace: String::new(),
        pid,
        start_ticks: 1,
    };
    let mut queue = registry.queue("s", None).unwrap();
    registry.claim(&worker, &mut queue, 1, Duration::from_millis(1)).unwrap().pop()
}

fn completion() -> Completion {
    let metric = |name: &str| Metric { name: name.into(), measure: "final".into(), value: 0.5 };
    Completion {
        outcome: OutcomeKind::Ok,
        result_sha: "aa".into(),
        result_stat: None,
        metrics: vec![metric("top1"), metric("loss")],
        usage: Usage::default(),
    }
}

#[test]
#[ignore = "the worker that dies; the test below starts it in a process of its own"]
fn a_worker_that_dies() {
    let (Some(path), Ok(statement)) = (std::env::var_os(REGISTRY), std::env::var(STATEMENT)) else { return };
    let mut registry = Registry::open(Path::new(&path)).unwrap();
    let claim = claim(&mut registry, 1).unwrap();
    STATEMENTS_LEFT.store(statement.parse().unwrap(), Ordering::SeqCst);
    registry.reader.connection.trace_v2(TraceEventCodes::SQLITE_TRACE_STMT, Some(die_in_time)).unwrap();
    registry.complete(&claim, &completion()).unwrap();
}

#[test]
fn a_crash_at_any_statement_of_a_completion_leaves_the_claim_or_the_whole_result() {
    let folder = tempfile::tempdir().unwrap();
    let (mut crashes, mut statement) = (0, 1);
    loop {
        let path = folder.path().join(format!("{statement}.db"));
        plan_one_run(&path);
        let worker = Command::new(std::env::current_exe().unwrap())
            .args(["registry::crash_tests::a_worker_that_dies", "--exact", "--ignored"])
            .envs([(REGISTRY, path.as_os_str()), (STATEMENT, statement.to_string().as_ref())])
            .output()
            .unwrap();

        let mut registry = Registry::open(&path).unwrap();
        registry.check().unwrap();
        if worker.status.success() {
            assert_eq!(registry.why("s:0").unwrap().run.state, RunState::Done);
            break;
        }
        crashes += 1;
        let before = registry.why("s:0").unwrap();
        assert_eq!(before.run.state, RunState::Running, "statement {statement}: nothing was committed");
        assert_eq!((before.metrics.len(), before.run.result_sha), (0, None));
        // After one lease the run is somebody else's, who completes it once.
        std::thread::sleep(Duration::from_millis(5));
        let again = claim(&mut registry, 2).unwrap();
        registry.complete(&again, &completion()).unwrap();
        let after = registry.why("s:0").unwrap();
        assert_eq!((after.metrics.len(), after.attempts.len()), (2, 2));
        assert_eq!(after.events.iter().filter(|event| event.kind == "completed").count(), 1);
        assert_eq!(registry.metrics("s").unwrap().len(), 1);
        assert!(claim(&mut registry, 3).is_none());
        statement += 1;
    }
    assert!(crashes >= 8, "begin, attempt, metrics, move, its triggers, commit: {crashes}");
}

fn plan_one_run(path: &Path) {
    let study = StudySpec { name: "s".into(), task: "t".into(), spec_sha: "x".into(), spec_json: "{}".into() };
    let run = PlannedRun {
        run_id: "a".repeat(64).parse().unwrap(),
        config_id: "b".repeat(64).parse().unwrap(),
        seed: 0,
        task: "t".into(),
        shape_sig: "shape".into(),
        identity_json: "{}".into(),
    };
    let member = Member { run, index: 0, case: None, axes_json: "{}".into(), race: None };
    Registry::open(path).unwrap().plan(&study, &[member]).unwrap();
}
