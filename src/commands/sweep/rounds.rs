//! A study whose search learns: plan, run, choose the next trials by what came of them, and again.

use std::process::ExitCode;

use aees_studies::plan::{StudyPlan, next_round};
use aees_studies::study::{Overrides, Study};

use super::enter::{Consent, enter};
use super::execute::{Running, execute};
use super::hooks::conclude;
use crate::failure::{EXIT_WORK_LEFT, Failure};
use crate::results::Results;

/// Runs a planned study; then its further rounds, if its file is there and its trials are chosen by results.
pub(super) fn run_in_rounds(
    results: &Results,
    mut study: Option<Study>,
    overrides: &Overrides,
    mut plan: StudyPlan,
    consent: Consent,
    running: &Running<'_>,
) -> Result<ExitCode, Failure> {
    loop {
        let mut executed = execute(results, &mut plan, running)?;
        if executed.reason.is_some() && executed.code == 0 && study.as_ref().is_some_and(Study::learns) {
            // Stopped when a round was just over: all that was chosen is done, and there was more to choose.
            executed.code = EXIT_WORK_LEFT;
        }
        let next = match study.filter(|_| executed.is_over) {
            Some(study) => next_round(study, &plan, overrides, &results.reader()?, &results.root)?,
            None => None,
        };
        let Some(next) = next else { return conclude(results, &plan, &executed, running.since) };
        eprintln!("{}: {} of {} trials chosen", next.name, next.chosen().len(), next.search.trials());
        // A new version of the plan, which has more runs and drops none.
        plan = enter(results, &next, overrides, Consent { replace: false, ..consent })?;
        study = Some(next);
    }
}
