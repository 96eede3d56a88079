//! A run of `task: command`: any program, with its configuration in and its result out.
//!
//! What a program meets:
//!
//! * It starts in the folder that its study names, or where the study was planned, in a process group of its own, with the
//!   user's environment (`environment.rs` says which secrets are withheld), the variables of its study, PYTHONUNBUFFERED=1 (so
//!   that lines arrive when they are printed), OMP_NUM_THREADS where it shares the machine's cores, and AEES_RUN_DIR,
//!   AEES_RUN_ID, AEES_CONFIG (the file `config.json`), AEES_ATTEMPT, AEES_DEVICE. Of GPUs it sees what its worker sees.
//! * Its configuration is on standard input, one JSON object and the end; it need not read it.
//! * What it prints goes to `log.txt`. JSON objects on lines of their own are its answers: the last one is its result; one
//!   with `epoch`, `step` or `loss` is progress, and those with a `step` become `metrics.jsonl`.
//! * Exit code 0 and a result: done. 42: rate limited, with `retry_after` in the last object. Else a failure, whose class it
//!   may name, as in `{"class": "data"}`.
//! * To stop it, it gets a SIGTERM, and 10 seconds later a SIGKILL, with everything that it started.
//!
//! Two promises hold whatever is killed when. No two programs ever work in one folder: a program inherits the lock on its
//! folder, so the lock lives as long as the last of its descendants. And `result.json` is there whole or not at all. How a
//! study writes this down, and when a run is tried again, is not decided here.

mod child;
mod curve;
mod environment;
mod folder;
mod log;
mod output;
mod provenance;
mod publish;
#[cfg(test)]
mod tests;
mod verdict;
mod watch;

use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use serde_json::{Value, json};

pub use self::environment::withheld;
pub use self::provenance::{GitState, ProgramFile, Provenance};

use self::child::Program;
use self::folder::{Entered, RunFolder};
use self::output::Output;
use self::publish::Finished;
use self::watch::Cause;
use crate::job::{CommandJob, Ended, EndedState, Job};
use crate::process::out_of_memory_kills;
use crate::study::{ResultSource, Template};

/// How long things may take.
#[derive(Debug, Clone, Copy)]
struct TimeLimits {
    /// From the SIGTERM to the SIGKILL.
    grace: Duration,
    /// What the program left running may still print after the program's end.
    linger: Duration,
    /// For killed processes to be gone, and for their lock to be free.
    killed: Duration,
}

impl Default for TimeLimits {
    fn default() -> Self {
        Self { grace: Duration::from_secs(10), linger: Duration::from_secs(2), killed: Duration::from_secs(5) }
    }
}

/// Runs the program of a job in the run's folder. For a process that does nothing else: orphans of the program become its
/// children.
pub fn run_command(job: &Job, command: &CommandJob, stop: &AtomicBool, say: &mut dyn FnMut(&Value)) -> Ended {
    let mut progress = |line: &Value| say(&json!({"event": "program", "line": line}));
    attempt(job, command, stop, TimeLimits::default(), &mut progress).unwrap_or_else(|ended| ended)
}

/// An error is an end too: one before the program's.
type Step<T> = Result<T, Ended>;

fn attempt(
    job: &Job,
    command: &CommandJob,
    stop: &AtomicBool,
    limits: TimeLimits,
    progress: &mut dyn FnMut(&Value),
) -> Step<Ended> {
    let folder = match RunFolder::enter(&job.run_directory, &job.run_id, limits.killed)? {
        Entered::Locked(folder) => folder,
        Entered::Published => return Ok(EndedState::Done.into()),
        Entered::Busy => return Ok(EndedState::Busy.into()),
    };
    let (arguments, result) = filled(command)?;
    let program = look_at_program(command, &arguments)?;
    let source = publish::ResultLocation::new(result.as_deref(), &folder)?;
    if stop.load(Ordering::Relaxed) {
        return Ok(EndedState::Interrupted.into());
    }
    let kills_before = out_of_memory_kills();
    let started = Instant::now();
    let mut output = Output::open(&folder, command.log_limit, job.stop_at.clone())?;
    let mut child = Program::start(job, command, &arguments, &folder)?;
    let timeout = command.timeout_seconds.and_then(|seconds| Duration::try_from_secs_f64(seconds).ok());
    let deadline = timeout.and_then(|timeout| started.checked_add(timeout));
    let end = watch::watch(&mut child, &mut output, stop, deadline, limits, progress);
    let ended_well = end.cause == Cause::Ended && end.status.is_some_and(|status| status.success());
    output.end(ended_well && command.result == ResultSource::LastJsonLine);
    folder.set_aside_foreign_result()?;
    if end.everything_gone {
        folder.forget_program();
    }
    let ended = match (end.cause, end.status) {
        (Cause::Stopped, _) if output.stop_is_reached() => EndedState::Paused.into(),
        (Cause::Stopped, _) => EndedState::Interrupted.into(),
        (Cause::TimedOut, status) => {
            let seconds = command.timeout_seconds.unwrap_or_default();
            verdict::timed_out(seconds, status, &output)
        }
        (Cause::Ended, Some(status)) if status.success() => {
            let (given, found) = source.read(&output)?;
            let seconds = started.elapsed().as_secs_f64();
            let finished = Finished { job, command, arguments: &arguments, program: &program, given, found, seconds };
            publish::publish(&folder, &finished)?;
            Ended { exit_code: Some(0), ..EndedState::Done.into() }
        }
        (Cause::Ended, status) => verdict::verdict(&arguments[0], status, kills_before, &output),
    };
    Ok(Ended { warning: output.warning(), ..ended })
}

/// The argument list of a run, and the file of its result, if it has one.
fn filled(command: &CommandJob) -> Step<(Vec<String>, Option<String>)> {
    let fill = |template: &Template| {
        let filled = command.slot.fill(template);
        filled.text().map_err(|key| failed("config", format!("nothing fills {{{key}}}"), None))
    };
    let arguments: Vec<String> = command.arguments.iter().map(fill).collect::<Step<_>>()?;
    if arguments.first().is_none_or(|name| name.is_empty() || name.starts_with('-')) {
        let name = arguments.first().map_or("", String::as_str);
        let help = "the first of `argv` is the program to run".to_owned();
        return Err(failed("config", format!("the program {name}: that is no program's name"), Some(help)));
    }
    Ok((arguments, command.result.file().map(fill).transpose()?))
}

/// What the program is now. Where its content is part of the run's identity, it must be what was planned.
fn look_at_program(command: &CommandJob, arguments: &[String]) -> Step<Provenance> {
    let words: Vec<Template> = arguments.iter().map(|word| Template::literal(word)).collect();
    let program = Provenance::of(&words, &command.work_directory);
    if let Some(planned) = &command.content
        && Provenance::of_words(&words, &command.work_directory, &planned.words).digest() != planned.digest
    {
        let help = "plan the study again from its file: aees sweep run FILE".to_owned();
        let message = "the program has changed, and its content is part of the run's identity";
        return Err(failed("config", message, Some(help)));
    }
    Ok(program)
}

/// A failure that is no program's: of the study, the folder, the machine.
fn failed(class: &str, message: impl Into<String>, help: Option<String>) -> Ended {
    Ended::failed(class, message.into(), help)
}
