//! Ends a process group and what left it: daemons, and what began a session of its own.
//!
//! The kernel knows a group by one number and signals all of it at once. Who left it is looked for in `/proc`, which takes
//! longer, and only when there can be anybody.

use std::thread;
use std::time::{Duration, Instant};

use rustix::io::Errno;
use rustix::process::{
    Pid, Signal, WaitId, WaitIdOptions, WaitOptions, kill_process_group, test_kill_process_group, waitid, waitpgid,
};

use super::family::Family;
use super::identity::ProcessIdentity;

/// The first process of a group and its descendants.
#[derive(Debug)]
pub(crate) struct Descendants {
    /// None when the first process is gone before it was waited for: the group's number may be another's by now.
    group: Option<Pid>,
    family: Family,
}

impl Descendants {
    /// Of the first process of a group, with the assignments that their environments have and no others.
    pub(crate) fn new(first: &ProcessIdentity, marks: Vec<String>) -> Self {
        let group = if first.is_alive() { pid(first.pid) } else { None };
        Self { group, family: Family::new(first.clone(), None, marks) }
    }

    /// Asks all to end.
    pub(crate) fn terminate(&mut self) {
        self.signal(Signal::TERM);
    }

    /// Ends all that are there now.
    pub(crate) fn kill(&mut self) {
        self.signal(Signal::KILL);
    }

    fn signal(&mut self, signal: Signal) {
        if let Some(group) = self.group {
            let _ = kill_process_group(group, signal);
        }
        for process in self.outside_the_group() {
            let _ = process.signal(signal);
        }
    }

    /// Kills until nobody is left; false when somebody still is after `patience`. For a group that was waited for.
    pub(crate) fn kill_to_the_last(&mut self, patience: Duration) -> bool {
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

    /// Whether nobody is left. For a group that was waited for.
    pub(crate) fn is_gone(&mut self) -> bool {
        let Some(group) = self.group else { return true };
        // Orphans of the group that became our children.
        while let Ok(Some(_)) = waitpgid(group, WaitOptions::NOHANG) {}
        test_kill_process_group(group) == Err(Errno::SRCH) && self.outside_the_group().is_empty()
    }

    fn outside_the_group(&mut self) -> Vec<ProcessIdentity> {
        // This process adopts orphans, so without children it has no descendants.
        if self.group.is_some() && !has_children() {
            return Vec::new();
        }
        let group = self.group.map(|group| group.as_raw_nonzero().get().unsigned_abs());
        let members = self.family.running().into_iter().filter(|process| Some(process.group) != group);
        members.map(|process| process.identity).collect()
    }
}

/// Signals a group whose first process is a child of this one.
pub(crate) fn signal_group(first: u32, signal: Signal) {
    if let Some(group) = pid(first) {
        // It may be gone.
        let _ = kill_process_group(group, signal);
    }
}

/// Makes orphans of this process's descendants its children, where the system can.
pub(crate) fn adopt_orphans() {
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
