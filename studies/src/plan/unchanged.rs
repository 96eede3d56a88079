//! Whether a study must be planned at all: a plan may have a hundred thousand runs of which one is left.

use std::fs;
use std::time::UNIX_EPOCH;

use aees_run::identity::Id;
use aees_run::settings::RunConfig;
use serde_json::{Value, json};

use super::origin::PlanOrigin;
use super::planner::{Planner, program_of};
use super::study_plan::{PlannedProgram, StudyPlan};
use crate::disk::PlanFile;
use crate::error::SweepError;
use crate::study::{Overrides, Study};

impl Planner<'_, '_> {
    /// What the newest plan of a study was made from, if [`Planner::plan`] would make it again. No combination is looked at.
    ///
    /// # Errors
    /// What is wrong with the study's program or data.
    pub fn planned(&mut self, study: &Study, overrides: &Overrides) -> Result<Option<PlanOrigin>, SweepError> {
        let Some(origin) = PlanOrigin::read(self.root, &study.name) else { return Ok(None) };
        // Filters choose among combinations. A plan that cannot be read is made again.
        let newest = PlanFile::newest(self.root, &study.name).ok().flatten();
        let is_newest = newest.is_some_and(|plan| plan.header.spec_sha == origin.spec_sha);
        if overrides.has_filters()
            || !is_newest
            || origin.study != self.digest(study, overrides, program_of(study)?.as_ref())?
        {
            return Ok(None);
        }
        for (settings, inputs) in &origin.inputs {
            let Ok(config) = RunConfig::from_map(settings) else { return Ok(None) };
            if self.inputs.inputs(&config, self.registry)? != *inputs {
                return Ok(None);
            }
        }
        Ok(Some(origin))
    }

    /// What a plan is made from that was just made; none where a look at it costs as much as the plan.
    pub(super) fn origin(
        &self,
        study: &Study,
        overrides: &Overrides,
        plan: &StudyPlan,
    ) -> Result<Option<PlanOrigin>, SweepError> {
        // Further trials are to come, and what was warned of may be about a choice.
        let is_whole = !study.learns() && !overrides.has_filters();
        let Some(inputs) = self.inputs.asked().filter(|_| is_whole) else { return Ok(None) };
        let digest = self.digest(study, overrides, plan.program.as_ref())?;
        let (spec_sha, warnings) = (plan.spec.spec_sha.clone(), plan.warnings.clone());
        Ok(Some(PlanOrigin { spec_sha, study: digest, inputs, warnings }))
    }

    fn digest(
        &self,
        study: &Study,
        overrides: &Overrides,
        program: Option<&PlannedProgram>,
    ) -> Result<String, SweepError> {
        let from = json!({
            // With its bases, and the place of each word.
            "study": format!("{study:?}"),
            "overrides": overrides.set,
            "program": program,
            "planned_by": [json!(env!("CARGO_PKG_VERSION")), own_build()],
            "root": std::path::absolute(self.root.path()).ok(),
            "here": std::env::current_dir().ok(),
        });
        Ok(Id::of(&from)?.full().to_owned())
    }
}

/// What tells this build from another one, which may have other defaults.
fn own_build() -> Value {
    let file = fs::metadata("/proc/self/exe").or_else(|_| fs::metadata(std::env::current_exe()?));
    let built = file.as_ref().ok().and_then(|file| file.modified().ok()?.duration_since(UNIX_EPOCH).ok());
    json!([file.map(|file| file.len()).ok(), built.map(|built| built.as_nanos().to_string())])
}
