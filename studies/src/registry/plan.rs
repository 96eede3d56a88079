//! Enters a study: its runs and their places in it. Entering the same study again changes nothing.

use std::collections::{BTreeMap, HashMap, HashSet};

use rusqlite::{Connection, OptionalExtension, Row, Transaction, params};
use serde_json::json;

use super::rows::rows;
use super::{ConfigId, Reader, Registry, RegistryError, RegistryResult, RunId, RunState};
use super::{judge, rule};

/// A study as its file says it.
#[derive(Clone, Debug, Default)]
pub struct StudySpec {
    /// Its name, unique in the registry.
    pub name: String,
    /// Its task.
    pub task: String,
    /// Digest of the resolved specification.
    pub spec_sha: String,
    /// The resolved specification, as JSON.
    pub spec_json: String,
}

/// A run as the expansion of a study gives it.
#[derive(Clone, Debug)]
pub struct PlannedRun {
    /// Hash of setting and seed.
    pub run_id: RunId,
    /// Hash of the setting.
    pub config_id: ConfigId,
    /// The seed.
    pub seed: u64,
    /// The task.
    pub task: String,
    /// Runs of one shape take about the same time.
    pub shape_sig: String,
    /// What decides the result, as JSON: what [`PlannedRun::config_id`] is the hash of.
    pub identity_json: String,
}

/// A run and its place in a study.
#[derive(Clone, Debug)]
pub struct Member {
    /// The run.
    pub run: PlannedRun,
    /// Its number in the study, which is the order of claims. Once given it is the run's for ever.
    pub index: u64,
    /// The case of the study it comes from.
    pub case: Option<String>,
    /// What its axes were set to: a JSON object of scalars.
    pub axes_json: String,
    /// What it is compared within, in a study that prunes.
    pub race: Option<String>,
}

/// What entering a study did.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct PlanChanges {
    /// Runs that no study had asked for before.
    pub created: u64,
    /// Runs that the registry knew and this study did not have.
    pub shared: u64,
    /// How many of those were done already.
    pub reused: u64,
    /// Superseded runs that are pending again.
    pub revived: u64,
    /// Runs that the study no longer lists.
    pub dropped: u64,
    /// How many of those were pending and are now superseded, since no other study lists them.
    pub superseded: u64,
}

/// What a plan would take out of a study.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Leaving {
    /// Its number in the study.
    pub index: u64,
    /// The run.
    pub run_id: RunId,
    /// Where it is.
    pub state: RunState,
}

impl Reader {
    /// The members of a study that are not among these runs, by number. None when there is no such study.
    pub fn leaving(&self, study: &str, members: &[Member]) -> RegistryResult<Vec<Leaving>> {
        self.read(|connection| {
            let listed: HashSet<&str> = members.iter().map(|member| member.run.run_id.full()).collect();
            let sql = "SELECT m.idx, r.run_id, r.state FROM studies s JOIN study_runs m ON m.study_id = s.study_id
                JOIN runs r ON r.run_no = m.run_no WHERE s.name = ?1 ORDER BY m.idx";
            let member = |row: &Row<'_>| Ok(Leaving { index: row.get(0)?, run_id: row.get(1)?, state: row.get(2)? });
            let mut members: Vec<Leaving> = rows(connection, sql, [study], member)?;
            members.retain(|member| !listed.contains(member.run_id.full()));
            Ok(members)
        })
    }

    /// Gives each member the number that it has in the study, and those that had none the next ones. A new study is numbered
    /// as its members say. Gives the numbers of runs that the study had and has no longer, too.
    pub fn number(&self, study: &str, members: &mut [Member]) -> RegistryResult<Vec<(RunId, u64)>> {
        self.read(|connection| {
            let sql = "SELECT r.run_id, n.idx FROM studies s JOIN study_numbers n ON n.study_id = s.study_id
                JOIN runs r ON r.run_no = n.run_no WHERE s.name = ?1";
            let mut known: HashMap<RunId, u64> = rows(connection, sql, [study], |row| row.try_into())?;
            let mut next = known.values().max().map(|last| last + 1);
            for member in members {
                match (known.remove(&member.run.run_id), &mut next) {
                    (Some(number), _) => member.index = number,
                    (None, Some(next)) => {
                        member.index = *next;
                        *next += 1;
                    }
                    (None, None) => {}
                }
            }
            Ok(known.into_iter().collect())
        })
    }
}

impl Registry {
    /// Enters a study with **all** its members, or changes it to them; a filter on what is to be run now belongs to the
    /// [queue](super::RunQueue) and not here. A member that was withdrawn stays withdrawn, and one that had a number in the
    /// study keeps it.
    ///
    /// # Errors
    /// A run that is listed twice, or that has another run's setting and seed. Nothing is changed then.
    pub fn plan(&mut self, study: &StudySpec, members: &[Member]) -> RegistryResult<PlanChanges> {
        refuse_duplicates(members)?;
        self.write(|transaction, now| {
            let before = rule::rule_of_study(transaction, &study.name)?;
            let (study_id, spec_changed) = enter_study(transaction, study, now)?;
            judge::begin_anew(transaction, study_id, before.as_ref(), now)?;
            let mut entry = StudyEntry { transaction, study, study_id, now, planned: PlanChanges::default(), moved: 0 };
            let mut listed = HashSet::with_capacity(members.len());
            for member in members {
                listed.insert(entry.member(member)?);
            }
            entry.drop_others(&listed)?;
            let StudyEntry { planned, moved, .. } = entry;
            if spec_changed || moved > 0 || planned != PlanChanges::default() {
                let payload = json!({"spec_sha": study.spec_sha, "members": members.len(), "created": planned.created,
                    "shared": planned.shared, "reused": planned.reused, "dropped": planned.dropped});
                judge::event(transaction, (study_id, None), "study_planned", &payload, now)?;
            }
            Ok(planned)
        })
    }
}

fn refuse_duplicates(members: &[Member]) -> RegistryResult<()> {
    let mut seen = BTreeMap::new();
    for member in members {
        if let Some(first) = seen.insert(&member.run.run_id, member.index) {
            let run_id = member.run.run_id.clone();
            return Err(RegistryError::DuplicateMember { run_id, first, second: member.index });
        }
    }
    Ok(())
}

/// The study's number, and whether its row is new or other than it was.
pub(super) fn enter_study(connection: &Connection, study: &StudySpec, now: i64) -> RegistryResult<(i64, bool)> {
    let changed = connection.execute(
        "INSERT INTO studies (name, task, spec_sha, spec_json, created_at, updated_at) VALUES (?1, ?2, ?3, ?4, ?5, ?5)
         ON CONFLICT (name) DO UPDATE
         SET task = excluded.task, spec_sha = excluded.spec_sha, spec_json = excluded.spec_json, updated_at = ?5
         WHERE task <> excluded.task OR spec_sha <> excluded.spec_sha OR spec_json <> excluded.spec_json",
        params![study.name, study.task, study.spec_sha, study.spec_json, now],
    )?;
    let find = "SELECT study_id FROM studies WHERE name = ?1";
    Ok((connection.query_row(find, [&study.name], |row| row.get(0))?, changed > 0))
}

/// The number of a run in a study: the one that it had, or the wanted one, or the next when that is another run's.
pub(super) fn number(connection: &Connection, study_id: i64, run_no: i64, wanted: u64) -> RegistryResult<i64> {
    let mut find = connection.prepare_cached("SELECT idx FROM study_numbers WHERE study_id = ?1 AND run_no = ?2")?;
    if let Some(known) = find.query_row([study_id, run_no], |row| row.get(0)).optional()? {
        return Ok(known);
    }
    let mut insert = connection.prepare_cached(
        "INSERT INTO study_numbers (study_id, run_no, idx)
         SELECT ?1, ?2, CASE WHEN EXISTS (SELECT 1 FROM study_numbers WHERE study_id = ?1 AND idx = ?3)
             THEN (SELECT max(idx) + 1 FROM study_numbers WHERE study_id = ?1) ELSE ?3 END
         RETURNING idx",
    )?;
    Ok(insert.query_row(params![study_id, run_no, wanted], |row| row.get(0))?)
}

/// Adds a run that does not exist yet, as pending.
pub(super) fn create_run(connection: &Connection, run: &PlannedRun, actor: &str, now: i64) -> RegistryResult<i64> {
    let mut config = connection.prepare_cached(
        "INSERT INTO configs (config_id, task, shape_sig, identity_json) VALUES (?1, ?2, ?3, ?4)
         ON CONFLICT (config_id) DO NOTHING",
    )?;
    config.execute(params![run.config_id, run.task, run.shape_sig, run.identity_json])?;
    let mut insert = connection.prepare_cached(
        "INSERT INTO runs (run_id, config_id, seed, state, created_at, updated_at, event_kind, actor)
         VALUES (?1, ?2, ?3, 'pending', ?4, ?4, 'planned', ?5)
         ON CONFLICT (config_id, seed) DO NOTHING RETURNING run_no",
    )?;
    let number = insert
        .query_row(params![run.run_id, run.config_id, run.seed.cast_signed(), now, actor], |row| row.get(0))
        .optional()?;
    number.ok_or_else(|| clash(run))
}

fn clash(run: &PlannedRun) -> RegistryError {
    let PlannedRun { run_id, config_id, seed, .. } = run.clone();
    RegistryError::IdentityClash { run_id, config_id, seed }
}

/// One study being entered.
struct StudyEntry<'t> {
    transaction: &'t Transaction<'t>,
    study: &'t StudySpec,
    study_id: i64,
    now: i64,
    planned: PlanChanges,
    /// Members whose place in the study changed.
    moved: u64,
}

impl StudyEntry<'_> {
    fn actor(&self) -> String {
        format!("plan of {}", self.study.name)
    }

    /// Adds a member or moves it to its place. Gives the run's number.
    fn member(&mut self, member: &Member) -> RegistryResult<i64> {
        let mut find =
            self.transaction.prepare_cached("SELECT run_no, state, config_id, seed FROM runs WHERE run_id = ?1")?;
        let known: Option<(i64, RunState, ConfigId, i64)> =
            find.query_row([&member.run.run_id], |row| row.try_into()).optional()?;
        let (run_no, state, existed) = match known {
            Some((run_no, state, config_id, seed)) => {
                if config_id != member.run.config_id || seed.cast_unsigned() != member.run.seed {
                    return Err(clash(&member.run));
                }
                (run_no, self.revive(run_no, state)?, true)
            }
            None => {
                self.planned.created += 1;
                (create_run(self.transaction, &member.run, &self.actor(), self.now)?, RunState::Pending, false)
            }
        };
        self.place(member, run_no, state, existed)?;
        Ok(run_no)
    }

    /// A run that no study listed, and this one does again, can be claimed again.
    fn revive(&mut self, run_no: i64, state: RunState) -> RegistryResult<RunState> {
        if state != RunState::Superseded {
            return Ok(state);
        }
        self.transaction.execute(
            "UPDATE runs SET state = 'pending', updated_at = ?1, event_kind = 'revived', actor = ?2 WHERE run_no = ?3",
            params![self.now, self.actor(), run_no],
        )?;
        self.planned.revived += 1;
        Ok(RunState::Pending)
    }

    fn place(&mut self, member: &Member, run_no: i64, state: RunState, existed: bool) -> RegistryResult<()> {
        let done = state == RunState::Done;
        let mut insert = self.transaction.prepare_cached(
            "INSERT INTO study_runs (study_id, run_no, idx, case_name, axes_json, reused, state, added_at, race)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9) ON CONFLICT (study_id, run_no) DO NOTHING",
        )?;
        let (study_id, now) = (self.study_id, self.now);
        let index = number(self.transaction, study_id, run_no, member.index)?;
        let Member { case, axes_json, race, .. } = member;
        let added = insert.execute(params![study_id, run_no, index, case, axes_json, done, state, now, race])?;
        if added > 0 {
            self.planned.shared += u64::from(existed);
            self.planned.reused += u64::from(done);
            return Ok(());
        }
        let mut update = self.transaction.prepare_cached(
            "UPDATE study_runs SET idx = ?3, case_name = ?4, axes_json = ?5, race = ?6
             WHERE study_id = ?1 AND run_no = ?2
               AND (idx <> ?3 OR case_name IS NOT ?4 OR axes_json <> ?5 OR race IS NOT ?6)",
        )?;
        self.moved += update.execute(params![study_id, run_no, index, case, axes_json, race])? as u64;
        Ok(())
    }

    /// Takes the members out that the study no longer lists.
    fn drop_others(&mut self, listed: &HashSet<i64>) -> RegistryResult<()> {
        let sql = "SELECT run_no FROM study_runs WHERE study_id = ?1";
        let members: Vec<i64> = rows(self.transaction, sql, [self.study_id], |row| row.get(0))?;
        for run_no in members.into_iter().filter(|run_no| !listed.contains(run_no)) {
            self.transaction.execute(
                "DELETE FROM study_runs WHERE study_id = ?1 AND run_no = ?2",
                params![self.study_id, run_no],
            )?;
            self.transaction.execute(
                "INSERT INTO events (at, kind, run_no, study_id, actor) VALUES (?1, 'dropped', ?2, ?3, ?4)",
                params![self.now, run_no, self.study_id, self.actor()],
            )?;
            self.planned.dropped += 1;
            self.planned.superseded += self.transaction.execute(
                "UPDATE runs SET state = 'superseded', updated_at = ?1, event_kind = 'superseded', actor = ?2
                 WHERE run_no = ?3 AND state = 'pending'
                   AND NOT EXISTS (SELECT 1 FROM study_runs WHERE run_no = ?3)",
                params![self.now, self.actor(), run_no],
            )? as u64;
        }
        Ok(())
    }
}
