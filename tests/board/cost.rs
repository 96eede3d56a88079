//! What a board costs: memory with very many runs, and the processor's time while nothing happens.

use std::fs;
use std::thread::sleep;
use std::time::{Duration, Instant};

use super::support::{ServedBoard, epoch, memory_kib};
use crate::program::Scratch;
use crate::runs::large::fill;
use crate::runs::scratch::Results;

fn follow_all(runs: u64) -> (Duration, u64, Duration) {
    let scratch = Scratch::new();
    fill(&scratch, runs);
    let begin = Instant::now();
    let board = ServedBoard::start(&scratch, &[]);
    let started = begin.elapsed();
    let begin = Instant::now();
    assert!(board.get("/").body.len() < 2_000_000, "the page begins with a part");
    let page = begin.elapsed();
    let mut stream = board.follow("");
    let mut told = 0;
    while told < runs {
        told += stream.next().1["runs"].as_array().unwrap().len() as u64;
    }
    (started, memory_kib(board.child.id()), page)
}

#[test]
fn ten_thousand_runs_are_told_in_parts() {
    let (_, memory, _) = follow_all(10_000);
    assert!(memory < 150_000, "{memory} KiB");
}

/// It prints what it takes, when asked: `cargo test --test main -- --ignored --nocapture hundred_thousand`.
#[test]
#[ignore = "takes a minute"]
fn a_board_of_a_hundred_thousand_runs() {
    let (started, memory, page) = follow_all(100_000);
    println!("a board of 100,000 runs: there after {started:?}, {} MiB, a page in {page:?}", memory >> 10);
    assert!(memory < 800_000, "{memory} KiB");
}

/// Seconds of the processor that a process took so far.
fn processor_seconds(pid: u32) -> f64 {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).unwrap();
    let fields: Vec<&str> = stat.rsplit_once(") ").unwrap().1.split(' ').collect();
    let ticks: f64 = fields[11].parse::<f64>().unwrap() + fields[12].parse::<f64>().unwrap();
    // Linux counts it in hundredths, on every machine.
    ticks / 100.0
}

/// It prints the shares, when asked, alone on a machine: `cargo test --test main watching_costs -- --ignored --nocapture`.
#[test]
#[ignore = "a share under the load of other tests means nothing"]
fn what_watching_costs_with_a_thousand_runs() {
    const EPOCHS: u64 = 200;
    let mut results = Results::with_study("noise", 1_000);
    for number in 0..1_000 {
        results.finish(number, 0.5);
        let lines: String = (1..=EPOCHS).map(|at| epoch(at, 0.5 + at as f64 / 1_000.0)).collect();
        fs::write(results.folder(number).join("metrics.jsonl"), lines).unwrap();
    }
    let results = results.closed();
    let board = ServedBoard::start(&results.scratch, &[]);
    let begin = Instant::now();
    board.wait_for_run("the first curves", |run| run["best"] == 0.7);
    while board.state()["runs"].as_array().unwrap().iter().any(|run| run["shape"].is_null()) {
        sleep(Duration::from_millis(200));
    }
    println!("all curves are read after {:?}, {} MiB", begin.elapsed(), memory_kib(board.child.id()) >> 10);
    let share = |board: &ServedBoard| {
        let before = processor_seconds(board.child.id());
        sleep(Duration::from_secs(30));
        100.0 * (processor_seconds(board.child.id()) - before) / 30.0
    };
    println!("1,000 runs, nothing happens, no page open: {:.2} % of a core", share(&board));
    let mut stream = board.follow("");
    stream.next();
    let followed = share(&board);
    println!("the same with a page open: {followed:.2} % of a core");
    assert!(followed < 2.0, "{followed}");
}
