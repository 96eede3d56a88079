//! A task of an array: its frozen runs, brought to workers of its node, with no registry.
//!
//! It is begun again after each time that Slurm took its node away, and then goes on where its runs' folders are. Only running
//! out of the time that it asked for counts against its runs: preemption, a lost node and a warning by hand do not.

use std::fs;
use std::sync::atomic::{AtomicU8, Ordering};
use std::time::{Duration, Instant};

use aees_run::artifact::FileError;

use super::journal::{FailureNote, Journal, TaskNote};
use super::launch::{ArrayElement, FrozenRun, LaunchFolder, LaunchRecord, LaunchStage};
use super::{SlurmError, scheduler};
use crate::disk::{completion_of, write_json};
use crate::job::{Ended, EndedState, Job};
use crate::launcher::{Launcher, Ticket, Update};
use crate::plan::Policy;
use crate::supervisor::{MOST_KILLED, deferral, pause_before_retry};

/// How often the clock is looked at when nothing happens.
const TICK: Duration = Duration::from_millis(50);

/// How often a folder is tried again in which another process works, and a run whose worker was killed.
const AGAIN: Duration = Duration::from_secs(1);

/// Slurm warns up to a minute earlier than it was asked to.
const EARLY_WARNING: u64 = 60;

/// How often a run may run out of its task's time where the study says nothing.
const USUAL_TIMES: u32 = 3;

/// How a task ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum TaskEnd {
    /// All its runs are over.
    Over {
        /// How many are done.
        done: usize,
        /// How many failed for good, or were stopped.
        failed: usize,
    },
    /// It was asked to end and put itself back into the queue.
    Requeued,
    /// It was asked to end, and Slurm knows what comes next.
    Stopped {
        /// Why it did not put itself back.
        why: String,
    },
    /// Its launch was cancelled.
    Cancelled,
}

/// Something that the task's log should have.
pub enum TaskEvent<'a> {
    /// A worker was started.
    Started {
        /// The run.
        run: &'a str,
        /// Which of its attempts.
        attempt: u32,
    },
    /// What became of a run for now.
    Settled {
        /// The run.
        run: &'a str,
        /// What.
        what: &'a str,
    },
}

/// Where a run of a task is.
enum Phase {
    /// It is started when this moment has come.
    Waiting(Instant),
    Running(Ticket, Instant),
    Done,
    Failed,
}

struct TaskRun {
    frozen: FrozenRun,
    phase: Phase,
    /// Workers of it that were killed by nobody who was asked to.
    killed: u32,
}

/// A task that runs.
pub struct Task<'a> {
    record: LaunchRecord,
    runs: Vec<TaskRun>,
    journal: Journal,
    launcher: &'a mut dyn Launcher,
    element: ArrayElement,
    asked: &'a AtomicU8,
    report: &'a mut dyn FnMut(TaskEvent<'_>),
    stopping: bool,
}

/// Does a task of an array, counted from 0. `element` is its own place in Slurm, `asked` says how often it was asked to end, and
/// `report` hears what happens.
///
/// # Errors
/// When its launch or its journal cannot be read or written.
pub fn run_task<'a>(
    folder: &LaunchFolder,
    array: usize,
    element: ArrayElement,
    launcher: &'a mut dyn Launcher,
    asked: &'a AtomicU8,
    report: &'a mut dyn FnMut(TaskEvent<'_>),
) -> Result<TaskEnd, SlurmError> {
    let record = folder.record()?;
    if record.stage == LaunchStage::Cancelled {
        return Ok(TaskEnd::Cancelled);
    }
    let frozen = folder.task(array, element.index)?;
    let journal = Journal::open(&folder.journal(array, element.index))?;
    let began = Instant::now();
    let run = |frozen: FrozenRun| {
        let is_over =
            matches!(journal.of(&frozen.job.run_id).last, Some(TaskNote::Failed(_) | TaskNote::Stopped { .. }));
        TaskRun { phase: if is_over { Phase::Failed } else { Phase::Waiting(began) }, frozen, killed: 0 }
    };
    let runs = frozen.runs.into_iter().map(run).collect();
    let mut task = Task { record, runs, journal, launcher, element, asked, report, stopping: false };
    task.work()?;
    task.end()
}

impl Task<'_> {
    fn work(&mut self) -> Result<(), SlurmError> {
        loop {
            if !self.stopping && self.asked.load(Ordering::Relaxed) > 0 {
                self.stopping = true;
                self.stop_where(|_| true);
            }
            if !self.stopping {
                self.start_what_is_due()?;
            }
            let is_running = self.runs.iter().any(|run| matches!(run.phase, Phase::Running(..)));
            let is_waiting = self.runs.iter().any(|run| matches!(run.phase, Phase::Waiting(_)));
            if !is_running && (self.stopping || !is_waiting) {
                return Ok(());
            }
            for (ticket, update) in self.launcher.poll(TICK) {
                let ended = match update {
                    Update::Progress(_) => continue,
                    Update::Began(_) => {
                        self.began(ticket);
                        continue;
                    }
                    Update::Ended(ended) => ended,
                    Update::Lost(why) => Ended { message: why, ..EndedState::Interrupted.into() },
                };
                if let Some(position) = self.position(ticket) {
                    self.settle(position, ended)?;
                }
            }
            if let Some(limit) = self.record.policy.per_run_timeout_seconds.map(Duration::from_secs_f64) {
                self.stop_where(|since| since.elapsed() > limit);
            }
        }
    }

    fn position(&self, ticket: Ticket) -> Option<usize> {
        self.runs.iter().position(|run| matches!(run.phase, Phase::Running(own, _) if own == ticket))
    }

    /// It may have waited for its device: its time counts from here.
    fn began(&mut self, ticket: Ticket) {
        if let Some(position) = self.position(ticket) {
            self.runs[position].phase = Phase::Running(ticket, Instant::now());
        }
    }

    fn stop_where(&mut self, which: impl Fn(Instant) -> bool) {
        for run in &self.runs {
            if let Phase::Running(ticket, since) = run.phase
                && which(since)
            {
                self.launcher.stop(ticket);
            }
        }
    }

    fn start_what_is_due(&mut self) -> Result<(), SlurmError> {
        let now = Instant::now();
        for position in 0..self.runs.len() {
            if self.launcher.free() == 0 {
                return Ok(());
            }
            if matches!(self.runs[position].phase, Phase::Waiting(due) if due <= now) {
                self.start(position)?;
            }
        }
        Ok(())
    }

    fn start(&mut self, position: usize) -> Result<(), SlurmError> {
        let FrozenRun { job, identity, .. } = &self.runs[position].frozen;
        let directory = &job.run_directory;
        // What is there and cannot be used, the worker tells better.
        if let Ok(Some(_)) = completion_of(directory) {
            return self.over(position, TaskNote::Done, "done");
        }
        fs::create_dir_all(directory).map_err(FileError::at("make", directory))?;
        write_json(&directory.join("identity.json"), identity)?;
        self.journal.add(&job.run_id, TaskNote::Began)?;
        let attempt = job.attempt + self.journal.of(&job.run_id).began - 1;
        (self.report)(TaskEvent::Started { run: &job.run_id, attempt });
        let ticket = self.launcher.submit(Job { attempt, ..job.clone() });
        self.runs[position].phase = Phase::Running(ticket, Instant::now());
        Ok(())
    }

    /// What becomes of a run of which nothing runs any more.
    fn settle(&mut self, position: usize, ended: Ended) -> Result<(), SlurmError> {
        let run = &self.runs[position];
        let FrozenRun { job, .. } = &run.frozen;
        let Phase::Running(_, since) = run.phase else { return Ok(()) };
        let limit = self.record.policy.per_run_timeout_seconds;
        if ended.state != EndedState::Busy && matches!(completion_of(&job.run_directory), Ok(Some(_))) {
            return self.over(position, TaskNote::Done, "done");
        }
        match ended.state {
            EndedState::Busy => self.wait(position, AGAIN, "another process works in its folder"),
            EndedState::Crowded => {
                self.runs[position].frozen.job.alone = true;
                self.wait(position, Duration::ZERO, &format!("{}; it is tried again alone", ended.message))
            }
            EndedState::RateLimited { after_seconds } => {
                let attempt = self.journal.of(&job.run_id).began;
                self.wait(position, deferral(after_seconds, attempt), "rate limited")
            }
            EndedState::Paused => self.wait(position, AGAIN, "stopped at a rung"),
            EndedState::Interrupted if self.stopping => self.wait(position, AGAIN, "stopped"),
            EndedState::Interrupted if limit.is_some_and(|limit| since.elapsed().as_secs_f64() > limit) => {
                let why = "it took longer than budget.per_run_timeout";
                self.over(position, TaskNote::Stopped { why: why.to_owned() }, why)
            }
            EndedState::Interrupted if run.killed < MOST_KILLED => {
                self.runs[position].killed += 1;
                self.wait(position, AGAIN, "its worker was killed")
            }
            EndedState::Interrupted => self.fail(position, "signal", ended.message),
            EndedState::Failed { ref class } => self.fail(position, class, ended.error()),
            EndedState::Done => {
                let message = match completion_of(&job.run_directory) {
                    Err(error) => error.to_string(),
                    Ok(_) => "the worker says that it is done, but there is no result.json".to_owned(),
                };
                self.fail(position, "data", message)
            }
        }
    }

    fn wait(&mut self, position: usize, pause: Duration, what: &str) -> Result<(), SlurmError> {
        self.runs[position].phase = Phase::Waiting(Instant::now() + pause);
        self.tell(position, what);
        Ok(())
    }

    fn fail(&mut self, position: usize, class: &str, message: String) -> Result<(), SlurmError> {
        let FrozenRun { job, retries_used, .. } = &self.runs[position].frozen;
        let used = retries_used + self.journal.of(&job.run_id).retries;
        let what = format!("failed ({class}): {message}");
        let failure = FailureNote { class: class.to_owned(), message };
        match pause_before_retry(&self.record.policy, class, used) {
            Some(pause) => {
                let run = job.run_id.clone();
                self.journal.add(&run, TaskNote::TriedAgain(failure))?;
                self.wait(position, pause, &what)
            }
            None => self.over(position, TaskNote::Failed(failure), &what),
        }
    }

    fn over(&mut self, position: usize, note: TaskNote, what: &str) -> Result<(), SlurmError> {
        let run = &mut self.runs[position];
        run.phase = if note == TaskNote::Done { Phase::Done } else { Phase::Failed };
        self.journal.add(&run.frozen.job.run_id, note)?;
        self.tell(position, what);
        Ok(())
    }

    fn tell(&mut self, position: usize, what: &str) {
        (self.report)(TaskEvent::Settled { run: &self.runs[position].frozen.job.run_id, what });
    }

    /// Nothing runs any more.
    fn end(mut self) -> Result<TaskEnd, SlurmError> {
        let open: Vec<usize> = self.positions(|phase| matches!(phase, Phase::Waiting(_)));
        if open.is_empty() {
            return Ok(self.finished());
        }
        let now = match scheduler::task_now(self.element) {
            Ok(now) => now,
            Err(error) => return Ok(TaskEnd::Stopped { why: error.to_string() }),
        };
        let warning = self.record.policy.slurm.clone().unwrap_or_default().signal_lead() + EARLY_WARNING;
        if now.state == "TIMEOUT" || now.seconds_left.is_some_and(|left| left <= warning) {
            self.count_times(&open)?;
        }
        if self.positions(|phase| matches!(phase, Phase::Waiting(_))).is_empty() {
            return Ok(self.finished());
        }
        // Slurm takes up again by itself what it preempts, and nobody wants again what was cancelled.
        if !["RUNNING", "TIMEOUT"].contains(&now.state.as_str()) {
            return Ok(TaskEnd::Stopped { why: format!("Slurm calls it {}", now.state) });
        }
        match scheduler::requeue(self.element) {
            Ok(()) => Ok(TaskEnd::Requeued),
            Err(error) => Ok(TaskEnd::Stopped { why: error.to_string() }),
        }
    }

    /// Runs whose workers were stopped because the task's time is over, once more; the end of those for which it was once too
    /// often.
    fn count_times(&mut self, open: &[usize]) -> Result<(), SlurmError> {
        let most = times(&self.record.policy);
        for position in open {
            let run = self.runs[*position].frozen.job.run_id.clone();
            if !self.journal.of(&run).is_open() {
                continue;
            }
            self.journal.add(&run, TaskNote::OutOfTime)?;
            let times = self.journal.of(&run).out_of_time;
            if let Some(most) = most
                && times > most
            {
                let message = format!(
                    "its task ran out of time {times} times, and retry.walltime is {most}\nhelp: ask for more `time` in \
                     `slurm:`, or allow more with `retry: {{walltime: inf}}`; its checkpoint is kept"
                );
                let failure = FailureNote { class: "walltime".to_owned(), message };
                self.over(*position, TaskNote::Failed(failure), "failed (walltime)")?;
            }
        }
        Ok(())
    }

    fn positions(&self, which: impl Fn(&Phase) -> bool) -> Vec<usize> {
        (0..self.runs.len()).filter(|position| which(&self.runs[*position].phase)).collect()
    }

    fn finished(&self) -> TaskEnd {
        let done = self.positions(|phase| matches!(phase, Phase::Done)).len();
        TaskEnd::Over { done, failed: self.runs.len() - done }
    }
}

/// How often a run may run out of its task's time; none for as often as it takes.
pub(super) fn times(policy: &Policy) -> Option<u32> {
    policy.retry.get("walltime").copied().unwrap_or(Some(USUAL_TIMES))
}
