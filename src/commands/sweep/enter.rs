//! Plans a study and enters it into the registry: what comes before its runs, and before each round of a search that learns.

use std::path::Path;

use aees_run::artifact::FileError;
use aees_studies::plan::{Planner, StudyPlan};
use aees_studies::registry::{Registry, RunState};
use aees_studies::study::{Overrides, Study};

use super::inputs;
use crate::failure::Failure;
use crate::results::Results;

/// The plan of a study, written into its folder and entered into the registry.
pub(super) fn enter(results: &Results, study: &Study, overrides: &Overrides, yes: bool) -> Result<StudyPlan, Failure> {
    study.expand(overrides)?.check_size(yes)?;
    let mut inputs = inputs::finder();
    let registry = results.reader_if_any()?;
    let mut planner = Planner { root: &results.root, registry: registry.as_ref(), inputs: &mut inputs, dry_run: false };
    let plan = planner.plan(study, overrides)?;
    drop(registry);
    if let Some(most) = study.budget.max_runs
        && plan.selected.len() as u64 > most
        && !yes
    {
        let message = format!("the study has {} runs, and budget.max_runs is {most}", plan.selected.len());
        return Err(Failure::with_help(message, "select fewer with --only or --limit, or say --yes"));
    }
    let folder = results.registry.parent().unwrap_or(Path::new("."));
    std::fs::create_dir_all(folder).map_err(FileError::at("make", folder))?;
    let mut registry = Registry::open(&results.registry)?;
    let before = plan.program.as_ref().and_then(|_| StudyPlan::planned_program(&results.root, &plan.name));
    plan.save(&results.root)?;
    let planned = registry.plan(&plan.spec, &plan.members)?;
    inputs.remember(&mut registry)?;
    plan.warnings.iter().for_each(|warning| eprintln!("warning: {warning}"));
    if let (Some(program), Some(before)) = (&plan.program, &before) {
        let changes = program.changes_since(before);
        changes.iter().for_each(|change| eprintln!("warning: since the study was planned before, {change}"));
    }
    let done = registry.states(&plan.selected)?.into_values().filter(|state| *state == RunState::Done).count();
    let others = plan.members.len() - plan.selected.len();
    let left_out = if others > 0 { format!("; {others} more are not selected") } else { String::new() };
    eprintln!("{}: {} runs, {done} of them done, {} new{left_out}", plan.name, plan.selected.len(), planned.created);
    Ok(plan)
}
