//! One worker process: started, listened to, stopped, and understood when it is gone.

use std::fs::{self, File, OpenOptions};
use std::io::{BufRead, BufReader, Read, Seek, SeekFrom, Write};
use std::os::unix::process::{CommandExt, ExitStatusExt};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, Command, ExitStatus, Stdio};
use std::sync::mpsc::Sender;
use std::thread;
use std::time::{Duration, Instant};

use aees_run::artifact::FileError;
use rustix::process::{Pid, Signal, kill_process_group};
use serde_json::Value;

use crate::launch::{Ended, EndedState, Job};
use crate::registry::Claim;

/// From the closed lifeline to the first signal: a checkpoint of a large model takes seconds.
const GRACE: Duration = Duration::from_secs(30);

/// From the termination signal to the end by force.
const LAST_GRACE: Duration = Duration::from_secs(10);

/// How much of a worker's log is looked at for the reason of its end.
const LOG_TAIL: u64 = 8_000;

/// What the listeners of all workers tell the supervisor.
pub(super) enum Message {
    /// A line of a worker.
    Line(usize, Value),
    /// A worker closed its output: it is gone.
    Closed(usize),
}

/// Why a worker was asked to stop.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum StopReason {
    /// The whole study stops.
    Study,
    /// Its run took too long.
    Timeout,
    /// Its run is no longer its own.
    Lost,
}

/// What became of a worker's run, before retries are thought of.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Verdict {
    /// Its result is on disk.
    Done,
    /// It stopped with work left.
    Interrupted(String),
    /// It wants to be put off; no failure.
    RateLimited(Option<f64>),
    /// Somebody else works in its folder.
    Busy,
    /// It failed.
    Failed {
        /// The class.
        class: String,
        /// What it said.
        message: String,
    },
}

/// A worker process.
pub(super) struct Worker {
    pub(super) claim: Claim,
    pub(super) started: Instant,
    /// The newest line for the live table.
    pub(super) progress: Option<String>,
    pub(super) stop: Option<StopReason>,
    child: Child,
    lifeline: Option<ChildStdin>,
    stopped_at: Option<Instant>,
    signals_sent: u8,
    ended: Option<Ended>,
    log: PathBuf,
    out_of_memory_before: u64,
}

impl Worker {
    /// Starts a worker on a job. `number` tells its messages from those of others.
    pub(super) fn start(claim: Claim, job: &Job, number: usize, messages: Sender<Message>) -> Result<Self, FileError> {
        let log = job.run_directory.join("worker.log");
        let log_file = OpenOptions::new().create(true).append(true).open(&log).map_err(FileError::at("write", &log))?;
        let program = own_program();
        let mut child = Command::new(&program)
            .arg("worker")
            .env("AEES_ATTEMPT", claim.attempt_no.to_string())
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(log_file)
            // Ctrl-C is for the supervisor, which stops workers by their lifeline.
            .process_group(0)
            .spawn()
            .map_err(FileError::at("start", &program))?;
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
                        let _ = messages.send(Message::Line(number, line));
                    }
                }
                let _ = messages.send(Message::Closed(number));
            });
        }
        Ok(Self {
            claim,
            started: Instant::now(),
            progress: None,
            stop: None,
            child,
            lifeline,
            stopped_at: None,
            signals_sent: 0,
            ended: None,
            log,
            out_of_memory_before: out_of_memory_kills(),
        })
    }

    /// Takes in a line.
    pub(super) fn hear(&mut self, mut line: Value) {
        match line["event"].as_str() {
            Some("ended") => self.ended = serde_json::from_value(line).ok(),
            Some("progress") => {
                line["worker_pid"] = self.child.id().into();
                self.progress = Some(line.to_string());
            }
            _ => {}
        }
    }

    /// Asks it to write a checkpoint and end.
    pub(super) fn ask_to_stop(&mut self, reason: StopReason) {
        if self.lifeline.take().is_some() {
            self.stop = Some(reason);
            self.stopped_at = Some(Instant::now());
        }
    }

    /// Uses force where asking was not enough.
    pub(super) fn press(&mut self) {
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
        if let Some(group) = Pid::from_raw(self.child.id().cast_signed()) {
            // It may be gone.
            let _ = kill_process_group(group, signal);
        }
    }

    /// What became of its run; waits for the process, whose output is closed.
    pub(super) fn verdict(&mut self) -> Verdict {
        let status = self.child.wait();
        // Whatever it started and left behind.
        self.signal(Signal::KILL);
        match self.ended.take() {
            Some(ended) => from_words(ended),
            None => match status {
                Ok(status) => self.by_status(status),
                Err(error) => Verdict::Failed { class: "unknown".into(), message: error.to_string() },
            },
        }
    }

    fn by_status(&self, status: ExitStatus) -> Verdict {
        let said = tail(&self.log);
        let failed = |class: &str| Verdict::Failed {
            class: class.to_owned(),
            message: format!("the worker process ended with {status}; its last words:\n{said}"),
        };
        let out_of_memory = said.contains("memory allocation of") || said.contains("out of memory");
        match (status.signal(), status.code()) {
            (Some(9), _) if out_of_memory_kills() > self.out_of_memory_before => failed("oom"),
            // Somebody or something ended it from outside; that says nothing about the run.
            (Some(1 | 2 | 9 | 15), _) => Verdict::Interrupted(format!("the worker process was killed ({status})")),
            (Some(6), _) if out_of_memory => failed("oom"),
            (Some(_), _) => failed("signal"),
            (None, Some(101)) => failed("panic"),
            _ => failed("unknown"),
        }
    }
}

fn from_words(ended: Ended) -> Verdict {
    let with_help = |message: String, help: Option<String>| match help {
        Some(help) => format!("{message}\nhelp: {help}"),
        None => message,
    };
    match ended.state {
        EndedState::Done => Verdict::Done,
        EndedState::Interrupted => Verdict::Interrupted("asked to stop".into()),
        EndedState::RateLimited { after_seconds } => Verdict::RateLimited(after_seconds),
        EndedState::Busy => Verdict::Busy,
        EndedState::Failed { class } => Verdict::Failed { class, message: with_help(ended.message, ended.help) },
    }
}

/// This program, also when its file was replaced by a newer build meanwhile.
fn own_program() -> PathBuf {
    let running = Path::new("/proc/self/exe");
    if running.exists() { running.to_owned() } else { std::env::current_exe().unwrap_or_else(|_| "aees".into()) }
}

/// How often the kernel has killed for want of memory since the boot.
fn out_of_memory_kills() -> u64 {
    let counters = fs::read_to_string("/proc/vmstat").unwrap_or_default();
    counters.lines().find_map(|line| line.strip_prefix("oom_kill ")?.parse().ok()).unwrap_or_default()
}

/// The end of a log.
fn tail(path: &Path) -> String {
    let read = || -> std::io::Result<Vec<u8>> {
        let mut file = File::open(path)?;
        let length = file.metadata()?.len();
        file.seek(SeekFrom::Start(length.saturating_sub(LOG_TAIL)))?;
        let mut bytes = Vec::new();
        file.read_to_end(&mut bytes)?;
        Ok(bytes)
    };
    String::from_utf8_lossy(&read().unwrap_or_default()).trim().to_owned()
}
