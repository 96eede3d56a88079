//! The runs of a study: its combinations with their seeds, and what the command line adds to choose among them.

use aees_run::settings::Place;
use serde_json::Value;

use super::error::{StudyError, StudyErrors, StudyProblem};
use super::settings::Settings;

/// More runs than start without a question.
pub(super) const MAX_RUNS_WITHOUT_YES: usize = 10_000;

/// What the command line adds to a study: overrides and filters, as typed.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Overrides {
    /// `-o key=value`: over everything the file says.
    pub set: Vec<String>,
    /// `--only key=a,b`: settings with one of the values. Given again, both must hold.
    pub only: Vec<String>,
    /// `--except key=a,b`: not those settings.
    pub except: Vec<String>,
    /// `--seeds 0-4,7`: of the study's seeds, these.
    pub seeds: Option<String>,
    /// `--case ours,baseline/large`: a case with everything inside it.
    pub cases: Vec<String>,
    /// `--shard i/n`: the runs whose display index leaves the rest i, from 0, when divided by n.
    pub shard: Option<String>,
    /// `--limit N`: the first N settings with all their seeds.
    pub limit: Option<usize>,
    /// `--limit-runs N`: the first N runs.
    pub limit_runs: Option<usize>,
}

impl Overrides {
    /// What is set in every run, and no choice among them.
    pub fn without_filters(&self) -> Self {
        Self { set: self.set.clone(), ..Self::default() }
    }

    /// Whether runs are chosen.
    pub fn has_filters(&self) -> bool {
        *self != self.without_filters()
    }
}

/// The runs of a study.
#[derive(Clone, Debug, Default)]
pub struct Expansion {
    /// The settings in order, with the seeds that passed the filters.
    pub settings: Vec<StudyConfig>,
    /// How many combinations came out equal to an earlier one.
    pub duplicates: usize,
    /// Combinations that `exclude` dropped.
    pub excluded: usize,
    /// Which setting each combination became, in order; none where it was excluded.
    pub became: Vec<Option<usize>>,
    /// What is probably not meant.
    pub warnings: Vec<String>,
}

/// One combination with its seeds.
#[derive(Clone, Debug)]
pub struct StudyConfig {
    /// Its position before filters.
    pub index: usize,
    /// The names of the cases it comes from, outermost first.
    pub case: Vec<String>,
    /// What sets it apart: the keys of its axes with their values, in order.
    pub axes: Vec<(String, Value)>,
    /// Everything it sets.
    pub settings: Settings,
    /// Its runs.
    pub seeds: Vec<SeedSlot>,
}

/// One run of a setting.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SeedSlot {
    /// The seed.
    pub seed: i64,
    /// The run's display index: its position among all runs of the study, before filters.
    pub index: usize,
}

impl Expansion {
    /// The number of runs that passed the filters.
    pub fn runs(&self) -> usize {
        self.settings.iter().map(|setting| setting.seeds.len()).sum()
    }
}

/// Refuses more than 10,000 runs unless the user means it.
///
/// # Errors
/// More runs than that, and no `--yes`.
pub fn check_size(count: usize, yes: bool) -> Result<(), StudyErrors> {
    if yes || count <= MAX_RUNS_WITHOUT_YES {
        return Ok(());
    }
    Err(StudyError::at(&Place::Resolved, StudyProblem::NeedsYes { count, limit: MAX_RUNS_WITHOUT_YES }).into())
}

impl StudyConfig {
    /// `case=ours lr=0.1 optimizer=SGD`.
    pub(super) fn label(&self) -> String {
        let case = (!self.case.is_empty()).then(|| format!("case={}", self.case.join("/")));
        let axes = self.axes.iter().map(|(key, value)| format!("{key}={}", shown(value)));
        let label = case.into_iter().chain(axes).collect::<Vec<_>>().join(" ");
        if label.is_empty() { "the only one".into() } else { label }
    }
}

/// A value as on a command line: lists joined by commas, texts bare.
pub(super) fn shown(value: &Value) -> String {
    match value {
        Value::String(text) => text.clone(),
        Value::Null => "none".into(),
        Value::Array(items) if items.iter().all(|item| !item.is_array() && !item.is_object()) => {
            items.iter().map(shown).collect::<Vec<_>>().join(",")
        }
        other => other.to_string(),
    }
}
