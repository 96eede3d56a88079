//! The runs that a supervisor may claim, where each of them is, and which is next.
//!
//! What changed since the last look is read from the events, so a claim costs what changed and not what the study has.
//! A queue keeps to the members that the study had when it was made: what a later plan adds is not its own, and what a later
//! plan drops still is.

use std::collections::{BTreeSet, HashMap, HashSet};

use rusqlite::{Connection, OptionalExtension, params};

use super::rows::rows;
use super::{Claim, Reader, RegistryError, RegistryResult, RunId, RunState, StateCounts};

/// Runs of a study that a supervisor may claim.
#[derive(Clone, Debug, Default)]
pub struct RunQueue {
    pub(super) study_id: i64,
    /// By number of the run.
    members: Vec<QueuedRun>,
    /// The open ones by what they wait for, each with its due time and its number in the study.
    waiting: [BTreeSet<(i64, i64, i64)>; TURNS.len()],
    counts: StateCounts,
    held_back: HashSet<i64>,
    /// Those that a batch system has, until something happens to them.
    at_batch_system: HashSet<i64>,
    /// Running ones whose lease was found to be over: its end, and since when this process looks on.
    silent: HashMap<i64, (i64, i64)>,
    /// The last event that was taken in.
    seq: i64,
}

/// How long this process looks on before it takes a run whose lease is over and whose process cannot be seen, in milliseconds:
/// five of the heartbeats that a supervisor gives.
const SILENCE: i64 = 10_000;

#[derive(Clone, Copy, Debug)]
struct QueuedRun {
    run_no: i64,
    index: i64,
    /// When it is looked at: a deferred run by the time of day, a running one by the uptime, at the end of its lease as far as
    /// that is known.
    due: i64,
    /// None while it is withdrawn from the study.
    state: Option<RunState>,
}

/// The states in which a run can be claimed, in the order of claims.
pub(super) const TURNS: [RunState; 5] =
    [RunState::Running, RunState::Deferred, RunState::Interrupted, RunState::Pending, RunState::Superseded];

impl RunQueue {
    /// The runs by state, withdrawn ones left out.
    pub fn counts(&self) -> StateCounts {
        self.counts
    }

    /// Runs that are not over, not held back and not known to be with a batch system.
    pub fn open(&self) -> usize {
        let all = self.waiting.iter().flatten();
        let is_open = |run_no| !self.held_back.contains(run_no) && !self.at_batch_system.contains(run_no);
        all.filter(|(_, _, run_no)| is_open(run_no)).count()
    }

    /// Runs that were found to be with a batch system, and have not come back since.
    pub fn at_batch_system(&self) -> usize {
        self.at_batch_system.len()
    }

    /// Looks at a run again only when something happened to it.
    pub(super) fn leave_to_batch_system(&mut self, run_no: i64) {
        self.at_batch_system.insert(run_no);
        self.look_again(run_no, i64::MAX);
    }

    /// Whether a lease that ended at `end` was not renewed for as long as this process looked on, by the time that it was awake.
    pub(super) fn is_silent(&mut self, run_no: i64, end: i64, awake: i64) -> bool {
        let (seen, since) = self.silent.entry(run_no).or_insert((end, awake));
        if *seen != end {
            (*seen, *since) = (end, awake);
        }
        awake - *since >= SILENCE
    }

    /// Leaves a run alone until [`RunQueue::give_back`].
    pub fn hold_back(&mut self, claim: &Claim) {
        self.held_back.insert(claim.run_no);
    }

    /// Lets a run be claimed again that was held back.
    pub fn give_back(&mut self, claim: &Claim) {
        self.held_back.remove(&claim.run_no);
    }

    /// What can be claimed in one state, first come first: numbers of runs. Those that are deferred, or running elsewhere, only if
    /// they are due.
    pub(super) fn turn(&self, state: RunState, now: i64) -> impl Iterator<Item = i64> {
        let waiting = turn_of(state).map(|turn| &self.waiting[turn]).into_iter().flatten();
        let due = waiting.take_while(move |(due, ..)| *due <= now);
        due.map(|(_, _, run_no)| *run_no).filter(|run_no| !self.held_back.contains(run_no))
    }

    /// When to look at a running run again.
    pub(super) fn look_again(&mut self, run_no: i64, due: i64) {
        let Some(position) = self.position(run_no) else { return };
        let run = self.members[position];
        self.leave(run);
        self.members[position] = QueuedRun { due, ..run };
        self.enter(self.members[position]);
    }

    /// Takes in what happened since the last look.
    pub(super) fn refresh(&mut self, connection: &Connection) -> RegistryResult<()> {
        let mut changed = connection.prepare_cached("SELECT run_no, seq FROM events WHERE seq > ?1 ORDER BY seq")?;
        let mut rows = changed.query([self.seq])?;
        let mut mine = BTreeSet::new();
        while let Some(row) = rows.next()? {
            self.seq = row.get(1)?;
            let position = row.get::<_, Option<i64>>(0)?.and_then(|run_no| self.position(run_no));
            mine.extend(position);
        }
        let mut find = connection.prepare_cached(
            "SELECT coalesce(m.state, r.state), r.not_before, coalesce(m.withdrawn, 0)
             FROM runs r LEFT JOIN study_runs m ON m.run_no = r.run_no AND m.study_id = ?2 WHERE r.run_no = ?1",
        )?;
        for position in mine {
            let run = self.members[position];
            let (state, not_before, withdrawn): (_, Option<i64>, bool) =
                find.query_row(params![run.run_no, self.study_id], |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?)))?;
            self.leave(run);
            self.at_batch_system.remove(&run.run_no);
            let state = (!withdrawn).then_some(state);
            let run = QueuedRun { state, due: not_before.unwrap_or(i64::MIN), ..run };
            self.enter(run);
            self.members[position] = run;
        }
        Ok(())
    }

    fn position(&self, run_no: i64) -> Option<usize> {
        self.members.binary_search_by_key(&run_no, |run| run.run_no).ok()
    }

    fn enter(&mut self, run: QueuedRun) {
        let Some(state) = run.state else { return };
        self.counts.add(state, 1);
        if let Some(turn) = turn_of(state) {
            self.waiting[turn].insert((run.due, run.index, run.run_no));
        }
    }

    fn leave(&mut self, run: QueuedRun) {
        let Some(state) = run.state else { return };
        self.counts.remove(state, 1);
        if let Some(turn) = turn_of(state) {
            self.waiting[turn].remove(&(run.due, run.index, run.run_no));
        }
    }
}

fn turn_of(state: RunState) -> Option<usize> {
    TURNS.iter().position(|turn| *turn == state)
}

impl Reader {
    /// Takes in what happened to the runs of a queue since it was last looked at.
    pub fn refresh(&self, queue: &mut RunQueue) -> RegistryResult<()> {
        self.read(|connection| queue.refresh(connection))
    }

    /// How many done runs of a queue diverged.
    pub fn diverged(&self, queue: &RunQueue) -> RegistryResult<u64> {
        self.read(|connection| {
            let sql = "SELECT run_no FROM runs WHERE outcome = 'diverged'";
            let runs: Vec<i64> = rows(connection, sql, [], |row| row.get(0))?;
            let counts = |run_no: &i64| queue.position(*run_no).is_some_and(|at| queue.members[at].state.is_some());
            Ok(runs.iter().filter(|run_no| counts(run_no)).count() as u64)
        })
    }

    /// The members of a study, or some of them, in the order of their numbers. Members that are withdrawn wait until they are
    /// restored.
    ///
    /// # Errors
    /// When there is no study with exactly this name, or one of the runs is no member of it.
    pub fn queue(&self, study: &str, some: Option<&[RunId]>) -> RegistryResult<RunQueue> {
        self.read(|connection| {
            let study_id = super::studies::exact(connection, study)?;
            let seq = connection.query_row("SELECT coalesce(max(seq), 0) FROM events", [], |row| row.get(0))?;
            let mut members = match some {
                None => all_members(connection, study_id)?,
                Some(runs) => runs.iter().map(|run| member(connection, study_id, run)).collect::<Result<_, _>>()?,
            };
            members.sort_unstable_by_key(|run| run.run_no);
            members.dedup_by_key(|run| run.run_no);
            let mut queue = RunQueue { study_id, seq, ..RunQueue::default() };
            members.iter().for_each(|run| queue.enter(*run));
            Ok(RunQueue { members, ..queue })
        })
    }
}

/// Most of a study is done and answered by one index; only deferred runs have a time.
fn all_members(connection: &Connection, study_id: i64) -> RegistryResult<Vec<QueuedRun>> {
    let sql = "SELECT m.run_no, m.idx, m.withdrawn, m.state,
            CASE m.state WHEN 'deferred' THEN (SELECT not_before FROM runs r WHERE r.run_no = m.run_no) END
        FROM study_runs m WHERE m.study_id = ?1";
    rows(connection, sql, [study_id], queued)
}

fn member(connection: &Connection, study_id: i64, run: &RunId) -> RegistryResult<QueuedRun> {
    let mut find = connection.prepare_cached(
        "SELECT r.run_no, m.idx, m.withdrawn, m.state, r.not_before
         FROM runs r JOIN study_runs m ON m.run_no = r.run_no AND m.study_id = ?2 WHERE r.run_id = ?1",
    )?;
    let found = find.query_row(params![run, study_id], queued).optional()?;
    found.ok_or_else(|| RegistryError::UnknownRun { name: run.full().to_owned() })
}

fn queued(row: &rusqlite::Row<'_>) -> rusqlite::Result<QueuedRun> {
    let (withdrawn, state): (bool, RunState) = (row.get(2)?, row.get(3)?);
    let due = row.get::<_, Option<i64>>(4)?.unwrap_or(i64::MIN);
    Ok(QueuedRun { run_no: row.get(0)?, index: row.get(1)?, due, state: (!withdrawn).then_some(state) })
}
