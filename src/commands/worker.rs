//! `aees worker`: one run of a study, for a supervisor. Not for people.
//!
//! The first line of standard input is the [`Job`]; the rest of it is the lifeline: when it closes, the run stops after its
//! step, with a checkpoint. Standard output gets what a live table shows, a few times a second, and at last how it ended.

use std::io::{BufRead, Read, Write};
use std::process::ExitCode;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use aees_run::artifact::FileError;
use aees_run::settings::RunConfig;
use aees_train::drive::RunError;
use aees_train::engine::EngineError;
use aees_train::event::{RunEvent, Subscriber};
use aees_train::session::{self, RunTarget, SessionEnd, SessionError};
use serde_json::{Map, Value, json};

use crate::failure::Failure;
use crate::interrupt;
use aees_studies::launch::{Ended, EndedState, Job, Work, run_command};

/// How often the live table hears of a run.
const NEWS: Duration = Duration::from_millis(500);

/// Reads the job, does it, and tells how it ended.
pub(crate) fn run() -> Result<ExitCode, Failure> {
    let mut line = String::new();
    let read = std::io::stdin().lock().read_line(&mut line);
    let job: Job = match (read, serde_json::from_str(&line)) {
        (Ok(_), Ok(job)) => job,
        (Err(error), _) => return Err(Failure::new(format!("cannot read the job: {error}"), None)),
        (_, Err(error)) => {
            let help = "this command is for `aees sweep run`, which gives it a job on standard input".into();
            return Err(Failure::new(format!("this is no job: {error}"), Some(help)));
        }
    };
    let stop = interrupt::quiet_stop_flag()?;
    watch_lifeline(stop.clone());
    let ended = match &job.work {
        Work::Train(settings) => train(&job, settings, &stop),
        Work::Command(command) => run_command(&job, command, &stop, &mut say),
    };
    let mut line = json!(ended);
    line["event"] = "ended".into();
    say(&line);
    Ok(ExitCode::SUCCESS)
}

/// A supervisor that went away is no error of ours; the run's checkpoint is what counts.
fn say(line: &Value) {
    let mut out = std::io::stdout().lock();
    let _ = writeln!(out, "{line}").and_then(|()| out.flush());
}

/// Sets the flag when standard input closes.
fn watch_lifeline(stop: Arc<AtomicBool>) {
    thread::spawn(move || {
        let mut nothing = [0; 64];
        while matches!(std::io::stdin().lock().read(&mut nothing), Ok(read) if read > 0) {}
        stop.store(true, Ordering::Relaxed);
    });
}

fn train(job: &Job, settings: &Map<String, Value>, stop: &AtomicBool) -> Ended {
    let config = match RunConfig::from_map(settings) {
        Ok(config) => config,
        Err(error) => return failed("config", error.to_string(), error.help()),
    };
    if let Some(threads) = config.threads {
        // Only a second job in one process could find the pool there, and there is none.
        let _ = rayon::ThreadPoolBuilder::new().num_threads(threads.get()).build_global();
    }
    let target = RunTarget::Planned { directory: job.run_directory.clone(), run_id: job.run_id.clone() };
    match session::train(&config, &target, vec![Box::new(News::default())], stop) {
        Ok(SessionEnd::Finished { .. } | SessionEnd::AlreadyFinished { .. }) => ended(EndedState::Done),
        Ok(SessionEnd::Interrupted { .. }) => ended(EndedState::Interrupted),
        Err(error) if error.is_in_use() => ended(EndedState::Busy),
        Err(error) => failed(class_of(&error), error.to_string(), error.help()),
    }
}

fn ended(state: EndedState) -> Ended {
    Ended { state, message: String::new(), help: None, exit_code: None }
}

fn failed(class: &str, message: String, help: Option<String>) -> Ended {
    Ended { state: EndedState::Failed { class: class.to_owned() }, message, help, exit_code: None }
}

/// The failure class of an error: what a retry policy asks for.
fn class_of(error: &SessionError) -> &'static str {
    match error {
        SessionError::Run(RunError::Engine(EngineError::Device { reason, .. })) => {
            let reason = reason.to_lowercase();
            if reason.contains("out of memory") || reason.contains("memory allocation") { "oom" } else { "panic" }
        }
        SessionError::Run(RunError::Engine(EngineError::Example { .. } | EngineError::Weights(_))) => "data",
        SessionError::Run(RunError::File(_)) => "io",
        SessionError::Task(_) | SessionError::OtherRun { .. } => "data",
        SessionError::Run(RunError::Checkpoint(_)) | SessionError::ForeignCheckpoints { .. } => "data",
        SessionError::Config(_)
        | SessionError::Engine(_)
        | SessionError::Controllers(_)
        | SessionError::Identity(_)
        | SessionError::Directory(_) => "config",
        _ => "unknown",
    }
}

/// Tells the supervisor how far the run is.
#[derive(Default)]
struct News {
    line: Map<String, Value>,
    said: Option<Instant>,
    first: Option<(Instant, u64)>,
}

impl News {
    fn put(&mut self, key: &str, value: impl Into<Value>) {
        self.line.insert(key.to_owned(), value.into());
    }

    fn say(&mut self, at_once: bool) {
        if at_once || self.said.is_none_or(|said| said.elapsed() >= NEWS) {
            self.said = Some(Instant::now());
            say(&Value::Object(self.line.clone()));
        }
    }
}

impl Subscriber for News {
    fn on_event(&mut self, event: &RunEvent<'_>) -> Result<(), FileError> {
        match event {
            RunEvent::Started(start) => {
                self.put("event", "progress");
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
            RunEvent::Warning(text) => eprintln!("warning: {text}"),
            _ => {}
        }
        Ok(())
    }
}
