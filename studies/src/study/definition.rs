//! A study as its file says it, and nothing expanded yet.

use std::collections::BTreeMap;
use std::path::PathBuf;

use aees_run::settings::{Place, TaskName};
use serde::{Deserialize, Serialize};

use super::block::{Block, Order};
use super::command::CommandSpec;
use super::loop_block::LoopBlock;
use super::policy::Objective;
use super::prune::PruneRule;
use super::purpose::StatedPurposes;
use super::resources::Resources;
use super::rules::{ExclusionRule, KnownKeys};
use super::settings::{Assignment, Dialect};
use super::slurm::SlurmOptions;

/// A study as its file tells it, ready to be expanded.
#[derive(Clone, Debug)]
pub struct Study {
    /// The file.
    pub source: PathBuf,
    /// The name; the stem of the file when it gives none.
    pub name: String,
    /// What its runs do.
    pub task: StudyTask,
    /// The user's words about it.
    pub note: Option<String>,
    /// What it is judged by.
    pub metric: Option<Objective>,
    /// How it treats what goes wrong, what it may spend, and what it asks of the machines.
    pub policy: Policy,
    /// Runs that are started at most.
    pub max_runs: Option<u64>,
    /// How combinations are chosen.
    pub search: Search,
    /// How it goes on by itself, for a loop.
    pub loop_block: Option<LoopBlock>,
    /// The order of the combinations.
    pub order: Order,
    /// The seeds of every setting.
    pub seeds: Vec<i64>,
    pub(super) dialect: Dialect,
    pub(super) base: Vec<Assignment>,
    pub(super) configs: Vec<(String, Vec<Assignment>)>,
    pub(super) root: Block,
    /// The points that a search that learns has chosen, where it has.
    pub(super) points: Vec<Vec<f64>>,
    pub(super) exclude: Vec<ExclusionRule>,
    pub(super) task_place: Place,
}

/// How a study treats what goes wrong, what it may spend, and what it asks of the machines.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Policy {
    /// Retries by failure class; null for as often as it takes. A class that is not named has the default.
    pub retry: BTreeMap<String, Option<u32>>,
    /// Failures in a row that stop the study.
    pub consecutive: u64,
    /// Configurations with the same failure that stop the study.
    pub same_fingerprint: u64,
    /// Hours until running runs are checkpointed and stopped.
    pub max_hours: Option<f64>,
    /// Seconds that one run may take in one go.
    pub per_run_timeout_seconds: Option<f64>,
    /// A command to run when the study's runs end.
    #[serde(default)]
    pub on_end: Option<Vec<String>>,
    /// A command to run when they end badly.
    #[serde(default)]
    pub on_failure: Option<Vec<String>>,
    /// Which runs it stops before their end.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub prune: Option<PruneRule>,
    /// What its tasks ask of Slurm, where the file says so.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub slurm: Option<SlurmOptions>,
    /// Where its runs go on one machine.
    #[serde(default, skip_serializing_if = "says_nothing")]
    pub resources: Resources,
}

/// Plans of studies that leave it out are as they always were.
fn says_nothing(resources: &Resources) -> bool {
    *resources == Resources::default()
}

/// What the runs of a study do.
#[derive(Clone, Debug, PartialEq)]
#[expect(clippy::large_enum_variant, reason = "there is one for each study")]
pub enum StudyTask {
    /// They train with this program.
    Train(TaskName),
    /// They call another one.
    Command(CommandSpec),
}

impl StudyTask {
    /// `cifar100`, ..., `command`.
    pub fn name(&self) -> &'static str {
        match self {
            Self::Train(task) => task.name(),
            Self::Command(_) => "command",
        }
    }
}

/// How combinations are chosen.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Search {
    /// All of them.
    Grid,
    /// So many independent draws.
    Random {
        /// How many.
        trials: u64,
        /// The seed of the draws.
        seed: u64,
    },
    /// The first points of Sobol's sequence.
    Sobol {
        /// How many.
        trials: u64,
        /// The seed that shifts them.
        seed: u64,
    },
    /// Points that learn from what earlier ones gave.
    Tpe {
        /// How many, at last.
        trials: u64,
        /// The seed of the draws.
        seed: u64,
        /// How many do not learn yet: the first points of Sobol's sequence.
        first: u64,
        /// How many are chosen at once.
        round: u64,
    },
}

impl Search {
    /// How many trials there are, at last; none of a grid.
    pub fn trials(self) -> u64 {
        match self {
            Self::Grid => 0,
            Self::Random { trials, .. } | Self::Sobol { trials, .. } | Self::Tpe { trials, .. } => trials,
        }
    }
}

impl Study {
    /// What its runs are for.
    pub fn purposes(&self) -> StatedPurposes {
        self.root.purposes()
    }

    /// Everything that the study assigns, to whichever combination: first its base.
    pub(super) fn assignments(&self) -> impl Iterator<Item = &Assignment> {
        let configs = self.configs.iter().flat_map(|(_, assignments)| assignments);
        self.base.iter().chain(configs).chain(self.root.assignments())
    }

    /// The keys that anything in the study sets.
    pub(super) fn known_keys(&self) -> KnownKeys<'_> {
        let assigned = self.assignments().map(|assignment| &assignment.path);
        let varied = self.root.all_axes().into_iter().flat_map(|axis| &axis.paths);
        KnownKeys { dialect: self.dialect, paths: assigned.chain(varied).collect() }
    }
}
