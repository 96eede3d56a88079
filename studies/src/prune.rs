//! A rung: the settings that came to it with their values, and which of them go on.
//!
//! The rule of ASHA (Li, Jamieson, Rostamizadeh and others, 2020, algorithm 2): of the n settings that came to a rung so far,
//! the best n / factor go on, whoever comes later. Successive halving decides once, when all are there. When nobody can come any
//! more, both close the rung: what is not among the best n / factor, and never less than one, is pruned. A function of what came
//! in which order, so that decisions can be made again from a record; who comes when, and what becomes of the runs, is the
//! [registry](crate::registry)'s.

use crate::named::named;
use crate::study::{PruneMethod, PruneRule};

/// A setting at a rung.
#[derive(Clone, Debug, PartialEq)]
pub struct RungEntry {
    /// The setting.
    pub unit: String,
    /// Its first number in the study: of equal values, the lower number is the better one.
    pub index: u64,
    /// Its value; none for one that failed or diverged before the rung, which is worse than all others and never goes on.
    pub value: Option<f64>,
    /// What was decided; none while it waits.
    pub verdict: Option<RungVerdict>,
}

named! {
    /// What a rung decides.
    RungVerdict {
        /// It goes on.
        Promoted = "promoted",
        /// It stops here. A rung to which others come later may still let it go on.
        Pruned = "pruned",
    }
}

/// A verdict, and what it rests on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Decision {
    /// The setting.
    pub unit: String,
    /// What was decided.
    pub verdict: RungVerdict,
    /// 1 for the best.
    pub rank: usize,
    /// How many settings had come.
    pub of: usize,
    /// How many of so many go on.
    pub keeps: usize,
}

/// The settings that came to a rung.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Rung {
    entries: Vec<RungEntry>,
}

impl Rung {
    /// A rung as it was left.
    pub fn of(entries: Vec<RungEntry>) -> Self {
        Self { entries }
    }

    /// The settings, in the order in which they came.
    pub fn entries(&self) -> &[RungEntry] {
        &self.entries
    }

    /// A setting at this rung, if it came.
    pub fn entry(&self, unit: &str) -> Option<&RungEntry> {
        self.entries.iter().find(|entry| entry.unit == unit)
    }

    /// Whether a setting waits for a decision.
    pub fn waits(&self) -> bool {
        self.entries.iter().any(|entry| entry.verdict.is_none())
    }

    /// How many go on.
    pub fn promoted(&self) -> usize {
        self.entries.iter().filter(|entry| entry.verdict == Some(RungVerdict::Promoted)).count()
    }

    /// The rank of a setting, 1 for the best; 0 for one that did not come.
    pub fn rank(&self, rule: &PruneRule, unit: &str) -> usize {
        let ranking = self.ranking(rule);
        ranking.iter().position(|position| self.entries[*position].unit == unit).map_or(0, |place| place + 1)
    }

    /// A setting comes, or comes again with another value. Gives what is decided at once.
    pub fn enter(&mut self, rule: &PruneRule, unit: &str, index: u64, value: Option<f64>) -> Vec<Decision> {
        let value = value.filter(|value| value.is_finite());
        let entry = RungEntry { unit: unit.to_owned(), index, value, verdict: None };
        match self.entries.iter_mut().find(|known| known.unit == unit) {
            Some(known) => *known = entry,
            None => self.entries.push(entry),
        }
        match rule.method {
            PruneMethod::Asha => self.promote_best(rule, self.share(rule)),
            PruneMethod::Halving => Vec::new(),
        }
    }

    /// Nobody can come any more: all that wait are decided.
    pub fn close(&mut self, rule: &PruneRule) -> Vec<Decision> {
        let keeps = self.share(rule).max(1);
        let mut decisions = self.promote_best(rule, keeps);
        for (rank, position) in self.ranking(rule).into_iter().enumerate() {
            if self.entries[position].verdict.is_none() {
                decisions.push(self.decide(position, RungVerdict::Pruned, rank + 1, keeps));
            }
        }
        decisions
    }

    fn share(&self, rule: &PruneRule) -> usize {
        let count = self.entries.len();
        usize::try_from(rule.factor).map_or(0, |factor| count / factor.max(1))
    }

    /// Those of the best that did not go on yet.
    fn promote_best(&mut self, rule: &PruneRule, keeps: usize) -> Vec<Decision> {
        let best: Vec<usize> = self.ranking(rule).into_iter().take(keeps).collect();
        let mut decisions = Vec::new();
        for (rank, position) in best.into_iter().enumerate() {
            let RungEntry { value, verdict, .. } = &self.entries[position];
            if value.is_some() && *verdict != Some(RungVerdict::Promoted) {
                decisions.push(self.decide(position, RungVerdict::Promoted, rank + 1, keeps));
            }
        }
        decisions
    }

    fn decide(&mut self, position: usize, verdict: RungVerdict, rank: usize, keeps: usize) -> Decision {
        let of = self.entries.len();
        let entry = &mut self.entries[position];
        entry.verdict = Some(verdict);
        Decision { unit: entry.unit.clone(), verdict, rank, of, keeps }
    }

    /// The places of the entries, best first.
    fn ranking(&self, rule: &PruneRule) -> Vec<usize> {
        let mut places: Vec<usize> = (0..self.entries.len()).collect();
        let loss = |entry: &RungEntry| entry.value.map_or(f64::INFINITY, |value| rule.metric.goal.loss(value));
        places.sort_by(|one, other| {
            let (one, other) = (&self.entries[*one], &self.entries[*other]);
            loss(one).total_cmp(&loss(other)).then(one.index.cmp(&other.index))
        });
        places
    }
}
