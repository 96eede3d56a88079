//! Questions: studies and runs by name, lists, histories, and what a launcher asks before it goes on.

use aees_studies::registry::{
    AfterFailure, FailedAttempt, Reader, RegistryError, RunFilter, RunQueue, RunState, Usage,
};

use super::scratch::{LEASE, Scratch, claim_one, completion, digits, member, members, run_id, state, study, worker};

fn names(reader: &Reader, patterns: &[&str]) -> Vec<String> {
    reader.status(patterns).unwrap().into_iter().map(|status| status.name).collect()
}

#[test]
fn a_study_is_found_by_its_name_a_unique_beginning_or_a_pattern() {
    let scratch = Scratch::new();
    let mut registry = scratch.open();
    let all = ["E2", "E2_offline_NDT", "E2_offline_NDA", "E3_online"];
    for name in all {
        registry.plan(&study(name), &members(0..1)).unwrap();
    }
    assert_eq!(names(&registry, &[]), all);
    assert_eq!(names(&registry, &["E2"]), ["E2"], "an exact name is never a beginning");
    assert_eq!(names(&registry, &["E3"]), ["E3_online"]);
    assert_eq!(names(&registry, &["E2_*"]), all[1..3]);
    assert_eq!(names(&registry, &["E*", "E2", "E3"]), all, "each once");

    let ambiguous = registry.status(&["E2_off"]).unwrap_err();
    let RegistryError::AmbiguousStudy { candidates, .. } = &ambiguous else { panic!("{ambiguous:?}") };
    assert_eq!(*candidates, all[1..3]);
    assert!(ambiguous.help().unwrap().contains("E2_off*"));
    for (asked, suggestion) in
        [("E3_onlin3", "E3_online"), ("online", "E3_online"), ("E2_offline_NDX*", "E2_offline_NDA")]
    {
        let error = registry.status(&[asked]).unwrap_err();
        let RegistryError::UnknownStudy { suggestions, .. } = &error else { panic!("{error:?}") };
        assert!(suggestions.contains(&suggestion.to_owned()), "{asked}: {suggestions:?}");
    }
}

#[test]
fn a_run_is_found_by_the_beginning_of_its_id_or_its_place() {
    let scratch = Scratch::new();
    let mut registry = scratch.open();
    let mut twins = members(0..2);
    twins.push(member(2, 7));
    // An id that shares its first 20 digits with that of run 0.
    let twin = format!("{}{}", &digits(0)[..20], &digits(3)[20..]);
    twins[1].run.run_id = twin.parse().unwrap();
    registry.plan(&study("s:odd"), &twins).unwrap();

    assert_eq!(registry.run(&digits(2)[..4]).unwrap().run_id, run_id(2));
    assert_eq!(registry.run(&digits(0)).unwrap().run_id, run_id(0));
    let seventh = registry.run("s:odd:7").unwrap();
    assert_eq!((seventh.run_id, seventh.index), (run_id(2), Some(7)));
    let ambiguous = registry.run(&digits(0)[..8]).unwrap_err();
    assert!(
        matches!(&ambiguous, RegistryError::AmbiguousRun { candidates, .. } if candidates.len() == 2),
        "{ambiguous}"
    );
    for unknown in ["0000", "s:odd:3"] {
        assert!(matches!(registry.run(unknown), Err(RegistryError::UnknownRun { .. })), "{unknown}");
    }
    for nonsense in ["", "abc", "xyzw", "s:odd:x", "ABCD", "%%%%"] {
        assert!(matches!(registry.run(nonsense), Err(RegistryError::NotARunName { .. })), "{nonsense}");
    }
}

#[test]
fn runs_are_filtered_by_state_axes_and_number() {
    let scratch = Scratch::new();
    let (mut registry, mut queue) = scratch.with_study(6);
    claim_one(&mut registry, &mut queue);
    let list = |study: Option<&str>, states: &[RunState], axes: &[(&str, &[&str])], limit| -> Vec<_> {
        let axes = axes
            .iter()
            .map(|(key, values)| ((*key).to_owned(), values.iter().map(|value| (*value).to_owned()).collect()))
            .collect();
        let filter = RunFilter { study: study.map(str::to_owned), states: states.to_vec(), axes, limit };
        registry.runs(&filter).unwrap().into_iter().map(|row| row.run_id).collect()
    };
    let all = [0, 1, 2, 3, 4, 5].map(run_id);
    for study in [None, Some("s")] {
        assert_eq!(list(study, &[], &[], None), all);
        assert_eq!(list(study, &[RunState::Running], &[], None), all[..1]);
        assert_eq!(list(study, &[RunState::Pending, RunState::Running], &[], Some(2)), all[..2]);
        assert_eq!(list(study, &[], &[("method", &["bandit"])], None), [1, 3, 5].map(run_id));
        assert_eq!(list(study, &[], &[("lr", &["1e-3"]), ("n", &["2", "3.0"])], None), [2, 3].map(run_id));
        assert_eq!(list(study, &[], &[("n", &["2"]), ("method", &["bandit"])], None), []);
        assert_eq!(list(study, &[], &[("nothing", &["2"])], None), []);
    }
    let unknown = RunFilter { study: Some("t".into()), ..RunFilter::default() };
    assert!(matches!(registry.runs(&unknown), Err(RegistryError::UnknownStudy { .. })));
}

#[test]
fn why_tells_identity_memberships_attempts_and_events_in_order() {
    let scratch = Scratch::new();
    let (mut registry, mut queue) = scratch.with_study(2);
    let claim = claim_one(&mut registry, &mut queue);
    registry.interrupt(&claim, "signal", &Usage { wall_ms: Some(40), ..Usage::default() }).unwrap();
    let claim = claim_one(&mut registry, &mut queue);
    registry.complete(&claim, &completion("aa", 0.5)).unwrap();

    let why = registry.why("s:0").unwrap();
    assert_eq!(why.identity_json, r#"{"setting":0}"#);
    assert_eq!((why.run.wall_ms, why.run.attempts, why.run.outcome.is_some()), (540, 2, true));
    assert_eq!(why.memberships[0].axes_json, member(0, 0).axes_json);
    let endings: Vec<_> = why.attempts.iter().map(|attempt| attempt.ending.clone().unwrap()).collect();
    assert_eq!(endings, ["interrupted", "completed"]);
    let moves: Vec<_> = why.events.iter().map(|event| (event.from, event.to.unwrap(), event.epoch.unwrap())).collect();
    assert_eq!(
        moves,
        [
            (None, RunState::Pending, 0),
            (Some(RunState::Pending), RunState::Running, 1),
            (Some(RunState::Running), RunState::Interrupted, 1),
            (Some(RunState::Interrupted), RunState::Running, 2),
            (Some(RunState::Running), RunState::Done, 2),
        ]
    );
    assert!(why.events.is_sorted_by_key(|event| event.seq));

    let shell = scratch.shell();
    let events: i64 = shell.query_row("SELECT count(*) FROM events", [], |row| row.get(0)).unwrap();
    assert_eq!(events, registry.last_seq().unwrap());
    let planned = "SELECT s.name FROM events e JOIN studies s USING (study_id) WHERE e.kind = 'study_planned'";
    assert_eq!(shell.query_row(planned, [], |row| row.get::<_, String>(0)).unwrap(), "s");
}

fn fail(registry: &mut aees_studies::registry::Registry, queue: &mut RunQueue, fingerprint: &str) {
    let claim = claim_one(registry, queue);
    let failure = FailedAttempt {
        class: "panic".into(),
        error: format!("at {fingerprint}"),
        fingerprint: Some(fingerprint.into()),
        next: AfterFailure::Final,
    };
    registry.fail(&claim, &failure, &Usage::default()).unwrap();
}

#[test]
fn breakers_count_failures_in_a_row_and_settings_with_one_cause() {
    let scratch = Scratch::new();
    let (mut registry, mut queue) = scratch.with_study(12);
    registry.plan(&study("other"), &members(11..12)).unwrap();
    let row = |registry: &Reader, since| registry.consecutive_failures("s", since, 10).unwrap();
    assert_eq!(row(&registry, 0), 0);
    fail(&mut registry, &mut queue, "a");
    let claim = claim_one(&mut registry, &mut queue);
    registry.complete(&claim, &completion("aa", 0.5)).unwrap();
    assert_eq!(row(&registry, 0), 0, "a success ends the row");
    for _ in 0..4 {
        fail(&mut registry, &mut queue, "b");
    }
    let claim = claim_one(&mut registry, &mut queue);
    registry.interrupt(&claim, "signal", &Usage::default()).unwrap();
    assert_eq!(row(&registry, 0), 4, "an interruption neither counts nor ends the row");
    assert_eq!(registry.consecutive_failures("s", 0, 3).unwrap(), 3);
    assert_eq!(registry.consecutive_failures("other", 0, 3).unwrap(), 0);

    assert_eq!(registry.configs_failing_with("s", "b", 0).unwrap(), 2, "two seeds of each setting");
    assert_eq!(registry.configs_failing_with("s", "c", 0).unwrap(), 0);
    assert_eq!(registry.configs_failing_with("other", "b", 0).unwrap(), 0);
    let seq = registry.last_seq().unwrap();
    assert_eq!((row(&registry, seq), registry.configs_failing_with("s", "b", seq).unwrap()), (0, 0));

    let groups = registry.failures("s").unwrap();
    let summary: Vec<_> =
        groups.iter().map(|group| (group.fingerprint.as_deref().unwrap(), group.runs, group.configs)).collect();
    assert_eq!(summary, [("b", 4, 2), ("a", 1, 1)]);
    assert_eq!((groups[0].example.clone(), groups[0].error.as_deref()), (run_id(2), Some("at b")));
}

#[test]
fn past_times_are_the_median_of_a_shape() {
    let scratch = Scratch::new();
    let (mut registry, mut queue) = scratch.with_study(18);
    for (turn, claim) in registry.claim(&worker(1), &mut queue, 18, LEASE).unwrap().iter().enumerate() {
        let mut done = completion("aa", 0.5);
        done.usage.wall_ms = Some(100 * turn as u64);
        registry.complete(claim, &done).unwrap();
    }
    // Shape 0: runs 0, 1, 6, 7, 12, 13; that of run 0 took no time and counts as unknown.
    assert_eq!(registry.past_wall_ms("shape 0").unwrap(), Some((700, 5)));
    assert_eq!(registry.past_wall_ms("no such shape").unwrap(), None);
    let status = registry.status(&["s"]).unwrap().remove(0);
    assert_eq!((status.done_wall_ms, status.done_timed, status.remaining()), (100 * (17 * 18 / 2), 17, 0));
    assert_eq!(status.mean_wall_ms(), Some(900.0));
}

#[test]
fn a_data_fingerprint_is_remembered_for_as_long_as_the_data_looks_the_same() {
    let scratch = Scratch::new();
    let mut registry = scratch.open();
    registry.remember_data_fingerprint("cifar", "10 bytes", "f1").unwrap();
    assert_eq!(registry.data_fingerprint("cifar", "10 bytes").unwrap().as_deref(), Some("f1"));
    assert_eq!(registry.data_fingerprint("cifar", "11 bytes").unwrap(), None);
    registry.remember_data_fingerprint("cifar", "11 bytes", "f2").unwrap();
    assert_eq!(registry.data_fingerprint("cifar", "10 bytes").unwrap(), None);
    assert_eq!(registry.data_fingerprint("cifar", "11 bytes").unwrap().as_deref(), Some("f2"));
}

#[test]
fn a_reader_sees_what_a_writer_committed() {
    let scratch = Scratch::new();
    let (mut registry, mut queue) = scratch.with_study(1);
    let reader = Reader::open_with(&scratch.path(), scratch.options()).unwrap();
    assert_eq!(state(&reader, 0), RunState::Pending);
    claim_one(&mut registry, &mut queue);
    assert_eq!(state(&reader, 0), RunState::Running);
}
