//! Plans a study and enters it into the registry: what comes before its runs, and before each round of a search that learns.

use aees_studies::plan::{Planner, StudyPlan};
use aees_studies::registry::RunState;
use aees_studies::study::{Overrides, Study, quoted};

use super::inputs;
use crate::failure::Failure;
use crate::results::Results;

/// What the user agreed to beforehand.
#[derive(Clone, Copy)]
pub(crate) struct Consent {
    /// `--yes`: many runs.
    pub(crate) many: bool,
    /// `--replace`: that runs of an earlier plan leave the study.
    pub(crate) replace: bool,
}

/// The plan of a study, a version of its own in the study's folder and entered into the registry.
pub(crate) fn enter(
    results: &Results,
    study: &Study,
    overrides: &Overrides,
    consent: Consent,
) -> Result<StudyPlan, Failure> {
    study.expand(overrides)?.check_size(consent.many)?;
    let mut inputs = inputs::finder();
    let registry = results.reader_if_any()?;
    let mut planner = Planner { root: &results.root, registry: registry.as_ref(), inputs: &mut inputs, dry_run: false };
    let mut plan = planner.plan(study, overrides)?;
    drop(registry);
    plan.warnings.iter().for_each(|warning| eprintln!("warning: {warning}"));
    check_selected(results, study, &plan, consent)?;
    tell_of_changes(results, &plan);
    let mut registry = results.writer_or_new()?;
    let planned = plan.enter(&results.root, &mut registry, consent.replace)?;
    inputs.remember(&mut registry)?;
    let runs = plan.selected_members();
    let states = registry.states(&plan.name, runs.iter().map(|member| &member.run.run_id))?;
    let done = states.into_values().filter(|state| *state == RunState::Done).count();
    let (selected, others) = (runs.len(), plan.runs - runs.len());
    let left_out = if others > 0 { format!("; {others} more are not selected") } else { String::new() };
    let gone = if planned.dropped > 0 { format!("; {} left the study", planned.dropped) } else { String::new() };
    eprintln!("{}: {selected} runs, {done} of them done, {} new{left_out}{gone}", plan.name, planned.created);
    Ok(plan)
}

/// Refuses a selection of nothing, and one of more runs than the study's budget.
fn check_selected(results: &Results, study: &Study, plan: &StudyPlan, consent: Consent) -> Result<(), Failure> {
    let selected = plan.selected_runs();
    if selected == 0 {
        let file = quoted(&study.source.to_string_lossy());
        let help = format!("see what there is with: aees sweep plan {file}{}", results.flags);
        return Err(Failure::with_help("no run of the study is selected", help));
    }
    if let Some(most) = study.budget.max_runs
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
