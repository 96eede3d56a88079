//! The file itself: new, newer, damaged, foreign, on a network, rebuilt.

use std::fs;
use std::io::{Seek, SeekFrom, Write};
use std::path::Path;

use aees_studies::registry::{
    FileSystem, Member, MemberOnDisk, OpenOptions, Reader, Registry, RegistryError, RunOnDisk, RunState, rebuild,
};

use super::scratch::{AUDIT, Scratch, claim_one, completion, kinds, members, run_id, study};

#[test]
fn a_registry_on_a_network_file_system_is_refused_with_the_remedy() {
    let scratch = Scratch::new();
    let on_lustre = |_: &Path| Ok(FileSystem::Network("Lustre"));
    let options = OpenOptions { file_system: on_lustre, ..OpenOptions::default() };
    let Err(error) = Registry::open_with(&scratch.path(), options) else { panic!("it was opened") };
    assert!(error.to_string().contains("network file system (Lustre)"), "{error}");
    assert!(error.help().unwrap().contains("--registry PATH"), "{:?}", error.help());
    assert_eq!(scratch.names(), [""; 0], "nothing was written");

    // Reading harms nobody.
    drop(scratch.with_study(1));
    let options = OpenOptions { file_system: on_lustre, ..OpenOptions::default() };
    assert_eq!(Reader::open_with(&scratch.path(), options).unwrap().status(&[]).unwrap().len(), 1);
}

#[test]
fn network_file_systems_are_known_by_their_numbers() {
    let known = [
        (0x6969, "NFS"),
        (0x0BD0_0BD0, "Lustre"),
        (0x4750_4653, "GPFS"),
        (0x1983_0326, "BeeGFS"),
        (0xFF53_4D42, "SMB"),
        (0xFE53_4D42, "SMB"),
        (0x00C3_6400, "CephFS"),
        (0x6573_5546, "FUSE"),
    ];
    for (number, name) in known {
        assert_eq!(FileSystem::of_type(number), FileSystem::Network(name));
    }
    assert_eq!(FileSystem::of_type(0xFFFF_FFFF_FF53_4D42), FileSystem::Network("SMB"), "sign-extended");
    for local in [0xEF53, 0x0102_1994, 0x5846_5342, 0x9123_683E] {
        assert_eq!(FileSystem::of_type(local), FileSystem::Local);
    }
}

#[test]
fn a_newer_file_can_be_read_and_not_written() {
    let scratch = Scratch::new();
    drop(scratch.with_study(2));
    scratch.shell().execute_batch("PRAGMA user_version = 99").unwrap();
    let before = fs::read(scratch.path()).unwrap();

    let Err(error) = Registry::open(&scratch.path()) else { panic!("it was opened") };
    assert!(matches!(error, RegistryError::Newer { found: 99, known: 3, .. }), "{error:?}");
    assert!(error.to_string().contains("version 99"), "{error}");
    let reader = Reader::open(&scratch.path()).unwrap();
    assert_eq!(reader.newer_version(), Some(99));
    assert_eq!(reader.status(&["s"]).unwrap()[0].counts.get(RunState::Pending), 2);
    assert_eq!(reader.run("s:1").unwrap().run_id, run_id(1));
    drop(reader);
    assert_eq!(fs::read(scratch.path()).unwrap(), before);
    assert_eq!(scratch.names(), ["registry.db"]);
}

#[test]
fn a_damaged_file_is_an_error_that_names_the_rebuild() {
    let scratch = Scratch::new();
    drop(scratch.with_study(300));
    let whole = fs::read(scratch.path()).unwrap();
    let named = |error: RegistryError| {
        assert!(matches!(error, RegistryError::Corrupt { .. }), "{error:?}");
        assert!(error.to_string().contains("is damaged"), "{error}");
        assert!(error.help().unwrap().contains("aees registry rebuild"));
    };
    // Not a database at all; pages in the middle overwritten; the end torn off.
    fs::write(scratch.path(), "no database".repeat(1_000)).unwrap();
    named(Registry::open(&scratch.path()).err().unwrap());
    named(Reader::open(&scratch.path()).err().unwrap());
    fs::write(scratch.path(), &whole).unwrap();
    let mut file = fs::OpenOptions::new().write(true).open(scratch.path()).unwrap();
    file.seek(SeekFrom::Start(whole.len() as u64 / 2)).unwrap();
    file.write_all(&[0xA5; 40_000]).unwrap();
    drop(file);
    named(Registry::open(&scratch.path()).err().unwrap());
    fs::write(scratch.path(), &whole[..whole.len() / 2]).unwrap();
    named(Registry::open(&scratch.path()).err().unwrap());

    fs::write(scratch.path(), &whole).unwrap();
    Registry::open(&scratch.path()).unwrap().check().unwrap();
}

#[test]
fn a_check_notices_a_missing_table_and_a_missing_rule() {
    for (sql, named) in [
        ("DROP TABLE data_fingerprints", "table data_fingerprints"),
        ("DROP TRIGGER events_are_append_only_update", "trigger events_are_append_only_update"),
        ("DROP INDEX study_runs_next", "index study_runs_next"),
    ] {
        let scratch = Scratch::new();
        drop(scratch.with_study(1));
        scratch.shell().execute_batch(sql).unwrap();
        let error = scratch.open().check().unwrap_err();
        assert!(error.to_string().contains(named), "{error}");
    }
}

#[test]
fn other_databases_and_missing_files_are_left_alone() {
    let scratch = Scratch::new();
    let missing = Reader::open(&scratch.path()).err().unwrap();
    assert!(matches!(missing, RegistryError::Missing { .. }), "{missing:?}");
    assert_eq!(scratch.names(), [""; 0]);

    scratch.shell().execute_batch("CREATE TABLE things (name TEXT)").unwrap();
    let before = fs::read(scratch.path()).unwrap();
    for error in [Registry::open(&scratch.path()).err().unwrap(), Reader::open(&scratch.path()).err().unwrap()] {
        assert!(matches!(error, RegistryError::NotARegistry { .. }), "{error:?}");
    }
    assert_eq!(fs::read(scratch.path()).unwrap(), before);

    let nowhere = Registry::open(Path::new("/nonexistent/folder/registry.db")).err().unwrap();
    assert!(matches!(nowhere, RegistryError::File(_)), "{nowhere:?}");
}

#[test]
fn several_processes_may_make_the_file_at_once() {
    let scratch = Scratch::new();
    std::thread::scope(|scope| {
        for _ in 0..8 {
            scope.spawn(|| drop(scratch.with_study(3)));
        }
    });
    let registry = scratch.open();
    assert_eq!(registry.status(&["s"]).unwrap()[0].counts.total(), 3);
    assert_eq!(registry.last_seq().unwrap(), 4, "three runs and one study, planned once");
}

fn facts(member: &Member, studies: &[&str], sha: Option<&str>) -> RunOnDisk {
    let Member { run, index, case, axes_json, race } = member.clone();
    let place = |study: &&str| MemberOnDisk {
        study: (*study).to_owned(),
        index,
        case: case.clone(),
        axes_json: axes_json.clone(),
        race: race.clone(),
        listed: true,
    };
    RunOnDisk {
        run,
        doubt: None,
        result: sha.map(|sha| completion(sha, 0.5)),
        memberships: studies.iter().map(place).collect(),
    }
}

#[test]
fn a_rebuilt_registry_equals_the_old_one() {
    let scratch = Scratch::new();
    let (mut registry, mut queue) = scratch.with_study(4);
    registry.plan(&study("t"), &members(0..2)).unwrap();
    for sha in ["a", "b"] {
        let claim = claim_one(&mut registry, &mut queue);
        registry.complete(&claim, &completion(sha, 0.5)).unwrap();
    }
    // A take-over, so that epochs and event numbers differ from those of a rebuild.
    let claim = claim_one(&mut registry, &mut queue);
    registry.interrupt_dead(&claim.run_id, claim.epoch, &AUDIT).unwrap();
    registry.retry(&[claim.run_id], &AUDIT).unwrap();
    let old = scratch.facts();
    assert_eq!(old.lines().count(), 2 + 4 + 6 + 2);

    let all = members(0..4);
    let runs = || {
        let found = [(&["s", "t"][..], Some("a")), (&["s", "t"], Some("b")), (&["s"], None), (&["s"], None)];
        all.iter().zip(found).map(|(member, (studies, sha))| facts(member, studies, sha)).collect::<Vec<_>>()
    };
    let in_use = rebuild(&scratch.path(), [study("s"), study("t")], runs());
    assert!(matches!(in_use, Err(RegistryError::InUse { .. })), "{in_use:?}");
    assert_eq!(scratch.facts(), old);
    let old_log = fs::read(scratch.path().with_extension("db-wal")).unwrap();
    drop(registry);

    // Damaged, rebuilt, and the damaged file kept.
    let mut damaged = fs::read(scratch.path()).unwrap();
    damaged[..16].copy_from_slice(b"something else!!");
    fs::write(scratch.path(), &damaged).unwrap();
    let rebuilt = rebuild(&scratch.path(), [study("s"), study("t")], runs()).unwrap();
    assert_eq!((rebuilt.studies, rebuilt.runs, rebuilt.done), (2, 4, 2));
    assert_eq!(fs::read(rebuilt.kept.unwrap()).unwrap(), damaged);
    assert_eq!(scratch.facts(), old);
    assert_eq!(scratch.names().len(), 2, "{:?}", scratch.names());

    // Deleted, with its log left behind, and rebuilt.
    fs::remove_file(scratch.path()).unwrap();
    fs::write(scratch.path().with_extension("db-wal"), old_log).unwrap();
    assert_eq!(rebuild(&scratch.path(), [study("s"), study("t")], runs()).unwrap().kept, None);
    let mut registry = scratch.open();
    assert_eq!(scratch.facts(), old);
    assert_eq!(kinds(&registry, 0), ["planned", "adopted"], "nothing comes from the old log");
    let mut queue = registry.queue("s", None).unwrap();
    assert_eq!(claim_one(&mut registry, &mut queue).run_id, run_id(2), "and it works");
}

#[test]
fn a_rebuild_that_fails_leaves_the_old_registry_in_place() {
    let scratch = Scratch::new();
    let (registry, _) = scratch.with_study(1);
    let old = scratch.facts();
    drop(registry);
    let unknown = rebuild(&scratch.path(), [study("s")], [facts(&members(0..1)[0], &["t"], None)]);
    assert!(matches!(unknown, Err(RegistryError::UnknownStudy { .. })), "{unknown:?}");
    assert_eq!(scratch.names(), ["registry.db"]);
    assert_eq!(scratch.facts(), old);
}
