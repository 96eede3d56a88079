//! From the start of a program to the end of the last of its descendants.

use std::process::ExitStatus;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::RecvTimeoutError;
use std::thread;
use std::time::{Duration, Instant};

use serde_json::Value;

use super::TimeLimits;
use super::child::Program;
use super::output::{Output, ProgramEvent};

/// How often it is asked whether the program shall stop.
const TICK: Duration = Duration::from_millis(50);

/// Why a program came to its end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Cause {
    /// By itself.
    Ended,
    /// It was asked for.
    Stopped,
    /// Its time was over.
    TimedOut,
}

/// The end of a program.
#[derive(Debug)]
pub(super) struct End {
    pub(super) cause: Cause,
    /// None only if the system does not tell, or the program cannot be killed.
    pub(super) status: Option<ExitStatus>,
    /// Whether none of its descendants is left.
    pub(super) everything_gone: bool,
}

/// Waits for the end of a program, or brings it about.
pub(super) fn watch(
    program: &mut Program,
    output: &mut Output,
    stop: &AtomicBool,
    deadline: Option<Instant>,
    limits: TimeLimits,
    progress: &mut dyn FnMut(&Value),
) -> End {
    let mut watch = Watch { program, output, progress, open_streams: 2, exited: None, status: None };
    let cause = watch.until_it_ends(stop, deadline, limits.linger);
    if cause != Cause::Ended {
        watch.program.tree.terminate();
        watch.until_it_is_gone(limits.grace);
    }
    let everything_gone = watch.program.end_everything(limits.killed);
    watch.read_the_rest(limits.linger);
    End { cause, status: watch.status, everything_gone }
}

struct Watch<'a> {
    program: &'a mut Program,
    output: &'a mut Output,
    progress: &'a mut dyn FnMut(&Value),
    open_streams: usize,
    exited: Option<Instant>,
    status: Option<ExitStatus>,
}

impl Watch<'_> {
    /// Until the program ended and its output is read, or it shall stop.
    fn until_it_ends(&mut self, stop: &AtomicBool, deadline: Option<Instant>, linger: Duration) -> Cause {
        loop {
            // What is done is done, also when the wish to stop came meanwhile.
            match self.exited {
                Some(exited) if self.open_streams == 0 || exited.elapsed() >= linger => return Cause::Ended,
                Some(_) => {}
                None if stop.load(Ordering::Relaxed) || self.output.stop_is_reached() => return Cause::Stopped,
                None if deadline.is_some_and(|deadline| Instant::now() >= deadline) => return Cause::TimedOut,
                None => {}
            }
            let wait = deadline.map_or(TICK, |deadline| TICK.min(deadline.saturating_duration_since(Instant::now())));
            self.take_next(wait);
        }
    }

    /// Until nobody is left, or the time is over. Its output is read, so that it can print to its end.
    fn until_it_is_gone(&mut self, grace: Duration) {
        let since = Instant::now();
        let mut looked = None::<Instant>;
        while since.elapsed() < grace {
            // A look goes through all processes: not after each line.
            if self.exited.is_some() && looked.is_none_or(|looked| looked.elapsed() >= TICK) {
                if self.program.tree.is_gone() {
                    return;
                }
                looked = Some(Instant::now());
            }
            self.take_next(TICK);
        }
    }

    /// What is in the pipes still. Nobody writes to them any more, unless somebody could not be killed.
    fn read_the_rest(&mut self, patience: Duration) {
        let since = Instant::now();
        while (self.open_streams > 0 || self.exited.is_none()) && since.elapsed() < patience {
            self.take_next(TICK);
        }
    }

    fn take_next(&mut self, patience: Duration) {
        match self.program.events.recv_timeout(patience) {
            Ok(ProgramEvent::Lines(stream, bytes)) => self.output.take_lines(stream, &bytes, self.progress),
            Ok(ProgramEvent::Fragment(bytes)) => self.output.write_log(&bytes),
            Ok(ProgramEvent::Closed) => self.open_streams -= 1,
            Ok(ProgramEvent::Exited(status)) => {
                self.exited = Some(Instant::now());
                self.status = status.ok();
            }
            Err(RecvTimeoutError::Timeout) => {}
            // Not before all three have told their end. Descendants that closed their pipes may be there still.
            Err(RecvTimeoutError::Disconnected) => {
                self.open_streams = 0;
                self.exited.get_or_insert_with(Instant::now);
                thread::sleep(patience);
            }
        }
    }
}
