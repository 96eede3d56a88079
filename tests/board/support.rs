//! A board that serves, and a client that is no browser.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::process::{Child, Stdio};
use std::time::{Duration, Instant};

use serde_json::Value;

use crate::program::Scratch;

/// A board; it ends with the test.
pub(crate) struct ServedBoard {
    pub(crate) child: Child,
    /// Address and port.
    pub(crate) address: String,
}

/// An answer of the board.
pub(crate) struct Answered {
    pub(crate) status: u16,
    pub(crate) head: String,
    pub(crate) body: String,
}

impl ServedBoard {
    /// Starts it in a scratch folder, on a free port.
    pub(crate) fn start(scratch: &Scratch, arguments: &[&str]) -> Self {
        let all = ["board", "--port", "0"].iter().chain(arguments);
        let mut child = scratch.command(all).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        let mut line = String::new();
        BufReader::new(child.stdout.take().unwrap()).read_line(&mut line).unwrap();
        let address = line.trim().strip_prefix("http://").and_then(|rest| rest.strip_suffix('/'));
        let Some(address) = address.map(str::to_owned) else {
            let mut said = String::new();
            child.stderr.take().unwrap().read_to_string(&mut said).unwrap();
            panic!("no address: {line} {said}");
        };
        Self { child, address }
    }

    pub(crate) fn connect(&self) -> TcpStream {
        let stream = TcpStream::connect(&self.address).unwrap();
        stream.set_read_timeout(Some(Duration::from_secs(120))).unwrap();
        stream
    }

    /// Sends these bytes and reads the whole answer.
    pub(crate) fn send(&self, bytes: &[u8]) -> Answered {
        let mut stream = self.connect();
        // It may answer before it has read all.
        let _ = stream.write_all(bytes);
        let mut answer = Vec::new();
        let _ = stream.read_to_end(&mut answer);
        let answer = String::from_utf8_lossy(&answer).into_owned();
        let (head, body) = answer.split_once("\r\n\r\n").unwrap_or((&answer, ""));
        let status = head.split(' ').nth(1).and_then(|word| word.parse().ok()).unwrap_or(0);
        Answered { status, head: head.to_owned(), body: body.to_owned() }
    }

    pub(crate) fn get(&self, path: &str) -> Answered {
        self.send(format!("GET {path} HTTP/1.1\r\nHost: {}\r\n\r\n", self.address).as_bytes())
    }

    pub(crate) fn json(&self, path: &str) -> Value {
        let answer = self.get(path);
        assert_eq!(answer.status, 200, "{path}: {}", answer.body);
        serde_json::from_str(&answer.body).unwrap()
    }

    /// What the page shows first.
    pub(crate) fn state(&self) -> Value {
        let page = self.get("/").body;
        let text =
            page.split("<pre id=\"state-data\" hidden>").nth(1).and_then(|rest| rest.split("</pre>").next()).unwrap();
        let text = text.replace("&quot;", "\"").replace("&#39;", "'").replace("&lt;", "<").replace("&gt;", ">");
        serde_json::from_str(&text.replace("&amp;", "&")).unwrap()
    }

    /// The news since what a page knows.
    pub(crate) fn follow(&self, known: &str) -> Stream {
        let mut stream = self.connect();
        write!(stream, "GET /events?known={known} HTTP/1.1\r\nHost: localhost\r\n\r\n").unwrap();
        Stream(BufReader::new(stream))
    }

    /// Waits until what is shown of the run is so.
    pub(crate) fn wait_for_run(&self, what: &str, mut holds: impl FnMut(&Value) -> bool) -> Value {
        let begin = Instant::now();
        loop {
            let state = self.state();
            if let Some(run) = state["runs"].as_array().into_iter().flatten().find(|run| holds(run)) {
                return run.clone();
            }
            assert!(begin.elapsed() < Duration::from_secs(120), "waited in vain: {what}: {state}");
            std::thread::sleep(Duration::from_millis(50));
        }
    }

    pub(crate) fn signal(&self, signal: rustix::process::Signal) {
        let pid = rustix::process::Pid::from_child(&self.child);
        rustix::process::kill_process(pid, signal).unwrap();
    }
}

impl Drop for ServedBoard {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// A page's connection.
pub(crate) struct Stream(BufReader<TcpStream>);

impl Stream {
    /// The next message, with its id.
    pub(crate) fn next(&mut self) -> (String, Value) {
        let mut id = String::new();
        loop {
            let mut line = String::new();
            assert!(self.0.read_line(&mut line).unwrap() > 0, "the stream ended");
            if let Some(word) = line.strip_prefix("id: ") {
                word.trim().clone_into(&mut id);
            } else if let Some(data) = line.strip_prefix("data: ") {
                return (id, serde_json::from_str(data).unwrap());
            }
        }
    }

    /// Reads messages until one holds.
    pub(crate) fn until(&mut self, mut holds: impl FnMut(&Value) -> bool) -> (String, Value) {
        loop {
            let (id, message) = self.next();
            if holds(&message) {
                return (id, message);
            }
        }
    }
}

/// A line of `metrics.jsonl`.
pub(crate) fn epoch(number: u64, accuracy: f64) -> String {
    format!(
        "{{\"kind\":\"epoch\",\"epoch\":{number},\"step\":{},\"seconds\":1.5,\"train_loss\":{},\"val_accuracy\":{accuracy}}}\n",
        10 * number,
        1.0 / number as f64
    )
}

pub(crate) fn episode(number: u64, arm: &str) -> String {
    format!(
        "{{\"kind\":\"episode\",\"episode\":{number},\"step\":{},\"arm\":\"{arm}\",\"reward\":0.5}}\n",
        5 * (number + 1)
    )
}

/// What a process has in memory.
pub(crate) fn memory_kib(pid: u32) -> u64 {
    let status = std::fs::read_to_string(format!("/proc/{pid}/status")).unwrap();
    let line = status.lines().find(|line| line.starts_with("VmRSS:")).unwrap();
    line.split_whitespace().nth(1).unwrap().parse().unwrap()
}
