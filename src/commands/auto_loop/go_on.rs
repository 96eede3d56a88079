//! Works at a loop, here or in the background: what `start` and `resume` have in common.

use std::ffi::OsString;
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Instant;

use aees_run::artifact::FileError;
use aees_studies::auto_loop::{
    AutoLoop, AutoLoopEnd, LoopEvent, LoopFolder, LoopHalt, LoopScope, LoopState, LoopStatus, bounded_text,
    read_loop_study,
};
use aees_studies::background::launch_detached;
use aees_studies::disk::Root;
use aees_studies::study::StudyTask;
use clap::Args;

use super::places;
use super::status::print_json;
use super::telling::Telling;
use super::trainer::LocalTrainer;
use crate::commands::sweep::{ResourceFlags, deadline, inputs};
use crate::failure::{EXIT_INTERRUPTED, EXIT_WORK_LEFT, Failure};
use crate::progress::ProgressFlag;
use crate::results::{Results, absolute};

pub(super) const EXIT_CODES: &str = "Exit codes: 0 started in the background, or what was asked for is done, 1 wrong usage, loop or \
                                     environment, 3 stopped with work left or a person is asked, 130 interrupted.";

#[derive(Args)]
pub(super) struct LoopFlags {
    /// So many iterations, the one under way included
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u64).range(1..=1_000_000))]
    pub(super) loops: Option<u64>,
    /// What may run: setup, baseline, loop, or stages (propose, apply, commit, train, triage, record, decide)
    #[arg(long, value_name = "LIST", value_delimiter = ',')]
    only: Vec<String>,
    /// Which stages of an iteration may run
    #[arg(long, value_name = "LIST", value_delimiter = ',')]
    loop_only: Vec<String>,
    /// Checkpoint everything and stop after this time
    #[arg(long, value_name = "HOURS", allow_negative_numbers = true)]
    pub(super) max_hours: Option<f64>,
    /// The next proposal, used once; a copy is kept with the loop
    #[arg(long, value_name = "FILE")]
    proposal_file: Option<PathBuf>,
    /// Work here, and return when the loop rests
    #[arg(long)]
    no_background: bool,
    #[command(flatten)]
    resources: ResourceFlags,
    #[command(flatten)]
    progress: ProgressFlag,
    /// Print the status as one JSON document at the end
    #[arg(long)]
    json: bool,
}

/// How many iterations are to come.
pub(super) enum Loops {
    /// These; none for no bound.
    Set(Option<u64>),
    /// What is left.
    Left,
}

impl LoopFlags {
    /// Refuses what cannot be meant, before anything is read.
    pub(super) fn check(&self) -> Result<LoopScope, Failure> {
        self.resources.check(self.max_hours)?;
        LoopScope::of(&self.only, &self.loop_only).map_err(|word| {
            let help = "there are setup, baseline and loop, and the stages propose, apply, commit, train, triage, record and decide";
            Failure::with_help(format!("`{word}` is neither a phase nor a stage"), help)
        })
    }

    /// The proposal that was named.
    pub(super) fn proposal(&self) -> Result<Option<String>, Failure> {
        Ok(self.proposal_file.as_deref().map(bounded_text).transpose()?)
    }

    fn again(&self) -> impl Iterator<Item = OsString> {
        let lists = [("--only", &self.only), ("--loop-only", &self.loop_only)];
        let lists = lists.into_iter().filter(|(_, list)| !list.is_empty());
        let lists = lists.flat_map(|(flag, list)| [flag.to_owned(), list.join(",")]);
        lists.chain(self.resources.again(self.max_hours)).map(OsString::from)
    }
}

/// Works at a loop. In the background only what a user should see at once is done here: whether it can go on at all.
pub(super) fn go_on(
    results: &Results,
    folder: &LoopFolder,
    typed: &LoopFlags,
    scope: &LoopScope,
    loops: Loops,
    proposal: Option<String>,
    is_new: bool,
) -> Result<ExitCode, Failure> {
    let mut places = places(results);
    // Relative paths in its settings mean files where it was started.
    let (state, words) = (LoopState::read(folder)?, results.words());
    (places.root, places.registry) = (Root::new(absolute(places.root.path())), absolute(&places.registry));
    std::env::set_current_dir(&state.working_directory).map_err(FileError::at("go to", &state.working_directory))?;
    let study = read_loop_study(&state.source, Some(folder.name()))?;
    let slots = typed.resources.run_slots(&study.policy.resources, matches!(study.task, StudyTask::Train(_)))?;
    let deadline = deadline([typed.max_hours, study.policy.max_hours], Instant::now());
    let telling = Telling::new(typed.progress.style(), &study);
    let mut trainer = LocalTrainer::new(&places, slots, deadline, typed.progress.style())?;
    let prepare = LoopScope { setup: true, baseline: false, iterations: false, stages: Vec::new() };
    let mut tell = |event: LoopEvent<'_>| telling.show(event);
    let mut machine = AutoLoop::open(places.clone(), folder.name(), inputs(), &mut trainer, &mut tell)?;
    if let Loops::Set(loops) = loops {
        machine.set_remaining(loops)?;
    }
    if let Some(text) = &proposal {
        machine.queue_proposal(text.as_bytes())?;
    }
    if typed.no_background {
        let end = machine.run(scope)?;
        let state = LoopState::read(&LoopFolder::new(&places.root, folder.name()))?;
        telling.conclude(folder.name(), &end, &state, &results.flags);
        if typed.json {
            print_json(&places.root, folder.name())?;
        }
        return Ok(ExitCode::from(code(&end)));
    }
    machine.run(&prepare)?;
    let mut command: Vec<OsString> = ["loop", "resume", folder.name(), "--no-background"].map(OsString::from).to_vec();
    command.extend(typed.again());
    command.extend(words);
    let launch = launch_detached(&places.root, folder.name(), &command)?;
    let word = if is_new { "started" } else { "goes on" };
    eprintln!(
        "{} {word} in the background as {}; `aees loop status {0}{flags}` shows it, `aees loop stop {0}{flags}` ends it",
        folder.name(),
        launch.record.id,
        flags = results.flags,
    );
    if typed.json {
        print_json(&places.root, folder.name())?;
    }
    Ok(ExitCode::SUCCESS)
}

fn code(end: &AutoLoopEnd) -> u8 {
    match end {
        AutoLoopEnd::ScopeDone
        | AutoLoopEnd::AtRest(LoopStatus::Finished | LoopStatus::Plateau | LoopStatus::Exhausted) => 0,
        AutoLoopEnd::AtRest(_) | AutoLoopEnd::Halted(LoopHalt::Deadline) => EXIT_WORK_LEFT,
        AutoLoopEnd::Halted(LoopHalt::Interrupted) => EXIT_INTERRUPTED,
    }
}
