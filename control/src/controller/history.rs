//! What the controllers had learned after each episode, kept compactly until a result file is written.

use serde::{Deserialize, Serialize};

use super::Bandit;

/// A column of a bandit's log: something that is kept after each episode.
#[derive(Debug, Clone, Copy)]
pub struct LogColumn<B> {
    /// The column, as result files call it.
    pub name: ColumnName,
    number: LogNumber<B>,
}

/// What a column is called.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ColumnName {
    /// Its key in result files.
    pub key: &'static str,
    /// One of its numbers, in words.
    pub words: &'static str,
}

/// Where the numbers of a column come from.
#[derive(Debug, Clone, Copy)]
pub enum LogNumber<B> {
    /// A number for each arm, which it keeps.
    Arms(fn(&B) -> &[f64]),
    /// A number for each arm, which is computed.
    Arm(fn(&B, usize) -> f64),
    /// A count for each arm, which it keeps.
    ArmCounts(fn(&B) -> &[u64]),
    /// One count.
    Count(fn(&B) -> u64),
}

impl<B> LogColumn<B> {
    /// A column with its key in result files, and one of its numbers in words.
    pub const fn new(key: &'static str, words: &'static str, number: LogNumber<B>) -> Self {
        Self { name: ColumnName { key, words }, number }
    }
}

/// The history of one controller: of its only bandit, or of what all contexts taught and of each context. Controllers that
/// learn nothing have none.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct ControllerHistory {
    pub(super) overall: Option<BanditHistory>,
    pub(super) contexts: Vec<ContextHistory>,
}

/// The columns of a bandit's log.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct BanditHistory {
    n_arms: usize,
    /// Episodes before the bandit existed.
    absent: usize,
    /// Episodes since.
    present: usize,
    columns: Vec<ColumnNumbers>,
}

/// The lists by arm are flat: all arms of the first episode, then of the second.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
enum ColumnNumbers {
    Arm(Vec<f64>),
    ArmCount(Vec<u64>),
    Count(Vec<u64>),
}

/// What is kept of a context beside its bandit's log.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ContextHistory {
    /// Its bandit.
    pub bandit: BanditHistory,
    /// Its updates, after each episode.
    pub visit_counts: Vec<u64>,
    /// Undiscounted sum of its rewards.
    pub reward_sums: Vec<f64>,
    /// How many different arms it has selected.
    pub distinct_arm_counts: Vec<usize>,
}

/// The numbers of one column after one episode.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum LogCell<'a> {
    /// A number for each arm.
    Arm(&'a [f64]),
    /// A count for each arm.
    ArmCount(&'a [u64]),
    /// One count.
    Count(u64),
}

impl ControllerHistory {
    /// The history of all updates; none of a controller that does not learn.
    pub fn overall(&self) -> Option<&BanditHistory> {
        self.overall.as_ref()
    }

    /// The history of each context; empty without contexts.
    pub fn contexts(&self) -> &[ContextHistory] {
        &self.contexts
    }

    /// Whether a restored history is as long as the run, and has the columns of a fresh one.
    pub(crate) fn fits(&self, fresh: &Self, episodes: usize) -> bool {
        let overall = match (&self.overall, &fresh.overall) {
            (Some(history), Some(fresh)) => history.fits(fresh, episodes),
            (history, fresh) => history.is_none() && fresh.is_none(),
        };
        overall
            && self.contexts.len() == fresh.contexts.len()
            && self.contexts.iter().zip(&fresh.contexts).all(|(history, fresh)| history.fits(fresh, episodes))
    }
}

impl BanditHistory {
    pub(super) fn new<B: Bandit>(n_arms: usize) -> Self {
        let empty = |column: &LogColumn<B>| match column.number {
            LogNumber::Arms(_) | LogNumber::Arm(_) => ColumnNumbers::Arm(Vec::new()),
            LogNumber::ArmCounts(_) => ColumnNumbers::ArmCount(Vec::new()),
            LogNumber::Count(_) => ColumnNumbers::Count(Vec::new()),
        };
        Self { n_arms, absent: 0, present: 0, columns: B::LOG.iter().map(empty).collect() }
    }

    /// Keeps what a bandit has learned; none does not exist yet.
    pub(super) fn push<B: Bandit>(&mut self, bandit: Option<&B>) {
        let Some(bandit) = bandit else {
            self.absent += 1;
            return;
        };
        self.present += 1;
        for (column, LogColumn { number, .. }) in self.columns.iter_mut().zip(B::LOG) {
            match (column, number) {
                (ColumnNumbers::Arm(list), LogNumber::Arms(of)) => list.extend_from_slice(of(bandit)),
                (ColumnNumbers::Arm(list), LogNumber::Arm(of)) => {
                    list.extend((0..self.n_arms).map(|arm| of(bandit, arm)));
                }
                (ColumnNumbers::ArmCount(list), LogNumber::ArmCounts(of)) => list.extend_from_slice(of(bandit)),
                (ColumnNumbers::Count(list), LogNumber::Count(of)) => list.push(of(bandit)),
                // A history is made from the same columns, or was found to fit them.
                _ => {}
            }
        }
    }

    /// Number of episodes, with those before the bandit existed.
    pub fn len(&self) -> usize {
        self.absent + self.present
    }

    /// Whether there were no episodes.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Number of columns, each of which has a name in [`ArmPicker::columns`](super::ArmPicker::columns).
    pub fn column_count(&self) -> usize {
        self.columns.len()
    }

    /// The numbers of a column after an episode; none before the bandit existed.
    pub fn cell(&self, column: usize, episode: usize) -> Option<LogCell<'_>> {
        let row = episode.checked_sub(self.absent)?;
        let arms = row * self.n_arms..(row + 1) * self.n_arms;
        match self.columns.get(column)? {
            ColumnNumbers::Arm(list) => list.get(arms).map(LogCell::Arm),
            ColumnNumbers::ArmCount(list) => list.get(arms).map(LogCell::ArmCount),
            ColumnNumbers::Count(list) => list.get(row).copied().map(LogCell::Count),
        }
    }

    fn fits(&self, fresh: &Self, episodes: usize) -> bool {
        let cells = self.present.saturating_mul(self.n_arms);
        let column_fits = |pair: (&ColumnNumbers, &ColumnNumbers)| match pair {
            (ColumnNumbers::Arm(list), ColumnNumbers::Arm(_)) => list.len() == cells,
            (ColumnNumbers::ArmCount(list), ColumnNumbers::ArmCount(_)) => list.len() == cells,
            (ColumnNumbers::Count(list), ColumnNumbers::Count(_)) => list.len() == self.present,
            _ => false,
        };
        self.n_arms == fresh.n_arms
            && self.absent.checked_add(self.present) == Some(episodes)
            && self.columns.len() == fresh.columns.len()
            && self.columns.iter().zip(&fresh.columns).all(column_fits)
    }
}

impl ContextHistory {
    fn fits(&self, fresh: &Self, episodes: usize) -> bool {
        let lengths = [self.visit_counts.len(), self.reward_sums.len(), self.distinct_arm_counts.len()];
        self.bandit.fits(&fresh.bandit, episodes) && lengths == [episodes; 3]
    }
}
