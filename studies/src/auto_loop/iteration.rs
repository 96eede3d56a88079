//! An iteration: its stages, what each has left for the next, and what stays of it in the history.

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::decision::Estimate;
use super::proposal::Proposal;
use crate::named::named;

named! {
    /// The stages of an iteration, in their order.
    #[derive(Default, Serialize, Deserialize)]
    #[serde(rename_all = "snake_case")]
    #[allow(missing_docs, reason = "the module's page says what they do")]
    LoopStage {
        #[default]
        Propose = "propose",
        Apply = "apply",
        Commit = "commit",
        Train = "train",
        Triage = "triage",
        Record = "record",
        Decide = "decide",
    }
}

named! {
    /// Where a proposal came from.
    #[derive(Serialize, Deserialize)]
    #[serde(rename_all = "snake_case")]
    ProposalSource {
        /// `--proposal-file`.
        ProposalFile = "proposal_file",
        /// `next_proposal.json`.
        NextProposal = "next_proposal",
        /// `loop.command`.
        Command = "command",
        /// The built-in proposer.
        BuiltIn = "built_in",
    }
}

named! {
    /// What became of a candidate.
    #[derive(Default, Serialize, Deserialize)]
    #[serde(rename_all = "snake_case")]
    LoopVerdict {
        /// The start, which the first candidates are compared with.
        #[default]
        Baseline = "baseline",
        /// It is the incumbent now.
        Keep = "keep",
        /// It is no better.
        Discard = "discard",
        /// It looks better, and noise can look as good.
        Inconclusive = "inconclusive",
        /// Its training left the numbers.
        Diverged = "diverged",
        /// Its training failed.
        Crash = "crash",
        /// It was tried before.
        Duplicate = "duplicate",
        /// It could not be tried.
        Rejected = "rejected",
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
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
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
        Self { number, ..Self::default() }
    }

    /// The candidate cannot be kept any more, whatever follows.
    pub(super) fn end(&mut self, verdict: LoopVerdict, reason: impl Into<String>) {
        self.ended = Some((verdict, reason.into()));
    }
}

/// What stays of an iteration: a line of `history.jsonl`.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
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
