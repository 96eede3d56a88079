//! What the registry says: how studies stand, their members, and what runs.
//!
//! It is asked only when its file changed, and let go of at once: a registry that is held open cannot be made again. Members are
//! many, so all of them are asked for only when a count changed, and not more often than it costs little.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use aees_studies::registry::{Metric, Reader, RegistryResult, RunFilter, RunId, RunRow};
use aees_studies::standing::{RunningNow, StudyStanding};
use aees_studies::study::Objective;
use serde_json::{Value, json};

use super::run::in_short;
use super::tail::FileStamp;

/// A lease may end without a word: what runs is looked at again after so long.
const PATIENCE: Duration = Duration::from_secs(10);
/// After a question, so many times as long passes before the next of its kind.
pub(super) const REST: u32 = 50;

/// A member of a study.
pub(super) struct MemberRow {
    pub(super) study: String,
    pub(super) row: RunRow,
    pub(super) objective: Objective,
    /// Its numbers, if it is done.
    pub(super) metrics: Vec<Metric>,
}

/// What the registry has to say.
#[derive(Default)]
pub(super) struct RegistryTold {
    pub(super) studies: Vec<(String, Value)>,
    pub(super) members: Vec<MemberRow>,
    /// The members are all that there are.
    pub(super) whole: bool,
    pub(super) running: Vec<(RunId, RunningNow)>,
}

/// What became of a look.
pub(super) enum RegistryNews {
    /// There is no registry.
    Absent,
    /// Nothing changed.
    Unchanged,
    Told(RegistryTold),
    /// It could not be read.
    Failed(String),
}

/// Watches a registry's file.
#[derive(Default)]
pub(super) struct RegistryWatch {
    path: PathBuf,
    log: PathBuf,
    flags: String,
    stamps: Option<[Option<FileStamp>; 2]>,
    asked: Option<Instant>,
    next: Option<Instant>,
    members_due: bool,
    members_next: Option<Instant>,
    counts: BTreeMap<String, String>,
    running: BTreeSet<RunId>,
}

impl RegistryWatch {
    pub(super) fn new(path: &Path, flags: &str) -> Self {
        let mut log = path.as_os_str().to_owned();
        log.push("-wal");
        let (path, log, flags) = (path.to_owned(), log.into(), flags.to_owned());
        Self { path, log, flags, members_due: true, ..Self::default() }
    }

    /// Looks at the file, and asks it if there is a reason to.
    pub(super) fn look(&mut self) -> RegistryNews {
        let file = FileStamp::of(&self.path);
        if file.is_none() {
            self.stamps = None;
            self.members_due = true;
            return RegistryNews::Absent;
        }
        let stamps = Some([file, FileStamp::of(&self.log)]);
        let impatient = !self.running.is_empty() && self.asked.is_none_or(|asked| asked.elapsed() > PATIENCE);
        let members_wanted = self.members_due && !rests(self.members_next);
        if rests(self.next) || (stamps == self.stamps && !impatient && !members_wanted) {
            return RegistryNews::Unchanged;
        }
        let begin = Instant::now();
        let told = self.ask();
        self.asked = Some(begin);
        self.next = Some(Instant::now() + begin.elapsed() * REST);
        match told {
            Ok(told) => {
                self.stamps = stamps;
                RegistryNews::Told(told)
            }
            // Asked again at the next look.
            Err(error) => RegistryNews::Failed(in_short(&error.to_string())),
        }
    }

    fn ask(&mut self) -> RegistryResult<RegistryTold> {
        let reader = Reader::open(&self.path)?;
        let mut told = RegistryTold::default();
        let mut counts = BTreeMap::new();
        let mut objectives = BTreeMap::new();
        for status in reader.status(&[])? {
            let name = status.name.clone();
            let state = format!("{:?} {} {} {}", status.counts, status.spec_sha, status.updated_at, status.withdrawn);
            counts.insert(name.clone(), state);
            let spec: Value = serde_json::from_str(&reader.study_spec(&name)?).unwrap_or_default();
            let objective = Objective::parse(spec["metric"].as_str().unwrap_or("val_accuracy (max best)"));
            let standing = StudyStanding::of(&reader, status)?;
            told.studies.push((name.clone(), shown(&standing, &objective, &self.flags)));
            told.running.extend(standing.running.into_iter().map(|now| (now.row.run_id.clone(), now)));
            objectives.insert(name, objective);
        }
        self.members_due |= counts != self.counts;
        if self.members_due && !rests(self.members_next) {
            let begin = Instant::now();
            for (study, objective) in &objectives {
                told.members.extend(members(&reader, study, objective)?);
            }
            told.whole = true;
            self.members_due = false;
            self.members_next = Some(Instant::now() + begin.elapsed() * REST);
        }
        let running: BTreeSet<RunId> = told.running.iter().map(|(run, _)| run.clone()).collect();
        if !told.whole {
            for run in self.running.difference(&running) {
                told.members.extend(member(&reader, run, &objectives)?);
            }
        }
        (self.counts, self.running) = (counts, running);
        Ok(told)
    }
}

/// Whether it is not time yet.
pub(super) fn rests(until: Option<Instant>) -> bool {
    until.is_some_and(|until| Instant::now() < until)
}

/// A study as the board shows it: what `sweep status --json` says of it, without its runs.
fn shown(standing: &StudyStanding, objective: &Objective, flags: &str) -> Value {
    let mut study = standing.to_json(flags);
    study["metric"] = json!(objective.to_string());
    study["live"] = json!(standing.live());
    if let Some(study) = study.as_object_mut() {
        study.remove("running");
    }
    for failure in study["failures"].as_array_mut().into_iter().flatten() {
        failure["error"] = failure["error"].as_str().map(in_short).into();
    }
    study
}

/// All members of a study.
fn members(reader: &Reader, study: &str, objective: &Objective) -> RegistryResult<Vec<MemberRow>> {
    let rows = reader.runs(&RunFilter { study: Some(study.to_owned()), ..RunFilter::default() })?;
    let mut results = reader.metrics(study)?;
    let member = |row: RunRow| {
        let metrics = results.remove(&row.run_id).unwrap_or_default();
        MemberRow { study: study.to_owned(), row, objective: objective.clone(), metrics }
    };
    Ok(rows.into_iter().map(member).collect())
}

/// A run that is no longer running, at the first study that lists it.
fn member(reader: &Reader, run: &RunId, objectives: &BTreeMap<String, Objective>) -> RegistryResult<Option<MemberRow>> {
    let why = reader.why(run.full())?;
    let places = why.memberships.iter().filter_map(|place| Some((place, objectives.get(&place.study)?)));
    let Some((place, objective)) = places.min_by_key(|(place, _)| &place.study) else { return Ok(None) };
    let row = reader.run(&format!("{}:{}", place.study, place.index))?;
    let (study, objective) = (place.study.clone(), objective.clone());
    Ok(Some(MemberRow { study, row, objective, metrics: why.metrics }))
}
