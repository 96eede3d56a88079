//! What must hold whoever writes: legal moves, one event for each, final results, append-only events.

use std::collections::BTreeMap;

use aees_studies::registry::{AfterFailure, Claim, FailedAttempt, Heartbeat, Registry, RunQueue, RunState, Usage};
use proptest::prelude::RngExt;
use proptest::test_runner::{RngAlgorithm, TestRng};
use rusqlite::{Connection, params};

use super::scratch::{AUDIT, LEASE, Scratch, claim_one, completion, digits, run_id, worker};

/// The moves of the design, told a second time so that a change of the table is seen.
fn legal(from: RunState, to: RunState) -> bool {
    use RunState::{
        Cancelled, Deferred, Done, Failed, Interrupted, Invalid, Paused, Pending, Pruned, Running, Superseded,
    };
    match from {
        Pending => matches!(to, Running | Done | Cancelled | Superseded),
        Running => matches!(to, Running | Done | Failed | Deferred | Interrupted | Pending | Cancelled),
        Interrupted | Deferred => matches!(to, Running | Pending | Done | Cancelled),
        Failed => matches!(to, Pending | Done | Cancelled),
        Done => to == Invalid,
        Superseded => matches!(to, Running | Pending),
        Cancelled | Invalid => to == Pending,
        // A study says so, and no run is there.
        Paused | Pruned => false,
    }
}

fn refused(shell: &Connection, sql: &str, why: &str) {
    let error = shell.execute(sql, []).expect_err(sql).to_string();
    assert!(error.contains(why), "{sql}: {error}");
}

#[test]
fn a_done_run_is_final() {
    let scratch = Scratch::new();
    let (mut registry, mut queue) = scratch.with_study(2);
    let claim = claim_one(&mut registry, &mut queue);
    registry.complete(&claim, &completion("aa", 0.5)).unwrap();
    let before = (scratch.facts(), registry.last_seq().unwrap());
    let shell = scratch.shell();
    for sql in [
        "UPDATE runs SET result_sha = 'bb' WHERE state = 'done'",
        "UPDATE runs SET outcome = 'diverged' WHERE state = 'done'",
        "UPDATE runs SET accepted_epoch = 9 WHERE state = 'done'",
        "UPDATE runs SET accepted_epoch = NULL WHERE state = 'done'",
    ] {
        refused(&shell, sql, "the result of a done run cannot change");
    }
    for sql in ["UPDATE metrics SET value = 1", "DELETE FROM metrics", "INSERT INTO metrics VALUES (1, 'a', 'b', 1)"] {
        refused(&shell, sql, "the metrics of a done run cannot change");
    }
    refused(&shell, "DELETE FROM runs WHERE state = 'done'", "a done run cannot be deleted");
    refused(&shell, "REPLACE INTO runs SELECT * FROM runs WHERE state = 'done'", "a run begins as pending");
    refused(&shell, "UPDATE runs SET seed = 9", "the identity of a run cannot change");
    refused(&shell, "UPDATE runs SET epoch = 0 WHERE state = 'done'", "");
    assert_eq!((scratch.facts(), registry.last_seq().unwrap()), before);
}

#[test]
fn events_are_append_only() {
    let scratch = Scratch::new();
    let (registry, _) = scratch.with_study(2);
    let before = registry.why("s:0").unwrap().events;
    let shell = scratch.shell();
    refused(&shell, "UPDATE events SET kind = 'x'", "events cannot be changed");
    refused(&shell, "DELETE FROM events", "events cannot be deleted");
    refused(&shell, "REPLACE INTO events (seq, at, kind) VALUES (1, 0, 'x')", "events cannot be deleted");
    assert_eq!(registry.why("s:0").unwrap().events, before);
}

#[test]
fn an_epoch_never_falls_and_rises_only_with_a_claim() {
    let scratch = Scratch::new();
    let (mut registry, mut queue) = scratch.with_study(2);
    claim_one(&mut registry, &mut queue);
    let shell = scratch.shell();
    refused(&shell, "UPDATE runs SET epoch = 0 WHERE state = 'running'", "cannot fall");
    refused(&shell, "UPDATE runs SET epoch = 1 WHERE state = 'pending'", "rises with a claim");
    refused(&shell, "UPDATE runs SET state = 'running', lease_until = 1 WHERE state = 'pending'", "rises with a claim");
    refused(
        &shell,
        "UPDATE runs SET state = 'interrupted', lease_until = NULL, epoch = 2 WHERE state = 'running'",
        "rises with a claim",
    );
    refused(
        &shell,
        &format!(
            "INSERT INTO runs (run_id, config_id, seed, state, class, created_at, updated_at)
             SELECT '{}', config_id, 99, 'failed', 'io', 0, 0 FROM configs",
            digits(77)
        ),
        "begins as pending",
    );
}

#[test]
fn a_move_made_by_hand_still_has_its_event() {
    let scratch = Scratch::new();
    let (mut registry, mut queue) = scratch.with_study(1);
    claim_one(&mut registry, &mut queue);
    scratch.shell().execute("UPDATE runs SET state = 'cancelled', lease_until = NULL", []).unwrap();
    let why = registry.why("s:0").unwrap();
    let event = why.events.last().unwrap();
    assert_eq!((event.kind.as_str(), event.actor.as_deref()), ("unexplained", None), "and no borrowed actor");
    assert_eq!(why.attempts[0].ending.as_deref(), Some("unexplained"));
    assert_eq!(registry.status(&["s"]).unwrap()[0].counts.get(RunState::Cancelled), 1, "the copy follows");
}

/// The world of the fuzz: what the last look saw, and claims that may have gone stale.
struct Fuzz {
    random: TestRng,
    claims: Vec<Claim>,
    seen: BTreeMap<i64, (RunState, i64)>,
    seq: i64,
    done: u64,
}

const RUNS: u64 = 12;

impl Fuzz {
    fn below(&mut self, most: usize) -> usize {
        self.random.random_range(0..most)
    }

    fn any_claim(&mut self) -> Option<Claim> {
        if self.claims.is_empty() {
            return None;
        }
        let index = self.below(self.claims.len());
        Some(self.claims[index].clone())
    }

    /// A move through the program. Whether it is refused is not asked: what it did is looked at.
    fn through_the_program(&mut self, registry: &mut Registry, queue: &mut RunQueue) {
        let used = Usage { wall_ms: Some(1), ..Usage::default() };
        let run = run_id(self.below(RUNS as usize) as u64);
        let sha = ["aa", "bb"][self.below(2)];
        let next = [AfterFailure::Final, AfterFailure::RetryAt(registry.now() + 300)][self.below(2)];
        let failure = FailedAttempt { class: "io".into(), error: "e".into(), fingerprint: None, next };
        let action = self.below(13);
        let claim = self.any_claim();
        match (action, &claim) {
            (0 | 1, _) | (_, None) => {
                let most = self.below(4);
                self.claims.extend(registry.claim(&worker(1), queue, most, LEASE).unwrap());
            }
            (2, Some(claim)) => drop(registry.complete(claim, &completion(sha, 0.5))),
            (3, Some(claim)) => drop(registry.fail(claim, &failure, &used)),
            (4, Some(claim)) => drop(registry.defer(claim, registry.now() + 200, "why", &used)),
            (5, Some(claim)) => drop(registry.interrupt(claim, "why", &used)),
            (6, Some(claim)) => drop(registry.release(claim)),
            (7, Some(claim)) => drop(registry.heartbeat(&[Heartbeat { claim, progress: None }], LEASE)),
            (8, _) => drop(registry.adopt(&run, &completion(sha, 0.5), "scan")),
            (9, _) => drop(registry.retry(&[run], &AUDIT)),
            (10, _) => drop(registry.cancel(&[run], &AUDIT)),
            (11, _) => drop(registry.invalidate(&[run], &AUDIT)),
            (_, Some(claim)) => drop(registry.interrupt_dead(&claim.run_id, claim.epoch, &AUDIT)),
        }
        let stale = self.claims.len().saturating_sub(20);
        self.claims.drain(..stale);
    }

    /// A move past the program, to any state, with all other columns as that state wants them. Says whether it is
    /// legal.
    fn past_the_program(&mut self, shell: &Connection) {
        let run_no = 1 + self.below(RUNS as usize) as i64;
        let (from, epoch) = self.seen[&run_no];
        let to = RunState::ALL[self.below(RunState::ALL.len())];
        let done = to == RunState::Done;
        let moved = shell.execute(
            "UPDATE runs SET state = ?2, epoch = ?3, outcome = ?4, result_sha = ?5, accepted_epoch = ?6, lease_until = ?7,
                 not_before = ?8, class = 'io' WHERE run_no = ?1",
            params![
                run_no,
                to,
                epoch + i64::from(to == RunState::Running),
                done.then_some("ok"),
                done.then_some("aa"),
                done.then_some(epoch),
                (to == RunState::Running).then_some(1_i64),
                (to == RunState::Deferred).then_some(1_i64),
            ],
        );
        // Staying where it is, with the same epoch, is no move; a done run then stays as it is or the trigger objects.
        if from != to || to == RunState::Running {
            assert_eq!(moved.is_ok(), legal(from, to), "{from} to {to}: {moved:?}");
        }
    }

    /// Each run that changed since the last look has exactly the events of its changes, in a chain; no other has any.
    fn look(&mut self, shell: &Connection) {
        let mut query = shell.prepare_cached("SELECT run_no, state, epoch FROM runs").unwrap();
        let rows = query.query_map([], |row| Ok((row.get(0)?, (row.get(1)?, row.get(2)?)))).unwrap();
        let now: BTreeMap<i64, (RunState, i64)> = rows.map(Result::unwrap).collect();
        let mut query = shell
            .prepare_cached(
                "SELECT run_no, src, dst, epoch, seq FROM events WHERE seq > ?1 AND dst IS NOT NULL ORDER BY seq",
            )
            .unwrap();
        let events = query
            .query_map([self.seq], |row| {
                Ok((row.get::<_, i64>(0)?, row.get(1)?, row.get(2)?, row.get(3)?, row.get(4)?))
            })
            .unwrap();
        for event in events {
            let (run_no, from, to, epoch, seq): (i64, RunState, RunState, i64, i64) = event.unwrap();
            let (state, before) = self.seen[&run_no];
            assert_eq!(from, state, "the event begins where the run was");
            assert!(legal(from, to), "{from} to {to}");
            assert_eq!(epoch, before + i64::from(to == RunState::Running), "the epoch rises with claims");
            self.seen.insert(run_no, (to, epoch));
            self.seq = seq;
            self.done += u64::from(to == RunState::Done);
        }
        assert_eq!(self.seen, now, "following the events leads to where the runs are");
    }
}

#[test]
fn ten_thousand_random_moves_leave_one_event_each_and_no_illegal_one_succeeds() {
    let scratch = Scratch::fast();
    let (mut registry, mut queue) = scratch.with_study(RUNS);
    let shell = scratch.shell();
    let seen = (1..=RUNS as i64).map(|run_no| (run_no, (RunState::Pending, 0))).collect();
    let random = TestRng::deterministic_rng(RngAlgorithm::ChaCha);
    let mut fuzz = Fuzz { random, claims: Vec::new(), seen, seq: registry.last_seq().unwrap(), done: 0 };
    for _ in 0..10_000 {
        // By hand rarely, or the attempts of claims would be missing everywhere.
        if fuzz.below(4) == 0 {
            fuzz.past_the_program(&shell);
        } else {
            fuzz.through_the_program(&mut registry, &mut queue);
        }
        let milliseconds = fuzz.below(400) as i64;
        scratch.pass(milliseconds);
        fuzz.look(&shell);
    }
    assert!(fuzz.done > 150, "the fuzz came around: {} results", fuzz.done);
    let copies = "SELECT count(*) FROM study_runs m JOIN runs r USING (run_no) WHERE m.state <> r.state";
    assert_eq!(shell.query_row(copies, [], |row| row.get::<_, i64>(0)).unwrap(), 0);
    let open = "SELECT count(*) FROM attempts a JOIN runs r USING (run_no)
                WHERE (a.ended_at IS NULL) <> (r.state = 'running' AND r.epoch = a.epoch)";
    assert_eq!(
        shell.query_row(open, [], |row| row.get::<_, i64>(0)).unwrap(),
        0,
        "only a running run has an open attempt"
    );
    registry.check().unwrap();
}
