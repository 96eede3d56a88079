//! `aees sweep resume`: runs what is left of a planned study.

use std::path::Path;
use std::process::ExitCode;
use std::time::Instant;

use aees_studies::SweepError;
use aees_studies::plan::{StudyPlan, recall, study_name};
use aees_studies::registry::{Audit, RunFilter, RunState};
use aees_studies::study::{Overrides, Study};
use clap::Args;

use super::enter::Consent;
use super::execute::{EXIT_CODES, Running, RunningFlags};
use super::rounds::run_in_rounds;
use crate::failure::Failure;
use crate::results::{Results, ResultsFlags, only, study_names};

/// Runs what is left of a planned study
#[derive(Args)]
#[command(after_help = EXIT_CODES)]
pub(crate) struct ResumeFlags {
    /// The name of the study; the only one when there is one
    study: Option<String>,
    /// Try failed runs again, too
    #[arg(long)]
    retry_failed: bool,
    #[command(flatten)]
    results: ResultsFlags,
    #[command(flatten)]
    running: RunningFlags,
}

impl ResumeFlags {
    pub(crate) fn run(self) -> Result<ExitCode, Failure> {
        let results = self.results.results();
        let name = match self.study {
            // A file stands for the study that was planned from it.
            Some(file) if Path::new(&file).is_file() => Study::read(Path::new(&file))?.name,
            Some(named) => study_name(&named).to_owned(),
            None => only_study(&results)?,
        };
        self.running.check()?;
        let Some(plan) = results.resume(&name)? else {
            let studies = results.root.studies();
            let help =
                format!("`aees sweep run FILE` plans and runs a study; planned ones are in {}", studies.display());
            return Err(Failure::with_help(format!("there is no planned study {name}"), help));
        };
        if self.retry_failed {
            retry_failed(&results, &name)?;
        }
        go_on(&results, plan, &self.running)
    }
}

/// Runs what is left of a study's newest plan.
pub(super) fn go_on(results: &Results, plan: StudyPlan, typed: &RunningFlags) -> Result<ExitCode, Failure> {
    let running = Running { typed, again: vec!["resume".to_owned(), plan.name.clone()], since: Instant::now() };
    let (study, overrides) = study_of(&plan, results)?.unzip();
    let consent = Consent { many: true, replace: false };
    run_in_rounds(results, study, &overrides.unwrap_or_default(), plan, consent, &running)
}

/// The study file of a plan whose trials are not all chosen, with what was set in all runs; none for other plans.
fn study_of(plan: &StudyPlan, results: &Results) -> Result<Option<(Study, Overrides)>, Failure> {
    let Some(search) = &plan.search else { return Ok(None) };
    if !search.source.is_file() {
        let source = search.source.display();
        eprintln!("warning: {source} is gone: the trials that were chosen are run, and no further ones");
        return Ok(None);
    }
    let study = recall(Study::read(&search.source)?, &results.root)?;
    if study.name != plan.name || study.search_id().map_err(SweepError::from)?.full() != search.id {
        let source = search.source.display();
        eprintln!(
            "warning: {source} asks for another search now: the trials that were chosen are run, and no further ones"
        );
        return Ok(None);
    }
    Ok(Some((study, Overrides { set: search.overrides.clone(), ..Overrides::default() })))
}

fn only_study(results: &Results) -> Result<String, Failure> {
    let reader = results.reader_if_any()?;
    let names = reader.map(|reader| study_names(&reader, None)).transpose()?.unwrap_or_default();
    let none = Failure::with_help("no study was planned here", "`aees sweep run FILE` plans and runs one");
    only(&names, "studies", none)
}

fn retry_failed(results: &Results, name: &str) -> Result<(), Failure> {
    let mut registry = results.writer()?;
    let filter = RunFilter { study: Some(name.to_owned()), states: vec![RunState::Failed], ..RunFilter::default() };
    let failed: Vec<_> = registry.runs(&filter)?.into_iter().map(|row| row.run_id).collect();
    let audit = Audit { actor: "sweep resume", reason: "--retry-failed" };
    let moved = registry.retry(&failed, &audit)?;
    eprintln!("{} failed runs are tried again", moved.changed.len());
    Ok(())
}
