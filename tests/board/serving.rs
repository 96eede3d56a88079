//! What is served, to whom, and that nothing is changed by it.

use std::fs;
use std::net::TcpListener;
use std::time::Duration;

use rustix::process::Signal;

use super::support::{ServedBoard, episode, epoch};
use crate::program::{Scratch, wait_until};
use crate::runs::scratch::{Results, everything, run_id};

#[test]
fn the_page_and_its_parts_are_served_here_and_may_do_nothing_elsewhere() {
    let results = Results::with_study("noise", 4);
    let board = ServedBoard::start(&results.scratch, &[]);
    assert!(board.address.starts_with("127.0.0.1:"), "{}", board.address);
    for (path, kind) in [("/", "text/html"), ("/board.js", "text/javascript"), ("/board.css", "text/css")] {
        let answer = board.get(path);
        assert_eq!(answer.status, 200, "{path}");
        assert!(answer.head.contains(&format!("Content-Type: {kind}")), "{}", answer.head);
        for header in [
            "Content-Security-Policy: default-src 'none'; script-src 'self'",
            "X-Content-Type-Options: nosniff",
            "Cross-Origin-Resource-Policy: same-origin",
            "frame-ancestors 'none'",
        ] {
            assert!(answer.head.contains(header), "{header}: {}", answer.head);
        }
        assert!(!answer.head.to_lowercase().contains("access-control"), "{}", answer.head);
    }
    let page = board.get("/").body;
    let outside = page.split(['"', '\'']).find(|word| word.contains("://") || word.starts_with("//"));
    assert_eq!(outside, None, "the page asks for nothing elsewhere");
    assert!(!page.contains("<script>") && !page.contains("style=\""), "nothing runs or is styled in the page itself");
    let head = board.send(format!("HEAD / HTTP/1.1\r\nHost: {}\r\n\r\n", board.address).as_bytes());
    assert_eq!((head.status, head.body.as_str()), (200, ""));
}

#[test]
fn strangers_pages_methods_and_paths_get_nothing() {
    let results = Results::with_study("noise", 2);
    let board = ServedBoard::start(&results.scratch, &[]);
    let asked =
        |line: &str, host: &str| board.send(format!("{line} HTTP/1.1\r\nHost: {host}\r\n\r\n").as_bytes()).status;
    assert_eq!(asked("GET /", "rebound.example"), 403);
    assert_eq!(asked("GET /events", "rebound.example:80"), 403);
    assert_eq!(asked("GET /", "localhost:9"), 200, "a forwarded port");
    for method in ["POST", "PUT", "DELETE", "OPTIONS", "PATCH"] {
        assert_eq!(asked(&format!("{method} /"), "localhost"), 405, "{method}");
    }
    let id = run_id(0).short().to_owned();
    assert_eq!(board.get(&format!("/runs/{id}")).status, 200);
    for path in [
        "/runs/../../../../etc/passwd",
        "/runs/%2e%2e%2f%2e%2e%2fetc%2fpasswd",
        "/etc/passwd",
        "/runs/",
        "/runs/0000000000000000",
        "/results/registry.db",
        "/registry.db",
        "/figures?study=unknown",
        "/figures?study=../../x",
        "/favicon.ico",
    ] {
        assert_eq!(board.get(path).status, 404, "{path}");
    }
    assert_eq!(board.get("/curves?runs=../../etc,%00,,").body, "{}");
    assert_eq!(board.send(b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03 hello\r\n\r\n").status, 400);
}

/// Text of others is data all the way, and what a terminal would obey does not come through.
#[test]
fn text_of_others_is_never_markup() {
    let mut results = Results::with_study("noise", 2);
    let evil = "</pre><script>alert(1)</script>\u{1b}[2J\u{1b}]0;title\u{7}";
    results.fail(0, "oom", evil);
    fs::write(results.folder(0).join("log.txt"), format!("line {evil}\n\u{202e}turned\n")).unwrap();
    let board = ServedBoard::start(&results.scratch, &[]);
    let page = board.get("/").body;
    assert!(!page.contains("<script>alert") && page.contains("&lt;script&gt;alert(1)"), "{page}");
    assert!(!page.contains('\u{1b}'));
    let detail = board.json(&format!("/runs/{}", run_id(0).short()));
    let log = detail["log"].as_str().unwrap();
    assert_eq!(log, "line </pre><script>alert(1)</script>\nturned");
    assert!(board.get(&format!("/runs/{}", run_id(0).short())).head.contains("application/json"));
}

#[test]
fn looking_changes_nothing_and_holds_nothing() {
    let mut results = Results::with_study("noise", 4);
    results.finish(0, 0.7);
    fs::write(results.folder(0).join("metrics.jsonl"), episode(0, "lr1") + &epoch(1, 0.6) + &epoch(2, 0.7)).unwrap();
    let results = results.closed();
    // SQLite's log goes when the last who had it open is gone.
    results.aees(&["runs", "ls"]).ok();
    let before = everything(&results.scratch);
    {
        let board = ServedBoard::start(&results.scratch, &[]);
        board.wait_for_run("the curve is read", |run| run["best"] == 0.7);
        let mut stream = board.follow("");
        stream.next();
        let detail = board.json(&format!("/runs/{}", run_id(0).short()));
        assert_eq!(detail["arms"]["names"][0], "lr1");
        board.get("/figures?study=noise");
        std::thread::sleep(Duration::from_millis(2500));
        // A registry that somebody holds open could not be made again.
        results.aees(&["registry", "rebuild"]).ok();
        board.wait_for_run("it goes on with the new one", |run| run["state"] == "done");
    }
    let run_files = |files: Vec<(std::path::PathBuf, Vec<u8>)>| {
        files.into_iter().filter(|(path, _)| !path.to_string_lossy().contains("registry.db")).collect::<Vec<_>>()
    };
    assert_eq!(run_files(before), run_files(everything(&results.scratch)));
}

#[test]
fn a_port_that_is_taken_is_told_or_passed_over() {
    let results = Results::with_study("noise", 1);
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = taken.local_addr().unwrap().port().to_string();
    results.aees(&["board", "--port", &port]).refused(&["cannot serve on port", &port, "--port 0 takes a free one"]);
    results.aees(&["board", "--root", "nowhere"]).refused(&["nowhere is not there", "--root names"]);
    results.aees(&["board", "no-such-folder"]).refused(&["no-such-folder is no folder"]);
}

#[test]
fn an_interrupt_ends_it_in_order_with_pages_open() {
    for signal in [Signal::INT, Signal::TERM] {
        let results = Results::with_study("noise", 1);
        let mut board = ServedBoard::start(&results.scratch, &[]);
        let mut streams: Vec<_> = (0..4).map(|_| board.follow("")).collect();
        streams.iter_mut().for_each(|stream| drop(stream.next()));
        let _half_open = board.connect();
        board.signal(signal);
        let mut code = None;
        wait_until("the end", || {
            code = board.child.try_wait().unwrap();
            code.is_some()
        });
        assert_eq!(code.unwrap().code(), Some(0), "{signal:?}");
    }
}

#[test]
fn it_opens_without_any_run_and_shows_the_first_when_it_comes() {
    let scratch = Scratch::new();
    fs::create_dir(scratch.path("results")).unwrap();
    let board = ServedBoard::start(&scratch, &[]);
    assert_eq!(board.state()["runs"], serde_json::Value::Null);
    let mut stream = board.follow("");
    stream.next();
    scratch.run(["train", "cifar100"].iter().chain(&crate::program::TINY)).ok();
    let (_, told) = stream.until(|message| message["runs"].as_array().is_some_and(|runs| !runs.is_empty()));
    assert!(told["runs"][0]["name"].as_str().unwrap().starts_with("cifar100/"), "{told}");
    let done = board.wait_for_run("its end", |run| run["state"] == "done");
    assert_eq!((&done["epoch"], &done["task"], &done["epochs"]), (&3.into(), &"cifar100".into(), &3.into()));
    // Its result's own words: settings, machine and log.
    let detail = board.json(&format!("/runs/{}", done["id"].as_str().unwrap()));
    assert_eq!(detail["curves"]["val_accuracy"].as_array().unwrap().len(), 3);
    for key in ["settings", "circumstances"] {
        assert!(detail[key].as_array().unwrap().len() > 5, "{key}: {detail}");
    }
    assert!(detail["log"].as_str().unwrap().contains("epoch 3/3"), "{detail}");
    let figures = board.get("/figures?study=");
    assert!(figures.status == 200 && figures.body.contains("<img loading=\"lazy\""), "{}", figures.body);
}
