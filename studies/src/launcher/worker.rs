//! One worker process: how it is started, asked to stop, ended by force, and what its end means.

use std::fs::OpenOptions;
use std::io::{BufRead, BufReader, Write};
use std::os::unix::process::{CommandExt, ExitStatusExt};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, Command, ExitStatus, Stdio};
use std::sync::mpsc::Sender;
use std::thread;
use std::time::{Duration, Instant};

use aees_run::artifact::FileError;
use rustix::process::Signal;
use serde_json::{Value, json};

use super::slot::Placement;
use super::{Ticket, Update};
use crate::disk::log_end;
use crate::job::{Ended, EndedState};
use crate::process::{ProcessIdentity, end_program_of, out_of_memory_kills, signal_group};

/// From the closed lifeline to the first signal: a checkpoint of a large model takes seconds.
const GRACE: Duration = Duration::from_secs(30);

/// From the termination signal to the end by force.
const LAST_GRACE: Duration = Duration::from_secs(10);

/// How much of a worker's log is looked at for the reason of its end.
const LOG_END: u64 = 8_000;

/// What a worker's listener hears.
pub(super) enum Message {
    Line(Ticket, Value),
    /// Its output is closed: it is gone.
    Closed(Ticket),
}

/// A worker process.
pub(super) struct Worker {
    pub(super) slot: usize,
    /// The device that it computes on, by the name that it has on this machine; none: what its run says.
    device: Option<String>,
    /// Whether there were others on its device.
    pub(super) had_company: bool,
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
    pub(super) fn start(
        slot: usize,
        placement: Placement,
        ticket: Ticket,
        messages: Sender<Message>,
    ) -> Result<Self, FileError> {
        let Placement { job, visible_gpus, device } = placement;
        let program = own_program();
        let log = job.run_directory.join("worker.log");
        let log_file = OpenOptions::new().create(true).append(true).open(&log).map_err(FileError::at("write", &log))?;
        let mut child = Command::new(&program)
            .arg("worker")
            .envs(visible_gpus.map(|visible| ("CUDA_VISIBLE_DEVICES", visible)))
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(log_file)
            // Ctrl-C is for this process, which stops workers by their lifeline.
            .process_group(0)
            .spawn()
            .map_err(FileError::at("start", &program))?;
        // It waits for its job, so it is still there.
        let identity = ProcessIdentity::of(child.id());
        let mut lifeline = child.stdin.take();
        if let (Some(pipe), Ok(mut line)) = (&mut lifeline, serde_json::to_vec(&job)) {
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
            device,
            had_company: false,
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

    /// What a live table shows before the worker says anything.
    pub(super) fn first_line(&self) -> Value {
        self.with_place(json!({"event": "progress"}))
    }

    /// A line with who says it, and where.
    fn with_place(&self, mut line: Value) -> Value {
        line["worker_pid"] = self.child.id().into();
        if let Some(device) = &self.device {
            line["device"] = device.as_str().into();
        }
        line
    }

    /// Takes in a line; gives it back when it tells progress.
    pub(super) fn take_line(&mut self, line: Value) -> Option<Value> {
        match line["event"].as_str() {
            Some("progress") => return Some(self.with_place(line)),
            Some("ended") => self.ended = serde_json::from_value(line).ok(),
            _ => {}
        }
        None
    }

    /// Asks it to write a checkpoint and end.
    pub(super) fn ask_to_stop(&mut self) {
        if self.lifeline.take().is_some() {
            self.stopped_at = Some(Instant::now());
        }
    }

    /// Uses force where asking was not enough.
    pub(super) fn force_if_due(&mut self) {
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
    pub(super) fn kill(&mut self) {
        self.signals_sent = 2;
        self.signal(Signal::KILL);
    }

    fn signal(&self, signal: Signal) {
        signal_group(self.child.id(), signal);
    }

    /// What became of its run. Waits for the process, whose output is closed.
    pub(super) fn end(&mut self) -> Update {
        let status = self.child.wait();
        // Whatever it started and left behind.
        self.signal(Signal::KILL);
        if self.signals_sent == 2 {
            // A program that it had no time to end.
            self.identity.take().into_iter().for_each(|worker| end_program_of(worker, LAST_GRACE));
        }
        let update = match (self.ended.take(), status) {
            (Some(ended), _) => Update::Ended(ended),
            (None, Ok(status)) => self.end_by_status(status),
            (None, Err(error)) => Update::Ended(Ended::failed("unknown", error.to_string(), None)),
        };
        match update {
            Update::Ended(ended) if self.had_company && ended.state.is_out_of_memory() => {
                let place = self.device.as_deref().unwrap_or("this machine");
                let message = format!("out of memory beside other runs on {place}: {}", ended.message);
                Update::Ended(Ended { message, ..EndedState::Crowded.into() })
            }
            update => update,
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
