//! Everything that can go wrong on the way, and that nothing half-written is ever seen.

use std::time::Duration;

use aees_run::hexadecimal::sha256;
use aees_tasks::{DownloadEvent, DownloadProgress, Hub, HubError, HubSettings, RepoId, RetryPolicy};

use super::server::{FIRST_COMMIT, Fault, HubServer};
use super::{
    BODY_BYTES, body, client, client_with_token, distilbert, glue, hub_with_files, impatient, large_file,
    offline_client, retries, settings, tree,
};

const TOKEN: &str = "hf_this_is_secret";

/// The ranges that the bodies of a server's answers began at, and the bytes that each had.
fn parts(server: &HubServer) -> Vec<(Option<String>, usize)> {
    let requests = server.requests();
    let bodies = requests.iter().filter(|request| request.to_cdn);
    bodies.map(|request| (request.header("range").map(str::to_owned), request.body_bytes)).collect()
}

#[test]
fn a_429_waits_as_long_as_it_is_told_to() {
    let (server, cache) = (hub_with_files(), tempfile::tempdir().unwrap());
    server.fail("HEAD", Fault::Status(429, vec![("Retry-After", "1".to_owned())]));
    server.fail("GET", Fault::Status(429, vec![("RateLimit", "\"api\";r=0;t=1".to_owned())]));
    let (file, events) = large_file(&client(&server, cache.path()));
    file.unwrap();
    let pauses = events.iter().filter_map(|event| match event {
        DownloadEvent::Retrying { after, .. } => Some(*after),
        _ => None,
    });
    // A little longer, so that many machines do not come back at once.
    let pauses: Vec<Duration> = pauses.collect();
    assert!(pauses.len() == 2 && pauses.iter().all(|pause| pause.as_millis() >= 1000), "{pauses:?}");
    assert_eq!(retries(&events), ["the hub answers 429 Too Many Requests"; 2]);
}

#[test]
fn a_hub_that_asks_for_too_long_a_pause_ends_the_download() {
    let (server, cache) = (hub_with_files(), tempfile::tempdir().unwrap());
    server.fail("HEAD", Fault::Status(429, vec![("Retry-After", "86400".to_owned())]));
    let error = large_file(&client(&server, cache.path())).0.unwrap_err().to_string();
    assert!(error.contains("429 Too Many Requests; it asks to come back in 86400 s (1 try"), "{error}");
}

#[test]
fn two_500s_and_then_it_works() {
    let (server, cache) = (hub_with_files(), tempfile::tempdir().unwrap());
    for method in ["HEAD", "HEAD", "GET", "GET"] {
        server.fail(method, Fault::status(500));
    }
    let (file, events) = large_file(&client(&server, cache.path()));
    assert_eq!(std::fs::read(file.unwrap().path).unwrap(), body(BODY_BYTES));
    assert_eq!(retries(&events).len(), 4);
}

#[test]
fn a_hub_that_stays_broken_is_given_up() {
    let (server, cache) = (hub_with_files(), tempfile::tempdir().unwrap());
    (0..6).for_each(|_| server.fail("HEAD", Fault::status(503)));
    let (file, events) = large_file(&client(&server, cache.path()));
    let error = file.unwrap_err();
    assert!(error.to_string().contains("503 Service Unavailable (6 tries"), "{error}");
    assert!(error.help().unwrap().contains("--local-files-only"), "{error:?}");
    assert_eq!(retries(&events).len(), 5);
    assert!(tree(cache.path()).is_empty());
}

#[test]
fn a_connection_that_breaks_off_is_resumed_and_nothing_is_sent_twice() {
    let (server, cache) = (hub_with_files(), tempfile::tempdir().unwrap());
    server.fail("GET", Fault::Cut(1_000_000));
    server.fail("GET", Fault::Cut(500_000));
    server.fail("GET", Fault::Cut(0));
    let (file, events) = large_file(&client(&server, cache.path()));
    assert_eq!(std::fs::read(file.unwrap().path).unwrap(), body(BODY_BYTES));
    let range = |from: &str| Some(format!("bytes={from}-"));
    assert_eq!(
        parts(&server),
        [(None, 1_000_000), (range("1000000"), 500_000), (range("1500000"), 0), (range("1500000"), 1_500_000)]
    );
    assert_eq!(retries(&events).len(), 3);
    let resumed: Vec<u64> = events
        .iter()
        .filter_map(
            |event| if let DownloadEvent::Started { resumed_at, .. } = event { Some(*resumed_at) } else { None },
        )
        .collect();
    assert_eq!(resumed, [0, 1_000_000, 1_500_000, 1_500_000]);
}

#[test]
fn many_cuts_do_not_add_up_to_a_failure_while_bytes_arrive() {
    let (server, cache) = (HubServer::start(), tempfile::tempdir().unwrap());
    server.add_large(&distilbert(), "model.safetensors", body(12 << 20));
    (0..10).for_each(|_| server.fail("GET", Fault::Cut((1 << 20) + 1)));
    let file = large_file(&client(&server, cache.path())).0.unwrap();
    assert_eq!(std::fs::read(file.path).unwrap(), body(12 << 20));
    assert_eq!(parts(&server).iter().map(|(_, bytes)| bytes).sum::<usize>(), 12 << 20);
}

#[test]
fn a_small_file_is_resumed_only_while_it_is_the_same() {
    let (server, cache) = (HubServer::start(), tempfile::tempdir().unwrap());
    server.add(&glue(), "small.txt", body(1000));
    server.fail("GET", Fault::Cut(400));
    let file = client(&server, cache.path()).file(&glue(), "main", "small.txt", &mut ()).unwrap();
    assert_eq!(std::fs::read(file.path).unwrap(), body(1000));
    let last = server.requests().pop().unwrap();
    assert_eq!(last.header("if-range"), Some(format!("\"{}\"", file.etag.unwrap()).as_str()));
    assert_eq!(last.body_bytes, 600);
}

/// Ends the download after so many bytes, as a user would.
struct Impatient(u64);

impl DownloadProgress for Impatient {
    fn event(&mut self, event: &DownloadEvent) {
        if let DownloadEvent::Advanced { bytes } = event {
            self.0 = self.0.saturating_sub(*bytes);
        }
    }

    fn cancelled(&mut self) -> bool {
        self.0 == 0
    }
}

#[test]
fn an_interrupted_download_is_taken_up_by_the_next_program() {
    let (server, cache) = (hub_with_files(), tempfile::tempdir().unwrap());
    let hub = client(&server, cache.path());
    let error = hub.file(&distilbert(), "main", "model.safetensors", &mut Impatient(1_000_000)).unwrap_err();
    assert!(matches!(error, HubError::Cancelled), "{error:?}");
    let offline = offline_client(&server.url(), cache.path());
    assert!(matches!(large_file(&offline).0, Err(HubError::NotCached { .. })));
    let left = tree(cache.path());
    assert!(left.len() == 1 && left[0].contains(".incomplete"), "{left:?}");

    let (file, events) = large_file(&client(&server, cache.path()));
    assert_eq!(std::fs::read(file.unwrap().path).unwrap(), body(BODY_BYTES));
    let Some(DownloadEvent::Started { resumed_at, .. }) = events.first() else { panic!("{events:?}") };
    assert!(*resumed_at >= 1_000_000);
    assert!(!tree(cache.path()).iter().any(|line| line.contains(".incomplete")));
}

#[test]
fn a_server_that_ignores_ranges_starts_anew() {
    let (server, cache) = (hub_with_files(), tempfile::tempdir().unwrap());
    server.fail("GET", Fault::Cut(1_000_000));
    server.fail("GET", Fault::IgnoreRange);
    let (file, events) = large_file(&client(&server, cache.path()));
    assert_eq!(std::fs::read(file.unwrap().path).unwrap(), body(BODY_BYTES));
    let last = events.iter().rfind(|event| matches!(event, DownloadEvent::Started { .. }));
    assert!(matches!(last, Some(DownloadEvent::Started { resumed_at: 0, .. })), "{last:?}");
}

#[test]
fn a_foreign_beginning_is_found_out_and_thrown_away() {
    let (server, cache) = (hub_with_files(), tempfile::tempdir().unwrap());
    let hub = client(&server, cache.path());
    let etag = sha256(body(BODY_BYTES));
    let blobs = cache.path().join("models--distilbert-base-uncased/blobs");
    for length in [1000, BODY_BYTES, BODY_BYTES + 7] {
        std::fs::create_dir_all(&blobs).unwrap();
        std::fs::write(blobs.join(format!("{etag}.incomplete")), vec![7; length]).unwrap();
        let file = large_file(&hub).0.unwrap();
        assert_eq!(std::fs::read(file.path).unwrap(), body(BODY_BYTES));
        std::fs::remove_dir_all(cache.path().join("models--distilbert-base-uncased")).unwrap();
    }
}

#[test]
fn a_wrong_checksum_is_tried_once_more_and_then_an_error() {
    let (server, cache) = (hub_with_files(), tempfile::tempdir().unwrap());
    server.fail("GET", Fault::Corrupt);
    server.fail("GET", Fault::Corrupt);
    let hub = client(&server, cache.path());
    let (file, events) = large_file(&hub);
    let error = file.unwrap_err();
    let expected = sha256(body(BODY_BYTES));
    assert!(error.to_string().contains(&format!(", expected {expected} (")), "{error}");
    assert!(error.to_string().ends_with("; it was downloaded twice and removed"), "{error}");
    assert!(error.help().unwrap().contains("HF_ENDPOINT"), "{error:?}");
    assert_eq!(retries(&events), ["what arrived does not have the checksum that the hub tells"]);
    assert!(tree(cache.path()).is_empty(), "{:?}", tree(cache.path()));

    server.fail("GET", Fault::Corrupt);
    assert_eq!(std::fs::read(large_file(&hub).0.unwrap().path).unwrap(), body(BODY_BYTES));
}

#[test]
fn a_redirect_to_another_host_does_not_get_the_token() {
    let (server, cache) = (hub_with_files(), tempfile::tempdir().unwrap());
    server.require_token(TOKEN);
    let (file, events) = large_file(&client_with_token(&server, cache.path(), TOKEN));
    file.unwrap();
    let (to_cdn, to_hub): (Vec<_>, Vec<_>) = server.requests().into_iter().partition(|request| request.to_cdn);
    assert_eq!((to_cdn.len(), to_hub.len()), (1, 2));
    assert!(!format!("{to_cdn:?} {events:?}").contains(TOKEN));
    assert!(to_hub.iter().all(|request| request.header("authorization").is_some()));
}

#[test]
fn a_redirect_that_tells_nothing_is_followed_without_the_token() {
    let (server, other, cache) = (HubServer::start(), hub_with_files(), tempfile::tempdir().unwrap());
    let elsewhere = format!("{}/distilbert-base-uncased/resolve/main/config.json", other.url());
    for method in ["HEAD", "GET"] {
        server.fail(method, Fault::Status(307, vec![("Location", elsewhere.clone())]));
    }
    let hub = client_with_token(&server, cache.path(), TOKEN);
    hub.file(&distilbert(), "main", "config.json", &mut ()).unwrap();
    assert_eq!(other.requests().len(), 2);
    assert!(other.requests().iter().all(|request| request.header("authorization").is_none()));
}

#[test]
fn redirects_without_end_are_no_hub() {
    let (server, cache) = (hub_with_files(), tempfile::tempdir().unwrap());
    (0..20).for_each(|_| server.fail("HEAD", Fault::Status(302, vec![("Location", "/x".to_owned())])));
    let error = large_file(&client(&server, cache.path())).0.unwrap_err();
    assert!(error.to_string().ends_with("/x: the answer is not a hub's: it redirects without end"), "{error}");
}

#[test]
fn no_answer_at_all_ends() {
    let (server, cache) = (hub_with_files(), tempfile::tempdir().unwrap());
    (0..3).for_each(|_| server.fail("HEAD", Fault::Silence));
    let hub = Hub::new(impatient(settings(&server.url(), cache.path()))).unwrap();
    let error = large_file(&hub).0.unwrap_err();
    assert!(error.to_string().contains("no answer in time (3 tries"), "{error}");
}

#[test]
fn a_body_that_stops_coming_is_taken_up_where_it_stopped() {
    let (server, cache) = (hub_with_files(), tempfile::tempdir().unwrap());
    server.fail("GET", Fault::Stall(500_000));
    let hub = Hub::new(impatient(settings(&server.url(), cache.path()))).unwrap();
    let (file, events) = large_file(&hub);
    assert_eq!(std::fs::read(file.unwrap().path).unwrap(), body(BODY_BYTES));
    assert!(retries(&events)[0].starts_with("the connection broke off: "), "{events:?}");
    assert_eq!(parts(&server)[..2], [(None, 500_000), (Some("bytes=500000-".to_owned()), BODY_BYTES - 500_000)]);
}

#[test]
fn a_hub_that_is_not_there_is_named_with_what_to_do() {
    let cache = tempfile::tempdir().unwrap();
    let free = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let (file, events) = large_file(&Hub::new(settings(&format!("http://{free}"), cache.path())).unwrap());
    let error = file.unwrap_err();
    assert!(error.to_string().starts_with(&format!("http://{free}/distilbert-base-uncased/resolve/main/")), "{error}");
    assert!(error.to_string().contains("(3 tries"), "{error}");
    for word in ["HF_ENDPOINT", "--cache-dir", "--local-files-only", "--data PATH"] {
        assert!(error.help().unwrap().contains(word), "{word}");
    }
    assert_eq!(retries(&events).len(), 2);
}

#[test]
fn a_hub_that_is_gone_leaves_the_cache() {
    let (server, cache) = (hub_with_files(), tempfile::tempdir().unwrap());
    let hub = client(&server, cache.path());
    large_file(&hub).0.unwrap();
    for fault in [Fault::status(500), Fault::status(429), Fault::status(401), Fault::status(200)] {
        let told = format!("{fault:?}");
        server.fail("HEAD", fault);
        let (file, events) = large_file(&hub);
        assert!(file.unwrap().from_cache);
        assert!(matches!(&events[..], [DownloadEvent::UsingCache { .. }]), "{told}: {events:?}");
    }
    server.fail("GET", Fault::status(500));
    let listing = hub.list(&distilbert(), "main", &mut ()).unwrap();
    assert_eq!(listing.files, ["model.safetensors"]);
    drop(server);
    let (file, events) = large_file(&hub);
    assert!(file.unwrap().from_cache);
    assert!(matches!(&events[..], [DownloadEvent::UsingCache { .. }]), "{events:?}");
}

#[test]
fn refusals_are_told_apart() {
    let (server, cache) = (hub_with_files(), tempfile::tempdir().unwrap());
    let complaint = |token: &str, repo: &RepoId, revision: &str, path: &str| {
        let hub = client_with_token(&server, cache.path(), token);
        let error = hub.file(repo, revision, path, &mut ()).unwrap_err();
        assert!(!format!("{error} {error:?} {:?}", error.help()).contains(TOKEN));
        error.to_string()
    };
    let nothing = RepoId::model("nobody/nothing").unwrap();
    assert_eq!(
        complaint("", &nothing, "main", "config.json"),
        "the hub knows no model nobody/nothing, or it is private; no token was sent"
    );
    assert_eq!(complaint("", &glue(), "v9", "a"), "data set nyu-mll/glue has no revision v9");
    assert_eq!(complaint("", &glue(), "main", "a/b"), "there is no a/b of data set nyu-mll/glue at main");
    let gated = vec![("X-Error-Code", "GatedRepo".to_owned())];
    server.fail("HEAD", Fault::Status(403, gated));
    assert_eq!(
        complaint(TOKEN, &glue(), "main", "c"),
        "data set nyu-mll/glue is gated: its owner gives access to named users only; a token was sent"
    );
    server.fail("HEAD", Fault::status(400));
    assert!(complaint(TOKEN, &glue(), "main", "c").ends_with("the hub answers 400"));
    server.require_token("another");
    for (token, end) in [("", "(401); no token was sent"), (TOKEN, "(401); a token was sent")] {
        let error = complaint(token, &glue(), "main", "sst2/train-00000-of-00001.parquet");
        assert!(error.ends_with(&format!("the hub asks for a valid token {end}")), "{error}");
    }
}

#[test]
fn signatures_of_a_cdn_are_not_shown() {
    let (server, cache) = (hub_with_files(), tempfile::tempdir().unwrap());
    server.fail("CDN", Fault::status(403));
    let error = large_file(&client(&server, cache.path())).0.unwrap_err();
    assert!(error.to_string().starts_with(&format!("{}/cdn/", server.cdn_url())), "{error}");
    assert!(!format!("{error:?}").contains("not-to-be-shown"), "{error:?}");
}

#[test]
fn a_server_cannot_write_outside_the_cache() {
    let (server, cache) = (hub_with_files(), tempfile::tempdir().unwrap());
    let hub = client(&server, cache.path());
    let answers =
        [("../../../etc", "\"abc\""), (FIRST_COMMIT, "\"../../x\""), (FIRST_COMMIT, "\"\""), ("main", "\"a\"")];
    for (commit, etag) in answers {
        let headers = vec![("X-Repo-Commit", commit.to_owned()), ("ETag", etag.to_owned())];
        server.fail("HEAD", Fault::Status(200, headers));
        let error = large_file(&hub).0.unwrap_err();
        assert!(error.to_string().contains("the answer is not a hub's: "), "{error}");
    }
    assert!(tree(cache.path()).is_empty());
}

#[test]
fn what_can_neither_be_measured_nor_checked_is_still_measured_by_its_answer() {
    let (server, cache) = (hub_with_files(), tempfile::tempdir().unwrap());
    // An ETag that is no checksum, as mirrors have.
    let headers = |length: usize| {
        vec![
            ("X-Repo-Commit", FIRST_COMMIT.to_owned()),
            ("X-Linked-Etag", "\"of-a-mirror\"".to_owned()),
            ("X-Linked-Size", length.to_string()),
        ]
    };
    server.fail("HEAD", Fault::Status(200, headers(BODY_BYTES)));
    server.fail("GET", Fault::Cut(10));
    let file = large_file(&client(&server, cache.path())).0.unwrap();
    assert_eq!(file.etag.as_deref(), Some("of-a-mirror"));
    assert_eq!(std::fs::read(file.path).unwrap(), body(BODY_BYTES));

    let cache = tempfile::tempdir().unwrap();
    server.fail("HEAD", Fault::Status(200, headers(BODY_BYTES - 1)));
    let error = large_file(&client(&server, cache.path())).0.unwrap_err().to_string();
    assert!(error.contains("the answer would make 3000000 bytes of a file of 2999999 (6 tries"), "{error}");
}

#[test]
fn a_pause_can_be_interrupted() {
    let (server, cache) = (hub_with_files(), tempfile::tempdir().unwrap());
    // Who waited for it would wait for ever.
    let pause = Duration::from_secs(86_400);
    let retry = RetryPolicy { first_pause: pause, longest_pause: pause, ..RetryPolicy::default() };
    let hub = Hub::new(HubSettings { retry, ..settings(&server.url(), cache.path()) }).unwrap();
    server.fail("HEAD", Fault::status(500));
    let error = hub.file(&distilbert(), "main", "model.safetensors", &mut Impatient(0)).unwrap_err();
    assert!(matches!(error, HubError::Cancelled), "{error:?}");
}
