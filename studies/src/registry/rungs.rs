//! The rungs of a study that prunes: how they stand, and whether every decision comes out again from what was recorded.

use std::collections::{BTreeMap, HashMap, VecDeque};

use rusqlite::Connection;
use serde::Serialize;
use serde_json::Value;

use super::judge::rungs_of;
use super::{Reader, RegistryResult};
use crate::prune::{Decision, Rung, RungVerdict};
use crate::study::PruneRule;

/// How a rung stands.
#[derive(Clone, Debug, PartialEq)]
pub struct RungRow {
    /// What its settings are compared within; empty where all of the study are.
    pub race: String,
    /// Where it is.
    pub at: u64,
    /// Settings that came.
    pub came: usize,
    /// Those of them that went on.
    pub promoted: usize,
    /// Those of them that were stopped.
    pub pruned: usize,
    /// The best value.
    pub best: Option<f64>,
    /// The worst value with which a setting went on.
    pub cutoff: Option<f64>,
}

/// What came of making all decisions of a study again.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct RungReplay {
    /// Decisions that were recorded.
    pub decisions: usize,
    /// What is not the same, in words.
    pub differences: Vec<String>,
}

impl Reader {
    /// The rungs of a study, in order. None are there before a run has come to one.
    ///
    /// # Errors
    /// A name that means no study.
    pub fn rungs(&self, study: &str) -> RegistryResult<Vec<RungRow>> {
        self.read(|connection| {
            let study_id = super::studies::exact(connection, study)?;
            let Some(rule) = super::rule::rule(connection, study_id)? else { return Ok(Vec::new()) };
            let rungs: BTreeMap<(String, u64), Rung> = rungs_of(connection, study_id)?.into_iter().collect();
            Ok(rungs.into_iter().map(|((race, at), rung)| row(&rule, race, at, &rung)).collect())
        })
    }

    /// Makes every decision of a study again from what was recorded: the rules, who came to which rung when and with what, and
    /// when nobody could come any more.
    ///
    /// # Errors
    /// A name that means no study.
    pub fn replay_rungs(&self, study: &str) -> RegistryResult<RungReplay> {
        self.read(|connection| {
            let study_id = super::studies::exact(connection, study)?;
            let mut query = connection.prepare_cached(
                "SELECT seq, kind, payload FROM events WHERE study_id = ?1
                     AND kind IN ('rung_rule', 'rung_entered', 'rung_closed', 'rung_promoted', 'rung_pruned') ORDER BY seq",
            )?;
            let mut replay = Replaying::default();
            let mut rows = query.query([study_id])?;
            while let Some(row) = rows.next()? {
                let (seq, kind, payload): (i64, String, String) = (row.get(0)?, row.get(1)?, row.get(2)?);
                replay.take(seq, &kind, &serde_json::from_str(&payload).unwrap_or_default());
            }
            replay.finish(connection, study_id)
        })
    }
}

fn row(rule: &PruneRule, race: String, at: u64, rung: &Rung) -> RungRow {
    let all = || rung.entries().iter();
    let having = |verdict| all().filter(move |entry| entry.verdict == Some(verdict));
    let goal = rule.metric.goal;
    RungRow {
        race,
        at,
        came: rung.entries().len(),
        promoted: rung.promoted(),
        pruned: having(RungVerdict::Pruned).count(),
        best: goal.best(all().filter_map(|entry| entry.value)),
        cutoff: goal.opposite().best(having(RungVerdict::Promoted).filter_map(|entry| entry.value)),
    }
}

/// A replay under way.
#[derive(Default)]
struct Replaying {
    rule: Option<PruneRule>,
    rungs: HashMap<(String, u64), Rung>,
    /// Decisions that must come next.
    due: VecDeque<(String, u64, Decision)>,
    found: RungReplay,
}

impl Replaying {
    fn take(&mut self, seq: i64, kind: &str, payload: &Value) {
        let text = |key: &str| payload[key].as_str().unwrap_or_default().to_owned();
        let whole = |key: &str| payload[key].as_u64().unwrap_or_default();
        let count = |key: &str| usize::try_from(whole(key)).unwrap_or(usize::MAX);
        let (race, at) = (text("race"), whole("at"));
        if let Some(verdict) = kind.strip_prefix("rung_").and_then(|verdict| verdict.parse::<RungVerdict>().ok()) {
            self.found.decisions += 1;
            let (rank, of, keeps) = (count("rank"), count("of"), count("keeps"));
            let recorded = (race, at, Decision { unit: text("unit"), verdict, rank, of, keeps });
            let expected = self.due.pop_front();
            if expected.as_ref() != Some(&recorded) {
                let expected = expected.as_ref().map_or("none".into(), shown);
                self.differ(format!("event {seq}: recorded is {}, and made again it is {expected}", shown(&recorded)));
            }
            return;
        }
        self.miss_due(&format!("before event {seq}"));
        if kind == "rung_rule" {
            self.rule = serde_json::from_value(payload.clone()).ok();
            self.rungs.clear();
            return;
        }
        let Some(rule) = &self.rule else { return self.differ(format!("event {seq}: no rule was recorded before it")) };
        let rung = self.rungs.entry((race.clone(), at)).or_default();
        let decisions = match kind {
            "rung_entered" => rung.enter(rule, &text("unit"), whole("index"), payload["value"].as_f64()),
            _ => rung.close(rule),
        };
        self.due.extend(decisions.into_iter().map(|decision| (race.clone(), at, decision)));
    }

    /// What was to be decided and was not.
    fn miss_due(&mut self, when: &str) {
        for missed in std::mem::take(&mut self.due) {
            self.differ(format!("{when}: {} is not recorded", shown(&missed)));
        }
    }

    fn differ(&mut self, difference: String) {
        self.found.differences.push(difference);
    }

    /// What was decided must be what the registry goes by.
    fn finish(mut self, connection: &Connection, study_id: i64) -> RegistryResult<RungReplay> {
        self.miss_due("at the end");
        let mut stand = rungs_of(connection, study_id)?;
        for (place, rung) in std::mem::take(&mut self.rungs) {
            let stands = stand.remove(&place).unwrap_or_default();
            for entry in rung.entries() {
                if stands.entry(&entry.unit) != Some(entry) {
                    let (race, at) = &place;
                    self.differ(format!("rung {at} {race}: setting {} does not stand as it was decided", entry.unit));
                }
            }
        }
        let more = stand.keys().map(|(race, at)| format!("rung {at} {race}: nothing is recorded of it"));
        self.found.differences.extend(more);
        Ok(self.found)
    }
}

/// `rung 3 seed=0: 0123456789abcdef promoted, 1 of 3, of which 1 go on`.
fn shown((race, at, decision): &(String, u64, Decision)) -> String {
    let Decision { unit, verdict, rank, of, keeps } = decision;
    let unit: String = unit.chars().take(16).collect();
    let race = if race.is_empty() { String::new() } else { format!(" {race}") };
    format!("rung {at}{race}: setting {unit} {}, {rank} of {of}, of which {keeps} go on", verdict.name())
}
