//! One worker process: how it is started, gets runs, is asked to stop, ended by force, and what its end means.

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
use crate::job::{Ended, EndedState, WorkerOrder};
use crate::process::{ProcessIdentity, end_program_of, out_of_memory_kills, signal_group};

/// From the closed lifeline to the first signal: a checkpoint of a large model takes seconds.
const GRACE: Duration = Duration::from_secs(30);

/// From the termination signal to the end by force.
const LAST_GRACE: Duration = Duration::from_secs(10);

/// How much of a worker's log is looked at for the reason of its end.
const LOG_END: u64 = 8_000;

/// Failures after which a process does no further run: a device that gave up may stay so for as long as the process lives.
const SPOILING: [&str; 3] = ["oom", "panic", "unknown"];

/// What a worker's listener hears.
pub(super) enum Message {
    Line(u64, Value),
    /// Its output is closed: it is gone.
    Closed(u64),
}

/// A worker process.
pub(super) struct Worker {
    /// Which of this machine's processes it is, one at a time.
    pub(super) process: usize,
    child: Child,
    lifeline: Option<ChildStdin>,
    runs: Vec<PlacedRun>,
    /// Whether it takes further runs when it has done one.
    stays: bool,
    /// Whether one of its runs failed in a way that may have left the process in a bad state.
    spoiled: bool,
    /// What all its runs have in common.
    common: Option<[Option<String>; 3]>,
    signals_sent: u8,
    log: PathBuf,
    out_of_memory_before: u64,
    /// With its number, what its program and all that this started is marked with.
    identity: Option<ProcessIdentity>,
}

/// A run of a worker.
struct PlacedRun {
    ticket: Ticket,
    run_id: String,
    slot: usize,
    /// The device that it computes on, by the name that it has on this machine; none: what the run says.
    device: Option<String>,
    /// Whether there were others on its device.
    had_company: bool,
    alone: bool,
    stopped_at: Option<Instant>,
    /// How it ended, of a worker that ends with it.
    ended: Option<Ended>,
}

impl Worker {
    /// A process that has no run yet and keeps its log in the folder of the first one.
    pub(super) fn start(
        number: u64,
        process: usize,
        pack: usize,
        first: &Placement,
        messages: Sender<Message>,
    ) -> Result<Self, FileError> {
        let program = own_program();
        let log = first.job.run_directory.join("worker.log");
        let log_file = OpenOptions::new().create(true).append(true).open(&log).map_err(FileError::at("write", &log))?;
        let mut child = Command::new(&program)
            .arg("worker")
            .args((pack > 1).then_some("--pack"))
            .envs(first.visible_gpus.as_ref().map(|visible| ("CUDA_VISIBLE_DEVICES", visible)))
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(log_file)
            // Ctrl-C is for this process, which stops workers by their lifeline.
            .process_group(0)
            .spawn()
            .map_err(FileError::at("start", &program))?;
        // It waits for its job, so it is still there.
        let identity = ProcessIdentity::of(child.id());
        let lifeline = child.stdin.take();
        if let Some(out) = child.stdout.take() {
            thread::spawn(move || {
                for line in BufReader::new(out).lines().map_while(Result::ok) {
                    if let Ok(line) = serde_json::from_str(&line) {
                        let _ = messages.send(Message::Line(number, line));
                    }
                }
                let _ = messages.send(Message::Closed(number));
            });
        }
        Ok(Self {
            process,
            child,
            lifeline,
            runs: Vec::new(),
            stays: pack > 1,
            spoiled: false,
            common: first.common(),
            signals_sent: 0,
            log,
            out_of_memory_before: out_of_memory_kills(),
            identity,
        })
    }

    /// Whether it does a further run beside those that it has, or after them.
    pub(super) fn takes(&self, placement: &Placement) -> bool {
        let is_alone = self.runs.iter().any(|run| run.alone);
        let is_open = self.stays && !self.spoiled && self.lifeline.is_some() && self.signals_sent == 0;
        is_open && !is_alone && !placement.job.alone && self.common.is_some() && self.common == placement.common()
    }

    /// Gives it a run. What a live table shows before the run says anything.
    pub(super) fn add(&mut self, ticket: Ticket, slot: usize, placement: Placement) -> Value {
        let Placement { job, device, .. } = placement;
        let run = PlacedRun {
            ticket,
            run_id: job.run_id.clone(),
            slot,
            device,
            had_company: false,
            alone: job.alone,
            stopped_at: None,
            ended: None,
        };
        let first = run.with_place(json!({"event": "progress"}), self.child.id());
        self.runs.push(run);
        self.order(&WorkerOrder::Do(Box::new(job)));
        first
    }

    fn order(&mut self, order: &WorkerOrder) {
        if let (Some(pipe), Ok(mut line)) = (&mut self.lifeline, serde_json::to_vec(order)) {
            line.push(b'\n');
            // A worker that died already is found by its closed output.
            let _ = pipe.write_all(&line).and_then(|()| pipe.flush());
        }
    }

    pub(super) fn has(&self, ticket: Ticket) -> bool {
        self.runs.iter().any(|run| run.ticket == ticket)
    }

    /// Its runs in these slots remember that they were not alone, however soon the others leave.
    pub(super) fn has_company(&mut self, slots: &[usize]) {
        self.runs.iter_mut().filter(|run| slots.contains(&run.slot)).for_each(|run| run.had_company = true);
    }

    /// Takes in a line of one of its runs. The end of a run is told by a worker that stays, and by the end of one that does not.
    pub(super) fn take_line(&mut self, line: Value) -> Option<(Ticket, Update)> {
        let run = self.runs.iter_mut().find(|run| line["run_id"] == run.run_id.as_str())?;
        match line["event"].as_str() {
            Some("progress") => Some((run.ticket, Update::Progress(run.with_place(line, self.child.id())))),
            Some("ended") => {
                let ended: Ended = serde_json::from_value(line).ok()?;
                self.spoiled |=
                    matches!(&ended.state, EndedState::Failed { class } if SPOILING.contains(&class.as_str()));
                if self.stays {
                    return Some((run.ticket, run.judged(Update::Ended(ended))));
                }
                run.ended = Some(ended);
                self.lifeline = None;
                None
            }
            _ => None,
        }
    }

    /// A run whose end was told is gone; gives its slot.
    pub(super) fn leave(&mut self, ticket: Ticket) -> Option<usize> {
        let position = self.runs.iter().position(|run| run.ticket == ticket)?;
        Some(self.runs.remove(position).slot)
    }

    pub(super) fn is_idle(&self) -> bool {
        self.runs.is_empty()
    }

    /// A worker that has nothing to do ends.
    pub(super) fn close_if_idle(&mut self) {
        if self.is_idle() {
            self.lifeline = None;
        }
    }

    /// Asks a run to write a checkpoint and end.
    pub(super) fn ask_to_stop(&mut self, ticket: Ticket) {
        let several = self.runs.len() > 1;
        let Some(run) = self.runs.iter_mut().find(|run| run.ticket == ticket && run.stopped_at.is_none()) else {
            return;
        };
        run.stopped_at = Some(Instant::now());
        match several {
            true => {
                let order = WorkerOrder::Stop(run.run_id.clone());
                self.order(&order);
            }
            false => self.lifeline = None,
        }
    }

    /// Uses force where asking was not enough.
    pub(super) fn force_if_due(&mut self) {
        let asked = self.runs.iter().filter_map(|run| run.stopped_at).min();
        let Some(since) = asked.map(|asked| asked.elapsed()) else { return };
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

    /// What became of the runs that it has, with their slots. Waits for the process, whose output is closed.
    pub(super) fn end(&mut self) -> Vec<(usize, Ticket, Update)> {
        let status = self.child.wait();
        // Whatever it started and left behind.
        self.signal(Signal::KILL);
        if self.signals_sent == 2 {
            // A program that it had no time to end.
            self.identity.take().into_iter().for_each(|worker| end_program_of(worker, LAST_GRACE));
        }
        let runs = std::mem::take(&mut self.runs);
        let is_alone = runs.len() == 1;
        let update = |run: PlacedRun| {
            let update = match (run.ended.clone(), &status) {
                (Some(ended), _) => Update::Ended(ended),
                (None, Ok(status)) => self.end_by_status(*status, is_alone),
                (None, Err(error)) => Update::Ended(Ended::failed("unknown", error.to_string(), None)),
            };
            (run.slot, run.ticket, run.judged(update))
        };
        runs.into_iter().map(update).collect()
    }

    /// It said nothing before it ended. Whose fault that was is known only of a run that had no other one beside it.
    fn end_by_status(&self, status: ExitStatus, is_alone: bool) -> Update {
        let log = log_end(&self.log, LOG_END);
        let log = log.trim();
        let failed = |class: &str| {
            let message = format!("the worker process ended with {status}; its last words:\n{log}");
            Update::Ended(match is_alone {
                true => Ended::failed(class, message, None),
                false => Ended { message, ..EndedState::Crowded.into() },
            })
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

impl PlacedRun {
    /// A line with who says it, and where.
    fn with_place(&self, mut line: Value, worker: u32) -> Value {
        line["worker_pid"] = worker.into();
        if let Some(device) = &self.device {
            line["device"] = device.as_str().into();
        }
        line
    }

    /// Want of memory is a failure only of a run that had its device to itself.
    fn judged(&self, update: Update) -> Update {
        match update {
            Update::Ended(ended) if self.had_company && ended.state.is_out_of_memory() => {
                let place = self.device.as_deref().unwrap_or("this machine");
                let message = format!("out of memory beside other runs on {place}: {}", ended.message);
                Update::Ended(Ended { message, ..EndedState::Crowded.into() })
            }
            update => update,
        }
    }
}

/// This program, also when its file was replaced by a newer build meanwhile.
fn own_program() -> PathBuf {
    let running = Path::new("/proc/self/exe");
    if running.exists() { running.to_owned() } else { std::env::current_exe().unwrap_or_else(|_| "aees".into()) }
}
