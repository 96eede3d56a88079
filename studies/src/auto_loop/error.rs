//! What ends a loop before its work does, from its file to its history.

use std::path::PathBuf;

use aees_run::artifact::FileError;

use super::iteration::LoopStage;
use crate::disk::RecordError;
use crate::error::SweepError;
use crate::registry::RegistryError;
use crate::study::StudyErrors;

/// Why a loop cannot begin or go on. Nothing that was done is lost.
#[derive(Debug, thiserror::Error)]
#[allow(missing_docs, reason = "the messages say what the fields are")]
pub enum LoopError {
    /// The study of the loop.
    #[error(transparent)]
    Study(#[from] StudyErrors),
    /// Planning and training.
    #[error(transparent)]
    Sweep(#[from] SweepError),
    /// The registry.
    #[error(transparent)]
    Registry(#[from] RegistryError),
    /// A file of the loop.
    #[error(transparent)]
    File(#[from] FileError),
    /// A record of the loop that cannot be read.
    #[error(transparent)]
    Record(#[from] RecordError),
    /// A study file without `loop:`.
    #[error("{path} is no loop: it has no `loop:`", path = .0.display())]
    NoLoop(PathBuf),
    /// A name that the studies cannot have that are named after it.
    #[error("`{0}` cannot be the name of a loop")]
    Name(String),
    /// There is a loop of the name.
    #[error("there is a loop {0} already")]
    Exists(String),
    /// There is none.
    #[error("there is no loop {name}")]
    Unknown { name: String, known: Vec<String> },
    /// Another process works at it.
    #[error("the loop {name} is at work already{}", by.as_ref().map(|pid| format!(": process {pid}")).unwrap_or_default())]
    Busy { name: String, by: Option<u32> },
    /// The file means something else than it did.
    #[error("{path} is not what the loop {name} was started from: {what} changed", path = path.display())]
    Foundation { name: String, path: PathBuf, what: &'static str },
    /// Somebody changed the history.
    #[error("{path}:{line}: the history was edited: {reason}", path = path.display())]
    Edited { path: PathBuf, line: u64, reason: String },
    /// Nothing would end it.
    #[error("nothing ends this loop")]
    Endless,
    /// A phase before another that it needs.
    #[error("the baseline is not trained yet, and --only leaves it out")]
    NoBaseline,
    /// A stage that is next and not among those that may run.
    #[error("iteration {iteration} goes on with `{stage}`, which is not among the stages that were named")]
    NextStage { iteration: u64, stage: LoopStage },
    /// An incumbent that does not train.
    #[error("the incumbent has no two results to compare with: of its runs in {study}, {why}")]
    NoIncumbent { study: String, why: String },
    /// Failures in training that are nobody's proposal.
    #[error("training stopped: {0}")]
    Broken(String),
    /// The program that proposes failed again and again.
    #[error("the proposer failed in {times} iterations in a row; the last time: {reason}")]
    Proposer { times: u64, reason: String },
}

impl LoopError {
    /// What the user can do about it.
    pub fn help(&self) -> Option<String> {
        Some(match self {
            Self::Sweep(error) => return error.help(),
            Self::Registry(error) => return error.help(),
            Self::File(error) => return error.help(),
            Self::Study(_) | Self::Record(_) => return None,
            Self::NoLoop(_) => "docs/loop.md has an example; `aees sweep run` runs a study without a loop".into(),
            Self::Name(_) => {
                "give it another with --name: 1 to 48 of a-z, 0-9, `_` and `-`, beginning with a letter or digit".into()
            }
            Self::Exists(name) => format!("`aees loop resume {name}` goes on with it; --name starts another"),
            Self::Unknown { known, .. } if known.is_empty() => "`aees loop start FILE` starts one".into(),
            Self::Unknown { known, .. } => format!("there are {}", known.join(", ")),
            Self::Busy { name, .. } => format!("`aees loop status {name}` shows it, `aees loop stop {name}` ends it"),
            Self::Foundation { .. } => "put the file back, or start another loop from it with --name".into(),
            Self::Edited { .. } => {
                "put the file back, or let `aees loop resume NAME --rebuild-history` write it again from iterations/"
                    .into()
            }
            Self::Endless => {
                "say --loops N or --max-hours H, or `loops` or `patience` in `loop:` or `max_hours` in `budget:`".into()
            }
            Self::NoBaseline => "name baseline, too, or leave --only away".into(),
            Self::NextStage { stage, .. } => format!("name {stage}, too, or leave --only and --loop-only away"),
            Self::NoIncumbent { study, .. } => {
                format!(
                    "`aees runs ls {study}` shows them; begin from settings that train, or try failed ones again with `aees sweep resume {study} --retry-failed`"
                )
            }
            Self::Broken(_) => "`aees runs ls` shows what happened; `aees loop resume` goes on".into(),
            Self::Proposer { .. } => {
                "its streams are in iterations/NNNN/proposer; put it right, then `aees loop resume`".into()
            }
        })
    }
}
