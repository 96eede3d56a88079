//! `aees loop start`: a new loop from its file.

use std::fs;
use std::path::PathBuf;
use std::process::ExitCode;

use aees_studies::auto_loop::{LoopError, LoopFolder, LoopState, create_loop, read_loop_study};
use clap::Args;

use super::go_on::{EXIT_CODES, LoopFlags, Loops, go_on};
use super::places;
use crate::failure::Failure;
use crate::results::ResultsFlags;

/// Starts a loop from its file, in the background
#[derive(Args)]
#[command(after_help = EXIT_CODES)]
pub(crate) struct StartFlags {
    /// The loop's file: a study file with `loop:`
    file: PathBuf,
    /// Its name; the file's when not given
    #[arg(long, value_name = "NAME")]
    name: Option<String>,
    #[command(flatten)]
    loops: LoopFlags,
    #[command(flatten)]
    results: ResultsFlags,
}

impl StartFlags {
    pub(crate) fn run(self) -> Result<ExitCode, Failure> {
        let results = self.results.results();
        let scope = self.loops.check()?;
        let study = read_loop_study(&self.file, self.name.as_deref())?;
        let block = study.loop_block.as_ref();
        let loops = self.loops.loops.or(block.and_then(|block| block.loops));
        let patience = block.and_then(|block| block.patience);
        let hours = self.loops.max_hours.or(study.policy.max_hours);
        if scope.iterations && loops.is_none() && patience.is_none() && hours.is_none() {
            return Err(LoopError::Endless.into());
        }
        let proposal = self.loops.proposal()?;
        let folder = LoopFolder::new(&results.root, &study.name);
        create_loop(&places(&results), &study)?;
        go_on(&results, &folder, &self.loops, &scope, Loops::Set(loops), proposal, true).inspect_err(|_| {
            // Nothing was done yet: what is put right can be started again.
            if LoopState::read(&folder).is_ok_and(|state| !state.setup_done) {
                let _ = fs::remove_file(folder.state());
            }
        })
    }
}
