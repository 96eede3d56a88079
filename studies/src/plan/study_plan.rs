//! The plan itself: its members with their identities and work, and the policy for failures.
//!
//! It is kept in the study's folder, so that a study is resumed as it was planned, also after its file was edited or lost.

use std::collections::{BTreeMap, HashMap};
use std::path::{Path, PathBuf};
use std::str::FromStr;

use aees_run::artifact::{FileError, write_atomically};
use serde::{Deserialize, Serialize};

use crate::disk::{RecordError, Root, read_study, write_study};
use crate::error::SweepError;
use crate::job::Work;
use crate::program::{Provenance, withheld};
use crate::registry::{Member, RunId, StudySpec};

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
    /// A command to run when the study's runs end.
    #[serde(default)]
    pub on_end: Option<Vec<String>>,
    /// A command to run when they end badly.
    #[serde(default)]
    pub on_failure: Option<Vec<String>>,
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
    /// Where further trials come from, for a search that learns.
    pub search: Option<LearningSearch>,
    /// How many trials a search has in it; 0 for a grid.
    pub trials: usize,
    /// The program that its runs call, as it was when the study was planned; none for training.
    pub program: Option<Provenance>,
    /// Whether some ids are not those that the runs will have, since their data is not here.
    pub provisional: bool,
}

/// What the user's file is called in the study's folder.
const STUDY_FILE: &str = "study.yaml";

/// `plan.json` of a study's folder.
#[derive(Serialize, Deserialize)]
struct PlanFile {
    schema_version: u32,
    metric: Option<String>,
    policy: Policy,
    #[serde(default)]
    program: Option<Provenance>,
    #[serde(default)]
    search: Option<LearningSearch>,
    work: BTreeMap<String, Work>,
}

/// A search whose trials are not all chosen yet.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct LearningSearch {
    /// The study file, absolute.
    pub source: PathBuf,
    /// What was set in every run.
    pub overrides: Vec<String>,
    /// What its trials are of.
    pub id: String,
}

/// What differs between a program as it was planned and as it is.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ProgramChanges {
    /// Its files, in words.
    pub files: Vec<String>,
    /// Whether their content is part of the runs' identity.
    pub decide_identity: bool,
    /// Secrets that are set here and that it will not see.
    pub withheld: Vec<&'static str>,
}

impl StudyPlan {
    /// How the program differs from the one that was planned; none for training.
    pub fn program_changes(&self) -> Option<ProgramChanges> {
        let planned = self.program.as_ref()?;
        let command = self.work.values().find_map(|work| match work {
            Work::Command(command) => Some(command),
            Work::Train(_) => None,
        })?;
        let now = Provenance::of(&planned.arguments, &planned.work_directory);
        Some(ProgramChanges {
            files: now.changes_since(planned),
            decide_identity: command.content.is_some(),
            withheld: withheld(&command.pass_on),
        })
    }

    /// The program of the plan that a study's folder has, if it has one.
    pub fn planned_program(root: &Root, name: &str) -> Option<Provenance> {
        #[derive(Deserialize)]
        struct ProgramAlone {
            program: Option<Provenance>,
        }
        let text = std::fs::read(plan_path(root, name)).ok()?;
        serde_json::from_slice::<ProgramAlone>(&text).ok()?.program
    }

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
            program: self.program.clone(),
            search: self.search.clone(),
            work: self.work.iter().map(|(run, work)| (run.full().to_owned(), work.clone())).collect(),
        };
        let text = serde_json::to_vec(&file).map_err(|error| FileError::at("write", &folder)(error.into()))?;
        write_atomically(&plan_path(root, &self.name), |out| out.write_all(&text))?;
        self.keep_file(&folder.join(STUDY_FILE))?;
        Ok(write_study(root, &self.spec, &self.members)?)
    }

    /// Keeps the user's file beside the plan, as it is now, for those who read of the study later. One that is gone by now is
    /// missed by nobody: the plan decides.
    fn keep_file(&self, path: &Path) -> Result<(), FileError> {
        let spec: serde_json::Value = serde_json::from_str(&self.spec.spec_json).unwrap_or_default();
        let Some(text) = spec["source"].as_str().and_then(|source| std::fs::read(source).ok()) else { return Ok(()) };
        write_atomically(path, |out| out.write_all(&text))
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
            .map_err(|error| RecordError::Damaged { path: path.clone(), reason: error.to_string() })?;
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
            program: file.program,
            search: file.search,
            trials: 0,
            provisional: false,
        }))
    }
}

/// The user's file of a study, as it was when it was planned; none of a study of an earlier version.
pub fn study_file(root: &Root, name: &str) -> Option<String> {
    std::fs::read_to_string(root.study(name).join(STUDY_FILE)).ok()
}

fn plan_path(root: &Root, name: &str) -> PathBuf {
    root.study(name).join("plan.json")
}

/// The name of the study in `results/studies/NAME`, when a command was given that folder.
pub fn study_name(named: &str) -> &str {
    Path::new(named).file_name().and_then(|name| name.to_str()).unwrap_or(named)
}
