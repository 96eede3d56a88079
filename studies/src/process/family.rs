//! Everything that a process started and that still runs.
//!
//! A process belongs to the family if it is its first; if its environment has the family's marks; if its parent belongs to
//! it; or if it is in a session that belongs to it, because a session can be begun or inherited, but not joined. What was once
//! seen to belong stays, also when the parent that told so is gone. The marks alone would miss programs that clear their
//! environment, parents alone those whose parent died, the session alone those that began their own. Only a program that did
//! all three before anybody looked is lost.

use std::collections::BTreeSet;
use std::thread;
use std::time::{Duration, Instant};

use rustix::process::Signal;

use super::identity::{ProcessIdentity, RunningProcess, boot_id, running_processes};

/// The descendants of a process, and itself.
#[derive(Debug)]
pub struct Family {
    first: ProcessIdentity,
    session: Option<u32>,
    marks: Vec<String>,
    known: BTreeSet<ProcessIdentity>,
    doubtful: Vec<u32>,
}

impl Family {
    /// The family of a process with its session, if it began one, and the assignments that the environments of all have.
    pub fn new(first: ProcessIdentity, session: Option<u32>, marks: Vec<String>) -> Self {
        Self { known: BTreeSet::from([first.clone()]), first, session, marks, doubtful: Vec::new() }
    }

    /// Those that run now. Never this process.
    pub fn running(&mut self) -> Vec<RunningProcess> {
        self.doubtful.clear();
        if self.first.boot_id != boot_id() {
            return Vec::new();
        }
        let mut others = running_processes();
        // Older ones cannot descend from it; among them are most of the machine.
        others.retain(|process| {
            process.identity.start_ticks >= self.first.start_ticks && process.identity.pid != std::process::id()
        });
        let mut members = Vec::new();
        let mut joins: Vec<RunningProcess> = others
            .extract_if(.., |process| self.known.contains(&process.identity) || process.has_variables(&self.marks))
            .collect();
        while !joins.is_empty() {
            members.append(&mut joins);
            joins = others.extract_if(.., |process| self.is_kin(process, &members)).collect();
        }
        self.known.extend(members.iter().map(|process| process.identity.clone()));
        let in_session = others.iter().filter(|process| Some(process.session) == self.session);
        self.doubtful.extend(in_session.map(|process| process.identity.pid));
        members
    }

    /// Processes in a session of the family's number that nothing else connects with it. The first process is gone, so the
    /// number may have been given again: they are not ours to kill.
    pub fn doubtful(&self) -> &[u32] {
        &self.doubtful
    }

    fn is_kin(&self, process: &RunningProcess, members: &[RunningProcess]) -> bool {
        members.iter().any(|member| {
            let older = member.identity.start_ticks <= process.identity.start_ticks;
            let child = process.parent == member.identity.pid && older;
            // The session of a member that did not begin it counts only if it is the family's: a variable can be copied
            // into a terminal, and the terminal's session must not be taken for the family's.
            let begun = process.session == member.identity.pid && member.session == member.identity.pid && older;
            let inherited = Some(process.session) == self.session && Some(member.session) == self.session;
            child || begun || inherited
        })
    }
}

/// The mark in the environment of a program, and of all that it starts, that says whose program it is.
pub(crate) const WORKER_MARK: &str = "AEES_WORKER";

/// What [`WORKER_MARK`] is set to by a worker.
pub(crate) fn worker_mark(worker: &ProcessIdentity) -> String {
    format!("{}.{}", worker.pid, worker.start_ticks)
}

/// Kills the program of a worker that was killed, and whatever that started, until nothing is left or the patience is over.
pub(crate) fn end_program_of(worker: ProcessIdentity, patience: Duration) {
    let mark = format!("{WORKER_MARK}={}", worker_mark(&worker));
    let mut family = Family::new(worker, None, vec![mark]);
    let since = Instant::now();
    loop {
        let left = family.running();
        if left.is_empty() || since.elapsed() > patience {
            return;
        }
        for process in left {
            // It may be gone.
            let _ = process.identity.signal(Signal::KILL);
        }
        thread::sleep(Duration::from_millis(5));
    }
}
