//! Runs in worker processes of this machine, each with its share of it.
//!
//! A worker is this program again. It gets its jobs as lines of its standard input and tells what happens as JSON lines on its
//! standard output. The pipe to its input is its lifeline: when it closes, because all its runs are to stop or this process
//! is dead, the worker writes checkpoints and ends. Usually a worker has one run and ends with it, so that a crash takes down
//! one run only. A pack of runs shares a process, and a place in it that becomes free is given to the next run.
//!
//! A run that is to be alone waits here until no other one is left on a device, and holds a ticket meanwhile.

use std::collections::HashMap;
use std::sync::mpsc::{Receiver, Sender, channel};
use std::time::Duration;

use serde_json::Value;

use super::occupancy::{Alone, Occupancy};
use super::slot::Slot;
use super::worker::{Message, Worker};
use super::{Launcher, Ticket, Update};
use crate::job::{Ended, EndedState, Job};

/// Worker processes, with at most one run at a time in each slot. Those that are left when it is dropped are killed.
pub struct LocalProcesses {
    occupancy: Occupancy,
    /// The process that each slot is of.
    process_of: Vec<usize>,
    /// Runs of a process.
    pack: usize,
    /// By a number that no other worker ever had.
    workers: HashMap<u64, Worker>,
    /// Runs that have no slot yet, in the order in which they came.
    waiting: Vec<(Ticket, Job)>,
    /// What is known before anything is heard of workers.
    updates: Vec<(Ticket, Update)>,
    submitted: u64,
    started: u64,
    messages: (Sender<Message>, Receiver<Message>),
}

impl LocalProcesses {
    /// Workers of this program, each with up to `pack` of the slots of a device.
    pub fn new(slots: Vec<Slot>, pack: usize) -> Self {
        Self {
            process_of: processes(&slots, pack.max(1)),
            pack: pack.max(1),
            occupancy: Occupancy::new(slots),
            workers: HashMap::new(),
            waiting: Vec::new(),
            updates: Vec::new(),
            submitted: 0,
            started: 0,
            messages: channel(),
        }
    }

    /// Starts those who wait and have a slot now.
    fn start_waiting(&mut self) {
        let slots = self.occupancy.place(&self.who_waits());
        let mut still_waiting = Vec::new();
        for ((ticket, job), slot) in std::mem::take(&mut self.waiting).into_iter().zip(slots) {
            match slot {
                Some(slot) if self.start(slot, ticket, &job) => {}
                _ => still_waiting.push((ticket, job)),
            }
        }
        self.waiting = still_waiting;
    }

    fn who_waits(&self) -> Vec<Alone> {
        self.waiting.iter().map(|(_, job)| Alone(job.alone)).collect()
    }

    /// Whether it could be started, well or badly: not beside a process that is about to end or computes in another way.
    fn start(&mut self, slot: usize, ticket: Ticket, job: &Job) -> bool {
        let placement = self.occupancy.slot(slot).place(job);
        let together: Vec<usize> = self.occupancy.on_device_of(slot).collect();
        let in_the_way = |worker: &Worker| match job.alone {
            true => together.iter().any(|slot| self.process_of[*slot] == worker.process),
            false => worker.process == self.process_of[slot] && !worker.takes(&placement),
        };
        if self.workers.values().any(in_the_way) {
            self.occupancy.leave(slot);
            return false;
        }
        let process = self.process_of[slot];
        let update = match self.workers.values_mut().find(|worker| worker.process == process) {
            Some(worker) => Update::Began(worker.add(ticket, slot, placement)),
            None => {
                self.started += 1;
                let number = self.started;
                match Worker::start(number, process, self.pack, &placement, self.messages.0.clone()) {
                    Ok(mut worker) => {
                        let first = worker.add(ticket, slot, placement);
                        self.workers.insert(number, worker);
                        Update::Began(first)
                    }
                    Err(error) => {
                        self.occupancy.leave(slot);
                        Update::Ended(Ended::failed("io", error.to_string(), None))
                    }
                }
            }
        };
        self.updates.push((ticket, update));
        if self.occupancy.beside(slot) > 1 {
            self.workers.values_mut().for_each(|worker| worker.has_company(&together));
        }
        true
    }

    /// A run that shall not begin any more.
    fn give_up_waiting(&mut self, ticket: Ticket) {
        if let Some(position) = self.waiting.iter().position(|(waiting, _)| *waiting == ticket) {
            self.waiting.remove(position);
            self.updates.push((ticket, Update::Ended(EndedState::Interrupted.into())));
        }
    }

    /// What a message says of runs.
    fn take(&mut self, message: Message) -> Vec<(Ticket, Update)> {
        match message {
            Message::Line(number, line) => self.take_line(number, line).into_iter().collect(),
            Message::Closed(number) => {
                let Some(mut worker) = self.workers.remove(&number) else { return Vec::new() };
                let ends = worker.end();
                ends.into_iter()
                    .map(|(slot, ticket, update)| {
                        self.occupancy.leave(slot);
                        (ticket, update)
                    })
                    .collect()
            }
        }
    }

    fn take_line(&mut self, number: u64, line: Value) -> Option<(Ticket, Update)> {
        let worker = self.workers.get_mut(&number)?;
        let (ticket, update) = worker.take_line(line)?;
        if matches!(update, Update::Ended(_))
            && let Some(slot) = worker.leave(ticket)
        {
            self.occupancy.leave(slot);
        }
        Some((ticket, update))
    }

    fn worker_of(&mut self, ticket: Ticket) -> Option<&mut Worker> {
        self.workers.values_mut().find(|worker| worker.has(ticket))
    }
}

/// The slots of a device go to processes, so many to each.
fn processes(slots: &[Slot], pack: usize) -> Vec<usize> {
    let mut numbers: Vec<usize> = Vec::new();
    for (position, slot) in slots.iter().enumerate() {
        let same: Vec<usize> = (0..position).filter(|other| slots[*other].device == slot.device).collect();
        let number = match same.last() {
            Some(last) if !same.len().is_multiple_of(pack) => numbers[*last],
            _ => numbers.iter().max().map_or(0, |highest| highest + 1),
        };
        numbers.push(number);
    }
    numbers
}

impl Launcher for LocalProcesses {
    fn free(&self) -> usize {
        self.occupancy.free(&self.who_waits())
    }

    fn submit(&mut self, job: Job) -> Ticket {
        let ticket = Ticket(self.submitted);
        self.submitted += 1;
        self.waiting.push((ticket, job));
        self.start_waiting();
        ticket
    }

    fn poll(&mut self, patience: Duration) -> Vec<(Ticket, Update)> {
        self.workers.values_mut().for_each(Worker::force_if_due);
        self.start_waiting();
        // Whoever had a run for them has submitted it.
        self.workers.values_mut().for_each(Worker::close_if_idle);
        let mut updates = std::mem::take(&mut self.updates);
        let patience = if updates.is_empty() { patience } else { Duration::ZERO };
        let mut next = self.messages.1.recv_timeout(patience).ok();
        while let Some(message) = next {
            updates.extend(self.take(message));
            next = self.messages.1.try_recv().ok();
        }
        updates
    }

    fn stop(&mut self, ticket: Ticket) {
        if let Some(worker) = self.worker_of(ticket) {
            worker.ask_to_stop(ticket);
        }
        self.give_up_waiting(ticket);
    }

    fn kill(&mut self, ticket: Ticket) {
        if let Some(worker) = self.worker_of(ticket) {
            worker.kill();
        }
        self.give_up_waiting(ticket);
    }
}

impl Drop for LocalProcesses {
    fn drop(&mut self) {
        // Those that have nothing to do end by themselves.
        self.workers.values_mut().for_each(Worker::close_if_idle);
        self.workers.values_mut().filter(|worker| !worker.is_idle()).for_each(Worker::kill);
        self.workers.values_mut().for_each(|worker| drop(worker.end()));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_slots_of_a_device_share_processes() {
        let slots = Slot::in_turn(&["cuda:0", "cuda:1"].map(str::to_owned), 7, 7);
        assert_eq!(processes(&slots, 2), [0, 1, 0, 1, 2, 3, 2]);
        assert_eq!(processes(&slots, 1), [0, 1, 2, 3, 4, 5, 6]);
        assert_eq!(processes(&slots, 9), [0, 1, 0, 1, 0, 1, 0]);
    }
}
