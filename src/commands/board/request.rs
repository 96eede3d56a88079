//! A request, as far as the page makes any: its head, read within bounds and within a time. What asks for more is refused.

use std::io::{ErrorKind, Read};
use std::net::TcpStream;
use std::time::{Duration, Instant};

/// A head is not longer, and has not more lines.
const LONGEST: usize = 16 << 10;
const LINES: usize = 64;
/// A head that takes longer is nobody's who waits for an answer.
const PATIENCE: Duration = Duration::from_secs(10);

/// What is asked for.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Asked {
    pub(super) head_only: bool,
    /// The path without what follows the question mark, in percent signs as it came.
    pub(super) path: String,
    /// Names and values of the query, decoded.
    pub(super) query: Vec<(String, String)>,
    /// Up to which change a page was told before its connection broke.
    pub(super) last_event: Option<String>,
}

/// Why a request gets no answer but this.
#[derive(Debug, PartialEq, Eq, Clone, Copy)]
pub(super) enum RequestRefusal {
    Malformed,
    TooLarge,
    NotAllowed,
    WrongHost,
    TooSlow,
    /// It went away without a word.
    Gone,
}

impl Asked {
    /// Reads it.
    pub(super) fn read(stream: &mut TcpStream) -> Result<Self, RequestRefusal> {
        let begin = Instant::now();
        let mut head = Vec::new();
        let mut buffer = [0; 4096];
        loop {
            let left =
                PATIENCE.checked_sub(begin.elapsed()).filter(|left| !left.is_zero()).ok_or(RequestRefusal::TooSlow)?;
            stream.set_read_timeout(Some(left)).map_err(|_| RequestRefusal::Gone)?;
            let count = match stream.read(&mut buffer) {
                Ok(0) => return Err(if head.is_empty() { RequestRefusal::Gone } else { RequestRefusal::Malformed }),
                Ok(count) => count,
                Err(error) if error.kind() == ErrorKind::Interrupted => continue,
                Err(error) if matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut) => {
                    return Err(RequestRefusal::TooSlow);
                }
                Err(_) => return Err(RequestRefusal::Gone),
            };
            head.extend_from_slice(&buffer[..count]);
            if let Some(asked) = Self::parse(&head)? {
                return Ok(asked);
            }
            if head.len() > LONGEST {
                return Err(RequestRefusal::TooLarge);
            }
        }
    }

    /// Parses a head; none while it is not whole.
    fn parse(head: &[u8]) -> Result<Option<Self>, RequestRefusal> {
        let mut lines = [httparse::EMPTY_HEADER; LINES];
        let mut request = httparse::Request::new(&mut lines);
        match request.parse(head) {
            Ok(httparse::Status::Partial) => return Ok(None),
            Ok(httparse::Status::Complete(_)) => {}
            Err(httparse::Error::TooManyHeaders) => return Err(RequestRefusal::TooLarge),
            Err(_) => return Err(RequestRefusal::Malformed),
        }
        let head_only = match request.method {
            Some("GET") => false,
            Some("HEAD") => true,
            _ => return Err(RequestRefusal::NotAllowed),
        };
        let values = |name: &'static str| {
            let named = request.headers.iter().filter(move |header| header.name.eq_ignore_ascii_case(name));
            named.map(|header| std::str::from_utf8(header.value).unwrap_or_default())
        };
        // A name that a stranger's page may have given to this address tells where the request comes from.
        let mut hosts = values("host");
        match (hosts.next(), hosts.next()) {
            (Some(host), None) if is_local(host) => {}
            (Some(_), None) => return Err(RequestRefusal::WrongHost),
            _ => return Err(RequestRefusal::Malformed),
        }
        if values("sec-fetch-site").any(|site| site == "cross-site")
            && values("sec-fetch-mode").any(|mode| mode != "navigate")
        {
            return Err(RequestRefusal::WrongHost);
        }
        let target = request.path.unwrap_or_default();
        let (path, query) = target.split_once('?').unwrap_or((target, ""));
        if !path.starts_with('/') {
            return Err(RequestRefusal::Malformed);
        }
        let query = query.split('&').filter_map(|pair| {
            let (name, value) = pair.split_once('=')?;
            Some((decoded(name)?, decoded(value)?))
        });
        let last_event = values("last-event-id").next().map(str::to_owned);
        Ok(Some(Self { head_only, path: path.to_owned(), query: query.collect(), last_event }))
    }

    /// A value of the query.
    pub(super) fn value(&self, name: &str) -> Option<&str> {
        self.query.iter().find(|(known, _)| known == name).map(|(_, value)| value.as_str())
    }
}

/// Whether a `Host` is a loopback address or `localhost`, on any port: the port may be forwarded.
fn is_local(host: &str) -> bool {
    let name = match host.rsplit_once(':') {
        Some((name, port)) if !port.is_empty() && port.bytes().all(|digit| digit.is_ascii_digit()) => name,
        _ => host,
    };
    name.eq_ignore_ascii_case("localhost") || name == "127.0.0.1" || name == "[::1]"
}

/// Text with percent signs; none where they mean nothing.
fn decoded(text: &str) -> Option<String> {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.bytes();
    while let Some(byte) = rest.next() {
        match byte {
            b'%' => {
                let digits = [rest.next()?, rest.next()?];
                bytes.push(u8::from_str_radix(std::str::from_utf8(&digits).ok()?, 16).ok()?);
            }
            b'+' => bytes.push(b' '),
            other => bytes.push(other),
        }
    }
    String::from_utf8(bytes).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parsed(head: &str) -> Result<Option<Asked>, RequestRefusal> {
        Asked::parse(head.as_bytes())
    }

    #[test]
    fn only_this_machine_is_answered() {
        for host in ["localhost", "localhost:7227", "LOCALHOST:1", "127.0.0.1", "127.0.0.1:80", "[::1]", "[::1]:7227"] {
            assert!(parsed(&format!("GET / HTTP/1.1\r\nHost: {host}\r\n\r\n")).is_ok(), "{host}");
        }
        for host in
            ["evil.example", "evil.example:7227", "localhost.evil.example", "127.0.0.1.nip.io", "0.0.0.0", "", "::1"]
        {
            let answer = parsed(&format!("GET / HTTP/1.1\r\nHost: {host}\r\n\r\n"));
            assert_eq!(answer, Err(RequestRefusal::WrongHost), "{host}");
        }
        assert_eq!(parsed("GET / HTTP/1.1\r\n\r\n"), Err(RequestRefusal::Malformed));
        assert_eq!(parsed("GET / HTTP/1.1\r\nHost: localhost\r\nHost: evil\r\n\r\n"), Err(RequestRefusal::Malformed));
        let cross = "Sec-Fetch-Site: cross-site\r\nSec-Fetch-Mode: no-cors";
        assert_eq!(
            parsed(&format!("GET / HTTP/1.1\r\nHost: localhost\r\n{cross}\r\n\r\n")),
            Err(RequestRefusal::WrongHost)
        );
    }

    #[test]
    fn paths_and_queries_are_taken_apart() {
        let asked =
            parsed("HEAD /figures?study=a%20b%2Fc&x=%zz&y HTTP/1.1\r\nHost: localhost\r\nLast-Event-ID: q-7\r\n\r\n");
        let asked = asked.unwrap().unwrap();
        assert_eq!((asked.head_only, asked.path.as_str(), asked.value("study")), (true, "/figures", Some("a b/c")));
        assert_eq!((asked.query.len(), asked.last_event.as_deref()), (1, Some("q-7")));
        assert_eq!(parsed("GET / HTTP/1.1\r\nHost: loc"), Ok(None), "not whole yet");
        assert_eq!(parsed("POST / HTTP/1.1\r\nHost: localhost\r\n\r\n"), Err(RequestRefusal::NotAllowed));
        assert_eq!(parsed("GET http://evil/ HTTP/1.1\r\nHost: localhost\r\n\r\n"), Err(RequestRefusal::Malformed));
        assert_eq!(parsed("\x16\x03\x01 a TLS greeting\r\n\r\n"), Err(RequestRefusal::Malformed));
    }
}
