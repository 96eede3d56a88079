//! `aees slurm status`: what Slurm says of a study's launches, beside what the disk and the registry say.

use std::collections::BTreeMap;
use std::process::ExitCode;

use aees_studies::slurm::collect::{OpenLaunch, launch_progress, open_launches};
use aees_studies::slurm::scheduler::{LaunchStates, is_dead};
use aees_studies::slurm::{SlurmError, scheduler};
use clap::Args;
use serde_json::{Value, json};

use crate::failure::Failure;
use crate::results::{Results, ResultsFlags, study_names};
use crate::stdout;
use crate::table::Grid;

/// Shows the launches of a study that hold runs: what Slurm says, and what their runs left on the disk
#[derive(Args)]
pub(crate) struct SlurmStatusFlags {
    /// The study; all of them when not given
    study: Option<String>,
    /// One JSON document
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    results: ResultsFlags,
}

/// A launch as both sides see it.
struct LaunchView {
    launch: OpenLaunch,
    /// Tasks by state; none when Slurm does not answer.
    tasks: Option<BTreeMap<String, usize>>,
    /// Runs by what the disk says.
    runs: BTreeMap<&'static str, usize>,
}

impl SlurmStatusFlags {
    pub(crate) fn run(self) -> Result<ExitCode, Failure> {
        let results = self.results.results();
        let registry = results.reader()?;
        let mut views = Vec::new();
        let mut silent = None;
        for study in study_names(&registry, self.study.as_deref())? {
            for launch in open_launches(&registry, &results.root, &study)? {
                let states = scheduler::states(&launch.record);
                let tasks = states.map(|states| tasks_by_state(&launch, &states));
                let tasks = tasks.map_err(|error: SlurmError| silent = Some(error.to_string())).ok();
                let runs = launch_progress(&results.root, &launch)?;
                views.push(LaunchView { launch, tasks, runs });
            }
        }
        if self.json {
            let rows: Vec<Value> = views.iter().map(LaunchView::to_json).collect();
            stdout::line(json!({"launches": rows, "slurm_answers": silent.is_none()}));
        } else {
            table(&views);
        }
        silent.iter().for_each(|why| eprintln!("warning: Slurm does not answer, and what it has may go on: {why}"));
        advise(&results, &views);
        Ok(ExitCode::SUCCESS)
    }
}

fn tasks_by_state(launch: &OpenLaunch, states: &LaunchStates) -> BTreeMap<String, usize> {
    let mut tasks = BTreeMap::new();
    for element in launch.record.elements() {
        let state = states.elements.get(&element).map_or("unknown", String::as_str);
        *tasks.entry(state.to_owned()).or_default() += 1;
    }
    tasks
}

impl LaunchView {
    fn jobs(&self) -> Vec<u64> {
        self.launch.record.arrays.iter().filter_map(|array| array.job).collect()
    }

    fn to_json(&self) -> Value {
        let record = &self.launch.record;
        json!({
            "launch": record.id(), "jobs": self.jobs(), "collect_job": record.collect_job, "stage": record.stage,
            "folder": self.launch.folder.path(), "runs": record.runs, "held": self.launch.claims.len(),
            "tasks_in_slurm": self.tasks, "runs_on_disk": self.runs,
        })
    }
}

fn table(views: &[LaunchView]) {
    if views.is_empty() {
        return eprintln!("no launch holds runs");
    }
    let jobs = |view: &LaunchView| view.jobs().iter().map(u64::to_string).collect::<Vec<_>>().join(", ");
    Grid::of(views)
        .text("launch", |view| view.launch.record.id())
        .text("jobs", jobs)
        .text("tasks in Slurm", |view| view.tasks.as_ref().map_or_else(|| "no answer".to_owned(), counted))
        .text("runs held", |view| view.launch.claims.len().to_string())
        .text("on the disk", |view| counted(&view.runs))
        .print();
}

fn counted<S: std::fmt::Display>(states: &BTreeMap<S, usize>) -> String {
    states.iter().map(|(state, count)| format!("{count} {state}")).collect::<Vec<_>>().join(", ")
}

/// What to do about what does not end by itself.
fn advise(results: &Results, views: &[LaunchView]) {
    let flags = &results.flags;
    for view in views {
        let study = &view.launch.record.study;
        let tasks = |which: fn(&str) -> bool| -> usize {
            view.tasks.iter().flatten().filter(|(state, _)| which(state)).map(|(_, count)| count).sum()
        };
        let (dead, unknown) = (tasks(is_dead), tasks(|state| state == "unknown"));
        if dead > 0 {
            eprintln!("{dead} tasks of {} are over: aees slurm sync {study}{flags}", view.launch.record.id());
        }
        if unknown > 0 {
            eprintln!(
                "Slurm does not know {unknown} tasks of {} any more: if nothing of them runs, `aees slurm cancel {study}{flags}` gives \
                 their runs back",
                view.launch.record.id()
            );
        }
    }
}
