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
use crate::table::{Grid, GridCell, Side};

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
                let columns = ["loop", "is", "iterations", "kept", "the incumbent", "changed (UTC)"];
                let mut table = Grid::new(columns.map(|name| (name, Side::Left)));
                for name in names {
                    table.row(LoopView::read(&root, name)?.cells());
                }
                table.print();
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

    fn word(&self) -> String {
        match (&self.state.status, self.process) {
            (_, Some(process)) => format!("at work (process {process})"),
            (LoopStatus::Open, None) => "stopped".to_owned(),
            (LoopStatus::NeedInput(_), None) => "waiting for a person".to_owned(),
            (LoopStatus::Finished, None) => "finished".to_owned(),
            (LoopStatus::Plateau, None) => "finished: nothing was kept for long".to_owned(),
            (LoopStatus::Exhausted, None) => "finished: everything was tried".to_owned(),
            (LoopStatus::Failed(_), None) => "failed".to_owned(),
        }
    }

    /// The name of the metric.
    fn metric(&self) -> String {
        Objective::parse(&self.state.foundation.metric).name
    }

    /// The incumbent's mean, for people.
    fn best(&self) -> String {
        self.state.incumbent.mean.map(|mean| shown::metric(&self.metric(), mean)).unwrap_or_default()
    }

    fn cells(&self) -> Vec<GridCell> {
        let state = &self.state;
        let texts = [
            self.folder.name().to_owned(),
            self.word(),
            state.iterations.to_string(),
            state.kept.to_string(),
            format!("{} {}", incumbent_words(state), self.best()),
            moment(state.updated_at),
        ];
        texts.map(GridCell::from).to_vec()
    }

    fn print(&self) {
        let state = &self.state;
        let left = state.remaining.map(|left| format!(", {left} to come")).unwrap_or_default();
        stdout::line(format!("{}: {}", self.folder.name(), self.word()));
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
        let columns = ["iteration", "verdict", "seeds", "mean", "difference", "must reach", "what"];
        let mut table = Grid::new(columns.map(|name| (name, Side::Left)));
        let name = &self.metric();
        for record in &self.records[self.records.len().saturating_sub(SHOWN)..] {
            let estimate = record.estimate;
            let difference = estimate.map(|estimate| estimate.difference);
            let cells: Vec<GridCell> = vec![
                record.iteration.to_string().into(),
                record.verdict.name().into(),
                record.pairs.len().to_string().into(),
                GridCell::metric(name, record.mean),
                difference.map_or_else(String::new, shown::number).into(),
                estimate.and_then(|estimate| estimate.threshold).map_or_else(String::new, shown::number).into(),
                if record.verdict == LoopVerdict::Rejected {
                    record.reason.lines().next().unwrap_or_default().into()
                } else {
                    record.title().into()
                },
            ];
            table.row(cells);
        }
        table.print();
    }

    fn json(&self) -> Value {
        let state = &self.state;
        let word = match (&state.status, self.process) {
            (_, Some(_)) => "running",
            (LoopStatus::Open, None) => "stopped",
            (LoopStatus::NeedInput(_), None) => "need_input",
            (LoopStatus::Finished, None) => "finished",
            (LoopStatus::Plateau, None) => "plateau",
            (LoopStatus::Exhausted, None) => "exhausted",
            (LoopStatus::Failed(_), None) => "failed",
        };
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
        let last = &self.records[self.records.len().saturating_sub(SHOWN)..];
        json!({
            "loop": self.folder.name(), "status": word, "message": message, "process": self.process,
            "launch": self.launch.as_ref().map(|(launch, _)| launch), "task": state.foundation.task,
            "metric": state.foundation.metric, "setup_done": state.setup_done, "baseline_done": state.baseline_done,
            "iterations_completed": state.iterations, "iterations_left": state.remaining, "kept": state.kept,
            "since_keep": state.since_keep, "best": state.incumbent.mean, "incumbent": state.incumbent,
            "in_progress": current, "source": state.source, "state_path": self.folder.state(),
            "history_path": self.folder.history(), "results_path": self.folder.results(),
            "next_proposal_path": self.folder.next_proposal(), "runner_log_path": self.launch.as_ref().map(|(_, log)| log),
            "created_at": state.created_at, "updated_at": state.updated_at, "last_iterations": last,
        })
    }
}
