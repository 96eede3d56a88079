//! Replays a run's decisions: the controllers are built anew from its settings, fed the recorded rewards, and every pick,
//! reward, effective count and value estimate is compared with the record, to the last bit.
//!
//! A pick depends only on settings, seed and earlier rewards, and a reward only on the ends of the smoothed loss and the
//! penalty that the record holds. So a result that replays is one that this method made of these losses, and one that
//! does not was made by another method, other settings or another hand. Nothing is trained.
//!
//! `record` reads what the file tells, `controllers` builds, `rewards` and `histories` recompute and compare, `frame` compares what
//! stands around the episodes. Last come the headline values, which the reader has recomputed from the curves
//! ([`crate::RunRecord::contradictions`]): they fail a replay too, also of a baseline.

mod controllers;
mod frame;
mod histories;
mod record;
mod rewards;
#[cfg(test)]
mod tests;

use std::path::{Path, PathBuf};

use self::controllers::Replica;
use self::record::{EpisodeColumns, Recorded};
use crate::difference::Difference;
use crate::record::Control;

/// Why a file cannot be replayed: it is not there, no RunResult, or without what its controllers need.
#[derive(Debug, thiserror::Error)]
#[error("{}: {reason}", path.display())]
pub struct ReplayError {
    path: PathBuf,
    reason: String,
}

impl ReplayError {
    /// The file.
    pub fn path(&self) -> &Path {
        &self.path
    }
}

/// What a replay found.
#[derive(Debug, Clone, PartialEq)]
pub enum Finding {
    /// There are no decisions in it.
    Nothing,
    /// Everything that was recorded comes out again.
    Reproduced,
    /// Something does not.
    Differs(Difference),
}

/// The replay of one file.
#[derive(Debug, Clone, PartialEq)]
pub struct Replay {
    pub path: PathBuf,
    pub control: Control,
    /// Closed episodes in the record.
    pub episodes: usize,
    /// Episodes that were reproduced, from the first on without a gap.
    pub reproduced: usize,
    pub finding: Finding,
    /// What the record does not hold and so could not be compared.
    pub not_compared: Vec<String>,
}

impl Replay {
    /// One line: `36 of 36 decisions and rewards reproduced`.
    pub fn summary(&self) -> String {
        let Self { episodes, reproduced, .. } = self;
        match &self.finding {
            Finding::Nothing => "nothing to replay: no controllers".into(),
            Finding::Differs(difference) if *episodes == 0 => format!("no controllers; {difference}"),
            Finding::Reproduced if self.not_compared.is_empty() => {
                format!("{reproduced} of {episodes} decisions and rewards reproduced")
            }
            Finding::Reproduced => {
                let lacking = self.not_compared.join(", ");
                format!("{reproduced} of {episodes} decisions reproduced; not compared: {lacking}")
            }
            Finding::Differs(difference) => {
                format!("{reproduced} of {episodes} decisions and rewards reproduced; {difference}")
            }
        }
    }
}

impl Replay {
    /// Goes through a record, up to the first thing that is not as it was recorded.
    fn compare(&mut self, recorded: &Recorded, episodes: &EpisodeColumns) -> Result<Option<Difference>, String> {
        self.episodes = episodes.check_lengths()?;
        if let Some(difference) = frame::policy(recorded) {
            return Ok(Some(difference));
        }
        let mut replica = Replica::of(recorded)?;
        self.not_compared = replica.not_compared(recorded, episodes);
        let mut difference = replica.check_plan(recorded);
        while difference.is_none() && self.reproduced < self.episodes {
            difference = replica.episode(self.reproduced, recorded, episodes)?;
            self.reproduced += usize::from(difference.is_none());
        }
        Ok(difference.or_else(|| frame::compare(recorded, episodes, &replica)))
    }
}

/// Replays one file.
///
/// # Errors
/// When it cannot be read, is no RunResult, or lacks what its controllers need.
pub fn replay(path: &Path) -> Result<Replay, ReplayError> {
    let refused = |reason: String| ReplayError { path: path.into(), reason };
    let recorded = Recorded::read(path).map_err(refused)?;
    let mut replay = Replay {
        path: path.into(),
        control: recorded.run.control,
        episodes: 0,
        reproduced: 0,
        finding: Finding::Nothing,
        not_compared: Vec::new(),
    };
    let mut difference = None;
    if let Some(episodes) = recorded.episodes.as_ref().filter(|_| !recorded.is_old_fixed_mode()) {
        let compared = replay.compare(&recorded, episodes);
        difference = compared.map_err(|reason| refused(format!("cannot be replayed: {reason}")))?;
        replay.finding = Finding::Reproduced;
    }
    if let Some(difference) = difference.or_else(|| recorded.run.contradictions.first().cloned()) {
        replay.finding = Finding::Differs(difference);
    }
    Ok(replay)
}
