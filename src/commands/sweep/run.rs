//! `aees sweep run`: plans a study, enters it into the registry, and runs what is not done.

use std::path::Path;
use std::process::ExitCode;
use std::time::Instant;

use aees_studies::plan::StudyPlan;
use aees_studies::study::Overrides;
use clap::Args;

use super::enter::{NamedStudy, StudyFlags};
use super::execute::{EXIT_CODES, Running, RunningFlags};
use super::filters::arguments;
use super::resume::go_on;
use super::rounds::run_in_rounds;
use crate::failure::Failure;
use crate::results::absolute;

/// Plans a study and runs what is not done; continues interrupted runs from their checkpoints
#[derive(Args)]
#[command(after_help = EXIT_CODES)]
pub(crate) struct RunFlags {
    #[command(flatten)]
    study: StudyFlags,
    #[command(flatten)]
    running: RunningFlags,
}

impl RunFlags {
    pub(crate) fn run(self) -> Result<ExitCode, Failure> {
        self.running.check()?;
        let study = self.study.read()?;
        let plan = study.plan()?;
        let NamedStudy { named, file, overrides, consent, results } = study;
        if file.is_none() {
            return go_on(&results, plan, &self.running);
        }
        let running = Running { typed: &self.running, again: again(&named, &plan, &overrides), since: Instant::now() };
        run_in_rounds(&results, file, &overrides, plan, consent, &running)
    }
}

/// The words of a command that runs the same runs of a study that is planned now.
fn again(file: &str, plan: &StudyPlan, overrides: &Overrides) -> Vec<String> {
    if plan.selected.is_none() {
        return vec!["resume".into(), plan.name.clone()];
    }
    let file = absolute(Path::new(file)).to_string_lossy().into_owned();
    [vec!["run".into(), file, "--yes".into()], arguments(overrides)].concat()
}
