//! What a program prints: into `log.txt`, and kept as far as its end is judged by it.

use std::collections::VecDeque;
use std::io::Read;
use std::sync::mpsc::SyncSender;
use std::thread;
use std::time::{Duration, Instant};

use aees_run::artifact::FileError;
use aees_run::json::{LooseObject, parse_object};
use aees_run::printable::printable;
use serde_json::Value;

use super::Step;
use super::curve::Curve;
use super::folder::RunFolder;
use super::log::ProgramLog;
use crate::study::StopAt;

/// The longest line that is looked at.
const LONGEST_LINE: usize = 16 << 20;

/// Lines that are kept for the message of a failure, and how much of each.
const KEPT_LINES: usize = 40;
const KEPT_OF_A_LINE: usize = 2_000;

/// The longest line that is passed on as progress, and the least time between two.
const LONGEST_PROGRESS: usize = 16 << 10;
const BETWEEN_PROGRESS: Duration = Duration::from_millis(200);

/// What makes a JSON line one of progress.
const PROGRESS_KEYS: [&str; 3] = ["epoch", "step", "loss"];

/// Where something was printed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Stream {
    /// Standard output.
    Output,
    /// Standard error.
    Error,
}

/// What happens to a program.
#[derive(Debug)]
pub(super) enum ProgramEvent {
    /// Whole lines; the newline of the last one may be missing at the end of a stream.
    Lines(Stream, Vec<u8>),
    /// A part of a line that is too long to be looked at.
    Fragment(Vec<u8>),
    /// Nobody can write to the stream any more.
    Closed,
    /// The program ended; its children may not have.
    Exited(std::io::Result<std::process::ExitStatus>),
}

/// What was printed, as far as it matters.
#[derive(Debug)]
pub(super) struct Output {
    log: ProgramLog,
    curve: Curve,
    last_object: Option<LooseObject>,
    output_tail: Tail,
    error_tail: Tail,
    last_progress: Option<Instant>,
    stop_at: Option<StopAt>,
    stop_is_reached: bool,
}

impl Output {
    /// Nothing yet; the log of earlier attempts is continued. Log and curves may become so large, in bytes.
    pub(super) fn open(folder: &RunFolder, limit: u64, stop_at: Option<StopAt>) -> Step<Self> {
        let path = folder.file("log.txt");
        let log = ProgramLog::open(&path, limit).map_err(FileError::at("write", &path))?;
        let curve = Curve::new(folder.file("metrics.jsonl"), limit);
        let (output_tail, error_tail) = (Tail::default(), Tail::default());
        Ok(Self {
            log,
            curve,
            last_object: None,
            output_tail,
            error_tail,
            last_progress: None,
            stop_at,
            stop_is_reached: false,
        })
    }

    /// Takes whole lines; `progress` gets those that tell it.
    pub(super) fn take_lines(&mut self, stream: Stream, bytes: &[u8], progress: &mut dyn FnMut(&Value)) {
        self.write_log(bytes);
        if !bytes.ends_with(b"\n") {
            self.write_log(b"\n");
        }
        for line in bytes.split(|byte| *byte == b'\n') {
            match stream {
                Stream::Error => self.error_tail.push(line),
                Stream::Output => {
                    self.output_tail.push(line);
                    self.look_at(line, progress);
                }
            }
        }
    }

    /// Takes a part of a line that is too long.
    pub(super) fn write_log(&mut self, bytes: &[u8]) {
        self.log.write(bytes);
    }

    /// The program ended.
    pub(super) fn end(&mut self, last_line_is_result: bool) {
        self.curve.end(last_line_is_result);
    }

    /// What is to be said of log and curves, if they could not be written.
    pub(super) fn warning(&self) -> Option<String> {
        self.log.warning().or_else(|| self.curve.warning())
    }

    fn look_at(&mut self, line: &[u8], progress: &mut dyn FnMut(&Value)) {
        let line = line.trim_ascii();
        if !(line.starts_with(b"{") && line.ends_with(b"}")) {
            return;
        }
        let Some(object) = parse_object(&String::from_utf8_lossy(line)) else { return };
        let tells = PROGRESS_KEYS.iter().any(|key| object.map.contains_key(*key));
        let is_due = self.last_progress.is_none_or(|last| last.elapsed() >= BETWEEN_PROGRESS);
        if tells && is_due && line.len() <= LONGEST_PROGRESS {
            self.last_progress = Some(Instant::now());
            progress(&printable_values(&Value::Object(object.map.clone())));
        }
        self.stop_is_reached |= self.stop_at.as_ref().is_some_and(|stop_at| stop_at.is_reached_by(&object.map));
        self.curve.take(&object);
        self.last_object = Some(object);
    }

    /// Whether the program told that it came to where it is to stop.
    pub(super) fn stop_is_reached(&self) -> bool {
        self.stop_is_reached
    }

    /// The last line of standard output that is a JSON object.
    pub(super) fn last_object(&self) -> Option<&LooseObject> {
        self.last_object.as_ref()
    }

    /// The last lines of standard error, or of standard output if there are none.
    pub(super) fn last_lines(&self) -> String {
        let tail = if self.error_tail.0.is_empty() { &self.output_tail } else { &self.error_tail };
        Vec::from(tail.0.clone()).join("\n")
    }
}

/// The same with texts that a terminal can be shown.
fn printable_values(value: &Value) -> Value {
    match value {
        Value::String(text) => printable(text).into(),
        Value::Array(items) => items.iter().map(printable_values).collect(),
        Value::Object(map) => map.iter().map(|(key, value)| (key.clone(), printable_values(value))).collect(),
        other => other.clone(),
    }
}

/// The last lines of a stream that are not blank.
#[derive(Debug, Default)]
struct Tail(VecDeque<String>);

impl Tail {
    fn push(&mut self, line: &[u8]) {
        let line = line.trim_ascii_end();
        if line.is_empty() {
            return;
        }
        if self.0.len() == KEPT_LINES {
            self.0.pop_front();
        }
        let line = String::from_utf8_lossy(&line[..line.len().min(KEPT_OF_A_LINE)]);
        self.0.push_back(printable(&line).into_owned());
    }
}

/// Sends what comes through a pipe, cut at the ends of lines, until it is closed.
pub(super) fn forward(stream: Stream, mut pipe: impl Read + Send + 'static, events: SyncSender<ProgramEvent>) {
    thread::spawn(move || {
        let mut chunk = vec![0; 1 << 16];
        let mut lines = Lines::default();
        while let Ok(count @ 1..) = read(&mut pipe, &mut chunk) {
            for event in lines.add(stream, &chunk[..count]) {
                if events.send(event).is_err() {
                    return;
                }
            }
        }
        let last = lines.end(stream);
        // Nobody listens any more: the program's end did not wait for this pipe.
        let _ = last.map_or(Ok(()), |last| events.send(last)).and_then(|()| events.send(ProgramEvent::Closed));
    });
}

fn read(pipe: &mut impl Read, chunk: &mut [u8]) -> std::io::Result<usize> {
    loop {
        match pipe.read(chunk) {
            Err(error) if error.kind() == std::io::ErrorKind::Interrupted => {}
            other => return other,
        }
    }
}

/// Cuts a stream into whole lines.
#[derive(Default)]
struct Lines {
    unfinished: Vec<u8>,
    in_long_line: bool,
}

impl Lines {
    fn add(&mut self, stream: Stream, mut bytes: &[u8]) -> Vec<ProgramEvent> {
        let mut events = Vec::new();
        if self.in_long_line {
            let end = bytes.iter().position(|byte| *byte == b'\n').map_or(bytes.len(), |at| at + 1);
            self.in_long_line = !bytes[..end].ends_with(b"\n");
            events.push(ProgramEvent::Fragment(bytes[..end].to_vec()));
            bytes = &bytes[end..];
        }
        match bytes.iter().rposition(|byte| *byte == b'\n') {
            Some(last) => {
                self.unfinished.extend_from_slice(&bytes[..=last]);
                events.push(ProgramEvent::Lines(stream, std::mem::take(&mut self.unfinished)));
                self.unfinished.extend_from_slice(&bytes[last + 1..]);
            }
            None => self.unfinished.extend_from_slice(bytes),
        }
        if self.unfinished.len() > LONGEST_LINE {
            self.in_long_line = true;
            events.push(ProgramEvent::Fragment(std::mem::take(&mut self.unfinished)));
        }
        events
    }

    fn end(&mut self, stream: Stream) -> Option<ProgramEvent> {
        match (self.unfinished.is_empty(), self.in_long_line) {
            (false, _) => Some(ProgramEvent::Lines(stream, std::mem::take(&mut self.unfinished))),
            (true, true) => Some(ProgramEvent::Fragment(b"\n".to_vec())),
            (true, false) => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn told(chunks: &[&[u8]]) -> Vec<(bool, Vec<u8>)> {
        let mut lines = Lines::default();
        let mut events: Vec<ProgramEvent> = chunks.iter().flat_map(|chunk| lines.add(Stream::Output, chunk)).collect();
        events.extend(lines.end(Stream::Output));
        let tell = |event| match event {
            ProgramEvent::Lines(_, bytes) => (true, bytes),
            ProgramEvent::Fragment(bytes) => (false, bytes),
            other => panic!("{other:?}"),
        };
        events.into_iter().map(tell).collect()
    }

    #[test]
    fn a_stream_is_cut_at_its_lines_however_it_arrives() {
        let told = told(&[b"a\nb", b"c", b"\nd\ne"]);
        assert_eq!(told, [(true, b"a\n".to_vec()), (true, b"bc\nd\n".to_vec()), (true, b"e".to_vec())]);
    }

    #[test]
    fn the_end_of_a_line_that_is_too_long_is_not_taken_for_a_line() {
        let long = vec![b'x'; LONGEST_LINE + 1];
        let told = told(&[&long, b"{}\n{\"a\": 1}\n"]);
        assert_eq!(told[1..], [(false, b"{}\n".to_vec()), (true, b"{\"a\": 1}\n".to_vec())]);
    }
}
