//! `aees loop resume`: goes on with a loop where it is.

use std::process::ExitCode;

use aees_studies::auto_loop::rebuild_history;
use clap::Args;

use super::go_on::{EXIT_CODES, LoopFlags, Loops, go_on};
use super::{meant, places};
use crate::failure::Failure;
use crate::results::ResultsFlags;

/// Goes on with a loop where it is, in the background
#[derive(Args)]
#[command(after_help = EXIT_CODES)]
pub(crate) struct LoopResumeFlags {
    /// The loop; the only one when there is one
    name: Option<String>,
    /// Write history.jsonl and results.tsv again from what is kept of each iteration
    #[arg(long)]
    rebuild_history: bool,
    #[command(flatten)]
    loops: LoopFlags,
    #[command(flatten)]
    results: ResultsFlags,
}

impl LoopResumeFlags {
    pub(crate) fn run(self) -> Result<ExitCode, Failure> {
        let results = self.results.results();
        let scope = self.loops.check()?;
        let folder = meant(&results, self.name)?;
        let proposal = self.loops.proposal()?;
        if self.rebuild_history {
            rebuild_history(&places(&results), folder.name())?;
            eprintln!("the history is written again; what was there is history.jsonl.edited");
        }
        let loops = self.loops.loops.map_or(Loops::Left, |loops| Loops::Set(Some(loops)));
        go_on(&results, &folder, &self.loops, &scope, loops, proposal, false)
    }
}
