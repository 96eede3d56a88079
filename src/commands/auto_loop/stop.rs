//! `aees loop stop`: ends the process that works at a loop, after its runs have written checkpoints.

use std::process::ExitCode;
use std::thread;
use std::time::{Duration, Instant};

use aees_studies::background::{LaunchState, read_launches, stop};
use clap::Args;
use rustix::process::Signal;

use super::meant;
use crate::failure::Failure;
use crate::results::ResultsFlags;
use crate::stdout;

/// How often it is looked whether it has ended.
const LOOK: Duration = Duration::from_millis(50);

/// Stops a loop after its runs have written checkpoints; `resume` goes on
#[derive(Args)]
#[command(
    after_help = "Exit codes: 0 stopped, and nothing of it runs any more; 1 there was nothing to stop, or it failed."
)]
pub(crate) struct LoopStopFlags {
    /// The loop; the only one when there is one
    name: Option<String>,
    /// How long checkpoints may take; what runs in the background then is killed
    #[arg(long, value_name = "SECONDS", default_value = "60")]
    grace: u32,
    #[command(flatten)]
    results: ResultsFlags,
}

impl LoopStopFlags {
    pub(crate) fn run(self) -> Result<ExitCode, Failure> {
        let results = self.results.results();
        let folder = meant(&results, self.name)?;
        let grace = Duration::from_secs(self.grace.into());
        let (launches, _) = read_launches(&results.root)?;
        let mut stopped = 0;
        let running = |state| state == LaunchState::Running;
        for launch in launches.iter().filter(|launch| launch.record.label == folder.name() && running(launch.state())) {
            stopped += stop(launch, grace, |_| {})?.found;
        }
        // One that works at a terminal.
        if let Some(process) = folder.holder() {
            process
                .signal(Signal::TERM)
                .map_err(|error| Failure::new(format!("cannot stop process {}: {error}", process.pid)))?;
            let since = Instant::now();
            while folder.holder().is_some_and(|now| now == process) {
                if since.elapsed() > grace {
                    let message = format!("process {} still works at {}", process.pid, folder.name());
                    return Err(Failure::with_help(
                        message,
                        "its runs write checkpoints; try again with a longer --grace",
                    ));
                }
                thread::sleep(LOOK);
            }
            stopped += 1;
        }
        if stopped == 0 {
            let message = format!("nothing was stopped: nobody works at the loop {}", folder.name());
            return Err(Failure::with_help(message, "`aees loop status` shows where it is"));
        }
        stdout::line(format!("stopped {}", folder.name()));
        Ok(ExitCode::SUCCESS)
    }
}
