//! The stream of news: server-sent events. A page says what it knows and gets what changed since, as often as something does and
//! it can take it; a page that is slow gets the same news later and fewer of them.

use std::io;
use std::net::TcpStream;
use std::thread::sleep;
use std::time::Duration;

use super::answer::{head, send};
use super::request::Asked;
use super::shared::SharedBoard;

/// A sign of life, which finds out who is gone.
const QUIET: Duration = Duration::from_secs(10);
/// Between two messages: several changes become one.
const PAUSE: Duration = Duration::from_millis(250);

/// Tells a page until it goes away.
pub(super) fn follow(stream: &mut TcpStream, asked: &Asked, board: &SharedBoard) -> io::Result<()> {
    let opening = head("200 OK", "text/event-stream; charset=utf-8", "");
    send(stream, opening.as_bytes())?;
    if asked.head_only {
        return Ok(());
    }
    board.count_follower(true);
    let told = tell(stream, asked, board);
    board.count_follower(false);
    told
}

fn tell(stream: &mut TcpStream, asked: &Asked, board: &SharedBoard) -> io::Result<()> {
    let word = asked.last_event.as_deref().or(asked.value("known")).unwrap_or_default();
    let mut known = board.known(word);
    send(stream, b"retry: 2000\n\n")?;
    loop {
        match board.news(known, QUIET) {
            Some(news) => {
                let event = format!("id: {}\ndata: {}\n\n", board.word(news.known), news.message);
                send(stream, event.as_bytes())?;
                known = Some(news.known);
                sleep(PAUSE);
            }
            None => send(stream, b": still here\n\n")?,
        }
    }
}
