//! `aees sweep run`: plans a study, enters it into the registry, and runs what is not done.

use std::path::Path;
use std::process::ExitCode;

use aees_studies::plan::{Planner, StudyPlan, study_name};
use aees_studies::registry::RunState;
use aees_studies::study::{Overrides, Study, quoted};
use clap::Args;

use super::execute::{EXIT_CODES, RunningFlags, execute};
use super::filters::FilterFlags;
use super::inputs;
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
        let overrides = Overrides::from(self.filters.clone());
        let slots = self.running.slots()?;
        let mut plan = match Path::new(&self.study).is_file() {
            true => self.plan(&results, &overrides)?,
            false => planned(&results, &self.study, &overrides)?,
        };
        execute(&results, &mut plan, &self.running, slots)
    }

    /// Plans the study and enters it into the registry.
    fn plan(&self, results: &Results, overrides: &Overrides) -> Result<StudyPlan, Failure> {
        let study = Study::read(Path::new(&self.study))?;
        study.expand(overrides)?.check_size(self.yes)?;
        let mut inputs = inputs::finder();
        let registry = results.reader_if_any()?;
        let mut planner =
            Planner { root: &results.root, registry: registry.as_ref(), inputs: &mut inputs, dry_run: false };
        let mut plan = planner.plan(&study, overrides)?;
        drop(registry);
        plan.warnings.iter().for_each(|warning| eprintln!("warning: {warning}"));
        let selected = plan.selected_runs();
        if selected == 0 {
            let help = format!("see what there is with: aees sweep plan {}{}", quoted(&self.study), results.flags);
            return Err(Failure::with_help("no run of the study is selected", help));
        }
        if let Some(most) = study.budget.max_runs
            && selected as u64 > most
            && !self.yes
        {
            let message = format!("the study has {selected} runs, and budget.max_runs is {most}");
            return Err(Failure::with_help(message, "select fewer with --only or --limit, or say --yes"));
        }
        let mut registry = results.writer_or_new()?;
        let planned = plan.enter(&results.root, &mut registry, self.replace)?;
        inputs.remember(&mut registry)?;
        let runs = plan.selected_members();
        let states = registry.states(runs.iter().map(|member| &member.run.run_id))?;
        let done = states.into_values().filter(|state| *state == RunState::Done).count();
        let others = plan.runs - selected;
        let left_out = if others > 0 { format!("; {others} more are not selected") } else { String::new() };
        let gone = if planned.dropped > 0 { format!("; {} left the study", planned.dropped) } else { String::new() };
        eprintln!("{}: {selected} runs, {done} of them done, {} new{left_out}{gone}", plan.name, planned.created);
        Ok(plan)
    }
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
