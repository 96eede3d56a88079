//! What ends a study before its runs do, from its plan to its supervisor.

use std::path::PathBuf;

use aees_run::artifact::FileError;
use aees_run::identity::NotCanonical;

use crate::disk::RecordError;
use crate::registry::{Leaving, RegistryError, StateCounts};
use crate::study::StudyErrors;

/// Why a study cannot be planned or cannot go on.
#[derive(Debug, thiserror::Error)]
pub enum SweepError {
    /// The study itself.
    #[error(transparent)]
    Study(#[from] StudyErrors),
    /// Data, tokenizer or weights of a run.
    #[error(transparent)]
    Inputs(#[from] InputError),
    /// The registry.
    #[error(transparent)]
    Registry(#[from] RegistryError),
    /// A file of a run or of the study.
    #[error(transparent)]
    File(#[from] FileError),
    /// What earlier processes left.
    #[error(transparent)]
    Record(#[from] RecordError),
    /// A setting that is no number.
    #[error(transparent)]
    Identity(#[from] NotCanonical),
    /// A placeholder in the arguments of a program.
    #[error("nothing fills {{{0}}} in the arguments")]
    Unfilled(String),
    /// A folder for programs that is not there.
    #[error("the folder that `workdir` names is not there: {path}", path = .0.display())]
    NoWorkDirectory(PathBuf),
    /// A search that learns, and nothing to learn from.
    #[error("none of the {trials} trials so far gave `{metric}`, so the search cannot go on")]
    NothingToLearn {
        /// What it is judged by.
        metric: String,
        /// How many there are.
        trials: usize,
    },
    /// A metric to prune by that no run tells.
    #[error(
        "run {run} is done and told no `{metric}` with its `{by}` in metrics.jsonl, nor did any other: nothing can be compared"
    )]
    NothingToCompare {
        /// The run.
        run: String,
        /// What runs are to be compared by.
        metric: String,
        /// What rungs count.
        by: &'static str,
        /// The numbers that the run told.
        told: Vec<String>,
    },
    /// A plan without runs that an earlier one had.
    #[error("{}", leaving_text(study, leaving))]
    Leaving {
        /// The study.
        study: String,
        /// What would leave it.
        leaving: Vec<Leaving>,
    },
    /// Settings of another kind of task.
    #[error("a study of this task has no settings of it")]
    NoSettings,
}

impl SweepError {
    /// What the user can do about it.
    pub fn help(&self) -> Option<String> {
        match self {
            Self::Inputs(error) => error.help.clone(),
            Self::Registry(error) => error.help(),
            Self::File(error) => error.help(),
            Self::NoWorkDirectory(_) => Some("a relative path starts at the study file's folder".into()),
            Self::NothingToLearn { .. } => {
                Some("`aees runs ls` shows how they ended; `metric: name` must be a number of their results".into())
            }
            Self::NothingToCompare { told, metric, by, .. } if told.is_empty() => Some(format!(
                "let the program print JSON lines such as {{\"{by}\": 1, \"{metric}\": 0.5}} on its way, or take `prune` out, and run \
                 the study again; what is done stays done"
            )),
            Self::NothingToCompare { told, by, .. } => Some(format!(
                "it told {}; name one of them in `prune: metric` (or `metric`), on lines with `{by}` (see `prune: by`), and run the \
                 study again; what is done stays done",
                told.join(", ")
            )),
            Self::Leaving { .. } => Some(
                "say --replace if that is meant (results stay where they are), or give this study another `name:`"
                    .into(),
            ),
            Self::Record(RecordError::Damaged { .. }) => {
                Some("plan the study again from its file: aees sweep run FILE".into())
            }
            _ => None,
        }
    }
}

/// How many runs a message names.
const NAMED: usize = 5;

fn leaving_text(study: &str, leaving: &[Leaving]) -> String {
    let mut states = StateCounts::default();
    leaving.iter().for_each(|run| states.add(run.state, 1));
    let states: Vec<String> = states.iter().map(|(state, count)| format!("{count} {state}")).collect();
    let named = leaving.iter().take(NAMED).map(|run| format!("{study}:{}", run.index)).collect::<Vec<_>>().join(", ");
    let more = if leaving.len() > NAMED { ", ..." } else { "" };
    let runs = if leaving.len() == 1 { "run" } else { "runs" };
    format!(
        "a study of the name {study} was planned with other runs: {} {runs} would leave it ({}): {named}{more}",
        leaving.len(),
        states.join(", ")
    )
}

/// Why the inputs of a run cannot be told.
#[derive(Debug, thiserror::Error)]
#[error("{message}")]
pub struct InputError {
    /// What is wrong.
    pub message: String,
    /// What the user can do about it.
    pub help: Option<String>,
    /// Whether only a file is not here that another machine, or a download, could have.
    pub is_missing: bool,
}
