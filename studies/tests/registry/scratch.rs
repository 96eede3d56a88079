//! A registry in a scratch folder, with a clock that the test turns.

use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Duration;

use aees_studies::process::ProcessIdentity;
use aees_studies::registry::{
    Audit, Claim, Completion, Member, Metric, OpenOptions, OutcomeKind, PlannedRun, Reader, Registry, RunId, RunQueue,
    RunState, StudySpec, Usage,
};

use crate::registry_facts::registry_facts;

pub(crate) const LEASE: Duration = Duration::from_millis(1_000);
pub(crate) const AUDIT: Audit<'static> = Audit { actor: "tester", reason: "a test" };

pub(crate) struct Scratch {
    folder: tempfile::TempDir,
    clock: Arc<AtomicI64>,
    /// How long of that the machine was suspended.
    suspended: Arc<AtomicI64>,
    /// How far the time of day is ahead of it.
    ahead: Arc<AtomicI64>,
}

impl Scratch {
    pub(crate) fn new() -> Self {
        Self {
            folder: tempfile::tempdir().unwrap(),
            clock: Arc::new(AtomicI64::new(1_000_000)),
            suspended: Arc::default(),
            ahead: Arc::default(),
        }
    }

    /// In memory where there is a file system in memory: for tests of very many commits.
    pub(crate) fn fast() -> Self {
        let folder = tempfile::tempdir_in("/dev/shm").or_else(|_| tempfile::tempdir()).unwrap();
        Self { folder, ..Self::new() }
    }

    pub(crate) fn path(&self) -> PathBuf {
        self.folder.path().join("registry.db")
    }

    pub(crate) fn options(&self) -> OpenOptions {
        let clock = self.clock.clone();
        let (uptime, ahead) = (clock.clone(), self.ahead.clone());
        let (awake, suspended) = (clock.clone(), self.suspended.clone());
        OpenOptions {
            clock: Box::new(move || clock.load(Ordering::SeqCst) + ahead.load(Ordering::SeqCst)),
            uptime: Arc::new(move || uptime.load(Ordering::SeqCst)),
            awake: Arc::new(move || awake.load(Ordering::SeqCst) - suspended.load(Ordering::SeqCst)),
            ..OpenOptions::default()
        }
    }

    pub(crate) fn open(&self) -> Registry {
        Registry::open_with(&self.path(), self.options()).unwrap()
    }

    /// A registry with a study `s` of `runs` runs.
    pub(crate) fn with_study(&self, runs: u64) -> (Registry, RunQueue) {
        let mut registry = self.open();
        registry.plan(&study("s"), &members(0..runs)).unwrap();
        let queue = registry.queue("s", None).unwrap();
        (registry, queue)
    }

    pub(crate) fn pass(&self, milliseconds: i64) {
        self.clock.fetch_add(milliseconds, Ordering::SeqCst);
    }

    /// Lets time pass in which no process of the machine runs.
    pub(crate) fn suspend(&self, milliseconds: i64) {
        self.pass(milliseconds);
        self.suspended.fetch_add(milliseconds, Ordering::SeqCst);
    }

    /// Sets the time of day, and no other clock.
    pub(crate) fn jump(&self, milliseconds: i64) {
        self.ahead.fetch_add(milliseconds, Ordering::SeqCst);
    }

    pub(crate) fn names(&self) -> Vec<String> {
        let mut names: Vec<_> = std::fs::read_dir(self.folder.path())
            .unwrap()
            .map(|entry| entry.unwrap().file_name().into_string().unwrap())
            .collect();
        names.sort();
        names
    }

    /// What a rebuild of its registry would bring back.
    pub(crate) fn facts(&self) -> String {
        registry_facts(&self.path())
    }

    /// A connection past the program: what somebody with an SQLite shell could do.
    pub(crate) fn shell(&self) -> rusqlite::Connection {
        let shell = rusqlite::Connection::open(self.path()).unwrap();
        shell
            .execute_batch("PRAGMA foreign_keys = ON; PRAGMA recursive_triggers = ON; PRAGMA synchronous = OFF")
            .unwrap();
        shell
    }
}

/// 64 digits that differ from the first on.
pub(crate) fn digits(number: u64) -> String {
    format!("{:016x}{number:048x}", number.wrapping_add(1).wrapping_mul(0x9E37_79B9_7F4A_7C15))
}

pub(crate) fn run_id(number: u64) -> RunId {
    digits(number).parse().unwrap()
}

/// Run `number`: two seeds for each setting.
pub(crate) fn run(number: u64) -> PlannedRun {
    PlannedRun {
        run_id: run_id(number),
        config_id: digits(1_000_000 + number / 2).parse().unwrap(),
        seed: number % 2,
        task: "cifar100".into(),
        shape_sig: format!("shape {}", number / 2 % 3),
        identity_json: format!(r#"{{"setting":{}}}"#, number / 2),
    }
}

pub(crate) fn member(number: u64, index: u64) -> Member {
    let axes_json =
        format!(r#"{{"lr":{},"method":"{}","n":{number}}}"#, 0.001, ["none", "bandit"][number as usize % 2]);
    Member { run: run(number), index, case: None, axes_json, race: None }
}

pub(crate) fn members(numbers: impl IntoIterator<Item = u64>) -> Vec<Member> {
    numbers.into_iter().enumerate().map(|(index, number)| member(number, index as u64)).collect()
}

pub(crate) fn study(name: &str) -> StudySpec {
    StudySpec { name: name.into(), task: "cifar100".into(), spec_sha: digits(7), spec_json: "{}".into() }
}

pub(crate) fn worker(pid: u32) -> ProcessIdentity {
    ProcessIdentity { host: "here".into(), boot_id: "boot".into(), pid_namespace: String::new(), pid, start_ticks: 10 }
}

pub(crate) fn claim_one(registry: &mut Registry, queue: &mut RunQueue) -> Claim {
    registry.claim(&worker(1), queue, 1, LEASE).unwrap().pop().expect("a run was claimable")
}

pub(crate) fn completion(sha: &str, top1: f64) -> Completion {
    Completion {
        outcome: OutcomeKind::Ok,
        result_sha: sha.into(),
        result_stat: None,
        metrics: vec![Metric { name: "top1".into(), measure: "final".into(), value: top1 }],
        usage: Usage { wall_ms: Some(500), exit_code: Some(0), ..Usage::default() },
    }
}

pub(crate) fn state(reader: &Reader, number: u64) -> RunState {
    reader.run(run_id(number).full()).unwrap().state
}

/// The kinds of a run's events, in order.
pub(crate) fn kinds(reader: &Reader, number: u64) -> Vec<String> {
    reader.why(run_id(number).full()).unwrap().events.into_iter().map(|event| event.kind).collect()
}
