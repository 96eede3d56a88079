//! Answers on the wire: a status, the headers that every answer has, and a body. A client that takes nothing is left.

use std::io::{self, ErrorKind, Write};
use std::net::TcpStream;
use std::time::{Duration, Instant};

use super::request::RequestRefusal;

/// What a page from here may do: nothing but what is served here, and nobody may frame it or read it from elsewhere.
const HEADERS: &str = "Content-Security-Policy: default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; \
    img-src data:; base-uri 'none'; form-action 'none'; frame-ancestors 'none'\r\n\
    Cross-Origin-Resource-Policy: same-origin\r\nCross-Origin-Opener-Policy: same-origin\r\nX-Content-Type-Options: nosniff\r\n\
    X-Frame-Options: DENY\r\nReferrer-Policy: no-referrer\r\nCache-Control: no-store\r\nConnection: close\r\n";

/// What a client may take to read an answer.
const PATIENCE: Duration = Duration::from_secs(30);

/// A body and what it is.
pub(super) struct HttpAnswer {
    pub(super) status: &'static str,
    pub(super) kind: &'static str,
    pub(super) body: Vec<u8>,
}

impl HttpAnswer {
    pub(super) fn ok(kind: &'static str, body: impl Into<Vec<u8>>) -> Self {
        Self { status: "200 OK", kind, body: body.into() }
    }

    /// A sentence for who asked for what there is not.
    pub(super) fn plain(status: &'static str, text: &str) -> Self {
        Self { status, kind: "text/plain; charset=utf-8", body: format!("{text}\n").into_bytes() }
    }

    /// Writes it.
    pub(super) fn send(&self, stream: &mut TcpStream, head_only: bool) -> io::Result<()> {
        let allow = if self.status.starts_with("405") { "Allow: GET, HEAD\r\n" } else { "" };
        let length = self.body.len();
        let mut bytes = head(self.status, self.kind, &format!("Content-Length: {length}\r\n{allow}")).into_bytes();
        if !head_only {
            bytes.extend_from_slice(&self.body);
        }
        send(stream, &bytes)
    }
}

impl From<RequestRefusal> for HttpAnswer {
    fn from(refusal: RequestRefusal) -> Self {
        let (status, text) = match refusal {
            RequestRefusal::Malformed | RequestRefusal::Gone => ("400 Bad Request", "this is no request of a browser"),
            RequestRefusal::TooLarge => ("431 Request Header Fields Too Large", "the request is too long"),
            RequestRefusal::NotAllowed => ("405 Method Not Allowed", "the board is read-only: GET and HEAD"),
            RequestRefusal::WrongHost => {
                ("403 Forbidden", "the board is for this machine: open it as localhost or 127.0.0.1")
            }
            RequestRefusal::TooSlow => ("408 Request Timeout", "the request took too long"),
        };
        Self::plain(status, text)
    }
}

/// The head of an answer.
pub(super) fn head(status: &str, kind: &str, more: &str) -> String {
    format!("HTTP/1.1 {status}\r\nContent-Type: {kind}\r\n{HEADERS}{more}\r\n")
}

/// Writes all of it within the time that a client may take.
pub(super) fn send(stream: &mut TcpStream, bytes: &[u8]) -> io::Result<()> {
    let begin = Instant::now();
    let mut rest = bytes;
    while !rest.is_empty() {
        let left = PATIENCE.checked_sub(begin.elapsed()).filter(|left| !left.is_zero());
        stream.set_write_timeout(Some(left.ok_or(ErrorKind::TimedOut)?))?;
        match stream.write(rest) {
            Ok(0) => return Err(ErrorKind::WriteZero.into()),
            Ok(count) => rest = &rest[count..],
            Err(error) if error.kind() == ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    Ok(())
}
