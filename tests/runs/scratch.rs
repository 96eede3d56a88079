//! A folder of results with a registry, and the program run on it.

use std::fs;
use std::path::PathBuf;
use std::time::Duration;

use aees_run::identity::RunIdentity;
use aees_studies::disk::{PlanAbout, PlanFile, Root, completion_of, write_identity};
use aees_studies::job::Work;
use aees_studies::process::ProcessIdentity;
use aees_studies::registry::{
    AfterFailure, Claim, FailedAttempt, Member, PlannedRun, Registry, RunId, RunState, StudySpec, Usage,
};
use serde_json::{Value, json};

use crate::program::{Run, Scratch};

pub(crate) const LEASE: Duration = Duration::from_secs(120);

/// Results in the scratch folder's `results`.
pub(crate) struct Results {
    pub(crate) scratch: Scratch,
    pub(crate) registry: Registry,
}

/// A run whose ids are the hashes that they should be.
pub(crate) fn planned(number: u64) -> PlannedRun {
    let identity =
        json!({"v": 1, "task": "cifar100", "config": {"lr": 0.5_f64.powi((number / 2) as i32), "batch_size": 64}});
    let seed = number % 2;
    let RunIdentity { config_id, run_id } = RunIdentity::of_document(&identity, seed).unwrap();
    PlannedRun {
        run_id: run_id.full().parse().unwrap(),
        config_id: config_id.full().parse().unwrap(),
        seed,
        task: "cifar100".into(),
        shape_sig: "shape".into(),
        identity_json: identity.to_string(),
    }
}

pub(crate) fn run_id(number: u64) -> RunId {
    planned(number).run_id
}

pub(crate) fn member(number: u64, index: u64) -> Member {
    let axes = json!({"lr": 0.5_f64.powi((number / 2) as i32), "method": (["none", "bandit"][number as usize % 2])});
    Member { run: planned(number), index, case: None, axes_json: axes.to_string(), race: None }
}

pub(crate) fn worker() -> ProcessIdentity {
    let (host, boot_id, pid_namespace) = ("elsewhere".into(), "boot".into(), String::new());
    ProcessIdentity { host, boot_id, pid_namespace, pid: 7, start_ticks: 1 }
}

impl Results {
    pub(crate) fn new() -> Self {
        let scratch = Scratch::new();
        fs::create_dir(scratch.path("results")).unwrap();
        let registry = Registry::open(&scratch.path("results/registry.db")).unwrap();
        Self { scratch, registry }
    }

    /// With a study of runs 0 to `runs`, written on the disk too.
    pub(crate) fn with_study(name: &str, runs: u64) -> Self {
        let mut results = Self::new();
        results.plan(name, 0..runs);
        results
    }

    pub(crate) fn plan(&mut self, name: &str, numbers: impl IntoIterator<Item = u64>) {
        let spec = json!({"metric": "val_accuracy (max best)", "policy": {"consecutive": 10, "same_fingerprint": 3}});
        let study =
            StudySpec { name: name.into(), task: "cifar100".into(), spec_sha: "0".into(), spec_json: spec.to_string() };
        let mut members: Vec<Member> =
            numbers.into_iter().enumerate().map(|(index, number)| member(number, index as u64)).collect();
        let former = self.registry.number(name, &mut members).unwrap();
        let work = vec![Work::Train(serde_json::Map::new()); members.len()];
        let policy = json!({"retry": {}, "consecutive": 10, "same_fingerprint": 3});
        let about = PlanAbout { policy, ..PlanAbout::default() };
        PlanFile::write(&self.root(), &study, about, members.iter().zip(&work), &former).unwrap();
        self.registry.plan(&study, &members).unwrap();
    }

    /// The same with another, empty registry open, so that nobody holds the file.
    pub(crate) fn closed(self) -> Self {
        let Self { scratch, registry } = self;
        drop(registry);
        let registry = Registry::open(&scratch.path("another.db")).unwrap();
        Self { scratch, registry }
    }

    pub(crate) fn root(&self) -> Root {
        Root::new(self.scratch.path("results"))
    }

    pub(crate) fn folder(&self, number: u64) -> PathBuf {
        self.root().run(&run_id(number))
    }

    /// Claims a run and makes its folder, as a worker does.
    pub(crate) fn start(&mut self, number: u64) -> Claim {
        let run = planned(number);
        let study = self.registry.why(run.run_id.full()).unwrap().memberships.remove(0).study;
        let mut queue = self.registry.queue(&study, Some(std::slice::from_ref(&run.run_id))).unwrap();
        let claim = self.registry.claim(&worker(), &mut queue, 1, LEASE).unwrap().pop().unwrap();
        let folder = self.folder(number);
        fs::create_dir_all(&folder).unwrap();
        write_identity(&folder, &run).unwrap();
        claim
    }

    /// Writes a result into a run's folder.
    pub(crate) fn publish(&self, number: u64, best: f64) {
        let result = json!({
            "run_id": run_id(number).full(), "outcome": {"status": "ok"}, "best_val_accuracy": best,
            "final_val_accuracy": best - 0.1, "wall_clock_seconds": 12.5,
        });
        fs::write(self.folder(number).join("result.json"), result.to_string()).unwrap();
    }

    /// Starts a run, publishes its result and tells the registry.
    pub(crate) fn finish(&mut self, number: u64, best: f64) {
        let claim = self.start(number);
        self.publish(number, best);
        let completion = completion_of(&self.folder(number)).unwrap().unwrap();
        self.registry.complete(&claim, &completion).unwrap();
    }

    pub(crate) fn fail(&mut self, number: u64, class: &str, error: &str) {
        let claim = self.start(number);
        let failure = FailedAttempt {
            class: class.into(),
            error: error.into(),
            fingerprint: Some(class.into()),
            next: AfterFailure::Final,
        };
        self.registry.fail(&claim, &failure, &Usage { wall_ms: Some(500), ..Usage::default() }).unwrap();
    }

    pub(crate) fn state(&self, number: u64) -> RunState {
        self.registry.run(run_id(number).full()).unwrap().state
    }

    pub(crate) fn aees(&self, arguments: &[&str]) -> Run {
        self.scratch.run(arguments)
    }

    /// What a command prints with `--json`.
    pub(crate) fn json(&self, arguments: &[&str]) -> Value {
        let run = self.aees(&[arguments, &["--json"]].concat());
        serde_json::from_str(&run.stdout()).unwrap_or_else(|error| panic!("{error}: {}{}", run.stdout(), run.stderr()))
    }
}

/// Every file below the results but SQLite's own helpers, with its bytes.
pub(crate) fn everything(scratch: &Scratch) -> Vec<(PathBuf, Vec<u8>)> {
    let mut found = Vec::new();
    let mut folders = vec![scratch.path("")];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(&folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
            } else if !path.to_string_lossy().ends_with("-shm") {
                found.push((path.clone(), fs::read(&path).unwrap()));
            }
        }
    }
    found.sort();
    found
}
