//! `aees worker`: runs of a study, for whatever launched them. Not for people.
//!
//! Each line of standard input is a [`WorkerOrder`](aees_studies::job::WorkerOrder): a job, or a run that is to stop. It is the
//! lifeline, too: when it closes, all runs stop after their step, with checkpoints. Or jobs are in a file (`--job FILE`), and
//! standard input means nothing. A termination signal stops all runs in both. Standard output gets what a live table shows, a
//! few times a second, and how each run ended. A worker knows no registry: results in the folders of its runs are all that it
//! leaves. Usually it has one run; those that it has at the same time share what they read.

mod crew;
mod failure_class;
mod orders;
mod progress_lines;
mod rung_watch;
mod training;
mod voice;

use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::mpsc::channel;

use aees_train::shared_inputs::SharedInputs;
use clap::Args;

use self::crew::{Crew, News};
use crate::failure::Failure;
use crate::interrupt;

/// Runs of a study, for `aees sweep run`
#[derive(Args)]
#[command(hide = true)]
pub(crate) struct WorkerFlags {
    /// Jobs, instead of those on standard input
    #[arg(long, value_name = "FILE")]
    job: Option<PathBuf>,
    /// Runs side by side share what they read
    #[arg(long)]
    pack: bool,
}

/// Does what is ordered, and tells how it ended.
pub(crate) fn run(typed: &WorkerFlags) -> Result<ExitCode, Failure> {
    let (news, heard) = channel();
    let of_signals = news.clone();
    interrupt::watch(move || {
        let _ = of_signals.send(News::Stop);
    })?;
    match &typed.job {
        Some(file) => orders::of_file(file, &news)?,
        None => orders::of_standard_input(news.clone()),
    }
    let shared = if typed.pack { SharedInputs::for_several_runs() } else { SharedInputs::for_one_run() };
    Crew::new(news, shared).work(&heard)?;
    Ok(ExitCode::SUCCESS)
}
