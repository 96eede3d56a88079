//! A study that a user names becomes a plan: read, planned, and entered into the registry. That comes before its runs, before
//! each round of a search that learns, and before tasks of a batch system.

use std::path::Path;

use aees_studies::plan::{Planner, StudyPlan, recall, study_name};
use aees_studies::registry::{PlanChanges, RunState};
use aees_studies::study::{Overrides, Study, check_size, quoted};
use clap::Args;

use super::filters::FilterFlags;
use super::inputs;
use crate::failure::Failure;
use crate::results::{Results, ResultsFlags};

/// The study that is meant, which of its runs, and what may happen.
#[derive(Args)]
pub(crate) struct StudyFlags {
    /// The study file, or the name of a study that was planned before
    study: String,
    #[command(flatten)]
    consent: Consent,
    #[command(flatten)]
    results: ResultsFlags,
    #[command(flatten)]
    filters: FilterFlags,
}

/// What the user agrees to beforehand.
#[derive(Args, Clone, Copy)]
pub(crate) struct Consent {
    /// Take also more than 10,000 runs, or more than budget.max_runs
    #[arg(long = "yes")]
    pub(crate) many: bool,
    /// Plan the study anew though runs leave it that an earlier plan of this name had
    #[arg(long)]
    pub(crate) replace: bool,
}

/// What [`StudyFlags`] name, read and not yet planned.
pub(crate) struct NamedStudy {
    /// The word that was typed.
    pub(crate) named: String,
    /// The study, if that was a file.
    pub(crate) file: Option<Study>,
    pub(crate) overrides: Overrides,
    pub(crate) consent: Consent,
    pub(crate) results: Results,
}

impl StudyFlags {
    pub(crate) fn read(self) -> Result<NamedStudy, Failure> {
        let Self { study: named, consent, results, filters } = self;
        let results = results.results();
        let file = match Path::new(&named).is_file() {
            true => Some(recall(without_loop(Study::read(Path::new(&named))?)?, &results.root)?),
            false => None,
        };
        Ok(NamedStudy { named, file, overrides: Overrides::from(filters), consent, results })
    }
}

/// A loop's file says what to begin with, and not which runs there are.
fn without_loop(study: Study) -> Result<Study, Failure> {
    if study.loop_block.is_none() {
        return Ok(study);
    }
    let file = quoted(&study.source.to_string_lossy());
    let message = format!("{}: the file has `loop:`, so it is a loop and not a study", study.source.display());
    Err(Failure::with_help(message, format!("start it with: aees loop start {file}")))
}

impl NamedStudy {
    /// The plan: made from the file, or the newest one of a study that was planned before.
    pub(crate) fn plan(&self) -> Result<StudyPlan, Failure> {
        match &self.file {
            Some(study) => enter(&self.results, study, &self.overrides, self.consent),
            None => self.planned(),
        }
    }

    /// The newest plan. Filters are applied to combinations, which only the study file has.
    pub(crate) fn planned(&self) -> Result<StudyPlan, Failure> {
        let Self { named, overrides, results, .. } = self;
        if *overrides != Overrides::default() {
            let help = format!("name the study file: aees sweep run FILE ...{}", results.flags);
            return Err(Failure::with_help("overrides and filters need the study file, not its name", help));
        }
        results.resume(study_name(named))?.ok_or_else(|| {
            Failure::with_help(
                format!("{named}: there is no such study file, and no planned study"),
                format!("name a study file, or a study below {}", results.root.studies().display()),
            )
        })
    }
}

/// The plan of a study, a version of its own in the study's folder and entered into the registry.
pub(crate) fn enter(
    results: &Results,
    study: &Study,
    overrides: &Overrides,
    consent: Consent,
) -> Result<StudyPlan, Failure> {
    let mut inputs = inputs::finder();
    let registry = results.reader_if_any()?;
    let mut planner = Planner { root: &results.root, registry: registry.as_ref(), inputs: &mut inputs, dry_run: false };
    if registry.is_some()
        && let Some(origin) = planner.planned(study, overrides)?
        && let Some(mut plan) = results.resume_whole(&study.name)?
    {
        inputs.remember(&mut results.writer()?)?;
        plan.warnings = origin.warnings;
        check_size(plan.runs, consent.many)?;
        check(results, study, &plan, consent)?;
        tell(results, &plan, &PlanChanges::default())?;
        return Ok(plan);
    }
    check_size(study.expand(overrides)?.runs(), consent.many)?;
    let mut plan = planner.plan(study, overrides)?;
    drop(registry);
    check(results, study, &plan, consent)?;
    tell_of_changes(results, &plan);
    let mut registry = results.writer_or_new()?;
    let planned = plan.enter(&results.root, &mut registry, consent.replace)?;
    inputs.remember(&mut registry)?;
    tell(results, &plan, &planned)?;
    Ok(plan)
}

/// How a plan stands before it is run.
fn tell(results: &Results, plan: &StudyPlan, changes: &PlanChanges) -> Result<(), Failure> {
    let counts = results.reader()?.queue(&plan.name, plan.selected.as_deref())?.counts();
    let (selected, done) = (plan.selected_runs(), counts.get(RunState::Done));
    let others = plan.runs - selected;
    let left_out = if others > 0 { format!("; {others} more are not selected") } else { String::new() };
    let gone = if changes.dropped > 0 { format!("; {} left the study", changes.dropped) } else { String::new() };
    eprintln!("{}: {selected} runs, {done} of them done, {} new{left_out}{gone}", plan.name, changes.created);
    Ok(())
}

/// Says what is probably not meant. Refuses a selection of nothing, and one of more runs than the study's budget.
fn check(results: &Results, study: &Study, plan: &StudyPlan, consent: Consent) -> Result<(), Failure> {
    plan.warnings.iter().for_each(|warning| eprintln!("warning: {warning}"));
    let selected = plan.selected_runs();
    if selected == 0 {
        let file = quoted(&study.source.to_string_lossy());
        let help = format!("see what there is with: aees sweep plan {file}{}", results.flags);
        return Err(Failure::with_help("no run of the study is selected", help));
    }
    if let Some(most) = study.max_runs
        && selected as u64 > most
        && !consent.many
    {
        let message = format!("the study has {selected} runs, and budget.max_runs is {most}");
        return Err(Failure::with_help(message, "select fewer with --only or --limit, or say --yes"));
    }
    Ok(())
}

/// Says how the program differs from that of the newest plan: runs that are done were made by what it was.
fn tell_of_changes(results: &Results, plan: &StudyPlan) {
    let Some(program) = &plan.program else { return };
    let Some(before) = StudyPlan::planned_program(&results.root, &plan.name) else { return };
    let changes = program.provenance.changes_since(&before);
    changes.iter().for_each(|change| eprintln!("warning: since the study was planned before, {change}"));
}
