//! Looks at the registry and at the folders of runs, again and again, and says what changed.
//!
//! One watcher serves whoever looks at a board. A look costs little where nothing happens: the registry is asked when its file
//! changed, folders are listed when they changed, and of the files of runs only those are looked at whose runs go on. What was
//! there before is read bit by bit.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use aees_run::hexadecimal::sha256;
use aees_run::settings::read_file;
use aees_run::times;
use aees_studies::disk::{Root, completion_of};
use aees_studies::registry::{Metric, OutcomeKind, RunState};
use aees_studies::study::Goal;
use serde_json::{Value, json};

use super::entries::{EntryChange, EntryKind};
use super::folders::{FolderSearch, HeldLocks};
use super::registry::{MemberRow, REST, RegistryNews, RegistryTold, RegistryWatch, rests};
use super::run::{BoardRun, in_short, milliseconds, shown};
use super::tail::{FileStamp, MetricsTail};

/// What a look may spend on files that are read for the first time.
const TURN: Duration = Duration::from_millis(50);
/// Between two looks for new folders.
const SEARCH: Duration = Duration::from_secs(2);
/// A run alone of which nobody can tell whether it goes on is taken to, for so long after its last word, in milliseconds.
const LINGERS: i64 = 120_000;
/// The same where its lock says that nobody works on it: a run that begins writes before it is seen.
const BEGINS: i64 = 5_000;

/// Where studies and runs are.
pub struct BoardPlaces {
    /// The folder of studies and runs.
    pub root: Root,
    /// The registry's file, whether it is there or not.
    pub registry: PathBuf,
    /// More folders of runs, or runs.
    pub folders: Vec<PathBuf>,
    /// The flags that name root and registry in a command.
    pub flags: String,
}

/// What a look found.
pub struct Looked {
    /// What changed.
    pub changes: Vec<EntryChange>,
    /// There is more to read: the next look should come soon.
    pub more: bool,
}

/// Sees what changes.
pub struct Watcher {
    places: BoardPlaces,
    registry: RegistryWatch,
    /// It said something once.
    has_registry: bool,
    search: FolderSearch,
    search_next: Option<Instant>,
    runs: BTreeMap<String, WatchedRun>,
    /// Those whose files were not read since they changed.
    due: BTreeSet<String>,
    /// Those that go on.
    open: BTreeSet<String>,
    studies: BTreeSet<String>,
    notes: BTreeSet<&'static str>,
}

struct WatchedRun {
    run: BoardRun,
    folder: PathBuf,
    goal: Goal,
    /// The registry does not know it.
    alone: bool,
    metrics: Vec<Metric>,
    /// Kept while it goes on.
    tail: Option<Box<MetricsTail>>,
    /// Its `metrics.jsonl` as it was read.
    stamp: Option<FileStamp>,
    folder_stamp: Option<FileStamp>,
    /// When the registry moved it last.
    moved_at: i64,
}

impl Watcher {
    /// A watcher that has not looked yet.
    pub fn new(places: BoardPlaces) -> Self {
        Self {
            registry: RegistryWatch::new(&places.registry, &places.flags),
            places,
            has_registry: false,
            search: FolderSearch::default(),
            search_next: None,
            runs: BTreeMap::new(),
            due: BTreeSet::new(),
            open: BTreeSet::new(),
            studies: BTreeSet::new(),
            notes: BTreeSet::new(),
        }
    }

    /// Looks once.
    pub fn look(&mut self) -> Looked {
        let mut changed = BTreeSet::new();
        let mut changes = self.look_at_registry(&mut changed);
        self.look_for_folders(&mut changed, &mut changes);
        if !self.open.is_empty() || !self.due.is_empty() {
            self.look_at_runs(&mut changed);
        }
        for id in changed {
            let Some(run) = self.runs.get(&id) else { continue };
            if run.goes_on() {
                self.open.insert(id)
            } else {
                self.open.remove(&id)
            };
            changes.push(run.change());
        }
        Looked { changes, more: !self.due.is_empty() }
    }

    /// Those that go on, and some of those that were not read yet.
    fn look_at_runs(&mut self, changed: &mut BTreeSet<String>) {
        let (locks, now, begin) = (HeldLocks::now(), times::now(), Instant::now());
        for id in &self.open {
            if self.runs.get_mut(id).is_some_and(|run| run.follow(&locks, now)) {
                changed.insert(id.clone());
            }
        }
        while begin.elapsed() < TURN {
            let Some(id) = self.due.pop_first() else { break };
            let Some(run) = self.runs.get_mut(&id) else { continue };
            if run.read(&locks, now) {
                self.due.insert(id.clone());
            }
            changed.insert(id);
        }
    }

    fn look_at_registry(&mut self, changed: &mut BTreeSet<String>) -> Vec<EntryChange> {
        const NOTE: &str = "registry";
        match self.registry.look() {
            RegistryNews::Unchanged => Vec::new(),
            RegistryNews::Absent if self.has_registry => {
                let path = self.places.registry.display();
                self.note(NOTE, Some(format!("the registry {path} is gone: what it last said is shown")))
            }
            RegistryNews::Absent => Vec::new(),
            RegistryNews::Failed(error) => {
                self.note(NOTE, Some(format!("the registry cannot be read now, and is tried again: {error}")))
            }
            RegistryNews::Told(told) => {
                self.has_registry = true;
                let mut changes = self.note(NOTE, None);
                self.take(told, changed, &mut changes);
                changes
            }
        }
    }

    fn take(&mut self, told: RegistryTold, changed: &mut BTreeSet<String>, changes: &mut Vec<EntryChange>) {
        let names: BTreeSet<String> = told.studies.iter().map(|(name, _)| name.clone()).collect();
        for gone in self.studies.difference(&names) {
            changes.push(change(EntryKind::Study, gone, None));
        }
        changes.extend(told.studies.into_iter().map(|(name, shown)| change(EntryKind::Study, &name, Some(shown))));
        self.studies = names;
        let mut members = BTreeSet::new();
        for member in told.members {
            let id = member.row.run_id.short().to_owned();
            let again = !members.insert(id.clone());
            if let Some(known) = self.runs.get_mut(&id).filter(|_| told.whole && !again) {
                known.run.also.clear();
            }
            self.take_member(&id, member, again);
            changed.insert(id);
        }
        if told.whole {
            self.forget(|id, run| !run.alone && !members.contains(id), changes);
        }
        for (run_id, now) in told.running {
            let Some(run) = self.runs.get_mut(run_id.short()) else { continue };
            run.run.progress(&now);
            changed.insert(run_id.short().to_owned());
        }
    }

    /// A run in several studies stands at the first.
    fn take_member(&mut self, id: &str, member: MemberRow, again: bool) {
        let MemberRow { study, row, objective, metrics } = member;
        match self.runs.get_mut(id).filter(|known| !known.alone) {
            Some(known) if again => {
                if known.run.study.as_ref() != Some(&study) && !known.run.also.contains(&study) {
                    known.run.also.push(study);
                }
                return;
            }
            Some(known) => {
                if known.run.study.as_ref() == Some(&study) {
                    known.run.move_to(&row);
                    known.metrics = metrics;
                    let moved = std::mem::replace(&mut known.moved_at, row.updated_at) != row.updated_at;
                    if !moved {
                        return;
                    }
                } else {
                    known.run = BoardRun::of_member(&study, &row, &objective);
                    known.goal = objective.goal;
                }
            }
            None => {
                let folder = self.places.root.run(&row.run_id);
                let mut watched = WatchedRun::new(BoardRun::of_member(&study, &row, &objective), folder);
                (watched.goal, watched.metrics, watched.moved_at) = (objective.goal, metrics, row.updated_at);
                self.runs.insert(id.to_owned(), watched);
            }
        }
        // What was never begun has no files.
        if row.attempts > 0 || row.result_sha.is_some() {
            self.due.insert(id.to_owned());
        }
    }

    fn look_for_folders(&mut self, changed: &mut BTreeSet<String>, changes: &mut Vec<EntryChange>) {
        if rests(self.search_next) {
            return;
        }
        let begin = Instant::now();
        let mut places = self.places.folders.clone();
        places.push(self.places.root.path().to_owned());
        let of_registry = self.has_registry.then(|| self.places.root.runs());
        let found = self.search.find(&places, of_registry.as_deref(), times::now());
        let mut ids = BTreeSet::new();
        for folder in found {
            let id = sha256(folder.as_os_str().as_encoded_bytes()).chars().take(16).collect::<String>();
            let run = self.runs.entry(id.clone()).or_insert_with(|| {
                changed.insert(id.clone());
                WatchedRun::alone(&id, folder, self.places.root.path())
            });
            // A result that comes or goes changes the folder, and so does a run that goes on.
            let stamp = FileStamp::of(&run.folder);
            if std::mem::replace(&mut run.folder_stamp, stamp) != stamp {
                self.due.insert(id.clone());
            }
            ids.insert(id);
        }
        self.forget(|id, run| run.alone && !ids.contains(id), changes);
        self.search_next = Some(Instant::now() + SEARCH.max(begin.elapsed() * REST));
    }

    fn forget(&mut self, is_gone: impl Fn(&str, &WatchedRun) -> bool, changes: &mut Vec<EntryChange>) {
        for (id, _) in self.runs.extract_if(.., |id, run| is_gone(id, run)) {
            self.open.remove(&id);
            self.due.remove(&id);
            changes.push(change(EntryKind::Run, &id, None));
        }
    }

    /// Says or takes back what is wrong.
    fn note(&mut self, about: &'static str, text: Option<String>) -> Vec<EntryChange> {
        let was_there = if text.is_some() { !self.notes.insert(about) } else { self.notes.remove(about) };
        if text.is_none() && !was_there {
            return Vec::new();
        }
        vec![change(EntryKind::Note, about, text.map(|text| json!({"id": about, "text": text})))]
    }
}

impl WatchedRun {
    fn new(run: BoardRun, folder: PathBuf) -> Self {
        Self {
            run,
            folder,
            goal: Goal::Max,
            alone: false,
            metrics: Vec::new(),
            tail: None,
            stamp: None,
            folder_stamp: None,
            moved_at: 0,
        }
    }

    /// A run that no registry knows.
    fn alone(id: &str, folder: PathBuf, root: &Path) -> Self {
        let path = folder.strip_prefix(root).unwrap_or(&folder);
        let name = path.display().to_string();
        let own = folder.file_name().unwrap_or_default().to_string_lossy().into_owned();
        let setting = own.split_once("_seed").map_or(own.as_str(), |(method, _)| method).to_owned();
        let run = BoardRun { id: id.to_owned(), name, setting, state: "interrupted".into(), ..BoardRun::default() };
        Self { alone: true, ..Self::new(run, folder) }
    }

    fn goes_on(&self) -> bool {
        self.run.state == RunState::Running.name()
    }

    /// Looks whether one that goes on has said more, or is over.
    fn follow(&mut self, locks: &HeldLocks, now: i64) -> bool {
        let stamp = FileStamp::of(&self.folder.join("metrics.jsonl"));
        let before = self.run.clone();
        if stamp.is_some() && stamp != self.stamp {
            self.read_metrics();
        }
        self.look_around(locks, now);
        before != self.run
    }

    fn look_around(&mut self, locks: &HeldLocks, now: i64) {
        self.run.log = FileStamp::of(&self.folder.join("log.txt")).map_or(0, |log| log.length);
        if self.alone {
            self.find_state(locks, now);
        }
    }

    /// Reads what there is, a large file in parts. Gives whether there is more.
    fn read(&mut self, locks: &HeldLocks, now: i64) -> bool {
        if self.alone && self.run.task.is_empty() {
            self.read_settings();
        }
        let more = self.read_metrics();
        self.look_around(locks, now);
        self.run.result(&self.metrics, self.goal);
        more
    }

    /// Gives whether there is more to read.
    fn read_metrics(&mut self) -> bool {
        let path = self.folder.join("metrics.jsonl");
        let mut tail = self.tail.take().unwrap_or_default();
        // What cannot be read now is tried again when it changes.
        let more = tail.advance(&path).unwrap_or(false);
        self.stamp = Some(tail.stamp);
        self.run.measure(&tail.curves, self.goal);
        if self.alone {
            let left = self.run.epochs.zip(tail.curves.seconds_per_epoch());
            let left =
                left.and_then(|(epochs, each)| milliseconds(epochs.saturating_sub(tail.curves.epoch) as f64 * each));
            self.run.ends_at = left.map(|left| tail.stamp.written_at() + left);
        }
        if more || self.goes_on() {
            self.tail = Some(tail);
        }
        more
    }

    fn read_settings(&mut self) {
        let entries = read_file(&self.folder.join("config.yaml")).unwrap_or_default();
        let find = |name: &str| entries.iter().find(|(key, ..)| key == name).map(|(_, value, _)| value);
        self.run.task = find("task").and_then(Value::as_str).unwrap_or("command").to_owned();
        self.run.epochs = find("epochs").and_then(Value::as_u64);
        self.run.seed = find("seed").and_then(Value::as_i64);
    }

    /// Where a run is that no registry knows.
    fn find_state(&mut self, locks: &HeldLocks, now: i64) {
        if self.folder.join("result.json").is_file() {
            match completion_of(&self.folder) {
                Ok(Some(completion)) => {
                    let diverged = completion.outcome == OutcomeKind::Diverged;
                    self.run.state = if diverged { "diverged" } else { "done" }.to_owned();
                    self.metrics = completion.metrics;
                    self.run.seconds = completion.usage.wall_ms.map(|wall| wall as f64 / 1e3);
                    (self.run.ends_at, self.run.heard_at, self.tail) = (None, None, None);
                    self.run.result(&self.metrics, self.goal);
                    return;
                }
                Ok(None) => {}
                Err(error) => {
                    self.run.state = "invalid".to_owned();
                    self.run.error = Some(in_short(&error.to_string()));
                    return;
                }
            }
        }
        let written = ["metrics.jsonl", "log.txt", "config.yaml"].map(|name| FileStamp::of(&self.folder.join(name)));
        let heard = written.into_iter().flatten().map(|stamp| stamp.written_at()).max();
        let lingers = |most: i64| heard.is_some_and(|heard| now - heard < most);
        let runs = match locks.is_worked_on(&self.folder) {
            Some(held) => held || lingers(BEGINS),
            None => lingers(LINGERS),
        };
        self.run.heard_at = heard;
        self.run.state = if runs { "running" } else { "interrupted" }.to_owned();
        if !runs {
            (self.run.ends_at, self.tail) = (None, None);
        }
    }

    fn change(&self) -> EntryChange {
        let change = change(EntryKind::Run, &self.run.id, shown(&self.run));
        EntryChange { folder: Some(self.folder.clone()), ..change }
    }
}

fn change(kind: EntryKind, key: &str, shown: Option<Value>) -> EntryChange {
    EntryChange { kind, key: key.to_owned(), shown, folder: None }
}
