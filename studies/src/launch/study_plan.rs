//! A study as it is to be run: its members with their identities and work, and the policy for failures.
//!
//! It is kept in the study's folder, so that a study is resumed as it was planned, also after its file was edited or lost.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::path::{Path, PathBuf};
use std::str::FromStr;

use aees_run::artifact::{FileError, write_atomically};
use aees_run::identity::{Id, Inputs, RunIdentity};
use aees_run::settings::RunConfig;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};

use super::error::SweepError;
use super::inputs::InputFinder;
use super::{CommandJob, ResultSource, Root, Work, read_study, write_study};
use crate::registry::{ConfigId, Member, PlannedRun, Reader, RunId, StudySpec};
use crate::study::{
    CommandSpec, Overrides, ResultRule, Retries, RunPlaces, SeedSlot, Setting, Settings, Study, StudyTask,
};

/// Stands for the fingerprint of data that is not here.
const UNKNOWN_DATA: &str = "unknown";

/// How a study treats what goes wrong, and what it may spend.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Policy {
    /// Retries by failure class; null for as often as it takes. A class that is not named has the default.
    pub retry: BTreeMap<String, Option<u32>>,
    /// Failures in a row that stop the study.
    pub consecutive: u64,
    /// Configurations with the same failure that stop the study.
    pub same_fingerprint: u64,
    /// Hours until running runs are checkpointed and stopped.
    pub max_hours: Option<f64>,
    /// Seconds that one run may take in one go.
    pub per_run_timeout_seconds: Option<f64>,
}

/// A study that can be run.
pub struct StudyPlan {
    /// Its name.
    pub name: String,
    /// What it is judged by, in words.
    pub metric: Option<String>,
    /// How it treats what goes wrong.
    pub policy: Policy,
    /// As the registry takes it.
    pub spec: StudySpec,
    /// All of its runs, in their order.
    pub members: Vec<Member>,
    /// What each of them does.
    pub work: HashMap<RunId, Work>,
    /// The runs that passed the filters of the command line, in their order.
    pub selected: Vec<RunId>,
    /// What is probably not meant.
    pub warnings: Vec<String>,
    /// Combinations that are the same run as an earlier one.
    pub duplicates: usize,
    /// Combinations that `exclude` dropped.
    pub excluded: usize,
    /// Whether some ids are not those that the runs will have, since their data is not here.
    pub provisional: bool,
}

/// `plan.json` of a study's folder.
#[derive(Serialize, Deserialize)]
struct PlanFile {
    schema_version: u32,
    metric: Option<String>,
    policy: Policy,
    work: BTreeMap<String, Work>,
}

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
    pub only_looking: bool,
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
            spec: StudySpec {
                name: study.name.clone(),
                task: study.task.name().to_owned(),
                spec_sha: String::new(),
                spec_json: String::new(),
            },
            members: Vec::new(),
            work: HashMap::new(),
            selected: Vec::new(),
            warnings: filtered.warnings.clone(),
            duplicates: whole.duplicates.len(),
            excluded: whole.excluded,
            provisional: false,
        };
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
        let ids: Vec<&str> = plan.members.iter().map(|member| member.run.run_id.full()).collect();
        let digest = Id::of(&json!({"spec": plan.spec.spec_json, "runs": ids}));
        plan.spec.spec_sha = digest?.full().to_owned();
        Ok(plan)
    }

    /// Adds the runs of a setting. What is shared by its seeds is made once.
    fn add(
        &mut self,
        study: &Study,
        setting: &Setting,
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
            let selected = wanted.contains(&slot.index);
            if plan.work.contains_key(&run_id) {
                plan.duplicates += 1;
                continue;
            }
            if selected {
                plan.selected.push(run_id.clone());
            }
            plan.work.insert(run_id.clone(), work);
            plan.members.push(Member {
                run: PlannedRun {
                    run_id,
                    config_id: ConfigId::from_str(identity.config_id.full())?,
                    seed: slot.seed.cast_unsigned(),
                    task: study.task.name().to_owned(),
                    shape_sig: shape.clone(),
                    identity_json: document.to_string(),
                },
                index: slot.index as u64,
                case: case.clone(),
                axes_json: axes_json.clone(),
            });
        }
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
        if !self.only_looking {
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

impl StudyPlan {
    /// Writes the plan into the study's folder.
    ///
    /// # Errors
    /// When a file cannot be written.
    pub fn save(&self, root: &Root) -> Result<(), SweepError> {
        let folder = root.study(&self.name);
        std::fs::create_dir_all(&folder).map_err(FileError::at("make", &folder))?;
        let file = PlanFile {
            schema_version: 1,
            metric: self.metric.clone(),
            policy: self.policy.clone(),
            work: self.work.iter().map(|(run, work)| (run.full().to_owned(), work.clone())).collect(),
        };
        let text = serde_json::to_vec(&file).map_err(|error| FileError::at("write", &folder)(error.into()))?;
        write_atomically(&plan_path(root, &self.name), |out| out.write_all(&text))?;
        Ok(write_study(root, &self.spec, &self.members)?)
    }

    /// Reads the plan of a study back; none when it was never planned.
    ///
    /// # Errors
    /// When its files are damaged.
    pub fn load(root: &Root, name: &str) -> Result<Option<Self>, SweepError> {
        let path = plan_path(root, name);
        let Some((spec, members)) = read_study(&root.study(name))? else { return Ok(None) };
        let text = std::fs::read(&path).map_err(FileError::at("read", &path))?;
        let file: PlanFile = serde_json::from_slice(&text)
            .map_err(|error| SweepError::DamagedPlan { path: path.clone(), reason: error.to_string() })?;
        let mut work = HashMap::new();
        for (run, job) in file.work {
            work.insert(RunId::from_str(&run)?, job);
        }
        Ok(Some(Self {
            name: spec.name.clone(),
            metric: file.metric,
            policy: file.policy,
            selected: members.iter().map(|member| member.run.run_id.clone()).collect(),
            spec,
            members,
            work,
            warnings: Vec::new(),
            duplicates: 0,
            excluded: 0,
            provisional: false,
        }))
    }
}

fn plan_path(root: &Root, name: &str) -> PathBuf {
    root.study(name).join("plan.json")
}

/// The settings of a run that are not its task's defaults, and the task.
fn differences(config: &RunConfig) -> Map<String, Value> {
    let defaults = RunConfig::new(config.task).to_map();
    let all = config.to_map().into_iter();
    all.filter(|(key, value)| key == "task" || defaults.get(key) != Some(value)).collect()
}

fn policy(study: &Study) -> Policy {
    let times = |retries: &Retries| match retries {
        Retries::Times(times) => Some(*times),
        Retries::Forever => None,
    };
    Policy {
        retry: study.retry.iter().map(|(class, retries)| (class.clone(), times(retries))).collect(),
        consecutive: study.breakers.consecutive,
        same_fingerprint: study.breakers.same_fingerprint,
        max_hours: study.budget.max_hours,
        per_run_timeout_seconds: study.budget.per_run_timeout.map(|timeout| timeout.as_secs_f64()),
    }
}

/// The name of the study in `results/studies/NAME`, when a command was given that folder.
pub fn study_name(named: &str) -> &str {
    Path::new(named).file_name().and_then(|name| name.to_str()).unwrap_or(named)
}
