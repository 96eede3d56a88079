//! `aees worker`: one run of a study, for whatever launched it. Not for people.
//!
//! The [`Job`] is the first line of standard input; the rest of it is the lifeline: when it closes, the run stops after its
//! step, with a checkpoint. Or it is in a file (`--job FILE`), and standard input means nothing. A termination signal stops
//! the run in both. Standard output gets what a live table shows, a few times a second, and at last how it ended. A worker
//! knows no registry: its result in the run's folder is all that it leaves.

use std::error::Error;
use std::io::{self, BufRead, Read, Write};
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use aees_run::artifact::FileError;
use aees_run::input;
use aees_run::settings::RunConfig;
use aees_train::drive::RunError;
use aees_train::engine::EngineError;
use aees_train::event::{RunEvent, Subscriber};
use aees_train::run_logs::metrics_line;
use aees_train::session::{self, RunTarget, SessionEnd, SessionError};
use clap::Args;
use serde_json::{Map, Value, json};

use crate::failure::Failure;
use crate::interrupt;
use crate::threads::use_threads;
use aees_studies::job::{Ended, EndedState, Job, Work};
use aees_studies::program::run_command;
use aees_studies::study::{StopAt, quoted};

/// How often the live table hears of a run.
const PROGRESS_EVERY: Duration = Duration::from_millis(500);

/// One run of a study, for `aees sweep run`
#[derive(Args)]
#[command(hide = true)]
pub(crate) struct WorkerFlags {
    /// The job, instead of the first line of standard input
    #[arg(long, value_name = "FILE")]
    job: Option<PathBuf>,
}

/// Reads the job, does it, and tells how it ended.
pub(crate) fn run(typed: &WorkerFlags) -> Result<ExitCode, Failure> {
    let job = match &typed.job {
        Some(file) => job_of_file(file)?,
        None => job_of_standard_input()?,
    };
    let stop = interrupt::watch(|| {})?;
    if typed.job.is_none() {
        watch_lifeline(stop.clone());
    }
    let ended = match &job.work {
        Work::Train(settings) => train(&job, settings, &stop),
        Work::Command(command) => run_command(&job, command, &stop, &mut say),
    };
    ended.warning.iter().for_each(|warning| warn(warning));
    let mut line = json!(ended);
    line["event"] = "ended".into();
    say(&line);
    Ok(ExitCode::SUCCESS)
}

fn job_of_file(path: &Path) -> Result<Job, Failure> {
    let text = input::read(path)?;
    serde_json::from_slice(&text).map_err(|error| Failure::new(format!("{} is no job: {error}", path.display())))
}

fn job_of_standard_input() -> Result<Job, Failure> {
    let mut line = String::new();
    let read = std::io::stdin().lock().read_line(&mut line);
    read.map_err(|error| Failure::new(format!("cannot read the job: {error}")))?;
    serde_json::from_str(&line).map_err(|error| {
        let help = "this command is for `aees sweep run`, which gives it a job on standard input";
        Failure::with_help(format!("this is no job: {error}"), help)
    })
}

/// A supervisor that went away is no error of ours; the run's checkpoint is what counts.
fn say(line: &Value) {
    let mut out = std::io::stdout().lock();
    let _ = writeln!(out, "{line}").and_then(|()| out.flush());
}

/// Into the worker's log. A full disk takes no line, and that is no reason to end a run.
fn warn(text: &str) {
    let _ = writeln!(std::io::stderr(), "warning: {text}");
}

/// Sets the flag when standard input closes.
fn watch_lifeline(stop: Arc<AtomicBool>) {
    thread::spawn(move || {
        let mut nothing = [0; 64];
        while matches!(std::io::stdin().lock().read(&mut nothing), Ok(read) if read > 0) {}
        stop.store(true, Ordering::Relaxed);
    });
}

fn train(job: &Job, settings: &Map<String, Value>, stop: &Arc<AtomicBool>) -> Ended {
    let config = match RunConfig::from_map(settings) {
        Ok(config) => config,
        Err(error) => return Ended::failed("config", error.to_string(), error.help()),
    };
    // Only a second job in one process could find the pool there, and there is none.
    let _ = use_threads(&config);
    let target = RunTarget::Planned { directory: job.run_directory.clone(), run_id: job.run_id.clone() };
    let rung = RungWatch::new(job.stop_at.clone(), stop.clone());
    let is_reached = rung.is_reached.clone();
    match session::train(&config, &target, vec![Box::new(Progress::default()), Box::new(rung)], stop) {
        Ok(SessionEnd::Finished { .. } | SessionEnd::AlreadyFinished { .. }) => EndedState::Done.into(),
        Ok(SessionEnd::Interrupted { .. }) if is_reached.load(Ordering::Relaxed) => EndedState::Paused.into(),
        Ok(SessionEnd::Interrupted { .. }) => EndedState::Interrupted.into(),
        Err(error) if error.is_in_use() => EndedState::Busy.into(),
        Err(error) => {
            let help = way_out(&error, job).or_else(|| error.help());
            Ended::failed(class_of(&error), error.to_string(), help)
        }
    }
}

/// What a user does about an error whose help is another one for a run of a study.
fn way_out(error: &SessionError, job: &Job) -> Option<String> {
    let SessionError::DamagedCheckpoints { path, .. } = error else { return None };
    let (run, folder) = (job.run_id.get(..16)?, quoted(&path.join("checkpoints").to_string_lossy()));
    Some(format!(
        "put a copy of a checkpoint back into {folder}, or give up what was trained with `rm -r {folder}`; then \
         `aees runs retry {run}`, and run the study again"
    ))
}

/// The failure class of an error: what a retry policy asks for.
fn class_of(error: &SessionError) -> &'static str {
    if is_about_a_file(error) {
        return "io";
    }
    match error {
        SessionError::Job(EngineError::Device { reason, .. })
        | SessionError::Run(RunError::Engine(EngineError::Device { reason, .. })) => {
            let reason = reason.to_lowercase();
            if reason.contains("out of memory") || reason.contains("memory allocation") { "oom" } else { "panic" }
        }
        SessionError::Run(RunError::Engine(EngineError::Example { .. } | EngineError::Weights(_))) => "data",
        SessionError::Run(RunError::File(_)) | SessionError::Output(_) => "io",
        SessionError::Task(_) | SessionError::OtherRun { .. } | SessionError::Job(_) => "data",
        SessionError::Run(RunError::Checkpoint(_)) | SessionError::ForeignCheckpoints { .. } => "data",
        SessionError::DamagedCheckpoints { .. } => "checkpoint",
        SessionError::Config(_)
        | SessionError::Engine(_)
        | SessionError::Controllers(_)
        | SessionError::Identity(_)
        | SessionError::Memory { .. }
        | SessionError::Directory(_) => "config",
        _ => "unknown",
    }
}

/// Whether the disk is at fault: full, broken, or not to be written.
fn is_about_a_file(whole: &SessionError) -> bool {
    let mut cause: Option<&dyn Error> = Some(whole);
    while let Some(error) = cause {
        if let Some(error) = error.downcast_ref::<io::Error>() {
            use io::ErrorKind::{FileTooLarge, QuotaExceeded, ReadOnlyFilesystem, StorageFull};
            return matches!(error.kind(), FileTooLarge | QuotaExceeded | ReadOnlyFilesystem | StorageFull)
                || error.raw_os_error() == Some(rustix::io::Errno::IO.raw_os_error())
                || matches!(whole, SessionError::Run(RunError::File(_)));
        }
        cause = error.source();
    }
    false
}

/// Stops the run where its job says: the run ends with a checkpoint before its next step.
struct RungWatch {
    stop_at: Option<StopAt>,
    stop: Arc<AtomicBool>,
    is_reached: Arc<AtomicBool>,
}

impl RungWatch {
    fn new(stop_at: Option<StopAt>, stop: Arc<AtomicBool>) -> Self {
        Self { stop_at, stop, is_reached: Arc::default() }
    }
}

impl Subscriber for RungWatch {
    fn on_event(&mut self, event: &RunEvent<'_>) -> Result<(), FileError> {
        let Some(stop_at) = &self.stop_at else { return Ok(()) };
        if metrics_line(event).is_some_and(|line| stop_at.is_reached_by(&line)) {
            self.is_reached.store(true, Ordering::Relaxed);
            self.stop.store(true, Ordering::Relaxed);
        }
        Ok(())
    }
}

/// Tells the supervisor how far the run is.
#[derive(Default)]
struct Progress {
    line: Map<String, Value>,
    said: Option<Instant>,
    first: Option<(Instant, u64)>,
}

impl Progress {
    fn put(&mut self, key: &str, value: impl Into<Value>) {
        self.line.insert(key.to_owned(), value.into());
    }

    fn say(&mut self, at_once: bool) {
        if at_once || self.said.is_none_or(|said| said.elapsed() >= PROGRESS_EVERY) {
            self.said = Some(Instant::now());
            say(&Value::Object(self.line.clone()));
        }
    }
}

impl Subscriber for Progress {
    fn on_event(&mut self, event: &RunEvent<'_>) -> Result<(), FileError> {
        match event {
            RunEvent::Started(start) => {
                self.put("event", "progress");
                // Without the part's name: it stands in a table.
                self.put("device", start.device.split(' ').next().unwrap_or_default());
                self.put("epochs", start.config.epochs.get());
                self.put("step", start.first_step);
                self.put("total_steps", start.steps_per_epoch * start.config.epochs.get());
                self.put("epoch", start.first_step / start.steps_per_epoch.max(1) + 1);
                self.first = Some((Instant::now(), start.first_step));
                self.say(true);
            }
            RunEvent::EpisodeOpened { candidate, .. } => self.put("arm", candidate.name()),
            RunEvent::StepsDrained { records } => {
                let Some(last) = records.last() else { return Ok(()) };
                self.put("step", last.step + 1);
                self.put("loss", last.loss);
                if let Some((since, first)) = self.first {
                    self.put("steps_per_s", (last.step + 1 - first) as f64 / since.elapsed().as_secs_f64().max(1e-9));
                }
                self.say(false);
            }
            RunEvent::EpochFinished(summary) => {
                self.put("epoch", summary.epoch + 2);
                self.put("val_accuracy", summary.val_accuracy);
                self.say(true);
            }
            RunEvent::Warning(text) => warn(text),
            _ => {}
        }
        Ok(())
    }
}
