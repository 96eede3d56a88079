//! Results: the first accepted one stays, and everything else is written down.

use aees_studies::registry::{
    Accepted, AfterFailure, FailedAttempt, LostResult, OutcomeKind, RegistryError, RunFilter, RunState, Usage,
};

use super::scratch::{AUDIT, LEASE, Scratch, claim_one, completion, kinds, members, run_id, state, study, worker};

#[test]
fn a_better_second_result_never_replaces_the_first() {
    let scratch = Scratch::new();
    let (mut registry, mut queue) = scratch.with_study(1);
    let claim = claim_one(&mut registry, &mut queue);
    assert_eq!(registry.complete(&claim, &completion("aa", 0.5)).unwrap(), Accepted::First);

    let second = registry.complete(&claim, &completion("bb", 0.9));
    let Err(RegistryError::Nondeterminism { accepted, offered, .. }) = second else { panic!("{second:?}") };
    assert_eq!((accepted.as_str(), offered.as_str()), ("aa", "bb"));
    let why = registry.why("s:0").unwrap();
    assert_eq!(why.run.result_sha.as_deref(), Some("aa"));
    assert_eq!(why.metrics[0].value, 0.5);
    assert_eq!(why.run.wall_ms, 500);
    assert_eq!(kinds(&registry, 0), ["planned", "claimed", "completed", "nondeterminism"]);

    // Only a withdrawal that says why lets another result in.
    let moved = registry.invalidate(&[run_id(0)], &AUDIT).unwrap();
    assert_eq!(moved.changed, [run_id(0)]);
    assert!(registry.metrics("s").unwrap().is_empty());
    registry.retry(&[run_id(0)], &AUDIT).unwrap();
    let claim = claim_one(&mut registry, &mut queue);
    registry.complete(&claim, &completion("bb", 0.9)).unwrap();

    assert_eq!(registry.metrics("s").unwrap()[&run_id(0)][0].value, 0.9);
    let why = registry.why("s:0").unwrap();
    let kinds: Vec<_> = why.events.iter().map(|event| event.kind.as_str()).collect();
    assert_eq!(kinds[4..], ["invalidated", "retried", "claimed", "completed"]);
    let kept = why.events[4].payload.as_deref().unwrap();
    assert!(kept.contains(r#""result_sha":"aa""#) && kept.contains(r#"["top1","final",0.5]"#), "{kept}");
    assert!(kept.contains(r#""reason":"a test""#), "{kept}");
}

#[test]
fn saying_the_same_result_again_is_no_error() {
    let scratch = Scratch::new();
    let (mut registry, mut queue) = scratch.with_study(1);
    let claim = claim_one(&mut registry, &mut queue);
    registry.complete(&claim, &completion("aa", 0.5)).unwrap();
    assert_eq!(registry.complete(&claim, &completion("aa", 0.5)).unwrap(), Accepted::Already);
    assert_eq!(registry.adopt(&run_id(0), &completion("aa", 0.5), "scan").unwrap(), Accepted::Already);
    assert_eq!(kinds(&registry, 0), ["planned", "claimed", "completed"]);
}

#[test]
fn one_refused_result_does_not_touch_the_others_of_its_batch() {
    let scratch = Scratch::new();
    let (mut registry, mut queue) = scratch.with_study(3);
    let claims = registry.claim(&worker(1), &mut queue, 3, LEASE).unwrap();
    registry.cancel(&[run_id(1)], &AUDIT).unwrap();
    let done = completion("aa", 0.5);
    let answers = registry.complete_all(&claims.iter().map(|claim| (claim, &done)).collect::<Vec<_>>()).unwrap();
    assert_eq!(answers.iter().map(Result::is_ok).collect::<Vec<_>>(), [true, false, true]);
    assert_eq!([0, 1, 2].map(|run| state(&registry, run)), [RunState::Done, RunState::Cancelled, RunState::Done]);
}

#[test]
fn results_have_one_row_for_each_study_and_run_under_equal_times() {
    let scratch = Scratch::new();
    let (mut registry, mut queue) = scratch.with_study(4);
    registry.plan(&study("t"), &members(2..4)).unwrap();
    // The clock stands still, and run 2 is done twice.
    for turn in 0..2 {
        for claim in registry.claim(&worker(1), &mut queue, 9, LEASE).unwrap() {
            registry.complete(&claim, &completion(&turn.to_string(), f64::from(turn))).unwrap();
        }
        if turn == 0 {
            registry.invalidate(&[run_id(2)], &AUDIT).unwrap();
            registry.retry(&[run_id(2)], &AUDIT).unwrap();
        }
    }
    let rows = |study: &str| -> Vec<_> {
        let filter = RunFilter { study: Some(study.into()), states: vec![RunState::Done], ..RunFilter::default() };
        let results = registry.runs(&filter).unwrap();
        results.into_iter().map(|row| (row.index.unwrap(), row.run_id, row.result_sha.unwrap())).collect()
    };
    let row = |index, run, sha: &str| (index, run_id(run), sha.to_owned());
    assert_eq!(rows("s"), [row(0, 0, "0"), row(1, 1, "0"), row(2, 2, "1"), row(3, 3, "0")]);
    assert_eq!(rows("t"), [row(0, 2, "1"), row(1, 3, "0")]);
    registry.withdraw("s", &[run_id(2)], &AUDIT).unwrap();
    assert_eq!(registry.metrics("s").unwrap().len(), 3);
    assert_eq!(registry.metrics("t").unwrap().len(), 2, "another study still has it");
    assert_eq!(kinds(&registry, 2).last().unwrap(), "withdrawn");
}

#[test]
fn an_orphan_result_is_adopted_from_every_open_state() {
    let scratch = Scratch::new();
    let (mut registry, mut queue) = scratch.with_study(6);
    let claims = registry.claim(&worker(1), &mut queue, 5, LEASE).unwrap();
    registry.interrupt(&claims[0], "signal", &Usage::default()).unwrap();
    registry.defer(&claims[1], i64::MAX, "rate limit", &Usage::default()).unwrap();
    let failure =
        FailedAttempt { class: "io".into(), error: String::new(), fingerprint: None, next: AfterFailure::Final };
    registry.fail(&claims[2], &failure, &Usage::default()).unwrap();
    registry.cancel(&[run_id(3)], &AUDIT).unwrap();

    let live = registry.adopt(&run_id(4), &completion("aa", 0.5), "scan");
    assert!(matches!(live, Err(RegistryError::IllegalMove { from: RunState::Running, .. })), "{live:?}");
    scratch.pass(1_001);
    for number in [0, 1, 2, 4, 5] {
        assert_eq!(registry.adopt(&run_id(number), &completion("aa", 0.5), "scan").unwrap(), Accepted::First);
        assert_eq!(kinds(&registry, number).last().unwrap(), "adopted");
    }
    let cancelled = registry.adopt(&run_id(3), &completion("aa", 0.5), "scan").unwrap_err();
    assert!(cancelled.help().unwrap().contains("aees runs retry"), "{cancelled:?}");
    assert!(matches!(
        registry.adopt(&run_id(0), &completion("bb", 0.5), "scan"),
        Err(RegistryError::Nondeterminism { .. })
    ));
    assert_eq!(
        registry.complete(&claims[4], &completion("aa", 0.5)).unwrap(),
        Accepted::Already,
        "the late worker says what was found"
    );
    assert_eq!(registry.why("s:4").unwrap().attempts[0].ending.as_deref(), Some("adopted"));
}

#[test]
fn a_done_run_whose_directory_vanished_is_invalid_and_waits_for_a_retry() {
    let scratch = Scratch::new();
    let (mut registry, mut queue) = scratch.with_study(2);
    let claim = claim_one(&mut registry, &mut queue);
    registry.complete(&claim, &completion("aa", 0.5)).unwrap();
    registry.lost_result(&run_id(0), LostResult::Vanished, &AUDIT).unwrap();
    assert!(matches!(
        registry.lost_result(&run_id(1), LostResult::Vanished, &AUDIT),
        Err(RegistryError::IllegalMove { .. })
    ));
    assert_eq!(state(&registry, 0), RunState::Invalid);
    assert_eq!(claim_one(&mut registry, &mut queue).run_id, run_id(1), "it does not run again by itself");
    assert!(registry.claim(&worker(1), &mut queue, 1, LEASE).unwrap().is_empty());
    registry.retry(&[run_id(0)], &AUDIT).unwrap();
    assert_eq!(claim_one(&mut registry, &mut queue).run_id, run_id(0));
    assert_eq!(kinds(&registry, 0), ["planned", "claimed", "completed", "vanished", "retried", "claimed"]);
}

#[test]
fn a_diverged_run_is_done_and_its_metric_is_missing() {
    let scratch = Scratch::new();
    let (mut registry, mut queue) = scratch.with_study(1);
    let claim = claim_one(&mut registry, &mut queue);
    let mut diverged = completion("aa", f64::INFINITY);
    diverged.outcome = OutcomeKind::Diverged;
    registry.complete(&claim, &diverged).unwrap();
    assert_eq!(registry.run("s:0").unwrap().outcome, Some(OutcomeKind::Diverged));
    assert!(registry.metrics("s").unwrap()[&run_id(0)][0].value.is_nan());
}

#[test]
fn failed_attempts_count_in_the_costs_and_an_unknown_price_is_unknown() {
    let scratch = Scratch::new();
    let (mut registry, mut queue) = scratch.with_study(3);
    let used = |cost_usd| Usage { wall_ms: Some(100), tokens_in: Some(7), cost_usd, ..Usage::default() };
    let failure =
        FailedAttempt { class: "io".into(), error: String::new(), fingerprint: None, next: AfterFailure::Final };
    let claims = registry.claim(&worker(1), &mut queue, 3, LEASE).unwrap();
    registry.fail(&claims[0], &failure, &used(Some(0.5))).unwrap();
    registry.fail(&claims[1], &failure, &used(None)).unwrap();
    registry.complete(&claims[2], &completion("aa", 0.5)).unwrap();

    let costs = registry.costs("s").unwrap();
    let (completed, failed) = (&costs[0], &costs[1]);
    assert_eq!((failed.ending.as_str(), failed.attempts), ("failed", 2));
    assert_eq!((failed.cost_usd, failed.cost_unknown, failed.tokens_in), (Some(0.5), 1, Some(14)));
    assert_eq!((completed.ending.as_str(), completed.cost_usd, completed.cost_unknown), ("completed", None, 1));
}
