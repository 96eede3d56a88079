//! Addresses: the hub's endpoint, the URLs of its files and listings, redirects, and who may see the token.

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use ureq::http::Uri;

use super::error::HubError;
use super::repository::{HubPath, RepoId};

/// Scheme, host and port: what must be equal before a token is sent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Origin {
    scheme: String,
    host: String,
    port: u16,
}

impl Origin {
    /// None for anything but http and https with a host.
    pub(super) fn of(url: &Uri) -> Option<Self> {
        let scheme = url.scheme_str()?.to_ascii_lowercase();
        let default_port = match scheme.as_str() {
            "http" => 80,
            "https" => 443,
            _ => return None,
        };
        let host = url.host().filter(|host| !host.is_empty())?.to_ascii_lowercase();
        Some(Self { scheme, host, port: url.port_u16().unwrap_or(default_port) })
    }

    pub(super) fn is_encrypted(&self) -> bool {
        self.scheme == "https"
    }

    /// No proxy leads to this machine's own loopback.
    pub(super) fn is_loopback(&self) -> bool {
        let host = self.host.trim_start_matches('[').trim_end_matches(']');
        host == "localhost" || host.parse::<std::net::IpAddr>().is_ok_and(|address| address.is_loopback())
    }
}

/// The hub or a mirror of it.
#[derive(Debug, Clone)]
pub(super) struct Endpoint {
    base: String,
    origin: Origin,
}

impl Endpoint {
    pub(super) fn parse(text: &str) -> Result<Self, HubError> {
        let base = text.trim().trim_end_matches('/');
        if let Some((_, host)) = base.rsplit_once('@') {
            // What stands before the @ may be a password.
            return Err(HubError::bad_endpoint(host, "a user name or password cannot stand in it; use HF_TOKEN"));
        }
        let url: Uri = base.parse().map_err(|_| HubError::bad_endpoint(base, "it is no URL"))?;
        let origin = Origin::of(&url)
            .ok_or_else(|| HubError::bad_endpoint(base, "it does not begin with https://HOST or http://HOST"))?;
        if base.contains(['?', '#']) {
            return Err(HubError::bad_endpoint(base, "a query cannot stand in it"));
        }
        Ok(Self { base: base.to_owned(), origin })
    }

    pub(super) fn origin(&self) -> &Origin {
        &self.origin
    }

    /// Where the hub tells about a file and gives it, or redirects to where it is.
    pub(super) fn file_url(&self, file: &HubPath, revision: &str) -> String {
        let repo = file.repo().repo(&escaped(revision));
        let path: Vec<String> = file.path().split('/').map(escaped).collect();
        format!("{}/{}/resolve/{}/{}", self.base, repo.url(), repo.revision(), path.join("/"))
    }

    /// Where the hub lists a repository's files.
    pub(super) fn listing_url(&self, repo: &RepoId, revision: &str) -> String {
        format!("{}/api/{}", self.base, repo.repo(&escaped(revision)).api_url())
    }
}

/// The target of a redirect, which may be relative. None when it leads to nothing that could be asked.
pub(super) fn redirect_target(from: &Uri, location: &str) -> Option<Uri> {
    let (scheme, authority) = (from.scheme_str()?, from.authority()?.as_str());
    let absolute = if location.contains("://") && Origin::of(&location.parse().ok()?).is_some() {
        location.to_owned()
    } else if let Some(rest) = location.strip_prefix("//") {
        format!("{scheme}://{rest}")
    } else if location.starts_with('/') {
        format!("{scheme}://{authority}{location}")
    } else {
        let folder = from.path().rsplit_once('/').map_or("", |(folder, _)| folder);
        format!("{scheme}://{authority}{folder}/{location}")
    };
    // A fragment is for browsers.
    let absolute = absolute.split('#').next().unwrap_or_default();
    let url: Uri = absolute.parse().ok()?;
    let encrypted = |url: &Uri| Origin::of(url).map(|origin| origin.is_encrypted());
    // From https to http: somebody on the way could see and change everything.
    (encrypted(&url)? >= encrypted(from)?).then_some(url)
}

/// A URL for people: without query, where CDNs put signatures, and without user name.
pub(super) fn shown(url: &Uri) -> String {
    let host = url.authority().map_or("", |authority| authority.as_str());
    let host = host.rsplit_once('@').map_or(host, |(_, host)| host);
    format!("{}://{host}{}", url.scheme_str().unwrap_or("http"), url.path())
}

/// All but RFC 3986's unreserved characters, as Python's `quote`.
fn escaped(text: &str) -> String {
    const RESERVED: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'_').remove(b'.').remove(b'~');
    utf8_percent_encode(text, RESERVED).to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn urls_are_the_hubs() {
        let endpoint = Endpoint::parse("https://huggingface.co/").unwrap();
        let model = RepoId::model("distilbert-base-uncased").unwrap();
        let file = HubPath::new(&model, "main", "model.safetensors").unwrap();
        let expected = "https://huggingface.co/distilbert-base-uncased/resolve/main/model.safetensors";
        assert_eq!(endpoint.file_url(&file, "main"), expected);
        let glue = RepoId::dataset("nyu-mll/glue").unwrap();
        let file = HubPath::new(&glue, "refs/convert/parquet", "sst2/a b.parquet").unwrap();
        let expected =
            "https://huggingface.co/datasets/nyu-mll/glue/resolve/refs%2Fconvert%2Fparquet/sst2/a%20b.parquet";
        assert_eq!(endpoint.file_url(&file, file.revision()), expected);
        let expected = "https://mirror/hf/api/datasets/nyu-mll/glue/revision/refs%2Fpr%2F1";
        assert_eq!(Endpoint::parse("https://mirror/hf").unwrap().listing_url(&glue, "refs/pr/1"), expected);
    }

    #[test]
    fn bad_endpoints_are_refused_and_passwords_not_repeated() {
        for text in ["", "huggingface.co", "ftp://host", "https://", "https://a b", "https://host/?x=1"] {
            assert!(Endpoint::parse(text).is_err(), "{text}");
        }
        let error = Endpoint::parse("https://me:secret@host/x").unwrap_err();
        assert!(!format!("{error} {error:?}").contains("secret"), "{error}");
    }

    #[test]
    fn redirects_are_resolved_and_never_lose_encryption() {
        let from: Uri = "https://hub:8443/a/b?c=d".parse().unwrap();
        let target = |location| redirect_target(&from, location).map(|url| url.to_string());
        let some = |url: &str| Some(url.to_owned());
        assert_eq!(target("/x/y"), some("https://hub:8443/x/y"));
        assert_eq!(target("y?e=f#g"), some("https://hub:8443/a/y?e=f"));
        assert_eq!(target("//cdn/x"), some("https://cdn/x"));
        assert_eq!(target("https://cdn/x?next=http://y"), some("https://cdn/x?next=http://y"));
        assert_eq!(target("/login?next=https://hub/a"), some("https://hub:8443/login?next=https://hub/a"));
        assert_eq!(target("http://cdn/x"), None);
    }

    #[test]
    fn an_origin_is_scheme_host_and_port() {
        let origin = |text: &str| Origin::of(&text.parse().unwrap()).unwrap();
        assert_eq!(origin("https://Hub/x"), origin("https://hub:443/y"));
        assert_ne!(origin("https://hub"), origin("http://hub"));
        assert_ne!(origin("http://127.0.0.1:1"), origin("http://127.0.0.1:2"));
        assert!(origin("http://127.0.0.1:1").is_loopback() && origin("http://[::1]:1").is_loopback());
        assert!(!origin("http://hub").is_loopback());
    }

    #[test]
    fn what_is_shown_has_no_secrets() {
        let url: Uri = "https://me:secret@cdn:1/a/b?Signature=secret".parse().unwrap();
        assert_eq!(shown(&url), "https://cdn:1/a/b");
    }
}
