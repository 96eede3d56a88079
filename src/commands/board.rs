//! `aees board`: a page on this machine that follows studies and runs as they train.
//!
//! One thread looks and tells what changed; each connection has a thread of its own, and there are few of them. Nothing is
//! written, locked or asked for elsewhere.

mod address;
mod answer;
mod events;
mod request;
mod server;
mod shared;

use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::thread;
use std::time::{Duration, Instant};

use aees_report::board::{BoardPlaces, Watcher};
use clap::Args;

use self::shared::SharedBoard;
use crate::failure::Failure;
use crate::interrupt;
use crate::results::ResultsFlags;
use crate::stdout;

/// Serves a page on this machine that shows studies and runs as they train
#[derive(Args)]
#[command(
    infer_long_args = true,
    after_help = "The page is for this machine alone: it is served on 127.0.0.1 and ::1, and changes nothing. From another \
                  machine, forward the port: ssh -L 7227:localhost:7227 HOST. Ctrl-C ends it."
)]
pub(crate) struct BoardFlags {
    /// More folders of runs, or runs, beside those in the folder of results
    #[arg(value_name = "FOLDER", num_args = 0..)]
    folder: Vec<PathBuf>,
    /// The port; 0 takes a free one [default: 7227, or the next free one]
    #[arg(long, value_name = "PORT")]
    port: Option<u16>,
    #[command(flatten)]
    results: ResultsFlags,
}

/// Between two looks while somebody follows, and while nobody does.
const LOOK: Duration = Duration::from_secs(1);
const DOZE: Duration = Duration::from_secs(10);
/// After a look that took long, so many times as long passes before the next: looking is to take little of a machine that trains.
const REST: u32 = 30;
/// The pause while there is more to read at once.
const MORE: Duration = Duration::from_millis(100);

impl BoardFlags {
    /// Serves the page until it is interrupted.
    pub(crate) fn run(self) -> Result<ExitCode, Failure> {
        let results = self.results.results();
        for folder in &self.folder {
            if !folder.is_dir() {
                let message = format!("{} is no folder", folder.display());
                return Err(Failure::with_help(message, "name a folder of runs, or the folder of a run"));
            }
        }
        if self.folder.is_empty() && !results.root.path().is_dir() && !results.registry.is_file() {
            let message = format!("there are no results: {} is not there", results.root.path().display());
            let help = "--root names the folder of results; a run's own folder can be named, too";
            return Err(Failure::with_help(message, help));
        }
        let listeners = address::listen(self.port)?;
        let address = address::shown(&listeners)?;
        let places = BoardPlaces {
            root: results.root.clone(),
            registry: results.registry.clone(),
            folders: self.folder,
            flags: results.flags.clone(),
        };
        let board = Arc::new(SharedBoard::new(results)?);
        let waker = thread::current();
        let ended = interrupt::watch(move || waker.unpark())?;
        let mut watcher = Watcher::new(places);
        // What is there is there for the first who asks.
        let looked = watcher.look();
        board.take(looked.changes);
        let more = looked.more;
        thread::spawn({
            let board = board.clone();
            move || watch(watcher, &board, more)
        });
        for listener in listeners {
            let board = board.clone();
            thread::spawn(move || server::serve(&listener, &board));
        }
        stdout::line(&address);
        eprintln!("open it in a browser on this machine; Ctrl-C ends it");
        while !ended.load(Ordering::Relaxed) {
            thread::park_timeout(Duration::from_secs(1));
        }
        Ok(ExitCode::SUCCESS)
    }
}

/// Looks again and again, more seldom while nobody follows.
fn watch(mut watcher: Watcher, board: &SharedBoard, mut more: bool) {
    loop {
        let pause = if more { MORE } else { LOOK };
        thread::sleep(pause);
        if !more {
            board.wait_for_followers(DOZE);
        }
        let begin = Instant::now();
        let looked = watcher.look();
        board.take(looked.changes);
        more = looked.more;
        if !more {
            thread::sleep((begin.elapsed() * REST).min(DOZE));
        }
    }
}
