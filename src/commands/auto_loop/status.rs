//! `aees loop status`: where a loop is, what it found, and what it tried last.

use std::process::ExitCode;

use aees_run::shown;
use aees_run::times::moment;
use aees_studies::auto_loop::{IterationRecord, LoopFolder, LoopHistory, LoopState, LoopStatus, LoopVerdict};
use aees_studies::background::{LaunchState, read_launches};
use aees_studies::disk::Root;
use aees_studies::study::Objective;
use clap::Args;
use serde_json::{Value, json};

use super::telling::incumbent_words;
use crate::failure::Failure;
use crate::results::ResultsFlags;
use crate::stdout;
use crate::table::{Grid, GridCell};

/// How many iterations are shown.
const SHOWN: usize = 10;

/// Shows where loops are, what they found, and what they tried last
#[derive(Args)]
#[command(infer_long_args = true)]
pub(crate) struct LoopStatusFlags {
    /// The loop [default: all]
    name: Option<String>,
    /// Print one JSON document on stdout
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    results: ResultsFlags,
}

impl LoopStatusFlags {
    pub(crate) fn run(self) -> Result<ExitCode, Failure> {
        let root = self.results.results().root;
        let names = match self.name {
            Some(name) => vec![LoopFolder::find(&root, &name)?.name().to_owned()],
            None => LoopFolder::all(&root),
        };
        match (names.as_slice(), self.json) {
            ([], false) => eprintln!("there is no loop yet; `aees loop start FILE` starts one"),
            ([name], true) => print_json(&root, name)?,
            (names, true) => {
                let loops = names.iter().map(|name| LoopView::read(&root, name).map(|view| view.json()));
                stdout::line(json!({"loops": loops.collect::<Result<Vec<_>, _>>()?}));
            }
            ([name], false) => LoopView::read(&root, name)?.print(),
            (names, false) => {
                let loops: Vec<_> = names.iter().map(|name| LoopView::read(&root, name)).collect::<Result<_, _>>()?;
                Grid::of(&loops)
                    .text("loop", |view| view.folder.name())
                    .text("is", LoopView::told)
                    .text("iterations", |view| view.state.iterations.to_string())
                    .text("kept", |view| view.state.kept.to_string())
                    .text("the incumbent", |view| format!("{} {}", incumbent_words(&view.state), view.best()))
                    .text("changed (UTC)", |view| moment(view.state.updated_at))
                    .print();
            }
        }
        Ok(ExitCode::SUCCESS)
    }
}

/// The status of a loop as one JSON document.
pub(super) fn print_json(root: &Root, name: &str) -> Result<(), Failure> {
    stdout::line(LoopView::read(root, name)?.json());
    Ok(())
}

/// A loop as it is now.
struct LoopView {
    folder: LoopFolder,
    state: LoopState,
    records: Vec<IterationRecord>,
    /// What is wrong with its history.
    trouble: Option<String>,
    /// The process at work.
    process: Option<u32>,
    /// Its launch in the background and the log of that.
    launch: Option<(String, String)>,
}

impl LoopView {
    fn read(root: &Root, name: &str) -> Result<Self, Failure> {
        let folder = LoopFolder::find(root, name)?;
        let state = LoopState::read(&folder)?;
        let process = folder.holder().map(|process| process.pid);
        let (records, trouble) = match LoopHistory::read(&folder, &state.history) {
            Ok(history) => (history.records, None),
            // It may have gone on between the two looks.
            Err(_) if process.is_some() => {
                let state = LoopState::read(&folder)?;
                (LoopHistory::read(&folder, &state.history).map(|history| history.records).unwrap_or_default(), None)
            }
            Err(error) => (Vec::new(), Some(error.to_string())),
        };
        let launches = read_launches(root).map(|(launches, _)| launches).unwrap_or_default();
        let newest = launches.into_iter().rev().find(|launch| launch.record.label == name);
        let launch = newest.map(|launch| {
            let is_over = launch.state() != LaunchState::Running;
            let word = if is_over { format!("{} (over)", launch.record.id) } else { launch.record.id.clone() };
            (word, launch.log().display().to_string())
        });
        Ok(Self { folder, state, records, trouble, process, launch })
    }

    /// Where it is, in a word for programs and in words for people.
    fn words(&self) -> (&'static str, &'static str) {
        match &self.state.status {
            _ if self.process.is_some() => ("running", "at work"),
            LoopStatus::Open => ("stopped", "stopped"),
            LoopStatus::NeedInput(_) => ("need_input", "waiting for a person"),
            LoopStatus::Finished => ("finished", "finished"),
            LoopStatus::Plateau => ("plateau", "finished: nothing was kept for long"),
            LoopStatus::Exhausted => ("exhausted", "finished: everything was tried"),
            LoopStatus::Failed(_) => ("failed", "failed"),
        }
    }

    fn told(&self) -> String {
        let (_, words) = self.words();
        self.process.map_or_else(|| words.to_owned(), |process| format!("{words} (process {process})"))
    }

    /// The name of the metric.
    fn metric(&self) -> String {
        Objective::parse(&self.state.foundation.metric).name
    }

    /// The incumbent's mean, for people.
    fn best(&self) -> String {
        self.state.incumbent.mean.map(|mean| shown::metric(&self.metric(), mean)).unwrap_or_default()
    }

    fn print(&self) {
        let state = &self.state;
        let left = state.remaining.map(|left| format!(", {left} to come")).unwrap_or_default();
        stdout::line(format!("{}: {}", self.folder.name(), self.told()));
        stdout::line(format!("  {} iterations, {} kept{left}", state.iterations, state.kept));
        if state.incumbent.mean.is_some() {
            let (words, metric) = (incumbent_words(state), &state.foundation.metric);
            stdout::line(format!("  the incumbent is {words}: {metric} {}", self.best()));
        }
        if !state.incumbent.patch.is_empty() {
            stdout::line(format!("  it differs from the start in {}", Value::Object(state.incumbent.patch.clone())));
        }
        if let Some(current) = &state.current {
            stdout::line(format!(
                "  iteration {} is at `{}`: {}",
                current.number, current.next, current.proposal.description
            ));
        } else if !state.baseline_done {
            stdout::line("  the baseline is not trained yet");
        }
        match &state.status {
            LoopStatus::NeedInput(question) => stdout::line(format!("  it asks: {question}")),
            LoopStatus::Failed(why) => stdout::line(format!("  it failed: {why}")),
            _ => {}
        }
        if let Some(trouble) = &self.trouble {
            stdout::line(format!("  its history cannot be read: {trouble}"));
        }
        if let Some((launch, log)) = &self.launch {
            stdout::line(format!("  launch {launch}, log {log}"));
        }
        stdout::line(format!("  files in {}", self.folder.path().display()));
        if self.records.is_empty() {
            return;
        }
        let name = self.metric();
        let number = |value: Option<f64>| value.map(shown::number).unwrap_or_default();
        Grid::of(self.last())
            .text("iteration", |record| record.iteration.to_string())
            .text("verdict", |record| record.verdict.name())
            .text("seeds", |record| record.pairs.len().to_string())
            .text("mean", |record| GridCell::metric(&name, record.mean))
            .text("difference", |record| number(record.estimate.map(|estimate| estimate.difference)))
            .text("must reach", |record| number(record.estimate.and_then(|estimate| estimate.threshold)))
            .text("what", |record| match record.verdict {
                LoopVerdict::Rejected => record.reason.lines().next().unwrap_or_default().to_owned(),
                _ => record.title(),
            })
            .print();
    }

    /// The iterations that are shown.
    fn last(&self) -> &[IterationRecord] {
        &self.records[self.records.len().saturating_sub(SHOWN)..]
    }

    fn json(&self) -> Value {
        let state = &self.state;
        let (word, _) = self.words();
        let message = match &state.status {
            LoopStatus::NeedInput(text) | LoopStatus::Failed(text) => Some(text.clone()),
            _ => self.trouble.clone(),
        };
        let current = state.current.as_ref().map(|current| {
            json!({
                "iteration": current.number, "stage": current.next, "source": current.source, "proposal": current.proposal,
                "seeds": current.seeds,
            })
        });
        json!({
            "loop": self.folder.name(), "status": word, "message": message, "process": self.process,
            "launch": self.launch.as_ref().map(|(launch, _)| launch), "task": state.foundation.task,
            "metric": state.foundation.metric, "setup_done": state.setup_done, "baseline_done": state.baseline_done,
            "iterations_completed": state.iterations, "iterations_left": state.remaining, "kept": state.kept,
            "since_keep": state.since_keep, "best": state.incumbent.mean, "incumbent": state.incumbent,
            "in_progress": current, "source": state.source, "state_path": self.folder.state(),
            "history_path": self.folder.history(), "results_path": self.folder.results(),
            "next_proposal_path": self.folder.next_proposal(), "runner_log_path": self.launch.as_ref().map(|(_, log)| log),
            "created_at": state.created_at, "updated_at": state.updated_at, "last_iterations": self.last(),
        })
    }
}
