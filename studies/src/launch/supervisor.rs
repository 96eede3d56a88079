//! The supervisor: claims runs, gives each to a worker process, and tells the registry what became of it.
//!
//! One thread decides everything; workers are heard through one channel. A run is claimed before its worker starts and
//! settled after its worker is gone, and every write names the claim's epoch, so a supervisor that was given up for dead
//! changes nothing. Runs that another supervisor holds are waited for: it may die.

mod reconcile;
mod retry;
mod settle;
mod worker;

use std::collections::{BTreeMap, HashMap, HashSet};
use std::fs;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::time::{Duration, Instant};

use aees_run::artifact::FileError;
use serde_json::{Value, json};

use super::process::hostname;
use super::study_plan::StudyPlan;
use super::{Job, ProcessIdentity, Root, Work, write_identity};
use crate::launch::SweepError;
use crate::registry::{
    Beat, Claim, Member, Registry, RunFilter, RunId, RunState, Selection, StateCounts, Usage, WorkerId,
};

pub use self::reconcile::{Reconciled, reconcile};
use self::worker::{Message, StopReason, Worker};

/// How long a claim holds without a sign of life.
pub const LEASE: Duration = Duration::from_secs(120);

/// How often signs of life are given, and the live table is brought up to date.
const HEARTBEAT: Duration = Duration::from_secs(2);

/// How often the clock is looked at when nothing happens.
const TICK: Duration = Duration::from_millis(50);

/// How often the registry is asked for runs when none was free.
const IDLE: Duration = Duration::from_millis(500);

/// The pause when another process still works in a run's folder.
const BUSY: Duration = Duration::from_millis(1_000);

/// A run that so many workers were killed on is not tried again: it kills them.
const MOST_KILLED: u32 = 20;

/// Where a worker computes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Slot {
    /// The device; none: what the run says.
    pub device: Option<String>,
    /// Its share of the processor's cores; none: what the run says.
    pub threads: Option<usize>,
}

/// What the command line asks of a supervisor.
pub struct Orders {
    /// One worker at a time for each.
    pub slots: Vec<Slot>,
    /// When everything stops.
    pub deadline: Option<Instant>,
    /// Set by Ctrl-C.
    pub stop: Arc<AtomicBool>,
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
pub struct Summary {
    /// The selected runs by state.
    pub counts: BTreeMap<RunState, u64>,
    /// Why it ended early.
    pub halt: Option<Halt>,
}

/// Something that a user may want to see.
#[allow(missing_docs)] // The variants say it.
pub enum Report<'a> {
    /// A run began.
    Started { run: &'a RunId, label: &'a str, attempt: u32 },
    /// A run ended, in words.
    Settled { run: &'a RunId, label: &'a str, what: &'a str, seconds: f64 },
    /// How it stands: selected runs by state, and the running ones.
    Standing { settled: usize, total: usize, running: &'a [String] },
}

/// Runs the selected runs of a plan.
pub struct Supervisor<'a> {
    registry: Registry,
    root: &'a Root,
    plan: &'a StudyPlan,
    orders: Orders,
    report: &'a mut dyn FnMut(Report<'_>),
    identity: WorkerId,
    selection: Selection,
    /// Runs that are not to be claimed again in this process.
    passed_over: HashSet<RunId>,
    workers: HashMap<usize, (usize, Worker)>,
    free_slots: Vec<usize>,
    next_number: usize,
    messages: (Sender<Message>, Receiver<Message>),
    /// The registry's last event before this process began: breakers count from there.
    since: i64,
    halt: Option<Halt>,
    settled: usize,
    last_beat: Instant,
    last_claim: Option<Instant>,
    /// The runs of the plan, each with what people call it.
    members: HashMap<RunId, (&'a Member, String)>,
}

impl<'a> Supervisor<'a> {
    /// A supervisor for a plan that the registry has.
    ///
    /// # Errors
    /// Those of the registry.
    pub fn new(
        registry: Registry,
        root: &'a Root,
        plan: &'a StudyPlan,
        orders: Orders,
        report: &'a mut dyn FnMut(Report<'_>),
    ) -> Result<Self, SweepError> {
        let selection = registry.select_runs(&plan.selected)?;
        let since = registry.last_seq()?;
        let own = ProcessIdentity::own();
        let identity = WorkerId { host: hostname(), pid: own.pid, start_ticks: own.start_ticks, boot_id: own.boot_id };
        let named = |member: &'a Member| (member.run.run_id.clone(), (member, label(member)));
        let members = plan.members.iter().map(named).collect();
        Ok(Self {
            free_slots: (0..orders.slots.len()).rev().collect(),
            registry,
            root,
            plan,
            orders,
            report,
            identity,
            selection,
            passed_over: HashSet::new(),
            workers: HashMap::new(),
            next_number: 0,
            messages: channel(),
            since,
            halt: None,
            settled: 0,
            last_beat: Instant::now(),
            last_claim: None,
            members,
        })
    }

    /// Works until nothing is left to do, or something says stop.
    ///
    /// # Errors
    /// When the registry or the file system fails; the workers are stopped first.
    pub fn run(mut self) -> Result<Summary, SweepError> {
        let worked = self.work();
        if worked.is_err() {
            self.workers.values_mut().for_each(|(_, worker)| worker.kill());
        }
        worked?;
        let counts = self.counts()?;
        Ok(Summary { counts, halt: self.halt })
    }

    fn work(&mut self) -> Result<(), SweepError> {
        loop {
            self.look_for_halt();
            let mut claimed = 0;
            if self.halt.is_none() && !self.free_slots.is_empty() && self.claim_is_due() {
                claimed = self.claim()?;
            }
            if self.workers.is_empty() {
                if self.halt.is_some() || (claimed == 0 && !self.work_may_come()?) {
                    return Ok(());
                }
                // Deferred runs, and those of other supervisors.
                if claimed == 0 {
                    std::thread::sleep(IDLE);
                    continue;
                }
            }
            self.listen()?;
            self.beat_if_due()?;
            self.stop_what_takes_too_long();
        }
    }

    fn look_for_halt(&mut self) {
        if self.halt.is_some() {
            return;
        }
        let over = self.orders.deadline.is_some_and(|deadline| Instant::now() >= deadline);
        if self.orders.stop.load(Ordering::Relaxed) {
            self.halt_for(Halt::Interrupted);
        } else if over {
            self.halt_for(Halt::Deadline);
        }
    }

    fn halt_for(&mut self, halt: Halt) {
        self.halt = Some(halt);
        self.workers.values_mut().for_each(|(_, worker)| worker.ask_to_stop(StopReason::Study));
    }

    /// After a claim that found nothing, not every turn asks again.
    fn claim_is_due(&self) -> bool {
        self.last_claim.is_none_or(|last| last.elapsed() >= IDLE)
    }

    /// Claims runs for the free slots and starts their workers.
    fn claim(&mut self) -> Result<usize, SweepError> {
        let selection = self.selection.without(&self.passed_over);
        let claims = self.registry.claim(&self.identity, &selection, self.free_slots.len(), LEASE)?;
        self.last_claim = if claims.len() < self.free_slots.len() { Some(Instant::now()) } else { None };
        let count = claims.len();
        for claim in claims {
            self.start(claim)?;
        }
        Ok(count)
    }

    fn start(&mut self, claim: Claim) -> Result<(), SweepError> {
        let run = claim.run_id.clone();
        let Some(slot) = self.free_slots.pop() else { return Ok(self.registry.release(&claim)?) };
        let directory = self.root.run(&run);
        let known = self.members.get(&run).map(|(member, label)| (*member, label.clone()));
        let (Some((member, label)), Some(work)) = (known, self.plan.work.get(&run)) else {
            self.free_slots.push(slot);
            return Ok(self.registry.release(&claim)?);
        };
        let job = Job {
            run_id: run.full().to_owned(),
            run_directory: std::path::absolute(&directory).unwrap_or_else(|_| directory.clone()),
            work: placed(work, &self.orders.slots[slot]),
        };
        fs::create_dir_all(&directory).map_err(FileError::at("make", &directory))?;
        write_identity(&directory, &member.run)?;
        (self.report)(Report::Started { run: &run, label: &label, attempt: claim.attempt_no });
        let number = self.next_number;
        self.next_number += 1;
        match Worker::start(claim.clone(), &job, number, self.messages.0.clone()) {
            Ok(worker) => {
                self.workers.insert(number, (slot, worker));
                Ok(())
            }
            Err(error) => {
                self.free_slots.push(slot);
                self.registry.interrupt(&claim, "its worker could not be started", &Usage::default())?;
                Err(error.into())
            }
        }
    }

    /// Takes in what workers say, and settles those that are gone.
    fn listen(&mut self) -> Result<(), SweepError> {
        let mut gone = Vec::new();
        let mut next = self.messages.1.recv_timeout(TICK).ok();
        while let Some(message) = next {
            match message {
                Message::Line(number, line) => {
                    if let Some((_, worker)) = self.workers.get_mut(&number) {
                        worker.hear(line);
                    }
                }
                Message::Closed(number) => gone.push(number),
            }
            next = self.messages.1.try_recv().ok();
        }
        self.settle(gone)
    }

    fn beat_if_due(&mut self) -> Result<(), SweepError> {
        if self.last_beat.elapsed() < HEARTBEAT || self.workers.is_empty() {
            return Ok(());
        }
        self.last_beat = Instant::now();
        let beats: Vec<Beat<'_>> = self
            .workers
            .values()
            .map(|(_, worker)| Beat { claim: &worker.claim, progress: worker.progress.clone() })
            .collect();
        let lost = self.registry.heartbeat(&beats, LEASE)?;
        let running: Vec<String> = self.workers.values().map(|(_, worker)| self.line_of(worker)).collect();
        for loss in lost {
            let mut workers = self.workers.values_mut();
            if let Some((_, worker)) = workers.find(|(_, worker)| worker.claim.run_id == loss.run_id) {
                worker.ask_to_stop(StopReason::Lost);
            }
        }
        let counts = self.counts()?;
        let settled = counts.iter().filter(|(state, _)| is_settled(**state)).map(|(_, count)| *count as usize).sum();
        (self.report)(Report::Standing { settled, total: self.plan.selected.len(), running: &running });
        Ok(())
    }

    fn line_of(&self, worker: &Worker) -> String {
        let label = self.members.get(&worker.claim.run_id).map(|(_, label)| label.as_str()).unwrap_or_default();
        let progress: Value =
            worker.progress.as_deref().and_then(|text| serde_json::from_str(text).ok()).unwrap_or_default();
        let mut parts = vec![format!("{} {label}", worker.claim.run_id)];
        if let (Some(step), Some(total)) = (progress["step"].as_u64(), progress["total_steps"].as_u64()) {
            parts.push(format!("step {step}/{total}"));
        }
        parts.extend(progress["loss"].as_f64().map(|loss| format!("loss {loss:.3}")));
        parts.extend(progress["arm"].as_str().map(str::to_owned));
        parts.join(" · ")
    }

    fn stop_what_takes_too_long(&mut self) {
        let limit = self.plan.policy.per_run_timeout_seconds.map(Duration::from_secs_f64);
        for (_, worker) in self.workers.values_mut() {
            if limit.is_some_and(|limit| worker.started.elapsed() > limit) {
                worker.ask_to_stop(StopReason::Timeout);
            }
            worker.press();
        }
    }

    /// The selected runs by state.
    fn counts(&self) -> Result<BTreeMap<RunState, u64>, SweepError> {
        let mut counts = BTreeMap::new();
        if self.plan.selected.len() == self.plan.members.len() {
            let study = self.registry.status(&[&self.plan.name])?;
            let total: Option<&StateCounts> = study.first().map(|status| &status.counts);
            counts.extend(total.into_iter().flat_map(StateCounts::iter).filter(|(_, count)| *count > 0));
            return Ok(counts);
        }
        let selected: HashSet<&RunId> = self.plan.selected.iter().collect();
        let filter = RunFilter { study: Some(self.plan.name.clone()), ..RunFilter::default() };
        for row in self.registry.runs(&filter)?.into_iter().filter(|row| selected.contains(&row.run_id)) {
            *counts.entry(row.state).or_default() += 1;
        }
        Ok(counts)
    }

    /// Whether a selected run may still become free: put off, interrupted, or in other hands.
    fn work_may_come(&self) -> Result<bool, SweepError> {
        let counts = self.counts()?;
        let open = counts.iter().filter(|(state, _)| !is_settled(**state)).map(|(_, count)| *count).sum::<u64>();
        Ok(open > self.passed_over.len() as u64)
    }
}

/// Whether a run in this state waits for nothing that this program does by itself.
pub fn is_settled(state: RunState) -> bool {
    !matches!(state, RunState::Pending | RunState::Running | RunState::Interrupted | RunState::Deferred)
}

/// The work with the slot's device and threads, unless the study chose its own.
fn placed(work: &Work, slot: &Slot) -> Work {
    let Work::Train(settings) = work else { return work.clone() };
    let mut settings = settings.clone();
    if let Some(device) = &slot.device {
        settings.entry("device").or_insert_with(|| json!(device));
    }
    if let Some(threads) = slot.threads {
        settings.entry("threads").or_insert_with(|| json!(threads));
    }
    Work::Train(settings)
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
