//! Makes a plan of a study: every combination with each seed gets its identity and its work.

use std::collections::HashSet;
use std::str::FromStr;

use aees_run::identity::{Id, Inputs, RunIdentity};
use aees_run::settings::RunConfig;
use serde_json::{Map, Value, json};

use super::inputs::InputFinder;
use super::study_plan::{Policy, StudyPlan};
use crate::disk::Root;
use crate::error::SweepError;
use crate::job::{CommandJob, ResultSource, Work};
use crate::registry::{ConfigId, Member, PlannedRun, Reader, RunId};
use crate::study::{CommandSpec, Overrides, ResultRule, RunPlaces, SeedSlot, Settings, Study, StudyConfig, StudyTask};

/// Stands for the fingerprint of data that is not here.
const UNKNOWN_DATA: &str = "unknown";

/// What a plan is made with.
pub struct Planner<'a, 'r> {
    /// Where runs go.
    pub root: &'a Root,
    /// What earlier plans learned of the data.
    pub registry: Option<&'a Reader>,
    /// Finds fingerprints.
    pub inputs: &'a mut InputFinder<'r>,
    /// Whether the plan is only looked at: nothing is downloaded, and data that is not here is no error, though the runs'
    /// ids are not known then.
    pub dry_run: bool,
}

impl Planner<'_, '_> {
    /// Plans a study: every member with its identity, and which of them the filters of `overrides` select.
    ///
    /// # Errors
    /// What is wrong with the study, its combinations or its data; nothing has run then.
    pub fn plan(&mut self, study: &Study, overrides: &Overrides) -> Result<StudyPlan, SweepError> {
        let whole = study.expand(&Overrides { set: overrides.set.clone(), ..Overrides::default() })?;
        let filtered = study.expand(overrides)?;
        let wanted: HashSet<usize> =
            filtered.settings.iter().flat_map(|setting| setting.seeds.iter().map(|slot| slot.index)).collect();
        let mut plan = StudyPlan {
            name: study.name.clone(),
            metric: study
                .metric
                .as_ref()
                .map(|metric| format!("{} ({} {})", metric.name, metric.goal.name(), metric.measure)),
            policy: policy(study),
            selected: (wanted.len() < whole.runs()).then(Vec::new),
            warnings: filtered.warnings.clone(),
            duplicates: whole.duplicates.len(),
            excluded: whole.excluded,
            ..StudyPlan::empty()
        };
        plan.spec.name.clone_from(&study.name);
        plan.spec.task = study.task.name().to_owned();
        for setting in &whole.settings {
            self.add(study, setting, &wanted, &mut plan)?;
        }
        plan.spec.spec_json = json!({
            "source": study.source,
            "task": study.task.name(),
            "note": study.note,
            "metric": plan.metric,
            "policy": plan.policy,
            "overrides": overrides.set,
            "seeds": study.seeds,
        })
        .to_string();
        if let Some(registry) = self.registry {
            registry.number(&plan.name, &mut plan.members)?;
        }
        let ids: Vec<&str> = plan.members.iter().map(|member| member.run.run_id.full()).collect();
        let digest = Id::of(&json!({"spec": plan.spec.spec_json, "runs": ids}));
        plan.spec.spec_sha = digest?.full().to_owned();
        Ok(plan)
    }

    /// Adds the runs of a setting. What is shared by its seeds is made once.
    fn add(
        &mut self,
        study: &Study,
        setting: &StudyConfig,
        wanted: &HashSet<usize>,
        plan: &mut StudyPlan,
    ) -> Result<(), SweepError> {
        let shape = study.shape_signature(&setting.settings)?.full().to_owned();
        let axes: Map<String, Value> = setting.axes.iter().cloned().collect();
        let axes_json = Value::Object(axes).to_string();
        let case = (!setting.case.is_empty()).then(|| setting.case.join("/"));
        for slot in &setting.seeds {
            let (identity, document, work) = self.run_of(study, &setting.settings, *slot)?;
            let run_id = RunId::from_str(identity.run_id.full())?;
            plan.provisional |= document["data"]["fingerprint"] == UNKNOWN_DATA;
            let member = Member {
                run: PlannedRun {
                    run_id: run_id.clone(),
                    config_id: ConfigId::from_str(identity.config_id.full())?,
                    seed: slot.seed.cast_unsigned(),
                    task: study.task.name().to_owned(),
                    shape_sig: shape.clone(),
                    identity_json: document.to_string(),
                },
                index: slot.index as u64,
                case: case.clone(),
                axes_json: axes_json.clone(),
            };
            if !plan.add(member, work) {
                plan.duplicates += 1;
            } else if let Some(selected) = plan.selected.as_mut().filter(|_| wanted.contains(&slot.index)) {
                selected.push(run_id);
            }
        }
        plan.runs = plan.members.len();
        Ok(())
    }

    fn run_of(
        &mut self,
        study: &Study,
        settings: &Settings,
        slot: SeedSlot,
    ) -> Result<(RunIdentity, Value, Work), SweepError> {
        match (&study.task, settings.run_config(slot.seed), settings.command()) {
            (StudyTask::Command(command), _, Some(config)) => {
                let identity = command.identity(config, slot.seed)?;
                let document = command.identity_document(config);
                let job = self.command_job(command, config, slot.seed, &identity)?;
                Ok((identity, document, Work::Command(job)))
            }
            (_, Some(mut config), _) => {
                config.make_paths_absolute();
                let inputs = self.inputs_of(&config)?;
                let identity = RunIdentity::of(&config, &inputs)?;
                let document = RunIdentity::document(&config, &inputs);
                Ok((identity, document, Work::Train(differences(&config))))
            }
            _ => Err(SweepError::NoSettings),
        }
    }

    fn inputs_of(&mut self, config: &RunConfig) -> Result<Inputs, SweepError> {
        if !self.dry_run {
            return Ok(self.inputs.inputs(config, self.registry)?);
        }
        let offline = RunConfig { local_files_only: true, ..config.clone() };
        match self.inputs.inputs(&offline, self.registry) {
            Ok(inputs) => Ok(inputs),
            Err(error) if error.is_missing => Ok(Inputs::data(UNKNOWN_DATA)),
            Err(error) => Err(error.into()),
        }
    }

    fn command_job(
        &self,
        command: &CommandSpec,
        config: &Map<String, Value>,
        seed: i64,
        identity: &RunIdentity,
    ) -> Result<CommandJob, SweepError> {
        let folder = self.root.run(&RunId::from_str(identity.run_id.full())?);
        let folder = std::path::absolute(&folder).unwrap_or(folder);
        let run_directory = folder.to_string_lossy();
        let places = RunPlaces { seed, run_directory: &run_directory };
        Ok(CommandJob {
            arguments: command.arguments(config, places).map_err(SweepError::Unfilled)?,
            input: CommandSpec::standard_input(config, seed),
            result: match &command.result {
                ResultRule::LastJsonLine => ResultSource::LastJsonLine,
                ResultRule::File(path) => {
                    ResultSource::File(path.fill(config, places).map_err(SweepError::Unfilled)?.into())
                }
            },
            timeout_seconds: command.timeout.map(|timeout| timeout.as_secs_f64()),
            environment: command.env.clone(),
        })
    }
}

/// The settings of a run that are not its task's defaults, and the task.
fn differences(config: &RunConfig) -> Map<String, Value> {
    let defaults = RunConfig::new(config.task).to_map();
    let all = config.to_map().into_iter();
    all.filter(|(key, value)| key == "task" || defaults.get(key) != Some(value)).collect()
}

fn policy(study: &Study) -> Policy {
    Policy {
        retry: study.retry.clone(),
        consecutive: study.breakers.consecutive,
        same_fingerprint: study.breakers.same_fingerprint,
        max_hours: study.budget.max_hours,
        per_run_timeout_seconds: study.budget.per_run_timeout.map(|timeout| timeout.as_secs_f64()),
    }
}
