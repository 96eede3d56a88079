//! Clients that are no browser, or a broken one: the others are served all the same.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::time::{Duration, Instant};

use super::support::{ServedBoard, memory_kib};
use crate::runs::scratch::{Results, run_id};

#[test]
fn heads_without_end_are_refused() {
    let results = Results::with_study("noise", 1);
    let board = ServedBoard::start(&results.scratch, &[]);
    let huge = format!("GET / HTTP/1.1\r\nHost: localhost\r\nX: {}", "x".repeat(1 << 20));
    assert_eq!(board.send(huge.as_bytes()).status, 431);
    assert_eq!(board.send(format!("GET /{} HTTP/1.1\r\n", "a".repeat(1 << 20)).as_bytes()).status, 431);
    let lines = "X: y\r\n".repeat(1_000);
    assert_eq!(board.send(format!("GET / HTTP/1.1\r\nHost: localhost\r\n{lines}\r\n").as_bytes()).status, 431);
    let ids = vec![run_id(0).short(); 500].join(",");
    assert_eq!(board.get(&format!("/curves?runs={ids}")).status, 200, "a long question is no attack");
    assert_eq!(board.get("/").status, 200);
}

/// A head that comes letter by letter ends; meanwhile everybody else is served.
#[test]
fn who_only_connects_or_dawdles_keeps_nobody_from_the_board() {
    let results = Results::with_study("noise", 3);
    let board = ServedBoard::start(&results.scratch, &[]);
    let silent: Vec<TcpStream> = (0..60).map(|_| board.connect()).collect();
    let mut slow = board.connect();
    slow.write_all(b"GET / HTT").unwrap();
    let begin = Instant::now();
    assert_eq!(board.get("/").status, 200);
    assert!(begin.elapsed() < Duration::from_secs(5), "{:?}", begin.elapsed());
    // More than there is room for: the late are told so at once, and when the silent are sent away there is room again.
    let more: Vec<TcpStream> = (0..200).map(|_| board.connect()).collect();
    let full = board.get("/");
    assert!(full.status == 503 || full.status == 0, "{}", full.status);
    let mut dropped = String::new();
    slow.read_to_string(&mut dropped).unwrap();
    assert!(dropped.starts_with("HTTP/1.1 408"), "{dropped}");
    let begin = Instant::now();
    while board.get("/").status != 200 {
        assert!(begin.elapsed() < Duration::from_secs(60), "they were not sent away");
        std::thread::sleep(Duration::from_millis(100));
    }
    drop((silent, more));
}

/// Pages that never read what they are told, and pages that go away without a word, cost nothing that grows.
#[test]
fn streams_that_nobody_reads_cost_nothing_that_grows() {
    let mut results = Results::with_study("noise", 200);
    let board = ServedBoard::start(&results.scratch, &[]);
    let mut deaf: Vec<TcpStream> = (0..30)
        .map(|_| {
            let mut stream = board.connect();
            stream.write_all(b"GET /events HTTP/1.1\r\nHost: localhost\r\n\r\n").unwrap();
            stream
        })
        .collect();
    for number in 0..20 {
        results.finish(number, 0.5);
    }
    std::thread::sleep(Duration::from_secs(2));
    let before = memory_kib(board.child.id());
    for number in 20..120 {
        results.finish(number, 0.5);
    }
    std::thread::sleep(Duration::from_secs(3));
    let after = memory_kib(board.child.id());
    assert!(after < before + 40_000, "{before} KiB, {after} KiB");
    deaf.truncate(3);
    let mut told = board.follow("");
    let (_, message) = told.next();
    let done = message["runs"].as_array().unwrap().iter().filter(|run| run["state"] == "done").count();
    assert_eq!(done, 120);
    // Gone in the middle of a message, again and again.
    for _ in 0..100 {
        let mut stream = board.connect();
        stream.write_all(b"GET /events HTTP/1.1\r\nHost: localhost\r\n\r\n").unwrap();
        let mut some = [0; 100];
        let _ = stream.read(&mut some);
    }
    let begin = Instant::now();
    while board.get("/").status != 200 {
        assert!(begin.elapsed() < Duration::from_secs(60), "the places of those who went are not free");
        std::thread::sleep(Duration::from_millis(100));
    }
}
