//! An iteration: its stages, what each has left for the next, and what stays of it in the history.

use std::fmt;

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::decision::Estimate;
use super::proposal::Proposal;

/// The stages of an iteration, in their order.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[allow(missing_docs, reason = "the module's page says what they do")]
pub enum LoopStage {
    Propose,
    Apply,
    Commit,
    Train,
    Triage,
    Record,
    Decide,
}

impl LoopStage {
    /// All of them.
    pub const ALL: [Self; 7] =
        [Self::Propose, Self::Apply, Self::Commit, Self::Train, Self::Triage, Self::Record, Self::Decide];

    /// As it is typed.
    pub fn name(self) -> &'static str {
        match self {
            Self::Propose => "propose",
            Self::Apply => "apply",
            Self::Commit => "commit",
            Self::Train => "train",
            Self::Triage => "triage",
            Self::Record => "record",
            Self::Decide => "decide",
        }
    }
}

impl fmt::Display for LoopStage {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(self.name())
    }
}

/// Where a proposal came from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ProposalSource {
    /// `--proposal-file`.
    ProposalFile,
    /// `next_proposal.json`.
    NextProposal,
    /// `loop.command`.
    Command,
    /// The built-in proposer.
    BuiltIn,
}

impl ProposalSource {
    /// As history and tables write it.
    pub fn name(self) -> &'static str {
        match self {
            Self::ProposalFile => "proposal_file",
            Self::NextProposal => "next_proposal",
            Self::Command => "command",
            Self::BuiltIn => "built_in",
        }
    }
}

/// What became of a candidate.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum LoopVerdict {
    /// The start, which the first candidates are compared with.
    Baseline,
    /// It is the incumbent now.
    Keep,
    /// It is no better.
    Discard,
    /// It looks better, and noise can look as good.
    Inconclusive,
    /// Its training left the numbers.
    Diverged,
    /// Its training failed.
    Crash,
    /// It was tried before.
    Duplicate,
    /// It could not be tried.
    Rejected,
}

impl LoopVerdict {
    /// As history and tables write it.
    pub fn name(self) -> &'static str {
        match self {
            Self::Baseline => "baseline",
            Self::Keep => "keep",
            Self::Discard => "discard",
            Self::Inconclusive => "inconclusive",
            Self::Diverged => "diverged",
            Self::Crash => "crash",
            Self::Duplicate => "duplicate",
            Self::Rejected => "rejected",
        }
    }
}

/// Candidate and incumbent on one seed.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct SeedPair {
    /// The seed.
    pub seed: i64,
    /// The candidate's number; none of a run that has none.
    pub candidate: Option<f64>,
    /// The incumbent's.
    pub incumbent: Option<f64>,
    /// The candidate's run.
    pub candidate_run: String,
    /// The incumbent's.
    pub incumbent_run: String,
}

/// An iteration under way.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct OpenIteration {
    /// Its number, from 1.
    pub number: u64,
    /// The stage that is next.
    pub next: LoopStage,
    /// How often a person was asked.
    pub asked: u64,
    /// Where the proposal came from.
    pub source: Option<ProposalSource>,
    /// The proposal.
    pub proposal: Proposal,
    /// What the candidate differs in from the start.
    pub patch: Map<String, Value>,
    /// The id of its settings.
    pub config_id: String,
    /// Its place in the space of the built-in proposer.
    pub point: Vec<Option<f64>>,
    /// The seeds that it trains on.
    pub seeds: Vec<i64>,
    /// How often failed runs were tried again.
    pub fixes: u64,
    /// What came of each seed.
    pub pairs: Vec<SeedPair>,
    /// Its peak memory, in bytes.
    pub memory_bytes: Option<u64>,
    /// Seconds of training.
    pub seconds: f64,
    /// An end before all stages: how and why.
    pub ended: Option<(LoopVerdict, String)>,
    /// The proposer failed, and not the proposal.
    pub proposer_failed: bool,
}

impl OpenIteration {
    pub(super) fn new(number: u64) -> Self {
        Self {
            number,
            next: LoopStage::Propose,
            asked: 0,
            source: None,
            proposal: Proposal::default(),
            patch: Map::new(),
            config_id: String::new(),
            point: Vec::new(),
            seeds: Vec::new(),
            fixes: 0,
            pairs: Vec::new(),
            memory_bytes: None,
            seconds: 0.0,
            ended: None,
            proposer_failed: false,
        }
    }

    /// The candidate cannot be kept any more, whatever follows.
    pub(super) fn end(&mut self, verdict: LoopVerdict, reason: impl Into<String>) {
        self.ended = Some((verdict, reason.into()));
    }
}

/// What stays of an iteration: a line of `history.jsonl`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct IterationRecord {
    /// Its number; 0 for the baseline.
    pub iteration: u64,
    /// What became of it.
    pub verdict: LoopVerdict,
    /// Why, in words.
    pub reason: String,
    /// Where the proposal came from; none for the baseline.
    pub source: Option<ProposalSource>,
    /// The proposal as it came.
    pub proposal: Proposal,
    /// What the candidate differs in from the start.
    pub patch: Map<String, Value>,
    /// The id of its settings.
    pub config_id: String,
    /// Its place in the space of the built-in proposer.
    pub point: Vec<Option<f64>>,
    /// The iteration whose candidate was the incumbent.
    pub incumbent: u64,
    /// Candidate and incumbent by seed.
    pub pairs: Vec<SeedPair>,
    /// The mean of the metric over its seeds.
    pub mean: Option<f64>,
    /// What the comparison came to.
    pub estimate: Option<Estimate>,
    /// Peak memory of its runs, in bytes.
    pub memory_bytes: Option<u64>,
    /// Seconds of training.
    pub seconds: f64,
    /// Whether the proposer failed.
    pub proposer_failed: bool,
    /// When it ended, milliseconds UTC.
    pub at: i64,
}

impl IterationRecord {
    /// Its description in one line.
    pub fn title(&self) -> String {
        let words = [&self.proposal.description, &self.proposal.hypothesis];
        let text = words.into_iter().find(|text| !text.trim().is_empty()).cloned();
        let text = text.unwrap_or_else(|| self.proposal.changes());
        text.split_whitespace().collect::<Vec<_>>().join(" ")
    }
}
