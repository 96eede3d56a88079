//! Studies that prune: a run stops at a rung, its setting is compared, and what is decided becomes the state of its runs in the
//! study. All of it in one transaction, so that supervisors in two terminals decide one after the other.
//!
//! Everything here follows from what the file holds: a judgement that a killed process did not make is made by the next. What
//! came to a rung and what was decided are events, in order; [`super::rungs`] makes the decisions again from them.

use std::collections::{BTreeMap, HashMap};

use rusqlite::{Connection, OptionalExtension, Transaction, params};
use serde_json::{Value, json};

use super::finish::{Ending, end};
use super::rows::rows;
use super::rule::rule;
use super::usage::stored;
use super::{Claim, Reader, Registry, RegistryResult, RunId, RunState, Usage};
use crate::prune::{Decision, Rung, RungEntry, RungVerdict};
use crate::study::PruneRule;

/// What became of a run at a rung.
#[derive(Clone, Debug, PartialEq)]
pub struct Judged {
    /// The run.
    pub run_id: RunId,
    /// Whether it goes on.
    pub verdict: RungVerdict,
    /// The rung.
    pub at: u64,
    /// What its setting was compared by.
    pub value: Option<f64>,
    /// Its setting's rank, 1 for the best.
    pub rank: usize,
    /// How many settings had come.
    pub of: usize,
}

/// A run of a study that prunes.
struct RacingRun {
    run_no: i64,
    run_id: RunId,
    index: u64,
    config_id: String,
    place: Standing,
    /// It goes to its end whatever others do.
    kept: bool,
    verdict: Option<String>,
    values: BTreeMap<u64, Option<f64>>,
}

/// Where a run is, as far as a comparison goes.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Standing {
    /// It may still come to further rungs.
    Open,
    /// It failed or diverged: worse than all others.
    Broken,
    /// It came to its end.
    Ended,
    /// Cancelled, withdrawn: it takes no part.
    Gone,
}

/// What a setting brings to a rung.
enum Arrival {
    Waiting,
    Never,
    Here(Option<f64>),
}

/// A run and its values at the rungs that it passed; none where its curve has none.
pub type RungCurve = (RunId, Vec<(u64, Option<f64>)>);

impl Reader {
    /// How a study prunes; none when it does not.
    ///
    /// # Errors
    /// A name that means no study.
    pub fn prune_rule(&self, study: &str) -> RegistryResult<Option<PruneRule>> {
        self.read(|connection| rule(connection, super::studies::exact(connection, study)?))
    }

    /// The done members of a study that prunes: their curves count where they were not compared.
    ///
    /// # Errors
    /// A name that means no study.
    pub fn done_in_races(&self, study: &str) -> RegistryResult<Vec<RunId>> {
        let sql = "SELECT r.run_id FROM study_runs m JOIN runs r ON r.run_no = m.run_no
            WHERE m.study_id = ?1 AND m.withdrawn = 0 AND m.state = 'done' AND m.race IS NOT NULL ORDER BY m.idx";
        self.rows_of_study(study, sql, |row| row.get(0))
    }

    /// Whether any run of a study has come to a rung.
    ///
    /// # Errors
    /// A name that means no study.
    pub fn has_rung_values(&self, study: &str) -> RegistryResult<bool> {
        self.read(|connection| {
            let study_id = super::studies::exact(connection, study)?;
            let find = "SELECT EXISTS (SELECT 1 FROM rung_values WHERE study_id = ?1)";
            Ok(connection.query_row(find, [study_id], |row| row.get(0))?)
        })
    }
}

impl Registry {
    /// The attempt stopped at a rung, with a checkpoint. The run waits for its comparison, or is free again when the study has
    /// another rule by now.
    ///
    /// # Errors
    /// [`RegistryError::FencedOut`](super::RegistryError::FencedOut): the run is no longer this worker's.
    pub fn pause(
        &mut self,
        claim: &Claim,
        study: &str,
        (known, at, value): (&PruneRule, u64, Option<f64>),
        usage: &Usage,
    ) -> RegistryResult<RegistryResult<Vec<Judged>>> {
        self.write(|transaction, now| {
            let payload = json!({"study": study, "at": at, "by": known.by.name(), "value": value}).to_string();
            let ending = Ending::new(RunState::Interrupted, "paused", Some(payload));
            if let Err(fenced_out) = end(transaction, claim, &ending, usage, now)? {
                return Ok(Err(fenced_out));
            }
            let study_id = super::studies::exact(transaction, study)?;
            let Some(rule) = rule(transaction, study_id)?.filter(|rule| rule == known) else {
                return Ok(Ok(Vec::new()));
            };
            note(transaction, study_id, claim.run_no, at, value)?;
            transaction.execute(
                "UPDATE study_runs SET verdict = 'paused', state = 'paused'
                 WHERE study_id = ?1 AND run_no = ?2 AND race IS NOT NULL AND kept = 0",
                params![study_id, claim.run_no],
            )?;
            Judgement { transaction, study_id, rule: &rule, now }.judge().map(Ok)
        })
    }

    /// Writes down what the curves of done runs say of the rungs that they passed, and decides what is due in a study.
    ///
    /// # Errors
    /// A name that means no study.
    pub fn judge(&mut self, study: &str, curves: &[RungCurve]) -> RegistryResult<Vec<Judged>> {
        self.write(|transaction, now| {
            let study_id = super::studies::exact(transaction, study)?;
            let Some(rule) = rule(transaction, study_id)? else { return Ok(Vec::new()) };
            for (run_id, values) in curves {
                let find = "SELECT run_no FROM runs WHERE run_id = ?1";
                let Some(run_no) = transaction.query_row(find, [run_id], |row| row.get(0)).optional()? else {
                    continue;
                };
                values.iter().try_for_each(|(at, value)| note(transaction, study_id, run_no, *at, *value))?;
            }
            Judgement { transaction, study_id, rule: &rule, now }.judge()
        })
    }
}

/// A study was planned with another rule than before: all is compared anew, by what the runs' folders say. Nothing is trained
/// again for it.
pub(super) fn begin_anew(
    transaction: &Transaction<'_>,
    study_id: i64,
    before: Option<&PruneRule>,
    now: i64,
) -> RegistryResult<()> {
    let rule = rule(transaction, study_id)?;
    if rule.as_ref() == before {
        return Ok(());
    }
    for table in ["rung_values", "rung_entries"] {
        transaction.execute(&format!("DELETE FROM {table} WHERE study_id = ?1"), [study_id])?;
    }
    let stopped = "SELECT run_no FROM study_runs WHERE study_id = ?1 AND verdict IS NOT NULL";
    let stopped: Vec<i64> = rows(transaction, stopped, [study_id], |row| row.get(0))?;
    transaction.execute("UPDATE study_runs SET kept = 0 WHERE study_id = ?1", [study_id])?;
    for run_no in stopped {
        set_free(transaction, study_id, run_no)?;
        event(transaction, (study_id, Some(run_no)), "compared_anew", &json!({}), now)?;
    }
    event(transaction, (study_id, None), "rung_rule", &json!(rule), now)
}

fn note(connection: &Connection, study_id: i64, run_no: i64, at: u64, value: Option<f64>) -> RegistryResult<()> {
    let mut insert = connection.prepare_cached(
        "INSERT INTO rung_values (study_id, run_no, at, value) VALUES (?1, ?2, ?3, ?4) ON CONFLICT DO UPDATE SET value = ?4",
    )?;
    insert.execute(params![study_id, run_no, stored(at), value.filter(|value| value.is_finite())])?;
    Ok(())
}

/// The run is the study's to claim again, as far as it is anybody's.
fn set_free(connection: &Connection, study_id: i64, run_no: i64) -> RegistryResult<()> {
    let mut update = connection.prepare_cached(
        "UPDATE study_runs SET verdict = NULL, state = (SELECT r.state FROM runs r WHERE r.run_no = study_runs.run_no)
         WHERE study_id = ?1 AND run_no = ?2",
    )?;
    update.execute([study_id, run_no])?;
    Ok(())
}

/// What happened to a study, or to a run of it.
pub(super) fn event(
    connection: &Connection,
    (study_id, run_no): (i64, Option<i64>),
    kind: &str,
    payload: &Value,
    now: i64,
) -> RegistryResult<()> {
    let mut insert = connection
        .prepare_cached("INSERT INTO events (at, kind, run_no, study_id, payload) VALUES (?1, ?2, ?3, ?4, ?5)")?;
    insert.execute(params![now, kind, run_no, study_id, payload.to_string()])?;
    Ok(())
}

/// One look at a study.
struct Judgement<'t> {
    transaction: &'t Transaction<'t>,
    study_id: i64,
    rule: &'t PruneRule,
    now: i64,
}

impl Judgement<'_> {
    fn judge(&self) -> RegistryResult<Vec<Judged>> {
        let mut rungs = rungs_of(self.transaction, self.study_id)?;
        let mut judged = Vec::new();
        for (race, runs) in self.racing_runs()? {
            self.judge_race(&race, &runs, &mut rungs)?;
            self.apply(&race, &runs, &rungs, &mut judged)?;
        }
        Ok(judged)
    }

    fn racing_runs(&self) -> RegistryResult<BTreeMap<String, Vec<RacingRun>>> {
        let mut query = self.transaction.prepare_cached(
            "SELECT m.race, m.run_no, r.run_id, m.idx, r.config_id, m.withdrawn, m.kept, m.verdict, r.state,
                 coalesce(r.outcome = 'diverged', 0)
             FROM study_runs m JOIN runs r ON r.run_no = m.run_no
             WHERE m.study_id = ?1 AND m.race IS NOT NULL ORDER BY m.idx",
        )?;
        let mut races: BTreeMap<String, Vec<RacingRun>> = BTreeMap::new();
        let mut values = self.values()?;
        let mut rows = query.query([self.study_id])?;
        while let Some(row) = rows.next()? {
            let run_no = row.get(1)?;
            let (withdrawn, state, diverged): (bool, RunState, bool) = (row.get(5)?, row.get(8)?, row.get(9)?);
            let place = match state {
                _ if withdrawn => Standing::Gone,
                RunState::Done if diverged => Standing::Broken,
                RunState::Done => Standing::Ended,
                RunState::Failed => Standing::Broken,
                RunState::Cancelled | RunState::Invalid | RunState::Superseded => Standing::Gone,
                _ => Standing::Open,
            };
            races.entry(row.get(0)?).or_default().push(RacingRun {
                run_no,
                run_id: row.get(2)?,
                index: row.get(3)?,
                config_id: row.get(4)?,
                place,
                kept: row.get(6)?,
                verdict: row.get(7)?,
                values: values.remove(&run_no).unwrap_or_default(),
            });
        }
        Ok(races)
    }

    fn values(&self) -> RegistryResult<HashMap<i64, BTreeMap<u64, Option<f64>>>> {
        let mut query =
            self.transaction.prepare_cached("SELECT run_no, at, value FROM rung_values WHERE study_id = ?1")?;
        let mut values: HashMap<i64, BTreeMap<u64, Option<f64>>> = HashMap::new();
        let mut rows = query.query([self.study_id])?;
        while let Some(row) = rows.next()? {
            values.entry(row.get(0)?).or_default().insert(row.get(1)?, row.get(2)?);
        }
        Ok(values)
    }

    /// Brings the rungs of a race up to date, from the first on.
    fn judge_race(&self, race: &str, runs: &[RacingRun], rungs: &mut Rungs) -> RegistryResult<()> {
        let mut settings: Vec<(&str, Vec<&RacingRun>)> = Vec::new();
        let mut places: HashMap<&str, usize> = HashMap::new();
        for run in runs {
            let place = *places.entry(&run.config_id).or_insert_with(|| {
                settings.push((&run.config_id, Vec::new()));
                settings.len() - 1
            });
            settings[place].1.push(run);
        }
        let mut lower_is_closed = true;
        for at in self.rule.ladder() {
            if settings.is_empty() {
                break;
            }
            let rung = rungs.entry((race.to_owned(), at)).or_default();
            let mut somebody_may_come = false;
            for (unit, runs) in &settings {
                let value = match arrival(runs, at) {
                    Arrival::Waiting => {
                        somebody_may_come = true;
                        continue;
                    }
                    Arrival::Never => continue,
                    Arrival::Here(value) => value,
                };
                let index = runs[0].index;
                if let Some(known) = rung.entry(unit)
                    && (known.value == value || known.verdict == Some(RungVerdict::Promoted))
                {
                    continue;
                }
                let payload = json!({"race": race, "at": at, "unit": unit, "index": index, "value": value});
                self.event(None, "rung_entered", &payload)?;
                let decisions = rung.enter(self.rule, unit, index, value);
                self.enter(race, at, rung.entry(unit))?;
                self.write_down(race, at, &decisions)?;
            }
            lower_is_closed &= !somebody_may_come;
            let closes = lower_is_closed && rung.waits();
            if closes {
                self.event(None, "rung_closed", &json!({"race": race, "at": at}))?;
                let decisions = rung.close(self.rule);
                self.write_down(race, at, &decisions)?;
            }
            settings
                .retain(|(unit, _)| rung.entry(unit).is_some_and(|entry| entry.verdict == Some(RungVerdict::Promoted)));
            if closes && rung.promoted() == 1 {
                // Nobody is left to be compared with: it goes to its end in one go.
                for run in settings.iter().flat_map(|(_, runs)| runs) {
                    let keep = "UPDATE study_runs SET kept = 1 WHERE study_id = ?1 AND run_no = ?2";
                    self.transaction.execute(keep, [self.study_id, run.run_no])?;
                }
            }
        }
        Ok(())
    }

    fn event(&self, run_no: Option<i64>, kind: &str, payload: &Value) -> RegistryResult<()> {
        event(self.transaction, (self.study_id, run_no), kind, payload, self.now)
    }

    fn enter(&self, race: &str, at: u64, entry: Option<&RungEntry>) -> RegistryResult<()> {
        let Some(RungEntry { unit, index, value, .. }) = entry else { return Ok(()) };
        let mut insert = self.transaction.prepare_cached(
            "INSERT INTO rung_entries (study_id, race, at, config_id, idx, value) VALUES (?1, ?2, ?3, ?4, ?5, ?6)
             ON CONFLICT (study_id, race, at, config_id) DO UPDATE SET value = ?6, verdict = NULL",
        )?;
        insert.execute(params![self.study_id, race, stored(at), unit, index, value])?;
        Ok(())
    }

    fn write_down(&self, race: &str, at: u64, decisions: &[Decision]) -> RegistryResult<()> {
        for Decision { unit, verdict, rank, of, keeps } in decisions {
            let mut update = self.transaction.prepare_cached(
                "UPDATE rung_entries SET verdict = ?5 WHERE study_id = ?1 AND race = ?2 AND at = ?3 AND config_id = ?4",
            )?;
            update.execute(params![self.study_id, race, stored(at), unit, verdict.name()])?;
            let payload = json!({"race": race, "at": at, "unit": unit, "rank": rank, "of": of, "keeps": keeps});
            self.event(None, &format!("rung_{}", verdict.name()), &payload)?;
        }
        Ok(())
    }

    /// Makes the decisions the states of the runs that wait for them.
    fn apply(&self, race: &str, runs: &[RacingRun], rungs: &Rungs, judged: &mut Vec<Judged>) -> RegistryResult<()> {
        for run in runs {
            let Some(was) = run.verdict.as_deref() else { continue };
            let last = self.rule.ladder().take_while(|at| run.values.contains_key(at)).last();
            let Some((at, rung)) = last.and_then(|at| Some((at, rungs.get(&(race.to_owned(), at))?))) else { continue };
            let Some(entry) = rung.entry(&run.config_id) else { continue };
            match entry.verdict {
                Some(RungVerdict::Promoted) => set_free(self.transaction, self.study_id, run.run_no)?,
                Some(RungVerdict::Pruned) if was == "paused" => {
                    self.transaction.execute(
                        "UPDATE study_runs SET verdict = 'pruned',
                             state = CASE state WHEN 'paused' THEN 'pruned' ELSE state END
                         WHERE study_id = ?1 AND run_no = ?2",
                        [self.study_id, run.run_no],
                    )?;
                }
                _ => continue,
            }
            let Some(verdict) = entry.verdict else { continue };
            let (rank, of) = (rung.rank(self.rule, &run.config_id), rung.entries().len());
            let by = self.rule.by.name();
            let payload = json!({"at": at, "by": by, "metric": self.rule.metric.name, "value": entry.value, "rank": rank, "of": of});
            self.event(Some(run.run_no), verdict.name(), &payload)?;
            judged.push(Judged { run_id: run.run_id.clone(), verdict, at, value: entry.value, rank, of });
        }
        Ok(())
    }
}

/// Rungs by race and place.
type Rungs = HashMap<(String, u64), Rung>;

pub(super) fn rungs_of(connection: &Connection, study_id: i64) -> RegistryResult<Rungs> {
    let mut query = connection.prepare_cached(
        "SELECT race, at, config_id, idx, value, verdict FROM rung_entries WHERE study_id = ?1 ORDER BY entry_no",
    )?;
    let mut entries: HashMap<(String, u64), Vec<RungEntry>> = HashMap::new();
    let mut rows = query.query([study_id])?;
    while let Some(row) = rows.next()? {
        let verdict: Option<String> = row.get(5)?;
        entries.entry((row.get(0)?, row.get(1)?)).or_default().push(RungEntry {
            unit: row.get(2)?,
            index: row.get(3)?,
            value: row.get(4)?,
            verdict: verdict.and_then(|verdict| verdict.parse().ok()),
        });
    }
    Ok(entries.into_iter().map(|(place, entries)| (place, Rung::of(entries))).collect())
}

/// What a setting brings to a rung: the mean of its runs, or that one of them broke.
fn arrival(runs: &[&RacingRun], at: u64) -> Arrival {
    let (mut sum, mut count, mut broken) = (0.0, 0.0, false);
    for run in runs {
        match (run.values.get(&at), run.place) {
            (Some(Some(value)), _) => {
                sum += value;
                count += 1.0;
            }
            (Some(None), _) => broken = true,
            (None, Standing::Broken) => broken = true,
            (None, Standing::Open) if !run.kept => return Arrival::Waiting,
            (None, _) => {}
        }
    }
    match (broken, count > 0.0) {
        (true, _) => Arrival::Here(None),
        (false, true) => Arrival::Here(Some(sum / count)),
        (false, false) => Arrival::Never,
    }
}
