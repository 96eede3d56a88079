//! One cache for Python's `huggingface_hub` and this client, in both directions.
//!
//! `AEES_TEST_PYTHON` names an interpreter that has `huggingface_hub`.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use aees_tasks::{DownloadEvent, Hub, RepoId, RepoKind};

use super::server::{Fault, HubServer};
use super::{body, client, distilbert, glue, hub_with_files, offline_client, tree};

const FILES: [&str; 2] = ["config.json", "model.safetensors"];

/// What Python's client gives for some files; none where there is no Python.
fn python(server: &HubServer, cache: &Path, mode: &str, repo: &RepoId, paths: &[&str]) -> Option<Vec<PathBuf>> {
    let interpreter = crate::require::python(&["huggingface_hub"])?;
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/hub/interoperability.py");
    let kind = match repo.kind() {
        RepoKind::Model => "model",
        RepoKind::Dataset => "dataset",
    };
    let mut command = Command::new(interpreter);
    command.arg(script).arg(cache).args([mode, kind, repo.id()]).args(paths);
    command.env("HF_ENDPOINT", server.url()).env("HF_HOME", cache.join("home")).env("NO_PROXY", "127.0.0.1");
    command.env("HF_HUB_DISABLE_TELEMETRY", "1").env("HF_HUB_DISABLE_UPDATE_CHECK", "1").env_remove("HF_TOKEN");
    let output = command.output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let text = String::from_utf8(output.stdout).unwrap();
    Some(text.lines().filter_map(|line| Some(line.split_once('\t')?.1.into())).collect())
}

fn ours(hub: &Hub, repo: &RepoId, paths: &[&str]) -> Vec<PathBuf> {
    paths.iter().map(|path| hub.file(repo, "main", path, &mut ()).unwrap().path).collect()
}

#[test]
fn a_cache_that_python_filled_is_used_as_it_is() {
    let (server, cache) = (hub_with_files(), tempfile::tempdir().unwrap());
    let Some(paths) = python(&server, cache.path(), "online", &distilbert(), &FILES) else { return };
    let offline = offline_client(&server.url(), cache.path());
    assert_eq!(ours(&offline, &distilbert(), &FILES), paths);
    server.take_requests();
    ours(&client(&server, cache.path()), &distilbert(), &FILES);
    assert!(server.take_requests().iter().all(|request| request.starts_with("HEAD ")));
}

#[test]
fn a_cache_that_we_filled_is_used_by_python() {
    let (server, cache) = (hub_with_files(), tempfile::tempdir().unwrap());
    let nested = ["sst2/train-00000-of-00001.parquet"];
    let hub = client(&server, cache.path());
    let (model, data) = (ours(&hub, &distilbert(), &FILES), ours(&hub, &glue(), &nested));
    let before = server.connections();
    let Some(paths) = python(&server, cache.path(), "offline", &distilbert(), &FILES) else { return };
    assert_eq!(paths, model);
    assert_eq!(python(&server, cache.path(), "offline", &glue(), &nested), Some(data.clone()));
    assert_eq!(std::fs::read(&data[0]).unwrap(), body(1000));
    assert_eq!(server.connections(), before);
}

#[test]
fn both_make_the_same_tree() {
    let (server, cache) = (hub_with_files(), tempfile::tempdir().unwrap());
    let (theirs, our_cache) = (cache.path().join("theirs"), cache.path().join("ours"));
    let nested = ["sst2/train-00000-of-00001.parquet"];
    if python(&server, &theirs, "online", &distilbert(), &FILES).is_none() {
        return;
    }
    python(&server, &theirs, "online", &glue(), &nested);
    let _ = std::fs::remove_dir_all(theirs.join("home"));
    let hub = client(&server, &our_cache);
    ours(&hub, &distilbert(), &FILES);
    ours(&hub, &glue(), &nested);
    assert!(hub.file(&glue(), "main", "missing", &mut ()).is_err());
    let mut our_tree = tree(&our_cache);
    let marks = our_tree.iter().filter(|line| line.contains(".no_exist/")).count();
    our_tree.retain(|line| !line.contains(".no_exist/"));
    assert_eq!(marks, 1);
    assert_eq!(our_tree, tree(&theirs));
}

/// A file that Python is downloading is waited for, and then not downloaded again.
#[test]
fn pythons_lock_is_respected() {
    let (server, cache) = (hub_with_files(), tempfile::tempdir().unwrap());
    // Python pauses a second after the cut, and holds its lock.
    server.fail("CDN", Fault::Cut(1000));
    std::thread::scope(|scope| {
        let python = scope.spawn(|| python(&server, cache.path(), "online", &distilbert(), &FILES[1..]));
        while !python.is_finished() && !server.requests().iter().any(|request| request.to_cdn) {
            std::thread::sleep(Duration::from_millis(5));
        }
        let mut events = Vec::new();
        let file = client(&server, cache.path()).file(&distilbert(), "main", FILES[1], &mut events).unwrap();
        if let Some(paths) = python.join().unwrap() {
            assert_eq!(paths, [file.path]);
            assert!(matches!(events[..], [DownloadEvent::Waiting { .. }]), "{events:?}");
        }
    });
}
