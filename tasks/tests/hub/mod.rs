//! The hub client against a small hub on loopback: no test needs a network.

mod cache;
mod failures;
mod interoperability;
mod offline;
mod server;

use std::path::Path;
use std::time::Duration;

use aees_tasks::{
    DownloadEvent, Hub, HubError, HubFile, HubOptions, HubSettings, HubTimeouts, RepoId, RetryPolicy, Token,
};
use server::HubServer;

pub(crate) const BODY_BYTES: usize = 3_000_000;

/// Bytes that have no period, so that a part in the wrong place is noticed.
pub(crate) fn body(bytes: usize) -> Vec<u8> {
    (0..bytes as u64).map(|index| (index.wrapping_mul(0x9E37_79B9_7F4A_7C15) >> 33) as u8).collect()
}

pub(crate) fn glue() -> RepoId {
    RepoId::dataset("nyu-mll/glue").unwrap()
}

pub(crate) fn distilbert() -> RepoId {
    RepoId::model("distilbert-base-uncased").unwrap()
}

/// A hub with a small and a large file of a model, and one of a data set.
pub(crate) fn hub_with_files() -> HubServer {
    let server = HubServer::start();
    server.add(&distilbert(), "config.json", r#"{"dim": 768}"#);
    server.add_large(&distilbert(), "model.safetensors", body(BODY_BYTES));
    server.add_large(&glue(), "sst2/train-00000-of-00001.parquet", body(1000));
    server
}

/// Settings with pauses that a test can wait for.
pub(crate) fn settings(endpoint: &str, cache: &Path) -> HubSettings {
    let options = HubOptions { cache_dir: Some(cache.to_owned()), ..HubOptions::default() };
    let milliseconds = Duration::from_millis;
    HubSettings {
        endpoint: endpoint.to_owned(),
        retry: RetryPolicy { first_pause: milliseconds(1), longest_pause: milliseconds(4), ..RetryPolicy::default() },
        ..options.settings_from(&|_| None).unwrap()
    }
}

/// The same, for servers that fall silent.
pub(crate) fn impatient(settings: HubSettings) -> HubSettings {
    let moment = Duration::from_millis(300);
    HubSettings { timeouts: HubTimeouts { response: moment, stall: moment, ..settings.timeouts }, ..settings }
}

pub(crate) fn client(server: &HubServer, cache: &Path) -> Hub {
    Hub::new(settings(&server.url(), cache)).unwrap()
}

pub(crate) fn client_with_token(server: &HubServer, cache: &Path, token: &str) -> Hub {
    let token = Token::new(token, "the test").unwrap();
    Hub::new(HubSettings { token, ..settings(&server.url(), cache) }).unwrap()
}

pub(crate) fn offline_client(endpoint: &str, cache: &Path) -> Hub {
    Hub::new(HubSettings { offline: true, ..settings(endpoint, cache) }).unwrap()
}

/// The large file, with what was told on the way.
pub(crate) fn large_file(hub: &Hub) -> (Result<HubFile, HubError>, Vec<DownloadEvent>) {
    let mut events = Vec::new();
    let file = hub.file(&distilbert(), "main", "model.safetensors", &mut events);
    (file, events)
}

pub(crate) fn retries(events: &[DownloadEvent]) -> Vec<&str> {
    let why = events.iter().filter_map(|event| match event {
        DownloadEvent::Retrying { why, .. } => Some(why.as_str()),
        _ => None,
    });
    why.collect()
}

/// Every file and link under a folder with its content or target, sorted; lock files and the backup tag left out.
pub(crate) fn tree(folder: &Path) -> Vec<String> {
    let (mut lines, mut folders) = (Vec::new(), vec![folder.to_owned()]);
    while let Some(inside) = folders.pop() {
        for entry in std::fs::read_dir(&inside).into_iter().flatten() {
            let path = entry.unwrap().path();
            let name = path.strip_prefix(folder).unwrap().display().to_string();
            if name == ".locks" || name == "CACHEDIR.TAG" {
                continue;
            }
            let kind = std::fs::symlink_metadata(&path).unwrap();
            if kind.is_symlink() {
                lines.push(format!("{name} -> {}", std::fs::read_link(&path).unwrap().display()));
            } else if kind.is_dir() {
                folders.push(path);
            } else {
                lines.push(format!("{name} ({} bytes)", kind.len()));
            }
        }
    }
    lines.sort();
    lines
}
