//! Everything that a launch started and that still runs.
//!
//! A process belongs to a launch if it is the launched process; if its environment has the mark of the launch; if its parent
//! belongs to it; or if it is in a session that belongs to it, because a session can be begun or inherited, but not joined.
//! What was once seen to belong stays, also when the parent that told so is gone. The mark alone would miss programs that
//! clear their environment, parents alone those whose parent died, the session alone those that began their own. Only a
//! program that did all three before anybody looked is lost.

use std::collections::BTreeSet;

use super::LaunchRecord;
use crate::launch::ProcessIdentity;
use crate::launch::process::{RunningProcess, boot_id, running_processes};

/// The processes of a launch.
#[derive(Debug)]
pub struct Family<'launch> {
    record: &'launch LaunchRecord,
    known: BTreeSet<ProcessIdentity>,
    doubtful: Vec<u32>,
}

impl<'launch> Family<'launch> {
    /// Nobody is known yet.
    pub fn new(record: &'launch LaunchRecord) -> Self {
        Self { record, known: BTreeSet::from([record.process.clone()]), doubtful: Vec::new() }
    }

    /// Those that run now. Never this process.
    pub fn look(&mut self) -> Vec<RunningProcess> {
        self.doubtful.clear();
        let first = &self.record.process;
        if first.boot_id != boot_id() {
            return Vec::new();
        }
        let mut others = running_processes();
        // Older ones cannot descend from it; among them are most of the machine.
        others.retain(|process| {
            process.identity.start_ticks >= first.start_ticks && process.identity.pid != std::process::id()
        });
        let mut members = Vec::new();
        let mut joins: Vec<RunningProcess> = others
            .extract_if(.., |process| self.known.contains(&process.identity) || process.has_variable(&self.record.mark))
            .collect();
        while !joins.is_empty() {
            members.append(&mut joins);
            joins = others.extract_if(.., |process| self.is_kin(process, &members)).collect();
        }
        self.known.extend(members.iter().map(|process| process.identity.clone()));
        self.doubtful.extend(
            others.iter().filter(|process| process.session == self.record.session).map(|process| process.identity.pid),
        );
        members
    }

    /// Processes in a session of the launch's number that nothing else connects with it. The launched process is gone, so
    /// the number may have been given again: they are not ours to kill.
    pub fn doubtful(&self) -> &[u32] {
        &self.doubtful
    }

    fn is_kin(&self, process: &RunningProcess, members: &[RunningProcess]) -> bool {
        members.iter().any(|member| {
            let older = member.identity.start_ticks <= process.identity.start_ticks;
            let child = process.parent == member.identity.pid && older;
            // The session of a member that did not begin it counts only if it is the launch's: a variable can be copied
            // into a terminal, and the terminal's session must not be taken for the launch.
            let begun = process.session == member.identity.pid && member.session == member.identity.pid && older;
            let inherited = process.session == self.record.session && member.session == self.record.session;
            child || begun || inherited
        })
    }
}
