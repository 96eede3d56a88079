//! `aees sweep run`: plans a study, enters it into the registry, and runs what is not done.

use std::path::Path;
use std::process::ExitCode;
use std::time::Instant;

use aees_studies::plan::{StudyPlan, recall, study_name};
use aees_studies::study::{Overrides, Study};
use clap::Args;

use super::enter::enter;
use super::execute::{EXIT_CODES, RunningFlags, execute};
use super::filters::{FilterFlags, arguments};
use super::hooks::conclude;
use super::rounds::run_in_rounds;
use crate::failure::Failure;
use crate::results::{Results, ResultsFlags};

/// Plans a study and runs what is not done; continues interrupted runs from their checkpoints
#[derive(Args)]
#[command(after_help = EXIT_CODES)]
pub(crate) struct RunFlags {
    /// The study file, or the name of a study that was planned before
    study: String,
    /// Run also more than 10,000 runs, or more than budget.max_runs
    #[arg(long)]
    yes: bool,
    #[command(flatten)]
    results: ResultsFlags,
    #[command(flatten)]
    filters: FilterFlags,
    #[command(flatten)]
    running: RunningFlags,
}

impl RunFlags {
    pub(crate) fn run(self) -> Result<ExitCode, Failure> {
        let results = self.results.results();
        let overrides = Overrides::from(self.filters);
        if !Path::new(&self.study).is_file() {
            let (plan, since) = (planned(&results, &self.study, &overrides)?, Instant::now());
            let again = ["resume".to_owned(), plan.name.clone()];
            return conclude(&results, &plan, &execute(&results, &plan, &self.running, &again)?, since);
        }
        let study = recall(Study::read(Path::new(&self.study))?, &results.root)?;
        let plan = enter(&results, &study, &overrides, self.yes)?;
        let again = again(&self.study, &plan, &overrides);
        run_in_rounds(&results, study, &overrides, plan, (self.yes, &self.running), &again)
    }
}

/// The words of a command that runs the same runs of a study that is planned now.
fn again(file: &str, plan: &StudyPlan, overrides: &Overrides) -> Vec<String> {
    if plan.selected.len() == plan.members.len() {
        return vec!["resume".into(), plan.name.clone()];
    }
    let file = std::path::absolute(file).map_or_else(|_| file.to_owned(), |path| path.to_string_lossy().into_owned());
    [vec!["run".into(), file, "--yes".into()], arguments(overrides)].concat()
}

/// The plan of a study that is named, not read: filters are applied to combinations, which only the study file has.
fn planned(results: &Results, named: &str, overrides: &Overrides) -> Result<StudyPlan, Failure> {
    match StudyPlan::load(&results.root, study_name(named))? {
        Some(plan) if *overrides == Overrides::default() => Ok(plan),
        Some(_) => Err(Failure::with_help(
            "overrides and filters need the study file, not its name",
            "name the study file: aees sweep run FILE ...",
        )),
        None => Err(Failure::with_help(
            format!("{named}: there is no such study file, and no planned study"),
            format!("name a study file, or a study below {}", results.root.studies().display()),
        )),
    }
}
