//! What is asked of the hub when, and what lies in the cache afterwards.

use std::time::Duration;

use aees_run::hexadecimal::sha256;
use aees_tasks::{DownloadEvent, Hub, HubError, HubPath, HubSettings, RetryPolicy, sha256_of_file};

use super::server::{FIRST_COMMIT, Fault, HubServer};
use super::{BODY_BYTES, body, client, distilbert, glue, hub_with_files, large_file, offline_client, settings, tree};

const SECOND_COMMIT: &str = "2222222222222222222222222222222222222222";

#[test]
fn a_first_download_makes_pythons_tree() {
    let (server, cache) = (hub_with_files(), tempfile::tempdir().unwrap());
    let hub = client(&server, cache.path());
    let (file, events) = large_file(&hub);
    let file = file.unwrap();
    let checksum = sha256(body(BODY_BYTES));
    assert_eq!(std::fs::read(&file.path).unwrap(), body(BODY_BYTES));
    assert_eq!((file.commit.as_str(), file.size, file.from_cache), (FIRST_COMMIT, BODY_BYTES as u64, false));
    assert_eq!(file.etag, Some(checksum.to_string()));
    let (path, size) = ("model.safetensors".to_owned(), BODY_BYTES as u64);
    let started = DownloadEvent::Started { path: path.clone(), size: Some(size), resumed_at: 0 };
    assert_eq!(events.first(), Some(&started));
    assert_eq!(events.last(), Some(&DownloadEvent::Finished { path, size }));
    let advanced = |event: &DownloadEvent| if let DownloadEvent::Advanced { bytes } = event { *bytes } else { 0 };
    assert_eq!(events.iter().map(advanced).sum::<u64>(), size);

    let nested = hub.file(&glue(), "main", "sst2/train-00000-of-00001.parquet", &mut ()).unwrap();
    let small = sha256(body(1000));
    assert_eq!(std::fs::read(nested.path).unwrap(), body(1000));
    let (model, data) = ("models--distilbert-base-uncased", "datasets--nyu-mll--glue");
    assert_eq!(
        tree(cache.path()),
        [
            format!("{data}/blobs/{small} (1000 bytes)"),
            format!("{data}/refs/main (40 bytes)"),
            format!("{data}/snapshots/{FIRST_COMMIT}/sst2/train-00000-of-00001.parquet -> ../../../blobs/{small}"),
            format!("{model}/blobs/{checksum} ({BODY_BYTES} bytes)"),
            format!("{model}/refs/main (40 bytes)"),
            format!("{model}/snapshots/{FIRST_COMMIT}/model.safetensors -> ../../blobs/{checksum}"),
        ]
    );
}

#[test]
fn a_branch_is_asked_for_each_time_and_a_commit_never_again() {
    let (server, cache) = (hub_with_files(), tempfile::tempdir().unwrap());
    let hub = client(&server, cache.path());
    let get = |revision| hub.file(&distilbert(), revision, "config.json", &mut ()).unwrap();
    let at = |revision| format!("/distilbert-base-uncased/resolve/{revision}/config.json");
    assert!(!get("main").from_cache);
    assert_eq!(server.take_requests(), [format!("HEAD {}", at("main")), format!("GET {}", at(FIRST_COMMIT))]);
    assert!(get("main").from_cache);
    assert_eq!(server.take_requests(), [format!("HEAD {}", at("main"))]);
    assert!(get(FIRST_COMMIT).from_cache);
    let offline = offline_client(&server.url(), cache.path());
    assert_eq!(offline.file(&distilbert(), "main", "config.json", &mut ()).unwrap().path, get(FIRST_COMMIT).path);
    assert!(matches!(offline.file(&distilbert(), "main", "vocab.txt", &mut ()), Err(HubError::NotCached { .. })));
    assert!(server.take_requests().is_empty());
}

#[test]
fn a_branch_that_moved_brings_only_what_changed() {
    let (server, cache) = (hub_with_files(), tempfile::tempdir().unwrap());
    let hub = client(&server, cache.path());
    large_file(&hub).0.unwrap();
    hub.file(&distilbert(), "main", "config.json", &mut ()).unwrap();
    server.new_commit(&distilbert(), SECOND_COMMIT);
    server.add(&distilbert(), "config.json", "{}");
    server.take_requests();

    let same = large_file(&hub).0.unwrap();
    assert_eq!((same.commit.as_str(), same.from_cache), (SECOND_COMMIT, true));
    assert_eq!(server.take_requests().len(), 1, "the content is there under the same name");
    let changed = hub.file(&distilbert(), "main", "config.json", &mut ()).unwrap();
    assert_eq!(std::fs::read(changed.path).unwrap(), b"{}");
    let old = hub.file(&distilbert(), FIRST_COMMIT, "config.json", &mut ()).unwrap();
    assert_eq!(std::fs::read(old.path).unwrap(), br#"{"dim": 768}"#);
    let offline = offline_client(&server.url(), cache.path());
    assert_eq!(offline.file(&distilbert(), "main", "config.json", &mut ()).unwrap().commit, SECOND_COMMIT);
}

#[test]
fn a_file_that_does_not_exist_is_remembered() {
    let (server, cache) = (hub_with_files(), tempfile::tempdir().unwrap());
    let hub = client(&server, cache.path());
    let error = hub.file(&distilbert(), "main", "pytorch_model.bin", &mut ()).unwrap_err();
    assert!(error.is_file_not_found(), "{error:?}");
    assert_eq!(error.to_string(), "there is no pytorch_model.bin of model distilbert-base-uncased at main");
    let mark = format!("models--distilbert-base-uncased/.no_exist/{FIRST_COMMIT}/pytorch_model.bin (0 bytes)");
    assert!(tree(cache.path()).contains(&mark));
    server.take_requests();
    assert!(hub.file(&distilbert(), FIRST_COMMIT, "pytorch_model.bin", &mut ()).unwrap_err().is_file_not_found());
    assert!(server.take_requests().is_empty());
    let offline = offline_client(&server.url(), cache.path());
    assert!(offline.file(&distilbert(), "main", "pytorch_model.bin", &mut ()).unwrap_err().is_file_not_found());
}

#[test]
fn a_file_of_another_length_is_fetched_again() {
    let (server, cache) = (hub_with_files(), tempfile::tempdir().unwrap());
    let hub = client(&server, cache.path());
    let file = large_file(&hub).0.unwrap();
    // As when a cache was copied and the copy broke off.
    std::fs::write(&file.path, &body(BODY_BYTES)[..BODY_BYTES / 2]).unwrap();
    let (again, events) = large_file(&hub);
    let again = again.unwrap();
    assert!(!again.from_cache && matches!(events[0], DownloadEvent::Discarded { .. }), "{:?}", events[0]);
    assert_eq!(std::fs::read(again.path).unwrap(), body(BODY_BYTES));
    // The same for a copy, as caches without links have them.
    std::fs::remove_file(&file.path).unwrap();
    std::fs::write(&file.path, "half").unwrap();
    assert_eq!(std::fs::read(large_file(&hub).0.unwrap().path).unwrap(), body(BODY_BYTES));
}

#[test]
fn what_was_checked_when_it_came_is_not_read_again() {
    let (server, cache) = (hub_with_files(), tempfile::tempdir().unwrap());
    let hub = client(&server, cache.path());
    let file = large_file(&hub).0.unwrap();
    let blob = std::fs::canonicalize(&file.path).unwrap();
    assert_eq!(sha256_of_file(&file.path).unwrap(), sha256(body(BODY_BYTES)));
    // Its name still says what it was, and nobody looks inside.
    std::fs::write(&blob, vec![0; BODY_BYTES]).unwrap();
    assert!(large_file(&hub).0.unwrap().from_cache);
    assert_eq!(sha256_of_file(&file.path).unwrap(), file.etag.unwrap());
    assert_eq!(sha256_of_file(&blob).unwrap(), sha256(vec![0; BODY_BYTES]));
}

#[test]
fn four_clients_download_a_file_once() {
    let (server, cache) = (hub_with_files(), tempfile::tempdir().unwrap());
    // A pause in the middle, for the others to come in between.
    server.fail("CDN", Fault::Cut(BODY_BYTES / 2));
    let pause = Duration::from_millis(300);
    let retry = RetryPolicy { first_pause: pause, ..RetryPolicy::default() };
    std::thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| {
                let settings = HubSettings { retry, ..settings(&server.url(), cache.path()) };
                let file = large_file(&Hub::new(settings).unwrap()).0.unwrap();
                assert_eq!(std::fs::read(file.path).unwrap(), body(BODY_BYTES));
            });
        }
    });
    let sent: usize = server.requests().iter().map(|request| request.body_bytes).sum();
    assert_eq!(sent, BODY_BYTES);
}

#[test]
fn the_reference_programs_second_folder_is_read_too() {
    let (server, cache) = (hub_with_files(), tempfile::tempdir().unwrap());
    large_file(&client(&server, &cache.path().join("hub"))).0.unwrap();
    let offline = offline_client(&server.url(), cache.path());
    assert!(large_file(&offline).0.unwrap().path.starts_with(cache.path().join("hub")));
    server.take_requests();
    assert!(large_file(&client(&server, cache.path())).0.unwrap().from_cache);
    assert_eq!(server.take_requests().len(), 1);
}

#[test]
fn a_damaged_file_in_a_folder_that_is_only_read_stays_there() {
    let (server, cache) = (hub_with_files(), tempfile::tempdir().unwrap());
    let second = large_file(&client(&server, &cache.path().join("hub"))).0.unwrap();
    std::fs::write(&second.path, "damaged").unwrap();
    let (file, events) = large_file(&client(&server, cache.path()));
    let file = file.unwrap();
    assert_eq!(std::fs::read(&file.path).unwrap(), body(BODY_BYTES));
    assert!(!file.path.starts_with(cache.path().join("hub")));
    assert_eq!(std::fs::read(&second.path).unwrap(), b"damaged");
    assert!(!events.iter().any(|event| matches!(event, DownloadEvent::Discarded { .. })), "{events:?}");
}

#[test]
fn listings_are_of_a_commit() {
    let (server, cache) = (hub_with_files(), tempfile::tempdir().unwrap());
    let hub = client(&server, cache.path());
    let listing = hub.list(&distilbert(), "main", &mut ()).unwrap();
    assert_eq!(listing.files, ["config.json", "model.safetensors"]);
    assert_eq!(listing.commit, FIRST_COMMIT);
    assert_eq!(hub.list(&glue(), "main", &mut ()).unwrap().files, ["sst2/train-00000-of-00001.parquet"]);
    let error = hub.list(&glue(), "v9", &mut ()).unwrap_err();
    assert_eq!(error.to_string(), "data set nyu-mll/glue has no revision v9");
}

#[test]
fn a_cache_that_cannot_be_written_is_named() {
    let (server, folder) = (hub_with_files(), tempfile::tempdir().unwrap());
    let cache = folder.path().join("a-file");
    std::fs::write(&cache, "").unwrap();
    let error = large_file(&client(&server, &cache)).0.unwrap_err();
    assert!(matches!(&error, HubError::Io(path, ..) if path.starts_with(&cache)), "{error:?}");
}

#[test]
fn an_empty_file_is_a_file() {
    let (server, cache) = (HubServer::start(), tempfile::tempdir().unwrap());
    server.add(&glue(), "empty.txt", "");
    let file = client(&server, cache.path()).file(&glue(), "main", "empty.txt", &mut ()).unwrap();
    assert_eq!(std::fs::read(file.path).unwrap(), b"");
    assert!(HubPath::new(&glue(), "main", "../empty.txt").is_err());
}
