//! The wire: requests, redirects, and what an answer means. The only part of the hub client that can open a socket; an
//! offline [`Hub`](super::Hub) has none.
//!
//! Redirects are followed here, not in ureq, because who is asked decides who gets the token, and because a redirect to a
//! CDN carries the file's metadata.

use std::time::SystemTime;

use ureq::http::{HeaderMap, Response, Uri};
use ureq::tls::{PemItem, RootCerts, TlsConfig, parse_pem};
use ureq::typestate::WithoutBody;
use ureq::{Agent, Body, RequestBuilder};

use super::address::{Endpoint, Origin, redirect_target, shown};
use super::error::{HubError, io_error};
use super::repository::is_commit;
use super::retry::{TemporaryError, requested_pause};
use super::settings::HubSettings;
use super::token::Token;

const MOST_REDIRECTS: usize = 10;

/// Why one request did not give what was asked for.
#[derive(Debug)]
pub(super) enum RequestError {
    /// Worth another try.
    Temporary(TemporaryError),
    /// The hub says no.
    Refused(Refusal),
    /// Neither a retry nor another name helps.
    Fatal(HubError),
}

/// An answer with a 4xx status, in the hub's own terms.
#[derive(Debug)]
pub(super) struct Refusal {
    pub(super) url: String,
    pub(super) status: u16,
    /// `X-Error-Code`: `RepoNotFound`, `EntryNotFound`, ...
    pub(super) code: Option<String>,
    /// `X-Error-Message`.
    pub(super) message: Option<String>,
    /// `X-Repo-Commit`, which a missing file's answer has.
    pub(super) commit: Option<String>,
    pub(super) token_sent: bool,
}

/// What the hub tells about a file before it is downloaded.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Metadata {
    pub(super) commit: String,
    pub(super) etag: String,
    /// None where no header tells it.
    pub(super) size: Option<u64>,
    /// The ETag is the one that the bytes will come with, so that `If-Range` can name it. Not so for a file on a CDN.
    pub(super) etag_is_of_response: bool,
}

/// The part of a file to ask for.
pub(super) struct ByteRange<'a> {
    pub(super) from: u64,
    pub(super) if_etag: Option<&'a str>,
}

pub(super) struct Transport {
    agent: Agent,
    endpoint: Endpoint,
    token: Option<Token>,
}

impl Transport {
    pub(super) fn new(settings: &HubSettings) -> Result<Self, HubError> {
        let timeouts = settings.timeouts;
        let mut tls = TlsConfig::builder();
        if let Some(path) = &settings.certificates {
            let bytes = std::fs::read(path).map_err(io_error(path, "reading certificates"))?;
            let bad = |why: &str| HubError::bad_certificates(path, why);
            let items = parse_pem(&bytes).collect::<Result<Vec<_>, _>>().map_err(|error| bad(&error.to_string()))?;
            let certificates: Vec<_> = items
                .into_iter()
                .filter_map(|item| if let PemItem::Certificate(certificate) = item { Some(certificate) } else { None })
                .collect();
            if certificates.is_empty() {
                return Err(bad("there is none in it"));
            }
            tls = tls.root_certs(RootCerts::new_with_certs(&certificates));
        }
        let config = Agent::config_builder()
            .tls_config(tls.build())
            .http_status_as_error(false)
            .max_redirects(0)
            .user_agent(concat!("aees/", env!("CARGO_PKG_VERSION")))
            // Compressed bodies can neither be resumed nor measured.
            .accept_encoding("identity")
            .timeout_resolve(Some(timeouts.connect))
            .timeout_connect(Some(timeouts.connect))
            .timeout_recv_response(Some(timeouts.response))
            .timeout_per_read(Some(timeouts.stall))
            .timeout_per_write(Some(timeouts.stall))
            .build();
        let endpoint = Endpoint::parse(&settings.endpoint)?;
        Ok(Self { agent: config.into(), endpoint, token: settings.token.clone() })
    }

    pub(super) fn endpoint(&self) -> &Endpoint {
        &self.endpoint
    }

    /// What the hub tells about a file. Redirects within the endpoint are followed (a repository that was renamed); one
    /// that leads elsewhere and already tells everything is not.
    pub(super) fn metadata(&self, url: &str) -> Result<Metadata, RequestError> {
        let mut url = parse(url)?;
        let mut told = Told::default();
        for _ in 0..MOST_REDIRECTS {
            let response = self.exchange(self.agent.head(&url), &url, None)?;
            let next = self.next_hop(&url, &response)?;
            told.read(response.headers(), next.is_none());
            match next {
                Some(target) if !(told.is_complete() && self.is_elsewhere(&target)) => url = target,
                _ => return told.metadata().map_err(|why| not_a_hub(&url, &why)),
            }
        }
        Err(not_a_hub(&url, "it redirects without end"))
    }

    /// The body of a file or of a listing; with a range, the answer is 206, or 200 from a server that ignores it, or 416.
    pub(super) fn get(&self, url: &str, range: Option<&ByteRange>) -> Result<Response<Body>, RequestError> {
        let mut url = parse(url)?;
        for _ in 0..MOST_REDIRECTS {
            let response = self.exchange(self.agent.get(&url), &url, range)?;
            match self.next_hop(&url, &response)? {
                Some(target) => url = target,
                None => return Ok(response),
            }
        }
        Err(not_a_hub(&url, "it redirects without end"))
    }

    fn is_elsewhere(&self, url: &Uri) -> bool {
        Origin::of(url).as_ref() != Some(self.endpoint.origin())
    }

    /// One request and its answer, without redirects. Only here is the token put on the wire.
    fn exchange(
        &self,
        mut request: RequestBuilder<WithoutBody>,
        url: &Uri,
        range: Option<&ByteRange>,
    ) -> Result<Response<Body>, RequestError> {
        if !self.is_elsewhere(url)
            && let Some(token) = &self.token
        {
            request = request.header("authorization", token.authorization());
        }
        if let Some(range) = range {
            request = request.header("range", format!("bytes={}-", range.from));
            if let Some(etag) = range.if_etag {
                request = request.header("if-range", format!("\"{etag}\""));
            }
        }
        if Origin::of(url).is_some_and(|origin| origin.is_loopback()) {
            request = request.config().proxy(None).build();
        }
        request.call().map_err(|error| no_answer(url, &error))
    }

    /// Where a redirect leads, none for a good answer, an error for any other.
    fn next_hop(&self, url: &Uri, response: &Response<Body>) -> Result<Option<Uri>, RequestError> {
        let status = response.status().as_u16();
        let header = |name: &str| response.headers().get(name).and_then(|value| value.to_str().ok());
        match status {
            200 | 206 | 416 => Ok(None),
            301 | 302 | 303 | 307 | 308 => {
                let target = header("location").and_then(|location| redirect_target(url, location));
                target
                    .map(Some)
                    .ok_or_else(|| not_a_hub(url, "a redirect that leads nowhere or to an unencrypted address"))
            }
            408 | 429 | 500.. => Err(RequestError::Temporary(TemporaryError {
                url: shown(url),
                why: format!("the hub answers {}", response.status()),
                answered: true,
                retry_after: requested_pause(header("retry-after"), header("ratelimit"), SystemTime::now()),
            })),
            _ => Err(RequestError::Refused(Refusal {
                url: shown(url),
                status,
                code: header("x-error-code").map(str::to_owned),
                message: header("x-error-message").map(str::to_owned),
                commit: header("x-repo-commit").filter(|commit| is_commit(commit)).map(str::to_owned),
                token_sent: self.token.is_some() && !self.is_elsewhere(url),
            })),
        }
    }
}

/// What the answers on the way to a file have told so far; a later one overrides an earlier one.
#[derive(Default)]
struct Told {
    commit: Option<String>,
    linked_etag: Option<String>,
    linked_size: Option<u64>,
    etag: Option<String>,
    length: Option<u64>,
    redirected: bool,
}

impl Told {
    fn read(&mut self, headers: &HeaderMap, last: bool) {
        let text = |name: &str| headers.get(name).and_then(|value| value.to_str().ok()).map(str::to_owned);
        let number = |name: &str| text(name).and_then(|value| value.trim().parse().ok());
        self.commit = text("x-repo-commit").or(self.commit.take());
        self.linked_etag = text("x-linked-etag").or(self.linked_etag.take());
        self.linked_size = number("x-linked-size").or(self.linked_size);
        self.etag = text("etag").or(self.etag.take());
        // The length of a redirect's answer is not the file's.
        self.length = if last { number("content-length") } else { None };
        self.redirected |= !last;
    }

    fn is_complete(&self) -> bool {
        self.commit.is_some() && (self.linked_etag.is_some() || self.etag.is_some())
    }

    fn metadata(self) -> Result<Metadata, String> {
        let commit = self.commit.ok_or("the header X-Repo-Commit is missing")?;
        if !is_commit(&commit) {
            return Err(format!("X-Repo-Commit is {commit:?}"));
        }
        let etag_is_of_response = self.linked_etag.is_none() && !self.redirected;
        let etag = self.linked_etag.or(self.etag).ok_or("the header ETag is missing")?;
        let etag_is_of_response = etag_is_of_response && !etag.starts_with("W/");
        let etag = etag.trim_start_matches("W/").trim_matches('"').to_owned();
        // It becomes a file name.
        let plain = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.');
        if etag.is_empty() || etag.len() > 128 || etag.starts_with('.') || !etag.bytes().all(plain) {
            return Err(format!("the ETag is {etag:?}"));
        }
        Ok(Metadata { commit, etag, size: self.linked_size.or(self.length), etag_is_of_response })
    }
}

fn parse(url: &str) -> Result<Uri, RequestError> {
    url.parse().map_err(|_| RequestError::Fatal(HubError::bad_endpoint(url, "no URL can be made with it")))
}

fn not_a_hub(url: &Uri, why: &str) -> RequestError {
    RequestError::Fatal(HubError::not_a_hub(&shown(url), why))
}

/// No answer, or none that is HTTP.
fn no_answer(url: &Uri, error: &ureq::Error) -> RequestError {
    let why = match error {
        ureq::Error::HostNotFound => "the host name is not known (no network, no DNS, or a typing error)".to_owned(),
        ureq::Error::Timeout(ureq::Timeout::Connect | ureq::Timeout::Resolve) => "no connection in time".to_owned(),
        ureq::Error::Timeout(_) => "no answer in time".to_owned(),
        ureq::Error::Io(error) => error.to_string(),
        other => other.to_string(),
    };
    // Certificates do not become valid by waiting.
    let lasting = match error {
        ureq::Error::Io(error) => error.kind() == std::io::ErrorKind::InvalidData,
        ureq::Error::Rustls(_) | ureq::Error::Tls(_) | ureq::Error::InvalidProxyUrl => true,
        _ => false,
    };
    if lasting {
        return RequestError::Fatal(HubError::unreachable(&shown(url), &why, 1, 0.0));
    }
    RequestError::Temporary(TemporaryError { url: shown(url), why, answered: false, retry_after: None })
}
