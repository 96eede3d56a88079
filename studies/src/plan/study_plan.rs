//! The plan itself: its members with their identities and work, and the policy for failures.
//!
//! Each version is kept in the study's folder and never changed, so a study is resumed as it was planned, also after its file
//! was edited or lost, and a supervisor keeps to the version that it began with.

use std::collections::{HashMap, HashSet};
use std::fs::{self, File};
use std::path::{Path, PathBuf};

use aees_run::artifact::FileError;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::origin::PlanOrigin;
use crate::disk::{PlanAbout, PlanFile, RecordError, Root};
use crate::error::SweepError;
use crate::job::Work;
use crate::program::{Provenance, withheld};
use crate::registry::{Member, PlanChanges, Registry, RunId, StudySpec};
use crate::study::Policy;

/// A study that can be run: a version of its plan.
#[derive(Default)]
pub struct StudyPlan {
    /// Its name.
    pub name: String,
    /// What it is judged by, in words.
    pub metric: Option<String>,
    /// How it treats what goes wrong.
    pub policy: Policy,
    /// As the registry takes it.
    pub spec: StudySpec,
    /// Its runs, in their order: all of them, or, of a plan that was read back, those that were not over then.
    pub members: Vec<Member>,
    /// What each of them does, in the same order.
    pub work: Vec<Work>,
    /// How many runs it has, with those that are over.
    pub runs: usize,
    /// The runs that passed the filters of the command line, in their order; none when there were no filters.
    pub selected: Option<Vec<RunId>>,
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
    pub program: Option<PlannedProgram>,
    /// What it was made from, where that can be told.
    pub(crate) origin: Option<PlanOrigin>,
    /// Whether some ids are not those that the runs will have, since their data is not here.
    pub provisional: bool,
    pub(crate) positions: HashMap<RunId, usize>,
    /// Where it was read from or written to.
    pub(crate) file: Option<PlanFile>,
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

/// The program of a study's runs, as it was when the study was planned.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct PlannedProgram {
    /// Its files and where they lie.
    pub provenance: Provenance,
    /// Whether their content is part of the runs' identity.
    pub decides_identity: bool,
    /// Secrets that it may see.
    pub pass_on: Vec<String>,
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
        let PlannedProgram { provenance: planned, decides_identity, pass_on } = self.program.as_ref()?;
        let now = Provenance::of(&planned.arguments, &planned.work_directory);
        let files = now.changes_since(planned);
        Some(ProgramChanges { files, decide_identity: *decides_identity, withheld: withheld(pass_on) })
    }

    /// The program of the newest plan of a study, if it has one.
    pub fn planned_program(root: &Root, name: &str) -> Option<Provenance> {
        Some(PlanFile::newest(root, name).ok()??.header.about.program?.provenance)
    }

    /// The version of the plan; 0 for one that was not entered.
    pub fn version(&self) -> u64 {
        self.file.as_ref().map_or(0, |file| file.header.version)
    }

    /// What a run does, if it is in memory.
    pub fn work_of(&self, run: &RunId) -> Option<&Work> {
        self.work.get(*self.positions.get(run)?)
    }

    /// How many runs are selected.
    pub fn selected_runs(&self) -> usize {
        self.selected.as_ref().map_or(self.runs, Vec::len)
    }

    /// The selected members.
    pub fn selected_members(&self) -> Vec<&Member> {
        match &self.selected {
            None => self.members.iter().collect(),
            Some(runs) => runs.iter().filter_map(|run| Some(&self.members[*self.positions.get(run)?])).collect(),
        }
    }

    /// Adds a run, once.
    pub(crate) fn add(&mut self, member: Member, work: Work) -> bool {
        if self.positions.contains_key(&member.run.run_id) {
            return false;
        }
        self.positions.insert(member.run.run_id.clone(), self.members.len());
        self.members.push(member);
        self.work.push(work);
        true
    }

    /// A run and what it does. One that was over when the plan was read, and is not any more, is looked up in its file.
    ///
    /// # Errors
    /// When the file is damaged.
    pub fn find(&mut self, run: &RunId) -> Result<Option<(&Member, &Work)>, SweepError> {
        if !self.positions.contains_key(run)
            && let Some(file) = self.file.clone()
        {
            let mut found = None;
            file.read(|id| id == run.full(), |member, work| found = Some((member, work)))?;
            if let Some((member, work)) = found {
                self.add(member, work);
            }
        }
        Ok(self.positions.get(run).map(|position| (&self.members[*position], &self.work[*position])))
    }

    /// The newest plan of a study, known to the registry; none when it was never planned.
    ///
    /// # Errors
    /// When its file is damaged, or the registry fails.
    pub fn resume(root: &Root, registry: &mut Registry, name: &str) -> Result<Option<Self>, SweepError> {
        let Some(file) = PlanFile::newest(root, name)? else { return Ok(None) };
        let spec = file.spec();
        // A registry that was lost, or a process that died between the file and the registry.
        if registry.spec_sha(name)?.as_deref() != Some(&spec.spec_sha) {
            let plan = Self::of_file(file, |_| true)?;
            registry.plan(&plan.spec, &plan.members)?;
            return Ok(Some(plan));
        }
        let open: HashSet<RunId> = registry.open_members(name)?.into_iter().collect();
        let open: HashSet<&str> = open.iter().map(RunId::full).collect();
        Self::of_file(file, |id| open.contains(id)).map(Some)
    }

    fn of_file(file: PlanFile, wanted: impl FnMut(&str) -> bool) -> Result<Self, SweepError> {
        let spec = file.spec();
        let about = file.header.about.clone();
        let policy = Policy::deserialize(&about.policy).map_err(|error| RecordError::damaged(file.path(), error))?;
        let mut plan = Self {
            name: spec.name.clone(),
            metric: about.metric,
            policy,
            spec,
            search: about.search,
            program: about.program,
            runs: file.header.runs,
            file: Some(file.clone()),
            ..Self::default()
        };
        file.read(wanted, |member, work| {
            plan.add(member, work);
        })?;
        Ok(plan)
    }

    /// Enters a new plan: a version of its own in the study's folder, and the registry. A plan that is the newest version
    /// already is not written again.
    ///
    /// # Errors
    /// [`SweepError::Leaving`] when runs would leave the study and nobody asked to `replace` it; a file that cannot be written.
    pub fn enter(&mut self, root: &Root, registry: &mut Registry, replace: bool) -> Result<PlanChanges, SweepError> {
        let _turn = lock(root, &self.name)?;
        // What the disk knows of the study comes first.
        let newest = match registry.spec_sha(&self.name)? {
            Some(_) => PlanFile::newest(root, &self.name).map_err(SweepError::from),
            None => Self::resume(root, registry, &self.name).map(|plan| plan.and_then(|plan| plan.file)),
        };
        let newest = match newest {
            // A new version takes the place of one that cannot be read.
            Err(SweepError::Record(RecordError::Damaged { .. })) => None,
            newest => newest?,
        };
        let newest = newest.filter(|file| file.read(|_| false, |_, _| ()).is_ok());
        let former = registry.number(&self.name, &mut self.members)?;
        if let Some(file) = newest
            && file.header.spec_sha == self.spec.spec_sha
            && registry.spec_sha(&self.name)?.as_deref() == Some(&self.spec.spec_sha)
        {
            self.file = Some(file);
            self.write_origin(root)?;
            return Ok(PlanChanges::default());
        }
        let leaving = registry.leaving(&self.name, &self.members)?;
        if !leaving.is_empty() && !replace {
            return Err(SweepError::Leaving { study: self.name.clone(), leaving });
        }
        let about = PlanAbout {
            metric: self.metric.clone(),
            policy: json!(self.policy),
            program: self.program.clone(),
            search: self.search.clone(),
            file: self.source_text(),
        };
        let runs = self.members.iter().zip(&self.work);
        self.file = Some(PlanFile::write(root, &self.spec, about, runs, &former)?);
        self.write_origin(root)?;
        Ok(registry.plan(&self.spec, &self.members)?)
    }

    fn write_origin(&self, root: &Root) -> Result<(), FileError> {
        self.origin.as_ref().map_or(Ok(()), |origin| origin.write(root, &self.name))
    }

    /// The user's file as it is now, for those who read of the study later. One that is gone by now is missed by nobody: the
    /// plan decides.
    fn source_text(&self) -> Option<String> {
        let spec: Value = serde_json::from_str(&self.spec.spec_json).ok()?;
        fs::read_to_string(spec["source"].as_str()?).ok()
    }
}

/// The user's file of a study, as it was when it was planned.
pub fn study_file(root: &Root, name: &str) -> Option<String> {
    PlanFile::newest(root, name).ok()??.header.about.file
}

/// Plans of one study are entered one after the other. The lock goes with the handle.
fn lock(root: &Root, name: &str) -> Result<File, FileError> {
    let folder = root.study(name);
    fs::create_dir_all(&folder).map_err(FileError::at("make", &folder))?;
    let path = folder.join("plan.lock");
    let lock = File::create(&path).map_err(FileError::at("write", &path))?;
    lock.lock().map_err(FileError::at("lock", &path))?;
    Ok(lock)
}

/// The name of the study in `results/studies/NAME`, when a command was given that folder.
pub fn study_name(named: &str) -> &str {
    Path::new(named).file_name().and_then(|name| name.to_str()).unwrap_or(named)
}
