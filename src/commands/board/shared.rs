//! What all connections share: what is shown, who follows it, and what is asked of single runs and studies.

use std::path::PathBuf;
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use aees_report::board::{BoardEntries, BoardRuns, EntryChange, EntryKind, board_figures, board_page};
use aees_report::{ReportSource, ResultSet};
use aees_run::times::now;
use serde_json::{Map, Value};

use crate::failure::Failure;
use crate::results::Results;

/// The entries that a page gets in one message.
const AT_ONCE: usize = 2_000;
/// The runs whose curves are asked for at once.
const CURVES: usize = 64;

/// The board of this process.
pub(super) struct SharedBoard {
    results: Results,
    /// Tells this process' changes from another's.
    name: String,
    told: Mutex<BoardNow>,
    news: Condvar,
    followers: Condvar,
    runs: BoardRuns,
    /// One drawing at a time, with the last for a study and what it was drawn from.
    figures: Mutex<Option<DrawnFor>>,
    /// Reads and draws: one core, as others train on this machine.
    one_core: rayon::ThreadPool,
}

/// Figures, and what they were drawn from.
struct DrawnFor {
    study: String,
    results: Vec<(PathBuf, Option<SystemTime>)>,
    figures: String,
}

#[derive(Default)]
struct BoardNow {
    entries: BoardEntries,
    followers: usize,
    /// Somebody asked for the page since the last look.
    asked: bool,
}

/// News for a page.
pub(super) struct News {
    /// Up to which change it is told then.
    pub(super) known: u64,
    pub(super) message: String,
}

impl SharedBoard {
    pub(super) fn new(results: Results) -> Result<Self, Failure> {
        let one_core = rayon::ThreadPoolBuilder::new().num_threads(1).build();
        let one_core = one_core.map_err(|error| Failure::new(format!("cannot start a thread: {error}")))?;
        let started = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        Ok(Self {
            results,
            name: format!("{:x}", started.as_nanos()),
            told: Mutex::default(),
            news: Condvar::new(),
            followers: Condvar::new(),
            runs: BoardRuns::default(),
            figures: Mutex::new(None),
            one_core,
        })
    }

    /// A panic of another connection leaves whole entries.
    fn told(&self) -> MutexGuard<'_, BoardNow> {
        self.told.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Takes what changed, and tells those who follow.
    pub(super) fn take(&self, changes: Vec<EntryChange>) {
        let mut told = self.told();
        let before = told.entries.last();
        changes.into_iter().for_each(|change| told.entries.take(change));
        if told.entries.last() != before {
            self.news.notify_all();
        }
    }

    /// Waits until somebody follows, but no longer than this.
    pub(super) fn wait_for_followers(&self, most: Duration) {
        let told = self.told();
        let idle = |told: &mut BoardNow| told.followers == 0 && !told.asked;
        let waited = self.followers.wait_timeout_while(told, most, idle);
        waited.unwrap_or_else(PoisonError::into_inner).0.asked = false;
    }

    /// Counts one who follows, or one who no longer does.
    pub(super) fn count_follower(&self, comes: bool) {
        let mut told = self.told();
        told.followers = if comes { told.followers + 1 } else { told.followers.saturating_sub(1) };
        self.followers.notify_all();
    }

    /// The change that a page says it knows: `NAME-NUMBER`. None when it is another process' or none at all.
    pub(super) fn known(&self, word: &str) -> Option<u64> {
        word.strip_prefix(self.name.as_str())?.strip_prefix('-')?.parse().ok()
    }

    /// What changed after a change; waits for it for a while, and gives none when nothing came.
    pub(super) fn news(&self, known: Option<u64>, most: Duration) -> Option<News> {
        let told = self.told();
        let since = known.unwrap_or(0);
        let nothing = |told: &mut BoardNow| known.is_some() && told.entries.last() <= since;
        let told = self.news.wait_timeout_while(told, most, nothing).unwrap_or_else(PoisonError::into_inner).0;
        let found = told.entries.since(since, AT_ONCE);
        drop(told);
        let (upto, message) = match found {
            Some(found) => found,
            None if known.is_none() => (0, "{}".to_owned()),
            None => return None,
        };
        Some(News { known: upto, message: self.framed(&message, upto, known.is_none()) })
    }

    /// A message with what every one has.
    fn framed(&self, message: &str, known: u64, reset: bool) -> String {
        let rest = message.strip_prefix('{').unwrap_or("}");
        let comma = if rest == "}" { "" } else { "," };
        format!("{{\"now\":{},\"known\":\"{}\",\"reset\":{reset}{comma}{rest}", now(), self.word(known))
    }

    /// How a page says what it knows.
    pub(super) fn word(&self, known: u64) -> String {
        format!("{}-{known}", self.name)
    }

    /// The page, with what is shown first.
    pub(super) fn page(&self) -> String {
        {
            let mut told = self.told();
            told.asked = true;
            self.followers.notify_all();
        }
        let news = self.news(None, Duration::ZERO);
        let state = news.map_or_else(|| self.framed("{}", 0, true), |news| news.message);
        board_page(&self.results.root.path().display().to_string(), &state)
    }

    /// All that is known of a run; none of one that is not shown.
    pub(super) fn run(&self, id: &str) -> Option<Value> {
        let folder = self.told().entries.folder(id)?;
        Some(self.runs.details(&folder))
    }

    /// The curves of some runs, by id.
    pub(super) fn curves(&self, ids: &str) -> Value {
        let folders: Vec<(String, PathBuf)> = {
            let told = self.told();
            let ids = ids.split(',').take(CURVES);
            ids.filter_map(|id| Some((id.to_owned(), told.entries.folder(id)?))).collect()
        };
        let curves: Map<String, Value> =
            folders.into_iter().map(|(id, folder)| (id, self.runs.curves(&folder))).collect();
        Value::Object(curves)
    }

    /// The figures of a study's results, or of those of runs alone, as a piece of a page.
    ///
    /// # Errors
    /// Why there are none.
    pub(super) fn figures(&self, study: &str) -> Result<String, String> {
        let sources = self.sources(study)?;
        let mut last = self.figures.lock().unwrap_or_else(PoisonError::into_inner);
        let found = self.one_core.install(|| ResultSet::read(&sources)).map_err(|error| error.to_string())?;
        let written = |path: &PathBuf| path.metadata().and_then(|file| file.modified()).ok();
        let results: Vec<_> = found.runs.iter().map(|run| (run.path.clone(), written(&run.path))).collect();
        if let Some(last) = last.as_ref().filter(|last| last.study == study && last.results == results) {
            return Ok(last.figures.clone());
        }
        let figures = self.one_core.install(|| board_figures(&found.runs));
        *last = Some(DrawnFor { study: study.to_owned(), results, figures: figures.clone() });
        Ok(figures)
    }

    fn sources(&self, study: &str) -> Result<Vec<ReportSource>, String> {
        let told = self.told();
        if !study.is_empty() {
            let known = told.entries.shown(EntryKind::Study, study);
            known.ok_or_else(|| format!("there is no study {study}"))?;
            let (root, registry) = (self.results.root.path().to_owned(), self.results.registry.clone());
            return Ok(vec![ReportSource::Study { root, registry, name: study.to_owned() }]);
        }
        let alone = told.entries.folders().filter(|(id, _)| {
            let shown = told.entries.shown(EntryKind::Run, id).unwrap_or_default();
            serde_json::from_str::<Value>(shown).is_ok_and(|run| run.get("study").is_none())
        });
        let files = alone.map(|(_, folder)| folder.join("result.json")).filter(|file| file.is_file());
        let files: Vec<ReportSource> = files.map(ReportSource::File).collect();
        if files.is_empty() { Err("there is no result yet".into()) } else { Ok(files) }
    }
}
