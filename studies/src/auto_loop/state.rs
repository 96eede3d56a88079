//! `state.json`: everything that a loop goes on from. It is written whole after each step, so a loop that was killed begins where
//! it was, and does again at most the stage that it was in.

use std::path::PathBuf;

use aees_run::artifact::FileError;
use aees_run::identity::Id;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};

use super::decision::NoisePool;
use super::error::LoopError;
use super::folder::LoopFolder;
use super::history::HistoryEnd;
use super::iteration::OpenIteration;
use crate::disk::{RecordError, read_json, write_json};
use crate::error::SweepError;
use crate::registry::system_clock;
use crate::study::{Overrides, Study};

/// Raised when a key changes its meaning.
const VERSION: u32 = 1;

/// The seeds that an incumbent is compared on, from `first` upward.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct SeedBlock {
    /// The iteration at which it began; 0 for the baseline.
    pub iteration: u64,
    /// The first of its seeds.
    pub first: i64,
    /// Whether the incumbent's replicates are trained and in the pool.
    pub ready: bool,
    /// Candidates that were compared on it.
    pub candidates: u64,
}

/// What a candidate must be better than.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Incumbent {
    /// The iteration that found it; 0 for the start.
    pub iteration: u64,
    /// What it differs in from the start.
    pub patch: Map<String, Value>,
    /// The id of its settings, once it is known.
    pub config_id: String,
    /// Its mean on the seeds of its replicates.
    pub mean: Option<f64>,
}

/// Where a loop is, in a word.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum LoopStatus {
    /// It has work left.
    #[default]
    Open,
    /// A person is asked something.
    NeedInput(String),
    /// All iterations that were asked for are done.
    Finished,
    /// Nothing was kept for as long as its patience lasts.
    Plateau,
    /// Everything in its ranges was tried.
    Exhausted,
    /// It cannot go on as it is; why.
    Failed(String),
}

/// What holds from one state to the next only if these are the same.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Foundation {
    /// Task or program.
    pub task: String,
    /// What is better.
    pub metric: String,
    /// The settings that the loop begins with.
    pub start: String,
}

impl Foundation {
    /// Of a loop's study.
    pub(super) fn of(study: &Study) -> Result<Self, SweepError> {
        let start = study.of_patches(&study.name, &[("start", &Map::new())], &[0]).expand(&Overrides::default())?;
        let settings: Vec<Value> = start.settings.iter().map(|setting| setting.settings.to_map().into()).collect();
        Ok(Self {
            task: study.task.name().to_owned(),
            metric: study.metric.as_ref().map(ToString::to_string).unwrap_or_default(),
            start: Id::of(&json!(settings))?.full().to_owned(),
        })
    }

    /// What differs.
    pub(super) fn changed(&self, other: &Self) -> Option<&'static str> {
        let parts = [
            (self.task != other.task, "the task"),
            (self.metric != other.metric, "the metric"),
            (self.start != other.start, "the settings that it begins with"),
        ];
        parts.into_iter().find_map(|(differs, what)| differs.then_some(what))
    }
}

/// Everything that a loop goes on from.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct LoopState {
    schema_version: u32,
    /// The loop's file, absolute.
    pub source: PathBuf,
    /// Where it was started: relative paths in its settings mean files there.
    pub working_directory: PathBuf,
    /// What it stands on.
    pub foundation: Foundation,
    /// Milliseconds UTC.
    pub created_at: i64,
    /// When it was last written.
    pub updated_at: i64,
    /// In a word.
    pub status: LoopStatus,
    /// Whether data, device and disk were found.
    pub setup_done: bool,
    /// Whether the start is trained.
    pub baseline_done: bool,
    /// What a candidate must be better than.
    pub incumbent: Incumbent,
    /// The seeds that it is compared on.
    pub block: Option<SeedBlock>,
    /// The first seed that nobody used.
    pub next_seed: i64,
    /// What is known of the noise.
    pub pool: NoisePool,
    /// Iterations that are done.
    pub iterations: u64,
    /// How many of them were kept.
    pub kept: u64,
    /// Iterations since the last kept one.
    pub since_keep: u64,
    /// Iterations in a row in which the proposer failed.
    pub proposer_failures: u64,
    /// Iterations that are left; none for no bound.
    pub remaining: Option<u64>,
    /// The iteration under way.
    pub current: Option<OpenIteration>,
    /// The history's end.
    pub history: HistoryEnd,
}

impl LoopState {
    pub(super) fn new(study: &Study) -> Result<Self, LoopError> {
        let source = std::path::absolute(&study.source).unwrap_or_else(|_| study.source.clone());
        Ok(Self {
            schema_version: VERSION,
            source,
            working_directory: std::env::current_dir().unwrap_or_default(),
            foundation: Foundation::of(study)?,
            created_at: system_clock(),
            ..Self::default()
        })
    }

    /// Reads the state of a loop.
    ///
    /// # Errors
    /// When it is damaged, or of a newer program.
    pub fn read(folder: &LoopFolder) -> Result<Self, LoopError> {
        let path = folder.state();
        let state: Self = read_json(&path)?;
        match state.schema_version {
            VERSION => Ok(state),
            other => {
                Err(RecordError::damaged(&path, format!("it has version {other}; this program knows {VERSION}")).into())
            }
        }
    }

    /// Writes it, whole or not at all.
    pub(super) fn write(&mut self, folder: &LoopFolder) -> Result<(), FileError> {
        self.updated_at = system_clock();
        write_json(&folder.state(), self)
    }
}
