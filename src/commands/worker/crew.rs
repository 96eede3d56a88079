//! The runs of a worker, each in a thread of its own: begun and stopped as ordered, and told of when they end.
//!
//! They share nothing but what they read. One that fails, panics, diverges or is stopped leaves the others as they are.

use std::collections::HashMap;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Receiver, Sender};
use std::thread;

use aees_run::caught::panic_text;
use aees_studies::job::{Ended, Job, Work, WorkerOrder};
use aees_studies::program::run_command;
use aees_train::shared_inputs::SharedInputs;
use serde_json::json;

use super::training::train;
use super::voice::Voice;
use crate::failure::Failure;
use crate::threads::STACK_BYTES;

/// What a worker hears.
pub(super) enum News {
    /// What to do.
    Ordered(WorkerOrder),
    /// A line that is none, and why.
    NoOrder(String),
    /// What was ordered is all.
    NoMoreOrders,
    /// Everything is to stop.
    Stop,
    /// The run of this id is over, and nothing of it is left.
    Over(String, Box<Ended>),
}

/// The runs that are at work.
pub(super) struct Crew {
    /// By id, what makes them stop, and who speaks of them.
    runs: HashMap<String, (Arc<AtomicBool>, Voice)>,
    /// How many there have been.
    begun: usize,
    shared: SharedInputs,
    news: Sender<News>,
}

impl Crew {
    pub(super) fn new(news: Sender<News>, shared: SharedInputs) -> Self {
        Self { runs: HashMap::new(), begun: 0, shared, news }
    }

    /// Works until there is nothing to do and nothing more will come.
    pub(super) fn work(mut self, news: &Receiver<News>) -> Result<(), Failure> {
        let (mut more_may_come, mut stopping) = (true, false);
        while more_may_come || !self.runs.is_empty() {
            match news.recv() {
                Ok(News::Ordered(WorkerOrder::Do(job))) => self.begin(*job, stopping),
                Ok(News::Ordered(WorkerOrder::Stop(run))) => self.stop(|id| *id == run),
                Ok(News::NoOrder(why)) => return Err(no_job(&why)),
                Ok(News::NoMoreOrders) => more_may_come = false,
                Ok(News::Stop) | Err(_) => {
                    (more_may_come, stopping) = (false, true);
                    self.stop(|_| true);
                }
                Ok(News::Over(run, ended)) => self.tell_of_end(&run, &ended),
            }
        }
        match self.begun {
            0 => Err(no_job("there is none")),
            _ => Ok(()),
        }
    }

    /// Whoever hears it may order the same run again.
    fn tell_of_end(&mut self, run: &str, ended: &Ended) {
        let Some((_, voice)) = self.runs.remove(run) else { return };
        ended.warning.iter().for_each(|warning| voice.warn(warning));
        let mut line = json!(ended);
        line["event"] = "ended".into();
        voice.say(&line);
    }

    fn stop(&self, which: impl Fn(&String) -> bool) {
        let runs = self.runs.iter().filter(|(run, _)| which(run));
        runs.for_each(|(_, (stop, _))| stop.store(true, Ordering::Relaxed));
    }

    fn begin(&mut self, job: Job, stopping: bool) {
        let stop = Arc::new(AtomicBool::new(stopping));
        let run = job.run_id.clone();
        let log: Option<PathBuf> = (self.begun > 0).then(|| job.run_directory.join("worker.log"));
        let voice = Voice { run_id: run.clone(), log };
        self.begun += 1;
        self.runs.insert(run.clone(), (stop.clone(), voice.clone()));
        let shared = self.shared.clone();
        let work = move || match &job.work {
            Work::Train(settings) => train(&job, settings, &stop, &shared, &voice),
            Work::Command(command) => run_command(&job, command, &stop, &mut |line| voice.say(line)),
        };
        if let Err(error) = start(run.clone(), self.news.clone(), work) {
            self.tell_of_end(&run, &Ended::failed("io", format!("cannot start a thread: {error}"), None));
        }
    }
}

fn no_job(why: &str) -> Failure {
    let help = "this command is for `aees sweep run`, which gives it jobs on standard input";
    Failure::with_help(format!("this is no job: {why}"), help)
}

/// Does a run's work in a thread of its own and tells of its end. A panic is an end, too; it is shown with the thread's name, which
/// is that of the run's folder.
fn start(run: String, news: Sender<News>, work: impl FnOnce() -> Ended + Send + 'static) -> std::io::Result<()> {
    let name = run.chars().take(16).collect();
    let to_its_end = move || {
        // What the run had is thrown away with it.
        let ended = catch_unwind(AssertUnwindSafe(work)).unwrap_or_else(|panic| {
            let text = panic_text(&*panic).unwrap_or_default();
            Ended::failed("panic", format!("the run panicked: {text}"), None)
        });
        let _ = news.send(News::Over(run, Box::new(ended)));
    };
    thread::Builder::new().name(name).stack_size(STACK_BYTES).spawn(to_its_end).map(|_| ())
}

#[cfg(test)]
mod tests {
    use std::sync::mpsc::channel;

    use super::*;

    #[test]
    fn a_run_that_panics_leaves_the_one_beside_it() {
        let (news, heard) = channel();
        let (go_on, wait) = channel::<()>();
        let other = move || {
            wait.recv().unwrap();
            Ended::failed("io", "its own end".into(), None)
        };
        start("other".into(), news.clone(), other).unwrap();
        start("broken".into(), news, || panic!("index 7 out of range")).unwrap();
        for (run, end) in [("broken", "the run panicked: index 7 out of range"), ("other", "its own end")] {
            let Ok(News::Over(found, ended)) = heard.recv() else { panic!("an end was to come") };
            assert!(found == run && format!("{ended:?}").contains(end), "{found}: {ended:?}");
            let _ = go_on.send(());
        }
    }
}
