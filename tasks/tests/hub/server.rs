//! A small Hugging Face hub on loopback, for tests: the routes that clients use, a log of what was asked, and faults.
//!
//! Self-contained (standard library, and `aees_tasks` for names and checksums), so that other test crates can include it:
//!
//! ```ignore
//! #[path = "../tasks/tests/hub/server.rs"]
//! mod server;
//!
//! let hub = server::HubServer::start();
//! let glue = RepoId::dataset("nyu-mll/glue")?;
//! hub.add_large(&glue, "sst2/train-00000-of-00001.parquet", bytes);
//! hub.fail("GET", server::Fault::Cut(1000));
//! // run the program with HF_ENDPOINT=hub.url(), then:
//! assert_eq!(hub.requests().len(), 3);
//! ```
//!
//! | Route | Answer |
//! |---|---|
//! | HEAD, GET `/[datasets/]ID/resolve/REVISION/PATH` | small files: the content, ETag = Git's name of it; large files: 302 to the CDN with `X-Linked-Etag` and `X-Linked-Size`; both with `X-Repo-Commit` |
//! | GET `/cdn/SHA256` on the other port | the content, with an ETag that is not its checksum, as CDNs do |
//! | GET `/api/{models,datasets}/ID[/revision/REVISION]` | the listing |
//!
//! `Range` is obeyed, and `If-Range` checked. A revision is `main` or a commit. What is missing is a 404 with the hub's
//! `X-Error-Code`. The CDN is a second port, and so another origin. Each connection carries one request.

#![allow(
    dead_code,
    clippy::unwrap_used,
    reason = "not every test crate uses all of it; in a test a panic is the report"
)]

use std::collections::{BTreeMap, HashMap, VecDeque};
use std::io::{BufRead, BufReader, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard};
use std::thread::JoinHandle;
use std::time::Duration;

use aees_run::hexadecimal::{hexadecimal, sha256};
use aees_tasks::{RepoId, RepoKind};

/// Git's name of a small file, as `git hash-object` prints it.
fn git_blob(bytes: &[u8]) -> String {
    use sha1::Digest;
    hexadecimal(&sha1::Sha1::new().chain_update(format!("blob {}\0", bytes.len())).chain_update(bytes).finalize())
}

/// The commit that `main` stands for until [`HubServer::new_commit`].
pub(crate) const FIRST_COMMIT: &str = "1111111111111111111111111111111111111111";

/// What goes wrong with one request.
#[derive(Debug, Clone)]
pub(crate) enum Fault {
    /// This status with these headers and an empty body, whatever was asked.
    Status(u16, Vec<(&'static str, String)>),
    /// The connection is closed after so many bytes of the body.
    Cut(usize),
    /// So many bytes of the body, and then silence.
    Stall(usize),
    /// The first byte of the body is another.
    Corrupt,
    /// The whole body, whatever range was asked for.
    IgnoreRange,
    /// The connection is taken and nothing is ever answered.
    Silence,
}

impl Fault {
    /// A status without headers.
    pub(crate) fn status(status: u16) -> Self {
        Self::Status(status, Vec::new())
    }

    /// Faults of the body pass over answers that have none, such as redirects.
    fn is_of_body(&self) -> bool {
        matches!(self, Self::Cut(_) | Self::Stall(_) | Self::Corrupt | Self::IgnoreRange)
    }
}

/// One request as it came in.
#[derive(Debug, Clone)]
pub(crate) struct Request {
    pub(crate) method: String,
    /// With query.
    pub(crate) target: String,
    /// Names in lower case.
    pub(crate) headers: HashMap<String, String>,
    /// It came in at the CDN's port.
    pub(crate) to_cdn: bool,
    /// Bytes of body that were sent back.
    pub(crate) body_bytes: usize,
}

impl Request {
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name).map(String::as_str)
    }
}

#[derive(Clone)]
struct StoredFile {
    body: Arc<Vec<u8>>,
    large: bool,
}

#[derive(Default)]
struct StoredRepo {
    main: String,
    commits: HashMap<String, BTreeMap<String, StoredFile>>,
}

#[derive(Default)]
struct State {
    /// By route: `ID` or `datasets/ID`.
    repos: HashMap<String, StoredRepo>,
    large_files: HashMap<String, Arc<Vec<u8>>>,
    token: Option<String>,
    faults: VecDeque<(&'static str, Fault)>,
    requests: Vec<Request>,
}

/// The server; it stops when it is dropped.
pub(crate) struct HubServer {
    hub: SocketAddr,
    cdn: SocketAddr,
    shared: Arc<Shared>,
    accepting: Vec<JoinHandle<()>>,
}

#[derive(Default)]
struct Shared {
    state: Mutex<State>,
    connections: AtomicUsize,
    stopping: AtomicBool,
}

impl Shared {
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap()
    }
}

/// Which of the two servers a connection reached.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Place {
    /// Knows where the CDN is.
    Hub(SocketAddr),
    Cdn,
}

impl HubServer {
    pub(crate) fn start() -> Self {
        let listen = || TcpListener::bind("127.0.0.1:0").unwrap();
        let (hub_listener, cdn_listener) = (listen(), listen());
        let (hub, cdn) = (hub_listener.local_addr().unwrap(), cdn_listener.local_addr().unwrap());
        let shared = Arc::new(Shared::default());
        let accepting = [(hub_listener, Place::Hub(cdn)), (cdn_listener, Place::Cdn)].map(|(listener, place)| {
            let shared = shared.clone();
            std::thread::spawn(move || accept(&listener, place, &shared))
        });
        Self { hub, cdn, shared, accepting: accepting.into() }
    }

    /// For `HF_ENDPOINT`.
    pub(crate) fn url(&self) -> String {
        format!("http://{}", self.hub)
    }

    /// Where large files are redirected to.
    pub(crate) fn cdn_url(&self) -> String {
        format!("http://{}", self.cdn)
    }

    /// A file that is kept in Git: served as it is.
    pub(crate) fn add(&self, repo: &RepoId, path: &str, body: impl Into<Vec<u8>>) {
        self.store(repo, path, body.into(), false);
    }

    /// A file that is kept in LFS: served by redirect.
    pub(crate) fn add_large(&self, repo: &RepoId, path: &str, body: impl Into<Vec<u8>>) {
        self.store(repo, path, body.into(), true);
    }

    fn store(&self, repo: &RepoId, path: &str, body: Vec<u8>, large: bool) {
        let file = StoredFile { body: Arc::new(body), large };
        let mut state = self.shared.state();
        if large {
            state.large_files.insert(sha256(file.body.as_slice()), file.body.clone());
        }
        let stored = state.repos.entry(route(repo)).or_insert_with(|| StoredRepo {
            main: FIRST_COMMIT.to_owned(),
            commits: HashMap::from([(FIRST_COMMIT.to_owned(), BTreeMap::new())]),
        });
        let main = stored.main.clone();
        stored.commits.entry(main).or_default().insert(path.to_owned(), file);
    }

    /// `main` stands for this commit from now on; it begins with the files of the one before.
    pub(crate) fn new_commit(&self, repo: &RepoId, commit: &str) {
        let mut state = self.shared.state();
        let stored = state.repos.get_mut(&route(repo)).unwrap();
        let files = stored.commits[&stored.main].clone();
        stored.commits.insert(commit.to_owned(), files);
        stored.main = commit.to_owned();
    }

    /// Without this token, everything but the CDN is a 401.
    pub(crate) fn require_token(&self, token: &str) {
        self.shared.state().token = Some(token.to_owned());
    }

    /// The next request that the fault can meet goes wrong: `HEAD`, `GET` (also at the CDN), or `CDN` for any there. Faults
    /// wait in line.
    pub(crate) fn fail(&self, method: &'static str, fault: Fault) {
        self.shared.state().faults.push_back((method, fault));
    }

    /// Everything that was asked so far.
    pub(crate) fn requests(&self) -> Vec<Request> {
        self.shared.state().requests.clone()
    }

    /// `GET /a`, `HEAD /b`, ... and forgets them.
    pub(crate) fn take_requests(&self) -> Vec<String> {
        let requests = std::mem::take(&mut self.shared.state().requests);
        requests.iter().map(|request| format!("{} {}", request.method, request.target)).collect()
    }

    /// How often anybody connected.
    pub(crate) fn connections(&self) -> usize {
        self.shared.connections.load(Ordering::SeqCst)
    }
}

impl Drop for HubServer {
    fn drop(&mut self) {
        self.shared.stopping.store(true, Ordering::SeqCst);
        // Wakes the threads that wait for connections.
        let _ = (TcpStream::connect(self.hub), TcpStream::connect(self.cdn));
        for thread in self.accepting.drain(..) {
            let _ = thread.join();
        }
    }
}

fn accept(listener: &TcpListener, place: Place, shared: &Arc<Shared>) {
    for stream in listener.incoming() {
        if shared.stopping.load(Ordering::SeqCst) {
            return;
        }
        shared.connections.fetch_add(1, Ordering::SeqCst);
        let shared = shared.clone();
        // A client that goes away in the middle is not this server's failure.
        std::thread::spawn(move || stream.and_then(|stream| serve(stream, place, &shared)));
    }
}

fn route(repo: &RepoId) -> String {
    match repo.kind() {
        RepoKind::Model => repo.id().to_owned(),
        RepoKind::Dataset => format!("datasets/{}", repo.id()),
    }
}

/// An answer before faults.
struct Answer {
    status: u16,
    headers: Vec<(&'static str, String)>,
    body: Arc<Vec<u8>>,
}

impl Answer {
    fn new(status: u16, headers: Vec<(&'static str, String)>) -> Self {
        Self { status, headers, body: Arc::default() }
    }

    fn error(status: u16, code: &str) -> Self {
        Self::new(status, vec![("X-Error-Code", code.to_owned())])
    }
}

fn serve(stream: TcpStream, place: Place, shared: &Shared) -> std::io::Result<()> {
    let Some(mut request) = read_request(&stream)? else { return Ok(()) };
    request.to_cdn = place == Place::Cdn;
    let (answer, fault) = {
        let mut state = shared.state();
        let answer = state.answer(&request, place);
        let has_body = request.method == "GET" && answer.status == 200;
        let fits = |(at, fault): &(&str, Fault)| {
            (*at == request.method || (*at == "CDN" && request.to_cdn)) && (has_body || !fault.is_of_body())
        };
        let fault = state.faults.iter().position(fits).and_then(|at| state.faults.remove(at)).map(|(_, fault)| fault);
        (answer, fault)
    };
    let reply = Reply::new(answer, &request, fault.as_ref());
    request.body_bytes = reply.sent.len();
    let is_head = request.method == "HEAD";
    shared.state().requests.push(request);
    if matches!(fault, Some(Fault::Silence)) {
        hold(shared);
        return Ok(());
    }
    let mut stream = stream;
    stream.write_all(reply.head.as_bytes())?;
    if !is_head {
        stream.write_all(&reply.sent)?;
    }
    stream.flush()?;
    if matches!(fault, Some(Fault::Stall(_))) {
        hold(shared);
    }
    Ok(())
}

/// Keeps a connection open until the server stops.
fn hold(shared: &Shared) {
    while !shared.stopping.load(Ordering::SeqCst) {
        std::thread::sleep(Duration::from_millis(10));
    }
}

fn read_request(stream: &TcpStream) -> std::io::Result<Option<Request>> {
    let mut lines = BufReader::new(stream).lines();
    let Some(first) = lines.next().transpose()? else { return Ok(None) };
    let mut words = first.split(' ').map(str::to_owned);
    let (method, target) = (words.next().unwrap_or_default(), words.next().unwrap_or_default());
    let mut headers = HashMap::new();
    for line in lines {
        let line = line?;
        let Some((name, value)) = line.split_once(':') else { break };
        headers.insert(name.to_ascii_lowercase(), value.trim().to_owned());
    }
    Ok(Some(Request { method, target, headers, to_cdn: false, body_bytes: 0 }))
}

impl State {
    fn answer(&self, request: &Request, place: Place) -> Answer {
        let path = request.target.split('?').next().unwrap_or_default().trim_start_matches('/').replace("%2F", "/");
        let Place::Hub(cdn) = place else { return self.large_file(path.trim_start_matches("cdn/")) };
        if let Some(token) = &self.token
            && request.header("authorization") != Some(&format!("Bearer {token}"))
        {
            return Answer::new(401, vec![("X-Error-Message", "Invalid username or password.".to_owned())]);
        }
        if let Some(rest) = path.strip_prefix("api/") {
            let (repo, revision) = rest.split_once("/revision/").unwrap_or((rest, "main"));
            return self.listing(repo.strip_prefix("models/").unwrap_or(repo), revision);
        }
        let Some((repo, rest)) = path.split_once("/resolve/") else { return Answer::error(404, "RepoNotFound") };
        let (revision, path) = rest.split_once('/').unwrap_or((rest, ""));
        self.file(repo, revision, path, cdn)
    }

    fn commit<'a>(
        &'a self,
        repo: &str,
        revision: &'a str,
    ) -> Result<(&'a str, &'a BTreeMap<String, StoredFile>), Answer> {
        let stored = self.repos.get(repo).ok_or_else(|| Answer::error(404, "RepoNotFound"))?;
        let commit = if revision == "main" { &stored.main } else { revision };
        let files = stored.commits.get(commit).ok_or_else(|| Answer::error(404, "RevisionNotFound"))?;
        Ok((commit, files))
    }

    fn file(&self, repo: &str, revision: &str, path: &str, cdn: SocketAddr) -> Answer {
        let (commit, files) = match self.commit(repo, revision) {
            Ok(found) => found,
            Err(answer) => return answer,
        };
        let commit_header = ("X-Repo-Commit", commit.to_owned());
        let Some(file) = files.get(path) else {
            let mut answer = Answer::error(404, "EntryNotFound");
            answer.headers.push(commit_header);
            return answer;
        };
        if !file.large {
            let etag = format!("\"{}\"", git_blob(&file.body));
            return Answer { status: 200, headers: vec![commit_header, ("ETag", etag)], body: file.body.clone() };
        }
        let checksum = sha256(file.body.as_slice());
        let headers = vec![
            commit_header,
            ("X-Linked-Etag", format!("\"{checksum}\"")),
            ("X-Linked-Size", file.body.len().to_string()),
            ("Location", format!("http://{cdn}/cdn/{checksum}?Signature=not-to-be-shown")),
        ];
        Answer::new(302, headers)
    }

    fn large_file(&self, name: &str) -> Answer {
        match self.large_files.get(name) {
            Some(body) => {
                Answer { status: 200, headers: vec![("ETag", format!("\"cdn-{}\"", &name[..8]))], body: body.clone() }
            }
            None => Answer::new(403, Vec::new()),
        }
    }

    fn listing(&self, repo: &str, revision: &str) -> Answer {
        let (commit, files) = match self.commit(repo, revision) {
            Ok(found) => found,
            Err(answer) => return answer,
        };
        let entries = files.iter().map(|(path, file)| {
            let (size, git, sha256) = (file.body.len(), git_blob(&file.body), sha256(file.body.as_slice()));
            let large = format!(r#","lfs":{{"sha256":"{sha256}","size":{size},"pointerSize":134}}"#);
            let large = if file.large { large.as_str() } else { "" };
            format!(r#"{{"rfilename":"{path}","size":{size},"blobId":"{git}"{large}}}"#)
        });
        let entries = entries.collect::<Vec<_>>().join(",");
        let id = repo.trim_start_matches("datasets/");
        let body = format!(r#"{{"id":"{id}","sha":"{commit}","siblings":[{entries}]}}"#);
        let headers = vec![("Content-Type", "application/json".to_owned())];
        Answer { status: 200, headers, body: Arc::new(body.into_bytes()) }
    }
}

/// What goes over the wire.
struct Reply {
    head: String,
    /// The part of the body that is sent before the connection ends.
    sent: Vec<u8>,
}

impl Reply {
    fn new(mut answer: Answer, request: &Request, fault: Option<&Fault>) -> Self {
        if let Some(Fault::Status(status, headers)) = fault {
            answer = Answer::new(*status, headers.clone());
        }
        let total = answer.body.len();
        let range = if matches!(fault, Some(Fault::IgnoreRange)) { None } else { wanted_range(&answer, request) };
        let from = match range {
            Some(from) if from >= total => {
                answer = Answer::new(416, vec![("Content-Range", format!("bytes */{total}"))]);
                0
            }
            Some(from) => {
                answer.status = 206;
                answer.headers.push(("Content-Range", format!("bytes {from}-{}/{total}", total - 1)));
                from
            }
            None => 0,
        };
        let mut sent = answer.body[from..].to_vec();
        // A file's HEAD tells the length of the body that its GET has.
        let mut head = format!("HTTP/1.1 {} {}\r\n", answer.status, reason(answer.status));
        head.push_str(&format!("Content-Length: {}\r\nConnection: close\r\n", sent.len()));
        for (name, value) in &answer.headers {
            head.push_str(&format!("{name}: {value}\r\n"));
        }
        head.push_str("\r\n");
        match fault {
            Some(Fault::Cut(bytes) | Fault::Stall(bytes)) => sent.truncate(*bytes),
            Some(Fault::Corrupt) => sent.iter_mut().take(1).for_each(|byte| *byte ^= 1),
            _ => {}
        }
        if request.method == "HEAD" {
            sent.clear();
        }
        Self { head, sent }
    }
}

fn wanted_range(answer: &Answer, request: &Request) -> Option<usize> {
    let from = request.header("range")?.strip_prefix("bytes=")?.strip_suffix('-')?.parse().ok()?;
    let etag = answer.headers.iter().find(|(name, _)| *name == "ETag").map(|(_, value)| value.as_str());
    let same = request.header("if-range").is_none_or(|condition| Some(condition) == etag);
    (request.method == "GET" && answer.status == 200 && same).then_some(from)
}

fn reason(status: u16) -> &'static str {
    match status {
        200 => "OK",
        206 => "Partial Content",
        302 => "Found",
        401 => "Unauthorized",
        403 => "Forbidden",
        404 => "Not Found",
        416 => "Range Not Satisfiable",
        429 => "Too Many Requests",
        500 => "Internal Server Error",
        503 => "Service Unavailable",
        _ => "Other",
    }
}
