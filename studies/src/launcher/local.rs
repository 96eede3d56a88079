//! Runs in worker processes of this machine, each with its share of it.
//!
//! A worker is this program again. It gets its job as the first line of its standard input and tells what happens as JSON
//! lines on its standard output. The pipe to its input is its lifeline: when it closes, because the run is to stop or this
//! process is dead, the worker writes a checkpoint and ends. A crash takes down one run only.
//!
//! A run that is to be alone waits here until no other one is left on a device, and holds a ticket meanwhile.

use std::collections::HashMap;
use std::sync::mpsc::{Receiver, Sender, channel};
use std::time::Duration;

use super::occupancy::{Alone, Occupancy};
use super::slot::Slot;
use super::worker::{Message, Worker};
use super::{Launcher, Ticket, Update};
use crate::job::{Ended, EndedState, Job};

/// One worker process for each run, at most one at a time in each slot. Those that are left when it is dropped are killed.
pub struct LocalProcesses {
    occupancy: Occupancy,
    workers: HashMap<Ticket, Worker>,
    /// Runs that have no slot yet, in the order in which they came.
    waiting: Vec<(Ticket, Job)>,
    /// What is known before anything is heard of workers.
    updates: Vec<(Ticket, Update)>,
    submitted: u64,
    messages: (Sender<Message>, Receiver<Message>),
}

impl LocalProcesses {
    /// Workers of this program.
    pub fn new(slots: Vec<Slot>) -> Self {
        Self {
            occupancy: Occupancy::new(slots),
            workers: HashMap::new(),
            waiting: Vec::new(),
            updates: Vec::new(),
            submitted: 0,
            messages: channel(),
        }
    }

    /// Starts those who wait and have a slot now.
    fn start_waiting(&mut self) {
        let slots = self.occupancy.place(&self.who_waits());
        let mut still_waiting = Vec::new();
        for ((ticket, job), slot) in std::mem::take(&mut self.waiting).into_iter().zip(slots) {
            match slot {
                Some(slot) => self.start(slot, ticket, job),
                None => still_waiting.push((ticket, job)),
            }
        }
        self.waiting = still_waiting;
    }

    fn who_waits(&self) -> Vec<Alone> {
        self.waiting.iter().map(|(_, job)| Alone(job.alone)).collect()
    }

    fn start(&mut self, slot: usize, ticket: Ticket, job: Job) {
        let placement = self.occupancy.slot(slot).place(job);
        let update = match Worker::start(slot, placement, ticket, self.messages.0.clone()) {
            Ok(worker) => {
                let first = worker.first_line();
                self.workers.insert(ticket, worker);
                self.tell_of_company(slot);
                Update::Began(first)
            }
            Err(error) => {
                self.occupancy.leave(slot);
                Update::Ended(Ended::failed("io", error.to_string(), None))
            }
        };
        self.updates.push((ticket, update));
    }

    /// All workers of a device remember that they were not alone, however soon the others leave.
    fn tell_of_company(&mut self, slot: usize) {
        let together: Vec<usize> = self.occupancy.on_device_of(slot).collect();
        let mut beside: Vec<&mut Worker> =
            self.workers.values_mut().filter(|worker| together.contains(&worker.slot)).collect();
        if beside.len() > 1 {
            beside.iter_mut().for_each(|worker| worker.had_company = true);
        }
    }

    /// A run that shall not begin any more.
    fn give_up_waiting(&mut self, ticket: Ticket) {
        if let Some(position) = self.waiting.iter().position(|(waiting, _)| *waiting == ticket) {
            self.waiting.remove(position);
            self.updates.push((ticket, Update::Ended(EndedState::Interrupted.into())));
        }
    }

    fn take(&mut self, message: Message) -> Option<(Ticket, Update)> {
        match message {
            Message::Line(ticket, line) => {
                let progress = self.workers.get_mut(&ticket)?.take_line(line)?;
                Some((ticket, Update::Progress(progress)))
            }
            Message::Closed(ticket) => {
                let mut worker = self.workers.remove(&ticket)?;
                self.occupancy.leave(worker.slot);
                Some((ticket, worker.end()))
            }
        }
    }
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
        if let Some(worker) = self.workers.get_mut(&ticket) {
            worker.ask_to_stop();
        }
        self.give_up_waiting(ticket);
    }

    fn kill(&mut self, ticket: Ticket) {
        if let Some(worker) = self.workers.get_mut(&ticket) {
            worker.kill();
        }
        self.give_up_waiting(ticket);
    }
}

impl Drop for LocalProcesses {
    fn drop(&mut self) {
        self.workers.values_mut().for_each(Worker::kill);
        self.workers.values_mut().for_each(|worker| drop(worker.end()));
    }
}
