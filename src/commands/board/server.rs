//! Connections: one request each, at most so many at once, and what each path answers.
//!
//! No path leads to a file: what can be asked for is a few names and the ids of runs that are shown.

use std::io::Read;
use std::net::{Shutdown, TcpListener, TcpStream};
use std::sync::{Arc, LazyLock};
use std::thread;
use std::time::Duration;

use aees_report::board::{BOARD_SCRIPT, BOARD_STYLE};

use super::answer::HttpAnswer;
use super::events;
use super::request::{Asked, RequestRefusal};
use super::shared::SharedBoard;

/// A browser holds six connections to a host; nobody has need of so many.
const MOST: usize = 128;
/// After an accept that failed: too many open files, for one.
const BREATH: Duration = Duration::from_millis(100);
/// What a thread of a connection needs: one reads a result and draws its figures.
const STACK: usize = 4 << 20;

/// What is still read of a client that was answered, in pieces.
const UNREAD: usize = 64;

/// Each connection that is open has a copy.
static OPEN: LazyLock<Arc<()>> = LazyLock::new(Arc::default);

/// Answers whoever comes, for ever.
pub(super) fn serve(listener: &TcpListener, board: &Arc<SharedBoard>) {
    loop {
        let Ok((mut stream, _)) = listener.accept() else {
            thread::sleep(BREATH);
            continue;
        };
        let place = OPEN.clone();
        if Arc::strong_count(&place) > MOST + 1 {
            let full = HttpAnswer::plain("503 Service Unavailable", "too many pages are open");
            let _ = stream.set_nonblocking(true).and_then(|()| full.send(&mut stream, false));
            continue;
        }
        let board = board.clone();
        let answering = thread::Builder::new().stack_size(STACK).spawn(move || {
            let _place = place;
            answer(&mut stream, &board);
            part_with(&mut stream);
        });
        if answering.is_err() {
            thread::sleep(BREATH);
        }
    }
}

/// Ends a connection so that the client sees the answer first: one that is closed with bytes unread takes it back.
fn part_with(stream: &mut TcpStream) {
    let _ = stream.shutdown(Shutdown::Write).and_then(|()| stream.set_read_timeout(Some(BREATH)));
    let mut unread = [0; 4096];
    for _ in 0..UNREAD {
        if !matches!(stream.read(&mut unread), Ok(1..)) {
            return;
        }
    }
}

/// Answers one request. A client that went away needs no answer.
fn answer(stream: &mut TcpStream, board: &SharedBoard) {
    let asked = match Asked::read(stream) {
        Ok(asked) => asked,
        Err(RequestRefusal::Gone) => return,
        Err(refusal) => return drop(HttpAnswer::from(refusal).send(stream, false)),
    };
    let sent = match asked.path.as_str() {
        "/events" => events::follow(stream, &asked, board),
        path => found(path, &asked, board).send(stream, asked.head_only),
    };
    drop(sent);
}

fn found(path: &str, asked: &Asked, board: &SharedBoard) -> HttpAnswer {
    const JSON: &str = "application/json";
    match path {
        "/" => HttpAnswer::ok("text/html; charset=utf-8", board.page()),
        "/board.js" => HttpAnswer::ok("text/javascript; charset=utf-8", BOARD_SCRIPT),
        "/board.css" => HttpAnswer::ok("text/css; charset=utf-8", BOARD_STYLE),
        "/curves" => HttpAnswer::ok(JSON, board.curves(asked.value("runs").unwrap_or_default()).to_string()),
        "/figures" => match board.figures(asked.value("study").unwrap_or_default()) {
            Ok(figures) => HttpAnswer::ok("text/html; charset=utf-8", figures),
            Err(why) => HttpAnswer::plain("404 Not Found", &why),
        },
        _ => match path.strip_prefix("/runs/").and_then(|id| board.run(id)) {
            Some(run) => HttpAnswer::ok(JSON, run.to_string()),
            None => HttpAnswer::plain("404 Not Found", "there is nothing here"),
        },
    }
}
