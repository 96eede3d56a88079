//! Who owns a run: claims, leases, epochs.

use std::collections::BTreeMap;
use std::time::Duration;

use aees_studies::process::{Liveness, ProcessIdentity};
use aees_studies::registry::{
    AfterFailure, Claim, FailedAttempt, Heartbeat, Registry, RegistryError, RunQueue, RunState, Usage,
};

use super::scratch::{
    AUDIT, LEASE, Scratch, claim_one, completion, kinds, member, members, run_id, state, study, worker,
};

fn failure(next: AfterFailure) -> FailedAttempt {
    FailedAttempt { class: "io".into(), error: "disk gone".into(), fingerprint: Some("io@read".into()), next }
}

#[test]
fn two_workers_never_get_the_same_run() {
    const RUNS: u64 = 500;
    let scratch = Scratch::new();
    scratch.with_study(RUNS);

    let work = |pid: u32| {
        let mut registry = scratch.open();
        let mut queue = registry.queue("s", None).unwrap();
        let mut executed = Vec::new();
        // Batches of different sizes, so that the workers meet in different ways.
        while let claims = registry.claim(&worker(pid), &mut queue, pid as usize, LEASE).unwrap()
            && !claims.is_empty()
        {
            let done: Vec<_> = claims.iter().map(|claim| completion(claim.run_id.full(), 0.5)).collect();
            for accepted in registry.complete_all(&claims.iter().zip(&done).collect::<Vec<_>>()).unwrap() {
                accepted.unwrap();
            }
            executed.extend(claims.into_iter().map(|claim| claim.run_id));
        }
        executed
    };
    let executed: Vec<_> = std::thread::scope(|scope| {
        let workers: Vec<_> = (1..=4).map(|pid| scope.spawn(move || work(pid))).collect();
        workers.into_iter().flat_map(|worker| worker.join().unwrap()).collect()
    });

    let mut times = BTreeMap::new();
    for run in &executed {
        *times.entry(run.clone()).or_insert(0) += 1;
    }
    assert_eq!(times.len() as u64, RUNS);
    assert!(times.values().all(|times| *times == 1));
    let status = scratch.open().status(&["s"]).unwrap().remove(0);
    assert_eq!((status.attempts, status.counts.get(RunState::Done)), (RUNS, RUNS));
    assert!(status.is_complete());
}

/// What a batch system has is nobody else's, however long it is silent, until somebody who asked it gives it back.
#[test]
fn a_run_that_a_launch_holds_is_taken_by_nobody_and_waited_for_by_nobody() {
    let scratch = Scratch::new();
    let (mut registry, mut queue) = scratch.with_study(3);
    let launch = ProcessIdentity::of_launch("s/1");
    assert_eq!((launch.to_string().as_str(), launch.liveness()), ("slurm:s/1", Liveness::Unknown));
    let mut own = registry.queue("s", Some(&[run_id(0), run_id(1)])).unwrap();
    let held = registry.claim(&launch, &mut own, 9, Duration::MAX).unwrap();
    assert_eq!(held.len(), 2);
    let epochs = |claims: &[Claim]| claims.iter().map(|claim| (claim.run_id.clone(), claim.epoch)).collect::<Vec<_>>();
    assert_eq!(epochs(&registry.claims_of(&launch).unwrap()), epochs(&held), "another process finds them");
    assert!(registry.claims_of(&ProcessIdentity::of_launch("s/2")).unwrap().is_empty());

    scratch.pass(1_000_000_000);
    scratch.jump(1_000_000_000);
    let here = registry.claim(&worker(1), &mut queue, 9, LEASE).unwrap();
    assert_eq!(here.iter().map(|claim| &claim.run_id).collect::<Vec<_>>(), [&run_id(2)]);
    registry.complete(&here[0], &completion("sha", 0.5)).unwrap();
    registry.refresh(&mut queue).unwrap();
    assert_eq!((queue.open(), queue.at_batch_system()), (0, 2), "nothing to wait for");

    registry.interrupt(&held[0], "its node died", &Usage::default()).unwrap();
    registry.refresh(&mut queue).unwrap();
    assert_eq!((queue.open(), queue.at_batch_system()), (1, 1));
    let taken = registry.claim(&worker(1), &mut queue, 9, LEASE).unwrap();
    assert_eq!(taken[0].run_id, held[0].run_id);
    let late = registry.complete(&held[0], &completion("late", 0.5));
    assert!(matches!(late, Err(RegistryError::FencedOut { .. })), "{late:?}");
}

#[test]
fn an_expired_lease_is_taken_over_with_a_higher_epoch() {
    let scratch = Scratch::new();
    let (mut registry, mut queue) = scratch.with_study(1);
    let first = claim_one(&mut registry, &mut queue);
    scratch.pass(1_000);
    assert!(
        registry.claim(&worker(2), &mut queue, 1, LEASE).unwrap().is_empty(),
        "the lease holds to its last instant"
    );

    scratch.pass(1);
    let second = registry.claim(&worker(2), &mut queue, 1, LEASE).unwrap().remove(0);

    assert_eq!((second.epoch, second.attempt_no, second.lost_attempts), (first.epoch + 1, 2, 1));
    assert_eq!(second.previous_state, RunState::Running);
    let why = registry.why("s:0").unwrap();
    let event = why.events.last().unwrap();
    assert_eq!(event.kind, "lease_expired");
    assert_eq!((event.from, event.to), (Some(RunState::Running), Some(RunState::Running)));
    assert_eq!(event.actor.as_deref(), Some("here:2"));
    assert_eq!(event.payload.as_deref(), Some(r#"{"previous_worker":"here:1"}"#));
    assert_eq!(why.attempts[0].ending.as_deref(), Some("lease_expired"));
    assert_eq!(why.attempts[1].ending, None);
}

#[test]
fn a_fenced_out_worker_changes_nothing_but_what_it_used_is_kept() {
    let scratch = Scratch::new();
    let (mut registry, mut queue) = scratch.with_study(1);
    let old = claim_one(&mut registry, &mut queue);
    scratch.pass(2_000);
    let new = registry.claim(&worker(2), &mut queue, 1, LEASE).unwrap().remove(0);
    let before = registry.run("s:0").unwrap();

    let used = Usage { cost_usd: Some(0.25), ..Usage::default() };
    let refusals = [
        registry.fail(&old, &failure(AfterFailure::Final), &used),
        registry.fail(&old, &failure(AfterFailure::RetryAt(9)), &Usage::default()),
        registry.defer(&old, 9, "rate limit", &Usage::default()),
        registry.interrupt(&old, "signal", &Usage::default()),
        registry.release(&old),
        registry.complete(&old, &completion("aa", 0.9)).map(|_| ()),
    ];
    for refusal in refusals {
        let Err(RegistryError::FencedOut { epoch, now, state, .. }) = refusal else { panic!("{refusal:?}") };
        assert_eq!((epoch, now, state), (old.epoch, new.epoch, RunState::Running));
    }
    let lost = registry
        .heartbeat(&[Heartbeat { claim: &old, progress: None }, Heartbeat { claim: &new, progress: None }], LEASE);
    assert_eq!(lost.unwrap(), [&old]);

    let why = registry.why("s:0").unwrap();
    assert_eq!(why.run, before);
    assert_eq!(why.attempts[0].usage.cost_usd, Some(0.25));
    assert_eq!(why.attempts[0].ending.as_deref(), Some("lease_expired"), "what took it over ended it");
    registry.complete(&new, &completion("bb", 0.1)).unwrap();
}

#[test]
fn heartbeats_keep_a_claim_and_show_progress() {
    let scratch = Scratch::new();
    let (mut registry, mut queue) = scratch.with_study(1);
    let claim = claim_one(&mut registry, &mut queue);
    for epoch in 0..5 {
        scratch.pass(900);
        let progress = Some(format!(r#"{{"epoch":{epoch}}}"#));
        assert!(registry.heartbeat(&[Heartbeat { claim: &claim, progress }], LEASE).unwrap().is_empty());
    }
    assert!(registry.claim(&worker(2), &mut queue, 1, LEASE).unwrap().is_empty());
    let running = registry.running(Some("s")).unwrap();
    assert_eq!(running[0].progress.as_deref(), Some(r#"{"epoch":4}"#));
    assert_eq!((running[0].worker.clone(), running[0].index), (worker(1), Some(0)));
    assert_eq!(registry.running(None).unwrap().len(), 1);
    assert_eq!(kinds(&registry, 0), ["planned", "claimed"], "heartbeats are no events");
}

#[test]
fn claims_come_in_order_expired_deferred_interrupted_then_pending_by_index() {
    let scratch = Scratch::new();
    let mut registry = scratch.open();
    // Planned in an order that is not that of the indices.
    let shuffled: Vec<_> = [4, 2, 0, 3, 1].map(|index| member(index, index)).into();
    registry.plan(&study("s"), &shuffled).unwrap();
    let mut queue = registry.queue("s", None).unwrap();
    let claims = registry.claim(&worker(1), &mut queue, 4, LEASE).unwrap();
    assert_eq!(claims.iter().map(|claim| claim.run_id.clone()).collect::<Vec<_>>(), [0, 1, 2, 3].map(run_id));
    registry.release(&claims[0]).unwrap();
    registry.interrupt(&claims[1], "signal", &Usage::default()).unwrap();
    registry.defer(&claims[2], registry.now() + 500, "rate limit", &Usage::default()).unwrap();
    let mut open = |registry: &mut Registry, most| {
        let claims = registry.claim(&worker(2), &mut queue, most, LEASE).unwrap();
        claims.into_iter().map(|claim| claim.run_id).collect::<Vec<_>>()
    };

    assert_eq!(open(&mut registry, 1), [run_id(1)], "the deferred run is not due, the lease holds");
    let again = claimed_anew(&mut registry, 1);
    registry.interrupt(&again, "again", &Usage::default()).unwrap();
    scratch.pass(1_001);
    assert_eq!(open(&mut registry, 9), [3, 2, 1, 0, 4].map(run_id));
    assert_eq!(open(&mut registry, 9), []);
}

/// The claim that run `number` has now, by expiring it and claiming it again.
fn claimed_anew(registry: &mut Registry, number: u64) -> aees_studies::registry::Claim {
    let running = registry.running(None).unwrap().into_iter().find(|row| row.run_id == run_id(number)).unwrap();
    assert!(registry.interrupt_dead(&running.run_id, running.epoch, &AUDIT).unwrap());
    let mut queue = registry.queue("s", Some(&[run_id(number)])).unwrap();
    claim_one(registry, &mut queue)
}

#[test]
fn a_failed_deferred_or_interrupted_run_shows_running_while_it_reruns() {
    let scratch = Scratch::new();
    let (mut registry, mut queue) = scratch.with_study(3);
    let claims = registry.claim(&worker(1), &mut queue, 3, LEASE).unwrap();
    registry.fail(&claims[0], &failure(AfterFailure::Final), &Usage::default()).unwrap();
    registry.defer(&claims[1], 0, "rate limit", &Usage::default()).unwrap();
    registry.interrupt(&claims[2], "signal", &Usage::default()).unwrap();
    assert_eq!(registry.retry(&[run_id(0)], &AUDIT).unwrap().changed, [run_id(0)]);

    let again = registry.claim(&worker(2), &mut queue, 9, LEASE).unwrap();
    assert_eq!(again.len(), 3);
    for number in 0..3 {
        assert_eq!(state(&registry, number), RunState::Running);
    }
    assert!(again.iter().all(|claim| claim.attempt_no == 2 && claim.epoch == 2));
}

#[test]
fn a_retry_uses_one_and_a_deferral_uses_none() {
    let scratch = Scratch::new();
    let (mut registry, mut queue) = scratch.with_study(1);
    let claim = claim_one(&mut registry, &mut queue);
    registry.defer(&claim, 0, "rate limit", &Usage::default()).unwrap();
    let claim = claim_one(&mut registry, &mut queue);
    assert_eq!(claim.retries_used, 0);
    let claim = claimed_anew(&mut registry, 0);
    registry.fail(&claim, &failure(AfterFailure::RetryAt(registry.now() + 10)), &Usage::default()).unwrap();
    assert!(registry.claim(&worker(1), &mut queue, 1, LEASE).unwrap().is_empty(), "back-off");
    assert_eq!(registry.run("s:0").unwrap().class.as_deref(), Some("io"));
    scratch.pass(10);
    let claim = claim_one(&mut registry, &mut queue);
    assert_eq!((claim.retries_used, claim.lost_attempts), (1, 1));
    assert_eq!(registry.run("s:0").unwrap().class, None, "while it runs it has not failed");
}

#[test]
fn a_dead_workers_run_can_be_claimed_at_once() {
    let scratch = Scratch::new();
    let (mut registry, mut queue) = scratch.with_study(1);
    let old = claim_one(&mut registry, &mut queue);
    assert!(!registry.interrupt_dead(&old.run_id, old.epoch + 1, &AUDIT).unwrap(), "another claim's epoch");
    assert!(registry.interrupt_dead(&old.run_id, old.epoch, &AUDIT).unwrap());
    assert_eq!(claim_one(&mut registry, &mut queue).lost_attempts, 1);
    assert!(matches!(registry.release(&old), Err(RegistryError::FencedOut { .. })));
    assert_eq!(kinds(&registry, 0), ["planned", "claimed", "worker_dead", "claimed"]);
}

#[test]
fn a_queue_limits_and_orders_claims() {
    let scratch = Scratch::new();
    let (mut registry, mut queue) = scratch.with_study(6);
    let mut chosen = registry.queue("s", Some(&[4, 1, 3].map(run_id))).unwrap();
    let taken = |registry: &mut Registry, queue: &mut RunQueue| {
        let claims = registry.claim(&worker(1), queue, 9, LEASE).unwrap();
        claims.into_iter().map(|claim| claim.run_id).collect::<Vec<_>>()
    };
    let claim = claim_one(&mut registry, &mut chosen);
    assert_eq!(claim.run_id, run_id(1));
    registry.release(&claim).unwrap();
    chosen.hold_back(&claim);
    assert_eq!(taken(&mut registry, &mut chosen), [3, 4].map(run_id), "one is held back");
    registry.withdraw("s", &[run_id(0), run_id(2)], &AUDIT).unwrap();
    assert_eq!(taken(&mut registry, &mut queue), [1, 5].map(run_id), "withdrawn members are not claimed");
    assert_eq!((queue.counts().total(), queue.open()), (4, 4));
    assert_eq!(registry.restore("s", &[0, 1].map(run_id), &AUDIT).unwrap().changed, [run_id(0)]);
    assert_eq!(taken(&mut registry, &mut queue), [run_id(0)], "and can be taken back in");
    assert!(matches!(registry.queue("s", Some(&[run_id(99)])), Err(RegistryError::UnknownRun { .. })));
    assert!(matches!(registry.queue("t", None), Err(RegistryError::UnknownStudy { .. })));
}

/// Two supervisors, one name: what a later plan adds is not an earlier one's, and what it drops still is.
#[test]
fn a_queue_keeps_to_the_plan_that_it_was_made_for() {
    let scratch = Scratch::new();
    let (mut registry, mut earlier) = scratch.with_study(3);
    registry.plan(&study("s"), &members([0, 5])).unwrap();
    let mut later = registry.queue("s", None).unwrap();
    assert_eq!(state(&registry, 2), RunState::Superseded);
    let taken = |registry: &mut Registry, queue: &mut RunQueue| {
        let claims = registry.claim(&worker(1), queue, 9, LEASE).unwrap();
        for claim in &claims {
            registry.complete(claim, &completion("aa", 0.5)).unwrap();
        }
        claims.into_iter().map(|claim| claim.run_id).collect::<Vec<_>>()
    };
    assert_eq!(taken(&mut registry, &mut earlier), [0, 1, 2].map(run_id));
    registry.refresh(&mut earlier).unwrap();
    assert_eq!((earlier.open(), earlier.counts().get(RunState::Done)), (0, 3), "and its end is its own");
    assert_eq!(taken(&mut registry, &mut later), [run_id(5)]);
}

/// Clocks and containers: 5 of 6 jumps of the wall clock made a supervisor take its own living runs.
#[test]
fn a_jump_of_the_wall_clock_ends_no_lease() {
    let scratch = Scratch::new();
    let (mut registry, mut queue) = scratch.with_study(1);
    let here = ProcessIdentity { pid: 1 << 30, ..ProcessIdentity::own() };
    let claim = registry.claim(&here, &mut queue, 1, LEASE).unwrap().remove(0);
    for jump in [3_600_000, -7_200_000, 86_400_000] {
        scratch.jump(jump);
        assert!(registry.claim(&worker(2), &mut queue, 1, LEASE).unwrap().is_empty(), "{jump}");
        assert_eq!(registry.running(None).unwrap()[0].lease_left, 1_000);
    }
    scratch.pass(1_001);
    assert_eq!(registry.claim(&worker(2), &mut queue, 1, LEASE).unwrap()[0].epoch, claim.epoch + 1);
}

#[test]
fn nobody_takes_a_run_whose_process_lives() {
    let scratch = Scratch::new();
    let (mut registry, mut queue) = scratch.with_study(1);
    let own = ProcessIdentity::own();
    let claim = registry.claim(&own, &mut queue, 1, LEASE).unwrap().remove(0);
    // Suspended for a day: the lease has ended, and nobody had the time to renew it.
    scratch.pass(86_400_000);
    assert!(registry.claim(&worker(2), &mut queue, 1, LEASE).unwrap().is_empty());
    assert!(registry.claim(&own, &mut queue, 1, LEASE).unwrap().is_empty(), "its own, too");
    let adopted = registry.adopt(&claim.run_id, &completion("aa", 0.5), "scan");
    assert!(matches!(adopted, Err(RegistryError::IllegalMove { .. })), "{adopted:?}");
    registry.complete(&claim, &completion("aa", 0.5)).unwrap();
}

#[test]
fn a_worker_of_another_pid_namespace_is_judged_by_its_lease_alone() {
    let scratch = Scratch::new();
    let (mut registry, mut queue) = scratch.with_study(1);
    let container = ProcessIdentity { pid_namespace: "pid:[1]".into(), pid: 1 << 30, ..ProcessIdentity::own() };
    assert_eq!(container.liveness(), Liveness::Unknown);
    registry.claim(&container, &mut queue, 1, LEASE).unwrap();
    assert!(registry.claim(&worker(2), &mut queue, 1, LEASE).unwrap().is_empty());
    assert_eq!(registry.why("s:0").unwrap().attempts[0].worker, container, "the namespace belongs to the claim");
    scratch.pass(1_001);
    assert!(registry.claim(&worker(2), &mut queue, 1, LEASE).unwrap().is_empty(), "it may have slept as we did");
    scratch.pass(10_000);
    assert_eq!(registry.claim(&worker(2), &mut queue, 1, LEASE).unwrap().len(), 1);
}

/// Whoever wakes up first finds the leases of all others ended. Who cannot be seen is given the time for a sign of life.
#[test]
fn after_a_suspend_a_worker_of_another_pid_namespace_keeps_its_run() {
    let scratch = Scratch::new();
    let (mut registry, mut queue) = scratch.with_study(1);
    let container = ProcessIdentity { pid_namespace: "pid:[1]".into(), pid: 1 << 30, ..ProcessIdentity::own() };
    let claim = registry.claim(&container, &mut queue, 1, LEASE).unwrap().remove(0);
    let mut others = registry.queue("s", None).unwrap();
    let mut look = |registry: &mut Registry| registry.claim(&worker(2), &mut others, 1, LEASE).unwrap().len();
    for _ in 0..3 {
        assert!(registry.heartbeat(&[Heartbeat { claim: &claim, progress: None }], LEASE).unwrap().is_empty());
        scratch.suspend(86_400_000);
        assert_eq!(look(&mut registry), 0, "before its first heartbeat");
        scratch.pass(9_000);
        assert_eq!(look(&mut registry), 0);
        scratch.suspend(86_400_000);
        assert_eq!(look(&mut registry), 0, "a second suspend is no silence");
    }
    scratch.pass(2_000);
    assert_eq!(look(&mut registry), 1, "it is gone");
}

#[test]
fn a_cancelled_run_fences_its_worker_out() {
    let scratch = Scratch::new();
    let (mut registry, mut queue) = scratch.with_study(2);
    let claim = claim_one(&mut registry, &mut queue);
    registry.complete(&claim, &completion("aa", 0.5)).unwrap();
    let claim = claim_one(&mut registry, &mut queue);
    let moved = registry.cancel(&[0, 1].map(run_id), &AUDIT).unwrap();
    assert_eq!((moved.changed, moved.refused), (vec![run_id(1)], vec![(run_id(0), RunState::Done)]));
    let lost = registry.heartbeat(&[Heartbeat { claim: &claim, progress: None }], LEASE).unwrap();
    assert_eq!((lost, state(&registry, 1)), (vec![&claim], RunState::Cancelled));
    assert!(matches!(registry.complete(&claim, &completion("bb", 0.5)), Err(RegistryError::FencedOut { .. })));
    let why = registry.why("s:1").unwrap();
    assert_eq!(why.attempts[0].ending.as_deref(), Some("cancelled"));
    assert_eq!(why.events.last().unwrap().payload.as_deref(), Some(r#"{"reason":"a test"}"#));
    assert!(registry.claim(&worker(1), &mut queue, 9, LEASE).unwrap().is_empty());
}

#[test]
fn an_error_text_keeps_its_last_4000_characters() {
    let scratch = Scratch::new();
    let (mut registry, mut queue) = scratch.with_study(1);
    let claim = claim_one(&mut registry, &mut queue);
    let error = format!("{}the reason", "ä".repeat(5_000));
    let failure = FailedAttempt { error, ..failure(AfterFailure::Final) };
    registry.fail(&claim, &failure, &Usage::default()).unwrap();
    let kept = registry.run("s:0").unwrap().error.unwrap();
    assert_eq!(kept.chars().count(), 4_000);
    assert!(kept.ends_with("the reason"));
}

#[test]
fn adding_seeds_to_a_finished_study_leaves_only_the_new_runs_to_claim() {
    let scratch = Scratch::new();
    let (mut registry, mut queue) = scratch.with_study(3);
    while let Some(claim) = registry.claim(&worker(1), &mut queue, 1, LEASE).unwrap().pop() {
        registry.complete(&claim, &completion("aa", 0.5)).unwrap();
    }
    registry.plan(&study("s"), &members(0..5)).unwrap();
    let mut queue = registry.queue("s", None).unwrap();
    let claims = registry.claim(&worker(1), &mut queue, 9, LEASE).unwrap();
    assert_eq!(claims.into_iter().map(|claim| claim.run_id).collect::<Vec<_>>(), [3, 4].map(run_id));
}

/// It prints the rate, when asked: `cargo test -p aees-studies --test main -- --ignored --nocapture hundred_thousand`.
#[test]
#[ignore = "takes half a minute"]
fn claims_one_by_one_in_a_study_of_a_hundred_thousand_runs() {
    const CLAIMS: u32 = 4_000;
    for runs in [1_000, 100_000] {
        let scratch = Scratch::new();
        let mut registry = scratch.open();
        registry.plan(&study("s"), &members(0..runs)).unwrap();
        let selected: Vec<_> = (0..runs).map(run_id).collect();
        let begin = std::time::Instant::now();
        let mut queue = registry.queue("s", Some(&selected)).unwrap();
        let queued = begin.elapsed();
        let begin = std::time::Instant::now();
        let taken = CLAIMS.min(runs as u32);
        for _ in 0..taken {
            claim_one(&mut registry, &mut queue);
        }
        let rate = f64::from(taken) / begin.elapsed().as_secs_f64();
        println!("{runs} runs: {rate:.0} claims a second, n = {taken}; the queue took {queued:?}");
    }
}
