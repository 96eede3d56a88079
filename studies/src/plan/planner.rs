//! Makes a plan of a study: every combination with each seed gets its identity and its work.

use std::collections::HashSet;
use std::path::PathBuf;
use std::str::FromStr;

use aees_run::identity::{Id, Inputs, RunIdentity};
use aees_run::settings::RunConfig;
use serde_json::{Map, Value, json};

use super::inputs::InputFinder;
use super::study_plan::{LearningSearch, PlannedProgram, StudyPlan};
use crate::disk::Root;
use crate::error::SweepError;
use crate::job::{CommandJob, ProgramSlot, Work};
use crate::program::Provenance;
use crate::registry::{ConfigId, Member, PlannedRun, Reader, RunId, RunState};
use crate::study::{
    CommandSpec, Overrides, ResultSource, Search, Settings, Study, StudyConfig, StudyTask, Template, differences,
};

/// Stands for the fingerprint of data that is not here.
const UNKNOWN_DATA: &str = "unknown";

/// A foreign program, a setting of it, and the document that the setting is known by.
type KnownSetting<'s> = (&'s CommandSpec, &'s Map<String, Value>, Value);

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
        self.inputs.begin();
        let mut whole = study.expand(&overrides.without_filters())?;
        let mut wanted = None;
        if overrides.has_filters() {
            let filtered = study.expand(overrides)?;
            let slots = filtered.settings.iter().flat_map(|setting| &setting.seeds);
            wanted =
                Some(slots.map(|slot| slot.index).collect::<HashSet<_>>()).filter(|some| some.len() < whole.runs());
            whole.warnings = filtered.warnings;
        }
        let mut plan = StudyPlan {
            name: study.name.clone(),
            metric: study.metric.as_ref().map(ToString::to_string),
            policy: study.policy.clone(),
            selected: wanted.is_some().then(Vec::new),
            warnings: std::mem::take(&mut whole.warnings),
            duplicates: whole.duplicates,
            excluded: whole.excluded,
            search: learning_search(study, overrides)?,
            trials: if study.search == Search::Grid { 0 } else { whole.became.len() },
            program: program_of(study)?,
            ..StudyPlan::default()
        };
        plan.spec.name.clone_from(&study.name);
        plan.spec.task = study.task.name().to_owned();
        for setting in &whole.settings {
            self.add(study, setting, wanted.as_ref(), &mut plan)?;
        }
        let mut spec = json!({
            "source": study.source,
            "task": study.task.name(),
            "note": study.note,
            "metric": plan.metric,
            "policy": plan.policy,
            "overrides": overrides.set,
            "seeds": study.seeds,
        });
        let purposes = study.purposes();
        if !purposes.is_empty() {
            spec["purposes"] = json!(purposes);
        }
        plan.spec.spec_json = spec.to_string();
        if let Some(registry) = self.registry {
            registry.number(&plan.name, &mut plan.members)?;
        }
        let ids: Vec<&str> = plan.members.iter().map(|member| member.run.run_id.full()).collect();
        // Programs that changed and trials that are to come make a version, too: whoever resumes it must know of them.
        let files = plan.program.as_ref().map(|program| &program.provenance.files);
        let digest =
            Id::of(&json!({"spec": plan.spec.spec_json, "runs": ids, "program": files, "search": plan.search}));
        plan.spec.spec_sha = digest?.full().to_owned();
        plan.origin = self.origin(study, overrides, &plan)?;
        Ok(plan)
    }

    /// Adds the runs of a setting. What is shared by its seeds is made once.
    fn add(
        &mut self,
        study: &Study,
        setting: &StudyConfig,
        wanted: Option<&HashSet<usize>>,
        plan: &mut StudyPlan,
    ) -> Result<(), SweepError> {
        let shape = study.shape_signature(&setting.settings)?.full().to_owned();
        let (case, axes_json) = place_of(setting);
        let seeds: Vec<i64> = setting.seeds.iter().map(|slot| slot.seed).collect();
        let program = plan.program.as_ref().map(|program| program.provenance.clone());
        let of_program = self.document_of(study, &setting.settings, &seeds, program.as_ref())?;
        for slot in &setting.seeds {
            let (identity, document, work) = match &of_program {
                Some((command, config, document)) => {
                    let identity = RunIdentity::of_document(document, slot.seed)?;
                    let job = self.command_job(command, config, slot.seed, &identity, program.as_ref())?;
                    (identity, document.clone(), Work::Command(Box::new(job)))
                }
                None => self.training_run(&setting.settings, slot.seed)?,
            };
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
                race: study.policy.prune.as_ref().map(|rule| rule.race(setting, slot.seed)),
            };
            if !plan.add(member, work) {
                plan.duplicates += 1;
            } else if let (Some(wanted), Some(selected)) = (wanted, &mut plan.selected)
                && wanted.contains(&slot.index)
            {
                selected.push(run_id);
            }
        }
        plan.runs = plan.members.len();
        Ok(())
    }

    fn training_run(&mut self, settings: &Settings, seed: i64) -> Result<(RunIdentity, Value, Work), SweepError> {
        let mut config = settings.run_config(seed).ok_or(SweepError::NoSettings)?;
        config.make_paths_absolute();
        let inputs = self.inputs_of(&config)?;
        let identity = RunIdentity::of(&config, &inputs)?;
        let document = RunIdentity::document(&config, &inputs);
        Ok((identity, document, Work::Train(differences(&config, |_| true))))
    }

    /// What a setting of a foreign program is known by: of the documents that mean it, the one with the most runs done.
    fn document_of<'s>(
        &self,
        study: &'s Study,
        settings: &'s Settings,
        seeds: &[i64],
        program: Option<&Provenance>,
    ) -> Result<Option<KnownSetting<'s>>, SweepError> {
        let (StudyTask::Command(command), Some(config)) = (&study.task, settings.command()) else { return Ok(None) };
        let content = program.map(Provenance::content);
        let documents = command.identity_documents(config, content.as_ref());
        let mut best: Option<(usize, Value)> = None;
        for document in documents {
            let done = self.runs_done(&study.name, &document, seeds)?;
            if best.as_ref().is_none_or(|(most, _)| done > *most) {
                best = Some((done, document));
            }
        }
        Ok(best.map(|(_, document)| (command, config, document)))
    }

    fn runs_done(&self, study: &str, document: &Value, seeds: &[i64]) -> Result<usize, SweepError> {
        let Some(registry) = self.registry else { return Ok(0) };
        let mut runs = Vec::with_capacity(seeds.len());
        for seed in seeds {
            runs.push(RunId::from_str(RunIdentity::of_document(document, *seed)?.run_id.full())?);
        }
        Ok(registry.states(study, &runs)?.into_values().filter(|state| *state == RunState::Done).count())
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
        program: Option<&Provenance>,
    ) -> Result<CommandJob, SweepError> {
        let folder = self.root.run(&RunId::from_str(identity.run_id.full())?);
        let folder = std::path::absolute(&folder).unwrap_or(folder);
        let run_directory = folder.to_string_lossy();
        let fill = |template: &Template| command.fill(template, config, seed, &run_directory);
        let mut input = config.clone();
        input.insert("seed".into(), seed.into());
        let variable = |(name, value): (&String, &Option<Template>)| (name.clone(), value.as_ref().map(fill));
        Ok(CommandJob {
            arguments: command.argv.iter().map(fill).collect(),
            work_directory: work_directory(command, |template| fill(template).text().map_err(str::to_owned))
                .map_err(SweepError::Unfilled)?,
            input: Value::Object(input),
            result: command.result.file().map_or(ResultSource::LastJsonLine, |path| ResultSource::File(fill(path))),
            timeout_seconds: command.timeout.map(|timeout| timeout.as_secs_f64()),
            environment: command.env.iter().map(variable).collect(),
            pass_on: command.pass_on.clone(),
            log_limit: command.log_limit,
            content: program.filter(|_| command.identity.digest).map(Provenance::content),
            slot: ProgramSlot::default(),
        })
    }
}

/// What tells the runs of a setting from others of its study: their case, and what their axes are set to, as JSON.
pub(super) fn place_of(setting: &StudyConfig) -> (Option<String>, String) {
    let axes: Map<String, Value> = setting.axes.iter().cloned().collect();
    let case = (!setting.case.is_empty()).then(|| setting.case.join("/"));
    (case, Value::Object(axes).to_string())
}

/// The folder that a program works in, absolute: the study's word, or here.
fn work_directory(
    command: &CommandSpec,
    fill: impl Fn(&Template) -> Result<String, String>,
) -> Result<PathBuf, String> {
    let here = std::env::current_dir().unwrap_or_default();
    Ok(match &command.workdir {
        Some(template) => here.join(&command.folder).join(fill(template)?),
        None => here,
    })
}

/// Where further trials come from.
fn learning_search(study: &Study, overrides: &Overrides) -> Result<Option<LearningSearch>, SweepError> {
    if !study.learns() {
        return Ok(None);
    }
    let source = std::path::absolute(&study.source).unwrap_or_else(|_| study.source.clone());
    Ok(Some(LearningSearch { source, overrides: overrides.set.clone(), id: study.search_id()?.full().to_owned() }))
}

/// What the program of a study is now; none for training.
pub(super) fn program_of(study: &Study) -> Result<Option<PlannedProgram>, SweepError> {
    let StudyTask::Command(command) = &study.task else { return Ok(None) };
    let unfilled = |template: &Template| template.text().map_err(str::to_owned);
    // A folder that differs from run to run is not there yet, and holds no program.
    let folder = match work_directory(command, unfilled) {
        Ok(folder) if !folder.is_dir() => return Err(SweepError::NoWorkDirectory(folder)),
        Ok(folder) => folder,
        Err(_) => std::env::current_dir().unwrap_or_default(),
    };
    let provenance = Provenance::of(&command.argv, &folder);
    Ok(Some(PlannedProgram { provenance, decides_identity: command.identity.digest, pass_on: command.pass_on.clone() }))
}
