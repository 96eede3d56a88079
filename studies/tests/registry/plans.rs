//! Studies and the runs they refer to.

use aees_studies::registry::{PlanChanges, Reader, RegistryError, RunState};

use super::scratch::{Scratch, claim_one, completion, digits, kinds, member, members, run, run_id, state, study};

#[test]
fn planning_the_same_study_again_changes_nothing() {
    let scratch = Scratch::new();
    let (mut registry, _) = scratch.with_study(5);
    let (seq, dump) = (registry.last_seq().unwrap(), scratch.facts());
    scratch.pass(1_000);
    assert_eq!(registry.plan(&study("s"), &members(0..5)).unwrap(), PlanChanges::default());
    assert_eq!((registry.last_seq().unwrap(), scratch.facts()), (seq, dump));
    assert_eq!(registry.status(&["s"]).unwrap()[0].updated_at, 1_000_000);
}

#[test]
fn the_same_run_in_two_studies_is_one_run_and_says_when_it_was_reused() {
    let scratch = Scratch::new();
    let (mut registry, mut queue) = scratch.with_study(2);
    let claim = claim_one(&mut registry, &mut queue);
    registry.complete(&claim, &completion("aa", 0.5)).unwrap();
    let planned = registry.plan(&study("t"), &members(0..3)).unwrap();
    assert_eq!(planned, PlanChanges { created: 1, shared: 2, reused: 1, ..PlanChanges::default() });
    let reused = |name: &str| {
        let why = registry.why(name).unwrap();
        why.memberships.into_iter().map(|place| (place.study, place.reused)).collect::<Vec<_>>()
    };
    assert_eq!(reused("t:0"), [("s".to_owned(), false), ("t".to_owned(), true)]);
    assert_eq!(reused("t:1"), [("s".to_owned(), false), ("t".to_owned(), false)]);
    assert_eq!(registry.status(&["t"]).unwrap()[0].counts.get(RunState::Done), 1);
}

#[test]
fn pending_runs_that_no_study_lists_are_superseded_and_come_back() {
    let scratch = Scratch::new();
    let (mut registry, mut queue) = scratch.with_study(4);
    registry.plan(&study("t"), &members([2])).unwrap();
    let claim = claim_one(&mut registry, &mut queue);
    registry.complete(&claim, &completion("aa", 0.5)).unwrap();

    let planned = registry.plan(&study("s"), &members([1])).unwrap();
    assert_eq!(planned, PlanChanges { dropped: 3, superseded: 1, ..PlanChanges::default() });
    let states = [0, 1, 2, 3].map(|number| state(&registry, number));
    assert_eq!(states, [RunState::Done, RunState::Pending, RunState::Pending, RunState::Superseded]);
    assert_eq!(registry.status(&["s"]).unwrap()[0].counts.total(), 1);
    // `s:1` means one run for ever, also when it is the only one left, or has left.
    let named = |registry: &Reader| [0, 1, 2, 3].map(|number| registry.run(&format!("s:{number}")).unwrap().run_id);
    assert_eq!(named(&registry), [0, 1, 2, 3].map(run_id));

    let planned = registry.plan(&study("s"), &members(0..4)).unwrap();
    assert_eq!(planned, PlanChanges { shared: 3, reused: 1, revived: 1, ..PlanChanges::default() });
    assert_eq!(state(&registry, 3), RunState::Pending);
    assert_eq!(named(&registry), [0, 1, 2, 3].map(run_id));
    // A study that grows in its middle gives new numbers to what is new.
    let mut grown = members([0, 7, 1, 8, 2, 3]);
    let former = registry.number("s", &mut grown).unwrap();
    let numbers: Vec<u64> = grown.iter().map(|member| member.index).collect();
    assert_eq!((numbers, former.len()), (vec![0, 4, 1, 5, 2, 3], 0));
    registry.plan(&study("s"), &grown).unwrap();
    assert_eq!(named(&registry), [0, 1, 2, 3].map(run_id));
    assert_eq!(registry.run("s:5").unwrap().run_id, run_id(8));
    assert_eq!(registry.leaving("s", &members([0])).unwrap().len(), 5);
    assert_eq!(kinds(&registry, 3), ["planned", "dropped", "superseded", "revived"]);
}

#[test]
fn a_study_that_contradicts_itself_or_the_registry_changes_nothing() {
    let scratch = Scratch::new();
    let (mut registry, _) = scratch.with_study(2);
    let dump = scratch.facts();

    let twice = registry.plan(&study("t"), &[member(5, 0), member(6, 1), member(5, 2)]);
    assert!(matches!(twice, Err(RegistryError::DuplicateMember { first: 0, second: 2, .. })), "{twice:?}");
    // The setting and seed of run 0 under another id, and the id of run 0 for another setting.
    let mut other_id = member(8, 1);
    other_id.run = aees_studies::registry::PlannedRun { run_id: run_id(8), ..run(0) };
    let mut other_setting = member(0, 1);
    other_setting.run.config_id = digits(12_345).parse().unwrap();
    for wrong in [other_id, other_setting] {
        let clash = registry.plan(&study("t"), &[member(9, 0), wrong]);
        assert!(matches!(clash, Err(RegistryError::IdentityClash { .. })), "{clash:?}");
    }
    assert_eq!(scratch.facts(), dump);
}

#[test]
fn seeds_use_all_64_bits() {
    let scratch = Scratch::new();
    let mut registry = scratch.open();
    let mut large = member(0, 0);
    large.run.seed = u64::MAX;
    registry.plan(&study("s"), &[large]).unwrap();
    let mut queue = registry.queue("s", None).unwrap();
    assert_eq!(claim_one(&mut registry, &mut queue).seed, u64::MAX);
    assert_eq!(registry.run("s:0").unwrap().seed, u64::MAX);
}
