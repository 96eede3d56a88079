//! `aees slurm task`: one task of an array, for Slurm. Not for people.

use std::path::PathBuf;
use std::process::ExitCode;
use std::str::FromStr;

use aees_studies::launcher::{LocalProcesses, Slot};
use aees_studies::slurm::SlurmError;
use aees_studies::slurm::launch::{ArrayElement, LaunchFolder};
use aees_studies::slurm::task::{TaskEnd, TaskEvent, run_task};
use aees_studies::study::SlurmOptions;
use clap::Args;

use crate::failure::{EXIT_SOME_FAILED, EXIT_WORK_LEFT, Failure};
use crate::interrupt;

/// One task of an array, for Slurm
#[derive(Args)]
#[command(hide = true)]
pub(crate) struct TaskFlags {
    /// The folder of the launch
    folder: PathBuf,
    /// The number of the array
    #[arg(long, value_parser = clap::value_parser!(u32).range(1..))]
    array: u32,
}

impl TaskFlags {
    pub(crate) fn run(self) -> Result<ExitCode, Failure> {
        let element = ArrayElement { job: number("SLURM_ARRAY_JOB_ID")?, index: number("SLURM_ARRAY_TASK_ID")? };
        let asked = interrupt::count(|| eprintln!("asked to end: writing checkpoints"))?;
        let folder = LaunchFolder::at(self.folder);
        let array = self.array as usize - 1;
        let options = folder.record().map_err(SlurmError::from)?.policy.slurm.unwrap_or_default();
        let runs = folder.task(array, element.index).map_err(SlurmError::from)?.runs.len();
        let mut launcher = LocalProcesses::new(slots(&options, runs), options.pack());
        let mut report = |event: TaskEvent<'_>| match event {
            TaskEvent::Started { run, attempt } => eprintln!("{}: started, attempt {attempt}", short(run)),
            TaskEvent::Settled { run, what } => eprintln!("{}: {what}", short(run)),
        };
        let (code, said) = match run_task(&folder, array, element, &mut launcher, &asked, &mut report)? {
            TaskEnd::Over { failed: 0, .. } => return Ok(ExitCode::SUCCESS),
            TaskEnd::Over { done, failed } => (EXIT_SOME_FAILED, format!("{done} runs are done, {failed} are not")),
            TaskEnd::Requeued => (EXIT_WORK_LEFT, "back in the queue".to_owned()),
            TaskEnd::Stopped { why } => (EXIT_WORK_LEFT, format!("stopped, and not put back into the queue: {why}")),
            TaskEnd::Cancelled => (0, "this launch was cancelled".to_owned()),
        };
        eprintln!("{said}");
        Ok(ExitCode::from(code))
    }
}

/// As folders of runs are named.
fn short(run: &str) -> &str {
    run.get(..16).unwrap_or(run)
}

/// A number that Slurm sets.
fn number<T: FromStr>(variable: &'static str) -> Result<T, SlurmError> {
    let value = std::env::var(variable).ok().and_then(|value| value.parse().ok());
    value.ok_or(SlurmError::NoTask { variable })
}

/// One slot for each run side by side, with its share of the task's cores and one of its GPUs.
fn slots(options: &SlurmOptions, runs: usize) -> Vec<Slot> {
    let count = options.side_by_side().min(runs).max(1);
    let here = std::thread::available_parallelism().map_or(1, |cores| cores.get());
    // A node without control groups shows a task all of its cores.
    let cores = options.cpus.map_or(here, |cpus| here.min(cpus as usize));
    let gpus = options.gpus.as_deref().and_then(|gpus| gpus.rsplit(':').next()?.parse().ok()).unwrap_or(0_usize);
    let devices: Vec<String> = (0..gpus).map(|gpu| format!("cuda:{gpu}")).collect();
    Slot::in_turn(&devices, count, cores)
}
