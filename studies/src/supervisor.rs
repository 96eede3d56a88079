//! The supervisor: claims runs, gives each to a [launcher](crate::launcher), and tells the registry what became of it.
//!
//! One thread decides everything. A run is claimed before it is submitted and settled after nothing of it is left, and every
//! write names the claim's epoch, so a supervisor that was given up for dead changes nothing. Runs that another supervisor
//! holds are waited for: it may die.

mod reconcile;
mod retry;
mod rungs;
mod settle;
#[cfg(test)]
mod tests;

use std::collections::{HashMap, HashSet};
use std::fs;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicU8, Ordering};
use std::time::{Duration, Instant};

use aees_run::artifact::FileError;
use aees_run::run_directory::is_in_use;
use serde_json::Value;

use crate::disk::{Root, rung_value, write_identity};
use crate::error::SweepError;
use crate::job::{Ended, EndedState, Job};
use crate::launcher::{Launcher, Ticket, Update};
use crate::plan::StudyPlan;
use crate::process::ProcessIdentity;
use crate::prune::RungVerdict;
use crate::registry::{Claim, Heartbeat, Member, Registry, RunId, RunQueue, StateCounts, Usage};

pub use self::reconcile::{Reconciled, reconcile};
pub(crate) use self::retry::{deferral, fingerprint, pause_before_retry};

/// How long a claim holds without a sign of life.
pub const LEASE: Duration = Duration::from_secs(120);

/// How often signs of life are given, and the live table is brought up to date.
const HEARTBEAT: Duration = Duration::from_secs(2);

/// How often the clock is looked at when nothing happens.
const TICK: Duration = Duration::from_millis(50);

/// How often the registry is asked for runs when none was free.
const IDLE: Duration = Duration::from_millis(500);

/// How often the folder of a run is looked at in which another process still works.
const BUSY: Duration = Duration::from_millis(1_000);

/// A run that so many workers were killed on is not tried again: it kills them.
pub(crate) const MOST_KILLED: u32 = 20;

/// What ends a supervisor before its work does.
pub struct StopConditions {
    /// When everything stops.
    pub deadline: Option<Instant>,
    /// How often the user asked for the end: once, and every run writes a checkpoint; twice, and nothing is waited for.
    pub asked: Arc<AtomicU8>,
    /// Stop at the first failure.
    pub fail_fast: bool,
}

/// Why a supervisor ended with work left.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Halt {
    /// The user asked.
    Interrupted,
    /// The time is over.
    Deadline,
    /// Too much failed; why.
    Breaker(String),
}

/// How a supervisor ended.
pub struct SweepSummary {
    /// The selected runs by state.
    pub counts: StateCounts,
    /// How many of the done ones diverged.
    pub diverged: u64,
    /// How many of the running ones a batch system has: they are not waited for.
    pub at_batch_system: usize,
    /// Why it ended early.
    pub halt: Option<Halt>,
}

/// Something that a user may want to see.
#[allow(missing_docs, reason = "the variants say it")]
pub enum SweepEvent<'a> {
    /// A run began.
    Started { run: &'a RunId, label: &'a str, attempt: u32 },
    /// A run ended, in words.
    Settled { run: &'a RunId, label: &'a str, what: &'a str, seconds: f64 },
    /// How far it is: selected runs by state, how many of the done ones diverged, and the running ones.
    Progress { counts: StateCounts, diverged: u64, running: &'a [String] },
    /// A run stopped at a rung, to be compared with others, in words.
    Paused { run: &'a RunId, label: &'a str, what: &'a str, seconds: f64 },
    /// What a comparison decided of a run, in words.
    Judged { run: &'a RunId, label: &'a str, verdict: RungVerdict, what: &'a str },
    /// Another process works in a run's folder, and is waited for.
    Busy { run: &'a RunId, label: &'a str },
}

/// Why a run was asked to stop.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum StopReason {
    /// The whole study stops.
    Study,
    /// It took too long.
    Timeout,
    /// It is no longer this supervisor's.
    Lost,
}

/// A run that was submitted.
struct Submitted {
    claim: Claim,
    /// What people call it.
    label: String,
    at: Instant,
    /// The newest line for the live table.
    progress: Option<Value>,
    stop: Option<StopReason>,
}

/// A run in whose folder another process works.
struct BusyFolder {
    claim: Claim,
    folder: PathBuf,
}

/// Runs the selected runs of a plan.
pub struct Supervisor<'a> {
    registry: Registry,
    root: &'a Root,
    plan: &'a mut StudyPlan,
    stop_when: StopConditions,
    launcher: &'a mut dyn Launcher,
    report: &'a mut dyn FnMut(SweepEvent<'_>),
    /// A test gives its own.
    clock: Box<dyn Fn() -> Instant + 'a>,
    identity: ProcessIdentity,
    queue: RunQueue,
    submitted: HashMap<Ticket, Submitted>,
    busy: Vec<BusyFolder>,
    /// Runs that died beside others.
    alone: HashSet<RunId>,
    last_busy_look: Instant,
    /// The registry's last event before this process began: breakers count from there.
    since: i64,
    halt: Option<Halt>,
    /// What makes further work useless: it is told when all runs have stopped.
    fault: Option<SweepError>,
    killed: bool,
    /// By the registry's clock of leases.
    last_heartbeat: i64,
    /// When the last claim found less than it asked for.
    last_idle_claim: Option<Instant>,
}

impl<'a> Supervisor<'a> {
    /// A supervisor for a plan that the registry has.
    pub fn new(
        registry: Registry,
        root: &'a Root,
        plan: &'a mut StudyPlan,
        stop_when: StopConditions,
        launcher: &'a mut dyn Launcher,
        report: &'a mut dyn FnMut(SweepEvent<'_>),
    ) -> Result<Self, SweepError> {
        let queue = registry.queue(&plan.name, plan.selected.as_deref())?;
        let since = registry.last_seq()?;
        let last_heartbeat = registry.uptime();
        Ok(Self {
            registry,
            root,
            plan,
            stop_when,
            launcher,
            report,
            clock: Box::new(Instant::now),
            identity: ProcessIdentity::own(),
            queue,
            submitted: HashMap::new(),
            busy: Vec::new(),
            alone: HashSet::new(),
            last_busy_look: Instant::now(),
            since,
            halt: None,
            fault: None,
            killed: false,
            last_heartbeat,
            last_idle_claim: None,
        })
    }

    /// Works until nothing is left to do, or something says stop.
    ///
    /// # Errors
    /// When the registry or the file system fails. What runs is then left to the launcher's end.
    pub fn run(mut self) -> Result<SweepSummary, SweepError> {
        self.judge_what_is_done()?;
        self.work()?;
        if let Some(fault) = self.fault {
            return Err(fault);
        }
        self.registry.refresh(&mut self.queue)?;
        let diverged = self.registry.diverged(&self.queue)?;
        let at_batch_system = self.queue.at_batch_system();
        Ok(SweepSummary { counts: self.queue.counts(), diverged, at_batch_system, halt: self.halt })
    }

    fn work(&mut self) -> Result<(), SweepError> {
        loop {
            self.check_limits();
            // Before a claim: a process that slept gives its signs of life first.
            self.heartbeat_if_due()?;
            self.look_at_busy_folders()?;
            let claimed = if self.halt.is_none() && self.claim_is_due() { self.claim()? } else { 0 };
            if self.submitted.is_empty() && (self.halt.is_some() || (claimed == 0 && !self.work_may_come()?)) {
                return Ok(());
            }
            // Nothing of ours runs: there are deferred runs, or those of other supervisors.
            self.take_updates(if self.submitted.is_empty() { IDLE } else { TICK })?;
            self.stop_what_takes_too_long();
        }
    }

    fn now(&self) -> Instant {
        (self.clock)()
    }

    fn check_limits(&mut self) {
        let asked = self.stop_when.asked.load(Ordering::Relaxed);
        if asked > 1 && !self.killed {
            self.killed = true;
            self.halt = Some(Halt::Interrupted);
            for (ticket, run) in &mut self.submitted {
                run.stop = Some(StopReason::Study);
                self.launcher.kill(*ticket);
            }
        }
        if self.halt.is_some() {
            return;
        }
        if asked > 0 {
            self.halt_for(Halt::Interrupted);
        } else if self.stop_when.deadline.is_some_and(|deadline| self.now() >= deadline) {
            self.halt_for(Halt::Deadline);
        }
    }

    fn halt_for(&mut self, halt: Halt) {
        self.halt = Some(halt);
        self.stop_where(StopReason::Study, |_| true);
    }

    /// Asks runs to stop that were not asked before.
    fn stop_where(&mut self, reason: StopReason, which: impl Fn(&Submitted) -> bool) {
        for (ticket, run) in self.submitted.iter_mut().filter(|(_, run)| run.stop.is_none() && which(run)) {
            run.stop = Some(reason);
            self.launcher.stop(*ticket);
        }
    }

    /// After a claim that found nothing, not every turn asks again.
    fn claim_is_due(&self) -> bool {
        self.launcher.free() > 0 && self.last_idle_claim.is_none_or(|last| self.now() - last >= IDLE)
    }

    /// Claims as many runs as the launcher takes, and submits them.
    fn claim(&mut self) -> Result<usize, SweepError> {
        let most = self.launcher.free();
        let claims = self.registry.claim(&self.identity, &mut self.queue, most, LEASE)?;
        self.last_idle_claim = (claims.len() < most).then(|| self.now());
        let count = claims.len();
        for claim in claims {
            self.submit(claim)?;
        }
        Ok(count)
    }

    fn submit(&mut self, claim: Claim) -> Result<(), SweepError> {
        let run = claim.run_id.clone();
        let directory = self.root.run(&run);
        let rule = if claim.rung.is_some() { self.registry.prune_rule(&self.plan.name)? } else { None };
        if let Some((rule, at)) = rule.as_ref().zip(claim.rung)
            && let Some(value) = rung_value(&directory, rule, at)
        {
            return self.pause(&claim, (rule, at, value), &Usage::default()).map(drop);
        }
        let Some((member, work)) = self.plan.find(&run)? else {
            self.queue.hold_back(&claim);
            return Ok(self.registry.release(&claim)?);
        };
        let label = label(member);
        let job = Job {
            run_id: run.full().to_owned(),
            run_directory: std::path::absolute(&directory).unwrap_or_else(|_| directory.clone()),
            attempt: claim.attempt_no,
            alone: self.alone.contains(&run),
            work: work.clone(),
            stop_at: rule.as_ref().zip(claim.rung).map(|(rule, at)| rule.stop_at(at)),
        };
        fs::create_dir_all(&directory).map_err(FileError::at("make", &directory))?;
        write_identity(&directory, &member.run)?;
        (self.report)(SweepEvent::Started { run: &run, label: &label, attempt: claim.attempt_no });
        let ticket = self.launcher.submit(job);
        let run = Submitted { claim, label, at: self.now(), progress: None, stop: None };
        self.submitted.insert(ticket, run);
        Ok(())
    }

    /// Runs whose folders another process has left can be claimed again.
    fn look_at_busy_folders(&mut self) -> Result<(), SweepError> {
        if self.busy.is_empty() || self.now() - self.last_busy_look < BUSY {
            return Ok(());
        }
        self.last_busy_look = self.now();
        for busy in std::mem::take(&mut self.busy) {
            if is_in_use(&busy.folder)? {
                self.busy.push(busy);
            } else {
                self.queue.give_back(&busy.claim);
                self.last_idle_claim = None;
            }
        }
        Ok(())
    }

    /// Takes in what happened to the submitted runs, and settles those that are over.
    fn take_updates(&mut self, patience: Duration) -> Result<(), SweepError> {
        let mut over = Vec::new();
        let now = self.now();
        for (ticket, update) in self.launcher.poll(patience) {
            let Some(run) = self.submitted.get_mut(&ticket) else { continue };
            let ended = match update {
                Update::Began(line) => {
                    (run.at, run.progress) = (now, Some(line));
                    continue;
                }
                Update::Progress(line) => {
                    run.progress = Some(line);
                    continue;
                }
                Update::Ended(ended) => ended,
                Update::Lost(why) => Ended { message: why, ..EndedState::Interrupted.into() },
            };
            over.extend(self.submitted.remove(&ticket).map(|run| (run, ended)));
        }
        if !over.is_empty() {
            self.last_idle_claim = None;
        }
        self.settle(over)
    }

    fn heartbeat_if_due(&mut self) -> Result<(), SweepError> {
        let now = self.registry.uptime();
        let due = Duration::from_millis(now.abs_diff(self.last_heartbeat)) >= HEARTBEAT;
        if !due || self.submitted.is_empty() {
            return Ok(());
        }
        self.last_heartbeat = now;
        let runs = self.submitted.values();
        let heartbeats: Vec<Heartbeat<'_>> = runs
            .map(|run| Heartbeat { claim: &run.claim, progress: run.progress.as_ref().map(Value::to_string) })
            .collect();
        let lost = self.registry.heartbeat(&heartbeats, LEASE)?;
        let lost: Vec<RunId> = lost.into_iter().map(|claim| claim.run_id.clone()).collect();
        let running: Vec<String> = self.submitted.values().map(line_of).collect();
        self.stop_where(StopReason::Lost, |run| lost.contains(&run.claim.run_id));
        self.registry.refresh(&mut self.queue)?;
        let diverged = self.registry.diverged(&self.queue)?;
        (self.report)(SweepEvent::Progress { counts: self.queue.counts(), diverged, running: &running });
        Ok(())
    }

    fn stop_what_takes_too_long(&mut self) {
        let Some(limit) = self.plan.policy.per_run_timeout_seconds.map(Duration::from_secs_f64) else { return };
        let now = self.now();
        self.stop_where(StopReason::Timeout, |run| now - run.at > limit);
    }

    /// Whether a selected run may still become free: put off, interrupted, or in other hands.
    fn work_may_come(&mut self) -> Result<bool, SweepError> {
        self.judge(&[])?;
        self.registry.refresh(&mut self.queue)?;
        Ok(self.queue.open() > 0 || !self.busy.is_empty())
    }
}

fn line_of(run: &Submitted) -> String {
    let mut parts = vec![format!("{} {}", run.claim.run_id, run.label)];
    let progress = run.progress.as_ref().unwrap_or(&Value::Null);
    if let (Some(step), Some(total)) = (progress["step"].as_u64(), progress["total_steps"].as_u64()) {
        parts.push(format!("step {step}/{total}"));
    }
    parts.extend(progress["loss"].as_f64().map(|loss| format!("loss {loss:.3}")));
    parts.extend(progress["arm"].as_str().map(str::to_owned));
    parts.join(" · ")
}

/// `study:17 lr=0.1 seed=3`.
fn label(member: &Member) -> String {
    let axes: Value = serde_json::from_str(&member.axes_json).unwrap_or_default();
    let mut parts: Vec<String> = member.case.iter().cloned().collect();
    for (key, value) in axes.as_object().into_iter().flatten() {
        parts.push(format!("{key}={}", value.as_str().map_or_else(|| value.to_string(), str::to_owned)));
    }
    parts.push(format!("seed={}", member.run.seed.cast_signed()));
    parts.join(" ")
}
