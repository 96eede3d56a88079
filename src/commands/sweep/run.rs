//! `aees sweep run`: plans a study, enters it into the registry, and runs what is not done.

use std::path::Path;
use std::process::ExitCode;
use std::time::Instant;

use aees_studies::plan::{StudyPlan, recall, study_name};
use aees_studies::study::{Overrides, Study};
use clap::Args;

use super::enter::{Consent, enter};
use super::execute::{EXIT_CODES, Running, RunningFlags, execute};
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
    /// Plan the study anew though runs leave it that an earlier plan of this name had
    #[arg(long)]
    replace: bool,
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
        self.running.check()?;
        let file = Path::new(&self.study);
        if !file.is_file() {
            let (mut plan, since) = (planned(&results, &self.study, &overrides)?, Instant::now());
            let again = vec!["resume".to_owned(), plan.name.clone()];
            let executed = execute(&results, &mut plan, &Running { typed: &self.running, again })?;
            return conclude(&results, &plan, &executed, since);
        }
        let consent = Consent { many: self.yes, replace: self.replace };
        let study = recall(Study::read(file)?, &results.root)?;
        let plan = enter(&results, &study, &overrides, consent)?;
        let running = Running { typed: &self.running, again: again(&self.study, &plan, &overrides) };
        run_in_rounds(&results, study, &overrides, plan, consent, &running)
    }
}

/// The words of a command that runs the same runs of a study that is planned now.
fn again(file: &str, plan: &StudyPlan, overrides: &Overrides) -> Vec<String> {
    if plan.selected.is_none() {
        return vec!["resume".into(), plan.name.clone()];
    }
    let file = std::path::absolute(file).map_or_else(|_| file.to_owned(), |path| path.to_string_lossy().into_owned());
    [vec!["run".into(), file, "--yes".into()], arguments(overrides)].concat()
}

/// The plan of a study that is named, not read: filters are applied to combinations, which only the study file has.
fn planned(results: &Results, named: &str, overrides: &Overrides) -> Result<StudyPlan, Failure> {
    if *overrides != Overrides::default() {
        return Err(Failure::with_help(
            "overrides and filters need the study file, not its name",
            format!("name the study file: aees sweep run FILE ...{}", results.flags),
        ));
    }
    match results.resume(study_name(named))? {
        Some(plan) => Ok(plan),
        None => Err(Failure::with_help(
            format!("{named}: there is no such study file, and no planned study"),
            format!("name a study file, or a study below {}", results.root.studies().display()),
        )),
    }
}
