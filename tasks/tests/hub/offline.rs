//! `--local-files-only` and `HF_HUB_OFFLINE`: the cache, an error that says what is missing, and no socket.

use aees_tasks::{Hub, HubError, HubSettings};

use super::{client, distilbert, glue, hub_with_files, large_file, offline_client, settings};

#[test]
fn nobody_connects_to_the_hub() {
    let (server, cache) = (hub_with_files(), tempfile::tempdir().unwrap());
    let online = client(&server, cache.path());
    let expected = large_file(&online).0.unwrap();
    let before = server.connections();

    let hub = offline_client(&server.url(), cache.path());
    let found = large_file(&hub).0.unwrap();
    assert_eq!((found.path, found.commit, found.from_cache), (expected.path, expected.commit, true));
    assert_eq!(hub.list(&distilbert(), "main", &mut ()).unwrap().files.len(), 1);
    assert!(matches!(hub.file(&distilbert(), "main", "config.json", &mut ()), Err(HubError::NotCached { .. })));
    assert!(matches!(hub.list(&glue(), "main", &mut ()), Err(HubError::NotCached { .. })));
    assert_eq!(server.connections(), before);
}

/// Shards: listed on a branch, fetched by commit.
#[test]
fn files_that_were_fetched_by_commit_are_found_on_the_branch() {
    const TABLE: &str = "sst2/train-00000-of-00001.parquet";
    const SECOND_COMMIT: &str = "2222222222222222222222222222222222222222";
    let (server, cache) = (hub_with_files(), tempfile::tempdir().unwrap());
    let (hub, offline) = (client(&server, cache.path()), offline_client(&server.url(), cache.path()));
    let commit = hub.list(&glue(), "main", &mut ()).unwrap().commit;
    assert!(matches!(offline.list(&glue(), "main", &mut ()), Err(HubError::NotCached { .. })));
    hub.file(&glue(), &commit, TABLE, &mut ()).unwrap();
    let listing = offline.list(&glue(), "main", &mut ()).unwrap();
    assert_eq!((listing.commit, listing.files[0].as_str()), (commit.clone(), TABLE));

    server.new_commit(&glue(), SECOND_COMMIT);
    let moved = hub.list(&glue(), "main", &mut ()).unwrap().commit;
    assert_eq!(moved, SECOND_COMMIT);
    assert_eq!(offline.list(&glue(), "main", &mut ()).unwrap().commit, commit, "the old files are still there");
    hub.file(&glue(), &moved, TABLE, &mut ()).unwrap();
    hub.remember(&glue(), "main", &moved).unwrap();
    assert_eq!(offline.list(&glue(), "main", &mut ()).unwrap().commit, SECOND_COMMIT);
}

#[test]
fn what_is_missing_is_named_with_the_folders() {
    let (server, cache) = (hub_with_files(), tempfile::tempdir().unwrap());
    let error = offline_client(&server.url(), cache.path()).file(&glue(), "main", "a.parquet", &mut ()).unwrap_err();
    let folder = cache.path().display();
    assert_eq!(
        error.to_string(),
        format!(
            "a.parquet of data set nyu-mll/glue at main is not in the cache ({folder}), and the network is not to be used"
        )
    );
    let help = error.help().unwrap();
    assert!(help.contains("--local-files-only") && help.ends_with("or use --data PATH or --data synthetic"), "{help}");
    let help = error.fetched_by("aees data fetch sst2").help().unwrap();
    assert!(help.starts_with("run `aees data fetch sst2` first, where there is a network; or copy a cache"), "{help}");
    assert_eq!(std::fs::read_dir(cache.path()).unwrap().count(), 0, "nothing is written");
}

#[test]
fn neither_endpoint_nor_certificates_matter() {
    let cache = tempfile::tempdir().unwrap();
    let wrong = HubSettings { certificates: Some("missing.pem".into()), ..settings("no url", cache.path()) };
    assert!(Hub::new(HubSettings { offline: true, ..wrong.clone() }).is_ok());
    assert!(Hub::new(wrong).is_err());
}
