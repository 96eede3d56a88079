//! Everything that a program started, and how to end it.
//!
//! A program gets a process group of its own, which its children are born into. Those that left it (daemons, `setsid`) are
//! known by two variables in their environments, which no other run's have: they are looked for in `/proc`, but only when
//! there can be any.

use std::fs;
use std::thread;
use std::time::{Duration, Instant};

use rustix::io::Errno;
use rustix::process::{
    Pid, Signal, WaitId, WaitIdOptions, WaitOptions, kill_process, kill_process_group, test_kill_process_group, waitid,
    waitpgid,
};
use serde::{Deserialize, Serialize};

use super::folder::ProgramRecord;
use crate::launch::ProcessIdentity;

/// The variable that names the folder.
pub(super) const DIRECTORY_VARIABLE: &str = "AEES_RUN_DIR";

/// The variable that names the worker: a later one's program in the same folder is not an earlier one's.
pub(super) const WORKER_VARIABLE: &str = "AEES_WORKER";

/// What a program's descendants have in their environments.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Marks {
    /// The value of AEES_RUN_DIR.
    pub(super) directory: String,
    /// The value of AEES_WORKER.
    pub(super) worker: String,
}

impl Marks {
    /// Those of a program of this process.
    pub(super) fn new(directory: &str, worker: &ProcessIdentity) -> Self {
        Self { directory: directory.to_owned(), worker: format!("{}.{}", worker.pid, worker.start_ticks) }
    }

    fn are_in(&self, environment: &[u8]) -> bool {
        let has = |name: &str, value: &str| {
            let entry = [name.as_bytes(), b"=", value.as_bytes()].concat();
            environment.split(|byte| *byte == 0).any(|variable| variable == entry)
        };
        has(DIRECTORY_VARIABLE, &self.directory) && has(WORKER_VARIABLE, &self.worker)
    }
}

/// A program's descendants.
#[derive(Debug)]
pub(super) struct Tree {
    /// None for an orphan that ended: its group's number may be another's by now.
    group: Option<Pid>,
    marks: Marks,
}

impl Tree {
    /// Of a program that this process started.
    pub(super) fn new(group: u32, marks: Marks) -> Self {
        Self { group: pid(group), marks }
    }

    /// Of a dead worker's program.
    pub(super) fn of_orphan(record: &ProgramRecord) -> Self {
        let group = if record.program.is_alive() { pid(record.group) } else { None };
        Self { group, marks: record.marks.clone() }
    }

    /// Asks all to end.
    pub(super) fn terminate(&self) {
        self.signal(Signal::TERM);
    }

    /// Ends all that are there now.
    pub(super) fn kill(&self) {
        self.signal(Signal::KILL);
    }

    fn signal(&self, signal: Signal) {
        if let Some(group) = self.group {
            let _ = kill_process_group(group, signal);
        }
        for process in self.outside_the_group() {
            let _ = kill_process(process, signal);
        }
    }

    /// Kills until nobody is left; false when somebody still is after `patience`. For a program that was waited for.
    pub(super) fn kill_to_the_last(&self, patience: Duration) -> bool {
        let since = Instant::now();
        while !self.is_gone() {
            if since.elapsed() > patience {
                return false;
            }
            self.kill();
            thread::sleep(Duration::from_millis(2));
        }
        true
    }

    /// Whether nobody is left. For a program that was waited for.
    pub(super) fn is_gone(&self) -> bool {
        let Some(group) = self.group else { return true };
        // Orphans of the group that became our children.
        while let Ok(Some(_)) = waitpgid(group, WaitOptions::NOHANG) {}
        test_kill_process_group(group) == Err(Errno::SRCH) && self.outside_the_group().is_empty()
    }

    fn outside_the_group(&self) -> Vec<Pid> {
        // This process adopts orphans, so without children it has no descendants.
        if self.group.is_some() && !has_children() {
            return Vec::new();
        }
        let processes = fs::read_dir("/proc").into_iter().flatten().flatten();
        let numbers = processes.filter_map(|entry| entry.file_name().to_str()?.parse().ok());
        let marked = |number: &u32| {
            fs::read(format!("/proc/{number}/environ")).is_ok_and(|environment| self.marks.are_in(&environment))
        };
        numbers.filter(marked).filter_map(pid).collect()
    }
}

/// Makes orphans of this process's descendants its children, where the system can.
pub(super) fn adopt_orphans() {
    #[cfg(target_os = "linux")]
    let _ = rustix::process::set_child_subreaper(Some(rustix::process::getpid()));
}

fn has_children() -> bool {
    let look = WaitIdOptions::EXITED | WaitIdOptions::NOHANG | WaitIdOptions::NOWAIT;
    !matches!(waitid(WaitId::All, look), Err(Errno::CHILD))
}

fn pid(number: u32) -> Option<Pid> {
    Pid::from_raw(i32::try_from(number).ok()?)
}
