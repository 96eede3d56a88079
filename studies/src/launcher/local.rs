//! Runs in worker processes of this machine, each with its share of it.
//!
//! A worker is this program again. It gets its job as the first line of its standard input and tells what happens as JSON
//! lines on its standard output. The pipe to its input is its lifeline: when it closes, because the run is to stop or this
//! process is dead, the worker writes a checkpoint and ends. A crash takes down one run only.

use std::collections::HashMap;
use std::fs::OpenOptions;
use std::io::{BufRead, BufReader, Write};
use std::os::unix::process::{CommandExt, ExitStatusExt};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, Command, ExitStatus, Stdio};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::thread;
use std::time::{Duration, Instant};

use aees_run::artifact::FileError;
use rustix::process::Signal;
use serde_json::{Value, json};

use super::{Launcher, Ticket, Update};
use crate::disk::log_end;
use crate::error::SweepError;
use crate::job::{Ended, Job, ProgramSlot, Work};
use crate::process::{ProcessIdentity, end_program_of, out_of_memory_kills, signal_group};

/// From the closed lifeline to the first signal: a checkpoint of a large model takes seconds.
const GRACE: Duration = Duration::from_secs(30);

/// From the termination signal to the end by force.
const LAST_GRACE: Duration = Duration::from_secs(10);

/// How much of a worker's log is looked at for the reason of its end.
const LOG_END: u64 = 8_000;

/// Where a worker computes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Slot {
    /// The device; none: what the run says.
    pub device: Option<String>,
    /// Its share of the processor's cores; none: what the run says.
    pub threads: Option<usize>,
}

/// One worker process for each run, at most one at a time in each slot. Those that are left when it is dropped are killed.
pub struct LocalProcesses {
    program: PathBuf,
    slots: Vec<Slot>,
    free: Vec<usize>,
    workers: HashMap<Ticket, Worker>,
    submitted: u64,
    messages: (Sender<Message>, Receiver<Message>),
}

/// What a worker's listener hears.
enum Message {
    Line(Ticket, Value),
    /// Its output is closed: it is gone.
    Closed(Ticket),
}

impl LocalProcesses {
    /// Workers of this program.
    pub fn new(slots: Vec<Slot>) -> Self {
        let free = (0..slots.len()).rev().collect();
        let program = own_program();
        Self { program, slots, free, workers: HashMap::new(), submitted: 0, messages: channel() }
    }

    fn take(&mut self, message: Message) -> Option<(Ticket, Update)> {
        match message {
            Message::Line(ticket, line) => {
                let progress = self.workers.get_mut(&ticket)?.take_line(line)?;
                Some((ticket, Update::Progress(progress)))
            }
            Message::Closed(ticket) => {
                let mut worker = self.workers.remove(&ticket)?;
                self.free.push(worker.slot);
                Some((ticket, worker.end()))
            }
        }
    }
}

impl Launcher for LocalProcesses {
    fn free(&self) -> usize {
        self.free.len()
    }

    fn submit(&mut self, job: Job) -> Result<Ticket, SweepError> {
        let Some(slot) = self.free.pop() else { return Err(SweepError::NoFreeSlot) };
        let ticket = Ticket(self.submitted);
        self.submitted += 1;
        let job = Job { work: placed(job.work, &self.slots[slot]), ..job };
        match Worker::start(&self.program, slot, &job, ticket, self.messages.0.clone()) {
            Ok(worker) => {
                self.workers.insert(ticket, worker);
                Ok(ticket)
            }
            Err(error) => {
                self.free.push(slot);
                Err(error.into())
            }
        }
    }

    fn poll(&mut self, patience: Duration) -> Vec<(Ticket, Update)> {
        self.workers.values_mut().for_each(Worker::force_if_due);
        let mut updates = Vec::new();
        let mut next = self.messages.1.recv_timeout(patience).ok();
        while let Some(message) = next {
            updates.extend(self.take(message));
            next = self.messages.1.try_recv().ok();
        }
        updates
    }

    fn stop(&mut self, ticket: Ticket) {
        if let Some(worker) = self.workers.get_mut(&ticket) {
            worker.ask_to_stop();
        }
    }

    fn kill(&mut self, ticket: Ticket) {
        if let Some(worker) = self.workers.get_mut(&ticket) {
            worker.kill();
        }
    }
}

impl Drop for LocalProcesses {
    fn drop(&mut self) {
        self.workers.values_mut().for_each(Worker::kill);
        self.workers.values_mut().for_each(|worker| drop(worker.end()));
    }
}

/// The work with the slot's device and threads, unless the study chose its own.
fn placed(work: Work, slot: &Slot) -> Work {
    let mut settings = match work {
        Work::Train(settings) => settings,
        Work::Command(mut command) => {
            command.slot = ProgramSlot { device: slot.device.clone(), threads: slot.threads };
            return Work::Command(command);
        }
    };
    if let Some(device) = &slot.device {
        settings.entry("device").or_insert_with(|| json!(device));
    }
    if let Some(threads) = slot.threads {
        settings.entry("threads").or_insert_with(|| json!(threads));
    }
    Work::Train(settings)
}

/// A worker process.
struct Worker {
    slot: usize,
    child: Child,
    lifeline: Option<ChildStdin>,
    stopped_at: Option<Instant>,
    signals_sent: u8,
    ended: Option<Ended>,
    log: PathBuf,
    out_of_memory_before: u64,
    /// With its number, what its program and all that this started is marked with.
    identity: Option<ProcessIdentity>,
}

impl Worker {
    fn start(
        program: &Path,
        slot: usize,
        job: &Job,
        ticket: Ticket,
        messages: Sender<Message>,
    ) -> Result<Self, FileError> {
        let log = job.run_directory.join("worker.log");
        let log_file = OpenOptions::new().create(true).append(true).open(&log).map_err(FileError::at("write", &log))?;
        let mut child = Command::new(program)
            .arg("worker")
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(log_file)
            // Ctrl-C is for this process, which stops workers by their lifeline.
            .process_group(0)
            .spawn()
            .map_err(FileError::at("start", program))?;
        // It waits for its job, so it is still there.
        let identity = ProcessIdentity::of(child.id());
        let mut lifeline = child.stdin.take();
        if let (Some(pipe), Ok(mut line)) = (&mut lifeline, serde_json::to_vec(job)) {
            line.push(b'\n');
            // A worker that died already is found by its closed output.
            let _ = pipe.write_all(&line).and_then(|()| pipe.flush());
        }
        if let Some(out) = child.stdout.take() {
            thread::spawn(move || {
                for line in BufReader::new(out).lines().map_while(Result::ok) {
                    if let Ok(line) = serde_json::from_str(&line) {
                        let _ = messages.send(Message::Line(ticket, line));
                    }
                }
                let _ = messages.send(Message::Closed(ticket));
            });
        }
        Ok(Self {
            slot,
            child,
            lifeline,
            stopped_at: None,
            signals_sent: 0,
            ended: None,
            log,
            out_of_memory_before: out_of_memory_kills(),
            identity,
        })
    }

    /// Takes in a line; gives it back when it tells progress.
    fn take_line(&mut self, mut line: Value) -> Option<Value> {
        match line["event"].as_str() {
            Some("progress") => {
                line["worker_pid"] = self.child.id().into();
                return Some(line);
            }
            Some("ended") => self.ended = serde_json::from_value(line).ok(),
            _ => {}
        }
        None
    }

    /// Asks it to write a checkpoint and end.
    fn ask_to_stop(&mut self) {
        if self.lifeline.take().is_some() {
            self.stopped_at = Some(Instant::now());
        }
    }

    /// Uses force where asking was not enough.
    fn force_if_due(&mut self) {
        let Some(since) = self.stopped_at.map(|asked| asked.elapsed()) else { return };
        if since > GRACE && self.signals_sent == 0 {
            self.signals_sent = 1;
            self.signal(Signal::TERM);
        }
        if since > GRACE + LAST_GRACE && self.signals_sent == 1 {
            self.kill();
        }
    }

    /// Ends it and everything it started, at once.
    fn kill(&mut self) {
        self.signals_sent = 2;
        self.signal(Signal::KILL);
    }

    fn signal(&self, signal: Signal) {
        signal_group(self.child.id(), signal);
    }

    /// What became of its run. Waits for the process, whose output is closed.
    fn end(&mut self) -> Update {
        let status = self.child.wait();
        // Whatever it started and left behind.
        self.signal(Signal::KILL);
        if self.signals_sent == 2 {
            // A program that it had no time to end.
            self.identity.take().into_iter().for_each(|worker| end_program_of(worker, LAST_GRACE));
        }
        match (self.ended.take(), status) {
            (Some(ended), _) => Update::Ended(ended),
            (None, Ok(status)) => self.end_by_status(status),
            (None, Err(error)) => Update::Ended(Ended::failed("unknown", error.to_string(), None)),
        }
    }

    /// It said nothing before it ended.
    fn end_by_status(&self, status: ExitStatus) -> Update {
        let log = log_end(&self.log, LOG_END);
        let log = log.trim();
        let failed = |class: &str| {
            let message = format!("the worker process ended with {status}; its last words:\n{log}");
            Update::Ended(Ended::failed(class, message, None))
        };
        let out_of_memory = log.contains("memory allocation of") || log.contains("out of memory");
        match (status.signal(), status.code()) {
            (Some(9), _) if out_of_memory_kills() > self.out_of_memory_before => failed("oom"),
            // Somebody or something ended it from outside; that says nothing about the run.
            (Some(1 | 2 | 9 | 15), _) => Update::Lost(format!("the worker process was killed ({status})")),
            (Some(6), _) if out_of_memory => failed("oom"),
            (Some(_), _) => failed("signal"),
            (None, Some(101)) => failed("panic"),
            _ => failed("unknown"),
        }
    }
}

/// This program, also when its file was replaced by a newer build meanwhile.
fn own_program() -> PathBuf {
    let running = Path::new("/proc/self/exe");
    if running.exists() { running.to_owned() } else { std::env::current_exe().unwrap_or_else(|_| "aees".into()) }
}
