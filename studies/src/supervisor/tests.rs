//! The supervisor with a launcher that starts nothing, and a clock that only the launcher turns: by the patience with which
//! it is polled when nothing happens.

mod pruning;

use std::collections::{BTreeMap, VecDeque};
use std::sync::atomic::AtomicI64;

use serde_json::json;
use tempfile::TempDir;

use super::*;
use crate::job::Work;
use crate::plan::Policy;
use crate::registry::{Audit, OpenOptions, PlannedRun, RunState, StudySpec};
use crate::study::PruneRule;

/// What the launcher does with an attempt.
enum Fate {
    /// It publishes a result.
    Done,
    Ends(EndedState),
    Lost,
    /// It goes on until it is stopped, and tells its progress.
    Endless,
}

struct FakeLauncher<'a> {
    clock: Arc<AtomicI64>,
    slots: usize,
    decide: Box<dyn FnMut(&Job) -> Fate + 'a>,
    updates: VecDeque<(Ticket, Update)>,
    running: Vec<Ticket>,
    jobs: Vec<Job>,
    stops: usize,
    kills: usize,
}

impl Launcher for FakeLauncher<'_> {
    fn free(&self) -> usize {
        self.slots - self.running.len()
    }

    fn submit(&mut self, job: Job) -> Ticket {
        assert!(self.free() > 0, "more than it takes");
        let ticket = Ticket(self.jobs.len() as u64);
        self.running.push(ticket);
        let ended = |state: EndedState| Update::Ended(Ended { message: "broken\nat last".into(), ..state.into() });
        let update = match (self.decide)(&job) {
            Fate::Done => {
                let result = json!({"run_id": job.run_id, "outcome": "ok", "result": {"score": 1}});
                fs::write(job.run_directory.join("result.json"), result.to_string()).unwrap();
                Update::Ended(EndedState::Done.into())
            }
            Fate::Ends(state) => ended(state),
            Fate::Lost => Update::Lost("its machine went away".into()),
            Fate::Endless => Update::Progress(json!({"event": "progress", "step": 3, "total_steps": 9})),
        };
        self.updates.push_back((ticket, update));
        self.jobs.push(job);
        ticket
    }

    fn poll(&mut self, patience: Duration) -> Vec<(Ticket, Update)> {
        if self.updates.is_empty() {
            self.clock.fetch_add(patience.as_millis() as i64, Ordering::SeqCst);
        }
        let updates: Vec<_> = self.updates.drain(..).collect();
        let over =
            |ticket: &Ticket| updates.iter().any(|(t, update)| t == ticket && !matches!(update, Update::Progress(_)));
        self.running.retain(|ticket| !over(ticket));
        updates
    }

    fn kill(&mut self, ticket: Ticket) {
        self.kills += 1;
        self.updates.push_back((ticket, Update::Lost("it was killed".into())));
    }

    fn stop(&mut self, ticket: Ticket) {
        self.stops += 1;
        self.updates.push_back((ticket, Update::Ended(EndedState::Interrupted.into())));
    }
}

/// A study of some runs in a folder of its own.
struct Scratch {
    folder: TempDir,
    clock: Arc<AtomicI64>,
    plan: StudyPlan,
}

/// What came of a study.
struct Outcome {
    summary: SweepSummary,
    jobs: Vec<Job>,
    stops: usize,
    /// What was said of runs that were settled, in order.
    settled: Vec<String>,
    progress: Vec<String>,
    /// How long it took, by the launcher's clock, in milliseconds.
    took: i64,
}

impl Scratch {
    fn new(runs: u64) -> Self {
        let id = |kind: u64, number: u64| format!("{number:08x}{kind:08x}{number:048x}");
        let run = |number: u64| PlannedRun {
            run_id: id(1, number).parse().unwrap(),
            config_id: id(2, number).parse().unwrap(),
            seed: 0,
            task: "command".into(),
            shape_sig: "shape".into(),
            identity_json: json!({"setting": number}).to_string(),
        };
        let member = |index: u64| Member {
            run: run(index),
            index,
            case: None,
            axes_json: json!({"x": index}).to_string(),
            race: None,
        };
        let mut plan = StudyPlan { name: "s".into(), ..StudyPlan::default() };
        plan.spec =
            StudySpec { name: "s".into(), task: "command".into(), spec_sha: "0".repeat(64), spec_json: "{}".into() };
        plan.policy = Policy { consecutive: 100, same_fingerprint: 100, ..Policy::default() };
        for index in 0..runs {
            plan.add(member(index), Work::Train(serde_json::Map::new()));
        }
        plan.runs = plan.members.len();
        Self { folder: tempfile::tempdir().unwrap(), clock: Arc::new(AtomicI64::new(1_000_000)), plan }
    }

    fn registry(&self) -> Registry {
        let (clock, uptime) = (self.clock.clone(), self.clock.clone());
        let clock = Box::new(move || clock.load(Ordering::SeqCst));
        let uptime = Arc::new(move || uptime.load(Ordering::SeqCst));
        let path = self.folder.path().join("registry.db");
        Registry::open_with(&path, OpenOptions { clock, uptime, ..OpenOptions::default() }).unwrap()
    }

    fn run(&mut self, slots: usize, decide: impl FnMut(&Job) -> Fate) -> Outcome {
        let stop_when = StopConditions { deadline: None, asked: Arc::default(), fail_fast: false };
        self.run_within(stop_when, slots, decide)
    }

    fn run_within(&mut self, stop_when: StopConditions, slots: usize, decide: impl FnMut(&Job) -> Fate) -> Outcome {
        let root = Root::new(self.folder.path());
        let mut registry = self.registry();
        registry.plan(&self.plan.spec, &self.plan.members).unwrap();
        let mut launcher = FakeLauncher {
            clock: self.clock.clone(),
            slots,
            decide: Box::new(decide),
            updates: VecDeque::new(),
            running: Vec::new(),
            jobs: Vec::new(),
            stops: 0,
            kills: 0,
        };
        let (mut settled, mut progress) = (Vec::new(), Vec::new());
        let mut report = |event: SweepEvent<'_>| match event {
            SweepEvent::Started { .. } => {}
            SweepEvent::Settled { what, .. } => settled.push(what.to_owned()),
            SweepEvent::Progress { running, .. } => progress.extend(running.iter().cloned()),
            SweepEvent::Paused { what, .. } => settled.push(what.to_owned()),
            SweepEvent::Judged { .. } => {}
            SweepEvent::Busy { .. } => settled.push("busy".to_owned()),
        };
        let begin = self.clock.load(Ordering::SeqCst);
        let clock = self.clock();
        let mut supervisor =
            Supervisor::new(registry, &root, &mut self.plan, stop_when, &mut launcher, &mut report).unwrap();
        supervisor.clock = clock;
        let summary = supervisor.run().unwrap();
        let took = self.clock.load(Ordering::SeqCst) - begin;
        let FakeLauncher { jobs, stops, .. } = launcher;
        Outcome { summary, jobs, stops, settled, progress, took }
    }

    /// The launcher's clock as the supervisor reads it.
    fn clock(&self) -> Box<dyn Fn() -> Instant> {
        let (clock, base) = (self.clock.clone(), Instant::now());
        let begin = clock.load(Ordering::SeqCst);
        Box::new(move || base + Duration::from_millis((clock.load(Ordering::SeqCst) - begin).unsigned_abs()))
    }

    /// Compares the runs by this rule, all of them with each other.
    fn pruned_by(mut self, rule: &PruneRule) -> Self {
        self.plan.spec.spec_json = json!({"policy": {"prune": rule}}).to_string();
        self.plan.policy.prune = Some(rule.clone());
        self.plan.members.iter_mut().for_each(|member| member.race = Some(String::new()));
        self
    }

    fn set_policy(mut self, change: impl FnOnce(&mut Policy)) -> Self {
        change(&mut self.plan.policy);
        self
    }
}

impl Outcome {
    fn count(&self, state: RunState) -> u64 {
        self.summary.counts.get(state)
    }
}

fn failed(class: &str) -> Fate {
    Fate::Ends(EndedState::Failed { class: class.to_owned() })
}

#[test]
fn every_run_is_submitted_once_and_no_more_than_the_launcher_takes() {
    let mut scratch = Scratch::new(7);
    let outcome = scratch.run(3, |_| Fate::Done);
    assert_eq!((outcome.count(RunState::Done), outcome.jobs.len()), (7, 7));
    assert!(outcome.jobs.iter().all(|job| job.attempt == 1 && job.run_directory.join("identity.json").is_file()));
    assert_eq!(outcome.settled[0], "ok");
    assert!(scratch.run(3, |_| panic!("all are done")).summary.halt.is_none());
}

#[test]
fn a_lost_run_is_submitted_again_and_one_that_is_lost_each_time_fails() {
    let outcome = Scratch::new(2).run(1, |job| if job.attempt == 1 { Fate::Lost } else { Fate::Done });
    assert_eq!((outcome.count(RunState::Done), outcome.jobs.len()), (2, 4));
    assert_eq!(outcome.settled[0], "interrupted: its machine went away");
    let outcome = Scratch::new(1).run(1, |_| Fate::Lost);
    assert_eq!(outcome.jobs.len(), MOST_KILLED as usize + 2, "its class is tried again once");
    assert_eq!(outcome.count(RunState::Failed), 1);
}

/// Nothing that counts failures counts it.
#[test]
fn a_run_that_died_beside_others_is_tried_again_alone() {
    let mut scratch = Scratch::new(3).set_policy(|policy| policy.consecutive = 1);
    let outcome = scratch.run(2, |job| if job.alone { Fate::Done } else { Fate::Ends(EndedState::Crowded) });
    assert_eq!((outcome.count(RunState::Done), outcome.jobs.len()), (3, 6));
    assert!(outcome.jobs.iter().all(|job| job.alone == (job.attempt == 2)));
    assert_eq!(outcome.settled[0], "broken; it is tried again alone");
}

#[test]
fn failures_are_tried_again_with_growing_pauses_as_often_as_their_class_allows() {
    let outcome = Scratch::new(1).run(1, |_| failed("io"));
    assert_eq!((outcome.count(RunState::Failed), outcome.jobs.len()), (1, 4));
    let pauses = 1_000 + 4_000 + 16_000;
    assert!((pauses..pauses + 3_000).contains(&outcome.took), "{}", outcome.took);
    assert_eq!(outcome.settled[0], "failed (io), tried again in 1 s: broken; at last");
    assert_eq!(Scratch::new(1).run(1, |_| failed("data")).jobs.len(), 1);
    let mut often = Scratch::new(1).set_policy(|policy| policy.retry = BTreeMap::from([("data".into(), Some(2))]));
    assert_eq!(often.run(1, |_| failed("data")).jobs.len(), 3);
}

#[test]
fn a_rate_limit_puts_a_run_off_for_as_long_as_it_was_told() {
    let limit = |job: &Job| match job.attempt {
        1 => Fate::Ends(EndedState::RateLimited { after_seconds: Some(90.0) }),
        _ => Fate::Done,
    };
    let outcome = Scratch::new(1).run(1, limit);
    assert_eq!(outcome.count(RunState::Done), 1);
    assert!((90_000..92_000).contains(&outcome.took), "{}", outcome.took);
}

#[test]
fn at_the_deadline_runs_are_asked_to_stop_and_stay_interrupted() {
    let mut scratch = Scratch::new(3);
    let deadline = Some(Instant::now() + Duration::from_secs(3_600));
    let stop_when = StopConditions { deadline, asked: Arc::default(), fail_fast: false };
    let outcome = scratch.run_within(stop_when, 2, |_| Fate::Endless);
    assert_eq!(outcome.summary.halt, Some(Halt::Deadline));
    assert_eq!((outcome.count(RunState::Interrupted), outcome.count(RunState::Pending), outcome.stops), (2, 1, 2));
    assert!(outcome.progress[0].ends_with("x=0 seed=0 · step 3/9") || outcome.progress[0].contains("x=1"));
    assert_eq!(scratch.run(3, |_| Fate::Done).count(RunState::Done), 3, "the lease was given back");
}

#[test]
fn a_run_that_takes_too_long_is_stopped_and_not_claimed_again() {
    let mut scratch = Scratch::new(2).set_policy(|policy| policy.per_run_timeout_seconds = Some(60.0));
    let slow = scratch.plan.members[0].run.run_id.full().to_owned();
    let outcome = scratch.run(1, |job| if job.run_id == slow { Fate::Endless } else { Fate::Done });
    assert_eq!((outcome.count(RunState::Interrupted), outcome.count(RunState::Done), outcome.stops), (1, 1, 1));
    assert!(outcome.settled[0].contains("budget.per_run_timeout"), "{:?}", outcome.settled);
}

#[test]
fn a_run_that_was_cancelled_meanwhile_is_stopped() {
    let mut scratch = Scratch::new(1);
    let mut other = scratch.registry();
    let run = [scratch.plan.members[0].run.run_id.clone()];
    let outcome = scratch.run(1, |_| {
        other.cancel(&run, &Audit { actor: "a user", reason: "a test" }).unwrap();
        Fate::Endless
    });
    assert_eq!((outcome.count(RunState::Cancelled), outcome.stops), (1, 1));
    assert_eq!(outcome.settled, ["stopped: the run was taken away"]);
}

#[test]
fn breakers_stop_a_study_in_which_everything_fails() {
    let mut scratch = Scratch::new(9).set_policy(|policy| policy.consecutive = 4);
    let outcome = scratch.run(1, |_| failed("data"));
    assert_eq!(outcome.summary.halt, Some(Halt::Breaker("4 attempts in a row failed".into())));
    assert_eq!((outcome.count(RunState::Failed), outcome.count(RunState::Pending)), (4, 5));
    let stop_when = StopConditions { deadline: None, asked: Arc::default(), fail_fast: true };
    let outcome = Scratch::new(3).run_within(stop_when, 1, |_| failed("data"));
    assert_eq!((outcome.jobs.len(), outcome.summary.halt.is_some()), (1, true));
}
