//! The end of a launch and of everything that it started.
//!
//! First the launched process alone is asked to end (SIGTERM): it closes the lifelines of its workers, which write their
//! checkpoints. If it is gone and others are left, those are asked. What is left after the grace period is stopped in
//! its tracks (SIGSTOP), all of it, so that nothing can start more, and killed.

use std::collections::BTreeSet;
use std::thread;
use std::time::{Duration, Instant};

use rustix::process::Signal;

use super::error::BackgroundError;
use super::record::{Launch, LaunchState};
use crate::process::{Family, ProcessIdentity, RunningProcess};

/// How often the kernel is asked. Two looks and the start of the program took 17 ms with 505 processes on the machine.
const POLL_EVERY: Duration = Duration::from_millis(100);

/// How long killed processes may take to go: memory of a hundred gigabytes is given back in seconds.
const KILL_LIMIT: Duration = Duration::from_secs(20);

/// As a shell tells a program that was killed, and one that ended by SIGTERM itself.
const EXIT_KILLED: u8 = 128 + 9;
const EXIT_TERMINATED: u8 = 128 + 15;

/// What a launch is waited for.
#[derive(Debug)]
pub struct Waiting<'processes> {
    /// What still runs.
    pub processes: &'processes [RunningProcess],
    /// For how long.
    pub elapsed: Duration,
}

/// What was stopped.
#[derive(Debug, PartialEq, Eq)]
pub struct Stopped {
    /// Processes that ran at the beginning.
    pub found: usize,
    /// Processes that had to be killed.
    pub killed: usize,
    /// What is in its session, but perhaps not of it; see [`Family::doubtful`].
    pub doubtful: Vec<u32>,
}

/// Ends a launch. No process of it is alive afterwards. With no grace they are killed at once.
///
/// # Errors
/// When a process cannot be signalled or does not die.
pub fn stop(launch: &Launch, grace: Duration, mut tell: impl FnMut(&Waiting<'_>)) -> Result<Stopped, BackgroundError> {
    let ran = launch.state() == LaunchState::Running;
    let mut family = launch.family();
    let found = family.running().len();
    if found > 0 && !grace.is_zero() {
        ask_to_end(launch, &mut family, grace, &mut tell)?;
    }
    let killed = kill_all(&mut family)?;
    if ran {
        let exit_code = if killed.contains(&launch.record.process) { EXIT_KILLED } else { EXIT_TERMINATED };
        launch.record_end_if_silent(exit_code)?;
    }
    Ok(Stopped { found, killed: killed.len(), doubtful: family.doubtful().to_vec() })
}

/// Returns when nothing runs any more or the time is over.
fn ask_to_end(
    launch: &Launch,
    family: &mut Family,
    grace: Duration,
    tell: &mut impl FnMut(&Waiting<'_>),
) -> Result<(), BackgroundError> {
    let begin = Instant::now();
    let mut asked = BTreeSet::new();
    loop {
        let processes = family.running();
        if processes.is_empty() {
            return Ok(());
        }
        let first = processes.iter().find(|process| process.identity == launch.record.process);
        // Twice would mean: at once.
        let to_ask = first.map_or(processes.as_slice(), std::slice::from_ref);
        for process in to_ask.iter().filter(|process| asked.insert(process.identity.clone())) {
            let sent = signal(&process.identity, Signal::TERM);
            if process.identity == launch.record.process {
                sent?;
            }
        }
        let elapsed = begin.elapsed();
        if elapsed >= grace {
            return Ok(());
        }
        tell(&Waiting { processes: &processes, elapsed });
        thread::sleep(POLL_EVERY.min(grace - elapsed));
    }
}

/// Kills until nothing is left; says whom.
fn kill_all(family: &mut Family) -> Result<BTreeSet<ProcessIdentity>, BackgroundError> {
    let begin = Instant::now();
    let mut killed = BTreeSet::new();
    loop {
        let frozen = freeze(family);
        if frozen.is_empty() {
            return Ok(killed);
        }
        // One that refuses must not save the others.
        let sent: Vec<_> = frozen.iter().map(|process| signal(&process.identity, Signal::KILL)).collect();
        killed.extend(frozen.iter().map(|process| process.identity.clone()));
        if sent.iter().all(Result::is_err) {
            sent.into_iter().collect::<Result<Vec<_>, _>>()?;
        }
        if begin.elapsed() > KILL_LIMIT {
            return Err(BackgroundError::Survivors { processes: names(&frozen) });
        }
        thread::sleep(Duration::from_millis(5));
    }
}

/// Stops all in their tracks, those too that were started meanwhile.
fn freeze(family: &mut Family) -> Vec<RunningProcess> {
    let mut frozen = BTreeSet::new();
    loop {
        let processes = family.running();
        let mut more = false;
        for process in processes.iter().filter(|process| frozen.insert(process.identity.clone())) {
            more = true;
            // What cannot be stopped is killed, or reported, with the rest.
            let _ = process.identity.signal(Signal::STOP);
        }
        if !more {
            return processes;
        }
    }
}

fn signal(process: &ProcessIdentity, signal: Signal) -> Result<bool, BackgroundError> {
    process.signal(signal).map_err(|source| BackgroundError::Signal { pid: process.pid, source })
}

fn names(processes: &[RunningProcess]) -> String {
    let named: Vec<String> =
        processes.iter().map(|process| format!("{} ({})", process.identity.pid, process.name)).collect();
    named.join(", ")
}
